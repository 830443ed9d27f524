//! RFC 6962 trees against published vectors, and against the RFC's own recursive definition.
//!
//! The eight leaves, the nine roots and the proofs are those of the Certificate Transparency reference implementation
//! (google/certificate-transparency, `cpp/merkletree/merkle_tree_test.cc`; today transparency-dev/merkle, `testonly`).

use kora_seal::merkle::{
    check_consistency, consistency_ranges, empty_root, leaf_hash, node_hash, path_ranges, root_from_path, Frontier,
    Hash, Range, RangeHasher,
};
use proptest::prelude::*;

const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
/// Leaf number, tree size, audit path.
const PATHS: [(u64, u64, &[&str]); 3] = [
    (0, 1, &[]),
    (
        0,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];
/// Old size, new size, consistency proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

fn hash(text: &str) -> Hash {
    hex::decode(text).expect("hex").try_into().expect("32 bytes")
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| hash(text)).collect()
}

fn published_leaves() -> Vec<Hash> {
    LEAVES
        .iter()
        .map(|leaf| leaf_hash(&hex::decode(leaf).expect("hex")))
        .collect()
}

fn nodes(leaves: &[Hash], ranges: &[Range]) -> Vec<Hash> {
    let mut hasher = RangeHasher::new(ranges);
    leaves.iter().for_each(|leaf| hasher.push(*leaf));
    hasher.finish()
}

/// MTH(D[n]) as RFC 6962 §2.1 writes it down.
fn definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [only] => *only,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&definition(left), &definition(right))
        }
    }
}

fn root(leaves: &[Hash]) -> Hash {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    assert_eq!(tree.size(), leaves.len() as u64);
    tree.root()
}

#[test]
fn every_published_tree_has_its_published_root() {
    let leaves = published_leaves();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(root(&leaves[..size]), hash(expected), "{size} leaves");
    }
}

#[test]
fn published_audit_paths_are_made_and_hold() {
    let leaves = published_leaves();
    for (index, size, path) in PATHS {
        let made = nodes(
            &leaves[..size as usize],
            &path_ranges(index, size).expect("in the tree"),
        );
        assert_eq!(made, hashes(path), "leaf {index} of {size}");
        let reached = root_from_path(&leaves[index as usize], index, size, &made).expect("its length");
        assert_eq!(reached, hash(ROOTS[size as usize]));
    }
}

#[test]
fn published_consistency_proofs_are_made_and_hold() {
    let leaves = published_leaves();
    for (old, size, proof) in CONSISTENCY {
        let made = nodes(&leaves[..size as usize], &consistency_ranges(old, size).expect("grew"));
        assert_eq!(made, hashes(proof), "{old} to {size}");
        let (before, after) = (hash(ROOTS[old as usize]), hash(ROOTS[size as usize]));
        check_consistency(old, &before, size, &after, &made).expect("it was appended to");
        let other = hash(ROOTS[if old == 3 { 4 } else { 3 }]);
        assert!(check_consistency(old, &other, size, &after, &made).is_err());
    }
}

#[test]
fn a_leaf_that_is_not_there_has_no_path() {
    assert!(path_ranges(8, 8).is_err() && path_ranges(0, 0).is_err());
    assert!(root_from_path(&[0; 32], 8, 8, &[]).is_err());
    assert!(consistency_ranges(0, 3).is_err() && consistency_ranges(4, 3).is_err());
}

fn many() -> impl Strategy<Value = Vec<Hash>> {
    proptest::collection::vec(any::<[u8; 32]>(), 1..70)
}

proptest! {
    #[test]
    fn a_growing_tree_is_the_one_that_the_rfc_defines(leaves in many()) {
        prop_assert_eq!(root(&leaves), definition(&leaves));
    }

    #[test]
    fn every_leaf_has_a_path_that_holds_for_it_alone(leaves in many(), other in any::<[u8; 32]>()) {
        let (size, top) = (leaves.len() as u64, root(&leaves));
        for (index, leaf) in leaves.iter().enumerate() {
            let path = nodes(&leaves, &path_ranges(index as u64, size).expect("in the tree"));
            prop_assert_eq!(root_from_path(leaf, index as u64, size, &path).expect("its length"), top);
            prop_assert_ne!(root_from_path(&other, index as u64, size, &path).expect("its length"), top);
            for elsewhere in (0..size).filter(|place| *place != index as u64) {
                let reached = root_from_path(leaf, elsewhere, size, &path);
                prop_assert!(!reached.is_ok_and(|root| root == top), "leaf {} passes for {}", index, elsewhere);
            }
        }
    }

    #[test]
    fn every_earlier_tree_is_proven_to_be_the_beginning(leaves in many()) {
        let (size, top) = (leaves.len() as u64, root(&leaves));
        for old in 1..=size {
            let before = root(&leaves[..old as usize]);
            let proof = nodes(&leaves, &consistency_ranges(old, size).expect("grew"));
            prop_assert!(check_consistency(old, &before, size, &top, &proof).is_ok());
            let mut altered = before;
            altered[0] ^= 1;
            prop_assert!(check_consistency(old, &altered, size, &top, &proof).is_err());
        }
    }

    #[test]
    fn a_path_of_any_length_is_judged_without_a_panic(
        leaf in any::<[u8; 32]>(), index in any::<u64>(), size in any::<u64>(),
        path in proptest::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let _ = root_from_path(&leaf, index, size, &path);
        let _ = check_consistency(index, &leaf, size, &leaf, &path);
    }
}
