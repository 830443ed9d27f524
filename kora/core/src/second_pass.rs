//! The passes over rows that follow when sums differ: records for the exact join, and single rows to be shown.
//!
//! Key tags: keyed BLAKE3 of the key's canonical cells, zero-padded to whole blocks, cut to 16 bytes; in a table
//! without a key the first half of the row digest, so that a row is its own key and nothing can be a mismatch.

use std::collections::{HashMap, HashSet};

use crate::batch::{padded_digest, BatchHasher, BATCH_ROWS};
use crate::brief::{brief, Brief};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::keys::{profile_digest, DigestKey, Purpose, SecretKey};
use crate::large::{self, is_large};
use crate::program::{ComparedCell, Profile, RowProgram, Side};
use crate::record_join::{compare_records, Record, SpillDifference};
use crate::set_hash::Digest;
use crate::smallest_keys::SmallestKeys;
use crate::spill::{CountedRecords, RecordSorter, SortRoom};

/// Canonical bytes of a cell that are held; a longer one is known by its digest.
const HELD_CELL_BYTES: usize = 4096;

/// The name of a row's key: 16 bytes under the comparison's secret.
pub type KeyTag = [u8; 16];

fn half(digest: &Digest) -> KeyTag {
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// Takes the canonical rows of one side and keeps (key tag, half row digest) of each, on disk where they are many.
pub struct SpillPass {
    comparison: Digest,
    rows: BatchHasher<u8>,
    keys: Option<BatchHasher<u8>>,
    slots: [Record; BATCH_ROWS],
    filled: usize,
    /// The keys of the filled slots, one behind the other, and where each ends.
    key_bytes: Vec<u8>,
    key_ends: [usize; BATCH_ROWS],
    smallest: SmallestKeys,
    sorter: RecordSorter,
}

impl SpillPass {
    /// Records wait in `room`.
    pub fn new(profile: &Profile, key: &DigestKey, room: &SortRoom) -> Self {
        let context = profile_digest(profile);
        let keyed = !profile.key.is_empty();
        Self {
            comparison: *key.derive(Purpose::Name, &context),
            rows: BatchHasher::new(key.derive(Purpose::Row, &context)),
            keys: keyed.then(|| BatchHasher::new(key.derive(Purpose::KeyTag, &context))),
            slots: [[0; 32]; BATCH_ROWS],
            filled: 0,
            key_bytes: Vec::new(),
            key_ends: [0; BATCH_ROWS],
            smallest: SmallestKeys::default(),
            sorter: RecordSorter::within(room),
        }
    }

    /// One row: its canonical bytes and its key's.
    ///
    /// # Errors
    /// [`Error::Scratch`] where the folder cannot be written.
    pub fn row(&mut self, row: &[u8], key: &[u8]) -> Result<()> {
        let slot = self.filled as u8;
        let slots = &mut self.slots;
        match &mut self.keys {
            None => self.rows.push(row, slot, &mut |digests: &[Digest], places: &[u8]| {
                put_halves(slots, digests, places, &[0, 16])
            })?,
            Some(keys) => {
                self.rows.push(row, slot, &mut |digests: &[Digest], places: &[u8]| {
                    put_halves(slots, digests, places, &[16])
                })?;
                keys.push(key, slot, &mut |digests: &[Digest], places: &[u8]| {
                    put_halves(slots, digests, places, &[0])
                })?;
                self.key_bytes.extend_from_slice(key);
                self.key_ends[self.filled] = self.key_bytes.len();
            }
        }
        self.filled += 1;
        if self.filled == BATCH_ROWS {
            self.settle()
        } else {
            Ok(())
        }
    }

    fn settle(&mut self) -> Result<()> {
        let slots = &mut self.slots;
        let row_places: &[usize] = if self.keys.is_some() { &[16] } else { &[0, 16] };
        self.rows
            .flush(&mut |digests: &[Digest], places: &[u8]| put_halves(slots, digests, places, row_places))?;
        if let Some(keys) = &mut self.keys {
            keys.flush(&mut |digests: &[Digest], places: &[u8]| put_halves(slots, digests, places, &[0]))?;
        }
        for record in &self.slots[..self.filled] {
            self.sorter.push(record)?;
        }
        if self.keys.is_some() {
            let mut start = 0;
            for (record, end) in self.slots[..self.filled].iter().zip(self.key_ends) {
                self.smallest.offer(half(record), &self.key_bytes[start..end]);
                start = end;
            }
            self.key_bytes.clear();
        }
        self.filled = 0;
        Ok(())
    }

    /// The records, ready to be joined.
    pub fn finish(mut self) -> Result<RowSpill> {
        self.settle()?;
        Ok(RowSpill {
            comparison: self.comparison,
            records: self.sorter.finish(),
            smallest: self.smallest.finish(),
        })
    }
}

/// Writes the first half of each digest into its row's slot, at each of the offsets.
fn put_halves(slots: &mut [Record], digests: &[Digest], places: &[u8], offsets: &[usize]) -> Result<()> {
    for (digest, place) in digests.iter().zip(places) {
        for offset in offsets {
            slots[usize::from(*place)][*offset..*offset + 16].copy_from_slice(&digest[..16]);
        }
    }
    Ok(())
}

/// Key tags and row digests of one side.
pub struct RowSpill {
    comparison: Digest,
    records: CountedRecords,
    smallest: SmallestKeys,
}

impl RowSpill {
    /// The parts of one table together.
    ///
    /// # Errors
    /// [`Error::Usage`] for parts of different keys or profiles, or for none.
    pub fn merged(parts: Vec<Self>) -> Result<Self> {
        let comparison = one_comparison(parts.iter().map(|part| &part.comparison))?;
        let (records, smallest): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.records, part.smallest)).unzip();
        Ok(Self {
            comparison,
            records: CountedRecords::merged(records),
            smallest: SmallestKeys::merged(smallest),
        })
    }

    /// Rows, equal ones included.
    pub fn row_count(&self) -> u64 {
        self.records.record_count()
    }

    /// Canonical cells of the key with this tag, where it is one of the smallest and was kept.
    pub fn key_of(&self, tag: &KeyTag) -> Option<&[u8]> {
        self.smallest.get(tag)
    }

    /// Joins both sides and counts exactly; names the first `limit` keys.
    ///
    /// # Errors
    /// [`Error::Usage`] for sides of different keys or profiles, [`Error::Scratch`] where records cannot be read back.
    pub fn compare(&self, target: &Self, limit: usize) -> Result<SpillDifference> {
        if self.comparison != target.comparison {
            return Err(Error::Usage(
                "the two spills were made under different keys or profiles".into(),
            ));
        }
        compare_records(&self.records, &target.records, limit)
    }
}

/// What all parts of a table were digested under.
///
/// # Errors
/// [`Error::Usage`] where that is not the same, or there is no part.
pub(crate) fn one_comparison<'a>(mut parts: impl Iterator<Item = &'a Digest>) -> Result<Digest> {
    let first = parts.next();
    match first.filter(|first| parts.all(|other| other == *first)) {
        Some(first) => Ok(*first),
        None => Err(Error::Usage(
            "parts of a table were made under different keys or profiles".into(),
        )),
    }
}

/// One row held in memory, to show it and to say which columns differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Canonical cells of its key columns.
    pub key: Vec<u8>,
    /// Their tag.
    pub key_tag: KeyTag,
    /// The row's digest under the comparison's key.
    pub digest: Digest,
    /// Per compared column what tells two values apart, after the rules.
    pub cells: Vec<ComparedCell>,
    /// The columns as stored, long values cut.
    pub stored: Vec<Brief>,
    /// How many rows like it came: equal ones are held once, however many they are.
    pub copies: u64,
}

/// Keeps the rows that are asked for.
pub struct RowCollector {
    program: RowProgram,
    row_key: SecretKey,
    tag_key: Option<SecretKey>,
    wanted: Option<HashSet<KeyTag>>,
    wanted_carried: Option<HashSet<[u8; 8]>>,
    limit: usize,
    encoded: Vec<u8>,
    last_row_bytes: usize,
    key: Vec<u8>,
    rows: Vec<Row>,
    places: HashMap<Digest, usize>,
}

impl RowCollector {
    /// Rows whose key tag is `wanted`, or all; at most `limit` different ones.
    pub fn new(
        profile: &Profile,
        side: Side,
        key: &DigestKey,
        wanted: Option<HashSet<KeyTag>>,
        limit: usize,
    ) -> Result<Self> {
        let context = profile_digest(profile);
        Ok(Self {
            program: RowProgram::new(profile, side)?,
            row_key: key.derive(Purpose::Row, &context),
            tag_key: (!profile.key.is_empty()).then(|| key.derive(Purpose::KeyTag, &context)),
            wanted,
            wanted_carried: None,
            limit,
            encoded: Vec::new(),
            last_row_bytes: 0,
            key: Vec::new(),
            rows: Vec::new(),
            places: HashMap::new(),
        })
    }

    /// Only rows whose key tag begins with one of these: the tags of a carried fingerprint.
    pub fn only_carried(mut self, tags: HashSet<[u8; 8]>) -> Self {
        self.wanted_carried = Some(tags);
        self
    }

    /// Whether `limit` rows have been found.
    pub fn is_full(&self) -> bool {
        self.rows.len() >= self.limit
    }

    /// Looks at one row.
    pub fn row(&mut self, stored: &[Cell<'_>]) -> Result<()> {
        self.key.clear();
        if is_large(stored) {
            let _alone = large::alone();
            let gathered = self.program.gather(stored, &mut self.key)?;
            self.last_row_bytes = gathered.byte_count();
            return self.keep(stored, |key| gathered.digest(key));
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        self.program.encode(stored, &mut encoded, &mut self.key)?;
        self.last_row_bytes = encoded.len();
        let kept = self.keep(stored, |key| padded_digest(key, &encoded));
        self.encoded = encoded;
        kept
    }

    /// Keeps the row whose key was just encoded, if it is asked for.
    fn keep(&mut self, stored: &[Cell<'_>], digest: impl FnOnce(&Digest) -> Digest) -> Result<()> {
        let tag = self.tag_key.as_ref().map(|key| half(&padded_digest(key, &self.key)));
        if self.is_full() || tag.is_some_and(|tag| !self.wants(&tag)) {
            return Ok(());
        }
        let digest = digest(&self.row_key);
        let key_tag = tag.unwrap_or_else(|| half(&digest));
        if !self.wants(&key_tag) {
            return Ok(());
        }
        if let Some(known) = self.places.get(&digest).and_then(|place| self.rows.get_mut(*place)) {
            known.copies += 1;
            return Ok(());
        }
        self.places.insert(digest, self.rows.len());
        let cells = self.program.cells_compared(stored, HELD_CELL_BYTES, &self.row_key)?;
        let stored = stored.iter().map(brief).collect();
        self.rows.push(Row {
            key: self.key.clone(),
            key_tag,
            digest,
            cells,
            stored,
            copies: 1,
        });
        Ok(())
    }

    fn wants(&self, tag: &KeyTag) -> bool {
        let carried = self.wanted_carried.as_ref();
        self.wanted.as_ref().is_none_or(|wanted| wanted.contains(tag))
            && carried.is_none_or(|wanted| tag.first_chunk().is_some_and(|start| wanted.contains(start)))
    }

    /// Canonical bytes of the last row.
    pub fn last_row_bytes(&self) -> usize {
        self.last_row_bytes
    }

    /// The different rows in the order of the stream.
    pub fn finish(self) -> Vec<Row> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record_join::Outcome;

    const KEYED: &str = r#"{"format":"kora-profile-1","pair":"t","key":[0],"unicode":"","columns":[
        {"pair":"id","policies":[]},{"pair":"name","policies":[]}]}"#;

    fn keyless() -> String {
        KEYED.replace(r#""key":[0]"#, r#""key":[]"#)
    }

    fn secret() -> DigestKey {
        DigestKey::new(&[4; 32]).expect("32 bytes")
    }

    fn collected(profile: &str, rows: &[(i128, &str)], wanted: Option<HashSet<KeyTag>>) -> Vec<Row> {
        let profile = Profile::from_json(profile).expect("a profile");
        let mut collector = RowCollector::new(&profile, Side::Source, &secret(), wanted, 1000).expect("a program");
        for (id, name) in rows {
            collector.row(&[Cell::Int(*id), Cell::Text(name)]).expect("encodable");
        }
        collector.finish()
    }

    fn spilled(profile: &str, rows: &[(i128, &str)]) -> RowSpill {
        let folder = tempfile::tempdir().expect("a folder");
        let profile = Profile::from_json(profile).expect("a profile");
        let mut program = RowProgram::new(&profile, Side::Source).expect("a program");
        let mut pass = SpillPass::new(&profile, &secret(), &SortRoom::new(Some(folder.path())));
        for (id, name) in rows {
            let (mut row, mut key) = (Vec::new(), Vec::new());
            program
                .encode(&[Cell::Int(*id), Cell::Text(name)], &mut row, &mut key)
                .expect("encodable");
            pass.row(&row, &key).expect("in memory");
        }
        pass.finish().expect("in memory")
    }

    #[test]
    fn a_mismatch_among_rows_of_many_lengths_is_found_and_collected_by_its_tag() {
        let long = "y".repeat(3000);
        let mut rows: Vec<(i128, &str)> = (0..300).map(|id| (id, &long[..(id as usize * 37) % 3000])).collect();
        let source = spilled(KEYED, &rows);
        rows[123].1 = "altered";
        let difference = source.compare(&spilled(KEYED, &rows), 10).expect("one key");
        assert_eq!(
            (
                difference.mismatch,
                difference.missing_in_target,
                difference.extra_in_target
            ),
            (1, 0, 0)
        );
        let tag = difference.samples[0].key_tag;
        let key = source.key_of(&tag).map(<[u8]>::to_vec);
        let found = collected(KEYED, &rows, Some(HashSet::from([tag])));
        assert_eq!(found.len(), 1);
        let shown = |kind, text: &str| Brief {
            kind,
            text: Some(text.to_owned()),
            whole: None,
        };
        assert_eq!(found[0].stored, [shown("integer", "123"), shown("text", "altered")]);
        assert_eq!(found[0].key, found[0].cells[0].bytes);
        assert_eq!(key.as_ref(), Some(&found[0].key));
    }

    #[test]
    fn without_a_key_a_changed_row_is_missing_and_extra_and_never_a_mismatch() {
        let difference = spilled(&keyless(), &[(1, "a"), (1, "a"), (2, "b")])
            .compare(&spilled(&keyless(), &[(1, "a"), (2, "c")]), 10)
            .expect("one key");
        assert_eq!(
            (
                difference.mismatch,
                difference.missing_in_target,
                difference.extra_in_target
            ),
            (0, 2, 1)
        );
        assert!(difference
            .samples
            .iter()
            .all(|sample| sample.outcome != Outcome::Mismatch));
        let tags = difference.samples.iter().map(|sample| sample.key_tag).collect();
        let found = collected(&keyless(), &[(1, "a"), (1, "a"), (2, "b")], Some(tags));
        let copies: Vec<u64> = found.iter().map(|row| row.copies).collect();
        assert_eq!(copies, [2, 1]);
    }

    #[test]
    fn collected_digests_are_those_of_the_pass_whatever_the_length() {
        let long = "z".repeat(5000);
        let rows: Vec<(i128, &str)> = (0..100).map(|id| (id, &long[..id as usize * 50])).collect();
        let profile = Profile::from_json(KEYED).expect("a profile");
        let mut program = RowProgram::new(&profile, Side::Source).expect("a program");
        let mut pass = crate::digest::TablePass::new(&profile, &secret(), None);
        for (id, name) in &rows {
            let (mut row, mut key) = (Vec::new(), Vec::new());
            program
                .encode(&[Cell::Int(*id), Cell::Text(name)], &mut row, &mut key)
                .expect("encodable");
            pass.row(&row, &key).expect("in memory");
        }
        let found = collected(KEYED, &rows, None);
        let sum = crate::set_hash::set_digest(found.iter().map(|row| &row.digest));
        assert_eq!(sum, pass.finish().expect("in memory").live_sum);
    }

    #[test]
    fn a_long_value_is_known_by_its_digest_and_shown_cut() {
        let long = "ü".repeat(crate::large::LARGE_ROW_BYTES);
        let other = long.replacen('ü', "é", 1);
        let found = collected(KEYED, &[(1, &long), (2, &long), (3, &other), (4, &long[..400])], None);
        let cells: Vec<&ComparedCell> = found.iter().map(|row| &row.cells[1]).collect();
        assert_eq!(cells[0], cells[1]);
        assert_ne!(cells[0], cells[2]);
        let long_kinds: Vec<_> = cells.iter().map(|cell| cell.long).collect();
        assert_eq!(long_kinds, [Some("text"), Some("text"), Some("text"), None]);
        assert!(cells.iter().all(|cell| cell.bytes.len() < 500));
        assert_eq!(found[0].stored[1].text, Some("ü".repeat(256) + "…"));
        assert_eq!(
            found[0].stored[1].whole.map(|whole| whole.byte_count),
            Some(long.len() as u64)
        );
    }

    #[test]
    fn a_large_row_is_collected_with_the_digest_of_the_pass() {
        let long = "z".repeat(crate::large::LARGE_ROW_BYTES);
        let profile = Profile::from_json(KEYED).expect("a profile");
        let mut program = RowProgram::new(&profile, Side::Source).expect("a program");
        let mut pass = crate::digest::TablePass::new(&profile, &secret(), None);
        let (mut row, mut key) = (Vec::new(), Vec::new());
        program
            .encode(&[Cell::Int(9), Cell::Text(&long)], &mut row, &mut key)
            .expect("encodable");
        pass.row(&row, &key).expect("in memory");
        let found = collected(KEYED, &[(9, &long)], None);
        let sum = crate::set_hash::set_digest(found.iter().map(|row| &row.digest));
        assert_eq!(sum, pass.finish().expect("in memory").live_sum);
        assert_eq!(found[0].key, key);
    }
}
