//! CSV files and members of zip archives: what their dialect is, and their rows as text.
//!
//! [`source`] opens bytes and proves them whole; [`encoding`] says which characters they are; [`dialect`] finds
//! delimiter, quote, newline and header; [`tokenizer`] cuts records. Every value is text; an empty field is NULL where
//! it stands without quotes, and the empty text where it stands in quotes.
pub mod dialect;
pub mod encoding;
pub mod source;
pub mod tokenizer;

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::rows::{Flow, RowReader, RowSink};
use dialect::{Dialect, Wanted};
use encoding::Charset;
use source::Source;
use std::io::Read;
use std::path::Path;
use tokenizer::Tokenizer;

/// One CSV file whose dialect, encoding and columns are known.
pub struct CsvFile {
    source: Source,
    charset: Charset,
    /// How it is cut.
    pub dialect: Dialect,
    /// The columns' names; `column_1` and on where the file has no header.
    pub columns: Vec<String>,
    /// SHA-256 of the content (a member's decompressed content), hex.
    pub sha256: String,
}

impl CsvFile {
    /// Reads the whole file once (twice where it is neither UTF-8 nor declared) and finds out what was not given.
    ///
    /// # Errors
    /// `File`; `Malformed` for a damaged or encrypted archive and for bytes that the encoding does not know; `Usage`
    /// for an encoding, delimiter or quote that cannot be one.
    pub fn open(path: &Path, member: Option<&str>, wanted: &Wanted, encoding: Option<&str>) -> Result<Self> {
        let source = Source::find(path, member)?;
        let (sha256, charset) = encoding::inspect(&source, encoding)?;
        let mut sample = Vec::new();
        let reader = charset.decode(source.open()?);
        reader
            .take(dialect::SAMPLE_BYTES)
            .read_to_end(&mut sample)
            .map_err(|error| source.error(error))?;
        let complete = (sample.len() as u64) < dialect::SAMPLE_BYTES;
        let dialect = dialect::detect(&sample, complete, wanted)?;
        let mut file = Self {
            source,
            charset,
            dialect,
            columns: Vec::new(),
            sha256,
        };
        file.columns = file.read_columns(wanted.header)?;
        Ok(file)
    }

    /// The encoding's name, as WHATWG spells it, in lower case.
    pub fn encoding(&self) -> String {
        self.charset.name()
    }

    fn tokenizer(&self) -> Result<Tokenizer<Box<dyn Read + Send>>> {
        Ok(Tokenizer::new(
            self.charset.decode(self.source.open()?),
            self.dialect.cut,
            self.source.name(),
        ))
    }

    /// Takes the first record as names where it is a header, and decides whether it is one where that was not said.
    fn read_columns(&mut self, declared: Option<bool>) -> Result<Vec<String>> {
        let mut tokenizer = self.tokenizer()?;
        let mut has_record = tokenizer.next_record()?;
        let has_blank = has_record && tokenizer.is_blank();
        while has_record && tokenizer.is_blank() {
            has_record = tokenizer.next_record()?;
        }
        if !has_record {
            // Blank lines alone are rows of one column, each NULL.
            self.dialect.header = false;
            return Ok(if has_blank {
                vec!["column_1".to_owned()]
            } else {
                Vec::new()
            });
        }
        let fields: Vec<String> = (0..tokenizer.width())
            .map(|index| String::from_utf8_lossy(tokenizer.field(index).0).into_owned())
            .collect();
        self.dialect.header = declared.unwrap_or_else(|| dialect::looks_like_names(&fields));
        let numbered = |index: usize| format!("column_{}", index + 1);
        if !self.dialect.header {
            return Ok((0..fields.len()).map(numbered).collect());
        }
        let named = fields.into_iter().enumerate();
        let columns: Vec<String> = named
            .map(|(index, name)| if name.is_empty() { numbered(index) } else { name })
            .collect();
        match columns
            .iter()
            .enumerate()
            .find(|(index, name)| columns[..*index].contains(name))
        {
            Some((_, twice)) => {
                let reason = format!("line 1: two columns are named `{twice}`");
                Err(Error::Malformed {
                    path: self.source.name(),
                    reason,
                })
            }
            None => Ok(columns),
        }
    }

    /// The rows, of all columns or of those at the given positions.
    pub fn rows(&self, columns: Option<&[usize]>) -> Result<CsvRows> {
        let width = self.columns.len();
        let chosen: Vec<usize> = columns.map_or_else(|| (0..width).collect(), <[usize]>::to_vec);
        if let Some(beyond) = chosen.iter().find(|column| **column >= width) {
            return Err(Error::Usage(format!(
                "{}: column {beyond} of {width}",
                self.source.name()
            )));
        }
        let header_pending = self.dialect.header;
        Ok(CsvRows {
            tokenizer: Some(self.tokenizer()?),
            source: self.source.clone(),
            width,
            chosen,
            header_pending,
        })
    }
}

/// The rows of one file, once. Memory is bounded by the longest record.
pub struct CsvRows {
    /// `None` once the end or an error was reached.
    tokenizer: Option<Tokenizer<Box<dyn Read + Send>>>,
    source: Source,
    width: usize,
    chosen: Vec<usize>,
    header_pending: bool,
}

impl CsvRows {
    fn pump_open(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let Some(tokenizer) = self.tokenizer.as_mut() else {
            return Ok(false);
        };
        while tokenizer.next_record()? {
            if tokenizer.is_blank() && (self.width > 1 || self.header_pending) {
                continue;
            }
            if std::mem::take(&mut self.header_pending) {
                continue;
            }
            if tokenizer.width() != self.width {
                let (line, found, width) = (tokenizer.record_line(), tokenizer.width(), self.width);
                let reason = format!("line {line}: {found} fields where {width} are expected");
                return Err(Error::Malformed {
                    path: self.source.name(),
                    reason,
                });
            }
            let cells: Vec<Cell<'_>> = self
                .chosen
                .iter()
                .map(|column| cell(tokenizer.field(*column)))
                .collect();
            if sink.row(&cells)? == Flow::Pause {
                return Ok(true);
            }
        }
        self.source.check_unchanged()?;
        Ok(false)
    }
}

/// A field as a value.
fn cell((bytes, quoted): (&[u8], bool)) -> Cell<'_> {
    if bytes.is_empty() && !quoted {
        return Cell::Null;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cell::Text(text),
        Err(_) => Cell::BrokenText { bytes, charset: "utf8" },
    }
}

impl RowReader for CsvRows {
    fn column_count(&self) -> usize {
        self.chosen.len()
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        let outcome = self.pump_open(sink);
        if !matches!(outcome, Ok(true)) {
            self.tokenizer = None;
        }
        outcome
    }
}

#[cfg(test)]
mod tests;
