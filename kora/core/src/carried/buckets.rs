//! Tier 1: a table cut into 4,096 parts by the tags of its keys, with the sum and the number of each part's rows.
//!
//! Two tables differ at least in the buckets that differ; equal buckets prove nothing, since sums alone do not.

use crate::carried::element::{bucket_of, Element, BUCKETS};
use crate::carried::section::{head, Fields};
use crate::error::Result;
use crate::set_hash::{Digest, SetSum};

const WHAT: &str = "bucket sums";
/// Bucket, row count and sum.
const ENTRY_BYTES: usize = 2 + 8 + 32;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bucket {
    rows: u64,
    sum: SetSum,
}

/// The sums of one table.
#[derive(Clone, Debug)]
pub struct BucketSums {
    buckets: Vec<Bucket>,
}

impl Default for BucketSums {
    fn default() -> Self {
        Self {
            buckets: vec![Bucket::default(); BUCKETS],
        }
    }
}

impl BucketSums {
    /// Adds one distinct row as often as it stands in the table.
    #[inline]
    pub fn add(&mut self, element: &Element) {
        let bucket = &mut self.buckets[bucket_of(&element.tag)];
        bucket.rows = bucket.rows.wrapping_add(element.multiplicity);
        if element.multiplicity == 1 {
            bucket.sum.add(&element.digest);
        } else {
            bucket.sum.add(&times(&element.digest, element.multiplicity));
        }
    }

    /// Adds all of another part of the same table.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            mine.rows = mine.rows.wrapping_add(theirs.rows);
            mine.sum.merge(&theirs.sum);
        }
    }

    /// The buckets in which two tables differ, ascending.
    pub fn differing(&self, other: &Self) -> Vec<u16> {
        let pairs = self.buckets.iter().zip(&other.buckets).enumerate();
        pairs
            .filter(|(_, (mine, theirs))| mine.rows != theirs.rows || mine.sum.to_bytes() != theirs.sum.to_bytes())
            .map(|(index, _)| index as u16)
            .collect()
    }

    /// Rows of all buckets.
    pub fn row_count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(bucket.rows))
    }

    /// As they stand in a file: only buckets that hold rows.
    pub fn to_section(&self) -> Vec<u8> {
        let held = |bucket: &Bucket| bucket.rows != 0;
        let mut out = head(0).to_vec();
        let count = self.buckets.iter().filter(|bucket| held(bucket)).count();
        out.extend_from_slice(&(count as u32).to_le_bytes());
        for (index, bucket) in self.buckets.iter().enumerate().filter(|(_, bucket)| held(bucket)) {
            out.extend_from_slice(&(index as u16).to_le_bytes());
            out.extend_from_slice(&bucket.rows.to_le_bytes());
            out.extend_from_slice(&bucket.sum.to_bytes());
        }
        out
    }

    /// From a file's bytes.
    ///
    /// # Errors
    /// [`crate::error::Error::Malformed`] for anything that [`Self::to_section`] does not write.
    pub fn from_section(bytes: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(WHAT, bytes);
        fields.head(0)?;
        let count = fields.u32()? as usize;
        let malformed = fields.malformed("its buckets are not in order, or one is empty");
        let mut sums = Self::default();
        let mut next = 0;
        for entry in fields.items(count, ENTRY_BYTES)? {
            let mut entry = Fields::new(WHAT, entry);
            let index = usize::from(u16::from_le_bytes(*entry.take()?));
            let rows = entry.u64()?;
            let Some(bucket) = sums.buckets.get_mut(index).filter(|_| index >= next && rows > 0) else {
                return Err(malformed);
            };
            bucket.rows = rows;
            bucket.sum.add(entry.take()?);
            next = index + 1;
        }
        Ok(sums)
    }
}

/// A digest so many times, mod 2²⁵⁶.
fn times(digest: &Digest, factor: u64) -> Digest {
    let mut out = [0; 32];
    let mut carry = 0_u128;
    for (bytes, limb) in out.chunks_exact_mut(8).zip(digest.chunks_exact(8)) {
        let mut word = [0; 8];
        word.copy_from_slice(limb);
        let product = u128::from(u64::from_le_bytes(word)) * u128::from(factor) + carry;
        bytes.copy_from_slice(&(product as u64).to_le_bytes());
        carry = product >> 64;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn element(number: u64, multiplicity: u64) -> Element {
        let digest = *blake3::keyed_hash(&[3; 32], &number.to_le_bytes()).as_bytes();
        let mut tag = [0; 8];
        tag.copy_from_slice(&digest[24..]);
        Element {
            tag,
            digest,
            multiplicity,
        }
    }

    fn sums(elements: impl IntoIterator<Item = Element>) -> BucketSums {
        let mut sums = BucketSums::default();
        elements.into_iter().for_each(|element| sums.add(&element));
        sums
    }

    #[test]
    fn only_the_buckets_of_differing_rows_differ() {
        let all = || (0..5000).map(|number| element(number, 1));
        let without = sums(all().filter(|row| *row != element(77, 1)));
        assert_eq!(
            sums(all()).differing(&without),
            vec![bucket_of(&element(77, 1).tag) as u16]
        );
        assert_eq!(sums(all()).differing(&sums(all())), Vec::<u16>::new());
    }

    #[test]
    fn a_row_that_stands_n_times_counts_n_times() {
        let one_by_one = sums(std::iter::repeat_n(element(5, 1), 70_000));
        assert!(one_by_one.differing(&sums([element(5, 70_000)])).is_empty());
        assert_eq!(one_by_one.row_count(), 70_000);
    }

    #[test]
    fn parts_of_a_table_add_up() {
        let mut left = sums((0..300).map(|number| element(number, 2)));
        left.merge(&sums((300..500).map(|number| element(number, 2))));
        assert!(left
            .differing(&sums((0..500).map(|number| element(number, 2))))
            .is_empty());
    }

    #[test]
    fn a_section_reads_back_and_every_cut_is_refused() {
        let written = sums((0..40).map(|number| element(number, 1))).to_section();
        assert_eq!(BucketSums::from_section(&written).expect("whole").to_section(), written);
        for length in 0..written.len() {
            let cut = BucketSums::from_section(&written[..length]);
            assert!(matches!(cut, Err(Error::Malformed { .. })), "{length} bytes");
        }
    }

    #[test]
    fn buckets_out_of_order_or_beyond_the_last_are_refused() {
        let written = sums((0..40).map(|number| element(number, 1))).to_section();
        let mut swapped = written.clone();
        swapped.copy_within(50..52, 8);
        let mut beyond = written.clone();
        beyond[9] = 0xff;
        let mut empty = written;
        empty[10..18].fill(0);
        for bad in [swapped, beyond, empty] {
            assert!(matches!(BucketSums::from_section(&bad), Err(Error::Malformed { .. })));
        }
    }
}
