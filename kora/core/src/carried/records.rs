//! Tier 3: every row's key tag and half its digest, sorted, so that two files join in one pass in bounded memory.
//!
//! Written from [`crate::spill`], read from any place that can be read at an offset. A file may hold only some of the
//! buckets: those that an earlier comparison named.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use crate::carried::difference::{Counts, HalfDigest, KeyDifference};
use crate::carried::element::{bucket_of, Tag, BUCKETS, TAG_BYTES};
use crate::carried::section::{head, Fields};
use crate::error::{Error, Result};
use crate::spill::CountedRecords;

const WHAT: &str = "list of rows";
/// The section's flag for rows with multiplicities of their own.
const AGGREGATED: u8 = 1;
const HEAD_BYTES: usize = 4 + 8;
const SET_BYTES: usize = BUCKETS / 8;
/// Tag and half digest.
const PLAIN_BYTES: usize = TAG_BYTES + 16;
/// Bytes of a list that are in memory at a time.
const READ_BYTES: usize = 1 << 18;

/// A tag and a whole row digest: what is sorted.
pub type TaggedDigest = [u8; TAG_BYTES + 32];

/// Some of the 4,096 buckets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BucketSet([u8; SET_BYTES]);

impl BucketSet {
    /// All of them.
    pub const ALL: Self = Self([0xff; SET_BYTES]);

    /// These.
    ///
    /// # Errors
    /// [`Error::Usage`] for a bucket that does not exist.
    pub fn of(buckets: &[u16]) -> Result<Self> {
        let mut set = [0; SET_BYTES];
        for bucket in buckets {
            let Some(byte) = set.get_mut(usize::from(bucket / 8)) else {
                return Err(Error::Usage(format!(
                    "there is no bucket {bucket}: they are 0 to {}",
                    BUCKETS - 1
                )));
            };
            *byte |= 1 << (bucket % 8);
        }
        Ok(Self(set))
    }

    /// Whether a bucket is among them.
    #[inline]
    pub fn holds(&self, bucket: usize) -> bool {
        self.0.get(bucket / 8).is_some_and(|byte| byte >> (bucket % 8) & 1 == 1)
    }

    /// Those that are in both.
    pub fn common(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }
}

/// Writes the list of one table; gives its length in bytes.
///
/// # Errors
/// [`Error::Scratch`] naming `path`, which is temporary, where it cannot be written; [`Error::Usage`] if a table whose rows are unique by
/// right holds two equal ones.
pub fn write_records(
    records: &CountedRecords<{ TAG_BYTES + 32 }>,
    aggregated: bool,
    buckets: &BucketSet,
    out: &mut impl Write,
    path: &std::path::Path,
) -> Result<u64> {
    let problem = |source| Error::Scratch {
        folder: path.to_path_buf(),
        source,
    };
    let mut count = 0_u64;
    let mut merged = records.in_order()?;
    let wanted = |record: &TaggedDigest| record.first_chunk().is_some_and(|tag| buckets.holds(bucket_of(tag)));
    while let Some((record, _)) = merged.next_record()? {
        count += u64::from(wanted(&record));
    }
    out.write_all(&head(if aggregated { AGGREGATED } else { 0 }))
        .map_err(problem)?;
    out.write_all(&count.to_le_bytes()).map_err(problem)?;
    out.write_all(&buckets.0).map_err(problem)?;
    let mut merged = records.in_order()?;
    while let Some((record, multiplicity)) = merged.next_record()? {
        if !aggregated && multiplicity != 1 {
            return Err(Error::Usage("a table whose key is unique holds a row twice".into()));
        }
        if wanted(&record) {
            out.write_all(&record[..PLAIN_BYTES]).map_err(problem)?;
            if aggregated {
                out.write_all(&multiplicity.to_le_bytes()).map_err(problem)?;
            }
        }
    }
    out.flush().map_err(problem)?;
    Ok((HEAD_BYTES + SET_BYTES) as u64 + count * record_bytes(aggregated) as u64)
}

const fn record_bytes(aggregated: bool) -> usize {
    PLAIN_BYTES + if aggregated { 8 } else { 0 }
}

/// One row of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Listed {
    tag: Tag,
    digest: HalfDigest,
    multiplicity: u64,
}

/// A list being read from the smallest tag on. Nothing in it is believed: order and buckets are checked as it is read.
pub struct RecordList {
    file: File,
    path: PathBuf,
    offset: u64,
    left: u64,
    aggregated: bool,
    buckets: BucketSet,
    buffer: Vec<u8>,
    at: usize,
    last: Option<(Tag, HalfDigest)>,
}

impl RecordList {
    /// A list that begins at `offset` of a file and is `length` bytes long.
    ///
    /// # Errors
    /// [`Error::Malformed`] if its head does not fit its length, [`Error::File`] if it cannot be read.
    pub fn open(file: File, path: PathBuf, offset: u64, length: u64) -> Result<Self> {
        let mut start = [0; HEAD_BYTES + SET_BYTES];
        let cut = || Fields::new(WHAT, &[]).malformed("it is cut off");
        let body = length.checked_sub(start.len() as u64).ok_or_else(cut)?;
        file.read_exact_at(&mut start, offset).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })?;
        let mut fields = Fields::new(WHAT, &start);
        let aggregated = fields.head(AGGREGATED)? == AGGREGATED;
        let count = fields.u64()?;
        if count.checked_mul(record_bytes(aggregated) as u64) != Some(body) {
            return Err(fields.malformed("its length is not what its head says"));
        }
        Ok(Self {
            file,
            path,
            offset: offset + start.len() as u64,
            left: count,
            aggregated,
            buckets: BucketSet(*fields.take()?),
            buffer: Vec::new(),
            at: 0,
            last: None,
        })
    }

    /// The buckets whose rows it lists.
    pub fn buckets(&self) -> BucketSet {
        self.buckets
    }

    fn refill(&mut self) -> Result<()> {
        let size = record_bytes(self.aggregated);
        let records = self.left.min((READ_BYTES / size) as u64);
        self.buffer.resize(records as usize * size, 0);
        self.file
            .read_exact_at(&mut self.buffer, self.offset)
            .map_err(|source| Error::File {
                path: self.path.clone(),
                source,
            })?;
        self.offset += self.buffer.len() as u64;
        self.left -= records;
        self.at = 0;
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Listed>> {
        if self.at == self.buffer.len() {
            if self.left == 0 {
                return Ok(None);
            }
            self.refill()?;
        }
        let size = record_bytes(self.aggregated);
        let mut fields = Fields::new(WHAT, &self.buffer[self.at..self.at + size]);
        let listed = Listed {
            tag: *fields.take()?,
            digest: *fields.take()?,
            multiplicity: if self.aggregated { fields.u64()? } else { 1 },
        };
        let place = (listed.tag, listed.digest);
        if self.last.is_some_and(|last| last >= place) || listed.multiplicity == 0 {
            return Err(fields.malformed("its rows are not in order, or one stands there no time"));
        }
        if !self.buckets.holds(bucket_of(&listed.tag)) {
            return Err(fields.malformed("it lists a row of a bucket that it says it leaves out"));
        }
        self.last = Some(place);
        self.at += size;
        Ok(Some(listed))
    }

    /// The next row within `buckets`.
    fn next_within(&mut self, buckets: &BucketSet) -> Result<Option<Listed>> {
        while let Some(listed) = self.next()? {
            if buckets.holds(bucket_of(&listed.tag)) {
                return Ok(Some(listed));
            }
        }
        Ok(None)
    }
}

/// How two lists differ within the buckets that both hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListDifference {
    /// Counted exactly, whatever the limit.
    pub counts: Counts,
    /// The first keys that differ, in the order of their tags.
    pub keys: Vec<KeyDifference>,
    /// Keys that differ and are not listed.
    pub omitted: u64,
}

/// Joins two lists. At most `limit` rows are kept to be named.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::File`] where a list is not what it should be.
pub fn join(mut source: RecordList, mut target: RecordList, limit: usize) -> Result<ListDifference> {
    let buckets = source.buckets().common(&target.buckets());
    let (mut mine, mut theirs) = (source.next_within(&buckets)?, target.next_within(&buckets)?);
    let mut joining = Joining {
        limit,
        ..Joining::default()
    };
    loop {
        let place = |listed: &Listed| (listed.tag, listed.digest);
        let next = match (&mine, &theirs) {
            (Some(left), Some(right)) => place(left).min(place(right)),
            (Some(only), None) | (None, Some(only)) => place(only),
            (None, None) => break,
        };
        let (mut here, mut there) = (0, 0);
        if let Some(left) = mine.filter(|left| place(left) == next) {
            here = left.multiplicity;
            mine = source.next_within(&buckets)?;
        }
        if let Some(right) = theirs.filter(|right| place(right) == next) {
            there = right.multiplicity;
            theirs = target.next_within(&buckets)?;
        }
        joining.row(next, here, there);
    }
    joining.close();
    Ok(joining.difference)
}

/// One key at a time; its rows are kept only as far as the limit allows.
#[derive(Default)]
struct Joining {
    limit: usize,
    kept: usize,
    key: KeyDifference,
    left: u64,
    right: u64,
    difference: ListDifference,
}

impl Joining {
    fn row(&mut self, (tag, digest): (Tag, HalfDigest), here: u64, there: u64) {
        if here == there {
            return;
        }
        if tag != self.key.tag {
            self.close();
            self.key.tag = tag;
        }
        let surplus = here.abs_diff(there);
        let (rows, sum) = if here > there {
            (&mut self.key.source, &mut self.left)
        } else {
            (&mut self.key.target, &mut self.right)
        };
        *sum = sum.saturating_add(surplus);
        if self.kept < self.limit {
            rows.push((digest, surplus));
            self.kept += 1;
        }
    }

    fn close(&mut self) {
        let counts = Counts::of(self.left, self.right);
        if counts == Counts::default() {
            return;
        }
        self.difference.counts.add(counts);
        let key = std::mem::take(&mut self.key);
        if key.source.is_empty() && key.target.is_empty() {
            self.difference.omitted += 1;
        } else {
            self.difference.keys.push(key);
        }
        (self.left, self.right) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spill::RecordSorter;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    type Rows = Vec<(u8, u8)>;

    fn list(rows: &[(u8, u8)], buckets: &BucketSet) -> Vec<u8> {
        let mut sorter = RecordSorter::<40>::new(None, 1 << 20);
        for (tag, digest) in rows {
            let mut record = [*digest; 40];
            record[..8].fill(*tag);
            sorter.push(&record).expect("in memory");
        }
        let mut out = Vec::new();
        let length = write_records(&sorter.finish(), true, buckets, &mut out, Path::new("memory")).expect("in memory");
        assert_eq!(length, out.len() as u64);
        out
    }

    fn open(bytes: &[u8]) -> Result<RecordList> {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(b"before").expect("written");
        file.write_all(bytes).expect("written");
        RecordList::open(file, PathBuf::from("x.kfp"), 6, bytes.len() as u64)
    }

    fn all(bytes: &[u8]) -> Result<u64> {
        let mut list = open(bytes)?;
        let mut count = 0;
        while list.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    fn joined(source: &[(u8, u8)], target: &[(u8, u8)], limit: usize) -> ListDifference {
        let bytes = |rows| list(rows, &BucketSet::ALL);
        join(
            open(&bytes(source)).expect("whole"),
            open(&bytes(target)).expect("whole"),
            limit,
        )
        .expect("readable")
    }

    #[test]
    fn a_mismatch_a_missing_and_an_extra_row_are_told_apart() {
        let difference = joined(&[(1, 1), (2, 2), (3, 3)], &[(1, 9), (3, 3), (4, 4)], 100);
        let counts = difference.counts;
        assert_eq!(
            (counts.mismatch, counts.missing_in_target, counts.extra_in_target),
            (1, 1, 1)
        );
        assert_eq!(
            difference.keys.iter().map(|key| key.tag[0]).collect::<Vec<_>>(),
            [1, 2, 4]
        );
    }

    #[test]
    fn beyond_the_limit_keys_are_counted_but_not_named() {
        let source: Rows = (1..=50).map(|tag| (tag, 1)).collect();
        let difference = joined(&source, &[], 10);
        assert_eq!(
            (
                difference.counts.missing_in_target,
                difference.keys.len(),
                difference.omitted
            ),
            (50, 10, 40)
        );
    }

    #[test]
    fn only_the_common_buckets_are_joined() {
        let rows: Rows = (0..=255).map(|tag| (tag, 1)).collect();
        let some = BucketSet::of(&[0x010, 0x020]).expect("they exist");
        let one = list(&[(1, 1), (2, 2)], &BucketSet::of(&[0x010]).expect("it exists"));
        assert_eq!(all(&list(&rows, &some)).expect("whole"), 2);
        let difference = join(open(&list(&rows, &some)).expect("whole"), open(&one).expect("whole"), 9).expect("both");
        assert_eq!(difference.counts, Counts::default());
    }

    #[test]
    fn every_cut_and_every_disorder_is_refused() {
        let whole = list(&[(1, 1), (2, 2), (2, 3)], &BucketSet::ALL);
        for length in 0..whole.len() {
            assert!(
                matches!(all(&whole[..length]), Err(Error::Malformed { .. })),
                "{length} bytes"
            );
        }
        let records = HEAD_BYTES + SET_BYTES;
        let mut swapped = whole.clone();
        swapped.copy_within(records + 32..records + 64, records);
        let mut none = whole.clone();
        none[records + 24..records + 32].fill(0);
        let mut left_out = whole.clone();
        left_out[HEAD_BYTES..records].fill(0);
        for bad in [swapped, none, left_out] {
            assert!(matches!(all(&bad), Err(Error::Malformed { .. })));
        }
    }

    proptest! {
        #[test]
        fn a_join_counts_what_the_multisets_say(
            source in prop::collection::vec((0_u8..6, 0_u8..4), 0..80),
            target in prop::collection::vec((0_u8..6, 0_u8..4), 0..80),
        ) {
            let mut rows: BTreeMap<u8, BTreeMap<u8, i64>> = BTreeMap::new();
            source.iter().for_each(|(tag, row)| *rows.entry(*tag).or_default().entry(*row).or_default() += 1);
            target.iter().for_each(|(tag, row)| *rows.entry(*tag).or_default().entry(*row).or_default() -= 1);
            let mut expected = Counts::default();
            for surplus in rows.values() {
                let here: i64 = surplus.values().filter(|count| **count > 0).sum();
                let there: i64 = -surplus.values().filter(|count| **count < 0).sum::<i64>();
                expected.add(Counts::of(here as u64, there as u64));
            }
            prop_assert_eq!(joined(&source, &target, 7).counts, expected);
        }
    }
}
