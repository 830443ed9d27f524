//! Bytes in and out: PostgreSQL's messages, parsed where they lie in the inbox.

use crate::error::{Error, Result};
use crate::readers::line::{self, Inbox, Transport};
use std::io;
use std::ops::Range;

/// The engine's name in errors.
pub const ENGINE: &str = "postgresql";

/// PostgreSQL cannot build a longer message (MaxAllocSize).
const MAX_MESSAGE_BYTES: usize = 1 << 30;

/// Before the login nobody has a right to send us more than this.
const MAX_LOGIN_MESSAGE_BYTES: usize = 64 << 10;

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
    inbox: Inbox,
    max_message_bytes: usize,
}

impl Wire {
    /// Over a fresh stream on which no message was read yet.
    pub fn new(transport: Transport) -> Self {
        Self {
            inbox: Inbox::new(ENGINE, transport),
            max_message_bytes: MAX_LOGIN_MESSAGE_BYTES,
        }
    }

    /// The stream beneath.
    pub fn transport(&self) -> &Transport {
        self.inbox.transport()
    }

    /// Lifts the bounds that hold before the login.
    pub fn logged_in(&mut self) -> Result<()> {
        self.max_message_bytes = MAX_MESSAGE_BYTES;
        self.inbox.set_timeout(None)
    }

    /// The next message, read whole but not yet consumed.
    #[inline]
    pub fn peek(&mut self) -> Result<Frame> {
        loop {
            let waiting = self.inbox.waiting();
            if let [tag, a, b, c, d, ..] = *waiting {
                let length = u32::from_be_bytes([a, b, c, d]) as usize;
                if length < 4 || length > self.max_message_bytes {
                    return Err(protocol(format!("message {tag:#04x} claims {length} bytes")));
                }
                if waiting.len() > length {
                    let start = self.inbox.start();
                    return Ok(Frame {
                        tag,
                        body: start + 5..start + 1 + length,
                    });
                }
            }
            self.inbox.read_more()?;
        }
    }

    /// The body of a peeked message.
    #[inline]
    pub fn body(&self, frame: &Frame) -> &[u8] {
        self.inbox.bytes(frame.body.clone())
    }

    /// Goes past a peeked message.
    #[inline]
    pub fn consume(&mut self, frame: &Frame) {
        self.inbox.consume_to(frame.body.end);
    }

    /// Gives back what a large message made the buffer grow by, once it is consumed.
    #[inline]
    pub fn release(&mut self) {
        self.inbox.release();
    }

    /// Peeks and consumes; the body lies there until the next call.
    pub fn receive(&mut self) -> Result<Frame> {
        let frame = self.peek()?;
        self.consume(&frame);
        Ok(frame)
    }

    /// Rows follow until something is sent: a long stream of them is read with fewer wake-ups.
    pub fn expect_rows(&mut self) {
        self.inbox.expect_rows();
    }

    /// Sends bytes that make up whole messages.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.inbox.send(bytes)
    }
}

/// A broken line as the core's error; see [`line::lost`].
pub fn lost(error: io::Error) -> Error {
    line::lost(ENGINE, &error)
}

/// Bytes that the protocol does not allow.
#[cold]
pub fn protocol(message: impl Into<String>) -> Error {
    Error::Protocol {
        engine: ENGINE,
        message: message.into(),
    }
}
