//! A query's rows as COPY BINARY sends them, decoded where they lie in the read buffer.
//!
//! Servers send one tuple per CopyData message; the protocol does not promise it, so a tuple that is cut by a message's
//! end is carried over. Apart from that, and from numbers beyond 128 bits, no row costs an allocation.

use super::connection::{Connection, Ticket};
use super::nested::{FieldKind, NestedKind};
use super::numeric::{self, Decoded};
use super::reply::ServerError;
use super::types::ColumnKind;
use super::wire::protocol;
use crate::canon::{encode_cell, encode_here, RowBuilder, StructureBuilder};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::large::LARGE_ROW_BYTES;
use crate::readers::line::{hold, pump_guarded};
use crate::rows::{Flow, RowReader, RowSink};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What a COPY BINARY stream begins with, before its flags and its header extension.
pub const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
/// Bit 16 of the flags: rows carry OIDs, as PostgreSQL up to 11 could. Bits 16–31 are critical.
const CRITICAL_FLAGS: u32 = 0xffff_0000;

/// Reads one query's rows. The connection may be used again at any time: that ends this reader.
pub struct CopyReader {
    connection: Arc<Mutex<Connection>>,
    ticket: Ticket,
    decoder: Decoder,
    /// Bytes of a tuple whose end has not come yet.
    carry: Vec<u8>,
    /// How much of the message in the buffer was decoded already when the sink paused.
    offset: usize,
    finished: bool,
}

impl CopyReader {
    /// Sends `COPY (query) TO STDOUT (FORMAT BINARY)`.
    ///
    /// `types` are `pg_type` names or the expressions of nested types, one per column (see [`super::nested`]). Errors: [`Error::Unsupported`] for a type without a decoder,
    /// [`Error::Usage`] where the columns are not as many, [`Error::Engine`] where the server refuses the query.
    pub fn start(connection: Arc<Mutex<Connection>>, query: &str, types: &[String]) -> Result<Self> {
        let kinds = types.iter().enumerate().map(|(column, name)| {
            FieldKind::parse(name).ok_or_else(|| Error::Unsupported {
                column: column.to_string(),
                type_name: name.clone(),
            })
        });
        let kinds = kinds.collect::<Result<Vec<_>>>()?;
        let mut held = hold(&connection)?;
        if let Some(encoding) = held
            .parameter("client_encoding")
            .filter(|name| !matches!(*name, "UTF8" | "SQL_ASCII"))
        {
            return Err(Error::Usage(format!(
                "client_encoding is {encoding}; rows are read in UTF8 only"
            )));
        }
        // On lines of its own: a query may end in a comment.
        let (ticket, columns) = held.start_copy(&format!("COPY (\n{query}\n) TO STDOUT (FORMAT BINARY)"))?;
        drop(held);
        if columns != kinds.len() {
            let named = kinds.len();
            return Err(Error::Usage(format!(
                "the query has {columns} columns, {named} types were named"
            )));
        }
        Ok(Self {
            connection,
            ticket,
            decoder: Decoder::new(kinds),
            carry: Vec::new(),
            offset: 0,
            finished: false,
        })
    }

    /// Feeds messages to the decoder until the sink pauses (`true`) or the stream ends (`false`).
    fn pump_messages(&mut self, connection: &mut Connection, sink: &mut dyn RowSink) -> Result<bool> {
        self.decoder.canonical = self.decoder.nested.is_empty() && sink.takes_canonical();
        if !self.carry.is_empty() && self.decode_carry(sink)? == Flow::Pause {
            return Ok(true);
        }
        loop {
            let wire = connection.copy_wire(self.ticket)?;
            let frame = wire.peek()?;
            if frame.tag != b'd' {
                let error = match frame.tag {
                    b'E' => Some(ServerError::parse(wire.body(&frame))?),
                    b'c' => None,
                    b'N' | b'S' | b'A' => {
                        wire.consume(&frame);
                        continue;
                    }
                    other => return Err(protocol(format!("message {other:#04x} within COPY"))),
                };
                wire.consume(&frame);
                return self.end(connection, error);
            }
            if self.carry.is_empty() {
                let body = &wire.body(&frame)[self.offset..];
                let (used, flow) = self.decoder.feed(body, sink)?;
                if flow == Flow::Pause && used < body.len() {
                    self.offset += used;
                    return Ok(true);
                }
                self.carry.extend_from_slice(&body[used..]);
                self.offset = 0;
                wire.consume(&frame);
                wire.release();
                if flow == Flow::Pause {
                    return Ok(true);
                }
            } else {
                self.carry.extend_from_slice(wire.body(&frame));
                wire.consume(&frame);
                if self.decode_carry(sink)? == Flow::Pause {
                    return Ok(true);
                }
            }
        }
    }

    fn decode_carry(&mut self, sink: &mut dyn RowSink) -> Result<Flow> {
        let (used, flow) = self.decoder.feed(&self.carry, sink)?;
        self.carry.drain(..used);
        Ok(flow)
    }

    fn end(&mut self, connection: &mut Connection, error: Option<ServerError>) -> Result<bool> {
        let whole = self.decoder.ended && self.carry.is_empty();
        let failed = error.is_some();
        connection.finish_copy(error)?;
        match whole || failed {
            true => Ok(false),
            false => Err(protocol("the COPY stream ended without its trailer")),
        }
    }
}

impl RowReader for CopyReader {
    fn column_count(&self) -> usize {
        self.decoder.kinds.len()
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        if self.finished {
            return Ok(false);
        }
        let connection = Arc::clone(&self.connection);
        let outcome = pump_guarded(&connection, sink, |held, sink| self.pump_messages(held, sink));
        self.finished = !matches!(outcome, Ok(true));
        outcome
    }
}

/// The tuples within a run of bytes.
struct Decoder {
    kinds: Vec<ColumnKind>,
    /// The columns that hold nested values.
    nested: Vec<NestedColumn>,
    /// Room for a row's cells, empty between rows.
    cells: Vec<Cell<'static>>,
    /// Text of a row's numbers beyond 128 bits.
    arena: String,
    long_numbers: Vec<(usize, Range<usize>)>,
    /// Rows go to the sink in canonical form.
    canonical: bool,
    row: RowBuilder,
    started: bool,
    ended: bool,
}

/// A column of nested values and the last one that was built.
struct NestedColumn {
    column: usize,
    kind: NestedKind,
    builder: StructureBuilder,
    /// The row at hand has a value here.
    filled: bool,
}

impl Decoder {
    fn new(fields: Vec<FieldKind>) -> Self {
        let mut nested = Vec::new();
        let mut kinds = Vec::with_capacity(fields.len());
        for (column, field) in fields.into_iter().enumerate() {
            kinds.push(match field {
                FieldKind::Scalar(kind) => kind,
                FieldKind::Nested(kind) => {
                    nested.push(NestedColumn {
                        column,
                        kind,
                        builder: StructureBuilder::default(),
                        filled: false,
                    });
                    ColumnKind::Nested
                }
            });
        }
        let cells = Vec::with_capacity(kinds.len());
        Self {
            kinds,
            nested,
            cells,
            arena: String::new(),
            long_numbers: Vec::new(),
            canonical: false,
            row: RowBuilder::default(),
            started: false,
            ended: false,
        }
    }

    /// Decodes whole tuples until the bytes or the sink's patience end. Gives the bytes used up.
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn RowSink) -> Result<(usize, Flow)> {
        let mut used = 0;
        if !self.started {
            let Some(length) = header_length(bytes)? else {
                return Ok((0, Flow::Continue));
            };
            self.started = true;
            used = length;
        }
        while used < bytes.len() {
            if self.ended {
                return Err(protocol("bytes after the COPY trailer"));
            }
            let Some((length, flow)) = self.tuple(&bytes[used..], sink)? else {
                break;
            };
            used += length;
            if flow == Flow::Pause {
                return Ok((used, flow));
            }
        }
        Ok((used, Flow::Continue))
    }

    /// One tuple or the trailer; `None` if its end is not there yet.
    #[inline]
    fn tuple(&mut self, bytes: &[u8], sink: &mut dyn RowSink) -> Result<Option<(usize, Flow)>> {
        let Some(count) = bytes.first_chunk::<2>() else {
            return Ok(None);
        };
        let count = i16::from_be_bytes(*count);
        if count == -1 {
            self.ended = true;
            return Ok(Some((2, Flow::Continue)));
        }
        if usize::try_from(count) != Ok(self.kinds.len()) {
            return Err(protocol(format!(
                "a tuple of {count} fields among {} columns",
                self.kinds.len()
            )));
        }
        if self.canonical && bytes.len() < LARGE_ROW_BYTES {
            return self.canonical_tuple(bytes, sink);
        }
        let mut cells: Vec<Cell<'_>> = std::mem::take(&mut self.cells);
        let mut fields = Fields {
            rest: &bytes[2..],
            arena: &mut self.arena,
            long_numbers: &mut self.long_numbers,
            nested: &mut self.nested,
        };
        if !fields.decode(&self.kinds, &mut cells)? {
            self.cells = recycled(cells);
            return Ok(None);
        }
        let used = bytes.len() - fields.rest.len();
        for (column, range) in &self.long_numbers {
            cells[*column] = Cell::BigDecimal(&self.arena[range.clone()]);
        }
        for nested in self.nested.iter().filter(|nested| nested.filled) {
            cells[nested.column] = nested.builder.finish()?;
        }
        let flow = sink.row(&cells)?;
        self.cells = recycled(cells);
        Ok(Some((used, flow)))
    }

    /// One tuple, from the wire to canonical bytes; `None` if its end is not there yet.
    #[inline]
    fn canonical_tuple(&mut self, bytes: &[u8], sink: &mut dyn RowSink) -> Result<Option<(usize, Flow)>> {
        self.row.open();
        let mut rest = &bytes[2..];
        for kind in &self.kinds {
            let field = match next_field(rest)? {
                Split::Cut => return Ok(None),
                Split::Null(after) => {
                    encode_here(&Cell::Null, self.row.cell())?;
                    rest = after;
                    continue;
                }
                Split::Field(field, after) => {
                    rest = after;
                    field
                }
            };
            let out = self.row.cell();
            match kind {
                ColumnKind::Numeric => match numeric::decode(field)? {
                    Decoded::Cell(cell) => encode_here(&cell, out)?,
                    Decoded::Long(number) => {
                        self.arena.clear();
                        number.write(&mut self.arena)?;
                        encode_cell(&Cell::BigDecimal(&self.arena), out)?;
                    }
                },
                kind => kind.encode(field, out)?,
            }
        }
        let (row, bounds) = self.row.close()?;
        Ok(Some((bytes.len() - rest.len(), sink.canonical_row(row, bounds)?)))
    }
}

/// What stands at the front of a tuple's rest.
enum Split<'a> {
    /// A field that is not wholly there.
    Cut,
    /// NULL, and what follows.
    Null(&'a [u8]),
    /// A field's bytes, and what follows.
    Field(&'a [u8], &'a [u8]),
}

#[inline(always)]
fn next_field(rest: &[u8]) -> Result<Split<'_>> {
    let Some((length, after)) = rest.split_first_chunk::<4>() else {
        return Ok(Split::Cut);
    };
    let length = i32::from_be_bytes(*length);
    if length == -1 {
        return Ok(Split::Null(after));
    }
    let Ok(length) = usize::try_from(length) else {
        return Err(protocol("a field of negative length"));
    };
    Ok(match after.split_at_checked(length) {
        Some((field, after)) => Split::Field(field, after),
        None => Split::Cut,
    })
}

/// Empties a row and gives its memory back for the next: `collect` builds in place where sizes agree.
#[inline(always)]
fn recycled(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'static>> {
    cells.clear();
    cells.into_iter().map(|_| Cell::Null).collect()
}

/// The fields of one tuple.
struct Fields<'a, 'm> {
    rest: &'a [u8],
    arena: &'m mut String,
    long_numbers: &'m mut Vec<(usize, Range<usize>)>,
    nested: &'m mut Vec<NestedColumn>,
}

impl<'a> Fields<'a, '_> {
    /// `false` if a field is not wholly there.
    #[inline(always)]
    fn decode(&mut self, kinds: &[ColumnKind], cells: &mut Vec<Cell<'a>>) -> Result<bool> {
        self.arena.clear();
        self.long_numbers.clear();
        self.nested.iter_mut().for_each(|nested| nested.filled = false);
        for (column, kind) in kinds.iter().enumerate() {
            let (cell, after) = match next_field(self.rest)? {
                Split::Cut => return Ok(false),
                Split::Null(after) => (Cell::Null, after),
                Split::Field(field, after) => {
                    let cell = match kind {
                        ColumnKind::Numeric => self.numeric(column, field)?,
                        ColumnKind::Nested => self.nested(column, field)?,
                        kind => kind.decode(field)?,
                    };
                    (cell, after)
                }
            };
            cells.push(cell);
            self.rest = after;
        }
        Ok(true)
    }

    #[cold]
    fn nested(&mut self, column: usize, field: &[u8]) -> Result<Cell<'static>> {
        let found = self.nested.iter_mut().find(|nested| nested.column == column);
        let nested = found.ok_or_else(|| protocol("a nested value in a column that has none"))?;
        nested.builder.clear();
        nested.kind.decode(field, &mut nested.builder, &mut String::new())?;
        nested.filled = true;
        Ok(Cell::Null) // until the whole row is decoded
    }

    #[inline(always)]
    fn numeric(&mut self, column: usize, field: &[u8]) -> Result<Cell<'static>> {
        match numeric::decode(field)? {
            Decoded::Cell(cell) => Ok(cell),
            Decoded::Long(number) => {
                let start = self.arena.len();
                number.write(self.arena)?;
                self.long_numbers.push((column, start..self.arena.len()));
                Ok(Cell::Null) // until the whole row is decoded
            }
        }
    }
}

/// Length of signature, flags and extension; `None` if not all of it is there.
fn header_length(bytes: &[u8]) -> Result<Option<usize>> {
    let Some((signature, rest)) = bytes.split_first_chunk::<11>() else {
        return Ok(None);
    };
    if signature != SIGNATURE {
        return Err(protocol("a COPY stream without its signature"));
    }
    let Some((words, _)) = rest.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let [a, b, c, d, extension @ ..] = *words;
    if u32::from_be_bytes([a, b, c, d]) & CRITICAL_FLAGS != 0 {
        return Err(protocol("a COPY stream with flags that must not be ignored"));
    }
    let length = 19 + u32::from_be_bytes(extension) as usize;
    Ok((bytes.len() >= length).then_some(length))
}

#[cfg(test)]
mod tests;
