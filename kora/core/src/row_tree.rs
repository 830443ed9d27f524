//! A table under one Merkle root, so that one row can be shown, or shown to be absent, without the others.
//!
//! Owns the pass that makes the leaves, in bounded memory (they are sorted on disk where they are many), and the
//! proofs about them. What a leaf is, and how a proof is checked, is [`kora_seal::row_proof`]'s concern.

use kora_seal::certificate::CertifiedTree;
use kora_seal::merkle::{path_ranges, Frontier, Hash, RangeHasher};
use kora_seal::row_proof::{commitment, key_commitment, key_digest, row_key, Evidence, Leaf, Place, RowProof};

use crate::error::{Error, Result};
use crate::keys::{profile_digest, DigestKey, Purpose, SecretKey};
use crate::lanes;
use crate::program::Profile;
use crate::spill::{CountedRecords, Merged, RecordSorter, SortRoom, Span};

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
    pub fn new(profile: &Profile, key: &DigestKey, unique: bool, wanted: Vec<Vec<u8>>, room: &SortRoom) -> Self {
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
            sorter: RecordSorter::within(room),
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
    /// As [`RowTreePart::whole`].
    pub fn finish(self) -> Result<RowTree> {
        RowTreePart::whole(vec![self.finish_part()])
    }

    /// The sorted leaves, where the pass saw one part of the table.
    pub fn finish_part(self) -> RowTreePart {
        RowTreePart {
            keys: self.keys,
            keyed: self.keyed,
            wanted: self.wanted,
            leaves: self.sorter.finish(),
        }
    }
}

/// The leaves of one part of a table, under the same key and profile as those of the others.
pub struct RowTreePart {
    keys: TreeKeys,
    keyed: bool,
    wanted: Vec<Wanted>,
    leaves: CountedRecords<LEAF_BYTES>,
}

impl RowTreePart {
    /// The tree of the table whose parts these are, made with as many threads.
    ///
    /// # Errors
    /// `Usage` where two different rows have one key, for such a key is none, or without a part; `File` where leaves
    /// cannot be read back.
    pub fn whole(parts: Vec<Self>) -> Result<RowTree> {
        let mut parts = parts.into_iter();
        let Some(mut whole) = parts.next() else {
            return Err(Error::Usage("a row tree of no part of a table".into()));
        };
        let mut leaves = vec![whole.leaves];
        for part in parts {
            for (wanted, other) in whole.wanted.iter_mut().zip(part.wanted) {
                wanted.row = wanted.row.take().or(other.row);
            }
            leaves.push(part.leaves);
        }
        let leaves = CountedRecords::merged(leaves);
        let mut frontier = Frontier::default();
        let (keyed, all, spans) = (whole.keyed, &leaves, leaves.span_count());
        let hashed = |number| Leaves(all.within(&Span::number(number, spans))?).hashes(keyed);
        lanes::in_order(0..spans, all.sorters(), hashed, |hashes| {
            hashes.into_iter().for_each(|hash| frontier.push(hash));
            Ok(())
        })?;
        Ok(RowTree {
            size: frontier.size(),
            root: frontier.root(),
            keys: whole.keys,
            wanted: whole.wanted,
            leaves,
        })
    }
}

/// A table's leaves in order.
struct Leaves<'a>(Merged<'a, LEAF_BYTES>);

impl<'a> Leaves<'a> {
    fn of(records: &'a CountedRecords<LEAF_BYTES>) -> Result<Self> {
        Ok(Self(records.in_order()?))
    }

    /// The hashes of all.
    fn hashes(mut self, keyed: bool) -> Result<Vec<Hash>> {
        let mut hashes = Vec::new();
        let mut before: Option<Hash> = None;
        while let Some(leaf) = self.next()? {
            if before.is_some_and(|before| before >= leaf.key_digest) || (keyed && leaf.multiplicity > 1) {
                return Err(Error::Usage(
                    "two rows have one key: the table cannot be put under a tree by it".into(),
                ));
            }
            before = Some(leaf.key_digest);
            hashes.push(leaf.hash());
        }
        Ok(hashes)
    }

    fn next(&mut self) -> Result<Option<Leaf>> {
        let Some((record, multiplicity)) = self.0.next_record()? else {
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

#[cfg(test)]
mod tests;
