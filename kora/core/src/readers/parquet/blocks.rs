//! Snappy's and LZ4's block formats as streams.
//!
//! Both are made to be decompressed as a whole: any copy may reach back to the block's beginning. In LZ4 it reaches
//! back 64 KiB at most. In snappy it may reach back farther, although compressors cut their input into 64 KiB; so the
//! copies are looked through first, and as much is kept as the farthest needs. Sources: github.com/google/snappy,
//! format_description.txt; github.com/lz4/lz4, doc/lz4_Block_format.md.
use super::place::Stretch;
use super::thrift::{damaged, varint};
use std::io::{self, BufRead, BufReader, Read};

/// Output made before it is handed out.
const STEP_BYTES: usize = 64 << 10;
/// A block up to this size is kept whole, which spares the look through its copies.
const SMALL_BYTES: u64 = 1 << 20;
const LZ4_WINDOW_BYTES: usize = 64 << 10;
/// Copies that reach back farther than this are refused.
const LARGEST_WINDOW_BYTES: u64 = 1 << 30;

/// What was made: the last `window` bytes at least, and behind them what was not yet handed out.
struct Output {
    bytes: Vec<u8>,
    given: usize,
    window: usize,
    /// Bytes still to be made.
    left: u64,
    /// What is being made: literal bytes from the input, or bytes from `offset` behind.
    open: Open,
}

#[derive(Clone, Copy)]
enum Open {
    Nothing,
    Literal(u64),
    Copy { offset: usize, length: u64 },
}

impl Output {
    fn new(window: usize, left: u64) -> Self {
        Self {
            bytes: Vec::new(),
            given: 0,
            window,
            left,
            open: Open::Nothing,
        }
    }

    fn begin_literal(&mut self, length: u64) -> io::Result<()> {
        self.claim(length)?;
        self.open = Open::Literal(length);
        Ok(())
    }

    fn begin_copy(&mut self, offset: usize, length: u64) -> io::Result<()> {
        if offset == 0 || offset > self.bytes.len() {
            return Err(damaged("a copy from before the beginning of its page"));
        }
        self.claim(length)?;
        self.open = Open::Copy { offset, length };
        Ok(())
    }

    fn claim(&mut self, length: u64) -> io::Result<()> {
        let left = self.left.checked_sub(length);
        self.left = left.ok_or_else(|| damaged("a page that is longer than its head says"))?;
        Ok(())
    }

    /// Forgets what no copy reaches any more.
    fn forget(&mut self) {
        if self.bytes.len() > self.window + STEP_BYTES {
            self.bytes.drain(..self.bytes.len() - self.window);
        }
        self.given = self.bytes.len();
    }

    fn is_full(&self) -> bool {
        self.bytes.len() - self.given >= STEP_BYTES
    }

    /// Goes on with what is open, at most by [`STEP_BYTES`].
    fn go_on(&mut self, input: &mut impl Read) -> io::Result<()> {
        match self.open {
            Open::Nothing => {}
            Open::Literal(length) => {
                let now = length.min(STEP_BYTES as u64);
                let read = input.take(now).read_to_end(&mut self.bytes)?;
                if read as u64 != now {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.open = remaining(length - now, Open::Literal);
            }
            Open::Copy { offset, length } => {
                let now = length.min(STEP_BYTES as u64);
                self.repeat(offset, now as usize);
                self.open = remaining(length - now, |length| Open::Copy { offset, length });
            }
        }
        Ok(())
    }

    /// Appends `count` of the bytes that begin `offset` behind; they may be among those appended.
    fn repeat(&mut self, offset: usize, count: usize) {
        let mut left = count;
        while left > 0 {
            let start = self.bytes.len() - offset;
            let now = left.min(offset);
            self.bytes.extend_from_within(start..start + now);
            left -= now;
        }
    }

    fn give(&mut self, buffer: &mut [u8]) -> usize {
        let ready = &self.bytes[self.given..];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        count
    }
}

fn remaining(length: u64, open: impl FnOnce(u64) -> Open) -> Open {
    if length == 0 {
        Open::Nothing
    } else {
        open(length)
    }
}

fn byte(input: &mut impl Read) -> io::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

/// A little-endian number of `count` bytes, at most 4.
fn number(input: &mut impl Read, count: usize) -> io::Result<u32> {
    let mut bytes = [0; 4];
    input.read_exact(&mut bytes[..count])?;
    Ok(u32::from_le_bytes(bytes))
}

/// One element of a snappy block.
enum Element {
    Literal(u64),
    Copy { offset: u32, length: u64 },
}

fn element(input: &mut impl Read) -> io::Result<Element> {
    let tag = byte(input)?;
    let upper = tag >> 2;
    Ok(match tag & 3 {
        0 if upper < 60 => Element::Literal(u64::from(upper) + 1),
        0 => Element::Literal(u64::from(number(input, usize::from(upper) - 59)?) + 1),
        1 => Element::Copy {
            offset: u32::from(tag >> 5) << 8 | u32::from(byte(input)?),
            length: u64::from(upper & 7) + 4,
        },
        2 => Element::Copy {
            offset: number(input, 2)?,
            length: u64::from(upper) + 1,
        },
        _ => Element::Copy {
            offset: number(input, 4)?,
            length: u64::from(upper) + 1,
        },
    })
}

/// How many bytes must be kept so that every copy of a snappy block finds what it copies.
///
/// # Errors
/// Damage that shows, and a copy that reaches back more than 1 GiB.
pub fn snappy_window(stored: Stretch, plain_bytes: u64) -> io::Result<usize> {
    if plain_bytes <= SMALL_BYTES {
        return Ok(plain_bytes as usize);
    }
    let mut input = BufReader::with_capacity(STEP_BYTES, stored);
    varint(|| byte(&mut input))?;
    let mut farthest = 0;
    while !input.fill_buf()?.is_empty() {
        match element(&mut input)? {
            Element::Literal(length) => input.seek_relative(length as i64)?,
            Element::Copy { offset, .. } => farthest = farthest.max(u64::from(offset)),
        }
    }
    // A copy from before the beginning is refused where it stands.
    let farthest = farthest.min(plain_bytes);
    if farthest > LARGEST_WINDOW_BYTES {
        return Err(damaged("a copy from more than 1 GiB behind"));
    }
    Ok(farthest as usize)
}

/// A snappy block as a stream.
pub struct Snappy<R> {
    input: R,
    output: Output,
}

impl<R: Read> Snappy<R> {
    /// `window`: as [`snappy_window`] found it.
    ///
    /// # Errors
    /// The block says another size than `plain_bytes`.
    pub fn new(mut input: R, window: usize, plain_bytes: u64) -> io::Result<Self> {
        let said = varint(|| byte(&mut input))?;
        if said != plain_bytes {
            return Err(damaged("a snappy block of another size than its page's head says"));
        }
        Ok(Self {
            input,
            output: Output::new(window, plain_bytes),
        })
    }
}

impl<R: Read> Read for Snappy<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let output = &mut self.output;
        if output.given == output.bytes.len() {
            output.forget();
            while !output.is_full() {
                match output.open {
                    Open::Nothing if output.left == 0 => break,
                    Open::Nothing => match element(&mut self.input)? {
                        Element::Literal(length) => output.begin_literal(length)?,
                        Element::Copy { offset, length } => output.begin_copy(offset as usize, length)?,
                    },
                    _ => output.go_on(&mut self.input)?,
                }
            }
        }
        Ok(output.give(buffer))
    }
}

/// An LZ4 block as a stream.
pub struct Lz4<R> {
    input: R,
    output: Output,
    /// The lower half of a sequence's head, while its literals are handed out.
    copies: Option<u8>,
}

impl<R: Read> Lz4<R> {
    /// A block that gives `plain_bytes`.
    pub fn new(input: R, plain_bytes: u64) -> Self {
        Self {
            input,
            output: Output::new(LZ4_WINDOW_BYTES, plain_bytes),
            copies: None,
        }
    }

    /// A length that goes on in further bytes while these are 255.
    fn length(&mut self, half: u8) -> io::Result<u64> {
        let mut length = u64::from(half);
        if half == 15 {
            loop {
                let more = byte(&mut self.input)?;
                length += u64::from(more);
                if more < 255 {
                    break;
                }
            }
        }
        Ok(length)
    }

    fn next_part(&mut self) -> io::Result<()> {
        match self.copies.take() {
            Some(half) => {
                let offset = number(&mut self.input, 2)? as usize;
                let length = self.length(half)? + 4;
                self.output.begin_copy(offset, length)
            }
            None => {
                let head = byte(&mut self.input)?;
                let length = self.length(head >> 4)?;
                self.copies = Some(head & 15);
                self.output.begin_literal(length)
            }
        }
    }
}

impl<R: Read> Read for Lz4<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.output.given == self.output.bytes.len() {
            self.output.forget();
            while !self.output.is_full() {
                match self.output.open {
                    Open::Nothing if self.output.left == 0 => break,
                    Open::Nothing => self.next_part()?,
                    _ => self.output.go_on(&mut self.input)?,
                }
            }
        }
        Ok(self.output.give(buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snappy(block: &[u8], window: usize, plain_bytes: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Snappy::new(block, window, plain_bytes)?.read_to_end(&mut out)?;
        Ok(out)
    }

    fn lz4(block: &[u8], plain_bytes: u64) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Lz4::new(block, plain_bytes).read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn copies_may_repeat_what_they_make() {
        // "ab", then 7 bytes from 2 behind.
        assert_eq!(snappy(&[9, 4, b'a', b'b', 0x0d, 2], 9, 9).unwrap(), b"ababababa");
        assert_eq!(lz4(&[0x23, b'a', b'b', 2, 0, 0x00], 9).unwrap(), b"ababababa");
    }

    /// A literal of 64 KiB, copies of it up to `blocks` times as much, and at last 4 bytes from the very beginning.
    fn far(blocks: usize) -> (Vec<u8>, Vec<u8>) {
        let first: Vec<u8> = (0..65_536_u32)
            .map(|place| (place.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let plain_bytes = first.len() * blocks + 4;
        let mut block = Vec::new();
        let mut rest = plain_bytes;
        while rest > 127 {
            block.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
        block.extend([61 << 2, 0xff, 0xff]);
        block.extend(&first);
        for _ in 0..(blocks - 1) * 1024 {
            block.extend([63 << 2 | 3, 0, 0, 1, 0]);
        }
        block.push(3 << 2 | 3);
        block.extend((first.len() as u32 * blocks as u32).to_le_bytes());
        let plain = [first.repeat(blocks), first[..4].to_vec()].concat();
        (block, plain)
    }

    #[test]
    fn a_copy_from_far_behind_finds_its_bytes_in_the_window_that_was_looked_for() {
        let (block, plain) = far(40);
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &block).unwrap();
        let stored = Stretch::new(&std::sync::Arc::new(file), 0, block.len() as u64);
        let window = snappy_window(stored, plain.len() as u64).unwrap();
        assert_eq!(window, 40 * 65_536);
        assert!(snappy(&block, window, plain.len() as u64).unwrap() == plain);
        assert!(snappy(&block, 65_536, plain.len() as u64).is_err());
    }

    #[test]
    fn blocks_that_lie_are_errors() {
        assert!(snappy(&[3, 4, b'a', b'b'], 9, 9).is_err());
        assert!(snappy(&[9, 4, b'a', b'b'], 9, 9).is_err());
        assert!(snappy(&[9, 4, b'a', b'b', 0x0d, 3], 9, 9).is_err());
        assert!(snappy(&[9, 4, b'a', b'b', 0x0d, 0], 9, 9).is_err());
        assert!(snappy(&[8, 4, b'a', b'b', 0x0d, 2], 9, 8).is_err());
        assert!(lz4(&[0x23, b'a', b'b', 3, 0], 9).is_err());
        assert!(lz4(&[0xff; 1000], 9).is_err());
        assert!(lz4(&[0x23, b'a'], 9).is_err());
    }
}
