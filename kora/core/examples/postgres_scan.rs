//! Counts the rows and bytes that one query streams: `postgres_scan SOCKET_FOLDER_OR_HOST PORT USER DBNAME QUERY TYPE…`.
//! The password, if any, is the first line of standard input.

use kora_core::cell::Cell;
use kora_core::error::{Error, Result};
use kora_core::readers::postgres::{Connection, CopyReader, Settings};
use kora_core::rows::{Flow, RowReader};
use std::io::BufRead;
use std::sync::{Arc, Mutex};
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, user, database, query, types @ ..] = arguments.as_slice() else {
        return Err(Error::Usage(
            "host, port, user, database, query and types are needed".into(),
        ));
    };
    let mut password = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut password)
        .map_err(|source| Error::File {
            path: "-".into(),
            source,
        })?;
    let pairs = [
        ("host", host.as_str()),
        ("port", port),
        ("user", user),
        ("dbname", database),
        ("password", password.trim_end()),
    ];
    let settings = Settings::from_pairs(pairs.map(|(keyword, value)| (keyword.into(), value.into())))?;
    let connection = Arc::new(Mutex::new(Connection::open(&settings)?));
    let start = Instant::now();
    let mut reader = CopyReader::start(connection, query, types)?;
    let (mut rows, mut nulls) = (0_u64, 0_u64);
    reader.pump(&mut |cells: &[Cell<'_>]| {
        rows += 1;
        nulls += cells.iter().filter(|cell| matches!(cell, Cell::Null)).count() as u64;
        Ok(Flow::Continue)
    })?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{rows} rows, {nulls} nulls, {seconds:.3} s, {:.0} rows/s",
        rows as f64 / seconds
    );
    Ok(())
}
