//! A query's rows as the binary protocol streams them, decoded one packet at a time in bounded memory.

use super::connection::{Connection, Started, Ticket};
use super::decoder::RowDecoder;
use super::types::{Column, ColumnKind};
use super::wire::protocol;
use crate::error::{Error, Result};
use crate::readers::line::{hold, pump_guarded};
use crate::rows::{Flow, RowReader, RowSink};
use std::sync::{Arc, Mutex};

/// Reads one query's rows. The connection may be used again at any time: that ends this reader.
pub struct RowsReader {
    connection: Arc<Mutex<Connection>>,
    ticket: Ticket,
    decoder: RowDecoder,
    finished: bool,
}

impl RowsReader {
    /// Prepares and executes a query.
    ///
    /// `types` are the names of [`ColumnKind::from_name`], one per column; none at all leaves every column to what the
    /// result set says. Errors: [`Error::Unsupported`] for a name without a decoder, [`Error::Usage`] where the columns
    /// are not as many or of another type, [`Error::Engine`] where the server refuses the query.
    pub fn start(connection: Arc<Mutex<Connection>>, query: &str, types: &[String]) -> Result<Self> {
        let kinds = types.iter().enumerate().map(|(column, name)| {
            ColumnKind::from_name(name).ok_or_else(|| Error::Unsupported {
                column: column.to_string(),
                type_name: name.clone(),
            })
        });
        let kinds = kinds.collect::<Result<Vec<_>>>()?;
        let started = hold(&connection)?.start_rows(query)?;
        Self::over(connection, started, &kinds)
    }

    /// Prepares and executes a statement that may give several results, and reads the first that has rows; with `None`
    /// for a statement, the next one. Each column is read as the result set describes it.
    ///
    /// `None` where there is none, or no further one. Errors: as [`Self::start`], and [`Error::Usage`] for a next one
    /// where another statement came between.
    pub fn results(connection: Arc<Mutex<Connection>>, statement: Option<&str>) -> Result<Option<Self>> {
        let mut held = hold(&connection)?;
        let started = match statement {
            Some(sql) => held.start_results(sql)?,
            None => held.next_result()?,
        };
        drop(held);
        started.map(|started| Self::over(connection, started, &[])).transpose()
    }

    fn over(connection: Arc<Mutex<Connection>>, (ticket, definitions): Started, kinds: &[ColumnKind]) -> Result<Self> {
        if !kinds.is_empty() && definitions.len() != kinds.len() {
            let (columns, named) = (definitions.len(), kinds.len());
            return Err(Error::Usage(format!(
                "the query has {columns} columns, {named} types were named"
            )));
        }
        let columns = definitions.iter().enumerate().map(|(position, definition)| {
            Column::new(
                position,
                kinds.get(position).unwrap_or(&ColumnKind::Described),
                definition,
            )
        });
        Ok(Self {
            decoder: RowDecoder::new(columns.collect::<Result<_>>()?),
            connection,
            ticket,
            finished: false,
        })
    }

    /// Feeds rows to the sink until it pauses (`true`) or they end (`false`).
    fn pump_rows(&mut self, connection: &mut Connection, sink: &mut dyn RowSink) -> Result<bool> {
        let ends_as_ok = connection.ends_as_ok();
        self.decoder.write_canonical(sink.takes_canonical());
        loop {
            let wire = connection.rows_wire(self.ticket)?;
            let packet = wire.peek()?;
            let body = wire.body(&packet);
            match body.first() {
                Some(0) => {
                    let flow = self.decoder.row(body, sink)?;
                    wire.consume(&packet);
                    wire.release();
                    if flow == Flow::Pause {
                        return Ok(true);
                    }
                }
                Some(0xfe | 0xff) => {
                    connection.finish_rows(&packet, ends_as_ok)?;
                    return Ok(false);
                }
                _ => return Err(protocol("a packet among rows that is none")),
            }
        }
    }
}

impl RowReader for RowsReader {
    fn column_count(&self) -> usize {
        self.decoder.column_count()
    }

    fn pump(&mut self, sink: &mut dyn RowSink) -> Result<bool> {
        if self.finished {
            return Ok(false);
        }
        let connection = Arc::clone(&self.connection);
        let outcome = pump_guarded(&connection, sink, |held, sink| self.pump_rows(held, sink));
        self.finished = !matches!(outcome, Ok(true));
        outcome
    }
}
