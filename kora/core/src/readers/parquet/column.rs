//! One column of one file: page after page, one value at a time.
//!
//! In memory are the present value, the dictionary of the present row group, and what an encoding needs to hold: packed
//! lengths, or a page whose values are split over streams of bytes.
use super::codec;
use super::delta::{Delta, Lengths};
use super::dictionary::{plain_length, plain_number, Dictionary, Entry, NoPlaceAway};
use super::footer::{Chunk, Leaf, Physical};
use super::page::{Body, PageHead, LARGEST_VALUE_BYTES};
use super::place::Stretch;
use super::runs::Runs;
use super::thrift::damaged;
use super::value::Kind;
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::large;
use std::fs::File;
use std::io::{self, BufReader, Cursor};
use std::path::PathBuf;
use std::sync::Arc;

const PLAIN: i32 = 0;
const PLAIN_DICTIONARY: i32 = 2;
const RLE: i32 = 3;
const DELTA_BINARY_PACKED: i32 = 5;
const DELTA_LENGTH_BYTE_ARRAY: i32 = 6;
const DELTA_BYTE_ARRAY: i32 = 7;
const RLE_DICTIONARY: i32 = 8;
const BYTE_STREAM_SPLIT: i32 = 9;
/// Page heads are a few dozen bytes, unless a writer puts a column's least and largest value there.
const HEAD_BUFFER_BYTES: usize = 512;

/// Encodings that are read, as a [`Chunk`] has them. BIT_PACKED (4) is named by some writers for levels that flat
/// columns do not have.
pub const ENCODINGS: u32 = 1 << PLAIN
    | 1 << PLAIN_DICTIONARY
    | 1 << RLE
    | 1 << 4
    | 1 << DELTA_BINARY_PACKED
    | 1 << DELTA_LENGTH_BYTE_ARRAY
    | 1 << DELTA_BYTE_ARRAY
    | 1 << RLE_DICTIONARY
    | 1 << BYTE_STREAM_SPLIT;

/// Where the present value is.
enum Slot {
    Null,
    /// A number, a bit, or a float's bits.
    Number(i64),
    /// In the buffer.
    Bytes,
    /// In the dictionary.
    Entry(usize),
}

/// The values of a page in their encoding.
enum Values {
    Plain(Body),
    /// Booleans, eight in a byte: the rest of the present one and how many of it are left.
    Bits(Body, u8, u8),
    Runs(Runs<Body>),
    Indices(Runs<Body>),
    Delta(Delta<Body>),
    Lengths(Lengths, Body),
    /// How much of the value before begins the next, and how long the rest of it is.
    Prefixes(Lengths, Lengths, Body),
    /// The first bytes of all values, then the second ones …; and the next value.
    Split(Vec<u8>, usize),
}

struct Page {
    /// Values left, NULLs included.
    left: u64,
    /// 1 where there is a value, 0 for NULL; `None` where all are values.
    levels: Option<Runs<Cursor<Vec<u8>>>>,
    values: Values,
}

/// A column's reader.
pub struct Column {
    place: PathBuf,
    leaf: Leaf,
    kind: Kind,
    file: Arc<File>,
    data_end: u64,
    codec: i32,
    /// Where the next page's head begins.
    next_page: u64,
    /// Rows of the row group that no page was found for yet.
    unpaged: u64,
    dictionary: Option<Dictionary>,
    page: Option<Page>,
    slot: Slot,
    buffer: Vec<u8>,
}

impl Column {
    /// A column of the file at `path`, whose data end at `data_end`.
    pub fn new(path: PathBuf, file: &Arc<File>, data_end: u64, leaf: Leaf, kind: Kind) -> Self {
        Self {
            place: path,
            leaf,
            kind,
            file: file.clone(),
            data_end,
            codec: 0,
            next_page: data_end,
            unpaged: 0,
            dictionary: None,
            page: None,
            slot: Slot::Null,
            buffer: Vec::new(),
        }
    }

    /// Goes to the first of a row group's `rows` rows.
    pub fn enter(&mut self, chunk: Chunk, rows: u64) {
        self.codec = chunk.codec;
        self.next_page = chunk.start;
        self.unpaged = rows;
        self.dictionary = None;
        self.page = None;
    }

    /// Reads the next value. Call it once a row; [`Self::cell`] then gives it.
    pub fn advance(&mut self) -> Result<()> {
        self.read_next().map_err(|error| self.fault(error))
    }

    /// Passes over `count` values without looking at those of whole pages.
    pub fn pass(&mut self, count: u64) -> Result<()> {
        self.pass_values(count).map_err(|error| self.fault(error))
    }

    /// The present value.
    pub fn cell(&self) -> Result<Cell<'_>> {
        let cell = match self.slot {
            Slot::Null => Some(Cell::Null),
            Slot::Number(number) => self.kind.of_number(number),
            Slot::Bytes => self.kind.of_bytes(&self.buffer),
            Slot::Entry(index) => {
                let entry = self.dictionary.as_ref().and_then(|entries| entries.held(index));
                entry.and_then(|bytes| self.kind.of_bytes(bytes))
            }
        };
        cell.ok_or_else(|| self.fault(damaged(self.kind.refusal())))
    }

    /// Gives a large value's memory back; it is lost.
    pub fn release(&mut self) {
        // The next value may begin with this one's bytes.
        let is_needed = matches!(&self.page, Some(page) if matches!(page.values, Values::Prefixes(..)));
        if !is_needed {
            large::release(&mut self.buffer);
        }
    }

    /// The disk's fault is told from the content's by the number that the system gives.
    fn fault(&self, error: io::Error) -> Error {
        let error = match error.downcast::<NoPlaceAway>() {
            Ok(NoPlaceAway(source)) => {
                let folder = std::env::temp_dir();
                return Error::Scratch { folder, source };
            }
            Err(other) => other,
        };
        if error.raw_os_error().is_some() {
            return Error::File {
                path: self.place.clone(),
                source: error,
            };
        }
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "its data end too early".to_owned(),
            _ => error.to_string(),
        };
        Error::Malformed {
            path: self.place.display().to_string(),
            reason: format!("column {}: {reason}", self.leaf.name),
        }
    }

    fn read_next(&mut self) -> io::Result<()> {
        while self.page.as_ref().is_none_or(|page| page.left == 0) {
            let (head, stored) = self.next_data_page()?;
            self.open(&head, stored)?;
        }
        let Some(page) = &mut self.page else { return Ok(()) };
        page.left -= 1;
        if page.is_null()? {
            self.slot = Slot::Null;
            return Ok(());
        }
        self.slot = page
            .values
            .read(self.leaf.physical, self.dictionary.as_ref(), &mut self.buffer)?;
        Ok(())
    }

    fn pass_values(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            match &mut self.page {
                Some(page) if page.left > 0 => {
                    let now = count.min(page.left);
                    count -= now;
                    page.left -= now;
                    for _ in 0..now {
                        if !page.is_null()? {
                            page.values
                                .pass(self.leaf.physical, self.dictionary.as_ref(), &mut self.buffer)?;
                        }
                    }
                }
                _ => {
                    let (head, stored) = self.next_data_page()?;
                    if head.values <= count {
                        count -= head.values;
                    } else {
                        self.open(&head, stored)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The head of the next page with values, and where its bytes lie. A dictionary on the way is read.
    fn next_data_page(&mut self) -> io::Result<(PageHead, Stretch)> {
        self.page = None;
        if self.unpaged == 0 {
            return Err(damaged("fewer values than rows"));
        }
        let file = self.file.clone();
        loop {
            let head_bytes = Stretch::new(&file, self.next_page, self.data_end);
            let head = PageHead::read(BufReader::with_capacity(HEAD_BUFFER_BYTES, head_bytes))?;
            let begin = self.next_page + head.head_bytes;
            let end = begin.checked_add(head.stored_bytes).filter(|end| *end <= self.data_end);
            self.next_page = end.ok_or_else(|| damaged("a page that is said to be longer than the file"))?;
            let stored = Stretch::new(&file, begin, self.next_page);
            match head.kind {
                0 | 3 => {
                    let left = self.unpaged.checked_sub(head.values);
                    self.unpaged = left.ok_or_else(|| damaged("more values than rows"))?;
                    return Ok((head, stored));
                }
                1 => {}
                2 => self.read_dictionary(&head, stored)?,
                _ => return Err(damaged("a page of no known kind")),
            }
        }
    }

    fn read_dictionary(&mut self, head: &PageHead, stored: Stretch) -> io::Result<()> {
        if head.encoding != PLAIN && head.encoding != PLAIN_DICTIONARY {
            return Err(damaged("a dictionary in another encoding than the plain one"));
        }
        // The one before is let go first.
        self.dictionary = None;
        let body = Body::new(codec::open(self.codec, stored, head.plain_bytes)?, head.plain_bytes);
        self.dictionary = Some(Dictionary::read(head, self.leaf.physical, body)?);
        Ok(())
    }

    fn open(&mut self, head: &PageHead, mut stored: Stretch) -> io::Result<()> {
        let optional = self.leaf.optional;
        let (levels, body) = if head.kind == 3 {
            let before = head.definition_bytes.checked_add(head.repetition_bytes);
            let before = before.filter(|bytes| *bytes <= head.plain_bytes.min(head.stored_bytes));
            let before = before.ok_or_else(|| damaged("levels that are longer than their page"))?;
            let mut levels = Body::new(Box::new(stored.clone()), before);
            levels.pass(head.repetition_bytes)?;
            let levels = levels_of(head.definition_bytes, head, &mut levels)?;
            stored = stored.behind(before);
            let (plain, compressed) = (head.plain_bytes - before, head.stored_bytes - before);
            // A page of NULLs alone has no values, and some writers then compress nothing.
            let codec = if head.as_is || compressed == 0 { 0 } else { self.codec };
            (
                optional.then_some(levels),
                Body::new(codec::open(codec, stored, plain)?, plain),
            )
        } else {
            let mut body = Body::new(codec::open(self.codec, stored, head.plain_bytes)?, head.plain_bytes);
            let levels = if optional {
                let length = u32::from_le_bytes(body.array()?);
                Some(levels_of(length.into(), head, &mut body)?)
            } else {
                None
            };
            (levels, body)
        };
        self.page = Some(Page {
            left: head.values,
            levels: levels.map(|bytes| Runs::new(Cursor::new(bytes), 1)).transpose()?,
            values: Values::open(head, self.leaf.physical, body)?,
        });
        Ok(())
    }
}

/// The levels of a page's values: no writer takes more than two bytes for one.
fn levels_of(length: u64, head: &PageHead, body: &mut Body) -> io::Result<Vec<u8>> {
    if length > head.values.saturating_mul(2).saturating_add(64) {
        return Err(damaged("more levels than the page has values"));
    }
    let mut levels = Vec::new();
    body.append(length, &mut levels)?;
    Ok(levels)
}

impl Page {
    fn is_null(&mut self) -> io::Result<bool> {
        match &mut self.levels {
            None => Ok(false),
            Some(levels) => match levels.following()? {
                0 => Ok(true),
                1 => Ok(false),
                _ => Err(damaged("a definition level above 1")),
            },
        }
    }
}

impl Values {
    fn open(head: &PageHead, physical: Physical, mut body: Body) -> io::Result<Self> {
        let is_string = matches!(physical, Physical::Bytes | Physical::Fixed(_));
        let is_integer = matches!(physical, Physical::Int32 | Physical::Int64);
        Ok(match head.encoding {
            PLAIN if physical == Physical::Boolean => Self::Bits(body, 0, 0),
            PLAIN => Self::Plain(body),
            // A page of NULLs alone may be empty, and is then never read from.
            _ if body.left() == 0 => Self::Plain(body),
            PLAIN_DICTIONARY | RLE_DICTIONARY => {
                let [width] = body.array()?;
                Self::Indices(Runs::new(body, width)?)
            }
            RLE if physical == Physical::Boolean => {
                body.array::<4>()?;
                Self::Runs(Runs::new(body, 1)?)
            }
            DELTA_BINARY_PACKED if is_integer => Self::Delta(Delta::new(body, head.values)?),
            DELTA_LENGTH_BYTE_ARRAY if physical == Physical::Bytes => {
                Self::Lengths(Lengths::take(&mut body, head.values)?, body)
            }
            DELTA_BYTE_ARRAY if is_string => {
                let prefixes = Lengths::take(&mut body, head.values)?;
                Self::Prefixes(prefixes, Lengths::take(&mut body, head.values)?, body)
            }
            BYTE_STREAM_SPLIT if physical != Physical::Bytes && physical != Physical::Boolean => {
                Self::Split(body.rest()?, 0)
            }
            other => return Err(damaged(format!("values of {physical:?} in encoding {other}"))),
        })
    }

    fn read(&mut self, physical: Physical, dictionary: Option<&Dictionary>, buffer: &mut Vec<u8>) -> io::Result<Slot> {
        Ok(match self {
            Self::Plain(body) => match physical {
                Physical::Bytes | Physical::Fixed(_) => {
                    let length = plain_length(physical, body)?;
                    buffer.clear();
                    body.append(length, buffer)?;
                    Slot::Bytes
                }
                physical => Slot::Number(plain_number(physical, body)?),
            },
            Self::Bits(body, bits, left) => {
                if *left == 0 {
                    [*bits] = body.array()?;
                    *left = 8;
                }
                let bit = *bits & 1;
                (*bits, *left) = (*bits >> 1, *left - 1);
                Slot::Number(bit.into())
            }
            Self::Runs(runs) => Slot::Number(runs.following()?.into()),
            Self::Indices(runs) => indexed(runs.following()? as usize, dictionary, buffer)?,
            Self::Delta(delta) => Slot::Number(match physical {
                // 32 bits wrap as such.
                Physical::Int32 => (delta.following()? as i32).into(),
                _ => delta.following()?,
            }),
            Self::Lengths(lengths, body) => {
                buffer.clear();
                body.append(lengths.following()?, buffer)?;
                Slot::Bytes
            }
            Self::Prefixes(prefixes, suffixes, body) => {
                let kept = usize::try_from(prefixes.following()?).unwrap_or(usize::MAX);
                if kept > buffer.len() {
                    return Err(damaged("a value that begins with more of the one before than there is"));
                }
                buffer.truncate(kept);
                let more = suffixes.following()?;
                if kept as u64 + more > LARGEST_VALUE_BYTES {
                    return Err(damaged("a value of more than 1 GiB"));
                }
                body.append(more, buffer)?;
                fixed_bytes(physical, buffer)?
            }
            Self::Split(bytes, next) => {
                *next += 1;
                split(bytes, *next - 1, physical, buffer)?
            }
        })
    }

    /// As [`Self::read`], for a value that nobody wants.
    fn pass(&mut self, physical: Physical, dictionary: Option<&Dictionary>, buffer: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Indices(runs) => runs.following().map(drop),
            Self::Plain(body) if matches!(physical, Physical::Bytes | Physical::Fixed(_)) => {
                let length = plain_length(physical, body)?;
                body.pass(length)
            }
            Self::Lengths(lengths, body) => body.pass(lengths.following()?),
            _ => self.read(physical, dictionary, buffer).map(drop),
        }
    }
}

fn indexed(index: usize, dictionary: Option<&Dictionary>, buffer: &mut Vec<u8>) -> io::Result<Slot> {
    let dictionary = dictionary.ok_or_else(|| damaged("a dictionary is missing"))?;
    Ok(match dictionary.find(index, buffer)? {
        Entry::Number(number) => Slot::Number(number),
        Entry::Held => Slot::Entry(index),
        Entry::Read => Slot::Bytes,
    })
}

/// A value of a fixed length must have it.
fn fixed_bytes(physical: Physical, buffer: &[u8]) -> io::Result<Slot> {
    match physical {
        Physical::Fixed(length) if length != buffer.len() => Err(damaged("a value of another length than its type's")),
        _ => Ok(Slot::Bytes),
    }
}

fn split(bytes: &[u8], index: usize, physical: Physical, buffer: &mut Vec<u8>) -> io::Result<Slot> {
    let width = match physical {
        Physical::Int32 | Physical::Float => 4,
        Physical::Fixed(length) => length,
        _ => 8,
    };
    let count = bytes.len() / width;
    if index >= count {
        return Err(damaged("fewer values than the page says"));
    }
    buffer.clear();
    buffer.extend((0..width).map(|place| bytes[place * count + index]));
    Ok(match physical {
        Physical::Fixed(_) => Slot::Bytes,
        _ => {
            let mut wide = [0; 8];
            wide[..width].copy_from_slice(buffer);
            let number = i64::from_le_bytes(wide);
            Slot::Number(if width == 4 { (number as i32).into() } else { number })
        }
    })
}
