//! Rows too large to be held in several copies: their canonical bytes are made one row at a time in the process, and
//! given back at once.
//!
//! A comparison reads two sides at the same time. Where one cell is hundreds of megabytes, both readers hold theirs;
//! what this adds is at most one copy for the process, not one for each side.

use crate::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// From this size on, in bytes, a row's canonical bytes are made alone and its buffer is not kept.
pub const LARGE_ROW_BYTES: usize = 8 << 20;

static ALONE: Mutex<()> = Mutex::new(());

/// Waits until no other large row is being worked on; `None`, at once, for a row that is not large.
pub fn alone(cells: &[Cell<'_>]) -> Option<MutexGuard<'static, ()>> {
    let bytes = cells.iter().map(payload_bytes).fold(0, usize::saturating_add);
    // The lock guards no data: one that a panic left behind is as good as new.
    (bytes >= LARGE_ROW_BYTES).then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Gives a buffer's memory back if a large row made it grow; its content is then lost.
pub fn release(buffer: &mut Vec<u8>) {
    if buffer.capacity() >= LARGE_ROW_BYTES {
        *buffer = Vec::new();
    }
}

fn payload_bytes(cell: &Cell<'_>) -> usize {
    match cell {
        Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) | Cell::BigDecimal(text) => text.len(),
        Cell::Bytes(bytes) | Cell::BrokenText { bytes, .. } | Cell::Bit { bytes, .. } => bytes.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_large_rows_wait_for_each_other() {
        let half = vec![0_u8; LARGE_ROW_BYTES / 2];
        assert!(alone(&[Cell::Null, Cell::Bytes(&half)]).is_none());
        let held = alone(&[Cell::Bytes(&half), Cell::Bytes(&half)]);
        assert!(held.is_some());
        assert!(alone(&[Cell::Bytes(&half)]).is_none(), "a small row does not wait");
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
