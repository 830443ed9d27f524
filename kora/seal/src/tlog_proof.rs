//! That a certificate stands in a transparency log: the small file that ships beside it, checked without a network.
//!
//! Specification: C2SP tlog-proof v1 (https://c2sp.org/tlog-proof). A line of `extra` data, which nothing authenticates,
//! is refused: KORA's proofs carry none. `docs/formats/tlog.md` says what an entry is.

use crate::encoding::{base64, from_base64};
use crate::error::{Error, Result};
use crate::merkle::{leaf_hash, root_from_path, Hash, PATH_LIMIT};
use crate::note::{decimal, Checkpoint, NoteKey, NOTE_LIMIT_BYTES};
use crate::signature::sha256;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const ENTRY_HEADER: &str = "kora-log-entry-1";

/// The log entry of a file: one line with its SHA-256.
pub fn entry(file: &[u8]) -> Vec<u8> {
    entry_of_digest(&sha256(file))
}

/// The log entry of a file whose SHA-256 is known, in hex.
pub fn entry_of_digest(sha256: &str) -> Vec<u8> {
    format!("{ENTRY_HEADER} {sha256}\n").into_bytes()
}

/// A proof as its file holds it. The checkpoint is not believed before [`TlogProof::check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    /// The entry's number.
    pub index: u64,
    /// Its audit path, from the sibling upwards.
    pub path: Vec<Hash>,
    /// The log's signed checkpoint.
    pub checkpoint: Vec<u8>,
}

impl TlogProof {
    /// The proof as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = format!("{HEADER}\nindex {}\n", self.index);
        for hash in &self.path {
            text.push_str(&base64(hash));
            text.push('\n');
        }
        text.push('\n');
        [text.as_bytes(), &self.checkpoint].concat()
    }

    /// Reads a proof. `what` names the file in messages.
    ///
    /// # Errors
    /// `Malformed`, `NotAuthentic` for whatever is not one; `Limit` for too large a file.
    pub fn read(data: &[u8], what: &str) -> Result<Self> {
        let wrong = |why: &str| Error::malformed(what, format!("not a tlog-proof: {why}"));
        if data.len() > NOTE_LIMIT_BYTES * 2 {
            return Err(Error::Limit(format!("{what} is larger than any proof")));
        }
        let text = std::str::from_utf8(data).map_err(|_| wrong("not UTF-8"))?;
        let (head, checkpoint) = text.split_once("\n\n").ok_or_else(|| wrong("no checkpoint"))?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err(wrong("another first line"));
        }
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(decimal);
        let hashes = lines.take(PATH_LIMIT + 1).map(|line| {
            let hash = from_base64(line.as_bytes(), what)?;
            hash.try_into().map_err(|_| wrong("a line that is no hash"))
        });
        let path: Vec<Hash> = hashes.collect::<Result<_>>()?;
        if path.len() > PATH_LIMIT {
            return Err(wrong("too long a path"));
        }
        Ok(Self {
            index: index.ok_or_else(|| wrong("no index"))?,
            path,
            checkpoint: checkpoint.as_bytes().to_vec(),
        })
    }

    /// The checkpoint under which the entry stands in the log.
    ///
    /// # Errors
    /// `NotAuthentic` where the entry does not, or the log did not sign; `Malformed` for what is no checkpoint.
    pub fn check(&self, entry: &[u8], key: &NoteKey, what: &str) -> Result<Checkpoint> {
        let checkpoint = Checkpoint::open(&self.checkpoint, key, what)?;
        let root = root_from_path(&leaf_hash(entry), self.index, checkpoint.size, &self.path)?;
        if root == checkpoint.root {
            Ok(checkpoint)
        } else {
            Err(Error::NotAuthentic(format!(
                "{what} is not about this file, or was altered"
            )))
        }
    }
}
