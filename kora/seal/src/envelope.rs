//! DSSE envelopes, read strictly: bytes, what they are, and who signed them. Nothing here knows what the bytes mean.
//!
//! The rules are those of `docs/formats/certificate.md`, "Envelope". Specification: Dead Simple Signing Envelope v1.0.

use crate::canonical::{parse, Value};
use crate::encoding::from_base64;
use crate::error::{Error, Result};
use crate::signature::{key_id, pre_authentication_encoding, verify_message};

/// Signatures on one envelope.
pub const SIGNATURES_LIMIT: usize = 16;

/// An Ed25519 public key with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The 32 bytes.
    pub raw: [u8; 32],
    /// SHA-256 of them, hex.
    pub key_id: String,
}

/// The one line of a `.pub` file, before its base64.
pub const PUBLIC_HEADER: &str = "sensei-public-key-1 ed25519 ";

impl PublicKey {
    /// From 32 bytes.
    pub fn new(raw: [u8; 32]) -> Self {
        let key_id = key_id(&raw);
        Self { raw, key_id }
    }

    /// From the one line of a `.pub` file.
    ///
    /// # Errors
    /// `Malformed` for anything else.
    pub fn from_text(data: &[u8], what: &str) -> Result<Self> {
        let wrong = || {
            Error::malformed(
                what,
                "not a public key: one line that begins with `sensei-public-key-1 ed25519`",
            )
        };
        let line = data.strip_suffix(b"\n").unwrap_or(data);
        let text = line.strip_prefix(PUBLIC_HEADER.as_bytes()).ok_or_else(wrong)?;
        let raw = from_base64(text, what).map_err(|_| wrong())?;
        raw.try_into().map(Self::new).map_err(|_| wrong())
    }
}

/// One signature as the envelope claims it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The claimed signer.
    pub key_id: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// An envelope as read. Nothing about it is believed before [`Envelope::authenticate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What the payload is.
    pub payload_type: String,
    /// The signed bytes.
    pub payload: Vec<u8>,
    /// At least one, ascending by key id.
    pub signatures: Vec<Signature>,
}

impl Envelope {
    /// Takes an envelope apart. `what` names the file in messages.
    ///
    /// # Errors
    /// `Malformed` or `NotAuthentic` for whatever is not one in its canonical form; `Limit` for too large a file.
    pub fn read(data: &[u8], what: &str) -> Result<Self> {
        let value = parse(data, what)?;
        let wrong = || {
            Error::malformed(
                what,
                "not a signed envelope: its fields are payload, payloadType and signatures",
            )
        };
        if !value.has_exactly(&["payload", "payloadType", "signatures"]) {
            return Err(wrong());
        }
        let text = |name: &str| value.get(name).and_then(Value::as_text).ok_or_else(wrong);
        let entries = value.get("signatures").and_then(Value::as_list).ok_or_else(wrong)?;
        if entries.is_empty() || entries.len() > SIGNATURES_LIMIT {
            return Err(Error::NotAuthentic(format!(
                "{what} carries no signature, or more than {SIGNATURES_LIMIT}"
            )));
        }
        let signatures = entries
            .iter()
            .map(|entry| read_signature(entry, what))
            .collect::<Result<Vec<_>>>()?;
        if !signatures.is_sorted_by(|left, right| left.key_id < right.key_id) {
            return Err(Error::NotAuthentic(format!(
                "{what} does not list its signatures once each, in order of key id"
            )));
        }
        Ok(Self {
            payload_type: utf8(text("payloadType")?, what)?,
            payload: from_base64(text("payload")?, what)?,
            signatures,
        })
    }

    /// How many of the keys given signed exactly these bytes; all must have, or with a threshold that many.
    ///
    /// # Errors
    /// `NotAuthentic` where a signature is missing, does not hold, or is by nobody whose key was given; `Usage`
    /// without a key, or for a threshold that the keys cannot reach.
    pub fn authenticate(&self, keys: &[PublicKey], threshold: Option<usize>, what: &str) -> Result<usize> {
        let mut distinct: Vec<&PublicKey> = keys.iter().collect();
        distinct.sort_by(|left, right| left.key_id.cmp(&right.key_id));
        distinct.dedup();
        let wanted = threshold.unwrap_or(distinct.len());
        if distinct.is_empty() || wanted == 0 || wanted > distinct.len() {
            return Err(Error::Usage(format!(
                "{wanted} signers cannot be checked with {} public keys",
                distinct.len()
            )));
        }
        let message = pre_authentication_encoding(&self.payload_type, &self.payload);
        let mut signed = 0;
        for signature in &self.signatures {
            let Some(key) = distinct.iter().find(|key| key.key_id == signature.key_id) else {
                return Err(Error::NotAuthentic(format!(
                    "{what} carries a signature by {}, which none of the keys given can check",
                    signature.key_id
                )));
            };
            if !verify_message(&key.raw, &message, &signature.bytes) {
                return Err(Error::NotAuthentic(format!(
                    "{what} was not signed by key {}, or was altered since",
                    key.key_id
                )));
            }
            signed += 1;
        }
        if signed < wanted {
            return Err(Error::NotAuthentic(format!(
                "{what} has {signed} of the {wanted} signatures asked for"
            )));
        }
        Ok(signed)
    }
}

fn read_signature(entry: &Value<'_>, what: &str) -> Result<Signature> {
    let wrong = || Error::malformed(what, "a signature has other fields than keyid and sig");
    if !entry.has_exactly(&["keyid", "sig"]) {
        return Err(wrong());
    }
    let text = |name: &str| entry.get(name).and_then(Value::as_text).ok_or_else(wrong);
    Ok(Signature {
        key_id: utf8(text("keyid")?, what)?,
        bytes: from_base64(text("sig")?, what)?,
    })
}

fn utf8(text: &[u8], what: &str) -> Result<String> {
    String::from_utf8(text.to_vec()).map_err(|_| Error::malformed(what, "a name that is not UTF-8"))
}
