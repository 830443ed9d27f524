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
    const OK: &[u8] = b"\0\0\0\x02\0\0\0";
    const END: &[u8] = b"\xfe\0\0\x02\0";

    fn definition(kind: u8, flags: u8) -> Vec<u8> {
        let facts = [0x0c, 45, 0, 20, 0, 0, 0, kind, flags, 0, 0, 0, 0];
        [b"\x03def\0\0\0\x01a\x01a".as_slice(), &facts].concat()
    }

    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let bytes = || vec(any::<u8>(), 0..24);
        let kinds: &[u8] = &[1, 3, 5, 7, 8, 10, 11, 12, 16, 246, 252, 253, 254];
        prop_oneof![
            Just(OK.to_vec()),
            Just(END.to_vec()),
            Just(b"\xff\x28\x04#42000no".to_vec()),
            Just(b"\0\x01\0\0\0\x01\0\0\0\0\0\0".to_vec()),
            Just(b"\x01".to_vec()),
            (prop::sample::select(kinds), any::<u8>()).prop_map(|(kind, flags)| definition(kind, flags)),
            bytes().prop_map(|bytes| [b"\0\0".as_slice(), &bytes].concat()),
            bytes(),
        ]
    }

    /// A prepared statement's whole answer, as a server gives it, around rows of any bytes.
    fn answered() -> impl Strategy<Value = Vec<Vec<Vec<u8>>>> {
        let rows = vec(vec(any::<u8>(), 0..24), 0..5);
        (any::<u8>(), any::<u8>(), rows).prop_map(|(kind, flags, rows)| {
            let prepared = vec![
                b"\0\x01\0\0\0\x01\0\0\0\0\0\0".to_vec(),
                definition(kind, flags),
                END.to_vec(),
            ];
            let mut executed = vec![b"\x01".to_vec(), definition(kind, flags), END.to_vec()];
            executed.extend(rows.into_iter().map(|row| [b"\0\0".as_slice(), &row].concat()));
            executed.push(END.to_vec());
            vec![vec![OK.to_vec()], prepared, executed]
        })
    }

    fn framed(payloads: &[Vec<u8>], first: u8) -> Vec<u8> {
        let numbered = payloads.iter().zip(first..=u8::MAX);
        let packets = numbered.map(|(payload, number)| mysql::wire::framed(payload, number));
        packets.collect::<Vec<_>>().concat()
    }

    fn script() -> impl Strategy<Value = Vec<u8>> {
        let exchanges = prop_oneof![vec(vec(payload(), 1..8), 0..4), answered()];
        (0_u8..8, exchanges, noise()).prop_map(|(chance, exchanges, noise)| {
            let mut whole = framed(&[GREETING.to_vec()], 0);
            if chance > 0 {
                whole.extend(framed(&[OK.to_vec()], 2));
            }
            exchanges.iter().for_each(|payloads| whole.extend(framed(payloads, 1)));
            splice(whole, noise)
        })
    }

    fn talk(script: Vec<u8>) {
        let folder = tempfile::tempdir().expect("a folder");
        let limit = script.len();
        let socket = folder.path().join("s");
        let server = serve(&socket, script);
        let settings = pairs(&[("socket", text(&socket)), ("user", "u"), ("password", "p")]);
        let settings = mysql::settings::Settings::from_pairs(settings).expect("complete");
        if let Ok(connection) = mysql::connection::Connection::open(&settings) {
            let connection = Arc::new(Mutex::new(connection));
            let _ = connection.lock().expect("alone").query("SELECT 1");
            if let Ok(mut rows) = RowsReader::start(connection, "SELECT 1", &[]) {
                drain(&mut rows, limit);
            }
        }
        server.join().expect("it only wrote");
    }

    proptest! {
        #[test]
        fn whatever_a_server_says_is_rows_or_a_typed_error(script in script()) {
            talk(script);
        }
    }
}
