//! Finds out how a file is cut, by trying the usual dialects on its beginning and asking which gives rows of one width.

use super::tokenizer::{Cut, Tokenizer};
use crate::error::{Error, Result};
use std::collections::HashMap;

/// How much of the file is looked at.
pub const SAMPLE_BYTES: u64 = 1 << 20;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const MAX_NAME_BYTES: usize = 128;

/// What the caller declares; the rest is found out.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// One ASCII character.
    pub delimiter: Option<String>,
    /// One ASCII character, or empty for none.
    pub quote: Option<String>,
    /// Whether the first record holds the columns' names.
    pub header: Option<bool>,
}

/// How a file is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The bytes that cut.
    pub cut: Cut,
    /// What ends the first record: `\n`, `\r\n` or `\r`.
    pub newline: &'static str,
    /// Whether the first record holds the columns' names.
    pub header: bool,
}

/// Detects delimiter, quote and newline. `complete` says that the sample is the whole file.
pub fn detect(sample: &[u8], complete: bool, wanted: &Wanted) -> Result<Dialect> {
    let delimiters = match &wanted.delimiter {
        Some(text) => vec![single(text, "delimiter")?],
        None => DELIMITERS.to_vec(),
    };
    let quotes: Vec<Option<u8>> = match wanted.quote.as_deref() {
        Some("") => vec![None],
        Some(text) => vec![Some(single(text, "quote")?)],
        // An apostrophe is tried only where no double quote stands: an open double quote must not turn into text.
        None if sample.contains(&b'"') => vec![Some(b'"')],
        None => vec![Some(b'"'), Some(b'\'')],
    };
    let mut best: Option<(Score, Dialect)> = None;
    for quote in &quotes {
        let newline = first_newline(sample, *quote);
        for delimiter in delimiters
            .iter()
            .copied()
            .filter(|delimiter| Some(*delimiter) != *quote)
        {
            let cut = Cut {
                delimiter,
                quote: *quote,
                cr_only: newline == "\r",
            };
            let dialect = Dialect {
                cut,
                newline,
                header: false,
            };
            let score = score(sample, complete, cut);
            if best.as_ref().is_none_or(|(so_far, _)| score > *so_far) {
                best = Some((score, dialect));
            }
        }
    }
    best.map(|(_, dialect)| dialect)
        .ok_or_else(|| Error::Usage("delimiter and quote are the same character".to_owned()))
}

fn single(text: &str, what: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Ok(*byte),
        _ => Err(Error::Usage(format!("the {what} `{text}` is not one ASCII character"))),
    }
}

/// Better dialects compare greater; among equals the first one tried stays.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// Before `parses`: a damaged table is to fail when it is read, not to become one column of lines.
    has_columns: bool,
    parses: bool,
    /// Records of the commonest width, in thousandths.
    consistency: usize,
    /// Fields that stood in quotes: a quote that is used beats one that is not.
    quotes: bool,
    width: usize,
}

fn score(sample: &[u8], complete: bool, cut: Cut) -> Score {
    let mut tokenizer = Tokenizer::new(sample, cut, String::new());
    let mut widths: HashMap<usize, usize> = HashMap::new();
    let mut last = None;
    let mut quotes = false;
    let parses = loop {
        match tokenizer.next_record() {
            Ok(true) if tokenizer.is_blank() => {}
            Ok(true) => {
                quotes |= (0..tokenizer.width()).any(|index| tokenizer.field(index).1);
                *widths.entry(tokenizer.width()).or_default() += 1;
                last = Some(tokenizer.width());
            }
            Ok(false) => break true,
            // A sample that is cut in the middle of a quoted field is no fault of the dialect.
            Err(Error::Malformed { reason, .. }) if !complete && reason.contains("never closed") => break true,
            Err(_) => break false,
        }
    };
    if let (false, Some(cut_off)) = (complete, last) {
        widths.entry(cut_off).and_modify(|count| *count -= 1);
    }
    let total: usize = widths.values().sum();
    let (width, count) = widths
        .into_iter()
        .max_by_key(|(width, count)| (*count, *width))
        .unwrap_or((0, 0));
    let consistency = (count * 1000).checked_div(total).unwrap_or(0);
    Score {
        parses,
        has_columns: width > 1,
        consistency,
        quotes,
        width,
    }
}

/// What ends the first record, quotes respected; `\n` where nothing does.
fn first_newline(sample: &[u8], quote: Option<u8>) -> &'static str {
    let mut inside = false;
    for (index, byte) in sample.iter().enumerate() {
        match byte {
            byte if Some(*byte) == quote => inside = !inside,
            b'\n' if !inside => return "\n",
            b'\r' if !inside => {
                return if sample.get(index + 1) == Some(&b'\n') {
                    "\r\n"
                } else {
                    "\r"
                }
            }
            _ => {}
        }
    }
    "\n"
}

/// Whether a first record reads like names: none empty, none twice, none a number or a date.
pub fn looks_like_names(fields: &[String]) -> bool {
    let name_like = |name: &String| {
        let begins_well = name
            .trim()
            .chars()
            .next()
            .is_some_and(|first| first.is_alphabetic() || first == '_');
        begins_well && name.len() <= MAX_NAME_BYTES && !name.contains(['\n', '\r']) && name.parse::<f64>().is_err()
    };
    let mut folded: Vec<String> = fields.iter().map(|name| name.to_lowercase()).collect();
    folded.sort_unstable();
    folded.dedup();
    folded.len() == fields.len() && fields.iter().all(name_like)
}
