//! Doubles and the decimals that they stand for.
//!
//! A double stands for the shortest decimal whose nearest double it is (Ulf Adams, "Ryū: Fast Float-to-String
//! Conversion", 2018), so 0.99 stored as a double reads as 0.99 and not as 0.98999999999999999111.

use super::Scratch;
use crate::cell::Cell;
use crate::number;

/// Powers of ten that a double holds exactly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];
/// Most fraction digits that a reading may need.
const MAX_READ_SCALE: i32 = 340;

/// The decimal; `None` for −0.0, NaN and infinities, which no decimal stands for.
pub(super) fn read<'a>(value: f64, scratch: &'a mut Scratch) -> Option<Cell<'a>> {
    if !value.is_finite() || value == 0.0 && value.is_sign_negative() {
        return None;
    }
    let mut buffer = ryu::Buffer::new();
    let (negative, coefficient, scale) = parts(buffer.format_finite(value));
    if let Ok(scale) = u32::try_from(scale) {
        let (coefficient, scale) = number::normal(u128::from(coefficient), scale);
        return (scale <= MAX_READ_SCALE as u32).then_some(Cell::Decimal {
            negative,
            coefficient,
            scale,
        });
    }
    let power = scale.unsigned_abs();
    if let Some(coefficient) = 10_u128
        .checked_pow(power)
        .and_then(|unit| unit.checked_mul(u128::from(coefficient)))
    {
        return Some(Cell::Decimal {
            negative,
            coefficient,
            scale: 0,
        });
    }
    let text = &mut scratch.text;
    text.clear();
    number::write_decimal(negative, u128::from(coefficient), 0, text);
    text.extend(std::iter::repeat_n('0', power as usize));
    Some(Cell::BigDecimal(text))
}

/// Sign, digits (at most 17, and one zero) and scale of a text as `-12.5e-7`.
fn parts(text: &str) -> (bool, u64, i32) {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mut coefficient, mut fraction_digits, mut behind_point, mut exponent) = (0_u64, 0, false, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'.' => behind_point = true,
            b'e' => {
                exponent = text[index + 1..].parse().unwrap_or(0);
                break;
            }
            digit => {
                coefficient = coefficient * 10 + u64::from(digit - b'0');
                fraction_digits += i32::from(behind_point);
            }
        }
    }
    (negative, coefficient, fraction_digits - exponent)
}

/// The double of an exact number; `None` unless reading it gives the same number again.
pub(super) fn print(cell: &Cell<'_>) -> Option<Cell<'static>> {
    let value = nearest(cell)?;
    let mut scratch = Scratch::default();
    let again = read(value, &mut scratch)?;
    number::same(cell, &again).then_some(Cell::Float(value))
}

fn nearest(cell: &Cell<'_>) -> Option<f64> {
    if let Cell::Decimal {
        negative,
        coefficient,
        scale,
    } = *cell
    {
        let (coefficient, scale) = number::normal(coefficient, scale);
        // Both operands are exact, so the one division rounds correctly (Clinger, 1990).
        if let (true, Some(power)) = (coefficient <= 1 << 53, EXACT_POWERS.get(scale as usize)) {
            let value = coefficient as f64 / power;
            return Some(if negative && coefficient != 0 { -value } else { value });
        }
    }
    let mut text = String::new();
    number::write_shortest(cell, &mut text).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: f64) -> Option<String> {
        let mut scratch = Scratch::default();
        let cell = read(value, &mut scratch)?;
        let mut text = String::new();
        assert!(number::write_shortest(&cell, &mut text));
        Some(text)
    }

    #[test]
    fn a_double_reads_as_the_shortest_decimal_that_names_it() {
        assert_eq!(shown(0.99).as_deref(), Some("0.99"));
        assert_eq!(shown(-1.0).as_deref(), Some("-1"));
        assert_eq!(shown(0.1 + 0.2).as_deref(), Some("0.30000000000000004"));
        assert_eq!(shown(1e-7).as_deref(), Some("0.0000001"));
        assert_eq!(shown(1e22).as_deref(), Some("10000000000000000000000"));
        assert_eq!(shown(1e300).unwrap().len(), 301);
        assert_eq!(shown(5e-324).unwrap().len(), 326);
    }

    #[test]
    fn what_no_decimal_stands_for_disobeys() {
        for value in [-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(shown(value), None);
        }
    }

    #[test]
    fn a_number_that_a_double_does_not_name_is_not_printed() {
        assert_eq!(
            print(&Cell::Decimal {
                negative: false,
                coefficient: 99,
                scale: 2
            }),
            Some(Cell::Float(0.99))
        );
        assert_eq!(print(&Cell::Int(1 << 53)), Some(Cell::Float(9_007_199_254_740_992.0)));
        assert_eq!(print(&Cell::Int((1 << 53) + 1)), None);
        assert_eq!(
            print(&Cell::BigDecimal(
                "0.98999999999999999111821580299874767661094665527343750"
            )),
            None
        );
        assert_eq!(print(&Cell::BigDecimal(&format!("1{}", "0".repeat(400)))), None);
    }
}
