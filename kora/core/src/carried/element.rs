//! What a carried sketch and its LtHash are sets of: a row's digest, the tag of its key, and how often it stands there.
//!
//! Which symbols an element goes into follows the rateless mapping: index 0 always, and index i with probability
//! 1/(1 + i/2), drawn as gaps from a generator that the element's own keyed hash seeds.
//! Source: Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation", SIGCOMM 2024, §4.

use crate::batch::padded_digest;
use crate::set_hash::Digest;

/// Bytes of a key's tag in a fingerprint file.
pub const TAG_BYTES: usize = 8;
/// Parts into which the tags cut a table.
pub const BUCKETS: usize = 4096;

/// The name of a row's key under the migration's secret.
pub type Tag = [u8; TAG_BYTES];

/// The bucket of a key: the first 12 bits of its tag, so that sorted tags come bucket after bucket.
#[inline]
pub fn bucket_of(tag: &Tag) -> usize {
    usize::from(tag[0]) << 4 | usize::from(tag[1] >> 4)
}

/// One distinct row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element {
    /// The key's tag; of a table without a key the digest's first bytes.
    pub tag: Tag,
    /// The row's digest under the migration's key.
    pub digest: Digest,
    /// How many equal rows there are.
    pub multiplicity: u64,
}

/// What the sketch's key makes of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Distinguishes one element from a sum of several.
    pub checksum: u64,
    /// Where the element's symbols are.
    pub seed: u64,
}

impl Element {
    /// What is hashed: digest, tag, multiplicity (little-endian).
    #[inline]
    pub fn bytes(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        bytes[..32].copy_from_slice(&self.digest);
        bytes[32..40].copy_from_slice(&self.tag);
        bytes[40..].copy_from_slice(&self.multiplicity.to_le_bytes());
        bytes
    }

    /// The element's mark under a sketch's key.
    pub fn mark(&self, key: &Digest) -> Mark {
        Mark::from_digest(&padded_digest(key, &self.bytes()))
    }
}

impl Mark {
    /// From the keyed BLAKE3 of [`Element::bytes`], padded to a block.
    #[inline]
    pub fn from_digest(digest: &Digest) -> Self {
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&digest[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        Self {
            checksum: word(0),
            seed: word(8),
        }
    }

    /// The element's symbols below `limit`, ascending; the first is always 0.
    #[inline]
    pub fn places(&self, limit: usize) -> Places {
        Places {
            state: self.seed,
            next: 0,
            limit: limit as u64,
        }
    }
}

/// An element's symbols, ascending.
#[derive(Clone, Debug)]
pub struct Places {
    state: u64,
    next: u64,
    limit: u64,
}

impl Iterator for Places {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.next >= self.limit {
            return None;
        }
        let place = self.next;
        // 2⁵³ equally likely numbers in (0, 1]; multiplication, division and root are exact to the last bit in IEEE 754.
        let uniform = ((splitmix(&mut self.state) >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let gap = ((place as f64 + 1.5) * (1.0 / uniform.sqrt() - 1.0)).ceil();
        self.next = place.saturating_add((gap as u64).max(1));
        Some(place as usize)
    }
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
#[inline]
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_the_first_twelve_bits_of_a_tag() {
        assert_eq!(bucket_of(&[0, 0x0f, 9, 9, 9, 9, 9, 9]), 0);
        assert_eq!(bucket_of(&[0xab, 0xc1, 0, 0, 0, 0, 0, 0]), 0xabc);
        assert_eq!(bucket_of(&[0xff; 8]), BUCKETS - 1);
    }

    #[test]
    fn an_element_stands_in_symbol_zero_and_in_ever_fewer_behind_it() {
        let mut held = vec![0_u32; 1024];
        for number in 0..2000_u64 {
            let mark = Mark {
                checksum: 0,
                seed: number.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            };
            let places: Vec<usize> = mark.places(1024).collect();
            assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
            places.iter().for_each(|place| held[*place] += 1);
        }
        assert_eq!(held[0], 2000);
        for place in [1_usize, 2, 10, 100] {
            let expected = 2000.0 / (1.0 + place as f64 / 2.0);
            let seen = f64::from(held[place]);
            assert!(
                (seen - expected).abs() < 6.0 * expected.sqrt(),
                "{place}: {seen} for {expected}"
            );
        }
    }

    #[test]
    fn places_are_the_same_on_every_machine() {
        let mark = Mark {
            checksum: 0,
            seed: 0x0123_4567_89ab_cdef,
        };
        assert_eq!(mark.places(200).collect::<Vec<_>>(), [0, 4, 5, 14, 18]);
    }

    #[test]
    fn tag_digest_and_multiplicity_all_change_the_mark() {
        let element = Element {
            tag: [1; 8],
            digest: [2; 32],
            multiplicity: 3,
        };
        let others = [
            Element { tag: [9; 8], ..element },
            Element {
                digest: [9; 32],
                ..element
            },
            Element {
                multiplicity: 9,
                ..element
            },
        ];
        let mark = element.mark(&[7; 32]);
        assert!(others.iter().all(|other| other.mark(&[7; 32]) != mark));
        assert_ne!(element.mark(&[8; 32]), mark);
    }
}
