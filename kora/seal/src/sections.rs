//! The sections of a fingerprint file: what stands behind its signed line, as that line names it.
//!
//! Format: `docs/formats/kfp.md`. What a section holds is not this room's concern.

use std::io::Read;

use crate::canonical::Value;
use crate::error::{Error, Result};
use crate::signature::sha256_stream;

/// One section: its length and its SHA-256, hex. Sections lie one behind the other, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Bytes.
    pub length: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

/// The sections that a fingerprint's payload names, in the order of the file.
///
/// # Errors
/// `Malformed` where they do not lie one behind the other, or where one is not described.
pub fn named(payload: &Value<'_>, what: &str) -> Result<Vec<Section>> {
    let tables = payload.get("tables").and_then(Value::as_list);
    let tables = tables.ok_or_else(|| Error::malformed(what, "a fingerprint without its tables"))?;
    let of_tables = tables
        .iter()
        .flat_map(|table| ["buckets", "sketch", "rows"].map(|part| table.get(part)));
    let (mut sections, mut expected) = (Vec::new(), 0_u64);
    for section in [payload.get("catalog")].into_iter().chain(of_tables).flatten() {
        if *section == Value::Null {
            continue;
        }
        let wrong = || Error::malformed(what, "its sections do not lie one behind the other");
        let number = |name: &str| section.get(name).and_then(Value::as_integer);
        let length = number("length").and_then(|length| u64::try_from(length).ok());
        let length = length.ok_or_else(wrong)?;
        if number("offset") != Some(i128::from(expected)) {
            return Err(wrong());
        }
        expected = expected.checked_add(length).ok_or_else(wrong)?;
        let sha256 = section.get("sha256").and_then(Value::as_text).ok_or_else(wrong)?;
        sections.push(Section {
            length,
            sha256: String::from_utf8_lossy(sha256).into_owned(),
        });
    }
    Ok(sections)
}

/// Whether these sections, and nothing else, stand where `body` is. Reads piece by piece.
///
/// # Errors
/// `NotAuthentic` where they do not; `File` where the body cannot be read (the caller knows its name).
pub fn hold(sections: &[Section], body: &mut impl Read, what: &str) -> Result<()> {
    let problem = |source| Error::File {
        path: what.into(),
        source,
    };
    for section in sections {
        let (length, sha256) = sha256_stream(&mut body.by_ref().take(section.length)).map_err(problem)?;
        if length != section.length || sha256 != section.sha256 {
            return Err(Error::NotAuthentic(format!(
                "{what} was cut off, or altered, after it was signed"
            )));
        }
    }
    match body.read(&mut [0]).map_err(problem)? {
        0 => Ok(()),
        _ => Err(Error::NotAuthentic(format!(
            "something was added to {what} after it was signed"
        ))),
    }
}
