//! Counted sets of 32-byte records in bounded memory, and the exact second pass that joins two of them.
//!
//! Records are sorted in memory; when a limit is reached they go, sorted and counted, to a nameless file as one run,
//! and all runs are merged when read. So equal records meet however many there are, no skew matters, and each side
//! holds one file open. The file has no name in its folder: whatever ends the process, nothing stays behind.
//! Source: Knuth, The Art of Computer Programming, volume 3, §5.4 (external sorting by replacement-free runs).

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::record_sort::{head, sort_records};
use crate::set_hash::Digest;

/// What is counted: a row digest, or a key tag and half a row digest.
pub type Record = Digest;

/// Bytes of records that wait in memory before they are written.
pub const MEMORY_LIMIT_BYTES: usize = 64 << 20;
/// A record's multiplicity, u64 little-endian, as written behind it.
const MULTIPLICITY_BYTES: usize = 8;
/// Records that one run's cursor reads at a time, at least.
const CURSOR_RECORDS: usize = 100;

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

    /// Adds one record.
    ///
    /// # Errors
    /// [`Error::File`] if the folder cannot be written; [`Error::Limit`] if there is none and memory's share is full.
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
        let (folder, record_count) = (self.folder.unwrap_or_default(), self.record_count);
        CountedRecords {
            folder,
            last: self.waiting,
            file: self.file,
            runs: self.runs,
            record_count,
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
        let problem = |source| Error::File {
            path: folder.clone(),
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

/// Records in order, each with its multiplicity.
pub struct CountedRecords<const N: usize = 32> {
    folder: PathBuf,
    last: Vec<[u8; N]>,
    file: Option<File>,
    runs: Vec<Run>,
    record_count: u64,
}

impl<const N: usize> CountedRecords<N> {
    /// Records pushed, equal ones included.
    pub fn record_count(&self) -> u64 {
        self.record_count
    }

    /// Hands out each distinct record and its multiplicity, from the smallest.
    pub fn for_each(&self, mut take: impl FnMut(&[u8; N], u64)) -> Result<()> {
        if self.runs.is_empty() {
            for equal in self.last.chunk_by(|left, right| left == right) {
                take(&equal[0], equal.len() as u64);
            }
            return Ok(());
        }
        let mut merged = self.in_order()?;
        while let Some((record, multiplicity)) = merged.next_record()? {
            take(&record, multiplicity);
        }
        Ok(())
    }

    /// Reads them from the smallest.
    pub fn in_order(&self) -> Result<Merged<'_, N>> {
        let share = MEMORY_LIMIT_BYTES / 4 / (N + MULTIPLICITY_BYTES) / self.runs.len().max(1);
        let cursors: Vec<Cursor<'_, N>> = std::iter::once(Cursor::memory(&self.last))
            .chain(self.file.iter().flat_map(|file| {
                self.runs
                    .iter()
                    .map(move |run| Cursor::file(self, file, *run, share.clamp(CURSOR_RECORDS, 1 << 14)))
            }))
            .collect();
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
    owner: &'a CountedRecords<N>,
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

    fn file(owner: &'a CountedRecords<N>, file: &'a File, run: Run, share: usize) -> Self {
        let stored = StoredRun {
            owner,
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
        self.file
            .read_exact_at(&mut self.buffer, self.run.offset)
            .map_err(|source| Error::File {
                path: self.owner.folder.clone(),
                source,
            })?;
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

/// What is left of one key when equal rows have cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Rows of this key stand on both sides, and differ.
    Mismatch,
    /// The key stands on the source's side alone.
    MissingInTarget,
    /// The key stands on the target's side alone.
    ExtraInTarget,
}

impl Outcome {
    /// As findings name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mismatch => "mismatch",
            Self::MissingInTarget => "missing_in_target",
            Self::ExtraInTarget => "extra_in_target",
        }
    }
}

/// One key among the findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What happened to it.
    pub outcome: Outcome,
    /// The key's tag.
    pub key_tag: [u8; 16],
    /// Rows that only the source has.
    pub source_rows: u64,
    /// Rows that only the target has.
    pub target_rows: u64,
}

/// How two sets differ, counted exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpillDifference {
    /// Rows that stand on both sides under one key, with other content.
    pub mismatch: u64,
    /// Rows of the source that the target has not.
    pub missing_in_target: u64,
    /// Rows of the target that the source has not.
    pub extra_in_target: u64,
    /// The first keys in the order of their tags, which is no order of the data.
    pub samples: Vec<Sample>,
}

impl SpillDifference {
    /// Of `left` source rows and `right` target rows under one key, the smaller number are mismatches.
    fn count(&mut self, key_tag: [u8; 16], left: u64, right: u64, limit: usize) {
        let paired = left.min(right);
        self.mismatch += paired;
        self.missing_in_target += left - paired;
        self.extra_in_target += right - paired;
        if self.samples.len() < limit && left + right > 0 {
            let outcome = match (paired > 0, left > 0) {
                (true, _) => Outcome::Mismatch,
                (false, true) => Outcome::MissingInTarget,
                (false, false) => Outcome::ExtraInTarget,
            };
            self.samples.push(Sample {
                outcome,
                key_tag,
                source_rows: left,
                target_rows: right,
            });
        }
    }
}

/// Joins two sets of records (key tag, half row digest). Memory does not depend on how many rows share a key.
pub fn compare_records(source: &CountedRecords, target: &CountedRecords, limit: usize) -> Result<SpillDifference> {
    let (mut left, mut right) = (source.in_order()?, target.in_order()?);
    let (mut mine, mut theirs) = (left.next_record()?, right.next_record()?);
    let mut difference = SpillDifference::default();
    let mut group: Option<([u8; 16], u64, u64)> = None;
    while let Some(record) = smaller(&mine, &theirs) {
        let in_source = take_if(&mut mine, &mut left, &record)?;
        let in_target = take_if(&mut theirs, &mut right, &record)?;
        let tag = key_tag(&record);
        if let Some((old, a, b)) = group.filter(|(old, _, _)| *old != tag) {
            difference.count(old, a, b, limit);
            group = None;
        }
        let (_, a, b) = group.unwrap_or((tag, 0, 0));
        group = Some((
            tag,
            a + in_source.saturating_sub(in_target),
            b + in_target.saturating_sub(in_source),
        ));
    }
    if let Some((tag, a, b)) = group {
        difference.count(tag, a, b, limit);
    }
    Ok(difference)
}

fn smaller(mine: &Option<(Record, u64)>, theirs: &Option<(Record, u64)>) -> Option<Record> {
    match (mine, theirs) {
        (Some((a, _)), Some((b, _))) => Some(*a.min(b)),
        (Some((only, _)), None) | (None, Some((only, _))) => Some(*only),
        (None, None) => None,
    }
}

/// The multiplicity of `record` on one side, moving past it; 0 where that side has it not.
fn take_if(head: &mut Option<(Record, u64)>, rest: &mut Merged<'_>, record: &Record) -> Result<u64> {
    match head {
        Some((first, multiplicity)) if first == record => {
            let multiplicity = *multiplicity;
            *head = rest.next_record()?;
            Ok(multiplicity)
        }
        _ => Ok(0),
    }
}

fn key_tag(record: &Record) -> [u8; 16] {
    let mut tag = [0; 16];
    tag.copy_from_slice(&record[..16]);
    tag
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn record(key: u8, row: u8) -> Record {
        let mut record = [0; 32];
        record[..16].fill(key);
        record[16..].fill(row);
        record
    }

    fn counted(rows: &[(u8, u8)], folder: Option<&Path>, limit_records: usize) -> CountedRecords {
        let mut sorter = RecordSorter::new(folder, limit_records * 32);
        for (key, row) in rows {
            sorter.push(&record(*key, *row)).expect("the folder takes all");
        }
        sorter.finish()
    }

    fn compared(source: &[(u8, u8)], target: &[(u8, u8)]) -> SpillDifference {
        compare_records(&counted(source, None, 1000), &counted(target, None, 1000), 10).expect("in memory")
    }

    fn figures(difference: &SpillDifference) -> (u64, u64, u64) {
        (
            difference.mismatch,
            difference.missing_in_target,
            difference.extra_in_target,
        )
    }

    #[test]
    fn one_row_on_each_side_of_a_key_is_one_mismatch() {
        let difference = compared(&[(1, 1), (2, 2)], &[(1, 9), (2, 2)]);
        assert_eq!(figures(&difference), (1, 0, 0));
        let sample = Sample {
            outcome: Outcome::Mismatch,
            key_tag: [1; 16],
            source_rows: 1,
            target_rows: 1,
        };
        assert_eq!(difference.samples, vec![sample]);
    }

    #[test]
    fn three_against_one_are_a_mismatch_and_two_missing() {
        assert_eq!(figures(&compared(&[(1, 1), (1, 2), (1, 3)], &[(1, 4)])), (1, 2, 0));
    }

    #[test]
    fn another_multiplicity_of_the_same_row_is_missing_or_extra() {
        assert_eq!(figures(&compared(&[(1, 1), (1, 1), (1, 1)], &[(1, 1)])), (0, 2, 0));
        assert_eq!(figures(&compared(&[(1, 1)], &[(1, 1), (1, 1)])), (0, 0, 1));
    }

    #[test]
    fn keys_of_one_side_alone_are_missing_and_extra() {
        let difference = compared(&[(1, 1), (3, 3)], &[(2, 2), (3, 3)]);
        assert_eq!(figures(&difference), (0, 1, 1));
        let outcomes: Vec<&str> = difference.samples.iter().map(|sample| sample.outcome.name()).collect();
        assert_eq!(outcomes, ["missing_in_target", "extra_in_target"]);
    }

    #[test]
    fn samples_end_at_their_limit_and_counts_do_not() {
        let rows: Vec<(u8, u8)> = (0..200).map(|key| (key, 0)).collect();
        let difference = compared(&rows, &[]);
        assert_eq!((difference.samples.len(), difference.missing_in_target), (10, 200));
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
        let set = counted(&[(1, 1); 50], Some(folder.path()), 4);
        assert!(set.runs.len() > 10);
        assert_eq!(std::fs::read_dir(folder.path()).expect("readable").count(), 0);
        let mut merged = set.in_order().expect("readable");
        assert_eq!(merged.next_record().expect("readable"), Some((record(1, 1), 50)));
        assert_eq!(merged.next_record().expect("readable"), None);
    }

    proptest! {
        #![proptest_config(crate::cases(64))]
        #[test]
        fn runs_on_disk_count_as_memory_does(
            source in prop::collection::vec((0_u8..6, 0_u8..4), 0..120),
            target in prop::collection::vec((0_u8..6, 0_u8..4), 0..120),
            limit in 1_usize..40,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let on_disk = compare_records(
                &counted(&source, Some(folder.path()), limit),
                &counted(&target, Some(folder.path()), limit),
                100,
            ).expect("the folder is readable");
            prop_assert_eq!(&on_disk, &compare_records(&counted(&source, None, 1000), &counted(&target, None, 1000), 100)
                .expect("in memory"));
            prop_assert_eq!(figures(&on_disk), by_definition(&source, &target));
        }
    }

    /// Counts straight from the definition, with maps.
    fn by_definition(source: &[(u8, u8)], target: &[(u8, u8)]) -> (u64, u64, u64) {
        let mut rows: BTreeMap<(u8, u8), i64> = BTreeMap::new();
        source.iter().for_each(|row| *rows.entry(*row).or_default() += 1);
        target.iter().for_each(|row| *rows.entry(*row).or_default() -= 1);
        let mut keys: BTreeMap<u8, (u64, u64)> = BTreeMap::new();
        for ((key, _), surplus) in rows {
            let left = keys.entry(key).or_default();
            left.0 += surplus.max(0) as u64;
            left.1 += (-surplus).max(0) as u64;
        }
        keys.values().fold((0, 0, 0), |sum, (a, b)| {
            let paired = a.min(b);
            (sum.0 + paired, sum.1 + a - paired, sum.2 + b - paired)
        })
    }
}
