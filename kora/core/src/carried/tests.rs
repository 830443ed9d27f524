//! Whole fingerprints against each other, and the property that everything rests on: what decodes is exactly A △ B.

use std::collections::HashMap;

use proptest::prelude::*;

use crate::carried::buckets::BucketSums;
use crate::carried::difference::{by_key, Counts, OneSided};
use crate::carried::element::Element;
use crate::carried::pass::{CarriedDigest, CarriedOptions, CarriedPart, CarriedPass};
use crate::carried::records::{join, BucketSet, RecordList};
use crate::carried::sketch::{symbols_for, CarriedSketch, Reconciled, Symbols};
use crate::digest::{RootOptions, TablePass};
use crate::error::Error;
use crate::keys::{DigestKey, SecretKey};
use crate::program::{Profile, Side};
use crate::set_hash::LtHash;
use crate::spill::SortRoom;

const KEY: [u8; 32] = [5; 32];

fn element(number: u64, multiplicity: u64) -> Element {
    let digest = *blake3::keyed_hash(&[3; 32], &number.to_le_bytes()).as_bytes();
    let mut tag = [0; 8];
    tag.copy_from_slice(&blake3::keyed_hash(&[4; 32], &(number >> 1).to_le_bytes()).as_bytes()[..8]);
    Element {
        tag,
        digest,
        multiplicity,
    }
}

fn sketch(elements: impl IntoIterator<Item = Element>, symbols: usize) -> CarriedSketch {
    let (sketch_key, element_key) = (SecretKey::new(KEY), SecretKey::new([6; 32]));
    let mut hash = LtHash::new(element_key.clone());
    let mut sums = Symbols::new(symbols);
    for element in elements {
        hash.add(&element.digest, element.multiplicity);
        sums.add(&element, element.mark(&sketch_key));
    }
    CarriedSketch {
        sketch_key,
        element_key,
        hash,
        symbols: sums,
        aggregated: true,
    }
}

fn decoded(source: &CarriedSketch, target: &CarriedSketch) -> Option<Vec<OneSided>> {
    match source.reconcile(target).expect("honest sketches") {
        Reconciled::Decoded(mut found) => {
            found.sort_by_key(|(side, element)| (*side == Side::Target, *element));
            Some(found)
        }
        Reconciled::NotDecoded(_) => None,
    }
}

/// `shared` rows on both sides and `different` that only one of them has.
fn differing(shared: u64, different: u64) -> (Vec<Element>, Vec<Element>, Vec<OneSided>) {
    let common = || (0..shared).map(|number| element(number, 1));
    let only = |side: Side| {
        let parity = u64::from(side == Side::Target);
        (shared..shared + different)
            .filter(move |number| number % 2 == parity)
            .map(|number| element(number, 1))
    };
    let mut expected: Vec<OneSided> = only(Side::Source).map(|element| (Side::Source, element)).collect();
    expected.extend(only(Side::Target).map(|element| (Side::Target, element)));
    expected.sort_by_key(|(side, element)| (*side == Side::Target, *element));
    (
        common().chain(only(Side::Source)).collect(),
        common().chain(only(Side::Target)).collect(),
        expected,
    )
}

#[test]
fn differences_of_every_size_up_to_two_thousand_come_out_exactly() {
    for (shared, different) in [
        (0, 0),
        (0, 1),
        (1, 0),
        (5000, 1),
        (5000, 10),
        (5000, 100),
        (5000, 1000),
        (0, 2000),
    ] {
        let (source, target, expected) = differing(shared, different);
        let symbols = symbols_for(different);
        let found = decoded(&sketch(source, symbols), &sketch(target, symbols));
        assert_eq!(
            found.as_ref(),
            Some(&expected),
            "{shared} shared, {different} different"
        );
    }
}

/// Half a minute in a debug build: `cargo test --release -p kora-core carried -- --ignored`.
#[test]
#[ignore = "sizes to a million rows and a hundred thousand differences take a while"]
fn a_million_rows_with_a_hundred_thousand_differences_come_out_exactly() {
    for different in [0, 1, 10, 100, 1000, 10_000, 100_000] {
        let (source, target, expected) = differing(1_000_000, different);
        let symbols = symbols_for(different);
        let found = decoded(&sketch(source, symbols), &sketch(target, symbols));
        assert!(found.as_ref() == Some(&expected), "{different} different rows");
    }
}

/// How often the lengths that [`symbols_for`] proposes suffice; run with `--nocapture` for the figures.
#[test]
#[ignore = "hundreds of trials take a while"]
fn the_proposed_length_decodes_in_at_least_99_of_100_trials() {
    for (different, trials) in [
        (1_u64, 2000_u64),
        (2, 2000),
        (10, 2000),
        (30, 2000),
        (100, 1000),
        (1000, 300),
        (4600, 100),
    ] {
        let symbols = symbols_for(different);
        let failed = (0..trials)
            .filter(|trial| {
                let rows = (0..different).map(|number| element(trial << 32 | number, 1));
                decoded(&sketch(rows, symbols), &sketch([], symbols)).is_none()
            })
            .count();
        println!("{different} differences, {symbols} symbols: {failed} of {trials} failed");
        assert!(failed as u64 * 100 <= trials, "{different}: {failed} of {trials}");
    }
}

#[test]
fn too_many_differences_are_said_to_be_and_never_guessed() {
    let (source, target, expected) = differing(1000, 2000);
    let (source, target) = (sketch(source, 300), sketch(target, 300));
    let Reconciled::NotDecoded(partial) = source.reconcile(&target).expect("honest sketches") else {
        panic!("2,000 differences cannot come out of 300 symbols");
    };
    assert!(partial.iter().all(|found| expected.contains(found)));
}

#[test]
fn a_sketch_that_empties_without_explaining_both_sets_is_not_believed() {
    let (source, target, _) = differing(100, 10);
    let (source, mut target) = (sketch(source, 200), sketch(target, 200));
    target.hash.add(&[9; 32], 1);
    assert_eq!(decoded(&source, &target), None);
}

#[test]
fn equal_rows_in_numbers_are_one_element_each_side_with_its_multiplicity() {
    let source = sketch([element(1, 65_536), element(2, 1)], 64);
    let target = sketch([element(1, 65_535), element(2, 1)], 64);
    let found = decoded(&source, &target).expect("two elements");
    assert_eq!(
        found,
        vec![(Side::Source, element(1, 65_536)), (Side::Target, element(1, 65_535))]
    );
    assert_eq!(by_key(&found)[0].counts(), Counts::of(1, 0));
}

#[test]
fn sketches_of_different_lengths_compare_by_their_common_beginning() {
    let (source, target, expected) = differing(500, 40);
    assert_eq!(decoded(&sketch(source, 1000), &sketch(target, 200)), Some(expected));
}

#[test]
fn parts_of_a_table_add_up() {
    let (source, _, _) = differing(500, 0);
    let mut left = sketch(source[..200].to_vec(), 100).symbols;
    left.merge(&sketch(source[200..].to_vec(), 100).symbols)
        .expect("one length");
    assert_eq!(left, sketch(source, 100).symbols);
    assert!(matches!(left.merge(&Symbols::new(7)), Err(Error::Usage(_))));
}

#[test]
fn a_sketch_in_which_one_row_comes_out_twice_is_malformed() {
    let key = SecretKey::new(KEY);
    let in_both = |row: &Element| row.mark(&key).places(2).count() == 2;
    let row = (0..)
        .map(|number| element(number, 1))
        .find(in_both)
        .expect("every second row");
    let mut written = sketch([row], 2).to_section();
    // Symbol 1 holds the row twice: when it came out of symbol 0, one copy is left to come out again.
    let start = written.len() - 64;
    let mut digest = [0; 32];
    digest.copy_from_slice(&written[start..start + 32]);
    written[start..start + 32].copy_from_slice(&crate::set_hash::set_digest([&digest, &digest]));
    for word in written[start + 32..].chunks_exact_mut(8) {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        word.copy_from_slice(&u64::from_le_bytes(eight).wrapping_mul(2).to_le_bytes());
    }
    let forged = CarriedSketch::from_section(&written).expect("well formed");
    assert!(matches!(forged.reconcile(&sketch([], 2)), Err(Error::Malformed { .. })));
}

#[test]
fn a_section_reads_back_and_every_cut_or_foreign_flag_is_refused() {
    let (source, _, _) = differing(20, 10);
    let whole = sketch(source, 9);
    for aggregated in [true, false] {
        let whole = CarriedSketch {
            aggregated,
            ..whole.clone()
        };
        let written = whole.to_section();
        let back = CarriedSketch::from_section(&written).expect("whole");
        assert_eq!((&back.symbols, back.to_section()), (&whole.symbols, written.clone()));
        for length in 0..written.len() {
            let cut = CarriedSketch::from_section(&written[..length]);
            assert!(matches!(cut, Err(Error::Malformed { .. })), "{length} bytes");
        }
        let mut flagged = written;
        flagged[1] |= 2;
        assert!(matches!(
            CarriedSketch::from_section(&flagged),
            Err(Error::Malformed { .. })
        ));
    }
}

#[test]
fn a_head_that_claims_more_symbols_than_the_limit_takes_no_memory() {
    let mut written = sketch([], 1).to_section();
    written[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(CarriedSketch::from_section(&written), Err(Error::Limit(_))));
}

#[test]
fn sketches_under_other_keys_are_refused() {
    let other = CarriedSketch {
        sketch_key: SecretKey::new([1; 32]),
        ..sketch([], 4)
    };
    assert!(matches!(sketch([], 4).reconcile(&other), Err(Error::Usage(_))));
}

fn profile(key: &str) -> Profile {
    let text = format!(
        r#"{{"format":"kora-profile-1","pair":"t","columns":[{{"pair":"id","policies":[]}},{{"pair":"name","policies":[]}}],"key":{key},"unicode":"18.0"}}"#
    );
    Profile::from_json(&text).expect("a profile")
}

fn framed(number: u64, text: &str) -> (Vec<u8>, Vec<u8>) {
    let mut row = number.to_be_bytes().to_vec();
    row.extend_from_slice(text.as_bytes());
    (row, number.to_be_bytes().to_vec())
}

fn fingerprint(rows: &[(Vec<u8>, Vec<u8>)], keyed: bool, unique: bool) -> CarriedDigest {
    fingerprint_of_parts(rows, keyed, unique, 1)
}

fn fingerprint_of_parts(rows: &[(Vec<u8>, Vec<u8>)], keyed: bool, unique: bool, parts: usize) -> CarriedDigest {
    let options = CarriedOptions {
        tier: 3,
        symbols: 1024,
        unique,
        room: SortRoom::new(None),
    };
    let key = DigestKey::new(&KEY).expect("32 bytes");
    let parts = (0..parts).map(|part| {
        let mut pass = CarriedPass::new(&profile(if keyed { "[0]" } else { "[]" }), &key, &options);
        for (row, key) in rows.iter().skip(part).step_by(parts) {
            pass.row(row, if keyed { key } else { b"" }).expect("in memory");
        }
        pass.finish_part().expect("in memory")
    });
    CarriedPart::whole(parts.collect()).expect("parts of one table")
}

fn counts(source: &CarriedDigest, target: &CarriedDigest) -> Option<(u64, u64, u64)> {
    let (left, right) = (source.sketch.as_ref()?, target.sketch.as_ref()?);
    let mut sum = Counts::default();
    by_key(&decoded(left, right)?)
        .iter()
        .for_each(|key| sum.add(key.counts()));
    Some((sum.mismatch, sum.missing_in_target, sum.extra_in_target))
}

#[test]
fn an_altered_a_missing_and_an_extra_row_are_counted_from_two_fingerprints() {
    let source: Vec<_> = (0..500).map(|number| framed(number, "x")).collect();
    let mut target = source.clone();
    target[7] = framed(7, "y");
    target.remove(100);
    target.push(framed(900, "z"));
    for unique in [true, false] {
        let pair = (fingerprint(&source, true, unique), fingerprint(&target, true, true));
        assert_eq!(counts(&pair.0, &pair.1), Some((1, 1, 1)));
        let buckets = pair
            .0
            .buckets
            .as_ref()
            .expect("tier 1")
            .differing(pair.1.buckets.as_ref().expect("tier 1"));
        assert_eq!(buckets.len(), 3);
    }
    let keyless = (fingerprint(&source, false, false), fingerprint(&target, false, false));
    assert_eq!(counts(&keyless.0, &keyless.1), Some((0, 2, 2)));
}

#[test]
fn copies_of_a_row_in_a_table_without_a_key_are_counted() {
    let copies = |count: usize| fingerprint(&vec![framed(1, "same"); count], false, false);
    assert_eq!(counts(&copies(65_536), &copies(0)), Some((0, 65_536, 0)));
    assert_eq!(counts(&copies(2), &copies(5)), Some((0, 0, 3)));
}

#[test]
fn parts_of_a_table_come_to_the_fingerprint_of_the_whole() {
    let mut rows: Vec<_> = (0..500).map(|number| framed(number, "x")).collect();
    let sections = |digest: &CarriedDigest| {
        let mut list = Vec::new();
        let path = std::path::Path::new("list");
        let written = digest.write_list(&BucketSet::ALL, &mut list, path).expect("in memory");
        let buckets = digest.buckets.as_ref().expect("tier 1").to_section();
        let sketch = digest.sketch.as_ref().expect("tier 2").to_section();
        (digest.row_count, digest.root, buckets, sketch, list, written)
    };
    for (keyed, unique) in [(true, true), (true, false), (false, false)] {
        let parts = fingerprint_of_parts(&rows, keyed, unique, 4);
        assert_eq!(sections(&parts), sections(&fingerprint(&rows, keyed, unique)));
        // Equal rows in different parts; only where rows may repeat.
        rows.extend_from_within(0..77);
        if !unique {
            let parts = fingerprint_of_parts(&rows, keyed, unique, 4);
            assert_eq!(sections(&parts), sections(&fingerprint(&rows, keyed, unique)));
        }
        rows.truncate(500);
    }
    assert!(matches!(CarriedPart::whole(Vec::new()), Err(Error::Usage(_))));
}

#[test]
fn the_root_is_the_one_that_a_verification_computes() {
    let rows: Vec<_> = (0..300).map(|number| framed(number % 200, "x")).collect();
    let key = DigestKey::new(&KEY).expect("32 bytes");
    let root = RootOptions {
        key: key.clone(),
        room: SortRoom::new(None),
    };
    let mut pass = TablePass::new(&profile("[0]"), &DigestKey::random().expect("randomness"), Some(root));
    rows.iter()
        .for_each(|(row, key)| pass.row(row, key).expect("in memory"));
    let verified = pass.finish().expect("in memory").root;
    assert_eq!(verified, Some(fingerprint(&rows, true, false).root));
}

proptest! {
    #![proptest_config(crate::cases(48))]
    #[test]
    fn decoding_gives_exactly_the_symmetric_difference_of_multisets(
        source in prop::collection::vec(0_u64..400, 0..600),
        target in prop::collection::vec(0_u64..400, 0..600),
    ) {
        let count = |rows: &[u64]| {
            let mut counted: HashMap<u64, u64> = HashMap::new();
            rows.iter().for_each(|row| *counted.entry(*row).or_default() += 1);
            counted
        };
        let (left, right) = (count(&source), count(&target));
        let one_sided = |mine: &HashMap<u64, u64>, theirs: &HashMap<u64, u64>, side: Side| -> Vec<OneSided> {
            let differs = mine.iter().filter(|(row, count)| theirs.get(row) != Some(count));
            differs.map(|(row, count)| (side, element(*row, *count))).collect()
        };
        let mut expected = one_sided(&left, &right, Side::Source);
        expected.extend(one_sided(&right, &left, Side::Target));
        expected.sort_by_key(|(side, element)| (*side == Side::Target, *element));
        let elements = |rows: &HashMap<u64, u64>| rows.iter().map(|(row, count)| element(*row, *count)).collect::<Vec<_>>();
        let symbols = 3000;
        prop_assert_eq!(decoded(&sketch(elements(&left), symbols), &sketch(elements(&right), symbols)), Some(expected));
    }

    #[test]
    fn any_bytes_at_all_are_refused_or_give_a_bounded_answer(
        mut bytes in prop::collection::vec(any::<u8>(), 0..600), symbols in 0_usize..9, at in any::<prop::sample::Index>(), noise in any::<u8>(),
    ) {
        let _ = CarriedSketch::from_section(&bytes);
        let _ = BucketSums::from_section(&bytes);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("list");
        std::fs::write(&path, &bytes).expect("room");
        let list = || {
            let file = std::fs::File::open(&path).expect("written");
            RecordList::open(file, path.clone(), 0, bytes.len() as u64)
        };
        if let (Ok(left), Ok(right)) = (list(), list()) {
            let _ = join(left, right, 3);
        }
        let mut forged = sketch((0..5).map(|number| element(number, 1)), symbols).to_section();
        let place = at.index(forged.len());
        forged[place] ^= noise;
        bytes.truncate(forged.len());
        let length = forged.len();
        forged[length - bytes.len().min(64 * symbols)..].copy_from_slice(&bytes[..bytes.len().min(64 * symbols)]);
        if let Ok(forged) = CarriedSketch::from_section(&forged) {
            let honest = sketch((3..9).map(|number| element(number, 1)), symbols);
            let _ = forged.reconcile(&honest);
        }
    }
}
