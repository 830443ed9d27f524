//! Representations: declared, invertible readings of a stored value.
//!
//! `read` maps a stored value to what it stands for, `print` maps it back. For every value that `read` converts,
//! `print(read(x))` is x again, bit for bit; any other value disobeys and stays as it is. A value that already has the
//! kind that `read` gives passes unchanged.

mod date_format;
mod leaf;
mod money;
mod nested;
mod real;

use crate::canon::{write_structure, write_uuid};
use crate::cell::{Cell, Ticks};
use crate::error::{Error, Result};
use crate::number::{self, Digits};
use crate::program::Rule;
use date_format::DateFormat;
use leaf::LeafRoom;
use nested::NestedRoom;

pub use date_format::text_date_formats;
pub(crate) use leaf::write_leaf;
pub use leaf::Leaf;
pub use nested::Nested;

/// A reading, ready to be used on many values.
#[derive(Clone, Debug, PartialEq)]
pub enum Representation {
    /// Doubles that stand for the shortest decimal that names them.
    RealDecimal,
    /// Text in a date format.
    TextDate(DateFormat),
    /// Text that is an exact number; with a fixed number of fraction digits where one is given.
    TextNumber(Option<u32>),
    /// The same with the words `NaN`, `Infinity` and `-Infinity`.
    TextNumberOrSpecial,
    /// Integers that count from the Unix epoch.
    Epoch {
        /// Ticks of the integer per second: 1, 1,000, 1,000,000 or 1,000,000,000.
        per_second: i64,
        /// Whether they stand for a clock without a zone rather than for an instant.
        local: bool,
    },
    /// Seconds since the Unix epoch: integers, and doubles with one to six fraction digits.
    EpochFraction,
    /// A clock without a zone that shows UTC.
    UtcClock,
    /// UUIDs as text or as sixteen bytes.
    Uuid(UuidForm),
    /// 0 and 1.
    Bool01,
    /// Two words.
    BoolText {
        /// The word for true.
        yes: String,
        /// The word for false.
        no: String,
    },
    /// Text that is an enumeration's label.
    EnumLabel,
    /// Text that is JSON.
    JsonText,
    /// The exact text of a value of this kind.
    LeafText(Leaf),
    /// Decimals that stand for money, with so many digits for the smallest unit; as text with exactly so many.
    Money {
        /// Digits of the smallest unit.
        digits: u32,
        /// Whether they are stored as text.
        text: bool,
    },
    /// JSON text that stands for a nested value.
    StructuredJson(Nested),
}

/// Room for what a reading or printing makes; reused from value to value.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    pub(crate) text: String,
    pub(crate) uuid: [u8; 16],
    leaf: LeafRoom,
    nested: NestedRoom,
}

/// How a UUID is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UuidForm {
    /// Hyphenated, lower case.
    Lower,
    /// Hyphenated, upper case.
    Upper,
    /// Sixteen bytes, big-endian.
    Bytes,
}

impl Representation {
    /// Reads a rule of a profile.
    ///
    /// # Errors
    /// `Usage` for a name or an argument that does not exist.
    pub fn parse(rule: &Rule) -> Result<Self> {
        let argument = rule.argument.as_deref().filter(|argument| !argument.is_empty());
        let parsed = match (rule.rule.as_str(), argument) {
            ("real_decimal", None) => Some(Self::RealDecimal),
            ("text_date", Some(format)) => DateFormat::compile(format).map(Self::TextDate),
            ("text_number", None) => Some(Self::TextNumber(None)),
            ("text_number", Some("special")) => Some(Self::TextNumberOrSpecial),
            ("text_number", Some(digits)) => digits
                .parse()
                .ok()
                .filter(|n| *n <= 1000)
                .map(|n| Self::TextNumber(Some(n))),
            ("epoch", Some("s,fraction")) => Some(Self::EpochFraction),
            ("epoch", Some(unit)) => epoch(unit),
            ("utc_clock", None) => Some(Self::UtcClock),
            ("uuid_text", None) => Some(Self::Uuid(UuidForm::Lower)),
            ("uuid_text", Some("upper")) => Some(Self::Uuid(UuidForm::Upper)),
            ("uuid_text", Some("bytes")) => Some(Self::Uuid(UuidForm::Bytes)),
            ("bool01", None) => Some(Self::Bool01),
            ("bool_text", Some(words)) => bool_text(words),
            ("enum_label", None) => Some(Self::EnumLabel),
            ("json_text", None) => Some(Self::JsonText),
            ("network_text", Some(kind @ ("inet" | "cidr" | "macaddr" | "macaddr8")))
            | ("moment_text", Some(kind @ ("date" | "time" | "timestamp" | "instant"))) => {
                Leaf::from_name(kind).map(Self::LeafText)
            }
            ("interval_iso", None) => Some(Self::LeafText(Leaf::Interval)),
            ("bit_text", None) => Some(Self::LeafText(Leaf::Bit)),
            ("timetz_text", None) => Some(Self::LeafText(Leaf::TimeTz)),
            ("geometry_text", None) => Some(Self::LeafText(Leaf::Geometry)),
            (name @ ("money" | "money_text"), Some(digits)) => {
                digits.parse().ok().filter(|n| *n <= 9).map(|digits| Self::Money {
                    digits,
                    text: name == "money_text",
                })
            }
            ("structured_json", Some(nested)) => Nested::parse(nested).map(Self::StructuredJson),
            _ => None,
        };
        parsed.ok_or_else(|| Error::Usage(format!("not a representation: {rule}")))
    }

    /// What a stored value stands for; `None` where it disobeys. `scratch` is the caller's and may be overwritten.
    pub fn read<'a>(&self, cell: &Cell<'a>, scratch: &'a mut Scratch) -> Option<Cell<'a>> {
        match (self, *cell) {
            (Self::RealDecimal, Cell::Float(value)) => real::read(value, scratch),
            (
                Self::RealDecimal | Self::TextNumber(_) | Self::TextNumberOrSpecial,
                Cell::Int(_)
                | Cell::Decimal { .. }
                | Cell::BigDecimal(_)
                | Cell::DecimalNan
                | Cell::DecimalInfinity { .. },
            ) => Some(*cell),
            (Self::TextDate(format), Cell::Text(text)) => format.read(text),
            (Self::TextDate(format), _) => format.holds(cell).then_some(*cell),
            (Self::TextNumber(digits), Cell::Text(text)) => read_number(text, *digits),
            (Self::TextNumberOrSpecial, Cell::Text(text)) => read_special(text).or_else(|| read_number(text, None)),
            (Self::Epoch { per_second, local }, Cell::Int(value)) => read_epoch(value, *per_second, *local),
            (Self::EpochFraction, Cell::Int(value)) => read_epoch(value, 1, false),
            (Self::EpochFraction, Cell::Float(value)) => read_fraction(value),
            (Self::UtcClock, Cell::Timestamp(ticks)) => Some(Cell::Instant(ticks)),
            (Self::Uuid(form), _) => read_uuid(*form, cell),
            (Self::Bool01, Cell::Int(value @ 0..=1)) => Some(Cell::Bool(value == 1)),
            (Self::BoolText { yes, no }, Cell::Text(word)) => read_word(word, yes, no),
            (Self::EnumLabel, Cell::Text(label)) => Some(Cell::Enum(label)),
            (Self::JsonText, Cell::Text(text)) => is_json(text).then_some(Cell::Json(text)),
            (Self::LeafText(leaf), Cell::Text(text)) => leaf.read(text, &mut scratch.leaf),
            (Self::LeafText(leaf), _) => leaf.holds(cell).then_some(*cell),
            (Self::Money { digits, text }, _) => money::read(cell, *digits, *text),
            (Self::StructuredJson(nested), Cell::Text(text)) => nested.read(text, &mut scratch.nested),
            (Self::StructuredJson(nested), Cell::Structured { structure, .. }) => {
                nested.holds(structure).then_some(*cell)
            }
            (Self::Bool01 | Self::BoolText { .. }, Cell::Bool(_))
            | (Self::EnumLabel, Cell::Enum(_))
            | (Self::JsonText, Cell::Json(_))
            | (Self::Epoch { local: false, .. } | Self::EpochFraction | Self::UtcClock, Cell::Instant(_))
            | (Self::Epoch { local: true, .. }, Cell::Timestamp(_)) => Some(*cell),
            _ => None,
        }
    }

    /// The stored form of a value; `None` where this representation has none for it.
    pub fn print<'a>(&self, cell: &Cell<'a>, scratch: &'a mut Scratch) -> Option<Cell<'a>> {
        match (self, *cell) {
            (Self::RealDecimal, Cell::Int(_) | Cell::Decimal { .. } | Cell::BigDecimal(_)) => real::print(cell),
            (Self::TextDate(format), _) => format
                .print(cell, &mut scratch.text)
                .then_some(Cell::Text(&scratch.text)),
            (Self::TextNumber(digits), _) => print_number(cell, *digits, &mut scratch.text),
            (Self::TextNumberOrSpecial, _) => match special_word(cell) {
                Some(word) => Some(Cell::Text(word)),
                None => print_number(cell, None, &mut scratch.text),
            },
            (
                Self::Epoch {
                    per_second,
                    local: false,
                },
                Cell::Instant(ticks),
            )
            | (
                Self::Epoch {
                    per_second,
                    local: true,
                },
                Cell::Timestamp(ticks),
            ) => print_epoch(ticks, *per_second),
            (Self::EpochFraction, Cell::Instant(ticks)) => print_epoch(ticks, 1).or_else(|| print_fraction(ticks)),
            (Self::UtcClock, Cell::Instant(ticks)) => Some(Cell::Timestamp(ticks)),
            (Self::Uuid(form), Cell::Uuid(bytes)) => Some(print_uuid(*form, &bytes, scratch)),
            (Self::Bool01, Cell::Bool(value)) => Some(Cell::Int(i128::from(value))),
            (Self::BoolText { yes, no }, Cell::Bool(value)) => {
                scratch.text.clear();
                scratch.text.push_str(if value { yes } else { no });
                Some(Cell::Text(&scratch.text))
            }
            (Self::EnumLabel, Cell::Enum(label)) => Some(Cell::Text(label)),
            (Self::JsonText, Cell::Json(text)) => Some(Cell::Text(text)),
            (Self::LeafText(leaf), _) if leaf.holds(cell) => {
                scratch.text.clear();
                write_leaf(cell, &mut scratch.text);
                Some(Cell::Text(&scratch.text))
            }
            (Self::Money { digits, text }, Cell::Money(units)) => {
                Some(money::print(units, *digits, *text, &mut scratch.text))
            }
            (Self::StructuredJson(nested), Cell::Structured { structure, body }) if nested.holds(structure) => {
                scratch.text.clear();
                write_structure(structure, body, &mut scratch.text);
                Some(Cell::Text(&scratch.text))
            }
            _ => None,
        }
    }
}

fn epoch(argument: &str) -> Option<Representation> {
    let (unit, local) = argument
        .strip_suffix(",local")
        .map_or((argument, false), |unit| (unit, true));
    let per_second = match unit {
        "s" => 1,
        "ms" => 1_000,
        "us" => 1_000_000,
        "ns" => 1_000_000_000,
        _ => return None,
    };
    Some(Representation::Epoch { per_second, local })
}

fn bool_text(argument: &str) -> Option<Representation> {
    let (yes, no) = argument.split_once(',')?;
    (yes != no && !no.contains(',')).then(|| Representation::BoolText {
        yes: yes.into(),
        no: no.into(),
    })
}

/// The spelling must be the one that printing gives: no sign of zero, no leading zeros, the agreed fraction digits.
fn read_number(text: &str, digits: Option<u32>) -> Option<Cell<'_>> {
    let number = Digits::parse(text)?;
    let plain_whole = number.whole == "0" || !number.whole.starts_with('0');
    let plain_fraction = match digits {
        Some(digits) => number.fraction.len() == digits as usize,
        None => !number.fraction.ends_with('0'),
    };
    let zero = number.whole == "0" && number.fraction.bytes().all(|digit| digit == b'0');
    if !plain_whole || !plain_fraction || zero && number.negative {
        return None;
    }
    Some(match number.small() {
        Some((coefficient, scale)) => Cell::Decimal {
            negative: number.negative,
            coefficient,
            scale,
        },
        None => Cell::BigDecimal(text),
    })
}

/// The words that PostgreSQL prints; no others, so that printing gives back what was read.
fn read_special(text: &str) -> Option<Cell<'static>> {
    match text {
        "NaN" => Some(Cell::DecimalNan),
        "Infinity" => Some(Cell::DecimalInfinity { negative: false }),
        "-Infinity" => Some(Cell::DecimalInfinity { negative: true }),
        _ => None,
    }
}

fn special_word(cell: &Cell<'_>) -> Option<&'static str> {
    match cell {
        Cell::DecimalNan => Some("NaN"),
        Cell::DecimalInfinity { negative: false } => Some("Infinity"),
        Cell::DecimalInfinity { negative: true } => Some("-Infinity"),
        _ => None,
    }
}

fn print_number<'a>(cell: &Cell<'_>, digits: Option<u32>, scratch: &'a mut String) -> Option<Cell<'a>> {
    scratch.clear();
    if !number::write_shortest(cell, scratch) {
        return None;
    }
    if let Some(digits) = digits.map(|digits| digits as usize) {
        let fraction = scratch.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let missing = digits.checked_sub(fraction)?;
        if fraction == 0 && missing > 0 {
            scratch.push('.');
        }
        scratch.extend(std::iter::repeat_n('0', missing));
    }
    Some(Cell::Text(scratch))
}

fn read_epoch(value: i128, per_second: i64, local: bool) -> Option<Cell<'static>> {
    let nanos = value.checked_mul(i128::from(1_000_000_000 / per_second))?;
    let ticks = Ticks {
        micros: i64::try_from(nanos.div_euclid(1000)).ok()?,
        nanos: nanos.rem_euclid(1000) as u16,
    };
    Some(if local {
        Cell::Timestamp(ticks)
    } else {
        Cell::Instant(ticks)
    })
}

fn print_epoch(ticks: Ticks, per_second: i64) -> Option<Cell<'static>> {
    let nanos = i128::from(ticks.micros) * 1000 + i128::from(ticks.nanos);
    let unit = i128::from(1_000_000_000 / per_second);
    (nanos % unit == 0).then_some(Cell::Int(nanos / unit))
}

/// A whole double is none: a column of numbers holds an integer in its place, which would then read as the same.
fn read_fraction(value: f64) -> Option<Cell<'static>> {
    let mut scratch = Scratch::default();
    let Cell::Decimal {
        negative,
        coefficient,
        scale: scale @ 1..=6,
    } = real::read(value, &mut scratch)?
    else {
        return None;
    };
    let micros = i64::try_from(coefficient.checked_mul(10_u128.pow(6 - scale))?).ok()?;
    Some(Cell::Instant(Ticks {
        micros: if negative { -micros } else { micros },
        nanos: 0,
    }))
}

/// Only where the double reads back as just these microseconds.
fn print_fraction(ticks: Ticks) -> Option<Cell<'static>> {
    let (coefficient, scale) = crate::number::normal(u128::from(ticks.micros.unsigned_abs()), 6);
    let decimal = Cell::Decimal {
        negative: ticks.micros < 0,
        coefficient,
        scale,
    };
    match real::print(&decimal) {
        Some(Cell::Float(value)) if ticks.nanos == 0 && read_fraction(value) == Some(Cell::Instant(ticks)) => {
            Some(Cell::Float(value))
        }
        _ => None,
    }
}

fn read_uuid<'a>(form: UuidForm, cell: &Cell<'a>) -> Option<Cell<'a>> {
    match (*cell, form) {
        (Cell::Uuid(_), _) => Some(*cell),
        (Cell::Bytes(bytes), UuidForm::Bytes) => Some(Cell::Uuid(bytes.try_into().ok()?)),
        (Cell::Text(text), UuidForm::Lower | UuidForm::Upper) => {
            parse_uuid(text.as_bytes(), form == UuidForm::Upper).map(Cell::Uuid)
        }
        _ => None,
    }
}

fn parse_uuid(text: &[u8], upper: bool) -> Option<[u8; 16]> {
    let (mut uuid, mut filled) = ([0_u8; 16], 0);
    if text.len() != 36 {
        return None;
    }
    for (index, &byte) in text.iter().enumerate() {
        if matches!(index, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' if !upper => byte - b'a' + 10,
            b'A'..=b'F' if upper => byte - b'A' + 10,
            _ => return None,
        };
        uuid[filled / 2] = uuid[filled / 2] << 4 | digit;
        filled += 1;
    }
    Some(uuid)
}

fn print_uuid<'a>(form: UuidForm, uuid: &[u8; 16], scratch: &'a mut Scratch) -> Cell<'a> {
    if form == UuidForm::Bytes {
        scratch.uuid = *uuid;
        return Cell::Bytes(&scratch.uuid);
    }
    scratch.text.clear();
    write_uuid(uuid, &mut scratch.text);
    if form == UuidForm::Upper {
        scratch.text.make_ascii_uppercase();
    }
    Cell::Text(&scratch.text)
}

fn read_word(word: &str, yes: &str, no: &str) -> Option<Cell<'static>> {
    match word {
        _ if word == yes => Some(Cell::Bool(true)),
        _ if word == no => Some(Cell::Bool(false)),
        _ => None,
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
