//! What KORA signs: a certificate's statement, checked without Python against the schema that is published.
//!
//! A reader is told the verdict, the files that the statement is about and the row trees that it vouches for; all else
//! in it is for people. `docs/formats/certificate.md` is the specification.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::canonical::{parse, Value};
use crate::encoding::digest_from_hex;
use crate::envelope::{Envelope, PublicKey};
use crate::error::{Error, Result};
use crate::merkle::Hash;
use crate::schema::Schema;
use crate::sections::{named, Section};

/// The type of a statement's payload.
pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";
/// The type of a fingerprint's payload.
pub const FINGERPRINT_TYPE: &str = "application/vnd.sensei.fingerprint+json";
/// What is said of data that hold no verdict.
const NO_VERDICT_EXIT_CODE: u8 = 3;

/// How a claim ends that was made without asking about behaviour, and one that was made beside it.
const BEHAVIOR: (&str, &str) = ("; behaviour was not run", "; behaviour was asked and is told apart");

/// Verdict, the exit codes that may go with it, and the beginning of its claim, word for word.
const VERDICTS: [(&str, &[i128], &str); 4] = [
    ("equivalent", &[0], "the stored data are equal under KCF-1"),
    (
        "equivalent_with_declared_loss",
        &[0, 5],
        "the stored data are equal under KCF-1 but for the declared losses",
    ),
    ("different", &[1], "the stored data differ under KCF-1"),
    (
        "not_proven",
        &[3],
        "nothing is concluded: part of the data could not be compared",
    ),
];

/// The tree over a certified table's rows, as the certificate states it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertifiedTree {
    /// The source's table.
    pub source: String,
    /// The target's table.
    pub target: String,
    /// Leaves.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
    /// SHA-256 that K_key has to have.
    pub key_commitment: Hash,
}

/// A file that a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its plain name, to be shown.
    pub name: String,
    /// Its name as a file system has it; None where no file can have it.
    pub file: Option<OsString>,
    /// Its SHA-256, hex.
    pub sha256: String,
}

/// An authentic file and what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The certified verdict; None for a fingerprint, which holds none.
    pub verdict: Option<String>,
    /// The verdict's exit code.
    pub exit_code: u8,
    /// The signers whose signatures hold.
    pub key_ids: Vec<String>,
    /// The files that the statement is about.
    pub subjects: Vec<Subject>,
    /// Row trees, one for each table certified with one.
    pub trees: Vec<CertifiedTree>,
    /// Of a fingerprint: what stands behind its signed line.
    pub sections: Vec<Section>,
}

/// Checks certificates under one set of keys. Made once, used often: the schema is compiled here.
#[derive(Debug)]
pub struct Checker {
    schema: Schema,
    keys: Vec<PublicKey>,
    threshold: Option<usize>,
}

impl Checker {
    /// With these keys, all of which must have signed, or at least `threshold` of them.
    ///
    /// # Errors
    /// As [`Schema::statement`].
    pub fn new(keys: Vec<PublicKey>, threshold: Option<usize>) -> Result<Self> {
        Ok(Self {
            schema: Schema::statement()?,
            keys,
            threshold,
        })
    }

    /// Checks a certificate or fingerprint file. `what` names it in messages.
    ///
    /// # Errors
    /// `NotAuthentic` where it was altered, re-spelled, or signed by others or by fewer than it demands;
    /// `Malformed`, `Limit` where it is none; `Usage` where no key was given.
    pub fn check(&self, data: &[u8], what: &str) -> Result<Checked> {
        let envelope = Envelope::read(data, what)?;
        let signed = envelope.authenticate(&self.keys, self.threshold, what)?;
        let payload = parse(&envelope.payload, &format!("the payload of {what}"))?;
        let key_ids = envelope
            .signatures
            .into_iter()
            .map(|signature| signature.key_id)
            .collect();
        match envelope.payload_type.as_str() {
            STATEMENT_TYPE => {
                self.schema.check(&payload, what)?;
                read_statement(&payload, signed, key_ids, what)
            }
            FINGERPRINT_TYPE => Ok(Checked {
                verdict: None,
                exit_code: NO_VERDICT_EXIT_CODE,
                key_ids,
                subjects: Vec::new(),
                trees: Vec::new(),
                sections: named(&payload, what)?,
            }),
            other => Err(Error::malformed(what, format!("an envelope of another kind ({other})"))),
        }
    }
}

/// A statement of which the schema holds.
fn read_statement(statement: &Value<'_>, signed: usize, key_ids: Vec<String>, what: &str) -> Result<Checked> {
    let missing = || Error::malformed(what, "a statement without its predicate");
    let predicate = statement.get("predicate").ok_or_else(missing)?;
    let demanded = predicate
        .get("signature_threshold")
        .and_then(Value::as_integer)
        .ok_or_else(missing)?;
    if (signed as i128) < demanded {
        return Err(Error::NotAuthentic(format!(
            "{what} demands {demanded} signers, and {signed} were checked"
        )));
    }
    let (verdict, exit_code) = read_verdict(predicate, what)?;
    let subjects = statement.get("subject").and_then(Value::as_list).ok_or_else(missing)?;
    let tables = predicate.get("tables").and_then(Value::as_list).ok_or_else(missing)?;
    Ok(Checked {
        verdict: Some(verdict),
        exit_code,
        key_ids,
        subjects: subjects
            .iter()
            .map(|subject| read_subject(subject, what))
            .collect::<Result<_>>()?,
        trees: tables
            .iter()
            .filter_map(|table| read_tree(table, what).transpose())
            .collect::<Result<_>>()?,
        sections: Vec::new(),
    })
}

fn read_verdict(predicate: &Value<'_>, what: &str) -> Result<(String, u8)> {
    let text = |name: &str| predicate.get(name).and_then(Value::as_text).unwrap_or_default();
    let exit_code = predicate.get("exit_code").and_then(Value::as_integer);
    let end = match text("behavior") {
        b"not_run" => BEHAVIOR.0,
        _ => BEHAVIOR.1,
    };
    let known = VERDICTS.iter().find(|(verdict, codes, claim)| {
        text("verdict") == verdict.as_bytes()
            && exit_code.is_some_and(|code| codes.contains(&code))
            && text("claim").strip_suffix(end.as_bytes()) == Some(claim.as_bytes())
    });
    match (known, exit_code) {
        (Some((verdict, _, _)), Some(code)) => Ok(((*verdict).to_owned(), code as u8)),
        _ => Err(Error::malformed(
            what,
            "it contradicts itself: its claim or exit code does not belong to its verdict",
        )),
    }
}

fn read_subject(subject: &Value<'_>, what: &str) -> Result<Subject> {
    let wrong = || Error::NotAuthentic(format!("{what} names a file by what is not a plain file name"));
    let name = subject.get("name").and_then(Value::as_text).ok_or_else(wrong)?;
    let digest = subject.get("digest").and_then(|digest| digest.get("sha256"));
    let digest = digest.and_then(Value::as_text).ok_or_else(wrong)?;
    if name.contains(&b'/') || matches!(name, b"" | b"." | b"..") {
        return Err(wrong());
    }
    Ok(Subject {
        name: String::from_utf8_lossy(name).into_owned(),
        file: file_name(name),
        sha256: String::from_utf8_lossy(digest).into_owned(),
    })
}

/// A file's name from a statement's text: there a byte that is not UTF-8 stands as the surrogate U+DC00 + byte.
fn file_name(text: &[u8]) -> Option<OsString> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (0, _) => return None,
            (0xed, [second @ 0xa0..=0xbf, third, after @ ..]) => {
                let code = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
                bytes.push(
                    u8::try_from(code.checked_sub(0xdc00)?)
                        .ok()
                        .filter(|byte| *byte >= 0x80)?,
                );
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    Some(OsString::from_vec(bytes))
}

fn read_tree(table: &Value<'_>, what: &str) -> Result<Option<CertifiedTree>> {
    let Some(tree) = table.get("tree").filter(|tree| **tree != Value::Null) else {
        return Ok(None);
    };
    let wrong = || Error::malformed(what, "a row tree of no table");
    let name = |field: &str| {
        let text = table.get(field).and_then(Value::as_text).ok_or_else(wrong)?;
        Ok(String::from_utf8_lossy(text).into_owned())
    };
    let digest = |field: &str| digest_from_hex(tree.get(field).and_then(Value::as_text).unwrap_or_default(), what);
    let size = tree.get("size").and_then(Value::as_integer);
    Ok(Some(CertifiedTree {
        source: name("source")?,
        target: name("target")?,
        size: size.and_then(|size| u64::try_from(size).ok()).ok_or_else(wrong)?,
        root: digest("root")?,
        key_commitment: digest("key_commitment")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_own_bytes() {
        assert_eq!(file_name("plan é.yaml".as_bytes()), Some("plan é.yaml".into()));
        assert_eq!(
            file_name(b"caf\xed\xb3\xa9"),
            Some(OsString::from_vec(b"caf\xe9".to_vec()))
        );
        assert_eq!(file_name(b"\xed\xa0\xbd"), None);
        assert_eq!(file_name(b"\xed\xb0\xa9"), None);
        assert_eq!(file_name(b"a\0b"), None);
    }
}
