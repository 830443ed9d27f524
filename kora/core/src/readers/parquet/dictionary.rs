//! The values that a row group's pages name by number.
//!
//! Writers mean dictionaries to be small, but one that fills a page before it looks makes them of hundreds of megabytes.
//! From 32 MiB on the entries lie in a nameless temporary file, and one is in memory at a time.
use super::footer::Physical;
use super::page::{Body, PageHead, LARGEST_VALUE_BYTES};
use super::thrift::damaged;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;

/// Entries in memory, in bytes.
const HELD_BYTES: usize = 32 << 20;
const MOST_ENTRIES: u64 = 1 << 24;

/// The entries of one dictionary.
pub enum Dictionary {
    /// Numbers, or floats' bits.
    Numbers(Vec<i64>),
    /// All entries behind each other, and where each ends.
    Held(Vec<u8>, Vec<usize>),
    /// The same in a file.
    Away(File, Vec<usize>),
}

/// The system's temporary folder does not take the entries: a fault of another place than the file that is read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoPlaceAway(pub io::Error);

impl NoPlaceAway {
    fn fault(source: io::Error) -> io::Error {
        io::Error::new(source.kind(), Self(source))
    }
}

/// Where an entry is.
pub enum Entry {
    /// Here.
    Number(i64),
    /// In [`Dictionary::held`].
    Held,
    /// It was read into the buffer.
    Read,
}

impl Dictionary {
    /// Reads the page of a dictionary, whose entries are plain values.
    ///
    /// # Errors
    /// Damage; more than 1 GiB, or more than 2²⁴ entries; a temporary file that cannot be written.
    pub fn read(head: &PageHead, physical: Physical, mut body: Body) -> io::Result<Self> {
        if head.plain_bytes > LARGEST_VALUE_BYTES || head.values > MOST_ENTRIES {
            return Err(damaged(
                "a dictionary of more than 1 GiB, or of more than 16,777,216 entries",
            ));
        }
        if !matches!(physical, Physical::Bytes | Physical::Fixed(_)) {
            let numbers = (0..head.values).map(|_| plain_number(physical, &mut body));
            return Ok(Self::Numbers(numbers.collect::<io::Result<_>>()?));
        }
        let (mut bytes, mut ends, mut end) = (Vec::new(), Vec::new(), 0);
        let mut away: Option<BufWriter<File>> = None;
        for _ in 0..head.values {
            let length = plain_length(physical, &mut body)?;
            body.append(length, &mut bytes)?;
            end += length as usize;
            ends.push(end);
            if bytes.len() > HELD_BYTES || away.is_some() {
                let file = match away.take() {
                    Some(file) => file,
                    None => BufWriter::new(tempfile::tempfile().map_err(NoPlaceAway::fault)?),
                };
                away.insert(file).write_all(&bytes).map_err(NoPlaceAway::fault)?;
                bytes.clear();
            }
        }
        Ok(match away {
            Some(file) => {
                let written = file.into_inner().map_err(io::IntoInnerError::into_error);
                Self::Away(written.map_err(NoPlaceAway::fault)?, ends)
            }
            None => Self::Held(bytes, ends),
        })
    }

    /// Finds an entry; one that is away comes into `buffer`.
    pub fn find(&self, index: usize, buffer: &mut Vec<u8>) -> io::Result<Entry> {
        let found = match self {
            Self::Numbers(numbers) => numbers.get(index).map(|number| Entry::Number(*number)),
            Self::Held(_, ends) => ends.get(index).map(|_| Entry::Held),
            Self::Away(file, ends) => match range(ends, index) {
                Some((start, end)) => {
                    buffer.clear();
                    buffer.resize(end - start, 0);
                    file.read_exact_at(buffer, start as u64)?;
                    Some(Entry::Read)
                }
                None => None,
            },
        };
        found.ok_or_else(|| damaged("a value that is not in its dictionary"))
    }

    /// The bytes of an entry that is held.
    pub fn held(&self, index: usize) -> Option<&[u8]> {
        let Self::Held(bytes, ends) = self else { return None };
        let (start, end) = range(ends, index)?;
        bytes.get(start..end)
    }
}

fn range(ends: &[usize], index: usize) -> Option<(usize, usize)> {
    let start = match index {
        0 => 0,
        index => *ends.get(index - 1)?,
    };
    Some((start, *ends.get(index)?))
}

/// The length of the next plain value.
pub fn plain_length(physical: Physical, body: &mut Body) -> io::Result<u64> {
    match physical {
        Physical::Fixed(length) => Ok(length as u64),
        _ => body.array().map(|bytes| u32::from_le_bytes(bytes).into()),
    }
}

/// The next plain number, or a float's bits.
pub fn plain_number(physical: Physical, body: &mut Body) -> io::Result<i64> {
    Ok(match physical {
        Physical::Int32 | Physical::Float => i32::from_le_bytes(body.array()?).into(),
        Physical::Int64 | Physical::Double => i64::from_le_bytes(body.array()?),
        other => return Err(damaged(format!("plain numbers of {other:?}"))),
    })
}
