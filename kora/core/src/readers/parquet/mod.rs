//! Parquet files, page by page and value by value, in memory that does not grow with pages or row groups.
//!
//! What a file holds is known beforehand: DuckDB has read its schema, and the caller passes DuckDB's types. Columns
//! without parts are read; [`ParquetRows::open`] refuses everything else as `Unsupported`, and then DuckDB reads it.
//! [`footer`] says where the columns lie, [`page`] and [`codec`] open pages as streams, [`runs`] and [`delta`] decode
//! numbers, [`dictionary`] holds repeated values, [`column`] puts values
//! together, [`value`] makes cells of them. Format: github.com/apache/parquet-format.
//! Files may be anybody's: every length is held against the file's before it is believed, and a value has at most 1 GiB.
pub mod blocks;
pub mod codec;
pub mod column;
pub mod delta;
pub mod dictionary;
pub mod footer;
pub mod page;
pub mod place;
pub mod runs;
pub mod thrift;
pub mod value;

use crate::cell::Cell;
use crate::error::{Error, Result};
use crate::large;
use crate::readers::arrow::types::DuckType;
use crate::rows::{Flow, RowReader, RowSink};
use column::{Column, ENCODINGS};
use footer::{Footer, Refusal};
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use value::Kind;

/// Neighbouring rows of a file by their numbers from 0: the first, and the one behind the last.
pub type Span = (u64, u64);

/// A file to be read: all its rows, or some in ascending order.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where it is.
    pub path: PathBuf,
    /// Which rows; `None` for all.
    pub spans: Option<Vec<Span>>,
}

/// A file whose footer was read.
struct Known {
    path: PathBuf,
    stamp: Stamp,
    footer: Footer,
    kinds: Vec<Kind>,
    spans: VecDeque<Span>,
}

/// Length in bytes and when it last changed.
type Stamp = (u64, Option<SystemTime>);

/// Rows of files, one after the other.
pub struct ParquetRows {
    columns: usize,
    files: VecDeque<Known>,
    current: Option<Current>,
}

/// The file that is being read.
struct Current {
    columns: Vec<Column>,
    groups: VecDeque<footer::Group>,
    /// The next row's number, and the one behind the present row group's last.
    position: u64,
    group_end: u64,
    spans: VecDeque<Span>,
}

impl ParquetRows {
    /// Reads the footers of files; `columns` are names and DuckDB's types.
    ///
    /// # Errors
    /// `Unsupported` for what this reader does not read, though others may; `File`; `Malformed` for damage; `Usage` for
    /// rows that are not there or not in order.
    pub fn open(files: Vec<Wanted>, columns: &[(String, String)]) -> Result<Self> {
        let opened = files.into_iter().map(|wanted| Known::open(wanted, columns));
        Ok(Self {
            columns: columns.len(),
            files: opened.collect::<Result<_>>()?,
            current: None,
        })
    }
}

fn open_file(path: &Path) -> Result<(File, Stamp)> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    Ok((file, (metadata.len(), metadata.modified().ok())))
}

impl Known {
    fn open(wanted: Wanted, columns: &[(String, String)]) -> Result<Self> {
        let (file, stamp) = open_file(&wanted.path)?;
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let footer = Footer::read(&Arc::new(file), stamp.0, &names);
        let footer = footer.map_err(|refusal| refused(&wanted.path, refusal))?;
        let mut kinds = Vec::with_capacity(columns.len());
        for (place, (name, duck)) in columns.iter().enumerate() {
            let kind = DuckType::parse(duck).and_then(|duck| Kind::of(footer.leaves.get(place)?, duck));
            let mut chunks = footer.groups.iter().filter_map(|group| group.chunks.get(place));
            let known = chunks.all(|chunk| codec::is_known(chunk.codec) && chunk.encodings & !ENCODINGS == 0);
            kinds.push(kind.filter(|_| known).ok_or_else(|| Error::Unsupported {
                column: name.clone(),
                type_name: format!("{duck} in its Parquet form"),
            })?);
        }
        let rows = footer.rows();
        let spans = wanted.spans.unwrap_or_else(|| vec![(0, rows)]);
        check_spans(&wanted.path, &spans, rows)?;
        Ok(Self {
            path: wanted.path,
            stamp,
            footer,
            kinds,
            spans: spans.into(),
        })
    }

    fn start(self) -> Result<Current> {
        let (file, stamp) = open_file(&self.path)?;
        if stamp != self.stamp {
            return Err(Error::Malformed {
                path: self.path.display().to_string(),
                reason: "the file changed while it was read".to_owned(),
            });
        }
        let file = Arc::new(file);
        let data_end = self.footer.data_end;
        let columns = self.footer.leaves.into_iter().zip(self.kinds);
        let columns = columns.map(|(leaf, kind)| Column::new(self.path.clone(), &file, data_end, leaf, kind));
        Ok(Current {
            columns: columns.collect(),
            groups: self.footer.groups.into(),
            position: 0,
            group_end: 0,
            spans: self.spans,
        })
    }
}

fn refused(path: &Path, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Unread(column, type_name) => Error::Unsupported { column, type_name },
        Refusal::Fault(error) if error.raw_os_error().is_some() => Error::File {
            path: path.to_owned(),
            source: error,
        },
        Refusal::Fault(error) => Error::Malformed {
            path: path.display().to_string(),
            reason: format!("its footer: {error}"),
        },
    }
}

fn check_spans(path: &Path, spans: &[Span], rows: u64) -> Result<()> {
    let mut behind = 0;
    for (first, end) in spans {
        if *first < behind || end < first || *end > rows {
            let place = path.display();
            return Err(Error::Usage(format!(
                "{place}: rows {first}..{end} of {rows}, behind row {behind}"
            )));
        }
        behind = *end;
    }
    Ok(())
}

impl Current {
    /// Goes to the next wanted row; `false` where there is none.
    fn seek(&mut self) -> Result<bool> {
        while let Some((first, end)) = self.spans.front().copied() {
            if self.position.max(first) >= end {
                self.spans.pop_front();
            } else if self.position.max(first) >= self.group_end {
                let Some(group) = self.groups.pop_front() else {
                    return Ok(false);
                };
                self.position = self.group_end;
                self.group_end += group.rows;
                for (column, chunk) in self.columns.iter_mut().zip(&group.chunks) {
                    column.enter(*chunk, group.rows);
                }
            } else if self.position < first {
                let ahead = first - self.position;
                self.columns.iter_mut().try_for_each(|column| column.pass(ahead))?;
                self.position = first;
            } else {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<Flow> {
        while self.seek()? {
            let end = self
                .spans
                .front()
                .map_or(self.position, |span| span.1.min(self.group_end));
            while self.position < end {
                self.position += 1;
                self.columns.iter_mut().try_for_each(Column::advance)?;
                let cells = self
                    .columns
                    .iter()
                    .map(Column::cell)
                    .collect::<Result<Vec<Cell<'_>>>>()?;
                let is_large = large::is_large(&cells);
                let flow = sink.row(&cells)?;
                drop(cells);
                if is_large {
                    self.columns.iter_mut().for_each(Column::release);
                }
                if flow == Flow::Pause {
                    return Ok(Flow::Pause);
                }
            }
        }
        Ok(Flow::Continue)
    }
}

impl RowReader for ParquetRows {
    fn column_count(&self) -> usize {
        self.columns
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        loop {
            let mut current = match self.current.take() {
                Some(current) => current,
                None => match self.files.pop_front() {
                    Some(known) => known.start()?,
                    None => return Ok(false),
                },
            };
            if current.pump(sink)? == Flow::Pause {
                self.current = Some(current);
                return Ok(true);
            }
        }
    }
}
