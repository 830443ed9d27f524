//! Dates and times as text in one declared format, read and printed without loss.
//!
//! A format is ASCII with these tokens: `%Y` four digits, 0001..=9999; `%m %d %H %M %S` two digits; `%b` an English
//! month of three letters; `%.f` the shortest fraction with its point, nothing where it is zero; `%3f %6f %9f` so many
//! fraction digits, `%.3f %.6f %.9f` with the point; `%z` only `+00:00`; `%%` a percent sign. Each field has a fixed
//! width and stands once at most, so that a text has one reading and a reading one text.

use std::fmt::Write;

use crate::cell::{Cell, Ticks};
use crate::temporal;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAY_NANOS: u64 = 86_400_000_000_000;

/// Formats that old databases are known to hold, most specific first; a survey tries them on a column's values.
pub fn text_date_formats() -> &'static [&'static str] {
    &[
        "%Y-%m-%d",
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.3f",
        "%Y-%m-%d %H:%M:%S%.6f",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.3f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%dT%H:%M:%SZ",
        "%Y-%m-%dT%H:%M:%S%.fZ",
        "%Y-%m-%dT%H:%M:%S%.3fZ",
        "%Y-%m-%dT%H:%M:%S%z",
        "%Y-%m-%dT%H:%M:%S%.f%z",
        "%Y-%m-%d %H:%M:%S%z",
        "%Y-%m-%d %H:%M:%S+00",
        "%Y-%m-%d %H:%M:%S%.f+00",
        "%Y/%m/%d",
        "%Y/%m/%d %H:%M:%S",
        "%d.%m.%Y",
        "%d.%m.%Y %H:%M",
        "%d.%m.%Y %H:%M:%S",
        "%d/%m/%Y",
        "%d/%m/%Y %H:%M:%S",
        "%m/%d/%Y",
        "%m/%d/%Y %H:%M:%S",
        "%d-%m-%Y",
        "%d-%b-%Y",
        "%d %b %Y",
        "%Y%m%d",
        "%Y%m%d%H%M%S",
        "%Y%m%dT%H%M%S",
        "%Y%m%dT%H%M%SZ",
        "%H:%M",
        "%H:%M:%S",
        "%H:%M:%S%.f",
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    Literal(u8),
    Year,
    Month,
    MonthName,
    Day,
    Hour,
    Minute,
    Second,
    ShortestFraction,
    Fraction { digits: u8, point: bool },
    Utc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Date,
    Time,
    Timestamp,
    Instant,
}

/// A compiled format.
#[derive(Clone, Debug, PartialEq)]
pub struct DateFormat {
    tokens: Vec<Token>,
    kind: Kind,
}

#[derive(Default)]
struct Fields {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
}

impl DateFormat {
    /// Compiles a format; `None` where it is unknown, ambiguous or says too little for a date or a time.
    pub fn compile(format: &str) -> Option<Self> {
        let tokens = tokenize(format)?;
        let count = |wanted: fn(&Token) -> bool| tokens.iter().filter(|token| wanted(token)).count();
        let year = count(|token| *token == Token::Year);
        let month = count(|token| matches!(token, Token::Month | Token::MonthName));
        let day = count(|token| *token == Token::Day);
        let hour = count(|token| *token == Token::Hour);
        let minute = count(|token| *token == Token::Minute);
        let second = count(|token| *token == Token::Second);
        let fraction = count(|token| matches!(token, Token::ShortestFraction | Token::Fraction { .. }));
        let utc = count(|token| *token == Token::Utc) + usize::from(format.ends_with('Z'));
        let utc = utc + usize::from(format.ends_with("+00") || format.ends_with("+00:00"));
        let ordered = minute <= hour && second <= minute && fraction <= second && utc <= hour && hour <= 1;
        let kind = match (year, month, day, hour, minute, utc) {
            (1, 1, 1, 0, 0, 0) => Kind::Date,
            (0, 0, 0, 1, 1, 0) => Kind::Time,
            (1, 1, 1, 1, 1, 0) => Kind::Timestamp,
            (1, 1, 1, 1, 1, 1) => Kind::Instant,
            _ => return None,
        };
        (ordered && !fraction_runs_on(&tokens)).then_some(Self { tokens, kind })
    }

    /// Whether a value already is of the kind that this format stands for.
    pub(super) fn holds(&self, cell: &Cell<'_>) -> bool {
        matches!(
            (self.kind, cell),
            (Kind::Date, Cell::Date(_))
                | (Kind::Time, Cell::Time(_))
                | (Kind::Timestamp, Cell::Timestamp(_))
                | (Kind::Instant, Cell::Instant(_))
        )
    }

    /// Reads a text; `None` unless it is exactly what [`DateFormat::print`] gives for the value.
    pub(super) fn read(&self, text: &str) -> Option<Cell<'static>> {
        let mut fields = Fields::default();
        let mut rest = text.as_bytes();
        for token in &self.tokens {
            take(*token, &mut rest, &mut fields)?;
        }
        rest.is_empty().then(|| self.cell(&fields))?
    }

    fn cell(&self, fields: &Fields) -> Option<Cell<'static>> {
        let seconds = u64::from(fields.hour * 3600 + fields.minute * 60 + fields.second);
        let nanos = seconds * 1_000_000_000 + u64::from(fields.nanos);
        let end = if self.kind == Kind::Time {
            DAY_NANOS
        } else {
            DAY_NANOS - 1
        };
        if fields.minute > 59 || fields.second > 59 || nanos > end {
            return None;
        }
        let time = Ticks {
            micros: (nanos / 1000) as i64,
            nanos: (nanos % 1000) as u16,
        };
        if self.kind == Kind::Time {
            return Some(Cell::Time(time));
        }
        let days = temporal::days(i64::from(fields.year), fields.month as u8, fields.day as u8)?;
        if fields.year == 0 {
            return None;
        }
        match self.kind {
            Kind::Date => Some(Cell::Date(days)),
            Kind::Timestamp => temporal::join(days, time).map(Cell::Timestamp),
            _ => temporal::join(days, time).map(Cell::Instant),
        }
    }

    /// Prints a value into `text`; `false` where this format would lose something of it.
    pub(super) fn print(&self, cell: &Cell<'_>, text: &mut String) -> bool {
        let (days, time) = match (self.kind, *cell) {
            (Kind::Date, Cell::Date(days)) => (days, Ticks::from_micros(0)),
            (Kind::Time, Cell::Time(ticks)) => (0, ticks),
            (Kind::Timestamp, Cell::Timestamp(ticks)) | (Kind::Instant, Cell::Instant(ticks)) => temporal::split(ticks),
            _ => return false,
        };
        let Some(fields) = self.fields(days, time) else {
            return false;
        };
        text.clear();
        self.tokens.iter().for_each(|token| give(*token, &fields, text));
        // The one place that knows what the format cannot say: a second, a fraction, a sixth digit.
        self.read(text) == Some(detached(cell))
    }

    fn fields(&self, days: i64, time: Ticks) -> Option<Fields> {
        let (year, month, day) = temporal::civil(days);
        let seconds = u32::try_from(time.micros.div_euclid(1_000_000))
            .ok()
            .filter(|seconds| *seconds <= 86_400)?;
        let year = u32::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        let nanos = time.micros.rem_euclid(1_000_000) as u32 * 1000 + u32::from(time.nanos);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        Some(Fields {
            year,
            month: month.into(),
            day: day.into(),
            hour,
            minute,
            second,
            nanos,
        })
    }
}

/// The four kinds that a format has hold nothing borrowed.
fn detached(cell: &Cell<'_>) -> Cell<'static> {
    match *cell {
        Cell::Date(days) => Cell::Date(days),
        Cell::Time(ticks) => Cell::Time(ticks),
        Cell::Timestamp(ticks) => Cell::Timestamp(ticks),
        Cell::Instant(ticks) => Cell::Instant(ticks),
        _ => Cell::Null,
    }
}

fn tokenize(format: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = format.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let (token, width) = match (byte, after) {
            (b'%', [b'.', b'f', ..]) => (Token::ShortestFraction, 3),
            (b'%', [b'.', digit @ (b'3' | b'6' | b'9'), b'f', ..]) => (fraction(*digit, true), 4),
            (b'%', [digit @ (b'3' | b'6' | b'9'), b'f', ..]) => (fraction(*digit, false), 3),
            (b'%', [letter, ..]) => (field(*letter)?, 2),
            (b' '..=b'~', _) if byte != b'%' => (Token::Literal(byte), 1),
            _ => return None,
        };
        tokens.push(token);
        rest = &rest[width..];
    }
    Some(tokens)
}

fn fraction(digit: u8, point: bool) -> Token {
    Token::Fraction {
        digits: digit - b'0',
        point,
    }
}

fn field(letter: u8) -> Option<Token> {
    Some(match letter {
        b'Y' => Token::Year,
        b'm' => Token::Month,
        b'b' => Token::MonthName,
        b'd' => Token::Day,
        b'H' => Token::Hour,
        b'M' => Token::Minute,
        b'S' => Token::Second,
        b'z' => Token::Utc,
        b'%' => Token::Literal(b'%'),
        _ => return None,
    })
}

/// A fraction of open length must not be followed by something that could be its next digit or its point.
fn fraction_runs_on(tokens: &[Token]) -> bool {
    tokens.windows(2).any(|pair| {
        let after = match pair[1] {
            Token::Literal(byte) => byte == b'.' || byte.is_ascii_digit(),
            Token::Utc | Token::MonthName => false,
            _ => true,
        };
        pair[0] == Token::ShortestFraction && after
    })
}

fn take(token: Token, rest: &mut &[u8], fields: &mut Fields) -> Option<()> {
    match token {
        Token::Literal(byte) => take_byte(byte, rest)?,
        Token::Year => fields.year = take_digits(4, rest)?,
        Token::Month => fields.month = take_digits(2, rest)?,
        Token::Day => fields.day = take_digits(2, rest)?,
        Token::Hour => fields.hour = take_digits(2, rest)?,
        Token::Minute => fields.minute = take_digits(2, rest)?,
        Token::Second => fields.second = take_digits(2, rest)?,
        Token::ShortestFraction => fields.nanos = take_shortest(rest)?,
        Token::Fraction { digits, point } => {
            if point {
                take_byte(b'.', rest)?;
            }
            fields.nanos = take_digits(usize::from(digits), rest)? * 10_u32.pow(9 - u32::from(digits));
        }
        Token::MonthName => {
            let name = rest.get(..3)?;
            fields.month = 1 + MONTHS.iter().position(|month| month.as_bytes() == name)? as u32;
            *rest = &rest[3..];
        }
        Token::Utc => *rest = rest.strip_prefix(b"+00:00")?,
    }
    Some(())
}

fn take_byte(byte: u8, rest: &mut &[u8]) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

fn take_digits(width: usize, rest: &mut &[u8]) -> Option<u32> {
    let mut value = 0;
    for &byte in rest.get(..width)? {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    *rest = &rest[width..];
    Some(value)
}

/// A point and one to nine digits that do not end in zero, or nothing at all.
fn take_shortest(rest: &mut &[u8]) -> Option<u32> {
    if rest.first() != Some(&b'.') {
        return Some(0);
    }
    let mut digits = &rest[1..];
    let width = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&width) || digits[width - 1] == b'0' {
        return None;
    }
    let value = take_digits(width, &mut digits)?;
    *rest = digits;
    Some(value * 10_u32.pow(9 - width as u32))
}

fn give(token: Token, fields: &Fields, text: &mut String) {
    // Writing into a `String` cannot fail.
    let _ = match token {
        Token::Literal(byte) => text.write_char(char::from(byte)),
        Token::Year => write!(text, "{:04}", fields.year),
        Token::Month => write!(text, "{:02}", fields.month),
        Token::MonthName => text.write_str(MONTHS[fields.month as usize - 1]),
        Token::Day => write!(text, "{:02}", fields.day),
        Token::Hour => write!(text, "{:02}", fields.hour),
        Token::Minute => write!(text, "{:02}", fields.minute),
        Token::Second => write!(text, "{:02}", fields.second),
        Token::ShortestFraction if fields.nanos == 0 => Ok(()),
        Token::ShortestFraction => text.write_str(format!(".{:09}", fields.nanos).trim_end_matches('0')),
        Token::Fraction { digits, point } => {
            let digits = usize::from(digits);
            write!(
                text,
                "{}{}",
                if point { "." } else { "" },
                &format!("{:09}", fields.nanos)[..digits]
            )
        }
        Token::Utc => text.write_str("+00:00"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(format: &str, text: &str) -> Option<&'static str> {
        DateFormat::compile(format).unwrap().read(text).map(|cell| cell.kind())
    }

    #[test]
    fn the_tokens_decide_what_a_text_stands_for() {
        assert_eq!(kind("%Y-%m-%d", "2024-02-29"), Some("date"));
        assert_eq!(kind("%H:%M", "23:59"), Some("time"));
        assert_eq!(kind("%Y-%m-%d %H:%M:%S", "2009-01-01 00:00:00"), Some("timestamp"));
        assert_eq!(kind("%Y-%m-%dT%H:%M:%S%.fZ", "2009-01-01T00:00:00.5Z"), Some("instant"));
        assert_eq!(
            kind("%Y-%m-%dT%H:%M:%S%z", "2009-01-01T00:00:00+00:00"),
            Some("instant")
        );
        assert_eq!(kind("%d-%b-%Y", "01-Jan-2009"), Some("date"));
    }

    #[test]
    fn a_text_that_would_be_printed_otherwise_disobeys() {
        for (format, text) in [
            ("%Y-%m-%d", "2023-02-29"),
            ("%Y-%m-%d", "0000-01-01"),
            ("%Y-%m-%d", "2023-2-09"),
            ("%Y-%m-%d", "2023-02-09 "),
            ("%Y-%m-%d %H:%M:%S", "2023-02-09 24:00:00"),
            ("%Y-%m-%d %H:%M:%S", "2023-02-09 23:59:60"),
            ("%Y-%m-%d %H:%M:%S%.f", "2023-02-09 23:59:59.50"),
            ("%Y-%m-%d %H:%M:%S%.f", "2023-02-09 23:59:59."),
            ("%Y-%m-%d %H:%M:%S%.f", "2023-02-09 23:59:59.1234567891"),
            ("%Y-%m-%dT%H:%M:%S%z", "2023-02-09T23:59:59+01:00"),
            ("%d-%b-%Y", "01-jan-2009"),
            ("%H:%M:%S", "24:00:01"),
        ] {
            assert_eq!(kind(format, text), None, "{format} {text}");
        }
        assert_eq!(kind("%H:%M:%S", "24:00:00"), Some("time"));
    }

    #[test]
    fn what_a_format_cannot_say_is_not_printed() {
        let format = DateFormat::compile("%Y-%m-%d %H:%M:%S%.3f").unwrap();
        let mut text = String::new();
        assert!(format.print(&Cell::Timestamp(Ticks::from_micros(1_500_000)), &mut text));
        assert_eq!(text, "1970-01-01 00:00:01.500");
        assert!(!format.print(&Cell::Timestamp(Ticks::from_micros(1_500_001)), &mut text));
        assert!(!format.print(&Cell::Instant(Ticks::from_micros(1_500_000)), &mut text));
        assert!(!format.print(&Cell::Timestamp(Ticks::from_micros(i64::MIN)), &mut text));
    }

    #[test]
    fn ambiguous_or_partial_formats_are_refused() {
        for format in [
            "",
            "%Y",
            "%Y-%m",
            "%d.%m.%y",
            "%Y-%m-%d %H",
            "%S:%M",
            "%Y%Y%m%d",
            "%H:%M:%S%.f%d",
            "%H:%M:%.f",
        ] {
            assert_eq!(DateFormat::compile(format), None, "{format}");
        }
    }

    #[test]
    fn every_suggested_format_prints_what_it_read() {
        let ticks = temporal::join(temporal::days(2024, 2, 29).unwrap(), Ticks::from_micros(0)).unwrap();
        let cells = [
            Cell::Date(19_782),
            Cell::Time(Ticks::from_micros(0)),
            Cell::Timestamp(ticks),
            Cell::Instant(ticks),
        ];
        for format in text_date_formats() {
            let compiled = DateFormat::compile(format).unwrap();
            let mut text = String::new();
            let printed = cells.iter().filter(|cell| compiled.print(cell, &mut text)).count();
            assert_eq!(printed, 1, "{format}");
        }
    }
}
