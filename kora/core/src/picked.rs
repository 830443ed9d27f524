//! Rows picked out of a stream by their positions, to be shown to a person: short values as text, long ones in files.
//!
//! One row at a time leaves the reader, and a long value goes from the reader's buffer straight to its file: nothing of
//! it is held here, however large it is.

use crate::canon::{display, DecodedCell};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::rows::{Flow, RowReader};
use ring::digest::{Context, SHA256};
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A value of more bytes than this goes to a file.
pub const LONG_VALUE_BYTES: usize = 1 << 20;
/// So do those with which a row's other values would be more than this: a row's text stays below what its readers take.
const INLINE_ROW_BYTES: usize = 4 << 20;
/// Bytes hashed and written at once.
const PIECE_BYTES: usize = 1 << 20;

/// A value that lies in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    /// The file's name within its folder.
    pub name: String,
    /// Its length: that of the text, or of the bytes where the value is no text.
    pub byte_count: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// A picked value: its kind with its text, or with the file that has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PickedValue {
    /// As a person reads it; bytes in hex.
    Shown(DecodedCell),
    /// Too long for that.
    Aside(&'static str, Aside),
}

/// Where long values go. The folder is made, with mode 0700, when the first one comes.
pub struct AsideFolder {
    /// The folder.
    pub folder: PathBuf,
    /// What the files' names begin with: `{stem}-{row}-{column}`, both from 0.
    pub stem: String,
}

/// Gives the rows at ascending positions, one at a time.
pub struct PickedRows {
    reader: Box<dyn RowReader>,
    wanted: std::vec::IntoIter<u64>,
    ordinal: u64,
    aside: AsideFolder,
}

impl PickedRows {
    /// Rows at these positions, from 0 and ascending.
    pub fn new(reader: Box<dyn RowReader>, ordinals: Vec<u64>, aside: AsideFolder) -> Self {
        Self {
            reader,
            wanted: ordinals.into_iter(),
            ordinal: 0,
            aside,
        }
    }

    /// The next of the rows; `None` after the last, or where the stream ends before it.
    ///
    /// # Errors
    /// The reader's; `File` where a long value cannot be written.
    pub fn next_row(&mut self) -> Result<Option<Vec<PickedValue>>> {
        let Some(wanted) = self.wanted.next() else {
            return Ok(None);
        };
        let (ordinal, aside) = (&mut self.ordinal, &self.aside);
        let mut found = None;
        while found.is_none() {
            let more = self.reader.pump(&mut |cells: &[Cell<'_>]| {
                if *ordinal == wanted {
                    found = Some(aside.row(wanted, cells)?);
                }
                *ordinal += 1;
                Ok(if found.is_some() { Flow::Pause } else { Flow::Continue })
            })?;
            if !more {
                break;
            }
        }
        Ok(found)
    }
}

impl AsideFolder {
    fn row(&self, ordinal: u64, cells: &[Cell<'_>]) -> Result<Vec<PickedValue>> {
        let mut shown_bytes = 0;
        let mut row = Vec::with_capacity(cells.len());
        for (column, cell) in cells.iter().enumerate() {
            let size = stored_bytes(cell).map_or(0, <[u8]>::len);
            if size > LONG_VALUE_BYTES || shown_bytes + size > INLINE_ROW_BYTES {
                row.push(self.put(cell, format!("{}-{ordinal}-{column}", self.stem))?);
            } else {
                shown_bytes += size;
                row.push(PickedValue::Shown(display(cell)));
            }
        }
        Ok(row)
    }

    fn put(&self, cell: &Cell<'_>, name: String) -> Result<PickedValue> {
        let path = self.folder.join(&name);
        let problem = |source| Error::File {
            path: path.clone(),
            source,
        };
        let text;
        let bytes = match cell {
            // As their text, which is what is shown of short ones.
            Cell::Bit { .. } | Cell::Structured { .. } | Cell::Geometry { .. } => {
                text = display(cell).1.unwrap_or_default();
                text.as_bytes()
            }
            other => stored_bytes(other).unwrap_or_default(),
        };
        let sha256 = write_hashed(&self.folder, &path, bytes).map_err(problem)?;
        let aside = Aside {
            name,
            byte_count: bytes.len() as u64,
            sha256,
        };
        Ok(PickedValue::Aside(cell.kind(), aside))
    }
}

/// A file that its owner alone may read, in a folder of the same kind; its SHA-256.
fn write_hashed(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<[u8; 32]> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    let mut hash = Context::new(&SHA256);
    for piece in bytes.chunks(PIECE_BYTES) {
        hash.update(piece);
        file.write_all(piece)?;
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    Ok(digest)
}

/// The bytes of a value that can be long, where they lie.
fn stored_bytes<'a>(cell: &Cell<'a>) -> Option<&'a [u8]> {
    match *cell {
        Cell::Text(text) | Cell::Json(text) | Cell::Enum(text) | Cell::BigDecimal(text) => Some(text.as_bytes()),
        Cell::Bytes(bytes)
        | Cell::BrokenText { bytes, .. }
        | Cell::Bit { bytes, .. }
        | Cell::Structured { body: bytes, .. }
        | Cell::Geometry { wkb: bytes, .. } => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::RowSink;

    /// Rows of one long text, one long byte string and a number.
    struct Long {
        text: String,
        left: i128,
    }

    impl RowReader for Long {
        fn column_count(&self) -> usize {
            3
        }

        fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
            while self.left > 0 {
                self.left -= 1;
                let cells = [
                    Cell::Int(self.left),
                    Cell::Text(&self.text),
                    Cell::Bytes(self.text.as_bytes()),
                ];
                if sink.row(&cells)? == Flow::Pause {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }

    fn picked(text: &str, ordinals: Vec<u64>, folder: &Path) -> Vec<Vec<PickedValue>> {
        let reader = Long {
            text: text.to_owned(),
            left: 10,
        };
        let aside = AsideFolder {
            folder: folder.join("made"),
            stem: "t0".to_owned(),
        };
        let mut rows = PickedRows::new(Box::new(reader), ordinals, aside);
        std::iter::from_fn(|| rows.next_row().expect("the folder takes all")).collect()
    }

    #[test]
    fn the_rows_at_the_positions_come_one_by_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let rows = picked("a", vec![0, 3, 9, 12], folder.path());
        let numbers: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
        let shown = |text: &str| PickedValue::Shown(("integer", Some(text.to_owned())));
        assert_eq!(numbers, [shown("9"), shown("6"), shown("0")]);
        assert!(!folder.path().join("made").exists());
    }

    #[test]
    fn a_long_value_is_in_its_file_with_length_and_digest() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let text = "é".repeat(LONG_VALUE_BYTES);
        let rows = picked(&text, vec![4], folder.path());
        for (column, kind) in [(1, "text"), (2, "bytes")] {
            let path = folder.path().join("made").join(format!("t0-4-{column}"));
            assert_eq!(std::fs::read(&path).expect("written"), text.as_bytes());
            let mode = std::fs::metadata(&path).expect("written").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let mut hash = Context::new(&SHA256);
            hash.update(text.as_bytes());
            match &rows[0][column] {
                PickedValue::Aside(found, aside) => {
                    assert_eq!((*found, aside.byte_count), (kind, text.len() as u64));
                    assert_eq!(aside.sha256.as_slice(), hash.finish().as_ref());
                }
                PickedValue::Shown(_) => panic!("{kind} was shown"),
            }
        }
    }

    #[test]
    fn many_values_that_are_long_together_go_to_files_from_where_they_are_too_many() {
        let folder = tempfile::tempdir().expect("a folder");
        let aside = AsideFolder {
            folder: folder.path().to_owned(),
            stem: "t0".to_owned(),
        };
        let text = "x".repeat(LONG_VALUE_BYTES);
        let cells = vec![Cell::Text(&text); 6];
        let row = aside.row(0, &cells).expect("the folder takes all");
        let shown = row.iter().filter(|value| matches!(value, PickedValue::Shown(_)));
        assert_eq!(shown.count(), INLINE_ROW_BYTES / LONG_VALUE_BYTES);
    }
}
