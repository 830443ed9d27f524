//! What comes in from a server: one growable buffer over a transport, in which an engine's messages are parsed where
//! they lie.

use super::transport::{lost, Transport};
use crate::error::Result;
use std::io::ErrorKind;
use std::ops::Range;
use std::time::Duration;

/// Where the buffer starts; it grows to the largest message, and shrinks again after a very large one.
const BUFFER_BYTES: usize = 256 << 10;
/// A buffer that grew to this size is given back once the row that needed it was read.
const LARGE_BUFFER_BYTES: usize = 16 << 20;
/// Rows after which a stream is a long one, in bytes: a short one ends sooner than it could be sped up.
const LONG_STREAM_BYTES: usize = 1 << 20;
/// What a long stream's reader waits for. A server sends 8 or 16 KiB at a time; to be woken for each costs more than
/// the rows.
const LOW_WATER_BYTES: usize = 96 << 10;
/// How long it waits for that much before it takes what there is, as at the stream's end.
const LOW_WATER_PATIENCE: Duration = Duration::from_millis(4);

/// How bytes come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inflow {
    /// As answers to what was sent.
    Answers,
    /// As rows, so many bytes of them so far.
    Rows(usize),
    /// As rows, woken for many at a time.
    Gathered,
}

/// Bytes that came and were not consumed yet, and the stream they come from.
pub struct Inbox {
    engine: &'static str,
    transport: Transport,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    flow: Inflow,
}

impl Inbox {
    /// Over a stream of which no byte is buffered elsewhere. `engine` is its name in errors.
    pub fn new(engine: &'static str, transport: Transport) -> Self {
        Self {
            engine,
            transport,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            flow: Inflow::Answers,
        }
    }

    /// The stream beneath.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Bounds every later read and write; `None` lifts the bound.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> Result<()> {
        self.transport
            .set_timeout(timeout)
            .map_err(|error| lost(self.engine, &error))
    }

    /// What came and was not consumed. Positions in it hold until it is consumed, whatever else is read.
    #[inline]
    pub fn waiting(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where [`Self::waiting`] begins within the buffer: valid until the next [`Self::read_more`].
    #[inline]
    pub fn start(&self) -> usize {
        self.start
    }

    /// Bytes at positions within the buffer.
    #[inline]
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        &self.buffer[range]
    }

    /// Goes on at a position within the buffer.
    #[inline]
    pub fn consume_to(&mut self, position: usize) {
        self.start = position;
    }

    /// Gives back what a large message made the buffer grow by, once it is consumed.
    #[inline]
    pub fn release(&mut self) {
        if self.buffer.len() < LARGE_BUFFER_BYTES || self.end - self.start > BUFFER_BYTES {
            return;
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        let waiting = self.end - self.start;
        buffer[..waiting].copy_from_slice(&self.buffer[self.start..self.end]);
        self.buffer = buffer;
        (self.start, self.end) = (0, waiting);
    }

    /// Moves a run of waiting bytes forward over bytes that nobody needs; both positions count from the first waiting.
    pub fn close_gap(&mut self, run: Range<usize>, to: usize) {
        let (from, until) = (self.start + run.start, self.start + run.end);
        self.buffer.copy_within(from..until, self.start + to);
    }

    /// Rows follow until something is sent: a long stream of them is read with fewer wake-ups.
    pub fn expect_rows(&mut self) {
        self.flow = Inflow::Rows(0);
    }

    /// Sends bytes that make up whole messages.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let gathered = self.flow == Inflow::Gathered;
        self.flow = Inflow::Answers;
        let woken = match gathered {
            true => self.transport.gather(1, None).map(drop),
            false => Ok(()),
        };
        woken
            .and_then(|()| self.transport.write_all(bytes))
            .map_err(|error| lost(self.engine, &error))
    }

    /// Waits for more. Grows only as bytes arrive: a length that a server merely claims costs no memory.
    #[cold]
    pub fn read_more(&mut self) -> Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            // A large buffer grows by an eighth: doubled, it would hold twice the row.
            let held = self.buffer.len();
            let more = if held < LARGE_BUFFER_BYTES { held } else { held / 8 };
            self.buffer.reserve_exact(more);
            self.buffer.resize(held + more, 0);
        }
        loop {
            match self.transport.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(lost(self.engine, &ErrorKind::UnexpectedEof.into())),
                Ok(count) => {
                    self.end += count;
                    return self.count_rows(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Patience has ended and nothing came: a server may take as long as it likes.
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.flow == Inflow::Gathered => {}
                Err(error) => return Err(lost(self.engine, &error)),
            }
        }
    }

    fn count_rows(&mut self, count: usize) -> Result<()> {
        let Inflow::Rows(before) = self.flow else { return Ok(()) };
        self.flow = Inflow::Rows(before + count);
        if before + count >= LONG_STREAM_BYTES
            && self
                .transport
                .gather(LOW_WATER_BYTES, Some(LOW_WATER_PATIENCE))
                .map_err(|error| lost(self.engine, &error))?
        {
            self.flow = Inflow::Gathered;
        }
        Ok(())
    }
}
