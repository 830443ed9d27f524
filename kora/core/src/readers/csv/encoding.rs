//! Which characters a file's bytes are: a byte order mark, else strict UTF-8 over all of it, else a guess that is said.
//!
//! UTF-8 passes through as bytes, so that what is not UTF-8 reaches the cell as it stands. Every other encoding is
//! decoded on the way and its undecodable bytes are an error: a replacement character would be a silent loss.

use super::source::Source;
use crate::error::{Error, Result};
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_16BE, UTF_16LE, UTF_8};
use ring::digest::{Context, SHA256};
use std::io::{self, Read};

const CHUNK_BYTES: usize = 64 << 10;

/// The encoding of one file.
#[derive(Clone, Copy, Debug)]
pub struct Charset {
    encoding: &'static Encoding,
}

impl Charset {
    /// WHATWG's name in lower case.
    pub fn name(self) -> String {
        self.encoding.name().to_ascii_lowercase()
    }

    /// The same content as UTF-8 without a byte order mark; UTF-8 itself is not checked.
    pub fn decode(self, input: Box<dyn Read + Send>) -> Box<dyn Read + Send> {
        if self.encoding == UTF_8 {
            return Box::new(WithoutMark {
                input,
                begun: false,
                held: Vec::new(),
            });
        }
        let decoder = self.encoding.new_decoder_with_bom_removal();
        Box::new(Decoded {
            input,
            decoder,
            raw: vec![0; CHUNK_BYTES],
            from: 0,
            to: 0,
            ended: false,
            offset: 0,
        })
    }
}

/// Hashes the whole content and finds its encoding; a declared one is taken, unless a UTF-16 mark says more exactly.
pub fn inspect(source: &Source, declared: Option<&str>) -> Result<(String, Charset)> {
    let declared = declared.map(named).transpose()?;
    let mut reader = source.open()?;
    let mut hash = Context::new(&SHA256);
    let mut check = Utf8Check::default();
    let mut first = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = read_some(&mut reader, &mut chunk).map_err(|error| source.error(error))?;
        if read == 0 {
            break;
        }
        let bytes = &chunk[..read];
        hash.update(bytes);
        check.feed(bytes);
        first.extend_from_slice(&bytes[..bytes.len().min(3usize.saturating_sub(first.len()))]);
    }
    let sha256 = hash
        .finish()
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let marked = Encoding::for_bom(&first).map(|(encoding, _)| encoding);
    let encoding = match (declared, marked) {
        (Some(declared), Some(marked)) if is_utf16(declared) && is_utf16(marked) => marked,
        (Some(declared), _) => declared,
        (None, Some(marked)) => marked,
        (None, None) if check.is_whole() => UTF_8,
        (None, None) => guess(source)?,
    };
    Ok((sha256, Charset { encoding }))
}

fn is_utf16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

fn named(label: &str) -> Result<&'static Encoding> {
    Encoding::for_label_no_replacement(label.as_bytes())
        .ok_or_else(|| Error::Usage(format!("`{label}` is no encoding that is known here")))
}

/// What the bytes most resemble, among the encodings from before Unicode.
fn guess(source: &Source) -> Result<&'static Encoding> {
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let mut reader = source.open()?;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = read_some(&mut reader, &mut chunk).map_err(|error| source.error(error))?;
        detector.feed(&chunk[..read], read == 0);
        if read == 0 {
            return Ok(detector.guess(None, Utf8Detection::Deny));
        }
    }
}

/// One read that a signal does not end.
fn read_some(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

/// Strict UTF-8 over chunks that may cut a character in two.
#[derive(Default)]
struct Utf8Check {
    broken: bool,
    cut: Vec<u8>,
}

impl Utf8Check {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !self.broken && !self.cut.is_empty() && !bytes.is_empty() {
            self.cut.push(bytes[0]);
            bytes = &bytes[1..];
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) => self.broken = error.error_len().is_some(),
            }
        }
        if self.broken {
            return;
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            match error.error_len() {
                Some(_) => self.broken = true,
                None => self.cut.extend_from_slice(&bytes[error.valid_up_to()..]),
            }
        }
    }

    fn is_whole(&self) -> bool {
        !self.broken && self.cut.is_empty()
    }
}

/// UTF-8 without its byte order mark.
struct WithoutMark {
    input: Box<dyn Read + Send>,
    begun: bool,
    held: Vec<u8>,
}

impl Read for WithoutMark {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.begun {
            self.begun = true;
            (&mut self.input).take(3).read_to_end(&mut self.held)?;
            if self.held == b"\xef\xbb\xbf" {
                self.held.clear();
            }
        }
        if self.held.is_empty() {
            return read_some(&mut self.input, buffer);
        }
        let given = self.held.len().min(buffer.len());
        buffer[..given].copy_from_slice(&self.held[..given]);
        self.held.drain(..given);
        Ok(given)
    }
}

/// Any other encoding as UTF-8.
struct Decoded {
    input: Box<dyn Read + Send>,
    decoder: Decoder,
    raw: Vec<u8>,
    from: usize,
    to: usize,
    ended: bool,
    /// Bytes of the content before `raw[from]`.
    offset: u64,
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One character may need four bytes; the decoder wants room for it before it begins.
        if buffer.len() < 4 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "less than 4 bytes of room to decode into",
            ));
        }
        loop {
            if self.from == self.to && !self.ended {
                self.to = read_some(&mut self.input, &mut self.raw)?;
                self.from = 0;
                self.ended = self.to == 0;
            }
            let raw = &self.raw[self.from..self.to];
            let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(raw, buffer, self.ended);
            self.from += read;
            self.offset += read as u64;
            if let DecoderResult::Malformed(..) = result {
                let reason = format!(
                    "bytes before offset {} are not {}",
                    self.offset,
                    self.decoder.encoding().name()
                );
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            if written > 0 || (self.ended && result == DecoderResult::InputEmpty) {
                return Ok(written);
            }
        }
    }
}
