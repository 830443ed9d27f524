//! A connection that statements and one stream of rows take turns with.
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::rows::{Flow, RowSink};
use std::sync::{Mutex, MutexGuard};

/// A connection that closes itself where nothing further can be trusted.
pub trait Guarded {
    /// Hands an outcome on; a broken line, bytes that make no sense or a refused login end the session first.
    fn guard<T>(&mut self, outcome: Result<T>) -> Result<T>;
}

/// Takes the connection.
///
/// # Errors
/// `Usage` where another thread left it in the middle of a message.
pub fn hold<C>(connection: &Mutex<C>) -> Result<MutexGuard<'_, C>> {
    connection
        .lock()
        .map_err(|_| Error::Usage("the connection was left unusable by an earlier failure".into()))
}

/// Pumps rows from a connection that is held meanwhile. Whatever ends the stream ends an untrustworthy session too; the
/// sink's own errors do not, whatever their kind.
pub fn pump_guarded<C: Guarded>(
    connection: &Mutex<C>,
    sink: &mut dyn RowSink,
    pump: impl FnOnce(&mut C, &mut dyn RowSink) -> Result<bool>,
) -> Result<bool> {
    let mut held = hold(connection)?;
    let mut watched = Watched { sink, refused: false };
    let outcome = pump(&mut held, &mut watched);
    match watched.refused {
        true => outcome,
        false => held.guard(outcome),
    }
}

/// A sink, and whether it refused a row.
struct Watched<'s> {
    sink: &'s mut dyn RowSink,
    refused: bool,
}

impl RowSink for Watched<'_> {
    #[inline]
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<Flow> {
        self.sink.row(cells).inspect_err(|_| self.refused = true)
    }

    fn takes_canonical(&self) -> bool {
        self.sink.takes_canonical()
    }

    #[inline]
    fn canonical_row(&mut self, row: &[u8], bounds: &[usize]) -> Result<Flow> {
        self.sink
            .canonical_row(row, bounds)
            .inspect_err(|_| self.refused = true)
    }
}
