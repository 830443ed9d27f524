//! `numeric` on the wire: base-10,000 digits from decimal text, and what precision and scale let through.

use crate::readers::postgres::numeric::{MINUS_INFINITY, NAN, NEGATIVE, PLUS_INFINITY};
use std::io::Write;

/// A column without a modifier holds this many digits before the point.
const MAX_INTEGER_DIGITS: usize = 131_072;
/// And this many behind it.
const MAX_SCALE: usize = 16_383;

/// A number as ASCII digits: the integer part without leading zeros, the fraction as it is.
pub struct DecimalText<'a> {
    pub negative: bool,
    pub integer: &'a [u8],
    pub fraction: &'a [u8],
}

impl DecimalText<'_> {
    /// The fraction without its trailing zeros.
    fn significant_fraction(&self) -> &[u8] {
        let kept = self
            .fraction
            .iter()
            .rposition(|digit| *digit != b'0')
            .map_or(0, |last| last + 1);
        &self.fraction[..kept]
    }
}

/// Room for the digits of a 128-bit coefficient.
#[derive(Default)]
pub struct Digits {
    text: Vec<u8>,
    point: usize,
}

impl Digits {
    /// `coefficient × 10^−scale` as text.
    pub fn new(coefficient: u128, scale: u32) -> Self {
        let scale = scale as usize;
        let mut text = Vec::with_capacity(40 + scale);
        // Writing to memory does not fail.
        let _ = write!(text, "{coefficient:0width$}", width = scale);
        if coefficient == 0 {
            text.resize(scale, b'0');
        }
        let point = text.len() - scale;
        Self { text, point }
    }

    pub fn number(&self, negative: bool) -> DecimalText<'_> {
        let (integer, fraction) = self.text.split_at(self.point);
        DecimalText {
            negative,
            integer,
            fraction,
        }
    }
}

/// Takes `-?[0-9]+(\.[0-9]+)?` apart; `None` for any other text.
pub fn parse(text: &str) -> Option<DecimalText<'_>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if integer.is_empty() || !all_digits(integer) || !all_digits(fraction) {
        return None;
    }
    let leading = integer.bytes().take_while(|digit| *digit == b'0').count();
    Some(DecimalText {
        negative,
        integer: &integer.as_bytes()[leading..],
        fraction: fraction.as_bytes(),
    })
}

/// The integer that this is, if its fraction is zero and it fits.
pub fn whole(number: &DecimalText<'_>) -> Option<i128> {
    if !number.significant_fraction().is_empty() {
        return None;
    }
    number.integer.iter().try_fold(0_i128, |sum, digit| {
        let digit = i128::from(digit - b'0');
        let shifted = sum.checked_mul(10)?;
        if number.negative {
            shifted.checked_sub(digit)
        } else {
            shifted.checked_add(digit)
        }
    })
}

/// Appends a finite number.
pub fn encode(number: &DecimalText<'_>, modifier: Option<(i32, i32)>, out: &mut Vec<u8>) -> Result<(), String> {
    check(number, modifier)?;
    let head = out.len();
    out.extend_from_slice(&[0; 8]);
    // Base-10,000 digits are aligned to the point, leading and trailing zero ones are left out.
    let groups_before = number.integer.len().div_ceil(4);
    let groups_behind = number.fraction.len().div_ceil(4);
    let (mut weight, mut count, mut last) = (0_usize, 0_u16, out.len());
    for group in 0..groups_before + groups_behind {
        let digit = match group < groups_before {
            true => integer_group(number.integer, groups_before - group),
            false => fraction_group(number.fraction, group - groups_before),
        };
        if count == 0 && digit == 0 {
            continue;
        }
        if count == 0 {
            weight = group;
        }
        count += 1;
        out.extend_from_slice(&digit.to_be_bytes());
        if digit != 0 {
            last = out.len();
        }
    }
    out.truncate(last);
    let count = ((out.len() - head - 8) / 2) as u16;
    let weight = if count == 0 {
        0
    } else {
        groups_before as i32 - 1 - weight as i32
    };
    let sign = if number.negative && count > 0 { NEGATIVE } else { 0 };
    for (index, word) in [count, weight as i16 as u16, sign, number.fraction.len() as u16]
        .into_iter()
        .enumerate()
    {
        out[head + 2 * index..head + 2 * index + 2].copy_from_slice(&word.to_be_bytes());
    }
    Ok(())
}

/// Appends NaN.
pub fn encode_nan(out: &mut Vec<u8>) {
    special(NAN, out);
}

/// Appends an infinity; only a column without a modifier holds one.
pub fn encode_infinity(negative: bool, modifier: Option<(i32, i32)>, out: &mut Vec<u8>) -> Result<(), String> {
    if modifier.is_some() {
        return Err("a numeric with a precision holds no infinity".into());
    }
    special(if negative { MINUS_INFINITY } else { PLUS_INFINITY }, out);
    Ok(())
}

fn special(sign: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
}

/// The server rounds to the scale without a word; that is what this is for.
fn check(number: &DecimalText<'_>, modifier: Option<(i32, i32)>) -> Result<(), String> {
    let Some((precision, scale)) = modifier else {
        return match number.integer.len() <= MAX_INTEGER_DIGITS && number.fraction.len() <= MAX_SCALE {
            true => Ok(()),
            false => Err("more digits than a numeric holds".into()),
        };
    };
    let fraction = number.significant_fraction();
    let fraction_digits = fraction.len() as i64;
    if fraction_digits > i64::from(scale.max(0)) {
        return Err(format!(
            "{fraction_digits} fraction digits, numeric({precision},{scale}) would round"
        ));
    }
    let trailing = number.integer.iter().rev().take_while(|digit| **digit == b'0').count();
    let is_zero = number.integer.is_empty() && fraction.is_empty();
    if scale < 0 && !number.integer.is_empty() && (trailing as i64) < -i64::from(scale) {
        return Err(format!("numeric({precision},{scale}) would round"));
    }
    // Digits that count from the scale's place upwards; a fraction's own leading zeros count none.
    let magnitude = match number.integer.is_empty() {
        false => number.integer.len() as i64,
        true => -(fraction.iter().take_while(|digit| **digit == b'0').count() as i64),
    };
    match is_zero || magnitude <= i64::from(precision) - i64::from(scale) {
        true => Ok(()),
        false => Err(format!("too large for numeric({precision},{scale})")),
    }
}

/// The group of four digits that ends `4 × (from_point − 1)` digits before the point.
fn integer_group(digits: &[u8], from_point: usize) -> u16 {
    let end = digits.len() - 4 * (from_point - 1);
    digits[end.saturating_sub(4)..end]
        .iter()
        .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
}

fn fraction_group(digits: &[u8], index: usize) -> u16 {
    let group = &digits[4 * index..digits.len().min(4 * index + 4)];
    let sum = group.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    (group.len()..4).fold(sum, |sum, _| sum * 10)
}
