//! Lines for `LOAD DATA`, and where each ends, so that any run of rows can be handed over by itself.
use crate::cell::Cell;
use crate::error::Result;
use crate::writers::mysql_load_data::{insert_pieces, LoadDataEncoder};

/// Lines one after the other.
#[derive(Default)]
pub struct LoadDataRows {
    lines: Vec<u8>,
    ends: Vec<usize>,
}

impl LoadDataRows {
    pub(super) fn push(
        &mut self,
        encoder: &LoadDataEncoder,
        cells: &[Cell<'_>],
    ) -> std::result::Result<usize, (usize, String)> {
        let start = self.lines.len();
        encoder
            .encode_row(cells, &mut self.lines)
            .map_err(|refusal| (refusal.column, refusal.reason))?;
        self.ends.push(self.lines.len());
        Ok(self.lines.len() - start)
    }

    fn start_of(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The lines of each run, which lies within the rows.
    pub(super) fn lines(&self, runs: &[(usize, usize)]) -> Vec<&[u8]> {
        runs.iter()
            .map(|(start, stop)| &self.lines[self.start_of(*start)..self.start_of(*stop)])
            .collect()
    }

    /// The same rows as the pieces of an `INSERT`'s tuples.
    pub(super) fn tuples(&self, runs: &[(usize, usize)], converted: &[usize]) -> Result<Vec<&[u8]>> {
        let mut out = Vec::new();
        for lines in self.lines(runs) {
            insert_pieces(lines, converted, &mut out)?;
        }
        Ok(out)
    }

    /// Bytes of the longest line.
    pub(super) fn longest(&self) -> usize {
        (0..self.ends.len())
            .map(|row| self.ends[row] - self.start_of(row))
            .max()
            .unwrap_or(0)
    }
}
