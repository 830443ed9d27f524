//! What a column's values are, in one pass: kinds, ranges, lengths, and which representations they obey.
//!
//! A value itself never leaves: only counts, the ends of numeric and temporal ranges, lengths and a few shapes do.
//! The JSON that [`Survey::to_json`] writes is described in `docs/formats/survey.md`.
mod candidates;
mod column;
mod distinct;
mod numbers;
mod text;

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::rows::{Flow, RowReader};
use column::ColumnSurvey;
use serde::Serialize;

/// The JSON's `format`.
pub const SURVEY_FORMAT: &str = "kora-survey-1";

/// What was seen so far. Memory is bounded: about 100 KB a column, and one row's text.
#[derive(Serialize)]
pub struct Survey {
    format: &'static str,
    rows: u64,
    columns: Vec<ColumnSurvey>,
}

impl Survey {
    /// Of rows of so many columns.
    pub fn new(columns: usize) -> Self {
        let columns = (0..columns).map(|_| ColumnSurvey::default()).collect();
        Self {
            format: SURVEY_FORMAT,
            rows: 0,
            columns,
        }
    }

    /// Looks at one row.
    pub fn row(&mut self, cells: &[Cell<'_>]) {
        self.rows += 1;
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.observe(cell);
        }
    }

    /// The survey as JSON.
    pub fn to_json(mut self) -> Result<String> {
        self.columns.iter_mut().for_each(ColumnSurvey::finish);
        serde_json::to_string(&self).map_err(|error| Error::Usage(format!("a survey that is no JSON: {error}")))
    }
}

/// Surveys a whole stream.
pub fn survey(reader: &mut dyn RowReader) -> Result<Survey> {
    let mut survey = Survey::new(reader.column_count());
    let mut sink = |cells: &[Cell<'_>]| {
        survey.row(cells);
        Ok(Flow::Continue)
    };
    while reader.pump(&mut sink)? {}
    Ok(survey)
}

#[cfg(test)]
mod tests;
