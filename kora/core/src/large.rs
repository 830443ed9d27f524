//! Rows too large to be held in several copies: their canonical bytes are made one row at a time in the process, and
//! given back at once.
//!
//! A comparison reads two sides at the same time. Where one cell is hundreds of megabytes, both readers hold theirs, and
//! nothing is added to that: long payloads are hashed where they lie ([`Gathered`]). A value that a rule has to rewrite
//! is copied, one row at a time in the process.

use crate::batch::{padding_bytes, BLOCK_BYTES};
use crate::canon::{encode_cell, put_long_head};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::set_hash::Digest;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// From this size on, in bytes, a row's canonical bytes are made alone and its buffer is not kept.
pub const LARGE_ROW_BYTES: usize = 8 << 20;

/// A payload from this size on is hashed where it lies.
const LONG_PAYLOAD_BYTES: usize = 1 << 20;

static ALONE: Mutex<()> = Mutex::new(());

/// Whether a row's canonical bytes are too many to be copied lightly.
#[inline]
pub fn is_large(cells: &[Cell<'_>]) -> bool {
    cells.iter().map(payload_bytes).fold(0, usize::saturating_add) >= LARGE_ROW_BYTES
}

/// Waits until no other large row is being worked on; only for a row that [`is_large`].
pub fn alone() -> MutexGuard<'static, ()> {
    // The lock guards no data: one that a panic left behind is as good as new.
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a buffer's memory back if a large row made it grow; its content is then lost.
pub fn release(buffer: &mut Vec<u8>) {
    if buffer.capacity() >= LARGE_ROW_BYTES {
        *buffer = Vec::new();
    }
}

/// A row's canonical bytes, whose long payloads lie where the reader put them.
#[derive(Default)]
pub struct Gathered<'a> {
    bytes: Vec<u8>,
    /// Where in `bytes` each long payload belongs, ascending.
    long: Vec<(usize, &'a [u8])>,
}

impl<'a> Gathered<'a> {
    /// A row whose cells are to be pushed.
    pub fn open() -> Self {
        Self {
            bytes: vec![0; 4],
            long: Vec::new(),
        }
    }

    /// Appends a cell and leaves a long payload where it lies.
    ///
    /// # Errors
    /// As [`encode_cell`].
    pub fn push(&mut self, cell: &Cell<'a>) -> Result<()> {
        match put_long_head(cell, LONG_PAYLOAD_BYTES, &mut self.bytes) {
            Some(payload) => self.long.push((self.bytes.len(), payload)),
            None => encode_cell(cell, &mut self.bytes)?,
        }
        Ok(())
    }

    /// Appends a cell in one piece and gives its place, for [`Self::piece`].
    ///
    /// # Errors
    /// Those of `encode`.
    pub fn push_whole(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Range<usize>> {
        let start = self.bytes.len();
        encode(&mut self.bytes)?;
        Ok(start..self.bytes.len())
    }

    /// The canonical bytes of a cell that was pushed in one piece.
    pub fn piece(&self, place: Range<usize>) -> &[u8] {
        &self.bytes[place]
    }

    /// Writes the row's length in front of it.
    ///
    /// # Errors
    /// `Limit` for a row of 4 GiB or more.
    pub fn close(&mut self) -> Result<()> {
        let length =
            u32::try_from(self.byte_count() - 4).map_err(|_| Error::Limit("a row of 4 GiB or more".to_owned()))?;
        self.bytes[..4].copy_from_slice(&length.to_le_bytes());
        Ok(())
    }

    /// All canonical bytes.
    pub fn byte_count(&self) -> usize {
        self.bytes.len() + self.long.iter().map(|(_, payload)| payload.len()).sum::<usize>()
    }

    /// The row's digest: that of the same bytes in one piece.
    pub fn digest(&self, key: &Digest) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(key);
        let mut from = 0;
        for (to, payload) in &self.long {
            hasher.update(&self.bytes[from..*to]).update(payload);
            from = *to;
        }
        hasher.update(&self.bytes[from..]);
        hasher.update(&[0; BLOCK_BYTES][..padding_bytes(self.byte_count())]);
        *hasher.finalize().as_bytes()
    }
}

fn payload_bytes(cell: &Cell<'_>) -> usize {
    match cell {
        Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) | Cell::BigDecimal(text) => text.len(),
        Cell::Bytes(bytes)
        | Cell::BrokenText { bytes, .. }
        | Cell::Bit { bytes, .. }
        | Cell::Structured { body: bytes, .. }
        | Cell::Geometry { wkb: bytes, .. } => bytes.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_large_by_all_its_cells_together() {
        let half = vec![0_u8; LARGE_ROW_BYTES / 2];
        assert!(!is_large(&[Cell::Null, Cell::Bytes(&half)]));
        assert!(is_large(&[Cell::Bytes(&half), Cell::Null, Cell::Bytes(&half)]));
    }

    #[test]
    fn a_gathered_row_has_the_digest_of_the_row_in_one_piece() {
        let long = "é".repeat(LONG_PAYLOAD_BYTES);
        let cells = [
            Cell::Int(7),
            Cell::Text(&long),
            Cell::Null,
            Cell::Bytes(long.as_bytes()),
            Cell::Json(&long),
            Cell::Text("short"),
        ];
        let mut row = Vec::new();
        let start = crate::canon::open_row(&mut row);
        let mut gathered = Gathered::open();
        for cell in &cells {
            encode_cell(cell, &mut row).expect("plain cells");
            gathered.push(cell).expect("plain cells");
        }
        crate::canon::close_row(start, &mut row).expect("short enough");
        gathered.close().expect("short enough");
        assert_eq!(gathered.long.len(), 3);
        assert_eq!(gathered.byte_count(), row.len());
        assert_eq!(gathered.digest(&[5; 32]), crate::batch::padded_digest(&[5; 32], &row));
    }

    #[test]
    fn only_a_large_buffer_is_given_back() {
        let mut small = b"kept".to_vec();
        let mut large = Vec::with_capacity(LARGE_ROW_BYTES);
        release(&mut small);
        release(&mut large);
        assert_eq!((small.as_slice(), large.capacity()), (b"kept".as_slice(), 0));
    }
}
