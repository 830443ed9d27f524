//! Counted sets of records in bounded memory.
//!
//! Records are sorted in memory; when a limit is reached they go, sorted and counted, to a nameless file as one run,
//! and all runs are merged when read. So equal records meet however many there are, no skew matters, and each sorter
//! holds one file open. The file has no name in its folder: whatever ends the process, nothing stays behind.
//!
//! What several sorters took of one table is one set ([`CountedRecords::merged`]). Records begin with a digest, which is
//! evenly spread, so such a set can be read in [`Span`]s by several threads at once.
//! Source: Knuth, The Art of Computer Programming, volume 3, §5.4 (external sorting by replacement-free runs).

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::record_sort::{head, sort_records};

/// Bytes of records that wait in memory before they are written.
pub const MEMORY_LIMIT_BYTES: usize = 64 << 20;
/// A record's multiplicity, u64 little-endian, as written behind it.
const MULTIPLICITY_BYTES: usize = 8;
/// Records that one run's cursor reads at a time, at least.
const CURSOR_RECORDS: usize = 100;
/// Bytes of records that a span is to hold.
const SPAN_BYTES: u64 = 1 << 20;
/// Records are told apart by their first two bytes where they are cut into spans.
const PREFIXES: u32 = 1 << 16;

/// Where records wait to be sorted.
#[derive(Clone, Debug)]
pub struct SortRoom {
    /// Where they go when memory's share is full. None: more than that is an error.
    pub folder: Option<PathBuf>,
    /// Bytes of records in memory.
    pub memory_bytes: usize,
}

impl SortRoom {
    /// Memory's usual share, and a folder for the rest.
    pub fn new(folder: Option<&Path>) -> Self {
        Self {
            folder: folder.map(Path::to_path_buf),
            memory_bytes: MEMORY_LIMIT_BYTES,
        }
    }

    /// What each of so many sorters may take of it.
    pub fn shared_by(&self, sorters: usize) -> Self {
        Self {
            folder: self.folder.clone(),
            memory_bytes: self.memory_bytes / sorters.max(1),
        }
    }
}

/// Records whose first two bytes, as a big-endian number, are within these bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span(Range<u32>);

impl Span {
    /// All records.
    pub const ALL: Self = Self(0..PREFIXES);

    /// The span of this number where all records are cut into `of` of them, at most 65,536.
    pub fn number(number: usize, of: usize) -> Self {
        let edge = |place: usize| (place as u64 * u64::from(PREFIXES) / of.max(1) as u64) as u32;
        Self(edge(number)..edge(number + 1))
    }
}

/// The first two bytes.
fn prefix(record: &[u8]) -> u32 {
    record
        .first_chunk()
        .map_or(0, |start| u32::from(u16::from_be_bytes(*start)))
}

/// Takes records of `N` bytes in any order.
pub struct RecordSorter<const N: usize = 32> {
    folder: Option<PathBuf>,
    limit_records: usize,
    waiting: Vec<[u8; N]>,
    file: Option<File>,
    runs: Vec<Run>,
    record_count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    offset: u64,
    records: u64,
}

impl<const N: usize> RecordSorter<N> {
    /// Holds up to `limit_bytes` in memory, the rest in `folder`. Without a folder, more than that is an error.
    pub fn new(folder: Option<&Path>, limit_bytes: usize) -> Self {
        Self {
            folder: folder.map(Path::to_path_buf),
            limit_records: (limit_bytes / N).max(1),
            waiting: Vec::new(),
            file: None,
            runs: Vec::new(),
            record_count: 0,
        }
    }

    /// A sorter with this room.
    pub fn within(room: &SortRoom) -> Self {
        Self::new(room.folder.as_deref(), room.memory_bytes)
    }

    /// Adds one record.
    ///
    /// # Errors
    /// [`Error::Scratch`] if the folder cannot be written; [`Error::Limit`] if there is none and memory's share is full.
    #[inline]
    pub fn push(&mut self, record: &[u8; N]) -> Result<()> {
        if self.waiting.len() >= self.limit_records {
            self.write_run()?;
        }
        self.waiting.push(*record);
        self.record_count += 1;
        Ok(())
    }

    /// All that was pushed, to be read in order as often as one likes.
    pub fn finish(mut self) -> CountedRecords<N> {
        sort_records(&mut self.waiting);
        let store = Store {
            folder: self.folder.unwrap_or_default(),
            last: self.waiting,
            file: self.file,
            runs: self.runs,
        };
        CountedRecords {
            stores: vec![store],
            record_count: self.record_count,
        }
    }

    fn write_run(&mut self) -> Result<()> {
        let Some(folder) = &self.folder else {
            let message = format!(
                "more than {} rows to be counted in memory, and no folder to spill to",
                self.limit_records
            );
            return Err(Error::Limit(message));
        };
        let problem = |source| Error::Scratch {
            folder: folder.clone(),
            source,
        };
        let file = match self.file.take() {
            Some(file) => file,
            None => tempfile::tempfile_in(folder).map_err(problem)?,
        };
        sort_records(&mut self.waiting);
        let offset = self
            .runs
            .last()
            .map_or(0, |run| run.offset + run.records * (N + MULTIPLICITY_BYTES) as u64);
        let records = write_counted(&file, &self.waiting).map_err(problem)?;
        self.runs.push(Run { offset, records });
        self.waiting.clear();
        self.file = Some(file);
        Ok(())
    }
}

/// Appends sorted records with their multiplicities; returns how many distinct ones there were.
fn write_counted<const N: usize>(file: &File, sorted: &[[u8; N]]) -> std::io::Result<u64> {
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    let mut distinct = 0;
    for equal in sorted.chunk_by(|left, right| left == right) {
        writer.write_all(&equal[0])?;
        writer.write_all(&(equal.len() as u64).to_le_bytes())?;
        distinct += 1;
    }
    writer.flush()?;
    Ok(distinct)
}

/// What one sorter left behind.
struct Store<const N: usize> {
    folder: PathBuf,
    last: Vec<[u8; N]>,
    file: Option<File>,
    runs: Vec<Run>,
}

impl<const N: usize> Store<N> {
    /// Distinct records of each run, and those in memory.
    fn held(&self) -> u64 {
        self.runs.iter().map(|run| run.records).sum::<u64>() + self.last.len() as u64
    }

    /// The part of a run that lies within a span, by halving: records are as long as each other.
    fn part(&self, file: &File, run: Run, span: &Span) -> Result<Run> {
        let size = (N + MULTIPLICITY_BYTES) as u64;
        let first_from = |bound: u32| -> Result<u64> {
            if bound == 0 || bound >= PREFIXES {
                return Ok(if bound == 0 { 0 } else { run.records });
            }
            let (mut low, mut high) = (0, run.records);
            while low < high {
                let middle = low + (high - low) / 2;
                let mut start = [0; 2];
                self.read(file, &mut start, run.offset + middle * size)?;
                if prefix(&start) < bound {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            Ok(low)
        };
        let (from, to) = (first_from(span.0.start)?, first_from(span.0.end)?);
        Ok(Run {
            offset: run.offset + from * size,
            records: to - from,
        })
    }

    fn read(&self, file: &File, buffer: &mut [u8], offset: u64) -> Result<()> {
        file.read_exact_at(buffer, offset).map_err(|source| Error::Scratch {
            folder: self.folder.clone(),
            source,
        })
    }
}

/// Records in order, each with its multiplicity.
pub struct CountedRecords<const N: usize = 32> {
    /// One of each sorter that took some of them.
    stores: Vec<Store<N>>,
    record_count: u64,
}

impl<const N: usize> CountedRecords<N> {
    /// What several sorters took, as one set.
    pub fn merged(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self {
            stores: Vec::new(),
            record_count: 0,
        };
        for part in parts {
            whole.stores.extend(part.stores);
            whole.record_count += part.record_count;
        }
        whole
    }

    /// Records pushed, equal ones included.
    pub fn record_count(&self) -> u64 {
        self.record_count
    }

    /// How many sorters took them: as many threads may read them.
    pub fn sorters(&self) -> usize {
        self.stores.len()
    }

    /// Into how many spans they are to be cut, so that one of them is about a megabyte.
    pub fn span_count(&self) -> usize {
        let held: u64 = self.stores.iter().map(Store::held).sum();
        let bytes = held * (N + MULTIPLICITY_BYTES) as u64;
        (bytes / SPAN_BYTES + 1).min(u64::from(PREFIXES)) as usize
    }

    /// Hands out each distinct record and its multiplicity, from the smallest.
    pub fn for_each(&self, mut take: impl FnMut(&[u8; N], u64)) -> Result<()> {
        if let [Store { last, runs, .. }] = self.stores.as_slice() {
            if runs.is_empty() {
                for equal in last.chunk_by(|left, right| left == right) {
                    take(&equal[0], equal.len() as u64);
                }
                return Ok(());
            }
        }
        let mut merged = self.in_order()?;
        while let Some((record, multiplicity)) = merged.next_record()? {
            take(&record, multiplicity);
        }
        Ok(())
    }

    /// Reads them from the smallest.
    pub fn in_order(&self) -> Result<Merged<'_, N>> {
        self.within(&Span::ALL)
    }

    /// Reads those of a span, from the smallest.
    pub fn within(&self, span: &Span) -> Result<Merged<'_, N>> {
        let runs: usize = self.stores.iter().map(|store| store.runs.len()).sum();
        let share = MEMORY_LIMIT_BYTES / 4 / (N + MULTIPLICITY_BYTES) / runs.max(1);
        let mut cursors = Vec::with_capacity(runs + self.stores.len());
        for store in &self.stores {
            let place = |bound: u32| store.last.partition_point(|record| prefix(record) < bound);
            cursors.push(Cursor::memory(&store.last[place(span.0.start)..place(span.0.end)]));
            for run in &store.runs {
                if let Some(file) = &store.file {
                    let part = store.part(file, *run, span)?;
                    cursors.push(Cursor::file(store, file, part, share.clamp(CURSOR_RECORDS, 1 << 14)));
                }
            }
        }
        let mut merged = Merged {
            heap: BinaryHeap::with_capacity(cursors.len()),
            cursors,
        };
        for index in 0..merged.cursors.len() {
            merged.advance(index)?;
        }
        Ok(merged)
    }
}

/// One run being read.
struct Cursor<'a, const N: usize> {
    memory: &'a [[u8; N]],
    stored: Option<StoredRun<'a, N>>,
}

struct StoredRun<'a, const N: usize> {
    store: &'a Store<N>,
    file: &'a File,
    run: Run,
    share: usize,
    buffer: Vec<u8>,
    position: usize,
}

impl<'a, const N: usize> Cursor<'a, N> {
    fn memory(memory: &'a [[u8; N]]) -> Self {
        Self { memory, stored: None }
    }

    fn file(store: &'a Store<N>, file: &'a File, run: Run, share: usize) -> Self {
        let stored = StoredRun {
            store,
            file,
            run,
            share,
            buffer: Vec::new(),
            position: 0,
        };
        Self {
            memory: &[],
            stored: Some(stored),
        }
    }

    fn next(&mut self) -> Result<Option<([u8; N], u64)>> {
        if let Some(stored) = &mut self.stored {
            return stored.next();
        }
        let Some(first) = self.memory.first() else {
            return Ok(None);
        };
        let equal = self.memory.iter().take_while(|record| *record == first).count();
        self.memory = &self.memory[equal..];
        Ok(Some((*first, equal as u64)))
    }
}

impl<const N: usize> StoredRun<'_, N> {
    fn next(&mut self) -> Result<Option<([u8; N], u64)>> {
        if self.position == self.buffer.len() && !self.refill()? {
            return Ok(None);
        }
        let written = &self.buffer[self.position..self.position + N + MULTIPLICITY_BYTES];
        let (mut record, mut multiplicity) = ([0; N], [0; MULTIPLICITY_BYTES]);
        record.copy_from_slice(&written[..N]);
        multiplicity.copy_from_slice(&written[N..]);
        self.position += N + MULTIPLICITY_BYTES;
        Ok(Some((record, u64::from_le_bytes(multiplicity))))
    }

    fn refill(&mut self) -> Result<bool> {
        let records = self.run.records.min(self.share as u64);
        self.buffer.resize(records as usize * (N + MULTIPLICITY_BYTES), 0);
        self.position = 0;
        self.store.read(self.file, &mut self.buffer, self.run.offset)?;
        self.run.offset += self.buffer.len() as u64;
        self.run.records -= records;
        Ok(records > 0)
    }
}

/// The next record of a run: its head, which settles nearly every comparison, all of it, its multiplicity, its cursor.
type Head<const N: usize> = (u64, [u8; N], u64, usize);

/// All runs of one set as one ascending sequence.
pub struct Merged<'a, const N: usize = 32> {
    cursors: Vec<Cursor<'a, N>>,
    heap: BinaryHeap<Reverse<Head<N>>>,
}

impl<const N: usize> Merged<'_, N> {
    /// The next distinct record and how often it stands in the set; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<([u8; N], u64)>> {
        let Some((record, mut multiplicity)) = self.take_if(|_| true)? else {
            return Ok(None);
        };
        while let Some((_, more)) = self.take_if(|next| *next == record)? {
            multiplicity += more;
        }
        Ok(Some((record, multiplicity)))
    }

    /// The smallest record where it is wanted; its cursor's next one takes its place in one sift.
    #[inline]
    fn take_if(&mut self, wanted: impl Fn(&[u8; N]) -> bool) -> Result<Option<([u8; N], u64)>> {
        let Some(mut top) = self.heap.peek_mut() else {
            return Ok(None);
        };
        let Reverse((_, record, multiplicity, index)) = *top;
        if !wanted(&record) {
            return Ok(None);
        }
        match self.cursors[index].next()? {
            Some((next, count)) => *top = Reverse((head(&next), next, count, index)),
            None => {
                PeekMut::pop(top);
            }
        }
        Ok(Some((record, multiplicity)))
    }

    fn advance(&mut self, index: usize) -> Result<()> {
        if let Some((record, multiplicity)) = self.cursors[index].next()? {
            self.heap.push(Reverse((head(&record), record, multiplicity, index)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn record(first: u8, rest: u8) -> [u8; 32] {
        let mut record = [rest; 32];
        record[0] = first;
        record
    }

    fn sorted(records: &[[u8; 32]], folder: Option<&Path>, limit_records: usize) -> CountedRecords {
        let mut sorter = RecordSorter::new(folder, limit_records * 32);
        for record in records {
            sorter.push(record).expect("the folder takes all");
        }
        sorter.finish()
    }

    fn all(mut merged: Merged<'_>) -> Vec<([u8; 32], u64)> {
        std::iter::from_fn(|| merged.next_record().expect("the folder is readable")).collect()
    }

    #[test]
    fn without_a_folder_a_full_memory_is_an_error_and_nothing_is_dropped() {
        let mut sorter = RecordSorter::new(None, 64);
        let pushed: Vec<bool> = (0..3).map(|row| sorter.push(&record(0, row)).is_ok()).collect();
        assert_eq!(pushed, [true, true, false]);
    }

    #[test]
    fn spilled_runs_leave_no_name_in_their_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let set = sorted(&[record(1, 1); 50], Some(folder.path()), 4);
        assert!(set.stores[0].runs.len() > 10);
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
        assert_eq!(all(set.in_order().expect("readable")), [(record(1, 1), 50)]);
    }

    #[test]
    fn sorters_share_a_room_that_does_not_grow() {
        let room = SortRoom::new(None);
        assert_eq!(room.shared_by(8).memory_bytes * 8, MEMORY_LIMIT_BYTES);
        assert_eq!(room.shared_by(0).memory_bytes, MEMORY_LIMIT_BYTES);
    }

    proptest! {
        #![proptest_config(crate::cases(64))]
        #[test]
        fn what_several_sorters_took_is_one_set_whole_and_in_spans(
            parts in prop::collection::vec(prop::collection::vec((any::<u8>(), 0_u8..3), 0..60), 1..6),
            limit in 1_usize..40,
            spans in 1_usize..300,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let parts: Vec<Vec<[u8; 32]>> = parts
                .iter()
                .map(|part| part.iter().map(|(first, rest)| record(*first, *rest)).collect())
                .collect();
            let set = CountedRecords::merged(parts.iter().map(|part| sorted(part, Some(folder.path()), limit)));
            let mut counts: BTreeMap<[u8; 32], u64> = BTreeMap::new();
            parts.iter().flatten().for_each(|record| *counts.entry(*record).or_default() += 1);
            let expected: Vec<([u8; 32], u64)> = counts.into_iter().collect();
            prop_assert_eq!(set.record_count(), parts.iter().map(Vec::len).sum::<usize>() as u64);
            prop_assert_eq!(&all(set.in_order().expect("readable")), &expected);
            let mut handed = Vec::new();
            set.for_each(|record, multiplicity| handed.push((*record, multiplicity))).expect("readable");
            prop_assert_eq!(&handed, &expected);
            let pieces = (0..spans).flat_map(|number| all(set.within(&Span::number(number, spans)).expect("readable")));
            prop_assert_eq!(&pieces.collect::<Vec<_>>(), &expected);
        }
    }
}
