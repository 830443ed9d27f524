//! Signed notes and the checkpoints of a transparency log.
//!
//! Specifications: C2SP signed-note (https://c2sp.org/signed-note) with Ed25519 signatures, and C2SP tlog-checkpoint
//! (https://c2sp.org/tlog-checkpoint). Lines by other keys (witnesses) are let through unread, as the specification
//! asks; of a key that is known every line must hold.

use crate::encoding::{base64, from_base64, hex};
use crate::error::{Error, Result};
use crate::merkle::Hash;
use crate::signature::{public_key, sha256_raw, sign_message, verify_message};

/// Bytes of the largest note.
pub const NOTE_LIMIT_BYTES: usize = 64 << 10;
/// Signature lines on one note.
const SIGNATURES_LIMIT: usize = 64;
/// The byte that stands for Ed25519 in key ids and keys.
const ED25519: u8 = 1;
const DASH: &str = "\u{2014} ";

/// The key that a log's notes are checked with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteKey {
    /// The log's name: the origin of its checkpoints.
    pub name: String,
    /// The public key.
    pub raw: [u8; 32],
}

impl NoteKey {
    /// A name and a key.
    ///
    /// # Errors
    /// `Usage` for a name that is empty or holds white space, a plus sign or a control character.
    pub fn new(name: &str, raw: [u8; 32]) -> Result<Self> {
        let unfit = |letter: char| letter == '+' || letter.is_whitespace() || letter.is_control();
        if name.is_empty() || name.len() > 255 || name.contains(unfit) {
            return Err(Error::Usage(format!(
                "{name:?} cannot name a log: no white space, no plus sign, at most 255 bytes"
            )));
        }
        Ok(Self { name: name.into(), raw })
    }

    /// From its text `name+hash+base64`.
    ///
    /// # Errors
    /// `Malformed` for anything else, or where the hash does not fit.
    pub fn from_text(text: &str, what: &str) -> Result<Self> {
        let wrong = || Error::malformed(what, "not the public key of a log: name+hash+base64 on one line");
        let line = text.strip_suffix('\n').unwrap_or(text);
        let mut parts = line.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let key = from_base64(key.as_bytes(), what).map_err(|_| wrong())?;
        let raw: [u8; 32] = match key.split_first() {
            Some((&ED25519, raw)) => raw.try_into().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let key = Self::new(name, raw).map_err(|_| wrong())?;
        if hex(&key.id()) == hash {
            Ok(key)
        } else {
            Err(wrong())
        }
    }

    /// Its text, without a line feed.
    pub fn to_text(&self) -> String {
        let key = [&[ED25519], self.raw.as_slice()].concat();
        format!("{}+{}+{}", self.name, hex(&self.id()), base64(&key))
    }

    /// The four bytes that stand before each of its signatures.
    pub fn id(&self) -> [u8; 4] {
        let hash = sha256_raw(&[self.name.as_bytes(), b"\n", &[ED25519], &self.raw]);
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

/// A text, which ends with a line feed, signed under a name.
///
/// # Errors
/// `Malformed` for a key that is no PKCS#8; `Usage` for a name that no log has, or a text without its line feed.
pub fn sign(text: &str, name: &str, signing_key: &[u8]) -> Result<String> {
    if !text.ends_with('\n') || text.chars().any(|letter| letter < ' ' && letter != '\n') {
        return Err(Error::Usage(
            "a note's text ends with a line feed and holds no control character".into(),
        ));
    }
    let key = NoteKey::new(name, public_key(signing_key)?)?;
    let signature = [key.id().as_slice(), &sign_message(signing_key, text.as_bytes())?].concat();
    Ok(format!("{text}\n{DASH}{name} {}\n", base64(&signature)))
}

/// The text of a note that the key signed.
///
/// # Errors
/// `Malformed` for what is no note; `NotAuthentic` where the key did not sign it; `Limit` for too large a one.
pub fn open<'a>(note: &'a [u8], key: &NoteKey, what: &str) -> Result<&'a str> {
    let wrong = || Error::malformed(what, "not a signed note");
    if note.len() > NOTE_LIMIT_BYTES {
        return Err(Error::Limit(format!("{what} is larger than {NOTE_LIMIT_BYTES} bytes")));
    }
    let note = std::str::from_utf8(note).map_err(|_| wrong())?;
    if note.chars().any(|letter| letter < ' ' && letter != '\n') {
        return Err(wrong());
    }
    let end = note.rfind("\n\n").ok_or_else(wrong)? + 1;
    let (text, lines) = (&note[..end], note[end + 1..].strip_suffix('\n').ok_or_else(wrong)?);
    let mut held = false;
    for (number, line) in lines.split('\n').enumerate() {
        if number >= SIGNATURES_LIMIT {
            return Err(Error::Limit(format!(
                "{what} carries more than {SIGNATURES_LIMIT} signatures"
            )));
        }
        held |= line_holds(line, text, key, what)?;
    }
    if held {
        Ok(text)
    } else {
        Err(Error::NotAuthentic(format!(
            "{what} was not signed by the log {}",
            key.name
        )))
    }
}

/// Whether a line is this key's and holds; false for another key's.
fn line_holds(line: &str, text: &str, key: &NoteKey, what: &str) -> Result<bool> {
    let wrong = || Error::malformed(what, "not a signed note: a line that is no signature");
    let (name, signature) = line
        .strip_prefix(DASH)
        .and_then(|line| line.split_once(' '))
        .ok_or_else(wrong)?;
    let signature = from_base64(signature.as_bytes(), what)?;
    let (id, signature) = signature.split_first_chunk::<4>().ok_or_else(wrong)?;
    if name.is_empty() || signature.is_empty() {
        return Err(wrong());
    }
    if name != key.name || *id != key.id() {
        return Ok(false);
    }
    if verify_message(&key.raw, text.as_bytes(), signature) {
        Ok(true)
    } else {
        Err(Error::NotAuthentic(format!(
            "{what} was altered since the log {name} signed it"
        )))
    }
}

/// The state of a log: its name, its size and its tree's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text to be signed.
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, base64(&self.root))
    }

    /// The checkpoint in a note that the key signed. Its origin must be the key's name.
    ///
    /// # Errors
    /// As [`open`]; `Malformed` for another text; `NotAuthentic` for another log's checkpoint.
    pub fn open(note: &[u8], key: &NoteKey, what: &str) -> Result<Self> {
        let text = open(note, key, what)?;
        let wrong = || Error::malformed(what, "not a checkpoint: origin, size and root on three lines");
        let mut lines = text.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(wrong());
        };
        if origin != key.name {
            return Err(Error::NotAuthentic(format!(
                "{what} is of the log {origin}, not of {}",
                key.name
            )));
        }
        let root = from_base64(root.as_bytes(), what)?.try_into().map_err(|_| wrong())?;
        Ok(Self {
            origin: origin.into(),
            size: decimal(size).ok_or_else(wrong)?,
            root,
        })
    }
}

/// A number as C2SP writes it: ASCII digits without leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}
