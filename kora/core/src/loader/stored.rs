//! Rows for SQLite, owned until they are inserted, and refused where SQLite's storage would not give them back.
use crate::cell::Cell;
use crate::error::Result;
use crate::readers::sqlite::SqliteConnection;
use crate::writers::sqlite::SqliteWriter;

/// A value of one of SQLite's storage classes; text and bytes are places in the rows' one buffer.
enum Stored {
    Null,
    Int(i64),
    Float(f64),
    Text(usize, usize),
    Bytes(usize, usize),
}

/// What a declared type does to a value, as SQLite's documentation on type affinity says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Affinity {
    Text,
    Number,
    None,
}

/// Owned rows.
pub struct StoredRows {
    declared: Vec<String>,
    affinities: Vec<Affinity>,
    cells: Vec<Stored>,
    bytes: Vec<u8>,
}

impl StoredRows {
    pub(super) fn new(declared: &[String]) -> Self {
        let affinities = declared.iter().map(|name| affinity(name)).collect();
        Self { declared: declared.to_vec(), affinities, cells: Vec::new(), bytes: Vec::new() }
    }

    pub(super) fn push(&mut self, cells: &[Cell<'_>]) -> std::result::Result<usize, (usize, String)> {
        let (cells_before, bytes_before) = (self.cells.len(), self.bytes.len());
        for (column, cell) in cells.iter().enumerate() {
            let affinity = self.affinities.get(column).copied().unwrap_or(Affinity::None);
            match self.store(cell, affinity) {
                Ok(stored) => self.cells.push(stored),
                Err(reason) => {
                    self.cells.truncate(cells_before);
                    self.bytes.truncate(bytes_before);
                    return Err((column, reason));
                }
            }
        }
        Ok(self.bytes.len() - bytes_before + cells.len() * std::mem::size_of::<Stored>())
    }

    fn store(&mut self, cell: &Cell<'_>, affinity: Affinity) -> std::result::Result<Stored, String> {
        let number = |stored: Stored| match affinity {
            Affinity::Text => Err("a number, which a TEXT column stores as text".to_owned()),
            Affinity::Number | Affinity::None => Ok(stored),
        };
        match cell {
            Cell::Null => Ok(Stored::Null),
            Cell::Int(_) | Cell::Decimal { .. } => number(Stored::Int(whole(cell)?)),
            Cell::Float(value) if value.is_nan() => Err("SQLite stores NaN as NULL".to_owned()),
            Cell::Float(value) => number(Stored::Float(*value)),
            Cell::Text(text) if affinity == Affinity::Number && looks_numeric(text) => {
                Err("text, which a column of numbers stores as a number".to_owned())
            }
            Cell::Text(text) => Ok(self.keep(text.as_bytes(), Stored::Text)),
            Cell::Bytes(bytes) => Ok(self.keep(bytes, Stored::Bytes)),
            other => Err(format!("SQLite has no storage class for the kind {}", other.kind())),
        }
    }

    fn keep(&mut self, bytes: &[u8], place: impl Fn(usize, usize) -> Stored) -> Stored {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        place(start, self.bytes.len())
    }

    fn cell(&self, stored: &Stored) -> Cell<'_> {
        match stored {
            Stored::Null => Cell::Null,
            Stored::Int(value) => Cell::Int(i128::from(*value)),
            Stored::Float(value) => Cell::Float(*value),
            Stored::Bytes(start, end) => Cell::Bytes(&self.bytes[*start..*end]),
            Stored::Text(start, end) => {
                let bytes = &self.bytes[*start..*end];
                // The bytes came from a `str`; the other arm is there because checking is cheap.
                std::str::from_utf8(bytes).map_or(Cell::BrokenText { bytes, charset: "utf8" }, Cell::Text)
            }
        }
    }

    /// Inserts row by row; the refused ones by their index, with the reason.
    pub(super) fn insert(&self, connection: &SqliteConnection, insert_sql: &str) -> Result<Vec<(usize, String)>> {
        let mut writer = SqliteWriter::prepare(connection, insert_sql)?.declared(&self.declared);
        let mut refused = Vec::new();
        for (index, row) in self.cells.chunks(self.declared.len().max(1)).enumerate() {
            let cells: Vec<Cell<'_>> = row.iter().map(|stored| self.cell(stored)).collect();
            if let Some(reason) = writer.insert(&cells)? {
                refused.push((index, reason));
            }
        }
        Ok(refused)
    }
}

/// Section 3.1 of SQLite's "Datatypes In SQLite": the first rule that a declared type's name matches.
fn affinity(declared: &str) -> Affinity {
    let upper = declared.to_ascii_uppercase();
    let has = |word: &str| upper.contains(word);
    if has("INT") {
        Affinity::Number
    } else if has("CHAR") || has("CLOB") || has("TEXT") {
        Affinity::Text
    } else if upper.is_empty() || has("BLOB") {
        Affinity::None
    } else {
        Affinity::Number
    }
}

/// Whether a numeric affinity would take this text for a number: an optional sign, digits, point and exponent between
/// blanks.
fn looks_numeric(text: &str) -> bool {
    let blanks = [' ', '\t', '\n', '\u{b}', '\u{c}', '\r'];
    let body = text.trim_matches(&blanks[..]);
    let body = body.strip_prefix(['+', '-']).unwrap_or(body);
    body.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && body.ends_with(|last: char| last.is_ascii_digit() || last == '.')
        && body.parse::<f64>().is_ok()
}

fn whole(cell: &Cell<'_>) -> std::result::Result<i64, String> {
    let outside = || "no 64-bit integer equals this number".to_owned();
    match *cell {
        Cell::Int(value) => i64::try_from(value).map_err(|_| outside()),
        Cell::Decimal { negative, coefficient, scale } => {
            let divisor = 10u128.checked_pow(scale).filter(|divisor| coefficient % divisor == 0).or_else(|| {
                // Zero is whole at any scale.
                (coefficient == 0).then_some(1)
            });
            let magnitude = i128::try_from(coefficient / divisor.ok_or_else(outside)?).map_err(|_| outside())?;
            i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| outside())
        }
        _ => Err(outside()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_a_number_column_would_turn_into_a_number_is_refused() {
        let mut rows = StoredRows::new(&["INTEGER".to_owned()]);
        for text in ["007", " 12 ", "-1.5", "1e3", ".5", "5."] {
            assert!(rows.push(&[Cell::Text(text)]).is_err(), "{text:?}");
        }
        for text in ["", "abc", "12a", "0x10", "nan", "inf", "1 2", "-"] {
            assert!(rows.push(&[Cell::Text(text)]).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn a_refused_row_leaves_nothing_behind() {
        let mut rows = StoredRows::new(&["TEXT".to_owned(), "TEXT".to_owned()]);
        assert_eq!(rows.push(&[Cell::Text("kept nowhere"), Cell::Int(1)]).map_err(|refusal| refusal.0), Err(1));
        assert!(rows.cells.is_empty() && rows.bytes.is_empty());
    }

    #[test]
    fn whole_decimals_are_integers_and_others_are_not() {
        let decimal = |coefficient, scale| Cell::Decimal { negative: true, coefficient, scale };
        assert_eq!(whole(&decimal(1500, 2)), Ok(-15));
        assert!(whole(&decimal(1501, 2)).is_err());
        assert_eq!(whole(&Cell::Decimal { negative: false, coefficient: 0, scale: 60 }), Ok(0));
        assert_eq!(whole(&Cell::Decimal { negative: true, coefficient: 1 << 63, scale: 0 }), Ok(i64::MIN));
    }
}
