//! Sets of row digests as numbers: the live sum and the LtHash state. Order-free, mergeable, incremental.
//!
//! Owns the arithmetic alone; what a digest is made of is [`crate::digest`]'s concern.
//! Sources: Clarke et al., "Incremental Multiset Hash Functions and Their Application to Memory Integrity Checking"
//! (2003), MSet-Add-Hash; Lewi et al., "Securing Update Propagation with Homomorphic Hashing" (2019), LtHash.

use zeroize::Zeroizing;

/// A row digest or any other 32 bytes that BLAKE3 gave.
pub type Digest = [u8; 32];

/// Lanes of 16 bits in an LtHash state.
pub const LANES: usize = 1024;
/// Bytes of an LtHash element and state.
pub const STATE_BYTES: usize = 2 * LANES;

/// Σ digest mod 2²⁵⁶, kept as four limbs whose carries wait until they are asked for.
///
/// Room for 2⁶⁴ additions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetSum {
    limbs: [u128; 4],
}

impl SetSum {
    /// Adds one digest, read as a little-endian number.
    #[inline]
    pub fn add(&mut self, digest: &Digest) {
        for (limb, bytes) in self.limbs.iter_mut().zip(digest.chunks_exact(8)) {
            *limb = limb.wrapping_add(u128::from(little_endian(bytes)));
        }
    }

    /// Adds all of another sum: what two parts of a table come to together.
    pub fn merge(&mut self, other: &Self) {
        self.add(&other.to_bytes());
    }

    /// The sum, 32 bytes little-endian.
    pub fn to_bytes(&self) -> Digest {
        let mut out = [0; 32];
        let mut carry = 0_u128;
        for (limb, bytes) in self.limbs.iter().zip(out.chunks_exact_mut(8)) {
            let (low, overflow) = limb.overflowing_add(carry);
            bytes.copy_from_slice(&(low as u64).to_le_bytes());
            carry = (low >> 64) + (u128::from(overflow) << 64);
        }
        out
    }
}

/// Σ of 32-byte digests mod 2²⁵⁶, little-endian.
pub fn set_digest<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Digest {
    let mut sum = SetSum::default();
    for digest in digests {
        sum.add(digest);
    }
    sum.to_bytes()
}

/// `left − right` mod 2²⁵⁶, all little-endian.
pub fn subtract(left: &Digest, right: &Digest) -> Digest {
    let mut out = [0; 32];
    let mut borrow = false;
    let limbs = left.chunks_exact(8).zip(right.chunks_exact(8));
    for ((left, right), bytes) in limbs.zip(out.chunks_exact_mut(8)) {
        let (part, first) = little_endian(left).overflowing_sub(little_endian(right));
        let (part, second) = part.overflowing_sub(u64::from(borrow));
        bytes.copy_from_slice(&part.to_le_bytes());
        borrow = first || second;
    }
    out
}

fn little_endian(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    u64::from_le_bytes(word)
}

/// An LtHash of 1,024 lanes of 16 bits over elements (row digest, multiplicity).
///
/// A lane wraps at 2¹⁶, so an element must never be added twice: equal rows are counted first and added once with
/// their multiplicity. The caller sees to that; where a key makes rows unique, each multiplicity is 1.
#[derive(Clone)]
pub struct LtHash {
    element_key: Zeroizing<Digest>,
    lanes: Box<[u16; LANES]>,
    row_count: u64,
}

impl LtHash {
    /// The empty set. `element_key` turns (digest, multiplicity) into an element.
    pub fn new(element_key: Zeroizing<Digest>) -> Self {
        Self {
            element_key,
            lanes: Box::new([0; LANES]),
            row_count: 0,
        }
    }

    /// Adds one distinct row that stands `multiplicity` times in the table.
    pub fn add(&mut self, digest: &Digest, multiplicity: u64) {
        let mut element = [0_u8; STATE_BYTES];
        let mut input = [0_u8; 40];
        input[..32].copy_from_slice(digest);
        input[32..].copy_from_slice(&multiplicity.to_le_bytes());
        let mut hasher = blake3::Hasher::new_keyed(&self.element_key);
        hasher.update(&input).finalize_xof().fill(&mut element);
        for (lane, bytes) in self.lanes.iter_mut().zip(element.chunks_exact(2)) {
            *lane = lane.wrapping_add(u16::from_le_bytes([bytes[0], bytes[1]]));
        }
        self.row_count = self.row_count.wrapping_add(multiplicity);
    }

    /// Adds all of another state under the same key. The two must have no distinct row in common.
    pub fn merge(&mut self, other: &Self) {
        for (lane, more) in self.lanes.iter_mut().zip(other.lanes.iter()) {
            *lane = lane.wrapping_add(*more);
        }
        self.row_count = self.row_count.wrapping_add(other.row_count);
    }

    /// The state as it was written; `row_count` includes duplicates.
    pub fn from_state(element_key: Zeroizing<Digest>, state: &[u8; STATE_BYTES], row_count: u64) -> Self {
        let mut hash = Self::new(element_key);
        for (lane, bytes) in hash.lanes.iter_mut().zip(state.chunks_exact(2)) {
            *lane = u16::from_le_bytes([bytes[0], bytes[1]]);
        }
        hash.row_count = row_count;
        hash
    }

    /// The lanes, little-endian.
    pub fn state(&self) -> Box<[u8; STATE_BYTES]> {
        let mut state = Box::new([0_u8; STATE_BYTES]);
        for (bytes, lane) in state.chunks_exact_mut(2).zip(self.lanes.iter()) {
            bytes.copy_from_slice(&lane.to_le_bytes());
        }
        state
    }

    /// Whether both hold the same state and the same number of rows. Only under one element key does that say much.
    pub fn same(&self, other: &Self) -> bool {
        self.lanes == other.lanes && self.row_count == other.row_count
    }

    /// Rows, duplicates included.
    pub fn row_count(&self) -> u64 {
        self.row_count
    }

    /// Keyed BLAKE3 of the state's lanes, little-endian, and the row count.
    pub fn root(&self, root_key: &Digest) -> Digest {
        let mut state = [0_u8; STATE_BYTES + 8];
        state[..STATE_BYTES].copy_from_slice(self.state().as_slice());
        state[STATE_BYTES..].copy_from_slice(&self.row_count.to_le_bytes());
        *blake3::keyed_hash(root_key, &state).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lthash() -> LtHash {
        LtHash::new(Zeroizing::new([7; 32]))
    }

    #[test]
    fn a_sum_carries_across_limbs_and_wraps_at_two_to_the_256() {
        let ones = [0xff; 32];
        let mut one = [0; 32];
        one[0] = 1;
        assert_eq!(set_digest([&ones, &one]), [0; 32]);
        assert_eq!(subtract(&[0; 32], &one), ones);
    }

    #[test]
    fn sixty_five_thousand_equal_rows_do_not_vanish() {
        let mut many = lthash();
        many.add(&[1; 32], 65_536);
        assert_ne!(many.root(&[0; 32]), lthash().root(&[0; 32]));
        assert_ne!(*many.lanes, [0; LANES]);
    }

    #[test]
    fn a_root_depends_on_the_multiplicity_and_on_its_key() {
        let (mut once, mut twice) = (lthash(), lthash());
        once.add(&[1; 32], 1);
        twice.add(&[1; 32], 2);
        assert_ne!(once.root(&[0; 32]), twice.root(&[0; 32]));
        assert_ne!(once.root(&[0; 32]), once.root(&[1; 32]));
    }

    proptest! {
        #![proptest_config(crate::cases(48))]
        #[test]
        fn order_and_splitting_do_not_change_a_set(
            rows in prop::collection::vec(any::<Digest>(), 0..40), rotate in 0_usize..40, cut in 0_usize..40
        ) {
            let mut whole = lthash();
            let mut sum = SetSum::default();
            for row in &rows {
                whole.add(row, 1);
                sum.add(row);
            }
            let mut turned = rows.clone();
            turned.rotate_left(if rows.is_empty() { 0 } else { rotate % rows.len() });
            let (left, right) = turned.split_at(cut.min(turned.len()));
            let (mut a, mut b) = (lthash(), lthash());
            let (mut x, mut y) = (SetSum::default(), SetSum::default());
            left.iter().for_each(|row| { a.add(row, 1); x.add(row); });
            right.iter().for_each(|row| { b.add(row, 1); y.add(row); });
            a.merge(&b);
            x.merge(&y);
            prop_assert_eq!(a.root(&[0; 32]), whole.root(&[0; 32]));
            prop_assert_eq!(x.to_bytes(), sum.to_bytes());
        }

        #[test]
        fn subtraction_undoes_addition(a in any::<Digest>(), b in any::<Digest>()) {
            prop_assert_eq!(subtract(&set_digest([&a, &b]), &b), a);
        }
    }
}
