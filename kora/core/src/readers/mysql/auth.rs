//! The proofs that authentication plugins ask for. A password's text leaves this room only over a line that nobody
//! else reads: TLS, or a Unix socket.

use ring::digest::{digest, Context, SHA1_FOR_LEGACY_USE_ONLY};

/// MariaDB's and old MySQL's default plugin.
pub const NATIVE: &str = "mysql_native_password";
/// MySQL 8's default plugin.
pub const CACHING_SHA2: &str = "caching_sha2_password";
/// MySQL's own before version 8.
pub const SHA256: &str = "sha256_password";
/// The password as text, as PAM and LDAP logins need it.
pub const CLEAR: &str = "mysql_clear_password";

/// `SHA1(password) XOR SHA1(challenge ‖ SHA1(SHA1(password)))`; empty for an empty password.
pub fn native(password: &str, challenge: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let algorithm = &SHA1_FOR_LEGACY_USE_ONLY;
    let once = digest(algorithm, password.as_bytes());
    let mut mask = Context::new(algorithm);
    mask.update(challenge);
    mask.update(digest(algorithm, once.as_ref()).as_ref());
    exclusive_or(once.as_ref(), mask.finish().as_ref())
}

/// `SHA256(password) XOR SHA256(SHA256(SHA256(password)) ‖ challenge)`; empty for an empty password.
pub fn caching_sha2(password: &str, challenge: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let once = digest(&ring::digest::SHA256, password.as_bytes());
    let mut mask = Context::new(&ring::digest::SHA256);
    mask.update(digest(&ring::digest::SHA256, once.as_ref()).as_ref());
    mask.update(challenge);
    exclusive_or(once.as_ref(), mask.finish().as_ref())
}

fn exclusive_or(left: &[u8], right: &[u8]) -> Vec<u8> {
    left.iter().zip(right).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server's own check: it keeps SHA1(SHA1(password)).
    #[test]
    fn the_native_proof_unmasks_to_a_password_whose_hash_the_server_keeps() {
        let challenge = b"12345678901234567890";
        let proof = native("open sesame", challenge);
        let algorithm = &SHA1_FOR_LEGACY_USE_ONLY;
        let kept = digest(algorithm, digest(algorithm, b"open sesame").as_ref());
        let mask = digest(algorithm, &[challenge, kept.as_ref()].concat());
        let once = exclusive_or(&proof, mask.as_ref());
        assert_eq!(digest(algorithm, &once).as_ref(), kept.as_ref());
    }

    #[test]
    fn the_sha2_proof_unmasks_to_a_password_whose_hash_the_server_keeps() {
        let challenge = b"12345678901234567890";
        let proof = caching_sha2("open sesame", challenge);
        let kept = digest(
            &ring::digest::SHA256,
            digest(&ring::digest::SHA256, b"open sesame").as_ref(),
        );
        let mask = digest(&ring::digest::SHA256, &[kept.as_ref(), challenge].concat());
        let once = exclusive_or(&proof, mask.as_ref());
        assert_eq!(digest(&ring::digest::SHA256, &once).as_ref(), kept.as_ref());
    }

    #[test]
    fn no_password_has_no_proof() {
        assert!(native("", b"x").is_empty() && caching_sha2("", b"x").is_empty());
    }
}
