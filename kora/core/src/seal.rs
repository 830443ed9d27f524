//! Signatures and file hashes, as the rest of the core names them. They stand in a crate of their own, `kora-seal`, so
//! that a machine without databases can check what this one signs.

pub use kora_seal::encoding::hex;
pub use kora_seal::signature::{
    generate_signing_key, key_id, pre_authentication_encoding, public_key, sha256, sha256_file, sign, verify,
    verify_message,
};

use crate::error::Error;

impl From<kora_seal::error::Error> for Error {
    fn from(refusal: kora_seal::error::Error) -> Self {
        match refusal {
            kora_seal::error::Error::File { path, source } => Self::File { path, source },
            kora_seal::error::Error::Malformed { what, reason } => Self::Malformed { path: what, reason },
            kora_seal::error::Error::NotAuthentic(why) => Self::NotAuthentic(why),
            kora_seal::error::Error::Limit(which) => Self::Limit(which),
            kora_seal::error::Error::Usage(why) => Self::Usage(why),
        }
    }
}
