//! Trees over small tables: what is shown, what is shown to be absent, what is refused.

use super::*;
use crate::canon::{close_row, encode_cell, open_row};
use crate::cell::Cell;
use crate::program::Rule;
use crate::spill::RecordSorter;
use proptest::prelude::*;

fn profile(keyed: bool) -> Profile {
    let column = |pair: &str| crate::program::ColumnPair {
        pair: pair.into(),
        source: None::<Rule>,
        target: None,
        policies: Vec::new(),
    };
    Profile {
        format: crate::program::PROFILE_FORMAT.into(),
        pair: "t~t".into(),
        columns: vec![column("a"), column("b")],
        key: if keyed { vec![0] } else { Vec::new() },
        unicode: crate::policy::UNICODE_VERSION.into(),
    }
}

fn row(number: i128, text: &str) -> (Vec<u8>, Vec<u8>) {
    let (mut row, mut key) = (Vec::new(), Vec::new());
    let start = open_row(&mut row);
    encode_cell(&Cell::Int(number), &mut key).expect("small");
    row.extend_from_slice(&key);
    encode_cell(&Cell::Text(text), &mut row).expect("small");
    close_row(start, &mut row).expect("small");
    (row, key)
}

fn key(number: i128) -> Vec<u8> {
    row(number, "").1
}

fn tree_of(rows: &[(Vec<u8>, Vec<u8>)], wanted: Vec<Vec<u8>>, keyed: bool) -> Result<RowTree> {
    let secret = DigestKey::new(&[7; 32]).expect("32 bytes");
    let mut pass = RowTreePass::new(&profile(keyed), &secret, keyed, wanted, &SortRoom::new(None));
    for (row, key) in rows {
        pass.row(row, key)?;
    }
    pass.finish()
}

fn rows(count: i128) -> Vec<(Vec<u8>, Vec<u8>)> {
    (0..count).map(|number| row(number * 2, "value")).collect()
}

/// A proof as it comes from its file, with the claim that a certificate makes of the tree.
fn proven(tree: &RowTree) -> (RowProof, CertifiedTree) {
    let file = tree.prove("s", "t").expect("provable").to_bytes();
    (RowProof::read(&file, "p").expect("its own file"), tree.claim("s", "t"))
}

#[test]
fn every_row_is_shown_and_every_gap_is_too() {
    for count in 0..9 {
        let rows = rows(count);
        let root = tree_of(&rows, Vec::new(), true).expect("a key").root;
        for asked in -1..=count * 2 {
            let tree = tree_of(&rows, vec![key(asked)], true).expect("a key");
            assert_eq!((tree.root, tree.size), (root, count as u64));
            let (proof, claim) = proven(&tree);
            let there = asked >= 0 && asked < count * 2 && asked % 2 == 0;
            assert_eq!(
                matches!(proof.evidence, Evidence::Inclusion { .. }),
                there,
                "{asked} of {count}"
            );
            proof.check(&claim, Some(tree.proof_key())).expect("holds");
            assert_eq!(
                proof.check(&claim, None).is_ok(),
                there,
                "only an absence needs the key"
            );
        }
    }
}

#[test]
fn an_inclusion_proof_discloses_its_row_and_no_other_commitment() {
    let tree = tree_of(&rows(5), vec![key(4)], true).expect("a key");
    let (proof, _) = proven(&tree);
    let Evidence::Inclusion { row: shown, .. } = &proof.evidence else {
        panic!("the row is there")
    };
    assert_eq!(*shown, row(4, "value").0);
    let file = proof.to_bytes();
    let secrets = [tree.proof_key().to_vec(), tree.keys.leaf.to_vec()];
    for secret in secrets {
        assert!(!String::from_utf8_lossy(&file).contains(&kora_seal::encoding::hex(&secret)));
    }
}

#[test]
fn without_a_key_a_row_is_its_own_and_equal_ones_are_counted() {
    let mut rows = rows(3);
    rows.push(row(2, "value"));
    let whole = row(2, "value").0;
    let tree = tree_of(&rows, vec![whole], false).expect("counted");
    assert_eq!(tree.size, 3);
    let (proof, claim) = proven(&tree);
    proof.check(&claim, None).expect("holds");
    assert!(matches!(proof.evidence, Evidence::Inclusion { place, .. } if place.leaf.multiplicity == 2));
}

#[test]
fn a_key_that_two_rows_share_is_refused() {
    for second in ["other", "value"] {
        let rows = [row(1, "value"), row(1, second)];
        assert!(
            matches!(tree_of(&rows, Vec::new(), true), Err(Error::Usage(_))),
            "{second}"
        );
    }
}

#[test]
fn every_flipped_byte_of_a_proof_is_refused() {
    for asked in [4, 5, -1, 100] {
        let tree = tree_of(&rows(7), vec![key(asked)], true).expect("a key");
        let (file, claim) = (tree.prove("s", "t").expect("provable").to_bytes(), tree.claim("s", "t"));
        for position in 0..file.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut altered = file.clone();
                altered[position] ^= flip;
                let judged =
                    RowProof::read(&altered, "p").and_then(|proof| proof.check(&claim, Some(tree.proof_key())));
                assert!(judged.is_err(), "key {asked}, byte {position}, {flip:#x}");
            }
        }
    }
}

#[test]
fn a_proof_holds_for_its_own_tree_and_proof_key_alone() {
    let tree = tree_of(&rows(7), vec![key(5)], true).expect("a key");
    let (proof, claim) = proven(&tree);
    let other = tree_of(&rows(8), vec![key(5)], true).expect("a key");
    assert!(proof.check(&other.claim("s", "t"), Some(tree.proof_key())).is_err());
    assert!(proof.check(&claim, Some(&[1; 32])).is_err());
    assert!(proof.check(&other.claim("s", "u"), Some(tree.proof_key())).is_err());
}

#[test]
fn leaves_on_disk_give_the_tree_that_leaves_in_memory_give() {
    let folder = tempfile::tempdir().expect("a folder");
    let (secret, rows) = (DigestKey::new(&[7; 32]).expect("32 bytes"), rows(500));
    let mut pass = RowTreePass::new(&profile(true), &secret, true, vec![key(500)], &SortRoom::new(None));
    pass.sorter = RecordSorter::new(Some(folder.path()), 64 * LEAF_BYTES);
    for (row, key) in rows.iter().rev() {
        pass.row(row, key).expect("room");
    }
    let (spilled, held) = (
        pass.finish().expect("a key"),
        tree_of(&rows, vec![key(500)], true).expect("a key"),
    );
    assert_eq!(spilled.root, held.root);
    assert_eq!(
        spilled.prove("s", "t").expect("provable"),
        held.prove("s", "t").expect("provable")
    );
}

#[test]
fn parts_of_a_table_come_to_the_tree_of_the_whole_and_two_rows_of_one_key_are_still_refused() {
    let secret = DigestKey::new(&[7; 32]).expect("32 bytes");
    let folder = tempfile::tempdir().expect("a folder");
    let room = SortRoom {
        folder: Some(folder.path().to_path_buf()),
        memory_bytes: 2000 * LEAF_BYTES,
    };
    let in_parts = |rows: &[(Vec<u8>, Vec<u8>)], asked: i128| {
        let parts = (0..3).map(|part| {
            let mut pass = RowTreePass::new(&profile(true), &secret, true, vec![key(asked)], &room);
            for (row, key) in rows.iter().skip(part).step_by(3) {
                pass.row(row, key).expect("room");
            }
            pass.finish_part()
        });
        RowTreePart::whole(parts.collect())
    };
    let mut rows = rows(40_000);
    for asked in [2000, 2001] {
        let whole = tree_of(&rows, vec![key(asked)], true).expect("a key");
        let parts = in_parts(&rows, asked).expect("a key");
        assert_eq!((parts.root, parts.size), (whole.root, whole.size));
        assert_eq!(
            parts.prove("s", "t").expect("provable"),
            whole.prove("s", "t").expect("provable")
        );
    }
    rows.push(row(10_000, "another"));
    assert!(matches!(in_parts(&rows, 0), Err(Error::Usage(_))));
    assert!(matches!(RowTreePart::whole(Vec::new()), Err(Error::Usage(_))));
}

proptest! {
    #[test]
    fn whatever_a_proof_file_holds_is_judged_without_a_panic(
        position in 0_usize..2000, bytes in proptest::collection::vec(any::<u8>(), 0..40), cut in any::<bool>(),
    ) {
        let tree = tree_of(&rows(7), vec![key(5)], true).expect("a key");
        let (whole, claim) = (tree.prove("s", "t").expect("provable").to_bytes(), tree.claim("s", "t"));
        let at = position.min(whole.len());
        let end = if cut { whole.len() } else { (at + bytes.len()).min(whole.len()) };
        let altered = [&whole[..at], &bytes, &whole[end..]].concat();
        let judged = RowProof::read(&altered, "p").and_then(|proof| proof.check(&claim, Some(tree.proof_key())));
        prop_assert_eq!(judged.is_ok(), altered == whole);
    }
}
