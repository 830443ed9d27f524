//! Values cut short for people: the beginning of a long one, its length and its digest, without a copy of it.

use crate::canon::display;
use crate::cell::Cell;
use ring::digest::{digest, SHA256};

/// Characters of a value that are shown.
pub const SHOWN_CHARACTERS: usize = 256;

/// What is known of a value that was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Its length: of a text in UTF-8, of bytes as they are.
    pub byte_count: u64,
    /// SHA-256 of the same bytes.
    pub sha256: [u8; 32],
}

/// A value as a finding shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// Its kind.
    pub kind: &'static str,
    /// Its text, cut at [`SHOWN_CHARACTERS`], which an ellipsis shows; `None` for NULL.
    pub text: Option<String>,
    /// Set where the text was cut.
    pub whole: Option<Whole>,
}

/// A value's kind, the beginning of its text, and what it was cut from.
pub fn brief(cell: &Cell<'_>) -> Brief {
    let kind = cell.kind();
    let (text, whole) = match *cell {
        Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) => {
            let (start, cut) = beginning(text);
            (Some(start), cut.then_some(text.as_bytes()).map(whole))
        }
        Cell::Bytes(bytes) | Cell::BrokenText { bytes, .. } => {
            let (start, cut) = hex_beginning(bytes);
            (Some(start), cut.then_some(bytes).map(whole))
        }
        _ => match display(cell).1 {
            None => (None, None),
            Some(text) => {
                let (start, cut) = beginning(&text);
                (Some(start), cut.then_some(text.as_bytes()).map(whole))
            }
        },
    };
    Brief { kind, text, whole }
}

/// Appends a value's text, cut as [`brief`] cuts it; `false` for NULL.
pub fn write_brief(cell: &Cell<'_>, out: &mut String) -> bool {
    let start = match *cell {
        Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) => Some(beginning(text).0),
        Cell::Bytes(bytes) | Cell::BrokenText { bytes, .. } => Some(hex_beginning(bytes).0),
        _ => display(cell).1.map(|text| beginning(&text).0),
    };
    if let Some(text) = &start {
        out.push_str(text);
    }
    start.is_some()
}

fn beginning(text: &str) -> (String, bool) {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        Some((end, _)) => (format!("{}…", &text[..end]), true),
        None => (text.to_owned(), false),
    }
}

fn hex_beginning(bytes: &[u8]) -> (String, bool) {
    let shown = bytes.get(..SHOWN_CHARACTERS / 2).unwrap_or(bytes);
    let mut text = display(&Cell::Bytes(shown)).1.unwrap_or_default();
    let cut = shown.len() < bytes.len();
    if cut {
        text.push('…');
    }
    (text, cut)
}

fn whole(bytes: &[u8]) -> Whole {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Whole {
        byte_count: bytes.len() as u64,
        sha256,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_at_whole_characters_and_known_by_length_and_digest() {
        let long = "ü".repeat(400);
        let shown = brief(&Cell::Text(&long));
        assert_eq!(shown.text, Some("ü".repeat(256) + "…"));
        assert_eq!(shown.whole, Some(whole(long.as_bytes())));
        assert_eq!(shown.whole.map(|whole| whole.byte_count), Some(800));
    }

    #[test]
    fn bytes_are_cut_where_their_hex_is_too_long() {
        for (length, cut) in [(0, false), (128, false), (129, true)] {
            let bytes = vec![0xab; length];
            let shown = brief(&Cell::Bytes(&bytes));
            let ellipsis = if cut { "…" } else { "" };
            assert_eq!(shown.text, Some("ab".repeat(length.min(128)) + ellipsis), "{length}");
            assert_eq!(shown.whole.is_some(), cut, "{length}");
        }
    }

    #[test]
    fn the_cut_text_of_a_key_is_that_of_a_finding() {
        let (long, bytes) = ("é".repeat(300), vec![7; 300]);
        for cell in [
            Cell::Null,
            Cell::Int(-5),
            Cell::Text(&long),
            Cell::Text("short"),
            Cell::Bytes(&bytes),
            Cell::Float(0.5),
        ] {
            let mut text = String::new();
            let known = write_brief(&cell, &mut text);
            assert_eq!(known.then_some(text), brief(&cell).text);
        }
    }
}
