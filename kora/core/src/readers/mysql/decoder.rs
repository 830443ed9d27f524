//! A row of the binary protocol, decoded where it lies in the read buffer.

use super::charsets::Charset;
use super::reply::Fields;
use super::types::{Column, ColumnKind, Physical};
use super::values::{bits, decimal, duration, geometry, inet, set, uuid, vector, Moment};
use super::wire::protocol;
use crate::canon::{encode_cell, encode_here, put_utf8, RowBuilder, StructureBuilder};
use crate::cell::{Cell, Network, Structure};
use crate::error::Result;
use crate::large::LARGE_ROW_BYTES;
use crate::rows::{Flow, RowSink};
use std::ops::Range;

/// Bits of the NULL bitmap that precede the first column's.
const NULL_BITMAP_OFFSET: usize = 2;

/// Decodes rows, one after another, without an allocation per row.
pub struct RowDecoder {
    columns: Vec<Column>,
    /// Room for a row's cells, empty between rows.
    cells: Vec<Cell<'static>>,
    /// A row's texts that had to be converted.
    texts: String,
    /// A row's bit strings, sets and addresses.
    bits: Vec<u8>,
    sets: StructureBuilder,
    patches: Vec<(usize, Patch)>,
    /// Rows go to the sink in canonical form.
    canonical: bool,
    canonical_row: RowBuilder,
}

/// A cell whose value lies in the decoder's own memory; put in place when the row is complete.
enum Patch {
    Text(Range<usize>),
    Json(Range<usize>),
    Enum(Range<usize>),
    Bits(u32, Range<usize>),
    Structured(Structure, Range<usize>),
    Inet(Range<usize>),
}

impl RowDecoder {
    /// For rows of these columns.
    pub fn new(columns: Vec<Column>) -> Self {
        Self {
            cells: Vec::with_capacity(columns.len()),
            columns,
            texts: String::new(),
            bits: Vec::new(),
            sets: StructureBuilder::default(),
            patches: Vec::new(),
            canonical: false,
            canonical_row: RowBuilder::default(),
        }
    }

    /// Whether the sink of the next rows takes them in canonical form ([`RowSink::takes_canonical`]).
    pub fn write_canonical(&mut self, wanted: bool) {
        self.canonical = wanted;
    }

    /// How many columns a row has.
    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// Decodes one row's payload and hands it to the sink.
    ///
    /// Errors: [`crate::error::Error::Protocol`] for bytes that are no such row, and what the sink raises.
    #[inline]
    pub fn row(&mut self, payload: &[u8], sink: &mut dyn RowSink) -> Result<Flow> {
        self.texts.clear();
        self.bits.clear();
        self.patches.clear();
        let mut fields = Fields(payload);
        if fields.byte()? != 0 {
            return Err(protocol("a row that does not begin with 0"));
        }
        let nulls = fields.take((self.columns.len() + NULL_BITMAP_OFFSET).div_ceil(8))?;
        let mut values = Values {
            fields,
            texts: &mut self.texts,
            bits: &mut self.bits,
            sets: &mut self.sets,
            patches: &mut self.patches,
        };
        if self.canonical && payload.len() < LARGE_ROW_BYTES {
            values.encode_row(&self.columns, nulls, &mut self.canonical_row)?;
            let (row, bounds) = self.canonical_row.close()?;
            return sink.canonical_row(row, bounds);
        }
        let mut cells: Vec<Cell<'_>> = std::mem::take(&mut self.cells);
        for (index, column) in self.columns.iter().enumerate() {
            cells.push(match is_null(nulls, index) {
                true => Cell::Null,
                false => values.value(column.physical, index, &column.kind)?,
            });
        }
        values.fields.end()?;
        for (index, patch) in &self.patches {
            cells[*index] = patch.cell(&self.texts, &self.bits);
        }
        let flow = sink.row(&cells)?;
        self.cells = recycled(cells);
        Ok(flow)
    }
}

impl Patch {
    fn cell<'m>(&self, texts: &'m str, bits: &'m [u8]) -> Cell<'m> {
        match self {
            Self::Text(range) => Cell::Text(&texts[range.clone()]),
            Self::Json(range) => Cell::Json(&texts[range.clone()]),
            Self::Enum(range) => Cell::Enum(&texts[range.clone()]),
            Self::Bits(length, range) => Cell::Bit {
                bits: *length,
                bytes: &bits[range.clone()],
            },
            Self::Structured(structure, range) => Cell::Structured {
                structure: *structure,
                body: &bits[range.clone()],
            },
            Self::Inet(range) => Cell::Network {
                kind: Network::Inet,
                prefix: (range.len() * 8) as u8,
                address: &bits[range.clone()],
            },
        }
    }
}

/// Whether the bitmap says so; it is as long as the columns need.
#[inline(always)]
fn is_null(nulls: &[u8], index: usize) -> bool {
    let place = index + NULL_BITMAP_OFFSET;
    nulls[place / 8] >> (place % 8) & 1 == 1
}

/// Empties a row and gives its memory back for the next: `collect` builds in place where sizes agree.
#[inline(always)]
fn recycled(mut cells: Vec<Cell<'_>>) -> Vec<Cell<'static>> {
    cells.clear();
    cells.into_iter().map(|_| Cell::Null).collect()
}

/// What is left of a row, and where values go that cannot stay where they lie.
struct Values<'a, 'm> {
    fields: Fields<'a>,
    texts: &'m mut String,
    bits: &'m mut Vec<u8>,
    sets: &'m mut StructureBuilder,
    patches: &'m mut Vec<(usize, Patch)>,
}

impl<'a> Values<'a, '_> {
    /// All values of a row, from the wire to canonical bytes.
    fn encode_row(&mut self, columns: &[Column], nulls: &[u8], row: &mut RowBuilder) -> Result<()> {
        row.open();
        for (index, column) in columns.iter().enumerate() {
            let out = row.cell();
            match is_null(nulls, index) {
                true => encode_here(&Cell::Null, out)?,
                false => self.encode(index, column, out)?,
            }
        }
        self.fields.end()
    }

    /// Appends a value's canonical cell; for the usual kinds without a cell in memory.
    #[inline(always)]
    fn encode(&mut self, index: usize, column: &Column, out: &mut Vec<u8>) -> Result<()> {
        macro_rules! known {
            ($($physical:pat => $same:expr),*) => {
                match (column.physical, &column.kind) {
                    $(($physical, kind) => encode_here(&self.value($same, index, kind)?, out),)*
                    (Physical::Moment, ColumnKind::Date) => encode_here(&Moment::read(&mut self.fields)?.date(), out),
                    (Physical::Moment, ColumnKind::Timestamp) => {
                        encode_here(&Moment::read(&mut self.fields)?.timestamp(Cell::Timestamp), out)
                    }
                    (Physical::String, ColumnKind::Text(Charset::Utf8)) => {
                        let bytes = self.bytes()?;
                        match put_utf8(bytes, out) {
                            true => Ok(()),
                            false => encode_cell(&Charset::Utf8.broken(bytes), out),
                        }
                    }
                    (Physical::String, ColumnKind::Decimal) => encode_here(&decimal(self.bytes()?)?, out),
                    (physical, kind) => {
                        let cell = self.value(physical, index, kind)?;
                        match self.patches.pop() {
                            Some((_, patch)) => encode_cell(&patch.cell(self.texts, self.bits), out),
                            None => encode_cell(&cell, out),
                        }
                    }
                }
            };
        }
        known!(
            Physical::Int1 { unsigned: false } => Physical::Int1 { unsigned: false },
            Physical::Int2 { unsigned: false } => Physical::Int2 { unsigned: false },
            Physical::Int4 { unsigned: false } => Physical::Int4 { unsigned: false },
            Physical::Int8 { unsigned: false } => Physical::Int8 { unsigned: false },
            Physical::Float8 => Physical::Float8
        )
    }

    #[inline(always)]
    fn bytes(&mut self) -> Result<&'a [u8]> {
        self.fields.string()?.ok_or_else(|| protocol("a NULL within a row"))
    }

    #[inline(always)]
    fn value(&mut self, physical: Physical, index: usize, kind: &ColumnKind) -> Result<Cell<'a>> {
        let fields = &mut self.fields;
        Ok(match physical {
            Physical::Int1 { unsigned: false } => Cell::Int(i8::from_le_bytes(fields.array()?).into()),
            Physical::Int1 { unsigned: true } => Cell::Int(u8::from_le_bytes(fields.array()?).into()),
            Physical::Int2 { unsigned: false } => Cell::Int(i16::from_le_bytes(fields.array()?).into()),
            Physical::Int2 { unsigned: true } => Cell::Int(u16::from_le_bytes(fields.array()?).into()),
            Physical::Int4 { unsigned: false } => Cell::Int(i32::from_le_bytes(fields.array()?).into()),
            Physical::Int4 { unsigned: true } => Cell::Int(u32::from_le_bytes(fields.array()?).into()),
            Physical::Int8 { unsigned: false } => Cell::Int(i64::from_le_bytes(fields.array()?).into()),
            Physical::Int8 { unsigned: true } => Cell::Int(u64::from_le_bytes(fields.array()?).into()),
            Physical::Float4 => Cell::Float(f32::from_le_bytes(fields.array()?).into()),
            Physical::Float8 => Cell::Float(f64::from_le_bytes(fields.array()?)),
            Physical::Duration => duration(fields)?,
            Physical::Moment => {
                let moment = Moment::read(fields)?;
                match kind {
                    ColumnKind::Date => moment.date(),
                    ColumnKind::Instant => moment.timestamp(Cell::Instant),
                    _ => moment.timestamp(Cell::Timestamp),
                }
            }
            Physical::String => return self.string(index, kind),
            Physical::Nothing => return Err(protocol("a value in a column of nothing but NULL")),
        })
    }

    #[inline(always)]
    fn string(&mut self, index: usize, kind: &ColumnKind) -> Result<Cell<'a>> {
        let bytes = self.bytes()?;
        Ok(match kind {
            ColumnKind::Text(charset) => self.text(index, charset, bytes, Cell::Text, Patch::Text),
            ColumnKind::Decimal => decimal(bytes)?,
            ColumnKind::Bytes => Cell::Bytes(bytes),
            ColumnKind::Json(charset) => self.text(index, charset, bytes, Cell::Json, Patch::Json),
            ColumnKind::Enum(_) if bytes.is_empty() => Cell::Int(0),
            ColumnKind::Enum(charset) => self.text(index, charset, bytes, Cell::Enum, Patch::Enum),
            ColumnKind::MarkedEnum(charset) => match bytes {
                [b'1', label @ ..] => self.text(index, charset, label, Cell::Enum, Patch::Enum),
                [b'0'] => Cell::Int(0),
                _ => return Err(protocol("an enumeration's value without its mark")),
            },
            ColumnKind::Uuid => uuid(bytes)?,
            ColumnKind::Geometry => geometry(bytes)?,
            ColumnKind::Inet => {
                let start = self.bits.len();
                inet(bytes, self.bits)?;
                self.patches.push((index, Patch::Inet(start..self.bits.len())));
                Cell::Null // until the whole row is decoded
            }
            ColumnKind::Set(charset) => return self.set(index, charset, bytes),
            ColumnKind::Vector => {
                let start = self.bits.len();
                vector(bytes, self.sets, self.bits)?;
                self.patches
                    .push((index, Patch::Structured(Structure::List, start..self.bits.len())));
                Cell::Null // until the whole row is decoded
            }
            ColumnKind::Bit(length) => {
                let start = self.bits.len();
                bits(*length, bytes, self.bits)?;
                self.patches.push((index, Patch::Bits(*length, start..self.bits.len())));
                Cell::Null // until the whole row is decoded
            }
            _ => return Err(protocol("a byte string where its type has none")),
        })
    }

    fn set(&mut self, index: usize, charset: &Charset, bytes: &'a [u8]) -> Result<Cell<'a>> {
        let (text_start, start) = (self.texts.len(), self.bits.len());
        let labels = match charset.borrowed(bytes) {
            Some(text) => text,
            None if charset.decode(bytes, self.texts) => &self.texts[text_start..],
            None => {
                self.texts.truncate(text_start);
                return Ok(charset.broken(bytes));
            }
        };
        set(labels, self.sets, self.bits)?;
        self.patches
            .push((index, Patch::Structured(Structure::Set, start..self.bits.len())));
        Ok(Cell::Null) // until the whole row is decoded
    }

    #[inline(always)]
    fn text(
        &mut self,
        index: usize,
        charset: &Charset,
        bytes: &'a [u8],
        cell: fn(&'a str) -> Cell<'a>,
        patch: fn(Range<usize>) -> Patch,
    ) -> Cell<'a> {
        match charset.borrowed(bytes) {
            Some(text) => cell(text),
            None => self.converted(index, charset, bytes, patch),
        }
    }

    fn converted(
        &mut self,
        index: usize,
        charset: &Charset,
        bytes: &'a [u8],
        patch: fn(Range<usize>) -> Patch,
    ) -> Cell<'a> {
        let start = self.texts.len();
        if !charset.decode(bytes, self.texts) {
            self.texts.truncate(start);
            return charset.broken(bytes);
        }
        self.patches.push((index, patch(start..self.texts.len())));
        Cell::Null // until the whole row is decoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::readers::mysql::reply::ColumnDefinition;
    use proptest::prelude::*;

    fn decoder(columns: &[(&str, u8)]) -> RowDecoder {
        let columns = columns.iter().enumerate().map(|(position, (name, type_code))| {
            let definition = ColumnDefinition {
                collation: 63,
                length: 10,
                type_code: *type_code,
                flags: 0,
            };
            Column::new(position, &ColumnKind::from_name(name).unwrap(), &definition).unwrap()
        });
        RowDecoder::new(columns.collect())
    }

    const EVERY_KIND: &[(&str, u8)] = &[
        ("integer", 1),
        ("integer", 8),
        ("text:latin1", 253),
        ("decimal", 246),
        ("float", 4),
        ("float", 5),
        ("bit(10)", 16),
        ("date", 10),
        ("time", 11),
        ("datetime", 12),
        ("timestamp", 7),
        ("json:utf8mb4", 252),
        ("bytes", 252),
        ("enum:utf8mb4", 254),
        ("marked enum:utf16", 254),
        ("uuid", 254),
        ("text:gbk", 253),
        ("set:latin1", 254),
        ("inet", 254),
        ("geometry", 255),
    ];

    #[test]
    fn values_stay_beside_each_other_whether_converted_or_not() {
        let mut decoder = decoder(&[
            ("text:latin1", 253),
            ("text:latin1", 253),
            ("bit(3)", 16),
            ("enum:utf8mb4", 254),
        ]);
        let payload = b"\x00\x00\x03caf\x02\xe9\xe8\x01\x05\x00";
        let mut seen = false;
        let mut sink = |cells: &[Cell<'_>]| {
            let bits = Cell::Bit {
                bits: 3,
                bytes: &[0xa0],
            };
            assert_eq!(cells, [Cell::Text("caf"), Cell::Text("éè"), bits, Cell::Int(0)]);
            seen = true;
            Ok(Flow::Continue)
        };
        decoder.row(payload, &mut sink).unwrap();
        assert!(seen);
    }

    #[test]
    fn text_that_its_set_cannot_decode_keeps_its_bytes() {
        let mut decoder = decoder(&[("text:utf8mb4", 253), ("text:cp1251", 253)]);
        let mut sink = |cells: &[Cell<'_>]| {
            let broken = |bytes, charset| Cell::BrokenText { bytes, charset };
            assert_eq!(cells, [broken(b"\xff", "utf8"), broken(b"a\x98", "cp1251")]);
            Ok(Flow::Continue)
        };
        decoder.row(b"\x00\x00\x01\xff\x02a\x98", &mut sink).unwrap();
    }

    #[test]
    fn sets_addresses_and_geometries_are_cells_of_their_own() {
        let mut decoder = decoder(&[
            ("set:latin1", 254),
            ("set:latin1", 254),
            ("inet", 254),
            ("geometry", 255),
            ("vector", 242),
        ]);
        let mut sink = |cells: &[Cell<'_>]| {
            let shown: Vec<_> = cells.iter().map(|cell| crate::canon::display(cell)).collect();
            assert_eq!((shown[0].0, shown[1].0), ("set", "set"));
            assert_ne!(shown[0].1, shown[1].1);
            assert!(matches!(cells[2], Cell::Network { prefix: 128, .. }));
            assert!(matches!(
                cells[3],
                Cell::Geometry {
                    srid: 4326,
                    wkb: [1, 2]
                }
            ));
            assert_eq!(shown[4].1.as_deref(), Some("[1.0,-2.5]"));
            Ok(Flow::Continue)
        };
        let payload = b"\x00\x00\x03a,\xe9\x00\x03::1\x06\xe6\x10\0\0\x01\x02\x08\0\0\x80\x3f\0\0\x20\xc0";
        decoder.row(payload, &mut sink).unwrap();
        let cut = b"\x00\x00\x00\x00\x03::1\x06\xe6\x10\0\0\x01\x02\x03\0\0\x80";
        assert!(decoder.row(cut, &mut sink).is_err());
    }

    /// Canonical rows, whether a reader wrote them or its cells are to be encoded; the bounds behind each.
    struct Canonical(Vec<(Vec<u8>, Vec<usize>)>);

    impl RowSink for Canonical {
        fn row(&mut self, cells: &[Cell<'_>]) -> Result<Flow> {
            let mut built = RowBuilder::default();
            built.open();
            for cell in cells {
                encode_cell(cell, built.cell())?;
            }
            let (row, bounds) = built.close()?;
            self.canonical_row(row, bounds)
        }

        fn canonical_row(&mut self, row: &[u8], bounds: &[usize]) -> Result<Flow> {
            self.0.push((row.to_vec(), bounds.to_vec()));
            Ok(Flow::Continue)
        }
    }

    type Rows = Vec<(Vec<u8>, Vec<usize>)>;

    fn canonical(columns: &[(&str, u8)], payload: &[u8], written: bool) -> (Rows, Option<String>) {
        let mut decoder = decoder(columns);
        decoder.write_canonical(written);
        let mut sink = Canonical(Vec::new());
        let failure = decoder.row(payload, &mut sink).err().map(|error| error.to_string());
        (sink.0, failure)
    }

    #[test]
    fn a_row_of_every_kind_written_in_canonical_form_is_what_its_cells_encode_to() {
        let kinds = [
            ("integer", 1),
            ("integer", 2),
            ("integer", 3),
            ("integer", 8),
            ("text:utf8mb4", 253),
            ("decimal", 246),
            ("float", 4),
            ("float", 5),
            ("bit(10)", 16),
            ("date", 10),
            ("date", 10),
            ("datetime", 12),
            ("timestamp", 7),
            ("time", 11),
            ("text:latin1", 253),
            ("text:utf8mb4", 253),
            ("set:latin1", 254),
            ("enum:utf8mb4", 254),
            ("integer", 8),
        ]; // the last one is NULL
        let payload = [
            b"\x00\x00\x00\x10\xff\xfe\xff\xfd\xff\xff\xff\x2a\x00\x00\x00\x00\x00\x00\x80\x04\xc3\xa9tt\x05-1.50".as_slice(),
            b"\x00\x00\x80\x3f\x00\x00\x00\x00\x00\x00\xf0\x3f\x02\x02\x01\x04\xe4\x07\x02\x1d\x04\xe4\x07\x02\x1f",
            b"\x07\xe4\x07\x02\x1d\x0a\x00\x01\x00\x08\x01\x01\x00\x00\x00\x02\x03\x04\x03caf\x02\xff\xfe\x03a,\xe9\x00",
        ]
        .concat();
        let whole = canonical(&kinds, &payload, false);
        assert_eq!((whole.0.len(), &whole.1), (1, &None));
        assert_eq!(canonical(&kinds, &payload, true), whole);
        for cut in 0..payload.len() {
            let (rows, failure) = canonical(&kinds, &payload[..cut], true);
            assert!(rows.is_empty() && failure.is_some(), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_any_content_are_written_as_their_cells_are(
            kinds in proptest::collection::vec(prop::sample::select(EVERY_KIND), 1..4),
            rest in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let payload = [&[0, 0], rest.as_slice()].concat();
            prop_assert_eq!(canonical(&kinds, &payload, true), canonical(&kinds, &payload, false));
        }

        #[test]
        fn a_decimal_of_any_digits_is_the_same_number_on_both_of_its_ways(
            whole in "[0-9]{1,30}", behind in "(\\.[0-9]{1,20})?", minus in "-?",
        ) {
            let text = format!("{minus}{whole}{behind}");
            let (mut by_digits, mut by_text) = (Vec::new(), Vec::new());
            encode_cell(&decimal(text.as_bytes()).unwrap(), &mut by_digits).unwrap();
            encode_cell(&Cell::BigDecimal(&text), &mut by_text).unwrap();
            prop_assert_eq!(by_digits, by_text, "{}", text);
        }

        #[test]
        fn bytes_that_are_no_row_are_an_error_and_never_a_panic(
            nulls in any::<[u8; 3]>(),
            rest in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut payload = vec![0];
            payload.extend(nulls);
            payload.extend(rest);
            let mut decoder = decoder(EVERY_KIND);
            let outcome = decoder.row(&payload, &mut |_: &[Cell<'_>]| Ok(Flow::Continue));
            let fair = matches!(outcome, Ok(_) | Err(Error::Protocol { .. }));
            prop_assert!(fair, "{:?}", outcome);
        }

        #[test]
        fn a_row_cut_anywhere_is_a_protocol_violation(cut in 0..40_usize) {
            let payload = b"\x00\x00\x00\x2a\x00\x00\x00\x00\x00\x00\x00\x01\x04text\x07\xe4\x07\x02\x1d\x0a\x00\x01\x041.50\x02\x02\x01";
            let kinds = [("integer", 8), ("integer", 1), ("text:utf8mb4", 253), ("datetime", 12), ("decimal", 246),
                ("bit(10)", 16), ("bytes", 252)];
            let whole = kinds.map(|kind| kind);
            let mut decoder = decoder(&whole);
            let mut payload = payload.to_vec();
            payload.extend(b"\x01z");
            payload.truncate(cut.min(payload.len() - 1));
            let outcome = decoder.row(&payload, &mut |_: &[Cell<'_>]| Ok(Flow::Continue));
            let refused = matches!(outcome, Err(Error::Protocol { .. }));
            prop_assert!(refused, "{:?}", outcome);
        }
    }
}
