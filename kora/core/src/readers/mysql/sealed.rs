//! A password sealed for one server alone, for logins over a line that anybody may read: `caching_sha2_password` and
//! `sha256_password` with the server's public key, in a file that the user names.
//!
//! The key never comes over the line: whoever stands between could send one too. Source: MySQL reference manual,
//! "Caching SHA-2 Pluggable Authentication"; RFC 8017, RSAES-OAEP with SHA-1, as the servers open it.

use super::wire::ENGINE;
use crate::error::{Error, Result};
use rsa::pkcs8::DecodePublicKey;
use rsa::{Oaep, RsaPublicKey};
use sha1::Sha1;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

/// Larger than the PEM of any key that is taken: 4,096 bits.
const MAX_KEY_FILE_BYTES: u64 = 16 << 10;

/// A server's public key.
pub struct ServerKey(RsaPublicKey);

impl ServerKey {
    /// Reads the file that the server keeps as `public_key.pem`.
    ///
    /// Errors: [`Error::Usage`] for a file that cannot be read or is no public key of RSA in PEM.
    pub fn read(path: &Path) -> Result<Self> {
        let refuse = |why: String| Error::Usage(format!("server-public-key-path {}: {why}", path.display()));
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text))
            .map_err(|error| refuse(error.to_string()))?;
        // The server ends its own file with a NUL.
        let text = text.trim_matches(|letter: char| letter == '\0' || letter.is_whitespace());
        RsaPublicKey::from_public_key_pem(text)
            .map(Self)
            .map_err(|error| refuse(format!("no public key of RSA in PEM ({error})")))
    }

    /// The password, mixed with the server's challenge, as only the server can open it.
    ///
    /// Errors: [`Error::Denied`] for a password that is too long for the key, or a server without a challenge.
    pub fn seal(&self, password: &str, challenge: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let denied = |message: String| Error::Denied {
            engine: ENGINE,
            message,
        };
        if challenge.is_empty() {
            return Err(denied("the server sent no challenge to seal the password with".into()));
        }
        let ended = password.bytes().chain(Some(0));
        let mixed: Zeroizing<Vec<u8>> =
            Zeroizing::new(ended.zip(challenge.iter().cycle()).map(|(a, b)| a ^ b).collect());
        self.0
            .encrypt(&mut rsa::rand_core::OsRng, Oaep::new::<Sha1>(), &mixed)
            .map(Zeroizing::new)
            .map_err(|error| denied(format!("the password cannot be sealed with the server's key: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::pkcs8::{EncodePublicKey, LineEnding};
    use rsa::RsaPrivateKey;

    fn key_file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn what_is_sealed_the_owner_of_the_key_opens_and_finds_mixed_with_its_challenge() {
        let owner = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
        let pem = owner.to_public_key().to_public_key_pem(LineEnding::LF).unwrap();
        let key = ServerKey::read(key_file(&format!("{pem}\0")).path()).unwrap();
        let challenge = b"12345678901234567890";
        let sealed = key.seal("a password of more than twenty bytes", challenge).unwrap();
        let opened = owner.decrypt(Oaep::new::<Sha1>(), &sealed).unwrap();
        let plain: Vec<u8> = opened
            .iter()
            .zip(challenge.iter().cycle())
            .map(|(a, b)| a ^ b)
            .collect();
        assert_eq!(plain, b"a password of more than twenty bytes\0");
        assert_ne!(
            *sealed,
            *key.seal("a password of more than twenty bytes", challenge).unwrap()
        );
        assert!(matches!(
            key.seal(&"x".repeat(87), challenge),
            Err(Error::Denied { .. })
        ));
        assert!(matches!(key.seal("x", b""), Err(Error::Denied { .. })));
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_by_its_name() {
        let broken = key_file("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
        for path in [broken.path(), Path::new("/nowhere/public_key.pem"), Path::new("/")] {
            let refused = ServerKey::read(path).err().map(|error| error.to_string());
            assert!(refused.is_some_and(|text| text.contains(&path.display().to_string())));
        }
    }
}
