//! Thrift's compact protocol, read as a stream: what Parquet's footers and page headers are written in.
//!
//! Source: github.com/apache/thrift, doc/specs/thrift-compact-protocol.md. Whatever is not asked for is passed over
//! without being kept, so that a length that lies costs no memory; every loop consumes at least one byte a turn.
use std::io::{self, Read};

/// Types as a field's head names them.
pub const TRUE: u8 = 1;
/// A boolean field that is false.
pub const FALSE: u8 = 2;
/// A zigzag varint of 32 bits.
pub const I32: u8 = 5;
/// A zigzag varint of 64 bits.
pub const I64: u8 = 6;
/// A length and bytes.
pub const BINARY: u8 = 8;
/// A head and elements.
pub const LIST: u8 = 9;
/// Fields up to a zero byte.
pub const STRUCT: u8 = 12;

const I8: u8 = 3;
const I16: u8 = 4;
const DOUBLE: u8 = 7;
const SET: u8 = 10;
const MAP: u8 = 11;
/// Structures within each other that are passed over; Parquet's own go seven deep.
const DEEPEST: u32 = 32;

/// What is wrong with a file's content.
pub fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// Reads values one after the other and counts the bytes.
pub struct Compact<R> {
    input: R,
    position: u64,
}

impl<R: Read> Compact<R> {
    /// Begins at the input's place.
    pub fn new(input: R) -> Self {
        Self { input, position: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.input.read_exact(&mut byte)?;
        self.position += 1;
        Ok(byte[0])
    }

    fn unsigned(&mut self) -> io::Result<u64> {
        varint(|| self.byte())
    }

    /// A signed integer of any width.
    pub fn signed(&mut self) -> io::Result<i64> {
        self.unsigned().map(zigzag)
    }

    /// A signed integer that must fit 32 bits.
    pub fn small(&mut self) -> io::Result<i32> {
        i32::try_from(self.signed()?).map_err(|_| damaged("a number of more than 32 bits"))
    }

    /// A text, of at most 1 MiB.
    pub fn text(&mut self) -> io::Result<String> {
        let length = self.unsigned()?;
        if length > 1 << 20 {
            return Err(damaged("a name of more than 1 MiB"));
        }
        let mut bytes = Vec::new();
        (&mut self.input).take(length).read_to_end(&mut bytes)?;
        self.position += bytes.len() as u64;
        if bytes.len() as u64 != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        String::from_utf8(bytes).map_err(|_| damaged("a name that is no UTF-8"))
    }

    /// A list's element type and how many there are said to be.
    pub fn list(&mut self) -> io::Result<(u8, u64)> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.unsigned()?,
            few => u64::from(few),
        };
        Ok((head & 0x0f, count))
    }

    /// Gives every field of a structure to `field`, by number and type; it says whether it has read the value.
    pub fn structure(&mut self, mut field: impl FnMut(&mut Self, i16, u8) -> io::Result<bool>) -> io::Result<()> {
        let mut number = 0_i16;
        while let Some((next, kind)) = self.field(number)? {
            number = next;
            if !field(self, number, kind)? {
                self.pass(kind, DEEPEST)?;
            }
        }
        Ok(())
    }

    /// The next field's number and type; `None` at the structure's end.
    fn field(&mut self, last: i16) -> io::Result<Option<(i16, u8)>> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        let number = match head >> 4 {
            0 => i16::try_from(self.signed()?).ok(),
            step => last.checked_add(i16::from(step)),
        };
        let number = number.ok_or_else(|| damaged("a field number of more than 16 bits"))?;
        Ok(Some((number, head & 0x0f)))
    }

    /// Passes over a value of `kind`.
    fn pass(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        let below = depth
            .checked_sub(1)
            .ok_or_else(|| damaged("structures too deep within each other"))?;
        match kind {
            TRUE | FALSE => Ok(()),
            I8 => self.byte().map(drop),
            I16 | I32 | I64 => self.unsigned().map(drop),
            DOUBLE => self.drop_bytes(8),
            BINARY => {
                let length = self.unsigned()?;
                self.drop_bytes(length)
            }
            LIST | SET => {
                let (element, count) = self.list()?;
                (0..count).try_for_each(|_| self.pass_element(element, below))
            }
            MAP => self.pass_map(below),
            STRUCT => {
                let mut number = 0;
                while let Some((next, inner)) = self.field(number)? {
                    number = next;
                    self.pass(inner, below)?;
                }
                Ok(())
            }
            _ => Err(damaged("a value of no known type")),
        }
    }

    /// Within lists and maps a boolean takes a byte; in a field its type is its value.
    fn pass_element(&mut self, kind: u8, depth: u32) -> io::Result<()> {
        match kind {
            TRUE | FALSE => self.byte().map(drop),
            kind => self.pass(kind, depth),
        }
    }

    fn pass_map(&mut self, depth: u32) -> io::Result<()> {
        let count = self.unsigned()?;
        if count == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        (0..count).try_for_each(|_| {
            self.pass_element(kinds >> 4, depth)?;
            self.pass_element(kinds & 0x0f, depth)
        })
    }

    fn drop_bytes(&mut self, count: u64) -> io::Result<()> {
        let dropped = io::copy(&mut (&mut self.input).take(count), &mut io::sink())?;
        self.position += dropped;
        if dropped == count {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

/// An unsigned LEB128 number of at most 64 bits.
pub fn varint(mut byte: impl FnMut() -> io::Result<u8>) -> io::Result<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let next = byte()?;
        let part = u64::from(next & 0x7f);
        if shift == 63 && part > 1 {
            break;
        }
        value |= part << shift;
        if next & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(damaged("a number of more than 64 bits"))
}

/// The signed number that a zigzag code stands for.
pub fn zigzag(code: u64) -> i64 {
    (code >> 1) as i64 ^ -((code & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> io::Result<Vec<(i16, i64)>> {
        let mut found = Vec::new();
        Compact::new(bytes).structure(|compact, number, kind| {
            if kind == I32 {
                found.push((number, compact.signed()?));
                return Ok(true);
            }
            Ok(false)
        })?;
        Ok(found)
    }

    #[test]
    fn fields_are_numbered_by_steps_and_others_are_passed_over() {
        // 1: i32 −3; 2: "ab"; 3: true; 4: list of two booleans; 40: i32 150.
        let bytes = [
            0x15, 5, 0x18, 2, b'a', b'b', 0x11, 0x19, 0x21, 1, 2, 0x05, 80, 0xac, 0x02, 0,
        ];
        assert_eq!(fields(&bytes).unwrap(), [(1, -3), (40, 150)]);
    }

    #[test]
    fn lengths_that_lie_and_bottomless_structures_are_errors() {
        assert!(fields(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]).is_err());
        assert!(fields(&[0x1c; 100]).is_err());
        assert!(fields(&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]).is_err());
        assert!(fields(&[0x1d, 0]).is_err());
        assert!(fields(&[0x15, 2]).is_err());
    }
}
