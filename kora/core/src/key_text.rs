//! A key as a person writes it, as the canonical cells that it may mean. Owns no more than the kinds that keys have.

use crate::canon::encode_cell;
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::{number, temporal};

/// Ways in which one text may be meant, and keys that one request may ask about.
const CANDIDATES_LIMIT: usize = 64;

/// The canonical keys that texts may mean: each part is its column's kind and the value's text. The first is the one
/// under those kinds; others follow because an engine may hold a value of another kind than its column's.
///
/// # Errors
/// `Usage` for a text that is no value of its kind, or a kind whose values have no text here.
pub fn key_candidates(parts: &[(String, String)]) -> Result<Vec<Vec<u8>>> {
    let mut keys = vec![Vec::new()];
    for (kind, text) in parts {
        let readings = readings(kind, text)?;
        let longer = keys
            .iter()
            .flat_map(|key| readings.iter().map(move |cell| [key.as_slice(), cell].concat()));
        keys = longer.take(CANDIDATES_LIMIT).collect();
    }
    Ok(keys)
}

/// The cells that a text may mean, the one of the column's kind first.
fn readings(kind: &str, text: &str) -> Result<Vec<Vec<u8>>> {
    let asked = match kind {
        "integer" | "decimal" => "number",
        other => other,
    };
    let mut cells = Vec::new();
    for reading in std::iter::once(asked).chain(["number", "text", "uuid", "date"]) {
        match read_as(reading, text) {
            Some(cell) if !cells.contains(&cell) => cells.push(cell),
            None if cells.is_empty() => {
                return Err(Error::Usage(format!("{text:?} cannot be read as a key of kind {kind}")));
            }
            _ => {}
        }
    }
    Ok(cells)
}

fn read_as(reading: &str, text: &str) -> Option<Vec<u8>> {
    let mut cell = Vec::new();
    let value = match reading {
        "number" => return is_number(text).then(|| number::put_text(text, &mut cell).ok().map(|()| cell))?,
        "text" => Cell::Text(text),
        "enum" => Cell::Enum(text),
        "boolean" => Cell::Bool(match text {
            "true" => true,
            "false" => false,
            _ => return None,
        }),
        "uuid" => Cell::Uuid(read_uuid(text)?),
        "date" => Cell::Date(read_date(text)?),
        _ => return None,
    };
    encode_cell(&value, &mut cell).ok().map(|()| cell)
}

/// `-?[0-9]+(\.[0-9]+)?`, of a bounded length.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit());
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    text.len() <= 1000 && digits(whole) && digits(fraction)
}

/// Eight, four, four, four and twelve hex digits between hyphens.
fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let hyphens = text
        .bytes()
        .enumerate()
        .all(|(at, byte)| (byte == b'-') == matches!(at, 8 | 13 | 18 | 23));
    let digits: String = text.chars().filter(|digit| *digit != '-').collect();
    let plain = text.len() == 36 && hyphens && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    plain.then(|| u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes))?
}

/// `YYYY-MM-DD` of a day that is.
fn read_date(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let plain = (year.len(), month.len(), day.len(), parts.next()) == (4, 2, 2, None);
    let number = |part: &str| {
        part.bytes()
            .all(|digit| digit.is_ascii_digit())
            .then(|| part.parse().ok())?
    };
    let (year, month, day): (u16, u16, u16) = (number(year)?, number(month)?, number(day)?);
    plain.then(|| temporal::days(i64::from(year), month as u8, day as u8))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canon::decode_cells;

    #[test]
    fn a_keys_text_is_first_read_as_its_columns_kind() {
        let first = |kind: &str, text: &str| {
            let keys = key_candidates(&[(kind.into(), text.into())]).expect("readable");
            decode_cells(&keys[0]).expect("canonical")
        };
        assert_eq!(first("integer", "42"), [("integer", Some("42".into()))]);
        assert_eq!(first("text", "42"), [("text", Some("42".into()))]);
        assert_eq!(first("date", "2024-02-29"), [("date", Some("2024-02-29".into()))]);
        let uuid = "00112233-4455-6677-8899-aabbccddeeff";
        assert_eq!(first("uuid", uuid), [("uuid", Some(uuid.into()))]);
        assert_eq!(
            key_candidates(&[("integer".into(), "42".into())])
                .expect("readable")
                .len(),
            2
        );
        for (kind, text) in [
            ("integer", "4x"),
            ("date", "2024-02-30"),
            ("uuid", "x"),
            ("interval", "1 day"),
        ] {
            assert!(key_candidates(&[(kind.into(), text.into())]).is_err(), "{kind} {text}");
        }
    }
}
