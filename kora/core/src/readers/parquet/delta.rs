//! Integers as the differences of neighbours, packed into bits; and the lengths of strings in that form.
//!
//! Source: github.com/apache/parquet-format, Encodings.md, "Delta Encoding".
use super::page::{Body, LARGEST_VALUE_BYTES};
use super::runs::bits;
use super::thrift::{damaged, varint, zigzag};
use std::io::{self, Cursor, Read};

/// Packed parts in one block; writers have 4.
const MOST_PARTS: u64 = 4096;

/// The numbers of one DELTA_BINARY_PACKED sequence.
pub struct Delta<R> {
    input: R,
    /// Numbers of each packed part, a multiple of 8.
    part_size: u64,
    widths: Vec<u8>,
    /// The next of `widths`.
    part: usize,
    /// Numbers of the present part that are not yet unpacked.
    packed: u64,
    least: i64,
    last: i64,
    is_first: bool,
    left: u64,
    group: [u64; 8],
    at: usize,
}

impl<R: Read> Delta<R> {
    /// Reads the head. `most` numbers are allowed.
    pub fn new(mut input: R, most: u64) -> io::Result<Self> {
        let block = number(&mut input)?;
        let parts = number(&mut input)?;
        let left = number(&mut input)?;
        let last = zigzag(number(&mut input)?);
        if parts == 0 || parts > MOST_PARTS || block % parts != 0 || block / parts % 8 != 0 || block == 0 {
            return Err(damaged("blocks of differences that cannot be cut into their parts"));
        }
        if left > most {
            return Err(damaged("more differences than the page has values"));
        }
        Ok(Self {
            input,
            part_size: block / parts,
            widths: vec![0; parts as usize],
            part: parts as usize,
            packed: 0,
            least: 0,
            last,
            is_first: true,
            left,
            group: [0; 8],
            at: 8,
        })
    }

    /// Numbers not yet given.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next number; it wraps as the format has it.
    pub fn following(&mut self) -> io::Result<i64> {
        let left = self.left.checked_sub(1);
        self.left = left.ok_or_else(|| damaged("fewer differences than values"))?;
        if std::mem::take(&mut self.is_first) {
            return Ok(self.last);
        }
        if self.at == 8 {
            self.fill()?;
        }
        let delta = self.least.wrapping_add(self.group[self.at] as i64);
        self.at += 1;
        self.last = self.last.wrapping_add(delta);
        Ok(self.last)
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.packed == 0 {
            if self.part == self.widths.len() {
                self.least = zigzag(number(&mut self.input)?);
                self.input.read_exact(&mut self.widths)?;
                self.part = 0;
            }
            self.packed = self.part_size;
            self.part += 1;
        }
        self.packed -= 8;
        let width = self.widths[self.part - 1];
        if width > 64 {
            return Err(damaged("differences of more than 64 bits"));
        }
        let mut bytes = [0; 72];
        self.input.read_exact(&mut bytes[..usize::from(width)])?;
        for (place, number) in self.group.iter_mut().enumerate() {
            *number = wide_bits(&bytes, place * usize::from(width), width);
        }
        self.at = 0;
        Ok(())
    }

    /// Reads the present part to its end: parts are written whole, whatever of them is used.
    fn finish(&mut self) -> io::Result<()> {
        while self.packed > 0 {
            self.fill()?;
        }
        Ok(())
    }
}

/// As [`bits`], of any width up to 64.
fn wide_bits(bytes: &[u8], from: usize, width: u8) -> u64 {
    match width {
        0 => 0,
        1..=56 => bits(bytes, from, width),
        _ => bits(bytes, from, 32) | bits(bytes, from + 32, width - 32) << 32,
    }
}

fn number(input: &mut impl Read) -> io::Result<u64> {
    varint(|| {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        Ok(byte[0])
    })
}

/// Lengths that stand before what they are the lengths of: kept as they are packed.
pub struct Lengths(Delta<Cursor<Vec<u8>>>);

impl Lengths {
    /// Takes a sequence of at most `most` numbers off a page.
    pub fn take(body: &mut Body, most: u64) -> io::Result<Self> {
        let mut copy = Vec::new();
        let mut sequence = Delta::new(Copying { body, copy: &mut copy }, most)?;
        while sequence.left() > 0 {
            sequence.following()?;
        }
        sequence.finish()?;
        Ok(Self(Delta::new(Cursor::new(copy), most)?))
    }

    /// The next length.
    pub fn following(&mut self) -> io::Result<u64> {
        u64::try_from(self.0.following()?).map_err(|_| damaged("a negative length"))
    }
}

/// Reads, and keeps what was read.
struct Copying<'a> {
    body: &'a mut Body,
    copy: &'a mut Vec<u8>,
}

impl Read for Copying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        if self.copy.len() as u64 > LARGEST_VALUE_BYTES {
            return Err(damaged("lengths of more than 1 GiB"));
        }
        self.copy.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> io::Result<Vec<i64>> {
        let mut delta = Delta::new(bytes, 1000)?;
        (0..delta.left()).map(|_| delta.following()).collect()
    }

    #[test]
    fn the_formats_own_examples_are_read() {
        // Blocks of 8 in one part: 1 to 5, whose differences are all 1.
        assert_eq!(all(&[8, 1, 5, 2, 2, 0]).unwrap(), [1, 2, 3, 4, 5]);
        // 7, 5, 3, 1, 2, 3, 4, 5: differences from −2, each in two bits.
        let bytes = [8, 1, 8, 14, 3, 2, 0b1100_0000, 0b0011_1111];
        assert_eq!(all(&bytes).unwrap(), [7, 5, 3, 1, 2, 3, 4, 5]);
        assert_eq!(all(&[8, 1, 0, 0]).unwrap(), [0_i64; 0]);
    }

    #[test]
    fn wide_differences_wrap() {
        let mut bytes = vec![8, 1, 2, 0, 0, 64];
        bytes.extend_from_slice(&u64::MAX.to_le_bytes());
        bytes.extend_from_slice(&[0; 56]);
        assert_eq!(all(&bytes).unwrap(), [0, -1]);
    }

    #[test]
    fn heads_that_lie_are_errors() {
        for bytes in [
            &[0, 1, 1, 0][..],
            &[8, 0, 1, 0],
            &[7, 1, 1, 0],
            &[8, 1, 0xe9, 0x07, 0],
            &[8, 1, 2, 0, 0, 65],
            &[8, 1, 2, 0, 0],
        ] {
            assert!(all(bytes).is_err(), "{bytes:?}");
        }
    }
}
