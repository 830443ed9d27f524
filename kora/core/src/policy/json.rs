//! JSON as a value: keys sorted, numbers exact, spacing gone. This is not RFC 8785, whose numbers are doubles.
//!
//! Strings are escaped as `serde_json` does; keys are ordered by their UTF-8 bytes; of equal keys the last counts, as
//! in PostgreSQL's `jsonb`. Of a number the digits count, without zeros at either end: an integer with up to 20 zeros
//! behind its digits is written out, up to 340 fraction digits stand behind a point, anything else is `digits`, `e`
//! and the exponent.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::number;

/// Arrays and objects within each other, at most.
const MAX_DEPTH: u32 = 128;
const MAX_TRAILING_ZEROS: i64 = 20;
const MAX_FRACTION_DIGITS: i64 = 340;

/// Writes the canonical text and says whether equal keys were dropped; `None` where the text is no JSON (RFC 8259),
/// is nested too deeply or holds half a surrogate pair.
pub(super) fn canonical(text: &str, out: &mut String) -> Option<bool> {
    out.clear();
    let mut parser = Parser {
        text,
        at: 0,
        dropped: false,
    };
    parser.value(out, 0)?;
    parser.skip_space();
    (parser.at == text.len()).then_some(parser.dropped)
}

/// Whether a text is its own canonical form.
pub(crate) fn is_canonical(text: &str) -> bool {
    let mut again = String::new();
    canonical(text, &mut again) == Some(false) && again == text
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    dropped: bool,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips space, then takes the byte if it is the one that is asked for.
    fn take(&mut self, byte: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, out: &mut String, depth: u32) -> Option<()> {
        self.skip_space();
        match self.peek()? {
            _ if depth > MAX_DEPTH => None,
            b'{' => self.object(out, depth),
            b'[' => self.array(out, depth),
            b'"' => self.string().and_then(|text| write_string(&text, out)),
            b't' => self.word("true", out),
            b'f' => self.word("false", out),
            b'n' => self.word("null", out),
            _ => self.number(out),
        }
    }

    fn word(&mut self, word: &str, out: &mut String) -> Option<()> {
        self.text[self.at..].starts_with(word).then_some(())?;
        self.at += word.len();
        out.push_str(word);
        Some(())
    }

    fn array(&mut self, out: &mut String, depth: u32) -> Option<()> {
        self.at += 1;
        out.push('[');
        if !self.take(b']') {
            loop {
                self.value(out, depth + 1)?;
                if self.take(b']') {
                    break;
                }
                self.take(b',').then(|| out.push(','))?;
            }
        }
        out.push(']');
        Some(())
    }

    fn object(&mut self, out: &mut String, depth: u32) -> Option<()> {
        self.at += 1;
        let mut members = BTreeMap::new();
        if !self.take(b'}') {
            loop {
                self.skip_space();
                let key = self.string()?;
                self.take(b':').then_some(())?;
                let mut value = String::new();
                self.value(&mut value, depth + 1)?;
                self.dropped |= members.insert(key, value).is_some();
                if self.take(b'}') {
                    break;
                }
                self.take(b',').then_some(())?;
            }
        }
        write_object(&members, out)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        (self.peek()? == b'"').then_some(())?;
        self.at += 1;
        while *bytes.get(self.at)? != b'"' {
            self.at += 1 + usize::from(bytes[self.at] == b'\\');
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn digits(&mut self) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        &self.text[start..self.at]
    }

    fn number(&mut self, out: &mut String) -> Option<()> {
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let whole = self.digits();
        if whole.is_empty() || whole.len() > 1 && whole.starts_with('0') {
            return None;
        }
        let mut fraction = "";
        if self.peek() == Some(b'.') {
            self.at += 1;
            fraction = self.digits();
            (!fraction.is_empty()).then_some(())?;
        }
        let exponent = if matches!(self.peek(), Some(b'e' | b'E')) {
            self.exponent()?
        } else {
            0
        };
        write_number(negative, whole, fraction, exponent, out)
    }

    fn exponent(&mut self) -> Option<i64> {
        self.at += 1;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(matches!(self.peek(), Some(b'-' | b'+')));
        let magnitude: i64 = self.digits().parse().ok()?;
        Some(if negative { -magnitude } else { magnitude })
    }
}

fn write_string(text: &str, out: &mut String) -> Option<()> {
    out.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

fn write_object(members: &BTreeMap<String, String>, out: &mut String) -> Option<()> {
    out.push('{');
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(key, out)?;
        out.push(':');
        out.push_str(value);
    }
    out.push('}');
    Some(())
}

fn write_number(negative: bool, whole: &str, fraction: &str, exponent: i64, out: &mut String) -> Option<()> {
    let joined = [whole, fraction].concat();
    let digits = joined.trim_start_matches('0');
    let coefficient = digits.trim_end_matches('0');
    if coefficient.is_empty() {
        out.push('0');
        return Some(());
    }
    let shift = i64::try_from(digits.len() - coefficient.len()).ok()? - i64::try_from(fraction.len()).ok()?;
    let exponent = exponent.checked_add(shift)?;
    if (-MAX_FRACTION_DIGITS..=0).contains(&exponent) {
        number::write_scaled(negative, coefficient, exponent.unsigned_abs() as usize, out);
        return Some(());
    }
    number::write_scaled(negative, coefficient, 0, out);
    if exponent <= MAX_TRAILING_ZEROS && exponent > 0 {
        out.extend(std::iter::repeat_n('0', exponent as usize));
    } else {
        // Writing into a `String` cannot fail.
        let _ = write!(out, "e{exponent}");
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Option<String> {
        let mut out = String::new();
        canonical(text, &mut out)?;
        Some(out)
    }

    #[test]
    fn the_same_value_has_one_form() {
        let expected = r#"{"a":[1,0.1,1000,null,true],"b":"é\n"}"#;
        let spellings = [
            r#"{"a":[1,0.1,1000,null,true],"b":"é\n"}"#,
            " {\"b\" : \"\\u00e9\\u000a\" , \"a\": [1.0, 1e-1, 1E+3, null, true] } ",
            r#"{"a":[10e-1,0.10,0.1e4,null,true],"b":"\u00E9\n"}"#,
        ];
        for spelling in spellings {
            assert_eq!(form(spelling).as_deref(), Some(expected), "{spelling}");
        }
        assert!(is_canonical(expected) && !is_canonical(spellings[1]));
    }

    #[test]
    fn numbers_stay_exact() {
        for (text, expected) in [
            ("-0", "0"),
            ("0.000e7", "0"),
            (
                "12345678901234567890.123456789012345678901",
                "12345678901234567890.123456789012345678901",
            ),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e21"),
            ("1000000000000000000000", "1e21"),
            ("1e-340", &format!("0.{}1", "0".repeat(339))),
            ("10e-342", "1e-341"),
            ("-15e400", "-15e400"),
        ] {
            assert_eq!(form(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn only_dropped_keys_are_a_loss() {
        let mut out = String::new();
        assert_eq!(canonical(r#"{"a":1,"a":2}"#, &mut out), Some(true));
        assert_eq!(out, r#"{"a":2}"#);
        assert_eq!(canonical(r#"{"b": 1, "a": [{"c": 1.0}]}"#, &mut out), Some(false));
    }

    #[test]
    fn what_is_no_json_has_no_form() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for text in [
            "",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "01",
            "1.",
            "+1",
            "\"\u{1}\"",
            r#""\ud800""#,
            "nul",
            "1 2",
            "1e99999999999999999999",
            "\"a",
            "\"\\",
            &deep,
        ] {
            assert_eq!(form(text), None, "{text}");
        }
    }
}
