//! Text: lengths, what engines treat differently, and shapes.
use serde::Serialize;
use unicode_normalization::{is_nfc_quick, IsNormalized};

/// Distinct shapes that are told.
const MAX_SHAPES: usize = 3;
/// Texts whose shape is looked at: a column of one shape would pay for it to its end.
const SHAPED_TEXTS: u64 = 10_000;
/// Characters of a shape.
const SHAPE_CHARACTERS: usize = 40;

/// Text values of a column.
#[derive(Default, Serialize)]
pub struct Texts {
    #[serde(skip)]
    count: u64,
    min_characters: usize,
    max_characters: usize,
    min_bytes: usize,
    max_bytes: usize,
    empty: u64,
    /// Ending in U+0020.
    trailing_blanks: u64,
    with_nul: u64,
    not_nfc: u64,
    not_ascii: u64,
    /// That a program might read as a number in any notation.
    numeric: u64,
    #[serde(skip)]
    zero_dates: u64,
    shapes: Vec<String>,
}

impl Texts {
    /// Looks at one text.
    pub fn observe(&mut self, text: &str) {
        let ascii = text.is_ascii();
        let characters = if ascii { text.len() } else { text.chars().count() };
        self.lengths(characters, text.len());
        self.empty += u64::from(text.is_empty());
        self.trailing_blanks += u64::from(text.ends_with(' '));
        self.with_nul += u64::from(text.as_bytes().contains(&0));
        self.not_ascii += u64::from(!ascii);
        self.not_nfc += u64::from(!ascii && !is_nfc(text));
        self.numeric += u64::from(could_be_numeric(text));
        self.zero_dates += u64::from(is_zero_date(text));
        if self.shapes.len() < MAX_SHAPES && self.count <= SHAPED_TEXTS && !text.is_empty() {
            let shape = shape(text);
            if !self.shapes.contains(&shape) {
                self.shapes.push(shape);
            }
        }
    }

    /// Texts that begin with 0000-00-00.
    pub fn zero_dates(&self) -> u64 {
        self.zero_dates
    }

    fn lengths(&mut self, characters: usize, bytes: usize) {
        if self.count == 0 {
            (self.min_characters, self.min_bytes) = (characters, bytes);
        }
        self.count += 1;
        self.min_characters = self.min_characters.min(characters);
        self.max_characters = self.max_characters.max(characters);
        self.min_bytes = self.min_bytes.min(bytes);
        self.max_bytes = self.max_bytes.max(bytes);
    }
}

/// The date that MySQL and those who came from it write for none.
pub fn is_zero_date(text: &str) -> bool {
    text.starts_with("0000-00-00")
}

fn is_nfc(text: &str) -> bool {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => true,
        IsNormalized::No => false,
        IsNormalized::Maybe => unicode_normalization::is_nfc(text),
    }
}

/// Wider than any engine's reading of numbers on purpose: what this leaves out is text for all of them.
fn could_be_numeric(text: &str) -> bool {
    let body = text.trim();
    let may = body
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_digit() || b"+-.iInN".contains(&first));
    may && (body.parse::<f64>().is_ok() || body.starts_with("0x") || body.starts_with("0X"))
}

/// Digits as 9, letters as A and a, ASCII punctuation as it is, everything else as a middle dot.
fn shape(text: &str) -> String {
    let sign = |character: char| match character {
        _ if character.is_numeric() => '9',
        _ if character.is_uppercase() => 'A',
        _ if character.is_alphabetic() => 'a',
        ' ' => ' ',
        _ if character.is_ascii_punctuation() => character,
        _ => '·',
    };
    let mut made: String = text.chars().take(SHAPE_CHARACTERS).map(sign).collect();
    if text.chars().nth(SHAPE_CHARACTERS).is_some() {
        made.push('…');
    }
    made
}
