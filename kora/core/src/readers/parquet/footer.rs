//! What a file's footer says: the columns that are asked for, and where each row group keeps them.
//!
//! Source: github.com/apache/parquet-format, src/main/thrift/parquet.thrift. The footer is read as a stream and only
//! what is asked for is kept. What it claims is held against the file's length before it is believed.
use super::place::Stretch;
use super::thrift::{damaged, Compact, BINARY, I32, I64, LIST, STRUCT};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

const MAGIC: &[u8; 4] = b"PAR1";
const ENCRYPTED: &[u8; 4] = b"PARE";
/// Magic, the footer's length, magic.
const FRAME_BYTES: u64 = 12;
/// Columns and groups of columns in one schema.
const MAX_ELEMENTS: usize = 100_000;

/// How a column's values lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Physical {
    /// One bit.
    Boolean,
    /// Four bytes.
    Int32,
    /// Eight bytes.
    Int64,
    /// Four bytes, IEEE 754.
    Float,
    /// Eight bytes, IEEE 754.
    Double,
    /// Any number of bytes.
    Bytes,
    /// Always this many bytes.
    Fixed(usize),
    /// INT96, or a number that no version of the format knows.
    Other,
}

/// The unit of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Thousandths.
    Milli,
    /// Millionths.
    Micro,
    /// Billionths.
    Nano,
}

/// What a column's values stand for, as far as the reader has to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing else than what is stored, or what DuckDB's type says of it.
    Plain,
    /// A decimal with this many digits behind the point.
    Decimal(i32),
    /// Time of day.
    Time(Unit),
    /// A moment.
    Timestamp(Unit),
    /// Half-precision floats.
    Float16,
    /// A UUID.
    Uuid,
    /// Months, days and milliseconds.
    Interval,
}

/// A column without parts, at the schema's top.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its name.
    pub name: String,
    /// How it lies there.
    pub physical: Physical,
    /// Whether it may hold NULL.
    pub optional: bool,
    /// What it means.
    pub meaning: Meaning,
    /// Its number among all columns of the row groups.
    position: usize,
}

/// One column of one row group.
#[derive(Clone, Copy, Debug)]
pub struct Chunk {
    /// Where its first page begins.
    pub start: u64,
    /// The codec's number.
    pub codec: i32,
    /// Whether all encodings are known: `1 << number` for each.
    pub encodings: u32,
}

/// Some rows.
#[derive(Clone, Debug)]
pub struct Group {
    /// How many.
    pub rows: u64,
    /// The columns that were asked for, in that order.
    pub chunks: Vec<Chunk>,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Footer {
    /// The columns, in the order of the asking.
    pub leaves: Vec<Leaf>,
    /// The row groups in order.
    pub groups: Vec<Group>,
    /// Where the data end and the footer begins.
    pub data_end: u64,
}

/// Why a file is not read here.
pub enum Refusal {
    /// It cannot be read, or is damaged.
    Fault(io::Error),
    /// It has something that this reader does not read: the column and what it is.
    Unread(String, String),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Fault(error)
    }
}

impl Footer {
    /// Reads the footer of a file of `file_bytes` bytes, for the columns of these names.
    pub fn read(file: &Arc<File>, file_bytes: u64, names: &[&str]) -> Result<Self, Refusal> {
        let data_end = find(file, file_bytes)?;
        let stretch = Stretch::new(file, data_end, file_bytes - 8);
        let mut footer = Self {
            leaves: Vec::new(),
            groups: Vec::new(),
            data_end,
        };
        let mut unread = None;
        Compact::new(BufReader::new(stretch)).structure(|compact, field, kind| {
            match (field, kind) {
                (2, LIST) => match chosen(schema(compact)?, names) {
                    Ok(leaves) => footer.leaves = leaves,
                    Err(column) => unread = Some((column, "nested, or not there".to_owned())),
                },
                (4, LIST) if unread.is_none() && !footer.leaves.is_empty() => {
                    let (element, count) = compact.list()?;
                    require(element == STRUCT, "row groups that are no structures")?;
                    for _ in 0..count {
                        let found = group(compact, &footer.leaves)?;
                        if let Err(what) = found.check(&footer.leaves, data_end)? {
                            unread = unread.take().or(Some(what));
                        }
                        footer.groups.push(found.group);
                    }
                }
                (8, STRUCT) => {
                    unread = Some(("all".to_owned(), "encrypted".to_owned()));
                    return Ok(false);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        match unread {
            Some((column, what)) => Err(Refusal::Unread(column, what)),
            None if footer.leaves.is_empty() => Err(damaged("a footer without a schema").into()),
            None => Ok(footer),
        }
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.groups.iter().fold(0, |sum, group| sum.saturating_add(group.rows))
    }
}

fn require(holds: bool, reason: &str) -> io::Result<()> {
    if holds {
        Ok(())
    } else {
        Err(damaged(reason))
    }
}

/// Where the footer begins.
fn find(file: &File, file_bytes: u64) -> Result<u64, Refusal> {
    require(file_bytes >= FRAME_BYTES, "too short to be a Parquet file")?;
    let (mut head, mut tail) = ([0; 4], [0; 8]);
    file.read_exact_at(&mut head, 0)?;
    file.read_exact_at(&mut tail, file_bytes - 8)?;
    let (length, magic) = tail.split_at(4);
    if magic == ENCRYPTED {
        return Err(Refusal::Unread("all".to_owned(), "encrypted".to_owned()));
    }
    require(
        magic == MAGIC && head == *MAGIC,
        "no Parquet file: the marks at its ends are missing",
    )?;
    let length = u64::from(u32::from_le_bytes([length[0], length[1], length[2], length[3]]));
    let begin = (file_bytes - 8).checked_sub(length).filter(|begin| *begin >= 4);
    begin.ok_or_else(|| damaged("the footer is said to be longer than the file").into())
}

/// One node of the schema's tree.
#[derive(Default)]
struct Element {
    name: Option<String>,
    physical: Option<i32>,
    length: i32,
    repetition: i32,
    children: i32,
    converted: Option<i32>,
    scale: i32,
    meaning: Option<Meaning>,
}

impl Element {
    fn read(compact: &mut Compact<impl Read>) -> io::Result<Self> {
        let mut element = Self::default();
        compact.structure(|compact, field, kind| {
            match (field, kind) {
                (1, I32) => element.physical = Some(compact.small()?),
                (2, I32) => element.length = compact.small()?,
                (3, I32) => element.repetition = compact.small()?,
                (4, BINARY) => element.name = Some(compact.text()?),
                (5, I32) => element.children = compact.small()?,
                (6, I32) => element.converted = Some(compact.small()?),
                (7, I32) => element.scale = compact.small()?,
                (10, STRUCT) => element.meaning = logical(compact)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        require(element.name.is_some(), "a column without a name")?;
        Ok(element)
    }

    fn leaf(self, position: usize) -> io::Result<Leaf> {
        let converted = match self.converted {
            Some(5) => Meaning::Decimal(self.scale),
            Some(7) => Meaning::Time(Unit::Milli),
            Some(8) => Meaning::Time(Unit::Micro),
            Some(9) => Meaning::Timestamp(Unit::Milli),
            Some(10) => Meaning::Timestamp(Unit::Micro),
            Some(21) => Meaning::Interval,
            _ => Meaning::Plain,
        };
        let physical = match self.physical {
            Some(0) => Physical::Boolean,
            Some(1) => Physical::Int32,
            Some(2) => Physical::Int64,
            Some(4) => Physical::Float,
            Some(5) => Physical::Double,
            Some(6) => Physical::Bytes,
            Some(7) => match usize::try_from(self.length) {
                Ok(length) if length > 0 => Physical::Fixed(length),
                _ => return Err(damaged("values of a fixed length without a length")),
            },
            _ => Physical::Other,
        };
        Ok(Leaf {
            name: self.name.unwrap_or_default(),
            physical,
            optional: self.repetition == 1,
            meaning: self.meaning.unwrap_or(converted),
            position,
        })
    }
}

/// What a `LogicalType` adds to the physical type; the rest is known from DuckDB's type.
fn logical(compact: &mut Compact<impl Read>) -> io::Result<Option<Meaning>> {
    let mut meaning = None;
    compact.structure(|compact, field, kind| {
        match (field, kind) {
            (5, STRUCT) => {
                let mut scale = 0;
                compact.structure(|compact, field, kind| {
                    if (field, kind) == (1, I32) {
                        scale = compact.small()?;
                        return Ok(true);
                    }
                    Ok(false)
                })?;
                meaning = Some(Meaning::Decimal(scale));
            }
            (7, STRUCT) => meaning = unit(compact)?.map(Meaning::Time),
            (8, STRUCT) => meaning = unit(compact)?.map(Meaning::Timestamp),
            (14, STRUCT) => {
                meaning = Some(Meaning::Uuid);
                return Ok(false);
            }
            (15, STRUCT) => {
                meaning = Some(Meaning::Float16);
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(meaning)
}

/// The unit of a time or moment. Whether it is adjusted to UTC is known from DuckDB's type.
fn unit(compact: &mut Compact<impl Read>) -> io::Result<Option<Unit>> {
    let mut unit = None;
    compact.structure(|compact, field, kind| {
        if (field, kind) != (2, STRUCT) {
            return Ok(false);
        }
        compact.structure(|_, field, _| {
            unit = match field {
                1 => Some(Unit::Milli),
                2 => Some(Unit::Micro),
                3 => Some(Unit::Nano),
                _ => None,
            };
            Ok(false)
        })?;
        Ok(true)
    })?;
    Ok(unit)
}

/// The columns at the schema's top that have no parts and hold one value a row.
fn schema(compact: &mut Compact<impl Read>) -> io::Result<Vec<Leaf>> {
    let (element, count) = compact.list()?;
    require(element == STRUCT && count > 0, "a schema without a root")?;
    require(count <= MAX_ELEMENTS as u64, "a schema of more than 100,000 columns")?;
    let root = Element::read(compact)?;
    let mut leaves = Vec::new();
    let (mut position, mut top) = (0, 0);
    // How many nodes are still to come at each level below the top.
    let mut waiting: Vec<i32> = Vec::new();
    for _ in 1..count {
        while waiting.last() == Some(&0) {
            waiting.pop();
        }
        let at_top = waiting.is_empty();
        match waiting.last_mut() {
            Some(left) => *left -= 1,
            None => top += 1,
        }
        let node = Element::read(compact)?;
        if node.children > 0 {
            waiting.push(node.children);
        } else {
            if at_top && node.repetition != 2 && node.physical.is_some() {
                leaves.push(node.leaf(position)?);
            }
            position += 1;
        }
    }
    while waiting.last() == Some(&0) {
        waiting.pop();
    }
    require(
        waiting.is_empty() && top == root.children,
        "a schema whose columns are not as many as it says",
    )?;
    Ok(leaves)
}

/// The leaves of these names, each of which must be there once; or the name that is not.
fn chosen(leaves: Vec<Leaf>, names: &[&str]) -> Result<Vec<Leaf>, String> {
    let one = |name: &&str| {
        let mut found = leaves.iter().filter(|leaf| leaf.name == *name);
        match (found.next(), found.next()) {
            (Some(leaf), None) => Ok(leaf.clone()),
            _ => Err((*name).to_owned()),
        }
    };
    names.iter().map(one).collect()
}

/// A row group as it was read, with what tells whether it can be used.
struct Found {
    group: Group,
    /// Per chunk: physical type, values, and whether it is somewhere else or encrypted.
    claims: Vec<(i32, u64, bool)>,
}

impl Found {
    /// Damage is the outer error, what this reader does not read the inner one.
    fn check(&self, leaves: &[Leaf], data_end: u64) -> io::Result<Result<(), (String, String)>> {
        for ((leaf, chunk), (physical, values, elsewhere)) in leaves.iter().zip(&self.group.chunks).zip(&self.claims) {
            if *elsewhere {
                return Ok(Err((leaf.name.clone(), "encrypted or in another file".to_owned())));
            }
            let same = match leaf.physical {
                Physical::Boolean => *physical == 0,
                Physical::Int32 => *physical == 1,
                Physical::Int64 => *physical == 2,
                Physical::Float => *physical == 4,
                Physical::Double => *physical == 5,
                Physical::Bytes => *physical == 6,
                Physical::Fixed(_) => *physical == 7,
                Physical::Other => true,
            };
            require(same, "a row group whose columns are of other types than the schema's")?;
            require(
                *values == self.group.rows,
                "a column with more or fewer values than rows",
            )?;
            require(
                (4..=data_end).contains(&chunk.start),
                "a column that begins outside of the file",
            )?;
        }
        Ok(Ok(()))
    }
}

/// A chunk with what is claimed of it: physical type, values, and whether it is somewhere else or encrypted.
type FoundChunk = (Chunk, (i32, u64, bool));

fn group(compact: &mut Compact<impl Read>, leaves: &[Leaf]) -> io::Result<Found> {
    let mut rows = None;
    let mut chunks: Vec<Option<FoundChunk>> = vec![None; leaves.len()];
    compact.structure(|compact, field, kind| {
        match (field, kind) {
            (1, LIST) => {
                let (element, count) = compact.list()?;
                require(element == STRUCT, "columns that are no structures")?;
                for position in 0..count {
                    let found = chunk(compact)?;
                    for (leaf, slot) in leaves.iter().zip(&mut chunks) {
                        if leaf.position as u64 == position {
                            *slot = Some(found);
                        }
                    }
                }
            }
            (3, I64) => rows = u64::try_from(compact.signed()?).ok(),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let rows = rows.ok_or_else(|| damaged("a row group without a number of rows"))?;
    let all: Option<Vec<_>> = chunks.into_iter().collect();
    let all = all.ok_or_else(|| damaged("a row group that lacks a column"))?;
    let (chunks, claims) = all.into_iter().unzip();
    Ok(Found {
        group: Group { rows, chunks },
        claims,
    })
}

fn chunk(compact: &mut Compact<impl Read>) -> io::Result<FoundChunk> {
    let mut chunk = Chunk {
        start: 0,
        codec: -1,
        encodings: 0,
    };
    let (mut physical, mut values, mut elsewhere) = (-1, u64::MAX, false);
    let (mut data, mut dictionary) = (0, 0);
    compact.structure(|compact, field, kind| {
        match (field, kind) {
            (1, BINARY) => elsewhere |= !compact.text()?.is_empty(),
            (3, STRUCT) => compact.structure(|compact, field, kind| {
                match (field, kind) {
                    (1, I32) => physical = compact.small()?,
                    (2, LIST) => chunk.encodings = encodings(compact)?,
                    (4, I32) => chunk.codec = compact.small()?,
                    (5, I64) => values = u64::try_from(compact.signed()?).unwrap_or(u64::MAX),
                    (9, I64) => data = u64::try_from(compact.signed()?).unwrap_or(u64::MAX),
                    (11, I64) => dictionary = u64::try_from(compact.signed()?).unwrap_or(u64::MAX),
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            (8, STRUCT) | (9, BINARY) => {
                elsewhere = true;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // A dictionary's page comes first; writers without one leave 0 there.
    chunk.start = if dictionary > 0 { data.min(dictionary) } else { data };
    Ok((chunk, (physical, values, elsewhere)))
}

fn encodings(compact: &mut Compact<impl Read>) -> io::Result<u32> {
    let (element, count) = compact.list()?;
    require(element == I32, "encodings that are no numbers")?;
    (0..count).try_fold(0, |known, _| {
        let number = u32::try_from(compact.small()?).unwrap_or(31).min(31);
        Ok(known | 1 << number)
    })
}
