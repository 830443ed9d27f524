//! Canonical JSON, read strictly: one value has exactly one spelling, and nothing else is taken.
//!
//! Owns the grammar of `docs/formats/certificate.md`, "Canonical JSON". What a value means is its caller's concern.
//! Where the Python reader parses, serialises again and compares, this one refuses at the first byte that the
//! serialiser would not have written; both accept the same files but for this reader's bound on nesting and values.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// Bytes of the largest file.
pub const FILE_SIZE_LIMIT_BYTES: usize = 64 << 20;
/// Characters of the longest number, its sign included.
const INTEGER_CHARACTERS_LIMIT: usize = 19;
/// How deep values may stand in each other.
const DEPTH_LIMIT: usize = 64;
/// Values in one file: a bound on memory (48 bytes each) that no certificate comes near.
const VALUES_LIMIT: usize = 4 << 20;

/// A text as bytes: UTF-8, but that a lone surrogate (of a file name that is not UTF-8) stands as its three bytes.
pub type Text<'a> = Cow<'a, [u8]>;

/// A value. Texts borrow from the file unless they hold an escape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number of at most 19 characters.
    Integer(i128),
    /// A string.
    Text(Text<'a>),
    /// An array.
    List(Vec<Value<'a>>),
    /// An object, its keys ascending.
    Object(Vec<(Text<'a>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// An object's field.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        let Value::Object(fields) = self else { return None };
        let place = fields.binary_search_by(|(key, _)| key.as_ref().cmp(name.as_bytes()));
        place.ok().map(|index| &fields[index].1)
    }

    /// A string's bytes.
    pub fn as_text(&self) -> Option<&[u8]> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    pub fn as_integer(&self) -> Option<i128> {
        match self {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// An array's values.
    pub fn as_list(&self) -> Option<&[Value<'a>]> {
        match self {
            Value::List(values) => Some(values),
            _ => None,
        }
    }

    /// Whether an object has exactly these fields, named in ascending order.
    pub fn has_exactly(&self, names: &[&str]) -> bool {
        matches!(self, Value::Object(fields)
            if fields.iter().map(|(name, _)| name.as_ref()).eq(names.iter().map(|name| name.as_bytes())))
    }
}

/// Reads a whole file. `what` names it in messages.
///
/// # Errors
/// `Malformed` at the first byte that is not canonical; `Limit` for too large a file, too many values or too deep.
pub fn parse<'a>(data: &'a [u8], what: &str) -> Result<Value<'a>> {
    if data.len() > FILE_SIZE_LIMIT_BYTES {
        return Err(Error::Limit(format!(
            "{what} has more than {FILE_SIZE_LIMIT_BYTES} bytes"
        )));
    }
    if let Err(problem) = std::str::from_utf8(data) {
        return Err(Error::malformed(what, format!("not UTF-8: {problem}")));
    }
    let mut parser = Parser {
        data,
        at: 0,
        what,
        values: 0,
    };
    let value = parser.value(0)?;
    if &data[parser.at..] != b"\n" {
        return Err(parser.refuse("one line feed and the file's end"));
    }
    Ok(value)
}

struct Parser<'a, 'w> {
    data: &'a [u8],
    at: usize,
    what: &'w str,
    values: usize,
}

impl<'a> Parser<'a, '_> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>> {
        self.values += 1;
        if depth > DEPTH_LIMIT || self.values > VALUES_LIMIT {
            return Err(Error::Limit(format!(
                "{} holds too many values, or too deep",
                self.what
            )));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Value::Text(self.text()?)),
            Some(b'-' | b'0'..=b'9') => self.integer(),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>> {
        self.at += 1;
        let mut fields: Vec<(Text<'a>, Value<'a>)> = Vec::new();
        if self.take(b'}') {
            return Ok(Value::Object(fields));
        }
        loop {
            let key = self.text()?;
            if fields.last().is_some_and(|(last, _)| *last >= key) {
                return Err(self.refuse("keys in ascending order, each once"));
            }
            self.expect(b':')?;
            let value = self.value(depth + 1)?;
            fields.push((key, value));
            if self.take(b'}') {
                return Ok(Value::Object(fields));
            }
            self.expect(b',')?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>> {
        self.at += 1;
        let mut values = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(values));
        }
        loop {
            values.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Value::List(values));
            }
            self.expect(b',')?;
        }
    }

    fn integer(&mut self) -> Result<Value<'a>> {
        let start = self.at;
        self.take(b'-');
        let digits = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        let text = &self.data[start..self.at];
        let canonical = match &self.data[digits..self.at] {
            [b'0'] => start == digits,
            [b'0', ..] | [] => false,
            _ => text.len() <= INTEGER_CHARACTERS_LIMIT,
        };
        let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        match number {
            Some(number) if canonical => Ok(Value::Integer(number)),
            _ => Err(self.refuse("a whole number of at most 19 characters")),
        }
    }

    fn word(&mut self) -> Result<Value<'a>> {
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
        ];
        for (word, value) in words {
            if self.data[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.refuse("a value"))
    }

    fn text(&mut self) -> Result<Text<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut made: Option<Vec<u8>> = None;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(made.map_or(Cow::Borrowed(&self.data[start..end]), Cow::Owned));
                }
                Some(b'\\') => {
                    let text = made.get_or_insert_with(|| self.data[start..self.at].to_vec());
                    let taken = escape(&self.data[self.at + 1..], text);
                    self.at += 1 + taken.ok_or_else(|| self.refuse("an escape that is needed"))?;
                }
                Some(byte @ 0x20..) => {
                    if let Some(text) = &mut made {
                        text.push(byte);
                    }
                    self.at += 1;
                }
                _ => return Err(self.refuse("a string's end")),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.refuse(&format!("{:?}", char::from(byte))))
        }
    }

    fn refuse(&self, wanted: &str) -> Error {
        Error::malformed(
            self.what,
            format!("not canonical JSON at byte {}: expected {wanted}", self.at),
        )
    }
}

/// Appends what an escape stands for; how many bytes it took behind the backslash. None for one that nothing needs.
fn escape(rest: &[u8], text: &mut Vec<u8>) -> Option<usize> {
    let plain = match rest.first()? {
        quoted @ (b'"' | b'\\') => *quoted,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return code_escape(rest, text),
        _ => return None,
    };
    text.push(plain);
    Some(1)
}

/// `\u00xx` of a control character without a letter of its own, or a surrogate that is no half of a pair.
fn code_escape(rest: &[u8], text: &mut Vec<u8>) -> Option<usize> {
    let code = code_unit(rest)?;
    match code {
        0x08 | 0x09 | 0x0a | 0x0c | 0x0d => return None,
        0..=0x1f => text.push(code as u8),
        0xd800..=0xdfff => {
            let next = rest.get(5..).filter(|next| next.first() == Some(&b'\\'));
            let second = next.and_then(|next| code_unit(&next[1..]));
            if code < 0xdc00 && second.is_some_and(|second| (0xdc00..0xe000).contains(&second)) {
                return None;
            }
            text.extend_from_slice(&[0xed, 0x80 | (code >> 6 & 0x3f) as u8, 0x80 | (code & 0x3f) as u8]);
        }
        _ => return None,
    }
    Some(5)
}

fn code_unit(rest: &[u8]) -> Option<u16> {
    let digits = rest.get(1..5).filter(|_| rest[0] == b'u')?;
    digits.iter().try_fold(0, |code, digit| match digit {
        b'0'..=b'9' => Some(code << 4 | u16::from(digit - b'0')),
        b'a'..=b'f' => Some(code << 4 | u16::from(digit - b'a' + 10)),
        _ => None,
    })
}

/// The one spelling of a value, its final line feed included. Objects are written as they are: keys must ascend.
pub fn to_bytes(value: &Value<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    write(value, &mut out);
    out.push(b'\n');
    out
}

fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::Text(text) => write_text(text, out),
        Value::List(values) => {
            for (index, one) in values.iter().enumerate() {
                out.push(if index == 0 { b'[' } else { b',' });
                write(one, out);
            }
            out.extend_from_slice(if values.is_empty() { b"[]" } else { b"]" });
        }
        Value::Object(fields) => {
            for (index, (name, one)) in fields.iter().enumerate() {
                out.push(if index == 0 { b'{' } else { b',' });
                write_text(name, out);
                out.push(b':');
                write(one, out);
            }
            out.extend_from_slice(if fields.is_empty() { b"{}" } else { b"}" });
        }
    }
}

fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        match (byte, behind) {
            (b'"' | b'\\', _) => out.extend_from_slice(&[b'\\', *byte]),
            (0x08, _) => out.extend_from_slice(b"\\b"),
            (0x0c, _) => out.extend_from_slice(b"\\f"),
            (b'\n', _) => out.extend_from_slice(b"\\n"),
            (b'\r', _) => out.extend_from_slice(b"\\r"),
            (b'\t', _) => out.extend_from_slice(b"\\t"),
            (0..=0x1f, _) => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            (0xed, [second @ 0xa0..=0xbf, third, after @ ..]) => {
                let code = 0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f);
                out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
                rest = after;
            }
            _ => out.push(*byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_its_one_spelling_is_read() {
        let value = parse(
            "{\"a\":[0,-1,9999999999999999999],\"b\":\"\\\"\\u0001é\",\"c\":null}\n".as_bytes(),
            "f",
        )
        .expect("canonical");
        let numbers: Vec<i128> = value
            .get("a")
            .and_then(Value::as_list)
            .expect("a list")
            .iter()
            .filter_map(Value::as_integer)
            .collect();
        assert_eq!(numbers, [0, -1, 9_999_999_999_999_999_999]);
        assert_eq!(value.get("b").and_then(Value::as_text), Some("\"\u{1}é".as_bytes()));
        assert!(value.has_exactly(&["a", "b", "c"]) && value.get("d").is_none());
    }

    #[test]
    fn a_lone_surrogate_survives_and_a_pair_has_to_be_written_as_itself() {
        let name = parse(b"\"caf\\udce9\"\n", "f").expect("a file name");
        assert_eq!(name.as_text(), Some(&b"caf\xed\xb3\xa9"[..]));
        assert!(parse(b"\"\\ude00\\ud83d\"\n", "f").is_ok());
        assert!(parse(b"\"\\ud83d\\ude00\"\n", "f").is_err());
        assert!(parse(b"\"\\ud83d\\ud83d\\ude00\"\n", "f").is_err());
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let data = "{\"\":[],\"a\":[0,-1,true,false,null],\"b\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\\udce9é😀\u{7f}\",\"c\":{}}\n";
        let value = parse(data.as_bytes(), "f").expect("canonical");
        assert_eq!(String::from_utf8(to_bytes(&value)).expect("UTF-8"), data);
    }

    #[test]
    fn every_other_spelling_is_refused() {
        let wrong: [&[u8]; 24] = [
            b"",
            b"\n",
            b"{}",
            b"{} \n",
            b" {}\n",
            b"{}\n\n",
            b"{\"a\":1,\"a\":2}\n",
            b"{\"b\":1,\"a\":2}\n",
            b"{\"a\": 1}\n",
            b"{\"a\":1,}\n",
            b"[1,]\n",
            b"-0\n",
            b"01\n",
            b"1.0\n",
            b"1e3\n",
            b"-\n",
            b"12345678901234567890\n",
            b"NaN\n",
            b"\"\\u0041\"\n",
            b"\"\\u000a\"\n",
            b"\"\\u001F\"\n",
            b"\"\\/\"\n",
            b"\"\n\"\n",
            b"\"a\n",
        ];
        for data in wrong {
            assert!(parse(data, "f").is_err(), "{}", String::from_utf8_lossy(data));
        }
        assert!(matches!(parse(&[b'['; 100_000], "f"), Err(Error::Limit(_))));
    }
}
