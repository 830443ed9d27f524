//! A table under one Merkle root, so that one row can be shown, or shown to be absent, without the others.
//!
//! Owns the pass that makes the leaves, in bounded memory (they are sorted on disk where they are many), and the
//! proofs about them. What a leaf is, and how a proof is checked, is [`kora_seal::row_proof`]'s concern.

use std::path::Path;

use kora_seal::certificate::CertifiedTree;
use kora_seal::merkle::{path_ranges, Frontier, Hash, RangeHasher};
use kora_seal::row_proof::{commitment, key_commitment, key_digest, row_key, Evidence, Leaf, Place, RowProof};

use crate::canon::encode_cell;
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::keys::{profile_digest, DigestKey, Purpose, SecretKey};
use crate::program::Profile;
use crate::spill::{CountedRecords, Merged, RecordSorter, MEMORY_LIMIT_BYTES};
use crate::{number, temporal};

/// Key digest, commitment.
const LEAF_BYTES: usize = 64;

/// The secrets of one table's tree, both derived from the migration's key and the table's profile.
#[derive(Clone)]
struct TreeKeys {
    proof: SecretKey,
    leaf: SecretKey,
}

/// Takes the canonical rows of one table.
pub struct RowTreePass {
    keys: TreeKeys,
    keyed: bool,
    wanted: Vec<Wanted>,
    sorter: RecordSorter<LEAF_BYTES>,
}

/// A key that is asked about, and its row once it has passed by.
struct Wanted {
    key: Vec<u8>,
    digest: Hash,
    row: Option<Vec<u8>>,
}

impl RowTreePass {
    /// A pass under the migration's key. `unique`: the profile's key is validated unique and NOT NULL; otherwise each
    /// row is its own key and equal rows are counted. Of the rows with the keys in `wanted` the bytes are kept.
    pub fn new(
        profile: &Profile,
        key: &DigestKey,
        unique: bool,
        wanted: Vec<Vec<u8>>,
        spill_folder: Option<&Path>,
    ) -> Self {
        let context = profile_digest(profile);
        let keys = TreeKeys {
            proof: key.derive(Purpose::ProofKey, &context),
            leaf: key.derive(Purpose::ProofLeaf, &context),
        };
        let wanted = wanted.into_iter().map(|key| Wanted {
            digest: key_digest(&keys.proof, &key),
            key,
            row: None,
        });
        Self {
            wanted: wanted.collect(),
            keys,
            keyed: unique && !profile.key.is_empty(),
            sorter: RecordSorter::new(spill_folder, MEMORY_LIMIT_BYTES),
        }
    }

    /// One row: its canonical bytes, and those of its key cells.
    ///
    /// # Errors
    /// As [`RecordSorter::push`].
    pub fn row(&mut self, row: &[u8], key: &[u8]) -> Result<()> {
        let digest = key_digest(&self.keys.proof, if self.keyed { key } else { row });
        for wanted in self.wanted.iter_mut().filter(|wanted| wanted.digest == digest) {
            wanted.row.get_or_insert_with(|| row.to_vec());
        }
        let hidden = commitment(&row_key(&self.keys.leaf, &digest), row);
        let mut record = [0; LEAF_BYTES];
        record[..32].copy_from_slice(&digest);
        record[32..].copy_from_slice(&hidden);
        self.sorter.push(&record)
    }

    /// The tree.
    ///
    /// # Errors
    /// `Usage` where two different rows have one key: such a key is none; `File` where leaves cannot be read back.
    pub fn finish(self) -> Result<RowTree> {
        let leaves = self.sorter.finish();
        let mut frontier = Frontier::default();
        let mut before: Option<Hash> = None;
        let mut sorted = Leaves::of(&leaves)?;
        while let Some(leaf) = sorted.next()? {
            if before.is_some_and(|before| before >= leaf.key_digest) || (self.keyed && leaf.multiplicity > 1) {
                return Err(Error::Usage(
                    "two rows have one key: the table cannot be put under a tree by it".into(),
                ));
            }
            before = Some(leaf.key_digest);
            frontier.push(leaf.hash());
        }
        Ok(RowTree {
            size: frontier.size(),
            root: frontier.root(),
            keys: self.keys,
            wanted: self.wanted,
            leaves,
        })
    }
}

/// A table's leaves in order.
struct Leaves<'a> {
    records: Merged<'a, LEAF_BYTES>,
}

impl<'a> Leaves<'a> {
    fn of(records: &'a CountedRecords<LEAF_BYTES>) -> Result<Self> {
        Ok(Self {
            records: records.in_order()?,
        })
    }

    fn next(&mut self) -> Result<Option<Leaf>> {
        let Some((record, multiplicity)) = self.records.next_record()? else {
            return Ok(None);
        };
        let (mut key_digest, mut commitment) = ([0; 32], [0; 32]);
        key_digest.copy_from_slice(&record[..32]);
        commitment.copy_from_slice(&record[32..]);
        Ok(Some(Leaf {
            key_digest,
            commitment,
            multiplicity,
        }))
    }
}

/// A table's tree and its leaves, ready to prove.
pub struct RowTree {
    /// Leaves: rows, equal ones once.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
    keys: TreeKeys,
    wanted: Vec<Wanted>,
    leaves: CountedRecords<LEAF_BYTES>,
}

impl RowTree {
    /// What the certificate says of K_key.
    pub fn key_commitment(&self) -> Hash {
        key_commitment(&self.keys.proof)
    }

    /// K_key, for an auditor who is to check absences. Secret to everyone else.
    pub fn proof_key(&self) -> &Hash {
        &self.keys.proof
    }

    /// The proof about the first of the wanted keys that has a row, or that the first of them has none.
    ///
    /// # Errors
    /// `Usage` without a wanted key; `File` where leaves cannot be read back.
    pub fn prove(&self, source: &str, target: &str) -> Result<RowProof> {
        let found = self.wanted.iter().find(|wanted| wanted.row.is_some());
        let wanted = found.or(self.wanted.first());
        let wanted = wanted.ok_or_else(|| Error::Usage("no key was asked about".into()))?;
        let places = self.places(&wanted.digest)?;
        let evidence = match (&wanted.row, places) {
            (Some(row), [_, Some(place), _]) => Evidence::Inclusion {
                row_key: row_key(&self.keys.leaf, &wanted.digest),
                row: row.clone(),
                place,
            },
            (_, [left, _, right]) => Evidence::Absence {
                key: wanted.key.clone(),
                key_digest: wanted.digest,
                left,
                right,
            },
        };
        let proof = RowProof {
            source: source.into(),
            target: target.into(),
            size: self.size,
            evidence,
        };
        proof.check(&self.claim(source, target), Some(&self.keys.proof))?;
        Ok(proof)
    }

    fn claim(&self, source: &str, target: &str) -> CertifiedTree {
        CertifiedTree {
            source: source.into(),
            target: target.into(),
            size: self.size,
            root: self.root,
            key_commitment: self.key_commitment(),
        }
    }

    /// The last leaf before a digest, the leaf of it, the first behind it; each with its path.
    fn places(&self, digest: &Hash) -> Result<[Option<Place>; 3]> {
        let mut around: [Option<(u64, Leaf)>; 3] = [None; 3];
        let (mut index, mut sorted) = (0, Leaves::of(&self.leaves)?);
        while let Some(leaf) = sorted.next()? {
            let place = match leaf.key_digest.cmp(digest) {
                std::cmp::Ordering::Less => 0,
                std::cmp::Ordering::Equal => 1,
                std::cmp::Ordering::Greater => 2,
            };
            if place < 2 || around[2].is_none() {
                around[place] = Some((index, leaf));
            }
            index += 1;
        }
        let wanted: Vec<u64> = around.iter().flatten().map(|(index, _)| *index).collect();
        let mut paths = self.paths(&wanted)?.into_iter();
        Ok(around.map(|known| {
            let (index, leaf) = known?;
            let path = paths.next()?;
            Some(Place { leaf, index, path })
        }))
    }

    /// The audit paths of some leaves, in one reading of all.
    fn paths(&self, indexes: &[u64]) -> Result<Vec<Vec<Hash>>> {
        let ranges = indexes.iter().map(|index| path_ranges(*index, self.size));
        let ranges = ranges.collect::<kora_seal::error::Result<Vec<_>>>()?;
        let mut hasher = RangeHasher::new(&ranges.concat());
        let mut sorted = Leaves::of(&self.leaves)?;
        while let Some(leaf) = sorted.next()? {
            hasher.push(leaf.hash());
        }
        let mut hashes = hasher.finish().into_iter();
        Ok(ranges
            .iter()
            .map(|path| hashes.by_ref().take(path.len()).collect())
            .collect())
    }
}

/// Ways in which one text may be meant, and keys that one request may ask about.
const CANDIDATES_LIMIT: usize = 64;

/// The canonical keys that texts may mean: each part is its column's kind and the value's text. The first is the one
/// under those kinds; others follow because an engine may hold a value of another kind than its column's.
///
/// # Errors
/// `Usage` for a text that is no value of its kind, or a kind whose values have no text here.
pub fn key_candidates(parts: &[(String, String)]) -> Result<Vec<Vec<u8>>> {
    let mut keys = vec![Vec::new()];
    for (kind, text) in parts {
        let readings = readings(kind, text)?;
        let longer = keys
            .iter()
            .flat_map(|key| readings.iter().map(move |cell| [key.as_slice(), cell].concat()));
        keys = longer.take(CANDIDATES_LIMIT).collect();
    }
    Ok(keys)
}

/// The cells that a text may mean, the one of the column's kind first.
fn readings(kind: &str, text: &str) -> Result<Vec<Vec<u8>>> {
    let asked = match kind {
        "integer" | "decimal" => "number",
        other => other,
    };
    let mut cells = Vec::new();
    for reading in std::iter::once(asked).chain(["number", "text", "uuid", "date"]) {
        match read_as(reading, text) {
            Some(cell) if !cells.contains(&cell) => cells.push(cell),
            None if cells.is_empty() => {
                return Err(Error::Usage(format!("{text:?} cannot be read as a key of kind {kind}")));
            }
            _ => {}
        }
    }
    Ok(cells)
}

fn read_as(reading: &str, text: &str) -> Option<Vec<u8>> {
    let mut cell = Vec::new();
    let value = match reading {
        "number" => return is_number(text).then(|| number::put_text(text, &mut cell).ok().map(|()| cell))?,
        "text" => Cell::Text(text),
        "enum" => Cell::Enum(text),
        "boolean" => Cell::Bool(match text {
            "true" => true,
            "false" => false,
            _ => return None,
        }),
        "uuid" => Cell::Uuid(read_uuid(text)?),
        "date" => Cell::Date(read_date(text)?),
        _ => return None,
    };
    encode_cell(&value, &mut cell).ok().map(|()| cell)
}

/// `-?[0-9]+(\.[0-9]+)?`, of a bounded length.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    text.len() <= 1000 && digits(whole) && digits(fraction)
}

/// Eight, four, four, four and twelve hex digits between hyphens.
fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let hyphens = text
        .bytes()
        .enumerate()
        .all(|(at, byte)| (byte == b'-') == matches!(at, 8 | 13 | 18 | 23));
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let plain = text.len() == 36 && hyphens && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes))?
}

/// `YYYY-MM-DD` of a day that is.
fn read_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = (year.len(), month.len(), day.len(), parts.next()) == (4, 2, 2, None);
    let number = |part: &str| {
        part.bytes()
            .all(|digit| digit.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let (year, month, day): (u16, u16, u16) = (number(year)?, number(month)?, number(day)?);
    plain.then(|| temporal::days(i64::from(year), month as u8, day as u8))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::{close_row, decode_cells, open_row};
    use crate::program::Rule;
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
        let mut pass = RowTreePass::new(&profile(keyed), &secret, keyed, wanted, None);
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
        let mut pass = RowTreePass::new(&profile(true), &secret, true, vec![key(500)], Some(folder.path()));
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
    fn a_keys_text_is_first_read_as_its_columns_kind() {
        let first = |kind: &str, text: &str| {
            let keys = key_candidates(&[(kind.into(), text.into())]).expect("readable");
            decode_cells(&keys[0]).expect("canonical")
        };
        assert_eq!(first("integer", "42"), [("integer", Some("42".into()))]);
        assert_eq!(first("text", "42"), [("text", Some("42".into()))]);
        assert_eq!(first("date", "2024-02-29"), [("date", Some("2024-02-29".into()))]);
        let uuid = "00112233-4455-6677-8899-aabbccddeeff";
        assert_eq!(first("uuid", uuid), [("uuid", Some(uuid.into()))]);
        assert_eq!(
            key_candidates(&[("integer".into(), "42".into())])
                .expect("readable")
                .len(),
            2
        );
        for (kind, text) in [
            ("integer", "4x"),
            ("date", "2024-02-30"),
            ("uuid", "x"),
            ("interval", "1 day"),
        ] {
            assert!(key_candidates(&[(kind.into(), text.into())]).is_err(), "{kind} {text}");
        }
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
}
