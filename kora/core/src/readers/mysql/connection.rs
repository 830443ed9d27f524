//! One reading session: statements one after another, and at most one stream of rows at a time.

use super::login::{log_in, Session};
use super::reply::{more_results, ColumnDefinition, Fields, ServerError};
use super::settings::Settings;
use super::wire::{protocol, Packet, Wire, ENGINE};
use crate::error::{Error, Result};
use crate::readers::line::Guarded;

const COM_QUIT: u8 = 0x01;
const COM_QUERY: u8 = 0x03;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;
const COM_STMT_CLOSE: u8 = 0x19;
/// No server has a table or a result of more columns.
const MAX_COLUMNS: usize = 4096;

/// A row of a query, every value as text.
pub type TextRow = Vec<Option<String>>;

/// A session. Statements go one at a time; one that comes while rows are half read ends that stream by reading the rest
/// of it away, so the session and its snapshot live on.
pub struct Connection {
    session: Option<Session>,
    /// Why there is no session.
    ended: String,
    /// The prepared statement whose answer is being read.
    streaming: Option<Streaming>,
    tickets: u64,
}

/// A prepared statement that was executed, and how far its answer was read.
#[derive(Clone, Copy)]
struct Streaming {
    statement: u32,
    stage: Stage,
    /// Whether whoever asked takes more than one result.
    several: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// A result's first packet is due.
    Due,
    /// Rows are.
    Rows(Ticket),
    /// Nothing is: all was read, and the statement is closed.
    Over,
}

/// Which stream of a connection: a later statement makes it void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(u64);

/// A stream that begins, and its columns.
pub type Started = (Ticket, Vec<ColumnDefinition>);

impl Connection {
    /// Connects and logs in. Errors: those of [`log_in`].
    pub fn open(settings: &Settings) -> Result<Self> {
        Ok(Self {
            session: Some(log_in(settings)?),
            ended: String::new(),
            streaming: None,
            tickets: 0,
        })
    }

    /// What the server called its version.
    pub fn server_version(&self) -> &str {
        self.session.as_ref().map_or("", |session| session.version.as_str())
    }

    /// Sends a statement for its effect.
    ///
    /// Errors: [`Error::Engine`] with the server's number where it refuses; the session stays usable.
    pub fn execute(&mut self, sql: &str) -> Result<()> {
        self.query(sql).map(drop)
    }

    /// The rows of a statement; none where it has no result. Errors: as [`Self::execute`], and [`Error::Usage`] for a
    /// value that is not UTF-8.
    pub fn query(&mut self, sql: &str) -> Result<Vec<TextRow>> {
        self.guarded(|connection| {
            connection.command(COM_QUERY, sql.as_bytes())?;
            connection.collect()
        })
    }

    /// Prepares and executes a query. Gives its columns.
    ///
    /// Errors: [`Error::Usage`] where it gives no rows; several results are told at the end of the first one.
    pub fn start_rows(&mut self, sql: &str) -> Result<Started> {
        self.guarded(|connection| {
            connection.begin(sql, false)?;
            let none = || Error::Usage("the statement gives no rows".into());
            connection.advance()?.ok_or_else(none)
        })
    }

    /// Prepares and executes a statement that may give several results: the first that has rows, if one has.
    pub fn start_results(&mut self, sql: &str) -> Result<Option<Started>> {
        self.guarded(|connection| {
            connection.begin(sql, true)?;
            connection.advance()
        })
    }

    /// The next result with rows of what [`Self::start_results`] began; `None` behind the last one. Rows of the one
    /// before that nobody took are read away.
    ///
    /// Errors: [`Error::Usage`] where another statement came between.
    pub fn next_result(&mut self) -> Result<Option<Started>> {
        self.guarded(|connection| {
            let begun = connection.streaming.filter(|streaming| streaming.several);
            let stage = begun.map(|streaming| streaming.stage);
            match stage {
                None => Err(Error::Usage(
                    "a later statement on this connection ended these results".into(),
                )),
                Some(Stage::Over) => Ok(None),
                Some(Stage::Due) => connection.advance(),
                Some(Stage::Rows(_)) => match connection.pass_rows()? {
                    true => connection.advance(),
                    false => connection.end_statement().map(|()| None),
                },
            }
        })
    }

    /// The packets of a stream that is still the current one.
    pub fn rows_wire(&mut self, ticket: Ticket) -> Result<&mut Wire> {
        match self.streaming.map(|streaming| streaming.stage) {
            Some(Stage::Rows(current)) if current == ticket => self.wire(),
            _ if self.session.is_none() => Err(no_session(&self.ended)),
            _ => Err(Error::Usage(
                "a later statement on this connection ended this stream".into(),
            )),
        }
    }

    /// Ends a stream at its last packet, which is still unread: the end of its rows or an error.
    ///
    /// Errors: the server's; [`Error::Usage`] where further results follow that nobody asked for: they are read away.
    pub fn finish_rows(&mut self, last: &Packet, ends_as_ok: bool) -> Result<()> {
        let wire = self.wire()?;
        let body = wire.body(last);
        let (failure, more) = match body.first() {
            Some(0xff) => (Some(ServerError::parse(body)?), false),
            _ => (None, more_results(body, ends_as_ok)?),
        };
        wire.consume(last);
        let several = self.streaming.is_some_and(|streaming| streaming.several);
        if more {
            self.at(Stage::Due);
        }
        match (more, several) {
            (true, true) => Ok(()),
            (true, false) => {
                self.leave()?;
                Err(Error::Usage("the statement gives several results".into()))
            }
            (false, _) => {
                self.end_statement()?;
                failure.map_or(Ok(()), |error| Err(error.into_error()))
            }
        }
    }

    /// Whether the end of rows has the form of an OK packet.
    pub fn ends_as_ok(&self) -> bool {
        self.session.as_ref().is_some_and(|session| session.ends_as_ok)
    }

    /// Says goodbye and closes the socket. Safe to call twice.
    pub fn close(&mut self) {
        if let Some(mut session) = self.session.take() {
            // A server that is gone needs no goodbye, and one that is still sending rows would not read it.
            let _ = session.wire.command(&[COM_QUIT]);
        }
        self.ended = "it was closed".into();
        self.streaming = None;
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

    fn command(&mut self, code: u8, argument: &[u8]) -> Result<()> {
        self.leave()?;
        let mut payload = Vec::with_capacity(1 + argument.len());
        payload.push(code);
        payload.extend_from_slice(argument);
        self.wire()?.command(&payload)
    }

    /// Prepares and executes; the first packet of the first result is then due.
    fn begin(&mut self, sql: &str, several: bool) -> Result<()> {
        self.command(COM_STMT_PREPARE, sql.as_bytes())?;
        let statement = self.prepared()?;
        let mut execute = statement.to_le_bytes().to_vec();
        execute.extend_from_slice(&[0, 1, 0, 0, 0]); // no cursor; one iteration
        self.command(COM_STMT_EXECUTE, &execute)?;
        self.streaming = Some(Streaming {
            statement,
            stage: Stage::Due,
            several,
        });
        Ok(())
    }

    /// From where a result is due to the rows of the next that has some; `None` where none is left, with the statement
    /// closed.
    fn advance(&mut self) -> Result<Option<Started>> {
        loop {
            let packet = self.wire()?.receive()?;
            let count = match self.column_count(&packet) {
                Ok(count) => count,
                Err(refusal) => {
                    // The statement failed and the session lives: its refusal is what counts.
                    let _ = self.end_statement();
                    return Err(refusal);
                }
            };
            if let Some(count) = count {
                let columns = self.columns(count)?;
                self.tickets += 1;
                let ticket = Ticket(self.tickets);
                self.at(Stage::Rows(ticket));
                self.wire()?.expect_rows();
                return Ok(Some((ticket, columns)));
            }
            if !more_results(self.wire()?.body(&packet), true)? {
                return self.end_statement().map(|()| None);
            }
        }
    }

    fn at(&mut self, stage: Stage) {
        if let Some(streaming) = &mut self.streaming {
            streaming.stage = stage;
        }
    }

    /// Closes the statement whose answer was read to its end.
    fn end_statement(&mut self) -> Result<()> {
        match self.streaming {
            Some(Streaming { stage: Stage::Over, .. }) | None => Ok(()),
            Some(Streaming { statement, .. }) => {
                self.at(Stage::Over);
                self.close_statement(statement)
            }
        }
    }

    /// Reads away what is left of a statement's answer, all its results. Nobody waits any more for an error that it
    /// might end in.
    fn leave(&mut self) -> Result<()> {
        loop {
            let more = match self.streaming.map(|streaming| streaming.stage) {
                None | Some(Stage::Over) => {
                    self.streaming = None;
                    return Ok(());
                }
                Some(Stage::Rows(_)) => self.pass_rows(),
                Some(Stage::Due) => self.advance().map(|next| next.is_some()),
            };
            match more {
                Ok(true) => {}
                Ok(false) | Err(Error::Engine { .. }) => self.end_statement()?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads to the end of a result's rows; whether another result is due behind it.
    ///
    /// Errors: the server's, with the statement closed.
    fn pass_rows(&mut self) -> Result<bool> {
        let ends_as_ok = self.ends_as_ok();
        loop {
            let wire = self.wire()?;
            let packet = wire.receive()?;
            let body = wire.body(&packet);
            match body.first() {
                Some(0) => wire.release(),
                Some(0xfe) => {
                    let more = more_results(body, ends_as_ok)?;
                    if more {
                        self.at(Stage::Due);
                    }
                    return Ok(more);
                }
                Some(0xff) => {
                    let error = ServerError::parse(body)?.into_error();
                    self.end_statement()?;
                    return Err(error);
                }
                _ => return Err(protocol("a packet among rows that is none")),
            }
        }
    }

    fn close_statement(&mut self, statement: u32) -> Result<()> {
        let mut payload = vec![COM_STMT_CLOSE];
        payload.extend_from_slice(&statement.to_le_bytes());
        self.wire()?.command(&payload)
    }

    /// The answer to COM_STMT_PREPARE: the statement's number. Its descriptions are read and not kept.
    fn prepared(&mut self) -> Result<u32> {
        let wire = self.wire()?;
        let packet = wire.receive()?;
        let mut fields = Fields(wire.body(&packet));
        match fields.byte()? {
            0 => {}
            0xff => return Err(ServerError::parse(wire.body(&packet))?.into_error()),
            other => return Err(protocol(format!("{other:#04x} in answer to a statement to prepare"))),
        }
        let statement = fields.number_4()?;
        let columns = usize::from(fields.number_2()?);
        let parameters = usize::from(fields.number_2()?);
        for count in [parameters, columns] {
            self.columns(count)?;
        }
        if parameters != 0 {
            self.close_statement(statement)?;
            return Err(Error::Usage("a statement with parameters that nobody gives".into()));
        }
        Ok(statement)
    }

    /// The first packet of a result: how many columns, or `None` where there is no result set.
    fn column_count(&mut self, packet: &Packet) -> Result<Option<usize>> {
        let body = self.wire()?.body(packet);
        match body.first() {
            Some(0) => Ok(None),
            Some(0xff) => Err(ServerError::parse(body)?.into_error()),
            Some(0xfb) => Err(protocol("a request for a file of this machine")),
            _ => match Fields(body).length()? {
                Some(count) if count <= MAX_COLUMNS => Ok(Some(count)),
                _ => Err(protocol("a result of too many columns")),
            },
        }
    }

    /// So many column definitions and, in the older form of the protocol, the packet that ends them.
    fn columns(&mut self, count: usize) -> Result<Vec<ColumnDefinition>> {
        let marked = !self.ends_as_ok() && count > 0;
        let wire = self.wire()?;
        let mut columns = Vec::with_capacity(count.min(MAX_COLUMNS));
        for _ in 0..count {
            let packet = wire.receive()?;
            columns.push(ColumnDefinition::parse(wire.body(&packet))?);
        }
        if marked {
            let packet = wire.receive()?;
            if wire.body(&packet).first() != Some(&0xfe) {
                return Err(protocol("column definitions without their end"));
            }
        }
        Ok(columns)
    }

    /// Every result of a text query; the last one that has rows is what is given.
    fn collect(&mut self) -> Result<Vec<TextRow>> {
        let ends_as_ok = self.ends_as_ok();
        let mut rows = Vec::new();
        let mut undecodable = false;
        loop {
            let packet = self.wire()?.receive()?;
            let more = match self.column_count(&packet)? {
                None => more_results(self.wire()?.body(&packet), true)?,
                Some(count) => {
                    self.columns(count)?;
                    rows.clear();
                    self.text_rows(count, ends_as_ok, &mut rows, &mut undecodable)?
                }
            };
            match (more, undecodable) {
                (true, _) => {}
                (false, true) => return Err(Error::Usage("a value that is not UTF-8".into())),
                (false, false) => return Ok(rows),
            }
        }
    }

    /// The rows of one result; whether another result follows.
    fn text_rows(
        &mut self,
        count: usize,
        ends_as_ok: bool,
        rows: &mut Vec<TextRow>,
        undecodable: &mut bool,
    ) -> Result<bool> {
        let wire = self.wire()?;
        loop {
            let packet = wire.receive()?;
            let body = wire.body(&packet);
            match body.first() {
                Some(0xff) => return Err(ServerError::parse(body)?.into_error()),
                // A row that begins with a value of 16 MiB or more begins with 0xfe too.
                Some(0xfe) if body.len() < 0xff_ffff => return more_results(body, ends_as_ok),
                _ => {}
            }
            let mut fields = Fields(body);
            let mut row = Vec::with_capacity(count);
            for _ in 0..count {
                row.push(match fields.string()?.map(std::str::from_utf8) {
                    None => None,
                    Some(Ok(text)) => Some(text.to_owned()),
                    Some(Err(_)) => {
                        *undecodable = true;
                        None
                    }
                });
            }
            rows.push(row);
        }
    }
}

impl Guarded for Connection {
    fn guard<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let Err(error @ (Error::Connection { .. } | Error::Protocol { .. } | Error::Denied { .. })) = &outcome {
            self.ended = error.to_string();
            self.session = None;
            self.streaming = None;
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
