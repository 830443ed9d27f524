//! The exact second pass: two counted sets of records, joined by the tags of their keys.

use crate::error::Result;
use crate::lanes;
use crate::set_hash::Digest;
use crate::spill::{CountedRecords, Merged, Span};

/// What is counted: a key tag and half a row digest.
pub type Record = Digest;

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
    /// Adds what was found among the tags behind these.
    fn add(&mut self, more: Self, limit: usize) {
        self.mismatch += more.mismatch;
        self.missing_in_target += more.missing_in_target;
        self.extra_in_target += more.extra_in_target;
        let room = limit.saturating_sub(self.samples.len());
        self.samples.extend(more.samples.into_iter().take(room));
    }

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

/// Joins two sets of records (key tag, half row digest), with as many threads as sorters made them. Memory does not
/// depend on how many rows share a key.
pub fn compare_records(source: &CountedRecords, target: &CountedRecords, limit: usize) -> Result<SpillDifference> {
    let threads = source.sorters().max(target.sorters());
    let spans = if threads > 1 {
        source.span_count().max(target.span_count())
    } else {
        1
    };
    let mut difference = SpillDifference::default();
    let join = |number| compare_span(source, target, &Span::number(number, spans), limit);
    lanes::in_order(0..spans, threads, join, |more| {
        difference.add(more, limit);
        Ok(())
    })?;
    Ok(difference)
}

/// A span holds all rows of each key whose tag begins there.
fn compare_span(
    source: &CountedRecords,
    target: &CountedRecords,
    span: &Span,
    limit: usize,
) -> Result<SpillDifference> {
    let (mut left, mut right) = (source.within(span)?, target.within(span)?);
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
    use crate::spill::RecordSorter;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::path::Path;

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

    proptest! {
        #![proptest_config(crate::cases(64))]
        #[test]
        fn sides_that_several_sorters_took_differ_as_those_of_one(
            source in prop::collection::vec((any::<u8>(), 0_u8..3, 0_usize..5), 0..200),
            target in prop::collection::vec((any::<u8>(), 0_u8..3, 0_usize..3), 0..200),
            limit in 1_usize..30,
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let in_parts = |rows: &[(u8, u8, usize)], sorters: usize| {
                CountedRecords::merged((0..sorters).map(|sorter| {
                    let mine: Vec<(u8, u8)> = rows.iter().filter(|row| row.2 == sorter).map(|row| (row.0, row.1)).collect();
                    counted(&mine, Some(folder.path()), limit)
                }))
            };
            let plain = |rows: &[(u8, u8, usize)]| -> Vec<(u8, u8)> { rows.iter().map(|row| (row.0, row.1)).collect() };
            let (left, right) = (in_parts(&source, 5), in_parts(&target, 3));
            let whole = (counted(&plain(&source), None, 1000), counted(&plain(&target), None, 1000));
            for listed in [0, 7, 1000] {
                prop_assert_eq!(
                    compare_records(&left, &right, listed).expect("the folder is readable"),
                    compare_records(&whole.0, &whole.1, listed).expect("in memory")
                );
            }
            // The same join in many spans, although so few records fill none.
            let mut in_spans = SpillDifference::default();
            for number in 0..37 {
                in_spans.add(compare_span(&left, &right, &Span::number(number, 37), 7).expect("readable"), 7);
            }
            prop_assert_eq!(in_spans, compare_records(&whole.0, &whole.1, 7).expect("in memory"));
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
