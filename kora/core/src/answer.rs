//! What a query answered, as digests: the same query on two engines is compared without its rows ever meeting.
//!
//! Each answer is digested twice. *Exact*: KCF-1 cells, so that 1 and 1.0 agree and 1.0 as a float does not. *Plain*: what
//! a person reads, for engines that lack a kind: a float as its shortest decimal, a boolean as 0 or 1, dates, times,
//! UUIDs, JSON and labels as their text, an instant without its zone. Either as a set (order-free) and as a sequence over
//! the columns that ORDER BY names: rows that tie there may come in any order.

use crate::canon::{close_row, display, encode_cell, open_row};
use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::keys::{DigestKey, Purpose, SecretKey};
use crate::set_hash::{Digest, SetSum};

/// The most columns of an answer.
pub const COLUMNS_LIMIT: usize = 4096;

/// One reading of an answer: its rows as a set, and its ordered columns as a sequence.
struct Reading {
    set: SetSum,
    sequence: blake3::Hasher,
    row: Vec<u8>,
    ordered: Vec<u8>,
}

impl Reading {
    fn new(key: &SecretKey) -> Self {
        Self {
            set: SetSum::default(),
            sequence: blake3::Hasher::new_keyed(key),
            row: Vec::new(),
            ordered: Vec::new(),
        }
    }

    /// Takes a row whose cells stand behind each other in `row`, each ending where `ends` says.
    fn close(&mut self, key: &SecretKey, order: &[usize], ends: &[usize], start: usize) -> Result<()> {
        close_row(start, &mut self.row)?;
        self.set.add(blake3::keyed_hash(key, &self.row).as_bytes());
        self.ordered.clear();
        let opened = open_row(&mut self.ordered);
        for column in order {
            let from = if *column == 0 { start } else { ends[column - 1] };
            self.ordered.extend_from_slice(&self.row[from..ends[*column]]);
        }
        close_row(opened, &mut self.ordered)?;
        self.sequence.update(&self.ordered);
        Ok(())
    }

    fn finish(&self, key: &SecretKey, rows: u64) -> (Digest, Digest) {
        let mut set = blake3::Hasher::new_keyed(key);
        set.update(&rows.to_le_bytes()).update(&self.set.to_bytes());
        (*set.finalize().as_bytes(), *self.sequence.finalize().as_bytes())
    }
}

/// Digests the rows of one answer as they come.
pub struct AnswerPass {
    key: SecretKey,
    order: Vec<usize>,
    exact: Reading,
    plain: Reading,
    kinds: Vec<Vec<&'static str>>,
    rows: u64,
    ends: Vec<usize>,
    scratch: String,
}

/// What is left of an answer.
pub struct Answer {
    /// Rows, equal ones too.
    pub rows: u64,
    /// Per column the kinds of its values, NULL left out, sorted.
    pub kinds: Vec<Vec<&'static str>>,
    /// The rows as a set, and the ordered columns as a sequence.
    pub exact: (Digest, Digest),
    /// The same of the plain reading.
    pub plain: (Digest, Digest),
}

impl AnswerPass {
    /// For an answer of so many columns. `order`: positions of the columns that ORDER BY names, in its order.
    ///
    /// # Errors
    /// [`Error::Limit`] for too many columns, [`Error::Usage`] for a position that is none.
    pub fn new(key: &DigestKey, columns: usize, order: Vec<usize>) -> Result<Self> {
        if columns > COLUMNS_LIMIT {
            return Err(Error::Limit(format!(
                "an answer of {columns} columns; the limit is {COLUMNS_LIMIT}"
            )));
        }
        if order.iter().any(|place| *place >= columns) {
            return Err(Error::Usage(format!(
                "an order by a column beyond the {columns} there are"
            )));
        }
        let key = key.derive(Purpose::Answer, b"");
        Ok(Self {
            exact: Reading::new(&key),
            plain: Reading::new(&key),
            key,
            order,
            kinds: vec![Vec::new(); columns],
            rows: 0,
            ends: Vec::with_capacity(columns),
            scratch: String::new(),
        })
    }

    /// One row. Gives the bytes of its canonical form.
    ///
    /// # Errors
    /// [`Error::Usage`] for a row of another width; those of [`encode_cell`].
    pub fn row(&mut self, cells: &[Cell<'_>]) -> Result<usize> {
        if cells.len() != self.kinds.len() {
            return Err(Error::Usage(format!(
                "a row of {} values in an answer of {} columns",
                cells.len(),
                self.kinds.len()
            )));
        }
        for (seen, cell) in self.kinds.iter_mut().zip(cells) {
            let kind = cell.kind();
            if !matches!(cell, Cell::Null) && !seen.contains(&kind) {
                seen.push(kind);
            }
        }
        self.read(cells, false)?;
        self.read(cells, true)?;
        self.rows += 1;
        Ok(self.exact.row.len())
    }

    fn read(&mut self, cells: &[Cell<'_>], plainly: bool) -> Result<()> {
        let reading = if plainly { &mut self.plain } else { &mut self.exact };
        reading.row.clear();
        self.ends.clear();
        let start = open_row(&mut reading.row);
        for cell in cells {
            if plainly {
                put_plain(cell, &mut self.scratch, &mut reading.row)?;
            } else {
                encode_cell(cell, &mut reading.row)?;
            }
            self.ends.push(reading.row.len());
        }
        reading.close(&self.key, &self.order, &self.ends, start)
    }

    /// The digests of all rows so far.
    pub fn finish(mut self) -> Answer {
        self.kinds.iter_mut().for_each(|kinds| kinds.sort_unstable());
        Answer {
            rows: self.rows,
            exact: self.exact.finish(&self.key, self.rows),
            plain: self.plain.finish(&self.key, self.rows),
            kinds: self.kinds,
        }
    }
}

/// A value as an engine without its kind would hold it.
fn put_plain(cell: &Cell<'_>, scratch: &mut String, out: &mut Vec<u8>) -> Result<()> {
    scratch.clear();
    match *cell {
        Cell::Bool(value) => return encode_cell(&Cell::Int(i128::from(value)), out),
        Cell::Float(0.0) => return encode_cell(&Cell::Int(0), out),
        Cell::Float(value) if value.is_finite() => {
            use std::fmt::Write as _;
            // Rust prints the shortest decimal that reads back as the same double, never with an exponent.
            let _ = write!(scratch, "{value}");
            return encode_cell(&Cell::BigDecimal(scratch), out);
        }
        Cell::Date(_)
        | Cell::Time(_)
        | Cell::Timestamp(_)
        | Cell::Uuid(_)
        | Cell::Json(_)
        | Cell::Enum(_)
        | Cell::ImpossibleDate { .. }
        | Cell::ImpossibleTimestamp { .. } => scratch.push_str(&display(cell).1.unwrap_or_default()),
        Cell::Instant(ticks) => scratch.push_str(&display(&Cell::Timestamp(ticks)).1.unwrap_or_default()),
        _ => return encode_cell(cell, out),
    }
    encode_cell(&Cell::Text(scratch), out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::Ticks;
    use proptest::prelude::*;

    fn answer(rows: &[Vec<Cell<'_>>], order: &[usize]) -> Answer {
        let key = DigestKey::new(&[7; 32]).expect("32 bytes");
        let width = rows.first().map_or(0, Vec::len);
        let mut pass = AnswerPass::new(&key, width, order.to_vec()).expect("an order");
        rows.iter().for_each(|row| {
            pass.row(row).expect("a row");
        });
        pass.finish()
    }

    #[test]
    fn kinds_that_mean_the_same_agree_plainly_and_not_exactly() {
        let moment = Ticks::from_micros(1_000_000);
        let pairs = [
            (Cell::Bool(true), Cell::Int(1)),
            (Cell::Float(0.1), Cell::BigDecimal("0.10")),
            (Cell::Float(-0.0), Cell::Int(0)),
            (Cell::Date(0), Cell::Text("1970-01-01")),
            (Cell::Timestamp(moment), Cell::Text("1970-01-01 00:00:01")),
            (Cell::Instant(moment), Cell::Timestamp(moment)),
            (Cell::Enum("a"), Cell::Text("a")),
        ];
        for (left, right) in pairs {
            let (one, two) = (answer(&[vec![left]], &[]), answer(&[vec![right]], &[]));
            assert_ne!(one.exact.0, two.exact.0, "{left:?}");
            assert_eq!(one.plain.0, two.plain.0, "{left:?}");
        }
        let exact = |cell| answer(&[vec![cell]], &[]).exact.0;
        assert_eq!(exact(Cell::Int(1)), exact(Cell::BigDecimal("1.0")));
        assert_ne!(exact(Cell::Text("1")), exact(Cell::Int(1)));
        assert_eq!(
            answer(&[vec![Cell::Null], vec![Cell::Int(1)]], &[]).kinds,
            [["integer"]]
        );
    }

    #[test]
    fn ties_may_come_in_any_order_and_keys_may_not() {
        let row = |key: i128, rest: &'static str| vec![Cell::Int(key), Cell::Text(rest)];
        let one = answer(&[row(1, "a"), row(1, "b"), row(2, "c")], &[0]);
        let two = answer(&[row(1, "b"), row(1, "a"), row(2, "c")], &[0]);
        let three = answer(&[row(2, "c"), row(1, "a"), row(1, "b")], &[0]);
        assert_eq!(one.exact, two.exact);
        assert_eq!(one.exact.0, three.exact.0);
        assert_ne!(one.exact.1, three.exact.1);
    }

    #[test]
    fn cells_do_not_run_into_each_other_nor_rows() {
        let one = answer(&[vec![Cell::Text("12"), Cell::Text("3")]], &[0, 1]);
        let two = answer(&[vec![Cell::Text("1"), Cell::Text("23")]], &[0, 1]);
        assert_ne!(one.exact, two.exact);
        let twice = answer(&[vec![Cell::Int(1)], vec![Cell::Int(1)]], &[]);
        assert_ne!(twice.exact.0, answer(&[vec![Cell::Int(1)]], &[]).exact.0);
    }

    #[test]
    fn an_order_beyond_the_columns_and_a_row_of_another_width_are_refused() {
        let key = DigestKey::new(&[7; 32]).expect("32 bytes");
        assert!(matches!(AnswerPass::new(&key, 1, vec![1]), Err(Error::Usage(_))));
        assert!(matches!(AnswerPass::new(&key, 5000, vec![]), Err(Error::Limit(_))));
        let mut pass = AnswerPass::new(&key, 1, vec![0]).expect("an order");
        assert!(matches!(pass.row(&[]), Err(Error::Usage(_))));
    }

    proptest! {
        #[test]
        fn a_set_does_not_depend_on_the_order_of_its_rows(mut values in prop::collection::vec(0_i128..5, 0..20)) {
            let rows = |values: &[i128]| values.iter().map(|value| vec![Cell::Int(*value)]).collect::<Vec<_>>();
            let before = answer(&rows(&values), &[]);
            values.reverse();
            let after = answer(&rows(&values), &[]);
            prop_assert_eq!(before.exact.0, after.exact.0);
            prop_assert_eq!(before.plain.0, after.plain.0);
        }
    }
}
