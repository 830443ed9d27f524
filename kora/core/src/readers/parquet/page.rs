//! Pages: their heads, and their bodies as bounded streams.
use super::thrift::{damaged, Compact, FALSE, I32, STRUCT, TRUE};
use std::io::{self, BufReader, Read};

/// A value, a dictionary or a column's levels of more bytes than this are refused.
pub const LARGEST_VALUE_BYTES: u64 = 1 << 30;
const BUFFER_BYTES: usize = 64 << 10;
/// Memory is asked for in steps that double, so that a length that lies costs no more than what is really there.
const FIRST_STEP_BYTES: usize = 1 << 20;

/// A page's own head.
#[derive(Clone, Copy, Debug, Default)]
pub struct PageHead {
    /// Its kind: 0 data, 1 index, 2 dictionary, 3 data in the second version.
    pub kind: i32,
    /// Bytes once decompressed, levels included.
    pub plain_bytes: u64,
    /// Bytes in the file behind the head.
    pub stored_bytes: u64,
    /// Values, NULLs included.
    pub values: u64,
    /// The values' encoding.
    pub encoding: i32,
    /// Second version: bytes of the definition levels.
    pub definition_bytes: u64,
    /// Second version: bytes of the repetition levels.
    pub repetition_bytes: u64,
    /// Second version: whether the values are not compressed, whatever the codec.
    pub as_is: bool,
    /// Bytes of the head itself.
    pub head_bytes: u64,
}

impl PageHead {
    /// Reads the head at the beginning of `input`.
    pub fn read(input: impl Read) -> io::Result<Self> {
        let mut head = Self {
            kind: -1,
            ..Self::default()
        };
        let count = |number: i32| u64::try_from(number).map_err(|_| damaged("a negative number in a page's head"));
        let mut compact = Compact::new(input);
        compact.structure(|compact, field, kind| {
            match (field, kind) {
                (1, I32) => head.kind = compact.small()?,
                (2, I32) => head.plain_bytes = count(compact.small()?)?,
                (3, I32) => head.stored_bytes = count(compact.small()?)?,
                (5 | 7 | 8, STRUCT) => compact.structure(|compact, inner, kind| {
                    match (field, inner, kind) {
                        (5 | 7 | 8, 1, I32) => head.values = count(compact.small()?)?,
                        (5 | 7, 2, I32) | (8, 4, I32) => head.encoding = compact.small()?,
                        (8, 5, I32) => head.definition_bytes = count(compact.small()?)?,
                        (8, 6, I32) => head.repetition_bytes = count(compact.small()?)?,
                        (8, 7, TRUE | FALSE) => head.as_is = kind == FALSE,
                        _ => return Ok(false),
                    }
                    Ok(true)
                })?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        head.head_bytes = compact.position();
        Ok(head)
    }
}

/// A page's bytes behind its head, decompressed: never more than the head says.
pub struct Body {
    input: BufReader<Box<dyn Read + Send>>,
    left: u64,
}

impl Body {
    /// `input` gives at least `bytes`; what it gives beyond is not read.
    pub fn new(input: Box<dyn Read + Send>, bytes: u64) -> Self {
        Self {
            input: BufReader::with_capacity(BUFFER_BYTES.min(bytes as usize + 1), input),
            left: bytes,
        }
    }

    /// Bytes not read yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    fn claim(&mut self, count: u64) -> io::Result<()> {
        let left = self.left.checked_sub(count);
        self.left = left.ok_or_else(|| damaged("a page that ends within its values"))?;
        Ok(())
    }

    /// The next bytes, as many as asked for.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        self.claim(N as u64)?;
        let mut bytes = [0; N];
        self.input.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Appends the next `count` bytes.
    pub fn append(&mut self, count: u64, out: &mut Vec<u8>) -> io::Result<()> {
        if count > LARGEST_VALUE_BYTES {
            return Err(damaged("a value of more than 1 GiB"));
        }
        self.claim(count)?;
        let mut missing = count as usize;
        while missing > 0 {
            let now = missing.min(out.len().max(FIRST_STEP_BYTES));
            out.try_reserve_exact(now).map_err(|_| io::ErrorKind::OutOfMemory)?;
            let read = (&mut self.input).take(now as u64).read_to_end(out)?;
            if read != now {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            missing -= now;
        }
        Ok(())
    }

    /// All that is left.
    pub fn rest(mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.append(self.left, &mut bytes)?;
        Ok(bytes)
    }

    /// Passes over the next `count` bytes.
    pub fn pass(&mut self, count: u64) -> io::Result<()> {
        self.claim(count)?;
        let passed = io::copy(&mut (&mut self.input).take(count), &mut io::sink())?;
        if passed == count {
            Ok(())
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.input.read(&mut buffer[..wanted])?;
        self.left -= read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_lies_costs_a_mebibyte_and_is_an_error() {
        let mut body = Body::new(Box::new(&[1_u8, 2, 3][..]), LARGEST_VALUE_BYTES);
        let mut out = Vec::new();
        let error = body.append(LARGEST_VALUE_BYTES, &mut out).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(out.capacity() <= FIRST_STEP_BYTES, "{}", out.capacity());
    }

    #[test]
    fn no_more_is_taken_than_the_pages_head_says() {
        let mut body = Body::new(Box::new(io::repeat(7)), 10);
        assert_eq!(body.array::<4>().unwrap(), [7; 4]);
        assert!(body.array::<7>().is_err());
        let mut body = Body::new(Box::new(io::repeat(7)), 10);
        assert!(body.append(11, &mut Vec::new()).is_err() && body.pass(11).is_err());
        assert_eq!(body.rest().unwrap(), [7; 10]);
    }

    #[test]
    fn heads_with_negative_sizes_are_errors() {
        // 1: kind 0; 2: plain bytes −1.
        assert!(PageHead::read(&[0x15, 0, 0x15, 1, 0][..]).is_err());
    }
}
