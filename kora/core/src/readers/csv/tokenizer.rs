//! Cuts a stream of UTF-8 into records and fields: RFC 4180 with any delimiter, quote and newline.
//!
//! A quote counts only where a field begins; elsewhere it is a character like others. Inside quotes everything is kept
//! as it stands, newlines too, and a doubled quote is one. Memory is bounded by one record.

use super::source::read_error;
use crate::error::{Error, Result};
use std::io::Read;

/// The longest field, in bytes.
pub const MAX_CELL_BYTES: usize = 64 << 20;
/// The longest record, in bytes.
pub const MAX_RECORD_BYTES: usize = 256 << 20;
/// The most fields in a record.
pub const MAX_FIELDS: usize = 32_767;

const CHUNK_BYTES: usize = 64 << 10;

/// The three bytes that cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Between fields.
    pub delimiter: u8,
    /// Around a field; `None` where there are no quotes.
    pub quote: Option<u8>,
    /// Records end with a carriage return alone. Otherwise they end with a line feed, with or without one before it.
    pub cr_only: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    FieldStart,
    Plain,
    Quoted,
    /// After a quote inside quotes: the end of the field, or the first of two.
    QuoteSeen,
    /// After a closed field and a carriage return.
    ReturnSeen,
}

#[derive(Clone, Copy)]
struct Field {
    end: usize,
    quoted: bool,
}

/// Records of one stream.
pub struct Tokenizer<R> {
    input: R,
    name: String,
    cut: Cut,
    chunk: Vec<u8>,
    from: usize,
    to: usize,
    ended: bool,
    state: State,
    record: Vec<u8>,
    fields: Vec<Field>,
    /// The line that is being read, from 1.
    line: u64,
    record_line: u64,
    quote_line: u64,
}

impl<R: Read> Tokenizer<R> {
    /// `name` is for messages.
    pub fn new(input: R, cut: Cut, name: String) -> Self {
        Self {
            input,
            name,
            cut,
            chunk: vec![0; CHUNK_BYTES],
            from: 0,
            to: 0,
            ended: false,
            state: State::FieldStart,
            record: Vec::new(),
            fields: Vec::new(),
            line: 1,
            record_line: 1,
            quote_line: 1,
        }
    }

    /// Reads the next record; `false` at the end.
    ///
    /// # Errors
    /// `Malformed` for a quote that never closes and for text behind a closing quote, `Limit` for what is too long,
    /// each with its line.
    pub fn next_record(&mut self) -> Result<bool> {
        self.record.clear();
        self.fields.clear();
        self.record_line = self.line;
        loop {
            if self.from == self.to {
                self.fill()?;
                if self.ended {
                    return self.finish();
                }
            }
            let done = match self.state {
                State::FieldStart => self.start_field(),
                State::Plain => self.plain()?,
                State::Quoted => self.quoted()?,
                State::QuoteSeen | State::ReturnSeen => self.after_quote()?,
            };
            if done {
                return Ok(true);
            }
        }
    }

    /// Fields in the current record.
    pub fn width(&self) -> usize {
        self.fields.len()
    }

    /// A field's bytes, and whether it stood in quotes.
    pub fn field(&self, index: usize) -> (&[u8], bool) {
        let start = if index == 0 { 0 } else { self.fields[index - 1].end };
        let field = self.fields[index];
        (&self.record[start..field.end], field.quoted)
    }

    /// Whether the current record is a line without any character.
    pub fn is_blank(&self) -> bool {
        matches!(self.fields[..], [Field { end: 0, quoted: false }])
    }

    /// The line on which the current record begins, from 1.
    pub fn record_line(&self) -> u64 {
        self.record_line
    }

    fn fill(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        loop {
            match self.input.read(&mut self.chunk) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_error(&self.name, error)),
                Ok(read) => {
                    (self.from, self.to, self.ended) = (0, read, read == 0);
                    return Ok(());
                }
            }
        }
    }

    /// The stream's end: a last record without a newline, or nothing more.
    fn finish(&mut self) -> Result<bool> {
        match self.state {
            State::Quoted => {
                let quote_line = self.quote_line;
                Err(self.malformed(quote_line, "a quote is opened and never closed"))
            }
            State::FieldStart if self.fields.is_empty() => Ok(false),
            State::FieldStart | State::Plain => {
                self.end_field(false);
                Ok(true)
            }
            State::QuoteSeen | State::ReturnSeen => {
                self.end_field(true);
                Ok(true)
            }
        }
    }

    fn start_field(&mut self) -> bool {
        if Some(self.chunk[self.from]) == self.cut.quote {
            self.from += 1;
            self.quote_line = self.line;
            self.state = State::Quoted;
        } else {
            self.state = State::Plain;
        }
        false
    }

    fn plain(&mut self) -> Result<bool> {
        let newline = self.newline();
        let rest = &self.chunk[self.from..self.to];
        let length = rest
            .iter()
            .position(|byte| *byte == self.cut.delimiter || *byte == newline);
        self.keep(length.unwrap_or(rest.len()))?;
        if length.is_none() {
            return Ok(false);
        }
        let is_newline = self.chunk[self.from] == newline;
        if is_newline && !self.cut.cr_only && self.record.len() > self.field_start() && self.record.ends_with(b"\r") {
            self.record.pop();
        }
        self.close(is_newline, false)
    }

    fn quoted(&mut self) -> Result<bool> {
        let newline = self.newline();
        let rest = &self.chunk[self.from..self.to];
        let length = rest.iter().position(|byte| Some(*byte) == self.cut.quote);
        let taken = length.unwrap_or(rest.len());
        let newlines = rest[..taken].iter().filter(|byte| **byte == newline).count();
        self.keep(taken)?;
        self.line += newlines as u64;
        if length.is_some() {
            self.from += 1;
            self.state = State::QuoteSeen;
        }
        Ok(false)
    }

    fn after_quote(&mut self) -> Result<bool> {
        let byte = self.chunk[self.from];
        let newline = self.newline();
        if byte == newline || (byte == self.cut.delimiter && self.state == State::QuoteSeen) {
            return self.close(byte == newline, true);
        }
        if self.state == State::QuoteSeen && Some(byte) == self.cut.quote {
            self.keep(1)?;
            self.state = State::Quoted;
            return Ok(false);
        }
        if self.state == State::QuoteSeen && byte == b'\r' {
            self.from += 1;
            self.state = State::ReturnSeen;
            return Ok(false);
        }
        Err(self.malformed(self.line, "text stands behind a closing quote"))
    }

    /// Ends the field at the delimiter or newline that is next; `true` where the record ends too.
    fn close(&mut self, is_newline: bool, quoted: bool) -> Result<bool> {
        self.from += 1;
        self.end_field(quoted);
        if self.fields.len() > MAX_FIELDS {
            return Err(Error::Limit(format!(
                "{}: line {}: more than {MAX_FIELDS} fields",
                self.name, self.line
            )));
        }
        self.line += u64::from(is_newline);
        Ok(is_newline)
    }

    fn end_field(&mut self, quoted: bool) {
        self.fields.push(Field {
            end: self.record.len(),
            quoted,
        });
        self.state = State::FieldStart;
    }

    /// Takes the next bytes into the field.
    fn keep(&mut self, length: usize) -> Result<()> {
        self.record
            .extend_from_slice(&self.chunk[self.from..self.from + length]);
        self.from += length;
        if self.record.len() - self.field_start() > MAX_CELL_BYTES || self.record.len() > MAX_RECORD_BYTES {
            let line = if self.state == State::Quoted {
                self.quote_line
            } else {
                self.record_line
            };
            let (cell, record) = (MAX_CELL_BYTES >> 20, MAX_RECORD_BYTES >> 20);
            let reason = format!("a field above {cell} MiB or a record above {record} MiB (an open quote?)");
            return Err(Error::Limit(format!("{}: line {line}: {reason}", self.name)));
        }
        Ok(())
    }

    fn field_start(&self) -> usize {
        self.fields.last().map_or(0, |field| field.end)
    }

    fn newline(&self) -> u8 {
        if self.cut.cr_only {
            b'\r'
        } else {
            b'\n'
        }
    }

    fn malformed(&self, line: u64, reason: &str) -> Error {
        Error::Malformed {
            path: self.name.clone(),
            reason: format!("line {line}: {reason}"),
        }
    }
}
