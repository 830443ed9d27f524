//! Money, whose cell counts the smallest unit, as a decimal or as its text.

use crate::cell::Cell;
use crate::number::{self, Digits};

/// The money that a stored decimal or text stands for; `None` where it is finer than the smallest unit, or no number.
pub(super) fn read<'a>(cell: &Cell<'a>, digits: u32, as_text: bool) -> Option<Cell<'a>> {
    let (negative, coefficient, scale) = match *cell {
        Cell::Money(_) => return Some(*cell),
        Cell::Int(value) if !as_text => (value < 0, value.unsigned_abs(), 0),
        Cell::Decimal {
            negative,
            coefficient,
            scale,
        } if !as_text => (negative, coefficient, scale),
        Cell::Text(text) if as_text => {
            let parsed = Digits::parse(text)?;
            let (coefficient, scale) = parsed.small()?;
            let mut again = String::new();
            let cell = units(parsed.negative, coefficient, scale, digits)?;
            write(cell, digits, &mut again);
            return (again == text).then_some(Cell::Money(cell));
        }
        _ => return None,
    };
    units(negative, coefficient, scale, digits).map(Cell::Money)
}

fn units(negative: bool, coefficient: u128, scale: u32, digits: u32) -> Option<i64> {
    let (coefficient, scale) = number::normal(coefficient, scale);
    let units = coefficient.checked_mul(10_u128.checked_pow(digits.checked_sub(scale)?)?)?;
    let signed = i128::try_from(units).ok()?;
    i64::try_from(if negative { -signed } else { signed }).ok()
}

fn write(units: i64, digits: u32, out: &mut String) {
    number::write_decimal(units < 0, u128::from(units.unsigned_abs()), digits, out);
}

/// The stored form of money.
pub(super) fn print<'a>(units: i64, digits: u32, as_text: bool, scratch: &'a mut String) -> Cell<'a> {
    if as_text {
        scratch.clear();
        write(units, digits, scratch);
        return Cell::Text(scratch);
    }
    Cell::Decimal {
        negative: units < 0,
        coefficient: u128::from(units.unsigned_abs()),
        scale: digits,
    }
}
