//! One reading session: statements one after another, and at most one COPY stream at a time.

use super::login::{log_in, Session};
use super::reply::{c_string, ServerError};
use super::settings::Settings;
use super::wire::{protocol, Frame, Wire, ENGINE};
use crate::error::{Error, Result};
use crate::readers::line::Guarded;
use bytes::BytesMut;
use postgres_protocol::message::frontend;

/// A row of a simple query, every value as text.
pub type TextRow = Vec<Option<String>>;

/// The answer to a statement: the type of each column, as an OID of `pg_type`, and the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// One OID per column; empty where the statement has no rows to give.
    pub types: Vec<u32>,
    /// The rows.
    pub rows: Vec<TextRow>,
}

/// A session. Statements go one at a time; one that comes while a COPY stream is half read ends that stream by reading
/// the rest of it away, so the session and its snapshot live on.
pub struct Connection {
    session: Option<Session>,
    /// Why there is no session.
    ended: String,
    /// The COPY stream that is being read.
    copying: Option<Ticket>,
    tickets: u64,
}

/// Which COPY stream of a connection: a later statement makes it void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

impl Connection {
    /// Connects and logs in. Errors: those of [`log_in`].
    ///
    /// Text arrives in UTF-8. A database in SQL_ASCII has bytes of no known encoding: they are asked for as they are,
    /// for the server would end a whole query at the first one that is not UTF-8.
    pub fn open(settings: &Settings) -> Result<Self> {
        let session = Some(log_in(settings)?);
        let mut connection = Self {
            session,
            ended: String::new(),
            copying: None,
            tickets: 0,
        };
        if connection.parameter("server_encoding") == Some("SQL_ASCII") {
            connection.execute("SET client_encoding TO 'SQL_ASCII'")?;
        }
        Ok(connection)
    }

    /// Sends statements for their effect.
    ///
    /// Errors: [`Error::Engine`] with the SQLSTATE where the server refuses; the session stays usable.
    pub fn execute(&mut self, sql: &str) -> Result<()> {
        self.query(sql).map(drop)
    }

    /// The rows of the last statement in `sql` that has any, and their types.
    pub fn query(&mut self, sql: &str) -> Result<Answer> {
        self.guarded(|connection| {
            connection.send_query(sql)?;
            connection.collect()
        })
    }

    /// Starts `COPY … TO STDOUT (FORMAT BINARY)`. Gives the number of columns.
    pub fn start_copy(&mut self, sql: &str) -> Result<(Ticket, usize)> {
        self.guarded(|connection| {
            connection.send_query(sql)?;
            loop {
                let frame = connection.wire()?.receive()?;
                match frame.tag {
                    b'H' => {
                        let columns = copy_columns(connection.wire()?.body(&frame))?;
                        connection.tickets += 1;
                        let ticket = Ticket(connection.tickets);
                        connection.copying = Some(ticket);
                        connection.wire()?.expect_rows();
                        return Ok((ticket, columns));
                    }
                    b'C' | b'T' | b'I' | b'G' => return Err(protocol("COPY was answered by something else")),
                    _ => connection.minor(&frame)?,
                }
            }
        })
    }

    /// The messages of a COPY stream that is still the current one.
    pub fn copy_wire(&mut self, ticket: Ticket) -> Result<&mut Wire> {
        match self.copying {
            Some(current) if current == ticket => self.wire(),
            _ if self.session.is_none() => Err(no_session(&self.ended)),
            _ => Err(Error::Usage(
                "a later statement on this connection ended this stream".into(),
            )),
        }
    }

    /// Ends a COPY stream: its last message was consumed, `error` is the ErrorResponse if that is what it was.
    pub fn finish_copy(&mut self, error: Option<ServerError>) -> Result<()> {
        self.copying = None;
        self.guarded(|connection| connection.settle(error))
    }

    /// A value that the server reported, as `server_version`.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.session.as_ref()?.parameters.get(name).map(String::as_str)
    }

    /// Says goodbye and closes the socket. Safe to call twice.
    pub fn close(&mut self) {
        if let Some(mut session) = self.session.take() {
            // A server that is gone needs no goodbye.
            let _ = session.wire.send(b"X\0\0\0\x04");
        }
        self.ended = "it was closed".into();
        self.copying = None;
    }

    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let outcome = work(self);
        self.guard(outcome)
    }

    fn wire(&mut self) -> Result<&mut Wire> {
        match &mut self.session {
            Some(session) => Ok(&mut session.wire),
            None => Err(no_session(&self.ended)),
        }
    }

    fn send_query(&mut self, sql: &str) -> Result<()> {
        let mut out = BytesMut::new();
        frontend::query(sql, &mut out).map_err(|error| Error::Usage(format!("statement: {error}")))?;
        if self.copying.take().is_some() {
            match self.settle(None) {
                // Nobody waits any more for what that stream had to say.
                Ok(()) | Err(Error::Engine { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.wire()?.send(&out)
    }

    /// Reads up to ReadyForQuery and keeps the first error.
    fn settle(&mut self, error: Option<ServerError>) -> Result<()> {
        let mut failure = error;
        loop {
            let frame = self.wire()?.receive()?;
            match frame.tag {
                b'Z' => return failure.map_or(Ok(()), |error| Err(error.into_error())),
                b'E' => {
                    let error = ServerError::parse(self.wire()?.body(&frame))?;
                    if error.is_fatal() {
                        return Err(error.into_error());
                    }
                    failure.get_or_insert(error);
                }
                _ => self.note(&frame)?,
            }
        }
    }

    fn collect(&mut self) -> Result<Answer> {
        let mut answer = Answer::default();
        loop {
            let frame = self.wire()?.receive()?;
            match frame.tag {
                b'Z' => return Ok(answer),
                b'T' => {
                    answer.types = column_types(self.wire()?.body(&frame))?;
                    answer.rows.clear();
                }
                b'D' => answer.rows.push(text_row(self.wire()?.body(&frame))?),
                b'G' => self.refuse_copy_in()?,
                _ => self.minor(&frame)?,
            }
        }
    }

    /// A COPY FROM STDIN would wait for ever for rows that nobody sends.
    fn refuse_copy_in(&mut self) -> Result<()> {
        let mut out = BytesMut::new();
        frontend::copy_fail("this session only reads", &mut out).map_err(|error| protocol(error.to_string()))?;
        self.wire()?.send(&out)
    }

    /// Anything that is neither a row nor the end: an error is raised after the server settled.
    fn minor(&mut self, frame: &Frame) -> Result<()> {
        if frame.tag != b'E' {
            return self.note(frame);
        }
        let error = ServerError::parse(self.wire()?.body(frame))?;
        match error.is_fatal() {
            true => Err(error.into_error()),
            false => self.settle(Some(error)),
        }
    }

    fn note(&mut self, frame: &Frame) -> Result<()> {
        let Some(session) = &mut self.session else {
            return Err(no_session(&self.ended));
        };
        match frame.tag {
            b'S' => session.report(frame),
            b'A' | b'C' | b'D' | b'H' | b'I' | b'N' | b'T' | b'c' | b'd' => Ok(()),
            other => Err(protocol(format!("message {other:#04x} in answer to a statement"))),
        }
    }
}

impl Guarded for Connection {
    fn guard<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let Err(error @ (Error::Connection { .. } | Error::Protocol { .. } | Error::Denied { .. })) = &outcome {
            self.ended = error.to_string();
            self.session = None;
            self.copying = None;
        }
        outcome
    }
}

fn no_session(ended: &str) -> Error {
    Error::Connection {
        engine: ENGINE,
        message: format!("no session: {ended}"),
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
    }
}

/// CopyOutResponse: overall format, column count, a format per column; all must be binary.
fn copy_columns(body: &[u8]) -> Result<usize> {
    match body {
        [1, high, low, formats @ ..] => {
            let columns = usize::from(u16::from_be_bytes([*high, *low]));
            match formats.len() == 2 * columns && formats.chunks_exact(2).all(|format| format == [0, 1]) {
                true => Ok(columns),
                false => Err(protocol("COPY columns that are not all binary")),
            }
        }
        _ => Err(protocol("a COPY stream that is not binary")),
    }
}

/// RowDescription: per column its name, then table, attribute, type OID, size, modifier, format.
fn column_types(body: &[u8]) -> Result<Vec<u32>> {
    let cut = || protocol("a description of columns that is cut");
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or_else(cut)?;
    let mut types = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (_, after) = c_string(rest)?;
        let (facts, after) = after.split_first_chunk::<18>().ok_or_else(cut)?;
        let [_, _, _, _, _, _, a, b, c, d, ..] = *facts;
        types.push(u32::from_be_bytes([a, b, c, d]));
        rest = after;
    }
    Ok(types)
}

fn text_row(body: &[u8]) -> Result<TextRow> {
    let cut = || protocol("a row shorter than it says");
    let (count, mut rest) = body.split_first_chunk::<2>().ok_or_else(cut)?;
    let mut row = Vec::with_capacity(usize::from(u16::from_be_bytes(*count)));
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            row.push(None);
            rest = after;
            continue;
        };
        let (value, after) = after.split_at_checked(length).ok_or_else(cut)?;
        let text = std::str::from_utf8(value).map_err(|_| protocol("a value that is not UTF-8"))?;
        row.push(Some(text.to_owned()));
        rest = after;
    }
    Ok(row)
}
