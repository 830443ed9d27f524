//! Signatures and file hashes: Ed25519, SHA-256 and the DSSE pre-authentication encoding, all through ring.
//!
//! Owns no file format: what is signed, and where the signature then stands, is the caller's concern.
//! Sources: RFC 8032; DSSE v1.0, "Pre-Authentication Encoding".

use std::io::Read;
use std::path::Path;

use ring::digest::{Context, SHA256};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair, UnparsedPublicKey, ED25519};
use zeroize::Zeroizing;

use crate::encoding::hex;
use crate::error::{Error, Result};

/// How much of a file is in memory while it is hashed.
const FILE_BUFFER_BYTES: usize = 1 << 20;

/// A new Ed25519 key pair as PKCS#8 v2 DER. Secret: it is wiped when dropped.
pub fn generate_signing_key() -> Result<Zeroizing<Vec<u8>>> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| Error::Usage("the system gave no randomness for a signing key".into()))?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// The 32 raw public bytes of a PKCS#8 v2 key.
pub fn public_key(signing_key: &[u8]) -> Result<[u8; 32]> {
    let mut public = [0; 32];
    public.copy_from_slice(key_pair(signing_key)?.public_key().as_ref());
    Ok(public)
}

/// SHA-256 of the raw public key, hex: names a key without showing it.
pub fn key_id(public: &[u8]) -> String {
    sha256(public)
}

/// DSSE's pre-authentication encoding: lengths are decimal counts of bytes.
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut encoded = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    encoded.extend_from_slice(payload);
    encoded
}

/// The 64-byte Ed25519 signature over the DSSE encoding of a payload.
pub fn sign(signing_key: &[u8], payload_type: &str, payload: &[u8]) -> Result<Vec<u8>> {
    sign_message(signing_key, &pre_authentication_encoding(payload_type, payload))
}

/// The plain 64-byte Ed25519 signature over a message.
pub fn sign_message(signing_key: &[u8], message: &[u8]) -> Result<Vec<u8>> {
    Ok(key_pair(signing_key)?.sign(message).as_ref().to_vec())
}

/// Whether a signature over the DSSE encoding of a payload holds. Malformed keys and signatures simply do not.
pub fn verify(public: &[u8], payload_type: &str, payload: &[u8], signature: &[u8]) -> bool {
    verify_message(public, &pre_authentication_encoding(payload_type, payload), signature)
}

/// Whether a plain Ed25519 signature over a message holds.
pub fn verify_message(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message, signature)
        .is_ok()
}

/// SHA-256 of bytes, lower-case hex.
pub fn sha256(data: &[u8]) -> String {
    hex(&sha256_raw(&[data]))
}

/// SHA-256 of parts, one behind the other.
pub fn sha256_raw(parts: &[&[u8]]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// SHA-256 of a file, lower-case hex, read piece by piece.
///
/// # Errors
/// [`Error::File`] if it cannot be opened or read.
pub fn sha256_file(path: &Path) -> Result<String> {
    let problem = |source| Error::File {
        path: path.to_path_buf(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(problem)?;
    sha256_stream(&mut file).map(|(_, digest)| digest).map_err(problem)
}

/// How many bytes a stream still has, and their SHA-256, lower-case hex; read piece by piece.
///
/// # Errors
/// The stream's own.
pub fn sha256_stream(stream: &mut impl Read) -> std::io::Result<(u64, String)> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; FILE_BUFFER_BYTES];
    let mut total = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok((total, hex(context.finish().as_ref()))),
            Ok(length) => {
                total += length as u64;
                context.update(&buffer[..length]);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn key_pair(signing_key: &[u8]) -> Result<Ed25519KeyPair> {
    Ed25519KeyPair::from_pkcs8(signing_key)
        .map_err(|reason| Error::malformed("signing key", format!("not PKCS#8 v2 Ed25519: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "http://example.com/HelloWorld";

    #[test]
    fn the_encoding_is_the_one_that_dsse_publishes() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(pre_authentication_encoding(TYPE, b"hello world"), expected);
    }

    #[test]
    fn lengths_count_bytes_and_not_characters() {
        let encoded = pre_authentication_encoding("é", "ü".as_bytes());
        assert_eq!(encoded, "DSSEv1 2 é 2 ü".as_bytes());
    }

    #[test]
    fn a_signature_holds_for_its_payload_type_and_key_alone() {
        let key = generate_signing_key().expect("randomness");
        let public = public_key(&key).expect("own key");
        let signature = sign(&key, TYPE, b"hello world").expect("own key");
        assert!(verify(&public, TYPE, b"hello world", &signature));
        assert!(!verify(&public, TYPE, b"hello worle", &signature));
        assert!(!verify(&public, "http://example.com/Other", b"hello world", &signature));
        let other = public_key(&generate_signing_key().expect("randomness")).expect("own key");
        assert!(!verify(&other, TYPE, b"hello world", &signature));
        for index in 0..signature.len() {
            let mut damaged = signature.clone();
            damaged[index] ^= 1;
            assert!(!verify(&public, TYPE, b"hello world", &damaged), "byte {index}");
        }
    }

    #[test]
    fn keys_and_signatures_of_a_wrong_length_do_not_hold() {
        assert!(!verify_message(&[], b"", &[]));
        assert!(!verify_message(&[0; 31], b"", &[0; 64]));
        assert!(matches!(public_key(b"not a key"), Err(Error::Malformed { .. })));
    }

    #[test]
    fn a_file_hashes_as_its_bytes_do() {
        let directory = tempfile::tempdir().expect("a folder");
        let path = directory.path().join("data");
        let data = vec![9; FILE_BUFFER_BYTES + 5];
        std::fs::write(&path, &data).expect("written");
        assert_eq!(sha256_file(&path).expect("read"), sha256(&data));
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(matches!(
            sha256_file(&directory.path().join("none")),
            Err(Error::File { .. })
        ));
    }
}
