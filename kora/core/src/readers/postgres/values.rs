//! The text of a small query's values as values: what catalogs and probes ask for. Rows of tables never come this way.

use super::wire::protocol;
use crate::error::Result;

/// A value of a small query.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// `bool`.
    Bool(bool),
    /// `int2`, `int4`, `int8`, `oid`.
    Int(i64),
    /// `float4`, `float8`.
    Float(f64),
    /// `bytea`, in its hex form.
    Bytes(Vec<u8>),
    /// An array of these; one of several dimensions is an array of arrays.
    Array(Vec<Value>),
    /// The text of anything else.
    Text(String),
}

impl Value {
    /// A value by its type's OID in `pg_type.dat`.
    ///
    /// # Errors
    /// `Protocol` for text that is none of its type.
    pub fn parse(oid: u32, text: Option<String>) -> Result<Self> {
        let Some(text) = text else { return Ok(Self::Null) };
        match oid {
            16 => Ok(Self::Bool(text == "t")),
            20 | 21 | 23 | 26 => number(&text).map(Self::Int),
            700 | 701 => number(&text.replace("Infinity", "inf")).map(Self::Float),
            17 => bytes(&text).map(Self::Bytes),
            _ => match element_type(oid) {
                Some(element) => array(element, &text),
                None => Ok(Self::Text(text)),
            },
        }
    }
}

/// The element of an array type whose elements are plain; others stay text.
fn element_type(oid: u32) -> Option<u32> {
    Some(match oid {
        1000 => 16,
        1005 => 21,
        1007 => 23,
        1016 => 20,
        1028 => 26,
        1002 | 1003 | 1009 | 1014 | 1015 => 25,
        _ => return None,
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T> {
    text.parse().map_err(|_| protocol(format!("`{text}` is no number")))
}

fn bytes(text: &str) -> Result<Vec<u8>> {
    let wrong = || protocol("a byte string that is not in hex");
    let digits = text.strip_prefix("\\x").ok_or_else(wrong)?.as_bytes();
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => {
                let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(wrong);
                Ok((digit(*high)? << 4 | digit(*low)?) as u8)
            }
            _ => Err(wrong()),
        })
        .collect()
}

/// `{a,"b \"c\"",NULL,{…}}`, its lower bounds dropped. Source: PostgreSQL manual, "Array Input and Output Syntax".
fn array(element: u32, text: &str) -> Result<Value> {
    let braces = text.find('{').map_or(text, |start| &text[start..]);
    match nested(element, braces, MAX_DIMENSIONS)? {
        (value, "") => Ok(value),
        _ => Err(no_array()),
    }
}

/// PostgreSQL's own limit (MAXDIM).
const MAX_DIMENSIONS: usize = 6;

fn no_array() -> crate::error::Error {
    protocol("a text that is no array")
}

/// The array that the text begins with, and what follows it.
fn nested(element: u32, text: &str, depth: usize) -> Result<(Value, &str)> {
    let mut rest = text.strip_prefix('{').filter(|_| depth > 0).ok_or_else(no_array)?;
    let mut values = Vec::new();
    if let Some(after) = rest.strip_prefix('}') {
        return Ok((Value::Array(values), after));
    }
    loop {
        let (value, after) = match rest.starts_with('{') {
            true => nested(element, rest, depth - 1)?,
            false => {
                let (item, quoted, after) = array_item(rest).ok_or_else(no_array)?;
                let null = !quoted && item == "NULL";
                (Value::parse(element, (!null).then_some(item))?, after)
            }
        };
        values.push(value);
        match after.split_at_checked(1).ok_or_else(no_array)? {
            (",", after) => rest = after,
            ("}", after) => return Ok((Value::Array(values), after)),
            _ => return Err(no_array()),
        }
    }
}

/// The first item, whether it stood in quotes, and what follows it.
fn array_item(text: &str) -> Option<(String, bool, &str)> {
    let quoted = text.starts_with('"');
    let body = &text[usize::from(quoted)..];
    let (mut item, mut letters) = (String::new(), body.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => item.push(letters.next()?.1),
            '"' if quoted => return Some((item, true, &body[at + 1..])),
            ',' | '}' if !quoted => return Some((item, false, &body[at..])),
            _ => item.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(oid: u32, text: &str) -> Value {
        Value::parse(oid, Some(text.into())).expect("of its type")
    }

    #[test]
    fn plain_types_become_values_and_others_stay_text() {
        assert_eq!(parsed(16, "f"), Value::Bool(false));
        assert_eq!(parsed(20, "-9223372036854775808"), Value::Int(i64::MIN));
        assert_eq!(parsed(701, "-Infinity"), Value::Float(f64::NEG_INFINITY));
        assert_eq!(parsed(17, "\\x00ff"), Value::Bytes(vec![0, 255]));
        assert_eq!(parsed(1700, "1.50"), Value::Text("1.50".into()));
        assert_eq!(Value::parse(23, None).expect("NULL"), Value::Null);
    }

    #[test]
    fn arrays_keep_quotes_commas_backslashes_and_nulls_apart() {
        let text = |text: &str| Value::Text(text.into());
        assert_eq!(parsed(1009, "{}"), Value::Array(vec![]));
        assert_eq!(
            parsed(1009, r#"{a,"b,\"c\\",NULL,"NULL",""}"#),
            Value::Array(vec![text("a"), text(r#"b,"c\"#), Value::Null, text("NULL"), text("")])
        );
        let numbers = Value::Array(vec![Value::Int(1), Value::Int(-2)]);
        assert_eq!(parsed(1005, "[0:1]={1,-2}"), numbers);
        assert_eq!(
            parsed(1007, "{{1,-2},{1,-2}}"),
            Value::Array(vec![numbers.clone(), numbers])
        );
    }

    #[test]
    fn what_is_not_of_its_type_is_refused() {
        for (oid, text) in [
            (23, "x"),
            (17, "00"),
            (17, "\\x0"),
            (1009, "a"),
            (1009, "{\"a}"),
            (1007, "{1}2}"),
            (1007, "{1,"),
        ] {
            assert!(Value::parse(oid, Some(text.into())).is_err(), "{text}");
        }
    }
}
