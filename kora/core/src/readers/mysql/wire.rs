//! Packets: three bytes of length, one of sequence. A payload of 16 MiB − 1 goes on in the next packet.

use crate::error::{Error, Result};
use crate::readers::line::{Inbox, Transport};
use std::ops::Range;

/// The engine's name in errors.
pub const ENGINE: &str = "mariadb";

/// A packet of this length is continued by the next one.
const FULL_PACKET_BYTES: usize = 0xff_ffff;

/// No server sends a longer row (`max_allowed_packet` ends at 1 GiB; a row of several such values is refused here).
const MAX_PAYLOAD_BYTES: usize = 4 << 30;

/// Before the login nobody has a right to send us more than this.
const MAX_LOGIN_PAYLOAD_BYTES: usize = 64 << 10;

/// One payload, put together where it lies in the buffer until the next [`Wire::peek`].
#[derive(Clone, Debug)]
pub struct Packet {
    /// Position of the payload.
    pub body: Range<usize>,
    /// Where the next packet begins.
    next: usize,
    /// The sequence number behind it.
    sequence: u8,
}

/// A stream of packets.
pub struct Wire {
    inbox: Inbox,
    sequence: u8,
    max_payload_bytes: usize,
}

impl Wire {
    /// Over a stream whose next packet bears this sequence number.
    pub fn new(transport: Transport, sequence: u8) -> Self {
        Self {
            inbox: Inbox::new(ENGINE, transport),
            sequence,
            max_payload_bytes: MAX_LOGIN_PAYLOAD_BYTES,
        }
    }

    /// The stream beneath.
    pub fn transport(&self) -> &Transport {
        self.inbox.transport()
    }

    /// Lifts the bounds that hold before the login.
    pub fn logged_in(&mut self) -> Result<()> {
        self.max_payload_bytes = MAX_PAYLOAD_BYTES;
        self.inbox.set_timeout(None)
    }

    /// The next payload, read whole but not yet consumed.
    #[inline]
    pub fn peek(&mut self) -> Result<Packet> {
        // Payload so far, and the header that is due; both from the first waiting byte.
        let (mut joined, mut header, mut sequence) = (0, 0, self.sequence);
        loop {
            let waiting = self.inbox.waiting();
            if let Some([a, b, c, number, rest @ ..]) = waiting.get(header..) {
                let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
                if *number != sequence {
                    return Err(protocol(format!("packet {number} where {sequence} was due")));
                }
                if joined + length > self.max_payload_bytes {
                    return Err(protocol(format!("a payload of more than {} bytes", joined + length)));
                }
                if rest.len() >= length {
                    let piece = header + 4..header + 4 + length;
                    header = piece.end;
                    sequence = sequence.wrapping_add(1);
                    if joined > 0 {
                        self.inbox.close_gap(piece, 4 + joined);
                    }
                    joined += length;
                    if length < FULL_PACKET_BYTES {
                        let start = self.inbox.start();
                        return Ok(Packet {
                            body: start + 4..start + 4 + joined,
                            next: start + header,
                            sequence,
                        });
                    }
                    continue;
                }
            }
            self.inbox.read_more()?;
        }
    }

    /// The payload of a peeked packet.
    #[inline]
    pub fn body(&self, packet: &Packet) -> &[u8] {
        self.inbox.bytes(packet.body.clone())
    }

    /// Goes past a peeked packet.
    #[inline]
    pub fn consume(&mut self, packet: &Packet) {
        self.inbox.consume_to(packet.next);
        self.sequence = packet.sequence;
    }

    /// Gives back what a large payload made the buffer grow by, once it is consumed.
    #[inline]
    pub fn release(&mut self) {
        self.inbox.release();
    }

    /// Peeks and consumes; the payload lies there until the next call.
    pub fn receive(&mut self) -> Result<Packet> {
        let packet = self.peek()?;
        self.consume(&packet);
        Ok(packet)
    }

    /// Rows follow until something is sent: a long stream of them is read with fewer wake-ups.
    pub fn expect_rows(&mut self) {
        self.inbox.expect_rows();
    }

    /// Sends a command: a payload that begins a new exchange.
    pub fn command(&mut self, payload: &[u8]) -> Result<()> {
        self.sequence = 0;
        self.reply(payload)
    }

    /// Sends a payload within an exchange.
    pub fn reply(&mut self, payload: &[u8]) -> Result<()> {
        let mut rest = payload;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(FULL_PACKET_BYTES));
            self.inbox.send(&framed(piece, self.sequence))?;
            self.sequence = self.sequence.wrapping_add(1);
            if piece.len() < FULL_PACKET_BYTES {
                return Ok(());
            }
            rest = after;
        }
    }
}

/// One packet; the payload is shorter than 16 MiB.
pub fn framed(payload: &[u8], sequence: u8) -> Vec<u8> {
    let mut packet = Vec::with_capacity(4 + payload.len());
    packet.extend_from_slice(&(payload.len() as u32).to_le_bytes()[..3]);
    packet.push(sequence);
    packet.extend_from_slice(payload);
    packet
}

/// Bytes that the protocol does not allow.
#[cold]
pub fn protocol(message: impl Into<String>) -> Error {
    Error::Protocol {
        engine: ENGINE,
        message: message.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn wire_over(bytes: Vec<u8>) -> Wire {
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        std::thread::spawn(move || theirs.write_all(&bytes));
        let mut wire = Wire::new(Transport::Unix(ours), 0);
        wire.logged_in().unwrap();
        wire
    }

    #[test]
    fn a_payload_over_several_packets_is_put_together_and_the_next_one_follows() {
        for length in [FULL_PACKET_BYTES - 1, FULL_PACKET_BYTES, 2 * FULL_PACKET_BYTES + 5] {
            let payload: Vec<u8> = (0..length).map(|index| (index % 251) as u8).collect();
            let mut bytes = Vec::new();
            let mut pieces = payload
                .chunks(FULL_PACKET_BYTES)
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>();
            if pieces.last().is_some_and(|piece| piece.len() == FULL_PACKET_BYTES) {
                pieces.push(Vec::new());
            }
            pieces.push(b"next".to_vec());
            for (number, piece) in pieces.iter().enumerate() {
                bytes.extend(framed(piece, number as u8));
            }
            let mut wire = wire_over(bytes);
            let packet = wire.receive().unwrap();
            assert!(wire.body(&packet) == payload);
            let packet = wire.receive().unwrap();
            assert_eq!(wire.body(&packet), b"next");
        }
    }

    #[test]
    fn a_packet_out_of_sequence_is_a_protocol_violation() {
        let mut wire = wire_over(framed(b"x", 3));
        assert!(matches!(wire.receive(), Err(Error::Protocol { .. })));
    }

    #[test]
    fn before_the_login_a_long_packet_is_refused_unread() {
        let mut bytes = framed(b"", 0);
        bytes[2] = 2;
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        theirs.write_all(&bytes).unwrap();
        let mut wire = Wire::new(Transport::Unix(ours), 0);
        assert!(matches!(wire.receive(), Err(Error::Protocol { .. })));
    }
}
