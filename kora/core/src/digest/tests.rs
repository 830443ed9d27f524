//! Digests of tables in memory: what they say of each other, and what parts of them come to.

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
        room: SortRoom::new(None),
    })
}

/// The same rows as [`digest`], each in the part that `part_of` names.
fn digest_in_parts(
    rows: &[(Vec<u8>, Vec<u8>)],
    keyed: bool,
    root: Option<RootOptions>,
    parts: usize,
    part_of: impl Fn(usize) -> usize,
) -> TableDigest {
    let profile = profile(if keyed { vec![0] } else { vec![] });
    let parts = (0..parts).map(|part| {
        let mut pass = TablePass::new(&profile, &live(), root.clone());
        for (row, key) in (0..rows.len())
            .filter(|place| part_of(*place) == part)
            .map(|place| &rows[place])
        {
            pass.row(row, if keyed { key } else { b"" })
                .expect("the folder takes all");
        }
        pass.finish_part().expect("the folder takes all")
    });
    TablePart::whole(parts.collect()).expect("parts of one table")
}

fn same(one: &TableDigest, other: &TableDigest) -> bool {
    let facts = |digest: &TableDigest| {
        let TableDigest {
            comparison,
            row_count,
            byte_count,
            live_sum,
            root,
            ..
        } = digest;
        (
            *comparison,
            *row_count,
            *byte_count,
            *live_sum,
            *root,
            digest.sketch.is_some(),
        )
    };
    let difference = Difference::between(one, other).expect("one key");
    // A sketch that were not the other's would not peel to nothing.
    let residue = match (&one.sketch, &other.sketch) {
        (Some(left), Some(right)) => left.difference(right) == Some(crate::sketch::Peeled::default()),
        _ => true,
    };
    facts(one) == facts(other) && difference.equal && residue
}

#[test]
fn a_part_with_a_long_key_leaves_the_whole_comparable_but_not_decoded() {
    let mut rows = table(20);
    rows[7].1 = vec![7; 40];
    let whole = digest_in_parts(&rows, true, root(2), 3, |place| place % 3);
    assert!(whole.sketch.is_none());
    assert!(same(&whole, &digest(&rows, true, root(2))));
}

#[test]
fn parts_under_different_keys_are_no_table_and_none_are_neither() {
    let part = |key: u8| {
        let key = DigestKey::new(&[key; 32]).expect("32 bytes");
        TablePass::new(&profile(vec![0]), &key, None)
            .finish_part()
            .expect("in memory")
    };
    assert!(matches!(TablePart::whole(vec![part(1), part(2)]), Err(Error::Usage(_))));
    assert!(matches!(TablePart::whole(vec![]), Err(Error::Usage(_))));
}

#[test]
fn a_root_of_many_spans_is_that_of_one_sorter() {
    let rows: Vec<_> = (0..60_000).map(|number| row(number % 55_000, "")).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let room = SortRoom {
        folder: Some(folder.path().to_path_buf()),
        memory_bytes: 100_000,
    };
    let spilling = root(2).map(|options| RootOptions { room, ..options });
    let in_parts = digest_in_parts(&rows, true, spilling, 4, |place| place % 4);
    assert!(same(&in_parts, &digest(&rows, true, root(2))));
}

proptest! {
    #![proptest_config(crate::cases(32))]
    #[test]
    fn parts_of_a_table_come_to_the_digest_of_the_whole(
        numbers in prop::collection::vec((0_u64..60, 0_usize..5), 0..150),
        keyed in any::<bool>(), limit in 1_usize..60, root_key in 1_u8..3,
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let rows: Vec<_> = numbers.iter().map(|(number, _)| row(*number, &"y".repeat(*number as usize * 4))).collect();
        let spilling = root(root_key).map(|options| RootOptions {
            room: SortRoom { folder: Some(folder.path().to_path_buf()), memory_bytes: limit * 32 },
            ..options
        });
        let in_parts = digest_in_parts(&rows, keyed, spilling, 5, |place| numbers[place].1);
        prop_assert!(same(&in_parts, &digest(&rows, keyed, root(root_key))));
    }
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
