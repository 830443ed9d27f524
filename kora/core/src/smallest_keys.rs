//! Keys of the rows whose tags are the smallest of their side, kept in bounded memory while a table is read.
//!
//! Tags are evenly spread under a secret, so the rows with the smallest ones are a fair sample, and both sides keep the
//! same. A join in the order of tags lists its first differences among them: where many rows differ, their keys are
//! known by then, and no further scan is needed to name them.
//! Source: Cohen, Kaplan, "Summarizing data using bottom-k sketches" (2007).

use crate::second_pass::KeyTag;

/// Keys that are kept of one side, at most.
const KEPT_KEYS: usize = 1 << 15;
/// Longest key that is kept, in bytes of canonical cells.
const KEY_LIMIT_BYTES: usize = 64;

/// Keeps the keys below a tag that falls as more come.
#[derive(Default)]
pub struct SmallestKeys {
    kept: Vec<(KeyTag, Box<[u8]>)>,
    /// Keys of tags from here on are not kept. `None`: all are.
    end: Option<KeyTag>,
}

impl SmallestKeys {
    /// One row's key.
    #[inline]
    pub fn offer(&mut self, tag: KeyTag, key: &[u8]) {
        if self.end.is_none_or(|end| tag < end) {
            self.keep(tag, key);
        }
    }

    fn keep(&mut self, tag: KeyTag, key: &[u8]) {
        if key.len() > KEY_LIMIT_BYTES {
            self.end = Some(tag);
            self.kept.retain(|(kept, _)| *kept < tag);
            return;
        }
        self.kept.push((tag, key.into()));
        if self.kept.len() >= 2 * KEPT_KEYS {
            self.settle();
        }
    }

    /// Sorts, keeps each tag once, and lets go of what is over the limit.
    fn settle(&mut self) {
        self.kept.sort_unstable_by_key(|(tag, _)| *tag);
        self.kept.dedup_by_key(|(tag, _)| *tag);
        if let Some((end, _)) = self.kept.get(KEPT_KEYS) {
            self.end = Some(*end);
            self.kept.truncate(KEPT_KEYS);
        }
    }

    /// Ready to be asked.
    pub fn finish(mut self) -> Self {
        self.settle();
        self
    }

    /// What was kept of all parts of one table: the same keys as if one had seen it whole.
    pub fn merged(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::default();
        for part in parts {
            whole.end = whole.end.into_iter().chain(part.end).min();
            whole.kept.extend(part.kept);
        }
        if let Some(end) = whole.end {
            whole.kept.retain(|(tag, _)| *tag < end);
        }
        whole.finish()
    }

    /// The key with this tag, if it was kept.
    pub fn get(&self, tag: &KeyTag) -> Option<&[u8]> {
        let place = self.kept.binary_search_by_key(tag, |(kept, _)| *kept).ok()?;
        self.kept.get(place).map(|(_, key)| &**key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: u32) -> KeyTag {
        *blake3::hash(&number.to_le_bytes())
            .as_bytes()
            .first_chunk()
            .expect("16 of 32 bytes")
    }

    fn kept(numbers: impl Iterator<Item = u32>) -> SmallestKeys {
        let mut keys = SmallestKeys::default();
        numbers.for_each(|number| keys.offer(tag(number), &number.to_le_bytes()));
        keys.finish()
    }

    #[test]
    fn of_many_keys_those_with_the_smallest_tags_are_kept_and_no_others() {
        let count = 5 * KEPT_KEYS as u32;
        let keys = kept(0..count);
        let mut numbers: Vec<u32> = (0..count).collect();
        numbers.sort_by_key(|number| tag(*number));
        for (rank, number) in numbers.iter().enumerate() {
            let bytes = number.to_le_bytes();
            assert_eq!(
                keys.get(&tag(*number)),
                (rank < KEPT_KEYS).then_some(&bytes[..]),
                "rank {rank}"
            );
        }
    }

    #[test]
    fn keys_of_several_parts_are_those_of_the_whole_however_uneven_the_parts() {
        let count = 5 * KEPT_KEYS as u32;
        let whole = kept(0..count);
        for cut in [0, 10, count / 3, count] {
            let merged = SmallestKeys::merged([kept(0..cut), kept(cut..count), kept(0..0)]);
            assert!(merged.kept == whole.kept, "cut at {cut}");
        }
        let few = SmallestKeys::merged([kept(0..5), kept(3..9)]);
        assert!(few.kept == kept(0..9).kept);
    }

    #[test]
    fn where_one_part_met_a_key_that_is_too_long_nothing_from_there_on_is_claimed() {
        let mut cut = SmallestKeys::default();
        cut.offer([2; 16], &[0; KEY_LIMIT_BYTES + 1]);
        let mut other = SmallestKeys::default();
        other.offer([1; 16], b"one");
        other.offer([3; 16], b"three");
        let keys = SmallestKeys::merged([other.finish(), cut.finish()]);
        let known: Vec<bool> = (1..=3).map(|byte| keys.get(&[byte; 16]).is_some()).collect();
        assert_eq!(known, [true, false, false]);
    }

    #[test]
    fn a_key_that_comes_without_end_takes_no_more_room_than_one() {
        let keys = kept((0..).take(6 * KEPT_KEYS).map(|row| row % 3));
        assert_eq!(keys.kept.len(), 3);
        assert_eq!(keys.get(&tag(2)), Some(&2_u32.to_le_bytes()[..]));
    }

    #[test]
    fn from_a_key_that_is_too_long_on_nothing_is_claimed() {
        let mut keys = SmallestKeys::default();
        keys.offer([1; 16], b"one");
        keys.offer([3; 16], b"three");
        keys.offer([2; 16], &[0; KEY_LIMIT_BYTES + 1]);
        keys.offer([2; 16], b"two");
        let keys = keys.finish();
        let known: Vec<bool> = (1..=3).map(|byte| keys.get(&[byte; 16]).is_some()).collect();
        assert_eq!(known, [true, false, false]);
    }
}
