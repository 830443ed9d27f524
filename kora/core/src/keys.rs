//! The secret of one comparison and the keys that derive from it.
//!
//! A key is `keyed BLAKE3(K; label ‖ 0 ‖ context)`, where the context is the digest of the comparison profile: two
//! sides that disagree about the profile cannot agree by accident, and this costs nothing per row.

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::program::Profile;
use crate::seal::hex;
use crate::set_hash::Digest;

/// A derived key, wiped when dropped.
pub type SecretKey = Zeroizing<Digest>;

/// What a derived key is for. Each purpose has a label of its own, so that no digest serves two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Digests of canonical rows.
    Row,
    /// Tags of keys in the second pass.
    KeyTag,
    /// Digests of rows exactly as read, before any rule.
    RawRow,
    /// Elements of the LtHash.
    SetElement,
    /// The root over an LtHash state.
    SetRoot,
    /// Checksums and places in the symbols of a carried sketch.
    Sketch,
    /// K_key: digests of keys in a row tree. An auditor is given it to check that a row is absent.
    ProofKey,
    /// K_leaf: what the key of each row's commitment derives from.
    ProofLeaf,
    /// Digests of what a query answered.
    Answer,
    /// The public name of a key; and with a profile, of a comparison.
    Name,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Row => b"kora-1 row",
            Self::KeyTag => b"kora-1 key tag",
            Self::RawRow => b"kora-1 raw row",
            Self::SetElement => b"kora-1 set element",
            Self::SetRoot => b"kora-1 set root",
            Self::Sketch => b"kora-1 carried sketch",
            Self::ProofKey => b"kora-1 proof key",
            Self::ProofLeaf => b"kora-1 proof leaf",
            Self::Answer => b"kora-1 answer",
            Self::Name => b"kora-1 name",
        }
    }
}

/// 32 secret bytes from which all keys of one comparison derive. Wiped when dropped; never printed.
#[derive(Clone)]
pub struct DigestKey(SecretKey);

impl DigestKey {
    /// Takes 32 bytes.
    ///
    /// # Errors
    /// [`Error::Usage`] for any other length.
    pub fn new(key: &[u8]) -> Result<Self> {
        let bytes: Digest = key
            .try_into()
            .map_err(|_| Error::Usage(format!("a digest key has 32 bytes, not {}", key.len())))?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// A fresh key from the operating system.
    pub fn random() -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        SystemRandom::new()
            .fill(bytes.as_mut_slice())
            .map_err(|_| Error::Usage("the system gave no randomness for a digest key".into()))?;
        Ok(Self(bytes))
    }

    /// The key's name, 32 hex characters, derived one-way; safe to print.
    pub fn key_id(&self) -> String {
        hex(&self.derive(Purpose::Name, b"")[..16])
    }

    /// The key for one purpose within one context.
    pub fn derive(&self, purpose: Purpose, context: &[u8]) -> SecretKey {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(purpose.label()).update(&[0]).update(context);
        Zeroizing::new(*hasher.finalize().as_bytes())
    }

    /// Whether two are the same key.
    pub fn same(&self, other: &Self) -> bool {
        blake3::Hash::from_bytes(*self.0) == blake3::Hash::from_bytes(*other.0)
    }
}

/// BLAKE3 of a profile's canonical JSON: however it was spelled, equal profiles have equal digests.
pub fn profile_digest(profile: &Profile) -> Digest {
    *blake3::hash(&profile.digest_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_contexts_and_keys_all_separate() {
        let key = DigestKey::new(&[1; 32]).expect("32 bytes");
        let purposes = [
            Purpose::Row,
            Purpose::KeyTag,
            Purpose::RawRow,
            Purpose::SetElement,
            Purpose::SetRoot,
            Purpose::Sketch,
            Purpose::ProofKey,
            Purpose::ProofLeaf,
            Purpose::Answer,
            Purpose::Name,
        ];
        let mut derived: Vec<Digest> = purposes
            .iter()
            .map(|purpose| *key.derive(*purpose, b"profile"))
            .collect();
        derived.push(*key.derive(Purpose::Row, b"other"));
        derived.push(
            *DigestKey::new(&[2; 32])
                .expect("32 bytes")
                .derive(Purpose::Row, b"profile"),
        );
        let count = derived.len();
        derived.sort_unstable();
        derived.dedup();
        assert_eq!(derived.len(), count);
    }

    #[test]
    fn a_key_has_32_bytes_and_a_name_that_is_not_the_key() {
        assert!(matches!(DigestKey::new(&[0; 31]), Err(Error::Usage(_))));
        let key = DigestKey::new(&[0xab; 32]).expect("32 bytes");
        assert_eq!(key.key_id().len(), 32);
        assert!(!key.key_id().contains("abab"));
        let (one, two) = (
            DigestKey::random().expect("randomness"),
            DigestKey::random().expect("randomness"),
        );
        assert!(!one.same(&two) && one.same(&one.clone()));
    }
}
