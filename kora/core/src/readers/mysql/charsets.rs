//! Character sets of the server, decoded value by value: what one cannot decode keeps its bytes.

use super::single_byte::UPPER_HALVES;
use crate::cell::Cell;
use encoding_rs::Encoding;

/// Sets of several bytes a character that `encoding_rs` knows too.
const MULTI_BYTE: &[(&str, &Encoding)] = &[
    ("big5", encoding_rs::BIG5),
    ("cp932", encoding_rs::SHIFT_JIS),
    ("eucjpms", encoding_rs::EUC_JP),
    ("euckr", encoding_rs::EUC_KR),
    ("gb18030", encoding_rs::GB18030),
    ("gb2312", encoding_rs::GBK),
    ("gbk", encoding_rs::GBK),
    ("sjis", encoding_rs::SHIFT_JIS),
    ("ujis", encoding_rs::EUC_JP),
];

/// How a column's bytes become text.
#[derive(Clone, Debug)]
pub enum Charset {
    /// `utf8mb4`, `utf8mb3`.
    Utf8,
    /// `ascii`.
    Ascii,
    /// One byte a character; the upper half's characters, U+FFFD for none.
    SingleByte(&'static str, Box<[char; 128]>),
    /// Two or four bytes a unit.
    Wide(&'static str, Units),
    /// Through `encoding_rs`; only what encodes back to the same bytes counts as decoded.
    MultiByte(&'static str, &'static Encoding),
}

/// The units of a wide set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// `utf16`, and `ucs2`, whose values never hold surrogates.
    Utf16Big,
    /// `utf16le`.
    Utf16Little,
    /// `utf32`.
    Utf32Big,
}

impl Charset {
    /// By the server's name for it; `None` for one that is not known here.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "utf8mb4" | "utf8mb3" | "utf8" => Self::Utf8,
            "ascii" => Self::Ascii,
            "ucs2" => Self::Wide("ucs2", Units::Utf16Big),
            "utf16" => Self::Wide("utf16", Units::Utf16Big),
            "utf16le" => Self::Wide("utf16le", Units::Utf16Little),
            "utf32" => Self::Wide("utf32", Units::Utf32Big),
            _ => return Self::from_tables(name),
        })
    }

    fn from_tables(name: &str) -> Option<Self> {
        if let Some((name, upper)) = UPPER_HALVES.iter().find(|(known, _)| *known == name) {
            let mut characters = Box::new(['\u{fffd}'; 128]);
            for (slot, character) in characters.iter_mut().zip(upper.chars()) {
                *slot = character;
            }
            return Some(Self::SingleByte(name, characters));
        }
        let (name, encoding) = MULTI_BYTE.iter().find(|(known, _)| *known == name)?;
        Some(Self::MultiByte(name, encoding))
    }

    /// The name that undecodable bytes are kept under.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Utf8 => "utf8",
            Self::Ascii => "ascii",
            Self::SingleByte(name, _) | Self::Wide(name, _) | Self::MultiByte(name, _) => name,
        }
    }

    /// The text where it lies, for sets in which these bytes are their own UTF-8.
    #[inline]
    pub fn borrowed<'a>(&self, bytes: &'a [u8]) -> Option<&'a str> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok(),
            Self::Ascii | Self::SingleByte(..) | Self::MultiByte(..) if bytes.is_ascii() => {
                std::str::from_utf8(bytes).ok()
            }
            _ => None,
        }
    }

    /// Appends the text of bytes that were not borrowed; `false` if the set cannot decode them (what was appended is
    /// then of no use).
    pub fn decode(&self, bytes: &[u8], out: &mut String) -> bool {
        match self {
            Self::Utf8 | Self::Ascii => false,
            Self::SingleByte(_, upper) => bytes.iter().all(|byte| {
                let character = match byte.checked_sub(0x80) {
                    Some(index) => upper[usize::from(index)],
                    None => char::from(*byte),
                };
                out.push(character);
                character != '\u{fffd}'
            }),
            Self::Wide(_, units) => decode_wide(bytes, *units, out),
            Self::MultiByte(_, encoding) => {
                let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) else {
                    return false;
                };
                out.push_str(&text);
                matches!(encoding.encode(&text), (again, _, false) if *again == *bytes)
            }
        }
    }

    /// Bytes that this set cannot decode.
    pub const fn broken<'a>(&self, bytes: &'a [u8]) -> Cell<'a> {
        Cell::BrokenText {
            bytes,
            charset: self.name(),
        }
    }
}

fn decode_wide(bytes: &[u8], units: Units, out: &mut String) -> bool {
    if units == Units::Utf32Big {
        let whole = bytes.chunks_exact(4).remainder().is_empty();
        return whole
            && bytes.chunks_exact(4).all(|unit| {
                let number = unit.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
                char::from_u32(number).map(|character| out.push(character)).is_some()
            });
    }
    let whole = bytes.len() % 2 == 0;
    let code_units = bytes.chunks_exact(2).map(|unit| match units {
        Units::Utf16Little => u16::from(unit[1]) << 8 | u16::from(unit[0]),
        _ => u16::from(unit[0]) << 8 | u16::from(unit[1]),
    });
    whole && char::decode_utf16(code_units).all(|decoded| decoded.map(|character| out.push(character)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(charset: &str, bytes: &[u8]) -> Option<String> {
        let charset = Charset::from_name(charset).unwrap();
        if let Some(text) = charset.borrowed(bytes) {
            return Some(text.to_owned());
        }
        let mut out = String::new();
        charset.decode(bytes, &mut out).then_some(out)
    }

    #[test]
    fn each_table_is_whole_and_no_two_bytes_share_a_character() {
        for (name, upper) in UPPER_HALVES {
            let characters: Vec<char> = upper.chars().collect();
            assert_eq!(characters.len(), 128, "{name}");
            let mut known: Vec<char> = characters.iter().copied().filter(|c| *c != '\u{fffd}').collect();
            let count = known.len();
            known.sort_unstable();
            known.dedup();
            assert_eq!(known.len(), count, "{name}");
        }
    }

    #[test]
    fn latin1_is_what_the_server_means_by_it() {
        assert_eq!(decoded("latin1", b"caf\xe9 \x80\x81").as_deref(), Some("café €\u{81}"));
    }

    #[test]
    fn wide_sets_decode_whole_units_only() {
        assert_eq!(decoded("ucs2", b"\0a\x20\xac").as_deref(), Some("a€"));
        assert_eq!(decoded("utf16", b"\xd8\x3d\xde\x42").as_deref(), Some("🙂"));
        assert_eq!(decoded("utf16le", b"\x3d\xd8\x42\xde").as_deref(), Some("🙂"));
        assert_eq!(decoded("utf32", b"\0\x01\xf6\x42").as_deref(), Some("🙂"));
        assert_eq!(decoded("utf16", b"\xd8\x3d"), None);
        assert_eq!(decoded("ucs2", b"\0a\0"), None);
        assert_eq!(decoded("utf32", b"\0\x11\0\0"), None);
    }

    #[test]
    fn bytes_without_a_character_are_not_guessed() {
        assert_eq!(decoded("utf8mb4", b"\xff"), None);
        assert_eq!(decoded("ascii", b"\x80"), None);
        assert_eq!(decoded("cp1251", b"\x98"), None);
        assert_eq!(decoded("gbk", b"\xff"), None);
        assert_eq!(decoded("sjis", b"\x83\x5c").as_deref(), Some("ソ"));
        assert!(Charset::from_name("swe7").is_none());
    }
}
