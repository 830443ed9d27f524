//! That one row was, or was not, in a certified table: the leaves of the row tree and the proofs about them.
//!
//! A leaf is `key digest ‖ commitment ‖ multiplicity` (32 + 32 + 8 bytes, big-endian), leaves strictly increasing by
//! key digest. An inclusion proof discloses one row and the one key that opens its commitment. An absence proof shows
//! the two neighbouring leaves, or an end, and is checked with K_key, to whose digest the certificate is bound.
//! `docs/formats/row-proof.md` is the specification.

use crate::canonical::{parse, to_bytes, Value};
use crate::certificate::CertifiedTree;
use crate::encoding::{base64, digest_from_hex, from_base64, hex};
use crate::error::{Error, Result};
use crate::merkle::{empty_root, leaf_hash, root_from_path, Hash, PATH_LIMIT};
use crate::signature::sha256_raw;

/// The one format of row proofs.
pub const FORMAT: &str = "kora-row-proof-1";
/// Bytes of the largest proof file: a row, in base64, and two paths.
pub const FILE_LIMIT_BYTES: usize = 16 << 20;
const BLOCK_BYTES: usize = 64;

/// The name of a row's key (of the whole row in a table without one): keyed BLAKE3 of its canonical cells, zero-padded
/// to whole 64-byte blocks as KCF-1 pads what it digests.
pub fn key_digest(proof_key: &Hash, key: &[u8]) -> Hash {
    let padding = key.len().next_multiple_of(BLOCK_BYTES) - key.len();
    let mut hasher = blake3::Hasher::new_keyed(proof_key);
    hasher.update(key).update(&[0; BLOCK_BYTES][..padding]);
    *hasher.finalize().as_bytes()
}

/// The key that opens one row's commitment.
pub fn row_key(leaf_key: &Hash, key_digest: &Hash) -> Hash {
    *blake3::keyed_hash(leaf_key, key_digest).as_bytes()
}

/// What a leaf says of its row without showing it.
pub fn commitment(row_key: &Hash, row: &[u8]) -> Hash {
    *blake3::keyed_hash(row_key, row).as_bytes()
}

/// What a certificate says of K_key without showing it.
pub fn key_commitment(proof_key: &Hash) -> Hash {
    sha256_raw(&[b"kora-1 proof key commitment\0", proof_key])
}

/// One leaf of a row tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The name of the row's key.
    pub key_digest: Hash,
    /// Its row, hidden.
    pub commitment: Hash,
    /// How many equal rows there are.
    pub multiplicity: u64,
}

impl Leaf {
    /// Its hash in the tree.
    pub fn hash(&self) -> Hash {
        let mut bytes = [0; 72];
        bytes[..32].copy_from_slice(&self.key_digest);
        bytes[32..64].copy_from_slice(&self.commitment);
        bytes[64..].copy_from_slice(&self.multiplicity.to_be_bytes());
        leaf_hash(&bytes)
    }
}

/// A leaf, its number and its audit path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The leaf.
    pub leaf: Leaf,
    /// Its number, from 0.
    pub index: u64,
    /// From its sibling upwards.
    pub path: Vec<Hash>,
}

/// What a proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// This row stands in the table.
    Inclusion {
        /// Where. The commitment is not in the file: it is computed from the row.
        place: Place,
        /// The canonical row.
        row: Vec<u8>,
        /// The key that opens its commitment.
        row_key: Hash,
    },
    /// No row of this key stands in the table.
    Absence {
        /// The key's canonical cells; in a table without a key, the whole canonical row.
        key: Vec<u8>,
        /// Its digest under K_key.
        key_digest: Hash,
        /// The last leaf before it, if there is one.
        left: Option<Place>,
        /// The first leaf behind it, if there is one.
        right: Option<Place>,
    },
}

/// A proof about one row of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProof {
    /// The source's table.
    pub source: String,
    /// The target's table.
    pub target: String,
    /// Leaves of the tree.
    pub size: u64,
    /// What it shows.
    pub evidence: Evidence,
}

impl RowProof {
    /// The proof as a file: canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut fields = vec![
            ("format", text(FORMAT)),
            ("size", number(self.size)),
            ("source", text(&self.source)),
            ("target", text(&self.target)),
        ];
        match &self.evidence {
            Evidence::Inclusion { place, row, row_key } => fields.extend([
                ("kind", text("inclusion")),
                ("index", number(place.index)),
                ("key_digest", text(&hex(&place.leaf.key_digest))),
                ("multiplicity", number(place.leaf.multiplicity)),
                ("path", path(&place.path)),
                ("row", text(&base64(row))),
                ("row_key", text(&hex(row_key))),
            ]),
            Evidence::Absence {
                key,
                key_digest,
                left,
                right,
            } => fields.extend([
                ("kind", text("absence")),
                ("key", text(&base64(key))),
                ("key_digest", text(&hex(key_digest))),
                ("left", neighbour(left.as_ref())),
                ("right", neighbour(right.as_ref())),
            ]),
        }
        to_bytes(&object(fields))
    }

    /// Reads a proof. `what` names the file in messages.
    ///
    /// # Errors
    /// `Malformed`, `NotAuthentic` for whatever is not one in its canonical form; `Limit` for too large a file.
    pub fn read(data: &[u8], what: &str) -> Result<Self> {
        if data.len() > FILE_LIMIT_BYTES {
            return Err(Error::Limit(format!("{what} has more than {FILE_LIMIT_BYTES} bytes")));
        }
        let value = parse(data, what)?;
        let fields = Fields { value: &value, what };
        if fields.text("format")? != FORMAT.as_bytes() {
            return Err(fields.wrong("format"));
        }
        let evidence = match fields.text("kind")? {
            b"inclusion" => fields.inclusion()?,
            b"absence" => fields.absence()?,
            _ => return Err(fields.wrong("kind")),
        };
        Ok(Self {
            source: fields.name("source")?,
            target: fields.name("target")?,
            size: fields.number("size")?,
            evidence,
        })
    }

    /// Whether the proof holds for a certified tree. An absence needs K_key.
    ///
    /// # Errors
    /// `NotAuthentic` where it does not hold; `Usage` for an absence without K_key.
    pub fn check(&self, tree: &CertifiedTree, proof_key: Option<&Hash>) -> Result<()> {
        if (&self.source, &self.target, self.size) != (&tree.source, &tree.target, tree.size) {
            return Err(refused("it is about another table, or another state of it"));
        }
        match &self.evidence {
            Evidence::Inclusion { place, row, row_key } => {
                if place.leaf.commitment != commitment(row_key, row) || place.leaf.multiplicity == 0 {
                    return Err(refused("the row does not fit its commitment"));
                }
                stands_in(place, tree)
            }
            Evidence::Absence {
                key,
                key_digest: stated,
                left,
                right,
            } => {
                let proof_key = proof_key.ok_or_else(|| {
                    Error::Usage("a proof of absence is checked with the table's proof key, which was not given".into())
                })?;
                if key_commitment(proof_key) != tree.key_commitment {
                    return Err(refused(
                        "the proof key given is not the one that the certificate is bound to",
                    ));
                }
                if key_digest(proof_key, key) != *stated {
                    return Err(refused("the key does not have the digest that is stated"));
                }
                check_gap(stated, left.as_ref(), right.as_ref(), tree)
            }
        }
    }
}

fn refused(why: &str) -> Error {
    Error::NotAuthentic(format!("the row proof does not hold: {why}"))
}

fn stands_in(place: &Place, tree: &CertifiedTree) -> Result<()> {
    let root = root_from_path(&place.leaf.hash(), place.index, tree.size, &place.path)?;
    if root == tree.root {
        Ok(())
    } else {
        Err(refused("its path does not lead to the certified root"))
    }
}

/// Two leaves stand side by side, or at an end, and the digest falls between them. That leaves ascend is certified.
fn check_gap(digest: &Hash, left: Option<&Place>, right: Option<&Place>, tree: &CertifiedTree) -> Result<()> {
    for place in [left, right].into_iter().flatten() {
        stands_in(place, tree)?;
    }
    let adjacent = match (left, right) {
        (None, None) => tree.size == 0 && tree.root == empty_root(),
        (None, Some(right)) => right.index == 0,
        (Some(left), None) => left.index.checked_add(1) == Some(tree.size),
        (Some(left), Some(right)) => left.index.checked_add(1) == Some(right.index),
    };
    let between = left.is_none_or(|left| left.leaf.key_digest < *digest)
        && right.is_none_or(|right| *digest < right.leaf.key_digest);
    if adjacent && between {
        Ok(())
    } else {
        Err(refused("the leaves shown do not leave out this key"))
    }
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.as_bytes().to_vec().into())
}

fn number(number: u64) -> Value<'static> {
    Value::Integer(i128::from(number))
}

fn path(path: &[Hash]) -> Value<'static> {
    Value::List(path.iter().map(|hash| text(&hex(hash))).collect())
}

fn neighbour(place: Option<&Place>) -> Value<'static> {
    place.map_or(Value::Null, |place| {
        object(vec![
            ("commitment", text(&hex(&place.leaf.commitment))),
            ("index", number(place.index)),
            ("key_digest", text(&hex(&place.leaf.key_digest))),
            ("multiplicity", number(place.leaf.multiplicity)),
            ("path", path(&place.path)),
        ])
    })
}

fn object(mut fields: Vec<(&str, Value<'static>)>) -> Value<'static> {
    fields.sort_by_key(|(name, _)| *name);
    let named = fields
        .into_iter()
        .map(|(name, value)| (name.as_bytes().to_vec().into(), value));
    Value::Object(named.collect())
}

/// An object's fields, each of which must be there and of its type.
struct Fields<'v, 'a> {
    value: &'v Value<'a>,
    what: &'v str,
}

impl Fields<'_, '_> {
    fn wrong(&self, field: &str) -> Error {
        Error::malformed(
            self.what,
            format!("not a row proof: {field} is missing or not as it should be"),
        )
    }

    fn exactly(&self, names: &[&str]) -> Result<()> {
        if self.value.has_exactly(names) {
            Ok(())
        } else {
            Err(self.wrong("one of its fields"))
        }
    }

    fn text(&self, field: &str) -> Result<&[u8]> {
        self.value
            .get(field)
            .and_then(Value::as_text)
            .ok_or_else(|| self.wrong(field))
    }

    fn name(&self, field: &str) -> Result<String> {
        String::from_utf8(self.text(field)?.to_vec()).map_err(|_| self.wrong(field))
    }

    fn number(&self, field: &str) -> Result<u64> {
        let number = self.value.get(field).and_then(Value::as_integer);
        number
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| self.wrong(field))
    }

    fn digest(&self, field: &str) -> Result<Hash> {
        digest_from_hex(self.text(field)?, self.what)
    }

    fn place(&self, commitment: Hash) -> Result<Place> {
        let path = self
            .value
            .get("path")
            .and_then(Value::as_list)
            .ok_or_else(|| self.wrong("path"))?;
        if path.len() > PATH_LIMIT {
            return Err(self.wrong("path"));
        }
        let hash = |one: &Value<'_>| digest_from_hex(one.as_text().unwrap_or_default(), self.what);
        Ok(Place {
            leaf: Leaf {
                key_digest: self.digest("key_digest")?,
                commitment,
                multiplicity: self.number("multiplicity")?,
            },
            index: self.number("index")?,
            path: path.iter().map(hash).collect::<Result<_>>()?,
        })
    }

    fn inclusion(&self) -> Result<Evidence> {
        self.exactly(&[
            "format",
            "index",
            "key_digest",
            "kind",
            "multiplicity",
            "path",
            "row",
            "row_key",
            "size",
            "source",
            "target",
        ])?;
        let (row, row_key) = (from_base64(self.text("row")?, self.what)?, self.digest("row_key")?);
        Ok(Evidence::Inclusion {
            place: self.place(commitment(&row_key, &row))?,
            row,
            row_key,
        })
    }

    fn absence(&self) -> Result<Evidence> {
        self.exactly(&[
            "format",
            "key",
            "key_digest",
            "kind",
            "left",
            "right",
            "size",
            "source",
            "target",
        ])?;
        Ok(Evidence::Absence {
            key: from_base64(self.text("key")?, self.what)?,
            key_digest: self.digest("key_digest")?,
            left: self.neighbour("left")?,
            right: self.neighbour("right")?,
        })
    }

    fn neighbour(&self, field: &str) -> Result<Option<Place>> {
        let value = self.value.get(field).ok_or_else(|| self.wrong(field))?;
        if *value == Value::Null {
            return Ok(None);
        }
        let fields = Fields { value, what: self.what };
        fields.exactly(&["commitment", "index", "key_digest", "multiplicity", "path"])?;
        fields.place(fields.digest("commitment")?).map(Some)
    }
}
