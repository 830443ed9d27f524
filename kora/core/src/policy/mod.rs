//! Policies: named, lossy, counted changes, applied alike to both sides of a comparison.

mod fold;
mod json;

use unicode_normalization::{is_nfc, UnicodeNormalization};

use crate::canon::write_text;
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::number;
use crate::program::Rule;

pub(crate) use json::is_canonical as is_canonical_json;

/// The Unicode version that `nfc` follows; a profile that uses `nfc` or `casefold` must name it.
pub const UNICODE_VERSION: &str = "18.0";

/// Texts that `zero_date_is_null` takes for a zero date.
const ZERO_DATES: [&str; 2] = ["0000-00-00", "0000-00-00 00:00:00"];
/// Most digits that `round` may keep.
const MAX_ROUND_DIGITS: u32 = 16_383;

/// A lossy rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Trailing U+0020 of a text are not data.
    RtrimChar,
    /// Texts are compared in normalisation form C.
    Nfc,
    /// The empty text is NULL.
    EmptyIsNull,
    /// Texts are compared without regard to case.
    Casefold,
    /// The date 0000-00-00, as a value or as text, is NULL.
    ZeroDateIsNull,
    /// Exact numbers are rounded, half away from zero, to so many fraction digits.
    Round(u32),
    /// JSON is compared as a value: key order, spacing and number spelling do not count; of equal keys the last does.
    JsonValue,
    /// Doubles are rounded to singles.
    F32,
    /// −0.0 is 0.0.
    NegativeZero,
    /// Every value is compared as its exact text.
    AsText,
}

/// What a policy made of a value.
pub(crate) struct Applied<'a> {
    pub cell: Cell<'a>,
    /// Something was lost: what the loss ledger counts.
    pub changed: bool,
    /// The cell is JSON in canonical form.
    pub json_value: bool,
}

impl Policy {
    /// Reads a rule of a profile.
    ///
    /// # Errors
    /// `Usage` for a name or an argument that does not exist.
    pub fn parse(rule: &Rule) -> Result<Self> {
        let argument = rule.argument.as_deref().filter(|argument| !argument.is_empty());
        let parsed = match (rule.rule.as_str(), argument) {
            ("rtrim_char", None) => Some(Self::RtrimChar),
            ("nfc", None) => Some(Self::Nfc),
            ("empty_is_null", None) => Some(Self::EmptyIsNull),
            ("casefold", None) => Some(Self::Casefold),
            ("zero_date_is_null", None) => Some(Self::ZeroDateIsNull),
            ("round", Some(digits)) => digits.parse().ok().filter(|n| *n <= MAX_ROUND_DIGITS).map(Self::Round),
            ("json_value", None) => Some(Self::JsonValue),
            ("f32", None) => Some(Self::F32),
            ("negative_zero", None) => Some(Self::NegativeZero),
            ("as_text", None) => Some(Self::AsText),
            _ => None,
        };
        parsed.ok_or_else(|| Error::Usage(format!("not a policy: {rule}")))
    }

    /// Whether the rule follows a version of Unicode.
    pub const fn needs_unicode(self) -> bool {
        matches!(self, Self::Nfc | Self::Casefold)
    }

    /// Applies the rule to one value. `scratch` is the caller's and may be overwritten.
    pub(crate) fn apply<'a>(self, cell: Cell<'a>, scratch: &'a mut String) -> Applied<'a> {
        if self == Self::JsonValue {
            return json_value(cell, scratch);
        }
        match self.changed(&cell, scratch) {
            Some(changed) => Applied {
                cell: changed,
                changed: true,
                json_value: false,
            },
            None => Applied {
                cell,
                changed: false,
                json_value: false,
            },
        }
    }

    /// The value that replaces another; `None` where the rule leaves it as it is.
    fn changed<'a>(self, cell: &Cell<'a>, scratch: &'a mut String) -> Option<Cell<'a>> {
        match (self, *cell) {
            (Self::RtrimChar, Cell::Text(text)) => {
                let trimmed = text.trim_end_matches(' ');
                (trimmed.len() < text.len()).then_some(Cell::Text(trimmed))
            }
            (Self::Nfc, Cell::Text(text)) if !is_nfc(text) => {
                scratch.clear();
                scratch.extend(text.nfc());
                Some(Cell::Text(scratch))
            }
            (Self::Casefold, Cell::Text(text)) => fold::casefold(text, scratch).then_some(Cell::Text(scratch)),
            (Self::EmptyIsNull, Cell::Text("")) => Some(Cell::Null),
            (
                Self::ZeroDateIsNull,
                Cell::ImpossibleDate {
                    year: 0,
                    month: 0,
                    day: 0,
                }
                | Cell::ImpossibleTimestamp {
                    year: 0,
                    month: 0,
                    day: 0,
                    micros: 0,
                },
            ) => Some(Cell::Null),
            (Self::ZeroDateIsNull, Cell::Text(text)) if ZERO_DATES.contains(&text) => Some(Cell::Null),
            (Self::Round(digits), _) => number::round(cell, digits, scratch),
            (Self::F32, Cell::Float(value)) => {
                let single = f64::from(value as f32);
                (single != value && !value.is_nan()).then_some(Cell::Float(single))
            }
            (Self::NegativeZero, Cell::Float(value)) => {
                (value == 0.0 && value.is_sign_negative()).then_some(Cell::Float(0.0))
            }
            (Self::AsText, _) => as_text(cell, scratch),
            _ => None,
        }
    }
}

/// Bytes and undecodable text have no text of their own and stay.
fn as_text<'a>(cell: &Cell<'_>, scratch: &'a mut String) -> Option<Cell<'a>> {
    if matches!(
        cell,
        Cell::Null | Cell::Text(_) | Cell::Bytes(_) | Cell::BrokenText { .. }
    ) {
        return None;
    }
    scratch.clear();
    write_text(cell, scratch).then_some(Cell::Text(scratch))
}

fn json_value<'a>(cell: Cell<'a>, scratch: &'a mut String) -> Applied<'a> {
    let Cell::Json(text) = cell else {
        return Applied {
            cell,
            changed: false,
            json_value: false,
        };
    };
    match json::canonical(text, scratch) {
        Some(dropped) => Applied {
            cell: Cell::Json(scratch),
            changed: dropped,
            json_value: true,
        },
        None => Applied {
            cell,
            changed: false,
            json_value: false,
        },
    }
}
