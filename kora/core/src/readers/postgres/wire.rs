//! Bytes in and out: one socket (plain or TLS), one growable read buffer, messages parsed where they lie.

use crate::error::{Error, Result};
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// The engine's name in errors.
pub const ENGINE: &str = "postgresql";

/// Where the read buffer starts; it grows to the largest message, and shrinks again after a very large one.
const BUFFER_BYTES: usize = 256 << 10;
/// A buffer that grew to this size is given back once the row that needed it was read.
const LARGE_BUFFER_BYTES: usize = 16 << 20;

/// PostgreSQL cannot build a longer message (MaxAllocSize).
const MAX_MESSAGE_BYTES: usize = 1 << 30;

/// Before the login nobody has a right to send us more than this.
const MAX_LOGIN_MESSAGE_BYTES: usize = 64 << 10;

/// Rows after which a stream is a long one, in bytes: a short one ends sooner than it could be sped up.
const LONG_STREAM_BYTES: usize = 1 << 20;
/// What a long stream's reader waits for. A server sends 8 KiB at a time; to be woken for each costs more than the rows.
const LOW_WATER_BYTES: usize = 96 << 10;
/// How long it waits for that much before it takes what there is, as at the stream's end.
const LOW_WATER_PATIENCE: Duration = Duration::from_millis(4);

/// A connected stream.
pub enum Transport {
    /// Plain TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
    /// TLS over TCP.
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Transport {
    /// Bounds every later read and write; `None` lifts the bound.
    pub fn set_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.set_read_timeout(timeout).and(socket.set_write_timeout(timeout)),
            Self::Unix(socket) => socket.set_read_timeout(timeout).and(socket.set_write_timeout(timeout)),
            Self::Tls(stream) => stream
                .sock
                .set_read_timeout(timeout)
                .and(stream.sock.set_write_timeout(timeout)),
        }
    }

    /// Wakes the reader only when so many bytes have come, or its patience has ended ([`ErrorKind::WouldBlock`] if
    /// nothing has). Plain TCP alone: elsewhere nothing changes, and the answer is `false`.
    fn gather(&self, bytes: usize, patience: Option<Duration>) -> io::Result<bool> {
        let Self::Tcp(socket) = self else { return Ok(false) };
        let bytes = libc::c_int::try_from(bytes).unwrap_or(1);
        // SAFETY: the descriptor is open as long as `socket` is, and the value is a C int of the size that is named.
        let outcome = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVLOWAT,
                std::ptr::from_ref(&bytes).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        if outcome != 0 {
            return Err(io::Error::last_os_error());
        }
        socket.set_read_timeout(patience).map(|()| true)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(into),
            Self::Unix(socket) => socket.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => socket.write_all(bytes),
            Self::Unix(socket) => socket.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).and_then(|()| stream.flush()),
        }
    }
}

/// One message: its tag, and where its body lies in the buffer until the next [`Wire::peek`].
#[derive(Clone, Debug)]
pub struct Frame {
    /// The message's kind.
    pub tag: u8,
    /// Position of its body.
    pub body: Range<usize>,
}

/// A stream of messages.
pub struct Wire {
    transport: Transport,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    max_message_bytes: usize,
    flow: Inflow,
}

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

impl Wire {
    /// Over a fresh stream on which no message was read yet.
    pub fn new(transport: Transport) -> Self {
        let buffer = vec![0; BUFFER_BYTES];
        Self {
            transport,
            buffer,
            start: 0,
            end: 0,
            max_message_bytes: MAX_LOGIN_MESSAGE_BYTES,
            flow: Inflow::Answers,
        }
    }

    /// The stream beneath.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Lifts the bounds that hold before the login.
    pub fn logged_in(&mut self) -> Result<()> {
        self.max_message_bytes = MAX_MESSAGE_BYTES;
        self.transport.set_timeout(None).map_err(lost)
    }

    /// The next message, read whole but not yet consumed.
    #[inline]
    pub fn peek(&mut self) -> Result<Frame> {
        loop {
            let waiting = &self.buffer[self.start..self.end];
            if let [tag, a, b, c, d, ..] = *waiting {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if length < 4 || length > self.max_message_bytes {
                    return Err(protocol(format!("message {tag:#04x} claims {length} bytes")));
                }
                if waiting.len() > length {
                    return Ok(Frame {
                        tag,
                        body: self.start + 5..self.start + 1 + length,
                    });
                }
            }
            self.read_more()?;
        }
    }

    /// The body of a peeked message.
    #[inline]
    pub fn body(&self, frame: &Frame) -> &[u8] {
        &self.buffer[frame.body.clone()]
    }

    /// Goes past a peeked message.
    #[inline]
    pub fn consume(&mut self, frame: &Frame) {
        self.start = frame.body.end;
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

    /// Peeks and consumes; the body lies there until the next call.
    pub fn receive(&mut self) -> Result<Frame> {
        let frame = self.peek()?;
        self.consume(&frame);
        Ok(frame)
    }

    /// Rows follow until something is sent: a long stream of them is read with fewer wake-ups.
    pub fn expect_rows(&mut self) {
        self.flow = Inflow::Rows(0);
    }

    /// Sends bytes that make up whole messages.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        if self.flow == Inflow::Gathered {
            self.transport.gather(1, None).map_err(lost)?;
        }
        self.flow = Inflow::Answers;
        self.transport.write_all(bytes).map_err(lost)
    }

    fn count_rows(&mut self, count: usize) -> Result<()> {
        let Inflow::Rows(before) = self.flow else { return Ok(()) };
        self.flow = Inflow::Rows(before + count);
        if before + count >= LONG_STREAM_BYTES
            && self
                .transport
                .gather(LOW_WATER_BYTES, Some(LOW_WATER_PATIENCE))
                .map_err(lost)?
        {
            self.flow = Inflow::Gathered;
        }
        Ok(())
    }

    /// Grows only as bytes arrive: a length that a server merely claims costs no memory.
    #[cold]
    fn read_more(&mut self) -> Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.transport.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Err(lost(ErrorKind::UnexpectedEof.into())),
                Ok(count) => {
                    self.end += count;
                    return self.count_rows(count);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // Patience has ended and nothing came: a server may take as long as it likes.
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.flow == Inflow::Gathered => {}
                Err(error) => return Err(lost(error)),
            }
        }
    }
}

/// A broken line as the core's error.
///
/// TLS trouble is a refusal, not a broken line: trying again does not help.
pub fn lost(error: io::Error) -> Error {
    if let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return Error::Denied {
            engine: ENGINE,
            message: format!("TLS: {refusal}"),
        };
    }
    let message = match error.kind() {
        ErrorKind::UnexpectedEof => "the server closed the connection".into(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "the server did not answer in time".into(),
        _ => error.to_string(),
    };
    Error::Connection {
        engine: ENGINE,
        message,
    }
}

/// Bytes that the protocol does not allow.
#[cold]
pub fn protocol(message: impl Into<String>) -> Error {
    Error::Protocol {
        engine: ENGINE,
        message: message.into(),
    }
}
