//! PostgreSQL's `numeric` on the wire: sign, weight and digits to the base of 10,000 (`numeric_recv`, `numeric_send`).

use super::wire::protocol;
use crate::cell::Cell;
use crate::error::Result;

/// Sign word of a negative number.
pub const NEGATIVE: u16 = 0x4000;
/// Sign word of NaN.
pub const NAN: u16 = 0xC000;
/// Sign word of +Infinity, since PostgreSQL 14.
pub const PLUS_INFINITY: u16 = 0xD000;
/// Sign word of −Infinity.
pub const MINUS_INFINITY: u16 = 0xF000;

/// A number that was decoded, or that needs more room than a cell has.
pub enum Decoded<'a> {
    /// Done.
    Cell(Cell<'static>),
    /// More than 128 bits: write its text.
    Long(LongNumber<'a>),
}

/// A number too long for 128 bits, still in its wire form.
pub struct LongNumber<'a> {
    negative: bool,
    weight: i16,
    scale: u16,
    digits: &'a [u8],
}

/// Decodes one field. Its digits must be 0..=9999 each.
#[inline]
pub fn decode(bytes: &[u8]) -> Result<Decoded<'_>> {
    let Some((header, digits)) = bytes.split_first_chunk::<8>() else {
        return Err(protocol("a numeric shorter than its header"));
    };
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (count, weight, sign, scale) = (usize::from(word(0)), word(2) as i16, word(4), word(6));
    if digits.len() != 2 * count {
        return Err(protocol("a numeric with more or fewer digits than it says"));
    }
    let negative = match sign {
        0 => false,
        NEGATIVE => true,
        NAN => return Ok(Decoded::Cell(Cell::DecimalNan)),
        PLUS_INFINITY => return Ok(Decoded::Cell(Cell::DecimalInfinity { negative: false })),
        MINUS_INFINITY => return Ok(Decoded::Cell(Cell::DecimalInfinity { negative: true })),
        other => return Err(protocol(format!("a numeric with sign {other:#06x}"))),
    };
    match small(digits, weight, scale)? {
        Some((coefficient, scale)) => Ok(Decoded::Cell(Cell::Decimal {
            negative: negative && coefficient != 0,
            coefficient,
            scale,
        })),
        None => Ok(Decoded::Long(LongNumber {
            negative,
            weight,
            scale,
            digits,
        })),
    }
}

/// Coefficient and scale, where 128 bits hold them.
#[inline]
fn small(digits: &[u8], weight: i16, scale: u16) -> Result<Option<(u128, u32)>> {
    let Some((leading, last)) = digits.split_last_chunk::<2>() else {
        return Ok(Some((0, u32::from(scale))));
    };
    let Some(coefficient) = whole_groups(leading)? else {
        return Ok(None);
    };
    let last = base_digit(last)?;
    // The last base-10,000 digit counts units of 10^exponent and may reach behind the scale. What stands there is
    // zero and falls away; anything else that a server put there is kept.
    let exponent = 4 * (i32::from(weight) + 1 - digits.len() as i32 / 2);
    let behind = (-(i32::from(scale) + exponent)).clamp(0, 3).unsigned_abs();
    let behind = if last % 10_u16.pow(behind) == 0 { behind } else { 0 };
    let appended = coefficient
        .checked_mul(u128::from(10_u16.pow(4 - behind)))
        .and_then(|product| product.checked_add(u128::from(last / 10_u16.pow(behind))));
    let Some(coefficient) = appended else { return Ok(None) };
    let exponent = exponent + behind as i32;
    let shift = i32::from(scale) + exponent;
    if shift < 0 && coefficient != 0 {
        return Ok(Some((coefficient, exponent.unsigned_abs())));
    }
    if shift <= 0 || coefficient == 0 {
        return Ok(Some((coefficient, u32::from(scale))));
    }
    let grown = 10_u128
        .checked_pow(shift.unsigned_abs())
        .and_then(|power| coefficient.checked_mul(power));
    Ok(grown.map(|coefficient| (coefficient, u32::from(scale))))
}

/// The number that base-10,000 digits write, if 128 bits hold it. Four of them need no wide arithmetic.
#[inline]
fn whole_groups(digits: &[u8]) -> Result<Option<u128>> {
    if digits.len() <= 8 {
        let mut short = 0_u64;
        for digit in digits.chunks_exact(2) {
            short = short * 10_000 + u64::from(base_digit(digit)?);
        }
        return Ok(Some(u128::from(short)));
    }
    let mut sum = 0_u128;
    for digit in digits.chunks_exact(2) {
        let digit = u128::from(base_digit(digit)?);
        match sum.checked_mul(10_000).and_then(|product| product.checked_add(digit)) {
            Some(grown) => sum = grown,
            None => return Ok(None),
        }
    }
    Ok(Some(sum))
}

#[inline]
fn base_digit(bytes: &[u8]) -> Result<u16> {
    match u16::from_be_bytes([bytes[0], bytes[1]]) {
        digit @ 0..=9_999 => Ok(digit),
        other => Err(protocol(format!("a numeric with a digit of {other}"))),
    }
}

impl LongNumber<'_> {
    /// Appends `-?[0-9]+(\.[0-9]+)?` with exactly the number's scale.
    pub fn write(&self, out: &mut String) -> Result<()> {
        if self.negative {
            out.push('-');
        }
        let start = out.len();
        for place in (0..=i32::from(self.weight)).rev() {
            self.write_digit(place, out)?;
        }
        let zeros = out[start..].bytes().take_while(|byte| *byte == b'0').count();
        out.replace_range(start..start + zeros, "");
        if out.len() == start {
            out.push('0');
        }
        if self.scale > 0 {
            out.push('.');
            let fraction = out.len();
            for place in 1..=i32::from(self.scale).div_euclid(4) + 1 {
                self.write_digit(-place, out)?;
            }
            out.truncate(fraction + usize::from(self.scale));
        }
        Ok(())
    }

    /// The four decimal digits that count 10,000^place.
    fn write_digit(&self, place: i32, out: &mut String) -> Result<()> {
        let index = usize::try_from(i32::from(self.weight) - place).unwrap_or(usize::MAX);
        let digit = match index.checked_mul(2).and_then(|at| self.digits.get(at..at + 2)) {
            Some(bytes) => base_digit(bytes)?,
            None => 0,
        };
        for power in [1_000, 100, 10, 1] {
            out.push(char::from(b'0' + (digit / power % 10) as u8));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(weight: i16, sign: u16, scale: u16, digits: &[u16]) -> Vec<u8> {
        let header = [digits.len() as u16, weight as u16, sign, scale];
        header
            .iter()
            .chain(digits)
            .flat_map(|word| word.to_be_bytes())
            .collect()
    }

    fn text(bytes: &[u8]) -> String {
        match decode(bytes).unwrap() {
            Decoded::Cell(Cell::Decimal {
                negative,
                coefficient,
                scale,
            }) => {
                format!("{}{coefficient}e-{scale}", if negative { "-" } else { "" })
            }
            Decoded::Cell(other) => format!("{other:?}"),
            Decoded::Long(long) => {
                let mut out = String::new();
                long.write(&mut out).unwrap();
                out
            }
        }
    }

    #[test]
    fn digits_keep_their_declared_scale() {
        assert_eq!(text(&wire(0, 0, 2, &[12, 3400])), "1234e-2");
        assert_eq!(text(&wire(0, NEGATIVE, 3, &[12, 3400])), "-12340e-3");
        assert_eq!(text(&wire(1, 0, 0, &[5])), "50000e-0");
        assert_eq!(text(&wire(-1, 0, 4, &[1])), "1e-4");
        assert_eq!(text(&wire(0, 0, 4, &[])), "0e-4");
        assert_eq!(text(&wire(0, NEGATIVE, 0, &[])), "0e-0");
    }

    #[test]
    fn more_than_128_bits_become_text() {
        assert_eq!(text(&wire(10, NEGATIVE, 1, &[7])), format!("-7{}.0", "0".repeat(40)));
        let fraction = text(&wire(-11, 0, 46, &[1, 2300]));
        assert_eq!(fraction, "123e-46");
        let long: Vec<u16> = (0..12).map(|_| 1234).collect();
        assert_eq!(
            text(&wire(5, 0, 22, &long)),
            format!("{0}.{1}", "1234".repeat(6), &"1234".repeat(6)[..22])
        );
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        for bytes in [
            wire(0, 0, 0, &[10_000]),
            wire(0, 0x1234, 0, &[]),
            vec![0; 7],
            wire(0, 0, 0, &[1])[..9].to_vec(),
        ] {
            assert!(decode(&bytes).is_err());
        }
    }
}
