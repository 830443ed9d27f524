//! Exact numbers: minimal coefficients, scales without trailing zeros.
//!
//! One space holds every integer and decimal: `1`, `1.0` and an unsigned 64-bit 1 have the same form. Numbers whose
//! coefficient fits 128 bits never leave the stack; longer ones go through `num-bigint`.

use num_bigint::BigUint;

use crate::canon::{tag, varint};
use crate::cell::Cell;
use crate::error::{Error, Result};

/// Most fraction digits of a number.
pub const MAX_SCALE: u32 = 262_144;
/// Most bytes of a coefficient: about 315,000 digits.
pub const MAX_MAGNITUDE_BYTES: usize = 131_072;
/// Digits that always fit 128 bits.
const SMALL_DIGITS: usize = 38;

/// Removes trailing fractional zeros: the form in which equal numbers are identical.
#[inline]
pub fn normal(coefficient: u128, scale: u32) -> (u128, u32) {
    if scale == 0 || coefficient & 1 == 1 {
        return (coefficient, scale);
    }
    match u64::try_from(coefficient) {
        Ok(small) => normal_small(small, scale),
        Err(_) => normal_wide(coefficient, scale),
    }
}

#[inline]
fn normal_small(mut coefficient: u64, mut scale: u32) -> (u128, u32) {
    if coefficient == 0 {
        return (0, 0);
    }
    while scale > 0 && coefficient & 1 == 0 && coefficient % 10 == 0 {
        coefficient /= 10;
        scale -= 1;
    }
    (u128::from(coefficient), scale)
}

fn normal_wide(mut coefficient: u128, mut scale: u32) -> (u128, u32) {
    while scale > 0 && coefficient & 1 == 0 && coefficient % 10 == 0 {
        coefficient /= 10;
        scale -= 1;
    }
    (coefficient, scale)
}

/// Appends the canonical cell of an integer.
#[inline]
pub(crate) fn put_int(value: i128, out: &mut Vec<u8>) {
    match i64::try_from(value) {
        Ok(small) => {
            let magnitude = small.unsigned_abs();
            let bytes = (71 - magnitude.leading_zeros() as usize) / 8;
            let mut cell = [0_u8; 12];
            cell[..4].copy_from_slice(&[tag::NUMBER, 2 + bytes as u8, 0, u8::from(small < 0)]);
            cell[4..].copy_from_slice(&(magnitude << ((64 - 8 * bytes) & 63)).to_be_bytes());
            let start = out.len();
            // A copy of fixed size and a cut is cheaper than a copy of unknown size.
            out.extend_from_slice(&cell);
            out.truncate(start + 4 + bytes);
        }
        Err(_) => put_normal(value < 0, value.unsigned_abs(), 0, out),
    }
}

/// Appends the canonical cell of a decimal.
///
/// # Errors
/// `Limit` for a scale above [`MAX_SCALE`].
#[inline]
pub(crate) fn put_decimal(negative: bool, coefficient: u128, scale: u32, out: &mut Vec<u8>) -> Result<()> {
    let (coefficient, scale) = normal(coefficient, scale);
    if scale < 0x80 {
        put_normal(negative && coefficient != 0, coefficient, scale as u8, out);
        return Ok(());
    }
    put_magnitude(negative, &minimal(coefficient), scale, out)
}

/// The form of almost all numbers: a scale of one byte, a coefficient of at most sixteen.
#[inline]
fn put_normal(negative: bool, coefficient: u128, scale: u8, out: &mut Vec<u8>) {
    let bytes = (135 - coefficient.leading_zeros() as usize) / 8;
    let mut cell = [0_u8; 20];
    cell[..4].copy_from_slice(&[tag::NUMBER, 2 + bytes as u8, scale, u8::from(negative)]);
    cell[4..].copy_from_slice(&(coefficient << ((128 - 8 * bytes) & 127)).to_be_bytes());
    let start = out.len();
    out.extend_from_slice(&cell);
    out.truncate(start + 4 + bytes);
}

fn minimal(coefficient: u128) -> Vec<u8> {
    coefficient
        .to_be_bytes()
        .into_iter()
        .skip_while(|byte| *byte == 0)
        .collect()
}

fn put_magnitude(negative: bool, magnitude: &[u8], scale: u32, out: &mut Vec<u8>) -> Result<()> {
    if scale > MAX_SCALE || magnitude.len() > MAX_MAGNITUDE_BYTES {
        return Err(Error::Limit(format!(
            "a number with {scale} fraction digits and {} bytes",
            magnitude.len()
        )));
    }
    let mut head = [0_u8; varint::MAX_VARINT_BYTES];
    let head_bytes = varint::put_at(u64::from(scale), &mut head, 0);
    out.push(tag::NUMBER);
    varint::put((head_bytes + 1 + magnitude.len()) as u64, out);
    out.extend_from_slice(&head[..head_bytes]);
    out.push(u8::from(negative));
    out.extend_from_slice(magnitude);
    Ok(())
}

/// The parts of a plain decimal text, leading and trailing zeros as they stand.
#[derive(Clone, Copy, Debug)]
pub struct Digits<'a> {
    /// A minus sign stands in front.
    pub negative: bool,
    /// Digits in front of the point, at least one.
    pub whole: &'a str,
    /// Digits behind the point; empty where there is none.
    pub fraction: &'a str,
}

impl<'a> Digits<'a> {
    /// Reads `-?[0-9]+(\.[0-9]+)?`; `None` for anything else.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = match rest.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (rest, ""),
        };
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        (!whole.is_empty() && all_digits(whole) && all_digits(fraction)).then_some(Self {
            negative,
            whole,
            fraction,
        })
    }

    /// Without zeros that carry nothing, and without the sign of a zero.
    fn stripped(self) -> Self {
        let whole = self.whole.trim_start_matches('0');
        let fraction = self.fraction.trim_end_matches('0');
        Self {
            negative: self.negative && !(whole.is_empty() && fraction.is_empty()),
            whole,
            fraction,
        }
    }

    /// Coefficient and scale, where 128 bits hold them.
    pub fn small(&self) -> Option<(u128, u32)> {
        let stripped = self.stripped();
        let scale = u32::try_from(stripped.fraction.len()).ok()?;
        // Zeros that lead the fraction are no digits of the coefficient.
        let fraction = if stripped.whole.is_empty() {
            stripped.fraction.trim_start_matches('0')
        } else {
            stripped.fraction
        };
        if stripped.whole.len() + fraction.len() > SMALL_DIGITS {
            return None;
        }
        let digits = stripped.whole.bytes().chain(fraction.bytes());
        Some((
            digits.fold(0_u128, |sum, digit| sum * 10 + u128::from(digit - b'0')),
            scale,
        ))
    }
}

/// Appends the canonical cell of a decimal's plain text.
///
/// # Errors
/// `Usage` where the text is no plain decimal, `Limit` where it is longer than the format allows.
pub(crate) fn put_text(text: &str, out: &mut Vec<u8>) -> Result<()> {
    let not_plain = || {
        Error::Usage(format!(
            "not a plain decimal: {}",
            text.chars().take(40).collect::<String>()
        ))
    };
    let digits = Digits::parse(text).ok_or_else(not_plain)?;
    if let Some((coefficient, scale)) = digits.small() {
        return put_decimal(digits.negative, coefficient, scale, out);
    }
    let stripped = digits.stripped();
    let scale = u32::try_from(stripped.fraction.len()).unwrap_or(u32::MAX);
    // 2.4 digits a byte: whatever is longer cannot fit, and is not worth the conversion.
    if scale > MAX_SCALE || stripped.whole.len() + stripped.fraction.len() > 3 * MAX_MAGNITUDE_BYTES {
        return Err(Error::Limit(format!("a number of {} digits", text.len())));
    }
    let joined = [stripped.whole, stripped.fraction].concat();
    let magnitude = BigUint::parse_bytes(joined.as_bytes(), 10).ok_or_else(not_plain)?;
    put_magnitude(stripped.negative, &magnitude.to_bytes_be(), scale, out)
}

/// Appends the plain text of `±coefficient × 10^−scale`, with exactly `scale` fraction digits.
pub fn write_decimal(negative: bool, coefficient: u128, scale: u32, out: &mut String) {
    write_scaled(negative, &coefficient.to_string(), scale as usize, out);
}

/// Appends the digits of a coefficient with its point set.
pub(crate) fn write_scaled(negative: bool, digits: &str, scale: usize, out: &mut String) {
    if negative {
        out.push('-');
    }
    if scale == 0 {
        out.push_str(digits);
    } else if digits.len() > scale {
        out.push_str(&digits[..digits.len() - scale]);
        out.push('.');
        out.push_str(&digits[digits.len() - scale..]);
    } else {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', scale - digits.len()));
        out.push_str(digits);
    }
}

/// The coefficient of a canonical payload in decimal digits.
pub(crate) fn magnitude_digits(magnitude: &[u8]) -> String {
    if magnitude.len() > 16 {
        return BigUint::from_bytes_be(magnitude).to_string();
    }
    magnitude
        .iter()
        .fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte))
        .to_string()
}

/// Appends an exact number's plain text in its shortest spelling; `false` where the cell is none.
pub fn write_shortest(cell: &Cell<'_>, out: &mut String) -> bool {
    match *cell {
        Cell::Int(value) => out.push_str(&value.to_string()),
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => {
            let (coefficient, scale) = normal(coefficient, scale);
            write_decimal(negative && coefficient != 0, coefficient, scale, out);
        }
        Cell::BigDecimal(text) => match Digits::parse(text).map(Digits::stripped) {
            Some(digits) => write_stripped(digits, out),
            None => return false,
        },
        _ => return false,
    }
    true
}

fn write_stripped(digits: Digits<'_>, out: &mut String) {
    if digits.negative {
        out.push('-');
    }
    out.push_str(if digits.whole.is_empty() { "0" } else { digits.whole });
    if !digits.fraction.is_empty() {
        out.push('.');
        out.push_str(digits.fraction);
    }
}

/// Sign, coefficient and scale in normal form, where 128 bits hold them.
fn small(cell: &Cell<'_>) -> Option<(bool, u128, u32)> {
    match *cell {
        Cell::Int(value) => Some((value < 0, value.unsigned_abs(), 0)),
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => {
            let (coefficient, scale) = normal(coefficient, scale);
            Some((negative && coefficient != 0, coefficient, scale))
        }
        _ => None,
    }
}

/// Whether two cells are the same exact number.
pub fn same(left: &Cell<'_>, right: &Cell<'_>) -> bool {
    if let (Some(left), Some(right)) = (small(left), small(right)) {
        return left == right;
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let canonical = |cell: &Cell<'_>, out: &mut Vec<u8>| match *cell {
        Cell::Int(value) => {
            put_int(value, out);
            true
        }
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => put_decimal(negative, coefficient, scale, out).is_ok(),
        Cell::BigDecimal(text) => put_text(text, out).is_ok(),
        _ => false,
    };
    canonical(left, &mut a) && canonical(right, &mut b) && a == b
}

/// Rounds half away from zero to `digits` fraction digits; `None` where the number has no more than those.
pub fn round<'a>(cell: &Cell<'_>, digits: u32, scratch: &'a mut String) -> Option<Cell<'a>> {
    match *cell {
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } => {
            let (coefficient, scale) = normal(coefficient, scale);
            if scale <= digits {
                return None;
            }
            let rounded = match 10_u128.checked_pow(scale - digits) {
                Some(unit) => coefficient / unit + u128::from(coefficient % unit >= unit / 2),
                None => 0,
            };
            Some(Cell::Decimal {
                negative: negative && rounded != 0,
                coefficient: rounded,
                scale: digits,
            })
        }
        Cell::BigDecimal(text) => round_text(Digits::parse(text)?.stripped(), digits as usize, scratch),
        _ => None,
    }
}

fn round_text<'a>(number: Digits<'_>, digits: usize, scratch: &'a mut String) -> Option<Cell<'a>> {
    let dropped = number.fraction.get(digits..).filter(|dropped| !dropped.is_empty())?;
    let mut kept = [number.whole, &number.fraction[..digits]].concat().into_bytes();
    if dropped.as_bytes()[0] >= b'5' {
        increment(&mut kept);
    }
    let kept: String = kept.into_iter().map(char::from).collect();
    let negative = number.negative && kept.bytes().any(|digit| digit != b'0');
    scratch.clear();
    write_scaled(negative, if kept.is_empty() { "0" } else { &kept }, digits, scratch);
    Some(Cell::BigDecimal(scratch))
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}
