//! The body of a behaviour file: answers in bytes, each word that returns written once. Layout: `docs/formats/kbh.md`.
//!
//! There is one spelling: what does not encode again to the same bytes is refused. What a file expands to is bounded
//! before it is allocated, since words and shapes are named by numbers of one byte.

use std::collections::HashMap;

use crate::answer::COLUMNS_LIMIT;
use crate::canon::varint;
use crate::error::{Error, Result};

/// What every body begins with.
pub const MAGIC: &[u8; 4] = b"KBH2";
/// The most answers of a body.
pub const ANSWERS_LIMIT: usize = 10_000;
/// The most bytes of the head.
pub const HEAD_LIMIT: usize = 1 << 20;
/// The most bytes of a name, a reason or a column's kinds.
pub const TEXT_LIMIT: usize = 1200;
/// The most bytes that all texts of a body may come to, where each stands as often as it is named.
pub const EXPANDED_LIMIT: usize = 64 << 20;
/// What a text costs besides its bytes.
const TEXT_COST: usize = 32;

const ORDERED: u8 = 4;
const TIES: u8 = 8;
const SAME_READINGS: u8 = 16;
const REASON: u8 = 32;
const FRAGILE: u8 = 64;
const STATES: u8 = 3;

/// The first 16 bytes of a keyed digest.
pub type Half = [u8; 16];

/// One reading: the rows as a set, and as a sequence where the query has an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The rows as a set.
    pub rows: Half,
    /// The ordered columns as a sequence.
    pub order: Option<Half>,
}

/// What a query answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// Rows, equal ones too.
    pub rows: u64,
    /// Per column the kinds of its values, as `integer|text`.
    pub columns: Vec<String>,
    /// Whether ORDER BY names something that the answer does not show.
    pub ties: bool,
    /// Values with their kinds.
    pub exact: Reading,
    /// Values as a person reads them.
    pub plain: Reading,
}

/// One answer of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What pairs it with the other side's.
    pub name: String,
    /// The beginning of the SHA-256 of what was asked.
    pub text: [u8; 8],
    /// 0 answered, 1 error, 2 not decidable, 3 not comparable.
    pub state: u8,
    /// Why it says nothing, or the class of an error.
    pub reason: String,
    /// Why two right answers may differ.
    pub fragile: String,
    /// There if and only if it was answered.
    pub body: Option<Body>,
}

/// A head that nobody here looks into, and the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Canonical JSON of all that is said once.
    pub head: Vec<u8>,
    /// In the order in which they were asked.
    pub answers: Vec<Entry>,
}

/// Texts or shapes in the order of their first use.
struct Interned<T> {
    numbers: HashMap<T, u64>,
    listed: Vec<T>,
}

impl<T: Clone + Eq + std::hash::Hash> Interned<T> {
    fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            listed: Vec::new(),
        }
    }

    fn number(&mut self, item: &T) -> u64 {
        if let Some(number) = self.numbers.get(item) {
            return *number;
        }
        let number = self.listed.len() as u64;
        self.numbers.insert(item.clone(), number);
        self.listed.push(item.clone());
        number
    }
}

/// The bytes of a recording.
///
/// # Errors
/// [`Error::Limit`] beyond the limits above, [`Error::Usage`] for an answer whose parts contradict each other.
pub fn encode(recorded: &Recorded) -> Result<Vec<u8>> {
    within(recorded.head.len(), HEAD_LIMIT, "bytes of a head")?;
    within(recorded.answers.len(), ANSWERS_LIMIT, "answers")?;
    let (mut words, mut shapes, mut answers) = (Interned::new(), Interned::new(), Vec::new());
    let mut room = Room::default();
    for entry in &recorded.answers {
        put_entry(entry, &mut words, &mut shapes, &mut room, &mut answers)?;
    }
    let mut out = MAGIC.to_vec();
    put_bytes(&recorded.head, &mut out);
    varint::put(words.listed.len() as u64, &mut out);
    words
        .listed
        .iter()
        .for_each(|word| put_bytes(word.as_bytes(), &mut out));
    varint::put(shapes.listed.len() as u64, &mut out);
    for shape in &shapes.listed {
        varint::put(shape.len() as u64, &mut out);
        shape.iter().for_each(|word| varint::put(*word, &mut out));
    }
    varint::put(recorded.answers.len() as u64, &mut out);
    out.extend_from_slice(&answers);
    Ok(out)
}

fn put_entry(
    entry: &Entry,
    words: &mut Interned<String>,
    shapes: &mut Interned<Vec<u64>>,
    room: &mut Room,
    out: &mut Vec<u8>,
) -> Result<()> {
    if entry.state > STATES || (entry.state == 0) != entry.body.is_some() {
        return Err(Error::Usage(format!("the answer {} has no such state", entry.name)));
    }
    let mut flags = entry.state;
    if let Some(body) = &entry.body {
        if body.exact.order.is_some() != body.plain.order.is_some() {
            return Err(Error::Usage(format!("one reading of {} is ordered alone", entry.name)));
        }
        flags |= if body.exact.order.is_some() { ORDERED } else { 0 };
        flags |= if body.ties { TIES } else { 0 };
        flags |= if body.exact == body.plain { SAME_READINGS } else { 0 };
    }
    flags |= if entry.reason.is_empty() { 0 } else { REASON };
    flags |= if entry.fragile.is_empty() { 0 } else { FRAGILE };
    out.push(flags);
    room.take(&entry.name)?;
    put_bytes(entry.name.as_bytes(), out);
    out.extend_from_slice(&entry.text);
    for text in [&entry.reason, &entry.fragile] {
        if !text.is_empty() {
            room.take(text)?;
            varint::put(words.number(text), out);
        }
    }
    let Some(body) = &entry.body else { return Ok(()) };
    within(body.columns.len(), COLUMNS_LIMIT, "columns of an answer")?;
    let mut shape = Vec::with_capacity(body.columns.len());
    for column in &body.columns {
        room.take(column)?;
        shape.push(words.number(column));
    }
    varint::put(body.rows, out);
    varint::put(shapes.number(&shape), out);
    put_reading(&body.exact, out);
    if body.exact != body.plain {
        put_reading(&body.plain, out);
    }
    Ok(())
}

fn put_reading(reading: &Reading, out: &mut Vec<u8>) {
    out.extend_from_slice(&reading.rows);
    if let Some(order) = &reading.order {
        out.extend_from_slice(order);
    }
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    varint::put(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Reads a recording.
///
/// # Errors
/// [`Error::Malformed`] for bytes that [`encode`] does not write, [`Error::Limit`] beyond the limits above.
pub fn decode(bytes: &[u8]) -> Result<Recorded> {
    let mut fields = Fields(bytes);
    if fields.take::<4>()? != MAGIC {
        return Err(malformed("it does not begin as version 2 does"));
    }
    let head = fields.bytes(HEAD_LIMIT)?.to_vec();
    // A word costs two bytes at least, so no count can be larger than what is left.
    let words = fields.list(|fields| fields.text().map(str::to_owned))?;
    let shapes = fields.list(|fields| {
        let shape = fields.list(|fields| fields.index(words.len()))?;
        within(shape.len(), COLUMNS_LIMIT, "columns of an answer").map(|()| shape)
    })?;
    let mut room = Room::default();
    let answers = fields.list(|fields| fields.entry(&words, &shapes, &mut room))?;
    within(answers.len(), ANSWERS_LIMIT, "answers")?;
    let recorded = Recorded { head, answers };
    if !fields.0.is_empty() || encode(&recorded)? != bytes {
        return Err(malformed("it is not spelled as this format spells it"));
    }
    Ok(recorded)
}

/// Counts what texts come to.
#[derive(Default)]
struct Room {
    used: usize,
}

impl Room {
    fn take(&mut self, text: &str) -> Result<()> {
        within(text.len(), TEXT_LIMIT, "bytes of a text")?;
        self.used += text.len() + TEXT_COST;
        within(self.used, EXPANDED_LIMIT, "bytes of all texts")
    }
}

/// Bytes being taken apart from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let Some((taken, rest)) = self.0.split_first_chunk() else {
            return Err(malformed("it is cut off"));
        };
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64> {
        varint::take(&mut self.0).ok_or_else(|| malformed("a number is cut off or too long"))
    }

    fn index(&mut self, below: usize) -> Result<usize> {
        usize::try_from(self.number()?)
            .ok()
            .filter(|index| *index < below)
            .ok_or_else(|| malformed("a number names nothing"))
    }

    fn bytes(&mut self, limit: usize) -> Result<&'a [u8]> {
        let length = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        within(length, limit, "bytes of a text")?;
        let Some((taken, rest)) = self.0.split_at_checked(length) else {
            return Err(malformed("it is cut off"));
        };
        self.0 = rest;
        Ok(taken)
    }

    fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.bytes(TEXT_LIMIT)?).map_err(|_| malformed("a text is not UTF-8"))
    }

    /// So many items as the count in front says; grown as they come, never allocated ahead of the bytes.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let count = self.number()?;
        if count > self.0.len() as u64 {
            return Err(malformed("it counts more than it holds"));
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn reading(&mut self, ordered: bool) -> Result<Reading> {
        Ok(Reading {
            rows: *self.take()?,
            order: ordered.then(|| self.take().copied()).transpose()?,
        })
    }

    fn entry(&mut self, words: &[String], shapes: &[Vec<usize>], room: &mut Room) -> Result<Entry> {
        let [flags] = *self.take::<1>()?;
        let name = self.text()?.to_owned();
        room.take(&name)?;
        let text = *self.take()?;
        let [reason, fragile] = [REASON, FRAGILE].map(|flag| flags & flag != 0);
        let reason = self.word(words, reason, room)?;
        let fragile = self.word(words, fragile, room)?;
        let state = flags & STATES;
        let body = if state == 0 {
            Some(self.body(flags, words, shapes, room)?)
        } else {
            None
        };
        Ok(Entry {
            name,
            text,
            state,
            reason,
            fragile,
            body,
        })
    }

    fn word(&mut self, words: &[String], there: bool, room: &mut Room) -> Result<String> {
        if !there {
            return Ok(String::new());
        }
        let word = &words[self.index(words.len())?];
        room.take(word)?;
        Ok(word.clone())
    }

    fn body(&mut self, flags: u8, words: &[String], shapes: &[Vec<usize>], room: &mut Room) -> Result<Body> {
        let rows = self.number()?;
        let shape = &shapes[self.index(shapes.len())?];
        shape.iter().try_for_each(|word| room.take(&words[*word]))?;
        let exact = self.reading(flags & ORDERED != 0)?;
        let plain = if flags & SAME_READINGS != 0 {
            exact.clone()
        } else {
            self.reading(flags & ORDERED != 0)?
        };
        Ok(Body {
            rows,
            columns: shape.iter().map(|word| words[*word].clone()).collect(),
            ties: flags & TIES != 0,
            exact,
            plain,
        })
    }
}

fn within(count: usize, limit: usize, what: &str) -> Result<()> {
    if count > limit {
        return Err(Error::Limit(format!(
            "a behaviour file of {count} {what}; the limit is {limit}"
        )));
    }
    Ok(())
}

fn malformed(reason: &str) -> Error {
    Error::Malformed {
        path: "a behaviour file's body".into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests;
