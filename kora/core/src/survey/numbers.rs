//! Exact numbers and doubles: ranges, digits, and what stands in a decimal's way.
use super::column::is_zero;
use crate::cell::Cell;
use crate::number::Digits;
use crate::represent::{Representation, Scratch};
use serde::Serialize;

/// Exact numbers, whatever their kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Numbers {
    /// The ends of those that are whole and fit 128 bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    min_integer: Option<i128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_integer: Option<i128>,
    /// Those that have a fraction.
    #[serde(skip_serializing_if = "is_zero")]
    fractional: u64,
    /// Most digits in front of the point, without leading zeros.
    whole_digits: usize,
    /// Most digits behind the point, without trailing zeros.
    fraction_digits: usize,
    #[serde(skip_serializing_if = "is_zero")]
    nan: u64,
    #[serde(skip_serializing_if = "is_zero")]
    infinite: u64,
}

impl Numbers {
    /// Looks at an exact number; other kinds count for nothing.
    pub fn observe(&mut self, cell: &Cell<'_>) {
        match *cell {
            Cell::Int(value) => self.integer(value, count_digits(value.unsigned_abs())),
            Cell::Decimal {
                negative,
                coefficient,
                scale,
            } => {
                let (coefficient, scale) = crate::number::normal(coefficient, scale);
                self.decimal(negative, coefficient, scale as usize);
            }
            Cell::BigDecimal(text) => self.big(text),
            Cell::DecimalNan => self.nan += 1,
            Cell::DecimalInfinity { .. } => self.infinite += 1,
            _ => {}
        }
    }

    fn integer(&mut self, value: i128, digits: usize) {
        self.min_integer = Some(self.min_integer.map_or(value, |least| least.min(value)));
        self.max_integer = Some(self.max_integer.map_or(value, |most| most.max(value)));
        self.whole_digits = self.whole_digits.max(digits);
    }

    fn decimal(&mut self, negative: bool, coefficient: u128, scale: usize) {
        let digits = count_digits(coefficient);
        if scale > 0 {
            self.fractional += 1;
            self.whole_digits = self.whole_digits.max(digits.saturating_sub(scale));
            self.fraction_digits = self.fraction_digits.max(scale);
            return;
        }
        match i128::try_from(coefficient) {
            Ok(magnitude) => self.integer(if negative { -magnitude } else { magnitude }, digits),
            Err(_) => self.whole_digits = self.whole_digits.max(digits),
        }
    }

    fn big(&mut self, text: &str) {
        let Some(digits) = Digits::parse(text) else { return };
        let fraction = digits.fraction.trim_end_matches('0').len();
        self.fractional += u64::from(fraction > 0);
        self.whole_digits = self.whole_digits.max(digits.whole.trim_start_matches('0').len());
        self.fraction_digits = self.fraction_digits.max(fraction);
    }
}

/// Decimal digits of a magnitude; none for zero.
fn count_digits(magnitude: u128) -> usize {
    magnitude.checked_ilog10().map_or(0, |power| power as usize + 1)
}

/// Doubles, and the decimals that they stand for.
#[derive(Default, Serialize)]
pub struct Floats {
    nan: u64,
    infinite: u64,
    negative_zero: u64,
    /// Without a fraction.
    whole: u64,
    /// Exact as a single.
    single: u64,
    /// As `real_decimal` reads them; the others disobey it.
    decimals: Numbers,
    #[serde(skip)]
    scratch: Scratch,
}

impl Floats {
    /// Looks at a double; whether it obeys `real_decimal`.
    pub fn observe(&mut self, value: f64) -> bool {
        self.nan += u64::from(value.is_nan());
        self.infinite += u64::from(value.is_infinite());
        self.negative_zero += u64::from(value == 0.0 && value.is_sign_negative());
        self.whole += u64::from(value.is_finite() && value.fract() == 0.0);
        self.single += u64::from(value.is_nan() || f64::from(value as f32) == value);
        let decimal = Representation::RealDecimal.read(&Cell::Float(value), &mut self.scratch);
        if let Some(decimal) = &decimal {
            self.decimals.observe(decimal);
        }
        decimal.is_some()
    }
}
