//! What is done to each row of one side before it is digested or loaded: representations, policies, canonical bytes,
//! and a tally of every value that a rule read, could not read, or changed.
//!
//! A [`Profile`] is the comparison of one table pair; its JSON text comes from the caller, its digest keys the rows.
//! [`RowProgram`] gives the canonical bytes of one side's rows; [`LoadProgram`] gives the cells that the target is to
//! store, under the same rules and with the same tallies, so that a loader's count can be recounted from the source.

mod columns;
mod profile;

pub use columns::ColumnTally;
pub use profile::{ColumnPair, Profile, Rule, Side, PROFILE_FORMAT};

use crate::canon::{close_row, encode_cell, open_row, ROW_HEAD_BYTES};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::large::Gathered;
use crate::represent::{Representation, Scratch};
use crate::set_hash::Digest;
use columns::ColumnRules;

/// One side's way from stored cells to canonical bytes. Cheap where a column has no rules; reused for all rows.
#[derive(Clone, Debug)]
pub struct RowProgram {
    pairs: Vec<String>,
    /// `None` for a column that is compared as it is stored.
    columns: Vec<Option<ColumnRules>>,
    plain: bool,
    key: Vec<usize>,
    /// Where each cell of the last row began, and the row's end.
    bounds: Vec<usize>,
}

/// A cell after its rules, as it is held to be compared with another side's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedCell {
    /// Its canonical bytes; of a long one those of a byte string, its digest.
    pub bytes: Vec<u8>,
    /// The kind of a long one.
    pub long: Option<&'static str>,
}

impl RowProgram {
    /// The program of one side.
    ///
    /// # Errors
    /// `Usage` for a rule that does not exist or a key position out of range.
    pub fn new(profile: &Profile, side: Side) -> Result<Self> {
        profile.validate()?;
        let columns = profile
            .columns
            .iter()
            .map(|pair| ColumnRules::new(pair, side))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            pairs: profile.columns.iter().map(|column| column.pair.clone()).collect(),
            plain: columns.iter().all(Option::is_none),
            columns,
            key: profile.key.clone(),
            bounds: Vec::with_capacity(profile.columns.len() + 1),
        })
    }

    /// Columns in each row.
    pub fn column_count(&self) -> usize {
        self.columns.len()
    }

    /// Appends the row's KCF-1 bytes, length included, to `row`, and its key columns' canonical cells to `key`.
    ///
    /// # Errors
    /// `Usage` for a row of another width, `Limit` for values beyond the format. Both buffers then hold a part of the
    /// row and must be cut back by the caller.
    #[inline]
    pub fn encode(&mut self, cells: &[Cell<'_>], row: &mut Vec<u8>, key: &mut Vec<u8>) -> Result<()> {
        self.check_width(cells)?;
        let start = open_row(row);
        self.bounds.clear();
        if self.plain {
            for cell in cells {
                self.bounds.push(row.len());
                encode_cell(cell, row)?;
            }
        } else {
            for (cell, rules) in cells.iter().zip(&mut self.columns) {
                self.bounds.push(row.len());
                match rules {
                    None => encode_cell(cell, row)?,
                    Some(rules) => rules.common(*cell).encode(row)?,
                }
            }
        }
        self.bounds.push(row.len());
        for &position in &self.key {
            key.extend_from_slice(&row[self.bounds[position]..self.bounds[position + 1]]);
        }
        close_row(start, row)
    }

    /// Whether every column is compared as it is stored, so that a row's canonical bytes say all.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// Appends the canonical cells of the key columns of a row that a reader encoded.
    ///
    /// # Errors
    /// `Usage` for a row of another width.
    #[inline]
    pub fn key_of(&self, row: &[u8], bounds: &[usize], key: &mut Vec<u8>) -> Result<()> {
        if bounds.len() != self.columns.len() + 1 {
            return Err(self.wrong_width(bounds.len().saturating_sub(1)));
        }
        for &position in &self.key {
            key.extend_from_slice(&row[bounds[position]..bounds[position + 1]]);
        }
        Ok(())
    }

    /// Like [`Self::encode`] for a large row: long payloads of columns without rules are not copied.
    ///
    /// # Errors
    /// As for [`Self::encode`].
    pub fn gather<'a>(&mut self, cells: &[Cell<'a>], key: &mut Vec<u8>) -> Result<Gathered<'a>> {
        self.check_width(cells)?;
        let mut row = Gathered::open();
        let mut places = vec![0..0; cells.len()];
        for (position, (cell, rules)) in cells.iter().zip(&mut self.columns).enumerate() {
            let in_key = self.key.contains(&position);
            match rules {
                None if !in_key => row.push(cell)?,
                None => places[position] = row.push_whole(|out| encode_cell(cell, out))?,
                Some(rules) => places[position] = row.push_whole(|out| rules.common(*cell).encode(out))?,
            }
        }
        for &position in &self.key {
            key.extend_from_slice(row.piece(places[position].clone()));
        }
        row.close()?;
        Ok(row)
    }

    /// Replaces `out` by the canonical bytes of each column: what findings compare. Counts like [`Self::encode`].
    ///
    /// # Errors
    /// As for [`Self::encode`].
    pub fn cells_canonical(&mut self, cells: &[Cell<'_>], out: &mut Vec<Vec<u8>>) -> Result<()> {
        self.check_width(cells)?;
        out.resize_with(cells.len(), Vec::new);
        for ((cell, rules), bytes) in cells.iter().zip(&mut self.columns).zip(out) {
            bytes.clear();
            match rules {
                None => encode_cell(cell, bytes)?,
                Some(rules) => rules.common(*cell).encode(bytes)?,
            }
        }
        Ok(())
    }

    /// What findings compare of each column: its canonical bytes, or, where these are more than `limit`, a digest of
    /// them under `key`. Counts like [`Self::encode`].
    ///
    /// # Errors
    /// As for [`Self::encode`].
    pub fn cells_compared(&mut self, cells: &[Cell<'_>], limit: usize, key: &Digest) -> Result<Vec<ComparedCell>> {
        self.check_width(cells)?;
        let mut out = Vec::with_capacity(cells.len());
        for (cell, rules) in cells.iter().zip(&mut self.columns) {
            let mut gathered = Gathered::open();
            let mut kind = cell.kind();
            match rules {
                None => gathered.push(cell)?,
                Some(rules) => {
                    gathered.push_whole(|bytes| {
                        let common = rules.common(*cell);
                        kind = common.cell.kind();
                        common.encode(bytes)
                    })?;
                }
            }
            let end = gathered.byte_count();
            out.push(if end - ROW_HEAD_BYTES > limit {
                let mut stand_in = Vec::new();
                encode_cell(&Cell::Bytes(&gathered.digest(key)), &mut stand_in)?;
                ComparedCell {
                    bytes: stand_in,
                    long: Some(kind),
                }
            } else {
                ComparedCell {
                    bytes: gathered.piece(ROW_HEAD_BYTES..end).to_vec(),
                    long: None,
                }
            });
        }
        Ok(out)
    }

    /// Hands each cell to `each` after its rules, in the profile's order; gives the positions of the key's columns.
    /// Counts like [`Self::encode`].
    ///
    /// # Errors
    /// As for [`Self::encode`], and what `each` raises.
    pub fn each_common(
        &mut self,
        cells: &[Cell<'_>],
        mut each: impl FnMut(&Cell<'_>) -> Result<()>,
    ) -> Result<&[usize]> {
        self.check_width(cells)?;
        for (cell, rules) in cells.iter().zip(&mut self.columns) {
            match rules {
                None => each(cell)?,
                Some(rules) => each(&rules.common(*cell).cell)?,
            }
        }
        Ok(&self.key)
    }

    /// What the rules did so far, one entry per compared column.
    pub fn tallies(&self) -> Vec<ColumnTally> {
        self.pairs
            .iter()
            .zip(&self.columns)
            .map(|(pair, rules)| ColumnTally::new(pair, rules.as_ref()))
            .collect()
    }

    #[inline]
    fn check_width(&self, cells: &[Cell<'_>]) -> Result<()> {
        if cells.len() == self.columns.len() {
            return Ok(());
        }
        Err(self.wrong_width(cells.len()))
    }

    #[cold]
    fn wrong_width(&self, found: usize) -> Error {
        Error::Usage(format!(
            "a row of {found} columns under a profile of {}",
            self.columns.len()
        ))
    }
}

/// The way from the source's stored cells to the cells that the target is to store.
///
/// Per column: the source's representation reads, the policies change, the target's representation prints. A value
/// that the source's representation cannot read keeps its stored kind; where the target's representation cannot print
/// a value, it is stored as it is, if the target's type can hold it: that is the encoder's decision, and a row that it
/// refuses goes to quarantine. Tallies are the source side's, as [`RowProgram`] counts them.
///
/// ```
/// use kora_core::{cell::Cell, program::{LoadProgram, Profile}};
///
/// let profile = Profile::from_json(
///     r#"{"format":"kora-profile-1","pair":"t~t","key":[0],"unicode":"18.0","columns":[
///         {"pair":"id","policies":[]},
///         {"pair":"paid_on","policies":[{"rule":"zero_date_is_null"}],
///          "source":{"rule":"text_date","argument":"%Y-%m-%d"}}]}"#,
/// )?;
/// let mut program = LoadProgram::new(&profile)?;
/// let mut stored = Vec::new();
/// program.convert(&[Cell::Int(1), Cell::Text("1970-01-02")], |cells| {
///     // `cells` live until this returns: encode the row for the target here.
///     stored.extend(cells.iter().map(Cell::kind));
/// })?;
/// assert_eq!(stored, ["integer", "date"]);
/// // Column by column, without the row in between:
/// assert_eq!(program.column(1, Cell::Text("0000-00-00")), Cell::Null);
/// # Ok::<(), kora_core::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LoadProgram {
    source: RowProgram,
    targets: Vec<Option<Target>>,
    /// The converted row's memory, kept between rows; always empty here.
    row: Vec<Cell<'static>>,
}

#[derive(Clone, Debug)]
struct Target {
    representation: Representation,
    scratch: Scratch,
}

impl LoadProgram {
    /// The program of a table pair.
    ///
    /// # Errors
    /// As for [`RowProgram::new`].
    pub fn new(profile: &Profile) -> Result<Self> {
        let target = |pair: &ColumnPair| {
            let representation = pair.target.as_ref().map(Representation::parse).transpose()?;
            Ok(representation.map(|representation| Target {
                representation,
                scratch: Scratch::default(),
            }))
        };
        Ok(Self {
            source: RowProgram::new(profile, Side::Source)?,
            targets: profile.columns.iter().map(target).collect::<Result<_>>()?,
            row: Vec::with_capacity(profile.columns.len()),
        })
    }

    /// Columns in each row.
    pub fn column_count(&self) -> usize {
        self.targets.len()
    }

    /// Converts a row and hands it to `store`, whose answer is given back. Nothing is allocated per row.
    ///
    /// # Errors
    /// `Usage` for a row of another width.
    pub fn convert<R>(&mut self, cells: &[Cell<'_>], store: impl FnOnce(&[Cell<'_>]) -> R) -> Result<R> {
        self.source.check_width(cells)?;
        let mut row: Vec<Cell<'_>> = std::mem::take(&mut self.row);
        let rules = self.source.columns.iter_mut().zip(&mut self.targets);
        row.extend(
            cells
                .iter()
                .zip(rules)
                .map(|(cell, (rules, target))| stored(*cell, rules, target)),
        );
        let answer = store(&row);
        row.clear();
        // Collecting an emptied vector in place keeps its memory and ends the borrow of this row.
        self.row = row.into_iter().map(|_| Cell::Null).collect();
        Ok(answer)
    }

    /// Converts the cell of one column, by its position within the profile; a position beyond it changes nothing.
    pub fn column<'a>(&'a mut self, position: usize, cell: Cell<'a>) -> Cell<'a> {
        match (self.source.columns.get_mut(position), self.targets.get_mut(position)) {
            (Some(rules), Some(target)) => stored(cell, rules, target),
            _ => cell,
        }
    }

    /// What the rules did so far on the source's side, one entry per compared column.
    pub fn tallies(&self) -> Vec<ColumnTally> {
        self.source.tallies()
    }
}

#[inline]
fn stored<'a>(cell: Cell<'a>, rules: &'a mut Option<ColumnRules>, target: &'a mut Option<Target>) -> Cell<'a> {
    let cell = match rules {
        None => cell,
        Some(rules) => rules.common(cell).cell,
    };
    match target {
        None => cell,
        Some(target) => target.representation.print(&cell, &mut target.scratch).unwrap_or(cell),
    }
}
