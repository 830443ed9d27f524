//! Small numbers as runs: repeated ones, or groups of eight packed into bits.
//!
//! Source: github.com/apache/parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid".
use super::thrift::{damaged, varint};
use std::io::{self, Read};

/// Numbers of up to 32 bits.
pub struct Runs<R> {
    input: R,
    width: u8,
    /// Numbers left of the present run.
    left: u64,
    /// The run's number; `None` in packed ones.
    repeated: Option<u32>,
    group: [u32; 8],
    /// The next of the group; 8 where it is used up.
    at: usize,
}

impl<R: Read> Runs<R> {
    /// Numbers of `width` bits each.
    pub fn new(input: R, width: u8) -> io::Result<Self> {
        if width > 32 {
            return Err(damaged("numbers of more than 32 bits in runs"));
        }
        Ok(Self {
            input,
            width,
            left: 0,
            repeated: None,
            group: [0; 8],
            at: 8,
        })
    }

    /// The next number.
    #[inline]
    pub fn following(&mut self) -> io::Result<u32> {
        while self.left == 0 {
            self.open()?;
        }
        self.left -= 1;
        match self.repeated {
            Some(number) => Ok(number),
            None => {
                if self.at == 8 {
                    self.fill()?;
                }
                self.at += 1;
                Ok(self.group[self.at - 1])
            }
        }
    }

    fn open(&mut self) -> io::Result<()> {
        let input = &mut self.input;
        let head = varint(|| {
            let mut byte = [0];
            input.read_exact(&mut byte)?;
            Ok(byte[0])
        })?;
        let count = head >> 1;
        if head & 1 == 0 {
            let mut bytes = [0; 4];
            self.input
                .read_exact(&mut bytes[..usize::from(self.width.div_ceil(8))])?;
            self.repeated = Some(u32::from_le_bytes(bytes));
            self.left = count;
        } else {
            self.repeated = None;
            self.at = 8;
            self.left = count
                .checked_mul(8)
                .ok_or_else(|| damaged("a run of more than 2⁶⁴ numbers"))?;
        }
        Ok(())
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut bytes = [0; 40];
        self.input.read_exact(&mut bytes[..usize::from(self.width)])?;
        for (place, number) in self.group.iter_mut().enumerate() {
            *number = bits(&bytes, place * usize::from(self.width), self.width) as u32;
        }
        self.at = 0;
        Ok(())
    }
}

/// The number of `width` bits, at most 56, that begins at bit `from`; eight bytes must follow its first one.
#[inline]
pub fn bits(bytes: &[u8], from: usize, width: u8) -> u64 {
    let mut window = [0; 8];
    window.copy_from_slice(&bytes[from / 8..from / 8 + 8]);
    u64::from_le_bytes(window) >> (from % 8) & ((1 << width) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8], width: u8, count: usize) -> io::Result<Vec<u32>> {
        let mut runs = Runs::new(bytes, width)?;
        (0..count).map(|_| runs.following()).collect()
    }

    #[test]
    fn repeated_and_packed_numbers_follow_each_other() {
        // The format's own example: 0 to 7 in three bits each.
        assert_eq!(first(&[3, 0x88, 0xc6, 0xfa], 3, 8).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(first(&[6, 2, 3, 0x88, 0xc6, 0xfa], 3, 5).unwrap(), [2, 2, 2, 0, 1]);
        assert_eq!(first(&[4, 0x01, 0x02], 9, 2).unwrap(), [513, 513]);
        assert_eq!(first(&[20], 0, 3).unwrap(), [0, 0, 0]);
    }

    #[test]
    fn runs_that_end_too_early_are_errors() {
        assert!(first(&[3, 0x88], 3, 1).is_err());
        assert!(first(&[2], 1, 1).is_err());
        assert!(first(&[0, 0, 0], 1, 1).is_err());
        assert!(Runs::new(&[][..], 33).is_err());
    }
}
