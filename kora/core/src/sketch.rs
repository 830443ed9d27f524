//! A small invertible table of sums: names the few rows in which two tables differ, from one pass over each.
//!
//! Each row goes into three cells, one per partition, chosen by its digest (two rows with one key land apart). Cells
//! add up and subtract, so source − target keeps only what differs, and cells that hold a single row give its key
//! back. Sums, never XOR: equal rows must not cancel each other. Live mode only: nothing here is stored or carried.
//! Source: Goodrich, Mitzenmacher, "Invertible Bloom Lookup Tables" (2011), with signed counts.

use crate::set_hash::Digest;

/// Cells in each of the three partitions: a power of two.
const PARTITION_CELLS: usize = 2048;
/// All cells; 48 bytes each, 288 KiB in all, so that a core's L2 cache holds them.
const CELLS: usize = 3 * PARTITION_CELLS;
/// Longest key that fits beside its length byte.
pub const KEY_LIMIT_BYTES: usize = 23;

/// A row's key cells, at most [`KEY_LIMIT_BYTES`] of them, zero-padded, the length in the last byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SketchKey([u64; 3]);

impl SketchKey {
    /// `None` if the key is too long, or empty (a table without a key).
    #[inline]
    pub fn new(key: &[u8]) -> Option<Self> {
        if key.is_empty() || key.len() > KEY_LIMIT_BYTES {
            return None;
        }
        let mut bytes = [0_u8; 24];
        bytes[..key.len()].copy_from_slice(key);
        bytes[KEY_LIMIT_BYTES] = key.len() as u8;
        let mut words = [0; 3];
        for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            let mut eight = [0; 8];
            eight.copy_from_slice(chunk);
            *word = u64::from_le_bytes(eight);
        }
        Some(Self(words))
    }

    /// The key cells, or `None` if this is no key but a sum of several.
    fn cells(&self) -> Option<Vec<u8>> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        let length = usize::from(*bytes.last()?);
        let padding = bytes.get(length..KEY_LIMIT_BYTES)?;
        let well_formed = length > 0 && padding.iter().all(|byte| *byte == 0);
        well_formed.then(|| bytes[..length].to_vec())
    }
}

/// A signed sum of rows; a single row is a sum with count 1, or −1 where only the other side has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
struct RowSum {
    digest: [u64; 2],
    key: [u64; 3],
    /// A non-linear function of one row's digest: sums of several rows do not satisfy it (2⁻³² each).
    check: u32,
    count: i32,
}

impl RowSum {
    #[inline]
    fn of_row(digest: &Digest, key: &SketchKey) -> Self {
        let mut halves = [[0_u8; 8]; 2];
        halves[0].copy_from_slice(&digest[..8]);
        halves[1].copy_from_slice(&digest[8..16]);
        let digest = halves.map(u64::from_le_bytes);
        Self {
            digest,
            key: key.0,
            check: checksum(digest),
            count: 1,
        }
    }

    /// One row's cell in each partition.
    #[inline]
    fn places(&self) -> [usize; 3] {
        let bits = self.digest[0] as usize;
        let mask = PARTITION_CELLS - 1;
        [
            bits & mask,
            PARTITION_CELLS + ((bits >> 11) & mask),
            2 * PARTITION_CELLS + ((bits >> 22) & mask),
        ]
    }

    #[inline]
    fn add(&mut self, other: &Self) {
        for (sum, word) in self.digest.iter_mut().zip(other.digest) {
            *sum = sum.wrapping_add(word);
        }
        for (sum, word) in self.key.iter_mut().zip(other.key) {
            *sum = sum.wrapping_add(word);
        }
        self.check = self.check.wrapping_add(other.check);
        self.count = self.count.wrapping_add(other.count);
    }

    fn negated(&self) -> Self {
        Self {
            digest: self.digest.map(u64::wrapping_neg),
            key: self.key.map(u64::wrapping_neg),
            check: self.check.wrapping_neg(),
            count: self.count.wrapping_neg(),
        }
    }

    /// The one row (count 1) and its key cells, if a cell at `place` with this sum holds exactly one.
    fn single(&self, place: usize) -> Option<(Self, Vec<u8>)> {
        let row = match self.count {
            1 => *self,
            -1 => self.negated(),
            _ => return None,
        };
        let fits = row.check == checksum(row.digest) && row.places().contains(&place);
        let key = SketchKey(row.key).cells()?;
        fits.then_some((row, key))
    }
}

/// The finalizer of MurmurHash3 over both halves; digests are already keyed, so mixing is all that is needed.
#[inline]
fn checksum(digest: [u64; 2]) -> u32 {
    let mut word = digest[0] ^ digest[1].rotate_left(29);
    word = (word ^ (word >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    word = (word ^ (word >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (word >> 32) as u32
}

/// The keys of the rows that stand on one side only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peeled {
    /// Rows of the source that the target has not.
    pub source: Vec<Vec<u8>>,
    /// Rows of the target that the source has not.
    pub target: Vec<Vec<u8>>,
}

/// The table of sums for one side.
#[derive(Clone)]
pub struct Sketch {
    cells: Box<[RowSum]>,
}

impl Default for Sketch {
    fn default() -> Self {
        Self {
            cells: vec![RowSum::default(); CELLS].into_boxed_slice(),
        }
    }
}

impl Sketch {
    /// Adds one row.
    #[inline]
    pub fn add(&mut self, digest: &Digest, key: &SketchKey) {
        let row = RowSum::of_row(digest, key);
        for place in row.places() {
            self.cells[place].add(&row);
        }
    }

    /// Adds all of another part of the same table.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.cells.iter_mut().zip(other.cells.iter()) {
            mine.add(theirs);
        }
    }

    /// What this side has and the other has not, decoded; `None` where the difference is too large or too tangled.
    ///
    /// All residues must come to zero. That the named rows are the whole truth is proven only by the caller, who
    /// reads them and compares the sums of their digests ([`crate::digest::Difference::explains`]).
    pub fn difference(&self, other: &Self) -> Option<Peeled> {
        let mut rest = self.clone();
        for (mine, theirs) in rest.cells.iter_mut().zip(other.cells.iter()) {
            mine.add(&theirs.negated());
        }
        rest.peel()
    }

    fn peel(mut self) -> Option<Peeled> {
        let mut waiting: Vec<usize> = (0..CELLS).collect();
        let mut peeled = Peeled::default();
        while let Some(place) = waiting.pop() {
            let sum = self.cells[place];
            let Some((row, key)) = sum.single(place) else { continue };
            let side = if sum.count == 1 {
                &mut peeled.source
            } else {
                &mut peeled.target
            };
            side.push(key);
            if peeled.source.len() + peeled.target.len() > CELLS {
                return None;
            }
            let removed = sum.negated();
            for place in row.places() {
                self.cells[place].add(&removed);
                waiting.push(place);
            }
        }
        let nothing_left = self.cells.iter().all(|cell| *cell == RowSum::default());
        nothing_left.then_some(peeled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: u64) -> Digest {
        *blake3::keyed_hash(&[3; 32], &number.to_le_bytes()).as_bytes()
    }

    fn key(number: u64) -> Vec<u8> {
        number.to_be_bytes()[4..].to_vec()
    }

    fn sketch(rows: impl Iterator<Item = (u64, u64)>) -> Sketch {
        let mut sketch = Sketch::default();
        for (number, version) in rows {
            if let Some(key) = SketchKey::new(&key(number)) {
                sketch.add(&digest(number * 1000 + version), &key);
            }
        }
        sketch
    }

    #[test]
    fn two_thousand_altered_rows_among_many_are_all_named() {
        let altered = |number: u64| number.is_multiple_of(10);
        let source = sketch((1..20_000).map(|number| (number, 0)));
        let target = sketch((1..20_000).map(|number| (number, u64::from(altered(number)))));
        let expected: Vec<Vec<u8>> = (1..20_000).filter(|number| altered(*number)).map(key).collect();
        let mut found = source.difference(&target).expect("1,999 altered rows decode");
        found.source.sort();
        found.target.sort();
        assert_eq!(
            found,
            Peeled {
                source: expected.clone(),
                target: expected
            }
        );
    }

    #[test]
    fn missing_and_extra_rows_stand_on_their_own_side() {
        let found = sketch([(1, 0), (2, 0)].into_iter()).difference(&sketch([(2, 0), (3, 0)].into_iter()));
        assert_eq!(
            found,
            Some(Peeled {
                source: vec![key(1)],
                target: vec![key(3)]
            })
        );
    }

    #[test]
    fn a_row_standing_twice_on_one_side_is_never_taken_for_none() {
        let twice = sketch([(1, 0), (1, 0), (2, 0)].into_iter());
        assert_eq!(twice.difference(&sketch([(2, 0)].into_iter())), None);
    }

    #[test]
    fn too_many_differences_are_refused_rather_than_half_named() {
        let source = sketch((1..20_000).map(|number| (number, 0)));
        assert_eq!(source.difference(&Sketch::default()), None);
    }

    #[test]
    fn a_key_keeps_its_trailing_zeros_and_its_limit() {
        let padded = SketchKey::new(&[5, 0, 0]).and_then(|key| key.cells());
        assert_eq!(padded, Some(vec![5, 0, 0]));
        assert!(SketchKey::new(&[1; KEY_LIMIT_BYTES]).is_some());
        assert!(SketchKey::new(&[1; KEY_LIMIT_BYTES + 1]).is_none());
        assert!(SketchKey::new(&[]).is_none());
    }

    #[test]
    fn cells_stay_small_enough_for_the_second_level_cache() {
        assert_eq!(std::mem::size_of::<RowSum>(), 48);
    }
}
