//! Reading the bytes of a section strictly: every field once, nothing behind the last.

use crate::error::{Error, Result};

/// The version of every section's layout.
pub const SECTION_VERSION: u8 = 1;

/// Bytes being taken apart from the front.
pub struct Fields<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// `what` names the section in messages.
    pub fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.malformed("it is cut off"));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// The first four bytes of a section: its version, its flags (only those in `known`), two zeros.
    pub fn head(&mut self, known: u8) -> Result<u8> {
        let [version, flags, zeros @ ..] = *self.take::<4>()?;
        if version != SECTION_VERSION {
            return Err(self.malformed(&format!("its layout has version {version}, not {SECTION_VERSION}")));
        }
        if flags & !known != 0 || zeros != [0, 0] {
            return Err(self.malformed("it has flags that its version does not know"));
        }
        Ok(flags)
    }

    /// A number of 32 bits.
    pub fn u32(&mut self) -> Result<u32> {
        self.take().map(|bytes| u32::from_le_bytes(*bytes))
    }

    /// A number of 64 bits.
    pub fn u64(&mut self) -> Result<u64> {
        self.take().map(|bytes| u64::from_le_bytes(*bytes))
    }

    /// All that is left, which must be `count` items of `size` bytes.
    pub fn items(&mut self, count: usize, size: usize) -> Result<std::slice::ChunksExact<'a, u8>> {
        if count.checked_mul(size) != Some(self.rest.len()) {
            return Err(self.malformed("its length is not what its head says"));
        }
        Ok(std::mem::take(&mut self.rest).chunks_exact(size))
    }

    /// The error of this section.
    pub fn malformed(&self, reason: &str) -> Error {
        Error::Malformed {
            path: format!("a fingerprint's {}", self.what),
            reason: reason.into(),
        }
    }
}

/// The first four bytes of a section.
pub fn head(flags: u8) -> [u8; 4] {
    [SECTION_VERSION, flags, 0, 0]
}
