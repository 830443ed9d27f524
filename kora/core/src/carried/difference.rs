//! From rows that stand on one side only to keys that differ: what tier 2 and tier 3 both end in.

use std::collections::BTreeMap;

use crate::carried::element::{Element, Tag};
use crate::program::Side;

/// The first half of a row digest: enough to tell rows apart, and all that tier 3 lists.
pub type HalfDigest = [u8; 16];

/// An element that one side has and the other has not.
pub type OneSided = (Side, Element);

/// One key whose rows differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDifference {
    /// The key's tag.
    pub tag: Tag,
    /// Rows that only the source has, with how many of each are left when equal rows have cancelled.
    pub source: Vec<(HalfDigest, u64)>,
    /// Rows that only the target has.
    pub target: Vec<(HalfDigest, u64)>,
}

impl KeyDifference {
    /// Mismatches, missing and extra rows: of `a` rows left here and `b` there, the smaller number are mismatches.
    pub fn counts(&self) -> Counts {
        let sum = |rows: &[(HalfDigest, u64)]| rows.iter().fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        Counts::of(sum(&self.source), sum(&self.target))
    }
}

/// Rows that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of one key on both sides, with other content.
    pub mismatch: u64,
    /// Rows that the target has not.
    pub missing_in_target: u64,
    /// Rows that the source has not.
    pub extra_in_target: u64,
}

impl Counts {
    /// Of `source` and `target` rows left under one key.
    pub fn of(source: u64, target: u64) -> Self {
        let paired = source.min(target);
        Self {
            mismatch: paired,
            missing_in_target: source - paired,
            extra_in_target: target - paired,
        }
    }

    /// Adds another key's.
    pub fn add(&mut self, other: Self) {
        self.mismatch = self.mismatch.saturating_add(other.mismatch);
        self.missing_in_target = self.missing_in_target.saturating_add(other.missing_in_target);
        self.extra_in_target = self.extra_in_target.saturating_add(other.extra_in_target);
    }
}

/// Groups one-sided elements by key, in the order of their tags. A row that stands on both sides with other
/// multiplicities counts with what one side has more.
pub fn by_key(found: &[OneSided]) -> Vec<KeyDifference> {
    let mut rows: BTreeMap<(Tag, HalfDigest), (u64, u64)> = BTreeMap::new();
    for (side, element) in found {
        let mut half = [0; 16];
        half.copy_from_slice(&element.digest[..16]);
        let (source, target) = rows.entry((element.tag, half)).or_default();
        let sum = if *side == Side::Source { source } else { target };
        *sum = sum.saturating_add(element.multiplicity);
    }
    let mut keys: Vec<KeyDifference> = Vec::new();
    for ((tag, half), (source, target)) in rows {
        if keys.last().is_none_or(|key| key.tag != tag) {
            keys.push(KeyDifference {
                tag,
                ..KeyDifference::default()
            });
        }
        if let Some(key) = keys.last_mut() {
            if source > target {
                key.source.push((half, source - target));
            } else if target > source {
                key.target.push((half, target - source));
            }
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, digest: u8, multiplicity: u64) -> Element {
        Element {
            tag: [tag; 8],
            digest: [digest; 32],
            multiplicity,
        }
    }

    fn counts(found: &[OneSided]) -> (u64, u64, u64) {
        let mut sum = Counts::default();
        by_key(found).iter().for_each(|key| sum.add(key.counts()));
        (sum.mismatch, sum.missing_in_target, sum.extra_in_target)
    }

    #[test]
    fn one_row_of_a_key_on_each_side_is_one_mismatch() {
        let found = [(Side::Source, element(1, 1, 1)), (Side::Target, element(1, 2, 1))];
        assert_eq!(counts(&found), (1, 0, 0));
    }

    #[test]
    fn three_rows_against_one_are_a_mismatch_and_two_missing() {
        let found = [
            (Side::Source, element(1, 1, 2)),
            (Side::Source, element(1, 3, 1)),
            (Side::Target, element(1, 2, 1)),
        ];
        assert_eq!(counts(&found), (1, 2, 0));
    }

    #[test]
    fn the_same_row_with_another_multiplicity_is_missing_or_extra() {
        let found = [(Side::Source, element(1, 1, 5)), (Side::Target, element(1, 1, 2))];
        assert_eq!(counts(&found), (0, 3, 0));
        assert_eq!(by_key(&found)[0].source, vec![([1; 16], 3)]);
        let more = [(Side::Source, element(1, 1, 2)), (Side::Target, element(1, 1, 5))];
        assert_eq!(counts(&more), (0, 0, 3));
    }

    #[test]
    fn rows_of_different_keys_are_never_paired() {
        let found = [(Side::Source, element(1, 1, 1)), (Side::Target, element(2, 2, 1))];
        assert_eq!(counts(&found), (0, 1, 1));
    }
}
