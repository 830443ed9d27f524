//! One pass over one side of a table pair: live sum, counts, sketch and, where asked for, the root.
//!
//! Owns what a pass leaves behind and what two passes say about each other. It takes canonical bytes; how they are
//! made is [`crate::program`]'s concern.

use std::path::PathBuf;

use crate::batch::{BatchHasher, DigestSink};
use crate::canon::{close_row, encode_cell, open_row};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::keys::{profile_digest, DigestKey, Purpose, SecretKey};
use crate::large::{self, Gathered};
use crate::program::Profile;
use crate::set_hash::{subtract, Digest, SetSum};
use crate::sketch::{Sketch, SketchKey};
use crate::spill::{CountedRecords, RecordSorter, MEMORY_LIMIT_BYTES};

/// What a carried root needs beyond a live sum.
#[derive(Clone)]
pub struct RootOptions {
    /// The migration's key; the root can be compared only under the same.
    pub key: DigestKey,
    /// Where row digests are sorted when they outgrow memory.
    pub spill_folder: Option<PathBuf>,
}

/// Takes the canonical rows of one side.
pub struct TablePass {
    comparison: Digest,
    keyed: bool,
    hasher: BatchHasher<SketchKey>,
    sums: LiveSums,
    root: Option<RootPass>,
    row_count: u64,
    byte_count: u64,
}

impl TablePass {
    /// A pass under `key`; `root` asks for a root as well, which may be under another key.
    pub fn new(profile: &Profile, key: &DigestKey, root: Option<RootOptions>) -> Self {
        let context = profile_digest(profile);
        let row_key = key.derive(Purpose::Row, &context);
        let root = root.map(|options| RootPass::new(&options, key, &context));
        let keyed = !profile.key.is_empty();
        Self {
            comparison: *key.derive(Purpose::Name, &context),
            keyed,
            hasher: BatchHasher::new(row_key),
            sums: LiveSums {
                sum: SetSum::default(),
                sketch: keyed.then(Sketch::default),
            },
            root,
            row_count: 0,
            byte_count: 0,
        }
    }

    /// One row: its canonical bytes, and those of its key cells (empty for a table without a key).
    #[inline]
    pub fn row(&mut self, row: &[u8], key: &[u8]) -> Result<()> {
        self.row_count += 1;
        self.byte_count += row.len() as u64;
        let key = if self.keyed {
            self.sketch_key(key)
        } else {
            SketchKey::default()
        };
        match &mut self.root {
            None => self.hasher.push(row, key, &mut self.sums),
            Some(root) => {
                root.row(row)?;
                self.hasher.push(
                    row,
                    key,
                    &mut LiveAndRoot {
                        sums: &mut self.sums,
                        root,
                    },
                )
            }
        }
    }

    /// One large row, its long payloads where they lie.
    pub fn gathered_row(&mut self, row: &Gathered<'_>, key: &[u8]) -> Result<()> {
        self.row_count += 1;
        self.byte_count += row.byte_count() as u64;
        let key = if self.keyed {
            self.sketch_key(key)
        } else {
            SketchKey::default()
        };
        match &mut self.root {
            None => self.hasher.push_gathered(row, key, &mut self.sums),
            Some(root) => {
                if let Some(hasher) = &mut root.hasher {
                    hasher.push_gathered(row, (), &mut root.rows)?;
                }
                let sums = &mut self.sums;
                self.hasher.push_gathered(row, key, &mut LiveAndRoot { sums, root })
            }
        }
    }

    /// A key that is too long ends the sketch for this table.
    fn sketch_key(&mut self, key: &[u8]) -> SketchKey {
        SketchKey::new(key).unwrap_or_else(|| {
            self.sums.sketch = None;
            self.keyed = false;
            SketchKey::default()
        })
    }

    /// Canonical bytes so far.
    pub fn byte_count(&self) -> u64 {
        self.byte_count
    }

    /// What the pass leaves behind.
    pub fn finish(mut self) -> Result<TableDigest> {
        let root = match self.root {
            None => {
                self.hasher.flush(&mut self.sums)?;
                None
            }
            Some(mut root) => {
                self.hasher.flush(&mut LiveAndRoot {
                    sums: &mut self.sums,
                    root: &mut root,
                })?;
                Some(root.finish()?)
            }
        };
        Ok(TableDigest {
            comparison: self.comparison,
            row_count: self.row_count,
            byte_count: self.byte_count,
            live_sum: self.sums.sum.to_bytes(),
            root,
            sketch: self.sums.sketch,
        })
    }
}

struct LiveSums {
    sum: SetSum,
    sketch: Option<Sketch>,
}

impl DigestSink<SketchKey> for LiveSums {
    #[inline]
    fn take(&mut self, digests: &[Digest], keys: &[SketchKey]) -> Result<()> {
        for digest in digests {
            self.sum.add(digest);
        }
        if let Some(sketch) = &mut self.sketch {
            for (digest, key) in digests.iter().zip(keys) {
                sketch.add(digest, key);
            }
        }
        Ok(())
    }
}

struct LiveAndRoot<'a> {
    sums: &'a mut LiveSums,
    root: &'a mut RootPass,
}

impl DigestSink<SketchKey> for LiveAndRoot<'_> {
    fn take(&mut self, digests: &[Digest], keys: &[SketchKey]) -> Result<()> {
        self.sums.take(digests, keys)?;
        match self.root.hasher {
            None => digests.iter().try_for_each(|digest| self.root.rows.push(digest)),
            Some(_) => Ok(()),
        }
    }
}

/// The row digests for the root beside a live pass. Under the same key the rows are hashed once only.
struct RootPass {
    hasher: Option<BatchHasher<()>>,
    rows: RecordSorter,
    root_key: SecretKey,
}

impl RootPass {
    fn new(options: &RootOptions, live: &DigestKey, context: &Digest) -> Self {
        let RootOptions { key, spill_folder } = options;
        Self {
            hasher: (!key.same(live)).then(|| BatchHasher::new(key.derive(Purpose::Row, context))),
            rows: RecordSorter::new(spill_folder.as_deref(), MEMORY_LIMIT_BYTES),
            root_key: key.derive(Purpose::SetRoot, context),
        }
    }

    fn row(&mut self, row: &[u8]) -> Result<()> {
        match &mut self.hasher {
            Some(hasher) => hasher.push(row, (), &mut self.rows),
            None => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Digest> {
        if let Some(hasher) = &mut self.hasher {
            hasher.flush(&mut self.rows)?;
        }
        ordered_root(&self.root_key, &self.rows.finish())
    }
}

impl DigestSink<()> for RecordSorter {
    fn take(&mut self, digests: &[Digest], _: &[()]) -> Result<()> {
        digests.iter().try_for_each(|digest| self.push(digest))
    }
}

/// Keyed BLAKE3 over the distinct row digests in ascending order, each with its multiplicity, and the row count.
///
/// Order and multiplicities are the set's own, so nothing is assumed about keys, and no two multisets of digests give
/// one input.
pub(crate) fn ordered_root(key: &SecretKey, rows: &CountedRecords) -> Result<Digest> {
    let mut hasher = blake3::Hasher::new_keyed(key);
    let mut buffer = Vec::with_capacity(ROOT_BUFFER_BYTES + 40);
    rows.for_each(|digest, multiplicity| {
        buffer.extend_from_slice(digest);
        buffer.extend_from_slice(&multiplicity.to_le_bytes());
        if buffer.len() >= ROOT_BUFFER_BYTES {
            hasher.update(&buffer);
            buffer.clear();
        }
    })?;
    buffer.extend_from_slice(&rows.record_count().to_le_bytes());
    Ok(*hasher.update(&buffer).finalize().as_bytes())
}

/// Enough for BLAKE3 to use all of the processor's lanes.
const ROOT_BUFFER_BYTES: usize = 64 << 10;

/// What a pass over one side's rows left behind.
pub struct TableDigest {
    comparison: Digest,
    /// Rows, equal ones included.
    pub row_count: u64,
    /// Canonical bytes of all rows.
    pub byte_count: u64,
    /// Σ row digest mod 2²⁵⁶, little-endian.
    pub live_sum: Digest,
    /// The root, where it was asked for.
    pub root: Option<Digest>,
    sketch: Option<Sketch>,
}

/// What two passes under one key and one profile say about each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Counts and sums agree.
    pub equal: bool,
    /// The sketch named rows, and their number accounts for the counts. [`Difference::explains`] is the proof.
    pub decoded: bool,
    /// Key cells of rows that stand on the source's side only.
    pub source_keys: Vec<Vec<u8>>,
    /// Key cells of rows that stand on the target's side only.
    pub target_keys: Vec<Vec<u8>>,
    sum_difference: Digest,
}

impl Difference {
    /// Compares two sides.
    ///
    /// # Errors
    /// [`Error::Usage`] if the two were made under different keys or profiles: they say nothing about each other.
    pub fn between(source: &TableDigest, target: &TableDigest) -> Result<Self> {
        if source.comparison != target.comparison {
            return Err(Error::Usage(
                "the two digests were made under different keys or profiles".into(),
            ));
        }
        let equal = source.live_sum == target.live_sum && source.row_count == target.row_count;
        let mut difference = Self {
            equal,
            decoded: equal,
            source_keys: Vec::new(),
            target_keys: Vec::new(),
            sum_difference: subtract(&source.live_sum, &target.live_sum),
        };
        if !equal {
            difference.decode(source, target);
        }
        Ok(difference)
    }

    fn decode(&mut self, source: &TableDigest, target: &TableDigest) {
        let (Some(left), Some(right)) = (&source.sketch, &target.sketch) else {
            return;
        };
        let Some(peeled) = left.difference(right) else { return };
        let surplus = i128::from(source.row_count) - i128::from(target.row_count);
        self.decoded = peeled.source.len() as i128 - peeled.target.len() as i128 == surplus;
        if self.decoded {
            (self.source_keys, self.target_keys) = (peeled.source, peeled.target);
        }
    }

    /// Whether rows whose digests sum up to these account for the whole difference: the proof that the named rows,
    /// read again in the same snapshots, are all that differs.
    pub fn explains(&self, source_sum: &Digest, target_sum: &Digest) -> bool {
        subtract(source_sum, target_sum) == self.sum_difference
    }
}

/// Σ of the digests of rows exactly as read, before any rule: what a checkpoint of a load holds.
pub struct RawDigester {
    hasher: BatchHasher<()>,
    sum: SetSum,
    row_count: u64,
    encoded: Vec<u8>,
    last_row_bytes: usize,
}

impl RawDigester {
    /// Under a key; no profile, since no rule has been applied.
    pub fn new(key: &DigestKey) -> Self {
        Self {
            hasher: BatchHasher::new(key.derive(Purpose::RawRow, b"")),
            sum: SetSum::default(),
            row_count: 0,
            encoded: Vec::new(),
            last_row_bytes: 0,
        }
    }

    /// One row, each cell encoded as it was read.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        if large::is_large(cells) {
            return self.large_row(cells);
        }
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        let start = open_row(&mut encoded);
        cells.iter().try_for_each(|cell| encode_cell(cell, &mut encoded))?;
        close_row(start, &mut encoded)?;
        self.encoded(&encoded)?;
        self.last_row_bytes = encoded.len();
        self.encoded = encoded;
        Ok(())
    }

    fn large_row(&mut self, cells: &[Cell<'_>]) -> Result<()> {
        let mut row = Gathered::open();
        cells.iter().try_for_each(|cell| row.push(cell))?;
        row.close()?;
        self.row_count += 1;
        self.last_row_bytes = row.byte_count();
        let sum = &mut self.sum;
        self.hasher
            .push_gathered(&row, (), &mut |digests: &[Digest], _: &[()]| {
                digests.iter().for_each(|digest| sum.add(digest));
                Ok(())
            })
    }

    /// Canonical bytes of the last row.
    pub fn last_row_bytes(&self) -> usize {
        self.last_row_bytes
    }

    /// One row's canonical bytes, its length in front.
    #[inline]
    fn encoded(&mut self, row: &[u8]) -> Result<()> {
        self.row_count += 1;
        let sum = &mut self.sum;
        self.hasher.push(row, (), &mut |digests: &[Digest], _: &[()]| {
            digests.iter().for_each(|digest| sum.add(digest));
            Ok(())
        })
    }

    /// Rows so far, and Σ of their digests mod 2²⁵⁶, little-endian. More rows may follow.
    pub fn finish(&mut self) -> Result<(u64, Digest)> {
        let sum = &mut self.sum;
        self.hasher.flush(&mut |digests: &[Digest], _: &[()]| {
            digests.iter().for_each(|digest| sum.add(digest));
            Ok(())
        })?;
        Ok((self.row_count, self.sum.to_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn profile(key: Vec<usize>) -> Profile {
        Profile {
            format: "kora-profile-1".into(),
            pair: "t".into(),
            columns: Vec::new(),
            key,
            unicode: "16.0.0".into(),
        }
    }

    fn live() -> DigestKey {
        DigestKey::new(&[1; 32]).expect("32 bytes")
    }

    fn row(number: u64, text: &str) -> (Vec<u8>, Vec<u8>) {
        let key = number.to_be_bytes().to_vec();
        let mut row = vec![text.len() as u8 + 8];
        row.extend_from_slice(&key);
        row.extend_from_slice(text.as_bytes());
        (row, key)
    }

    fn digest(rows: &[(Vec<u8>, Vec<u8>)], keyed: bool, root: Option<RootOptions>) -> TableDigest {
        let profile = profile(if keyed { vec![0] } else { vec![] });
        let mut pass = TablePass::new(&profile, &live(), root);
        for (row, key) in rows {
            pass.row(row, if keyed { key } else { b"" }).expect("in memory");
        }
        pass.finish().expect("in memory")
    }

    fn table(count: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..count)
            .map(|number| row(number, &"x".repeat(number as usize % 200)))
            .collect()
    }

    fn root(key: u8) -> Option<RootOptions> {
        let key = DigestKey::new(&[key; 32]).expect("32 bytes");
        Some(RootOptions {
            key,
            spill_folder: None,
        })
    }

    #[test]
    fn equal_tables_in_another_order_are_equal() {
        let rows = table(500);
        let reversed: Vec<_> = rows.iter().rev().cloned().collect();
        let (source, target) = (digest(&rows, true, root(2)), digest(&reversed, true, root(2)));
        let difference = Difference::between(&source, &target).expect("one key");
        assert!(difference.equal && difference.decoded);
        assert_eq!(source.root, target.root);
        assert!(source.root.is_some());
    }

    #[test]
    fn an_altered_row_is_named_on_both_sides_and_its_digests_prove_it() {
        let source_rows = table(500);
        let mut target_rows = source_rows.clone();
        target_rows[77] = row(77, "changed");
        let difference =
            Difference::between(&digest(&source_rows, true, None), &digest(&target_rows, true, None)).expect("one key");
        assert!(!difference.equal && difference.decoded);
        let key = vec![77_u64.to_be_bytes().to_vec()];
        assert_eq!((&difference.source_keys, &difference.target_keys), (&key, &key));
        let sum = |row: &(Vec<u8>, Vec<u8>)| digest(std::slice::from_ref(row), true, None).live_sum;
        assert!(difference.explains(&sum(&source_rows[77]), &sum(&target_rows[77])));
        assert!(!difference.explains(&sum(&source_rows[78]), &sum(&target_rows[77])));
    }

    #[test]
    fn a_root_is_the_hash_of_the_sorted_digests_with_their_multiplicities_and_the_row_count() {
        let profile = profile(vec![0]);
        let key = DigestKey::new(&[9; 32]).expect("32 bytes");
        let mut rows = table(3);
        rows.push(rows[1].clone());
        let row_key = key.derive(Purpose::Row, &profile_digest(&profile));
        let mut counted = std::collections::BTreeMap::<Digest, u64>::new();
        for (row, _) in &rows {
            *counted.entry(crate::batch::padded_digest(&row_key, row)).or_default() += 1;
        }
        let mut input = Vec::new();
        for (digest, multiplicity) in counted {
            input.extend_from_slice(&digest);
            input.extend_from_slice(&multiplicity.to_le_bytes());
        }
        input.extend_from_slice(&4_u64.to_le_bytes());
        let root_key = key.derive(Purpose::SetRoot, &profile_digest(&profile));
        assert_eq!(
            digest(&rows, true, root(9)).root,
            Some(*blake3::keyed_hash(&root_key, &input).as_bytes())
        );
    }

    #[test]
    fn a_root_under_the_live_key_is_the_same_as_under_an_equal_copy_of_it() {
        let rows = table(100);
        let under_live = digest(&rows, true, root(1)).root;
        let mut other = TablePass::new(&profile(vec![0]), &DigestKey::new(&[5; 32]).expect("32 bytes"), root(1));
        rows.iter()
            .for_each(|(row, key)| other.row(row, key).expect("in memory"));
        assert_eq!(under_live, other.finish().expect("in memory").root);
    }

    #[test]
    fn copies_of_a_row_change_sum_and_root() {
        let many = vec![row(1, "same"); 65_536];
        let (none, all) = (digest(&[], false, root(2)), digest(&many, false, root(2)));
        assert_ne!(none.root, all.root);
        assert_ne!(none.live_sum, all.live_sum);
        let pairs = digest(&many[..2], false, root(2));
        let others = digest(&vec![row(2, "other"); 2], false, root(2));
        assert_ne!((pairs.live_sum, pairs.root), (others.live_sum, others.root));
    }

    #[test]
    fn digests_under_different_keys_or_profiles_are_refused() {
        let (keyed, keyless) = (digest(&table(3), true, None), digest(&table(3), false, None));
        assert!(matches!(Difference::between(&keyed, &keyless), Err(Error::Usage(_))));
    }

    #[test]
    fn a_long_key_leaves_the_table_comparable_but_not_decoded() {
        let long = |text: &str| vec![(text.as_bytes().to_vec(), vec![7; 40])];
        let (source, target) = (digest(&long("a"), true, None), digest(&long("b"), true, None));
        let difference = Difference::between(&source, &target).expect("one key");
        assert!(!difference.equal && !difference.decoded && difference.source_keys.is_empty());
    }

    #[test]
    fn a_raw_digest_goes_on_after_it_was_read_and_ignores_order() {
        let (mut one, mut two) = (RawDigester::new(&live()), RawDigester::new(&live()));
        one.row(&[Cell::Int(1), Cell::Null]).expect("in memory");
        let early = one.finish().expect("in memory");
        one.row(&[Cell::Text("b")]).expect("in memory");
        two.row(&[Cell::Text("b")]).expect("in memory");
        two.row(&[Cell::Int(1), Cell::Null]).expect("in memory");
        let whole = one.finish().expect("in memory");
        assert_eq!(whole, two.finish().expect("in memory"));
        assert_ne!(whole, early);
        assert_eq!(whole.0, 2);
    }

    proptest! {
        #![proptest_config(crate::cases(32))]
        #[test]
        fn any_one_byte_of_any_row_changes_the_sum(
            rows in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 1..30),
            row in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0_u8..8,
        ) {
            let whole = |rows: &[Vec<u8>]| {
                let rows: Vec<_> = rows.iter().map(|row| {
                    let mut framed = (row.len() as u16).to_be_bytes().to_vec();
                    framed.extend_from_slice(row);
                    (framed, Vec::new())
                }).collect();
                digest(&rows, false, None).live_sum
            };
            let mut changed = rows.clone();
            let chosen = row.index(changed.len());
            let length = changed[chosen].len();
            changed[chosen][byte.index(length)] ^= 1 << bit;
            prop_assert_ne!(whole(&rows), whole(&changed));
        }
    }
}
