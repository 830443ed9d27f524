//! Servers that say anything at all: the whole client, from the first byte of the login to the last row, against
//! messages in any order and of any content. Typed errors and rows, never a panic; `make fuzz` runs it for longer.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use kora_core::canon::encode_cell;
use kora_core::cell::Cell;
use kora_core::readers::mysql::rows::RowsReader;
use kora_core::readers::postgres::copy::{CopyReader, SIGNATURE};
use kora_core::readers::{mysql, postgres};
use kora_core::rows::{Flow, RowReader};
use proptest::collection::vec;
use proptest::prelude::*;

/// Says its whole script to the first who connects, then listens until that one has gone.
fn serve(socket: &Path, script: Vec<u8>) -> JoinHandle<()> {
    let listener = UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        // A client that has heard enough closes the line; that is its right.
        let _ = client
            .write_all(&script)
            .and_then(|()| client.shutdown(Shutdown::Write));
        let _ = client.read_to_end(&mut Vec::new());
    })
}

/// Reads to the end or the first error; every cell is encoded, as a digest would have it.
fn drain(reader: &mut dyn RowReader, limit: usize) {
    let (mut rows, mut out) = (0, Vec::new());
    let mut sink = |cells: &[Cell<'_>]| {
        out.clear();
        cells.iter().try_for_each(|cell| encode_cell(cell, &mut out))?;
        rows += 1;
        assert!(rows <= limit, "more rows than the script can hold");
        Ok(Flow::Continue)
    };
    while matches!(reader.pump(&mut sink), Ok(true)) {}
}

fn pairs(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    settings.iter().map(own).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("ASCII")
}

/// Any bytes over some of the script's own.
fn splice(mut script: Vec<u8>, noise: Option<(prop::sample::Index, Vec<u8>)>) -> Vec<u8> {
    if let Some((at, bytes)) = noise.filter(|_| !script.is_empty()) {
        let at = at.index(script.len());
        let end = (at + bytes.len()).min(script.len());
        script.splice(at..end, bytes);
    }
    script
}

fn noise() -> impl Strategy<Value = Option<(prop::sample::Index, Vec<u8>)>> {
    proptest::option::of((any::<prop::sample::Index>(), vec(any::<u8>(), 1..6)))
}

mod postgresql {
    use super::*;

    const TAGS: &[u8] = b"RSKZEdcHCTDNAGIvX\0";

    fn message(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[tag], &(body.len() as u32 + 4).to_be_bytes()[..], body].concat()
    }

    fn usual() -> impl Strategy<Value = Vec<u8>> {
        let described = [b"\0\x01x\0".as_slice(), &[0; 18]].concat();
        let value = vec(any::<u8>(), 0..12);
        prop_oneof![
            Just(message(b'S', b"server_encoding\0SQL_ASCII\0")),
            Just(message(b'Z', b"I")),
            Just(message(b'T', &described)),
            Just(message(b'C', b"SELECT 1\0")),
            Just(message(b'G', b"\0\0\0")),
            Just(message(b'H', b"\x01\0\x01\0\x01")),
            Just(message(b'd', &[SIGNATURE.as_slice(), &[0; 8]].concat())),
            Just(message(b'd', b"\xff\xff")),
            Just(message(b'c', b"")),
            Just(message(b'E', b"SERROR\0C42601\0Mno\0\0")),
            Just(message(b'E', b"SFATAL\0C57P01\0Mgone\0\0")),
            Just(message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0")),
            Just(message(b'R', b"\0\0\0\x05salt")),
            value.clone().prop_map(|value| {
                let length = (value.len() as u32).to_be_bytes();
                message(b'D', &[b"\0\x01".as_slice(), &length, &value].concat())
            }),
            value.prop_map(|value| {
                let length = (value.len() as u32).to_be_bytes();
                message(b'd', &[b"\0\x01".as_slice(), &length, &value].concat())
            }),
        ]
    }

    fn script() -> impl Strategy<Value = Vec<u8>> {
        let odd = (prop::sample::select(TAGS), vec(any::<u8>(), 0..40)).prop_map(|(tag, body)| message(tag, &body));
        let messages = vec(prop_oneof![5 => usual(), 1 => odd], 0..14);
        (any::<bool>(), messages, noise()).prop_map(|(welcome, messages, noise)| {
            let mut whole = Vec::new();
            if welcome {
                whole = [message(b'R', &[0; 4]), message(b'Z', b"I")].concat();
            }
            whole.extend(messages.concat());
            splice(whole, noise)
        })
    }

    fn talk(script: Vec<u8>, type_name: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let limit = script.len();
        let server = serve(&folder.path().join(".s.PGSQL.5432"), script);
        let settings = pairs(&[("host", text(folder.path())), ("user", "u"), ("password", "p")]);
        let settings = postgres::settings::Settings::from_pairs(settings).expect("complete");
        if let Ok(connection) = postgres::connection::Connection::open(&settings) {
            let connection = Arc::new(Mutex::new(connection));
            let _ = connection.lock().expect("alone").query("SELECT 1");
            if let Ok(mut rows) = CopyReader::start(connection, "SELECT 1", &[type_name.to_owned()]) {
                drain(&mut rows, limit);
            }
        }
        server.join().expect("it only wrote");
    }

    #[test]
    fn a_server_without_end_of_parameters_is_refused() {
        let many = (0..2000).map(|number| message(b'S', format!("p{number}\0v\0").as_bytes()));
        let script = [message(b'R', &[0; 4]), many.collect::<Vec<_>>().concat()].concat();
        let folder = tempfile::tempdir().expect("a folder");
        let server = serve(&folder.path().join(".s.PGSQL.5432"), script);
        let settings = pairs(&[("host", text(folder.path())), ("user", "u")]);
        let settings = postgres::settings::Settings::from_pairs(settings).expect("complete");
        let refusal = postgres::connection::Connection::open(&settings)
            .err()
            .expect("refused");
        assert!(refusal.to_string().contains("parameters"), "{refusal}");
        server.join().expect("it only wrote");
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_is_rows_or_a_typed_error(
            script in script(), type_name in prop::sample::select(&["text", "int4", "numeric", "array<int4>", "jsonb"][..]),
        ) {
            talk(script, type_name);
        }
    }
}

mod mariadb {
    use super::*;

    const GREETING: &[u8] = b"\x0a5.5.5-10.11.6-MariaDB\0\x01\0\0\0abcdefgh\0\xfe\xff\x2d\x02\0\xff\x81\x15\
        \0\0\0\0\0\0\0\0\0\0ijklmnopqrst\0mysql_native_password\0";
    /// Behind it further results follow.
    const MORE: u8 = 8;
    const OK: &[u8] = b"\0\0\0\x02\0\0\0";
    const REFUSAL: &[u8] = b"\xff\x28\x04#42000no";

    /// The greeting of a server whose rows end in the older packet, or in one of an OK packet's form.
    fn greeting(marked: bool) -> Vec<u8> {
        let mut greeting = GREETING.to_vec();
        let high = greeting.windows(2).position(|pair| pair == b"\xff\x81").expect("flags");
        greeting[high + 1] = if marked { 0x80 } else { 0x81 };
        greeting
    }

    fn end(marked: bool, more: bool) -> Vec<u8> {
        let status = if more { 2 | MORE } else { 2 };
        // Either: warnings and status, or two lengths, status and warnings.
        let rest: &[u8] = if marked {
            &[0, 0, status, 0]
        } else {
            &[0, 0, status, 0, 0, 0]
        };
        [&[0xfe], rest].concat()
    }

    fn ok(more: bool) -> Vec<u8> {
        let mut ok = OK.to_vec();
        ok[3] |= if more { MORE } else { 0 };
        ok
    }

    fn definition(kind: u8, flags: u8) -> Vec<u8> {
        let facts = [0x0c, 45, 0, 20, 0, 0, 0, kind, flags, 0, 0, 0, 0];
        [b"\x03def\0\0\0\x01a\x01a".as_slice(), &facts].concat()
    }

    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let bytes = || vec(any::<u8>(), 0..24);
        let kinds: &[u8] = &[1, 3, 5, 7, 8, 10, 11, 12, 16, 246, 252, 253, 254];
        prop_oneof![
            any::<bool>().prop_map(ok),
            any::<(bool, bool)>().prop_map(|(marked, more)| end(marked, more)),
            Just(REFUSAL.to_vec()),
            any::<bool>().prop_map(prepared),
            Just(b"\x01".to_vec()),
            (prop::sample::select(kinds), any::<u8>()).prop_map(|(kind, flags)| definition(kind, flags)),
            bytes().prop_map(|bytes| [b"\0\0".as_slice(), &bytes].concat()),
            bytes(),
        ]
    }

    /// The answer to a statement to prepare, of one column or of none, as a CALL has.
    fn prepared(column: bool) -> Vec<u8> {
        let columns = u8::from(column);
        vec![0, 1, 0, 0, 0, columns, 0, 0, 0, 0, 0, 0]
    }

    /// One result as a server gives it, of one column.
    fn result(marked: bool, column: &[u8], rows: &[Vec<u8>], more: bool) -> Vec<Vec<u8>> {
        let mut whole = vec![b"\x01".to_vec(), column.to_vec()];
        whole.extend(marked.then(|| end(true, false)));
        whole.extend_from_slice(rows);
        whole.push(end(marked, more));
        whole
    }

    /// A prepared statement's whole answer, as a server gives it: results around rows of any bytes, and the end.
    fn answered(marked: bool) -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
        let rows = || vec(vec(any::<u8>(), 0..24), 0..5);
        let results = vec((any::<u8>(), any::<u8>(), rows()), 1..4);
        (results, 0_u8..3).prop_map(move |(results, last)| {
            let described = definition(results[0].0, results[0].1);
            let mut first = vec![prepared(last > 0), described];
            first.extend(marked.then(|| end(true, false)));
            if last == 0 {
                first.truncate(1);
            }
            let mut executed = Vec::new();
            for (place, (kind, flags, rows)) in results.iter().enumerate() {
                let more = last == 0 || place + 1 < results.len();
                let rows = rows.iter().map(|row| [b"\0\0".as_slice(), row].concat());
                executed.extend(result(
                    marked,
                    &definition(*kind, *flags),
                    &rows.collect::<Vec<_>>(),
                    more,
                ));
            }
            executed.extend((last == 0).then(|| ok(false)));
            vec![vec![OK.to_vec()], first, executed]
        })
    }

    fn framed(payloads: &[Vec<u8>], first: u8) -> Vec<u8> {
        let numbered = payloads.iter().zip(first..=u8::MAX);
        let packets = numbered.map(|(payload, number)| mysql::wire::framed(payload, number));
        packets.collect::<Vec<_>>().concat()
    }

    fn script() -> impl Strategy<Value = Vec<u8>> {
        any::<bool>().prop_flat_map(|marked| {
            let exchanges = prop_oneof![vec(vec(payload(), 1..8), 0..4), answered(marked)];
            (0_u8..8, exchanges, noise()).prop_map(move |(chance, exchanges, noise)| {
                let mut whole = framed(&[greeting(marked)], 0);
                if chance > 0 {
                    whole.extend(framed(&[OK.to_vec()], 2));
                }
                exchanges.iter().for_each(|payloads| whole.extend(framed(payloads, 1)));
                splice(whole, noise)
            })
        })
    }

    fn connected(script: Vec<u8>, talk: impl FnOnce(Arc<Mutex<mysql::Connection>>)) {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("s");
        let server = serve(&socket, script);
        let settings = pairs(&[("socket", text(&socket)), ("user", "u"), ("password", "p")]);
        let settings = mysql::settings::Settings::from_pairs(settings).expect("complete");
        if let Ok(connection) = mysql::connection::Connection::open(&settings) {
            talk(Arc::new(Mutex::new(connection)));
        }
        server.join().expect("it only wrote");
    }

    /// Reads every result of a statement: all its rows, or none where `rows` is false.
    fn drain_all(connection: &Arc<Mutex<mysql::Connection>>, rows: bool, limit: usize) {
        let mut statement = Some("CALL p()");
        let mut results = 0;
        while let Ok(Some(mut reader)) = RowsReader::results(Arc::clone(connection), statement.take()) {
            if rows {
                drain(&mut reader, limit);
            }
            results += 1;
            assert!(results <= limit, "more results than the script can hold");
        }
    }

    fn talk(script: Vec<u8>, call: bool) {
        let limit = script.len();
        connected(script, |connection| {
            let _ = connection.lock().expect("alone").query("SELECT 1");
            if call {
                drain_all(&connection, true, limit);
            } else if let Ok(mut rows) = RowsReader::start(Arc::clone(&connection), "SELECT 1", &[]) {
                drain(&mut rows, limit);
            }
            let _ = connection.lock().expect("alone").query("SELECT 1");
        });
    }

    /// What a client does with a statement's results.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Use {
        Query,
        Rows,
        FirstRowAlone,
        AllResults,
        NoRowsOfAll,
        FirstResultAlone,
    }
    const USES: &[Use] = &[
        Use::Query,
        Use::Rows,
        Use::FirstRowAlone,
        Use::AllResults,
        Use::NoRowsOfAll,
        Use::FirstResultAlone,
    ];

    fn use_results(connection: &Arc<Mutex<mysql::Connection>>, what: Use) {
        let shared = Arc::clone(connection);
        match what {
            Use::Query => drop(connection.lock().expect("alone").query("CALL p()")),
            Use::Rows => {
                if let Ok(mut rows) = RowsReader::start(shared, "CALL p()", &[]) {
                    drain(&mut rows, 100);
                }
            }
            Use::FirstRowAlone => {
                if let Ok(mut rows) = RowsReader::start(shared, "CALL p()", &[]) {
                    let _ = rows.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Pause));
                }
            }
            Use::AllResults => drain_all(connection, true, 100),
            Use::NoRowsOfAll => drain_all(connection, false, 100),
            Use::FirstResultAlone => drop(RowsReader::results(shared, Some("CALL p()"))),
        }
    }

    /// A whole conversation that keeps to the protocol: a statement with these results, and one whose answer is known.
    fn in_order(marked: bool, results: &[Vec<Vec<u8>>], last: &[u8], what: Use) -> Vec<u8> {
        let column = definition(253, 0);
        let mut answer = Vec::new();
        for values in results {
            let head: &[u8] = if what == Use::Query { b"" } else { b"\0\0" };
            let row = |value: &Vec<u8>| [head, &[value.len() as u8], value].concat();
            let rows = values.iter().map(row).collect::<Vec<_>>();
            answer.extend(match rows.is_empty() {
                true => vec![ok(true)],
                false => result(marked, &column, &rows, true),
            });
        }
        answer.push(last.to_vec());
        let mut whole = framed(&[greeting(marked)], 0);
        whole.extend(framed(&[OK.to_vec()], 2));
        if what != Use::Query {
            whole.extend(framed(&[prepared(false)], 1));
        }
        whole.extend(framed(&answer, 1));
        whole.extend(framed(&result(marked, &column, &[b"\x07in step".to_vec()], false), 1));
        whole
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_is_rows_or_a_typed_error(script in script(), call in any::<bool>()) {
            talk(script, call);
        }

        #[test]
        fn whoever_asked_the_next_statement_gets_its_own_answer_however_many_results_came_before(
            marked in any::<bool>(),
            results in vec(vec(vec(any::<u8>(), 0..9), 0..4), 0..5),
            refused in any::<bool>(),
            what in prop::sample::select(USES),
        ) {
            let last = if refused { REFUSAL.to_vec() } else { ok(false) };
            connected(in_order(marked, &results, &last, what), |connection| {
                use_results(&connection, what);
                let rows = connection.lock().expect("alone").query("SELECT 'in step'").expect("a session");
                assert_eq!(rows, [[Some("in step".to_owned())]]);
            });
        }
    }

    #[test]
    fn every_result_of_a_call_is_read_and_a_select_that_gives_several_is_refused() {
        let results = vec![vec![b"a".to_vec(), b"b".to_vec()], vec![], vec![b"c".to_vec()]];
        connected(in_order(false, &results, OK, Use::AllResults), |connection| {
            let mut counts = Vec::new();
            let mut statement = Some("CALL p()");
            let next = |sql: Option<&str>| RowsReader::results(Arc::clone(&connection), sql).expect("a result");
            while let Some(mut reader) = next(statement.take()) {
                let mut rows = 0;
                let mut count = |_: &[Cell<'_>]| {
                    rows += 1;
                    Ok(Flow::Continue)
                };
                while reader.pump(&mut count).expect("rows") {}
                counts.push(rows);
            }
            assert_eq!(counts, [2, 1]);
        });
        connected(in_order(false, &results, OK, Use::Rows), |connection| {
            let mut rows = RowsReader::start(Arc::clone(&connection), "CALL p()", &[]).expect("rows");
            let refusal = rows
                .pump(&mut |_: &[Cell<'_>]| Ok(Flow::Continue))
                .expect_err("refused");
            assert!(refusal.to_string().contains("several results"), "{refusal}");
            let stale = RowsReader::results(connection, None).err().expect("refused");
            assert!(stale.to_string().contains("a later statement"), "{stale}");
        });
    }
}
