//! The PostgreSQL reader and the COPY encoder against a real server: every type's extreme values, exactly.

mod cluster;

use cluster::Cluster;
use kora_core::cell::{Cell, Temporal, Ticks};
use kora_core::error::{Error, Result};
use kora_core::readers::postgres::{Connection, CopyReader};
use kora_core::rows::{Flow, RowReader};
use kora_core::writers::postgres_copy::CopyEncoder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

type Shared = Arc<Mutex<Connection>>;

fn execute(connection: &Shared, sql: &str) {
    connection.lock().unwrap().execute(sql).unwrap();
}

fn reader(connection: &Shared, query: &str, types: &[&str]) -> Result<CopyReader> {
    let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
    CopyReader::start(Arc::clone(connection), query, &types)
}

/// Every cell as its `Debug` text, row by row.
fn shown(connection: &Shared, query: &str, types: &[&str]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut reader = reader(connection, query, types).unwrap();
    let more = reader.pump(&mut |cells: &[Cell<'_>]| {
        rows.push(cells.iter().map(|cell| format!("{cell:?}")).collect());
        Ok(Flow::Continue)
    });
    assert!(!more.unwrap());
    rows
}

fn reads(connection: &Shared, literal: &str, target: &str, expected: Cell<'_>) {
    let rows = shown(connection, &format!("SELECT {literal}"), &[target]);
    assert_eq!(rows, [[format!("{expected:?}")]], "{literal}");
}

fn extreme_numbers(connection: &Shared) {
    let decimal = |negative, coefficient, scale| Cell::Decimal {
        negative,
        coefficient,
        scale,
    };
    let long = format!("-{}.{}", "9".repeat(200), "0".repeat(99) + "1");
    for (literal, target, expected) in [
        ("true", "bool", Cell::Bool(true)),
        ("(-32768)::int2", "int2", Cell::Int(-32_768)),
        ("2147483647", "int4", Cell::Int(2_147_483_647)),
        ("(-9223372036854775808)::int8", "int8", Cell::Int(i64::MIN.into())),
        ("4294967295::oid", "oid", Cell::Int(4_294_967_295)),
        ("0.1::float4", "float4", Cell::Float(f64::from(0.1_f32))),
        ("'-0'::float8", "float8", Cell::Float(-0.0)),
        ("'5e-324'::float8", "float8", Cell::Float(5e-324)),
        ("'-inf'::float8", "float8", Cell::Float(f64::NEG_INFINITY)),
        ("'nan'::float4", "float4", Cell::Float(f64::NAN)),
        ("0.00::numeric(12,2)", "numeric", decimal(false, 0, 2)),
        ("-0.0001", "numeric", decimal(true, 1, 4)),
        ("1e20::numeric", "numeric", decimal(false, 10_u128.pow(20), 0)),
        (
            "340282366920938463463374607431768211455",
            "numeric",
            decimal(false, u128::MAX, 0),
        ),
        (
            "340282366920938463463374607431768211456",
            "numeric",
            Cell::BigDecimal("340282366920938463463374607431768211456"),
        ),
        (&long, "numeric", Cell::BigDecimal(&long)),
        ("'NaN'::numeric", "numeric", Cell::DecimalNan),
        (
            "'-Infinity'::numeric",
            "numeric",
            Cell::DecimalInfinity { negative: true },
        ),
        ("NULL::numeric", "numeric", Cell::Null),
    ] {
        reads(connection, literal, target, expected);
    }
}

fn extreme_texts(connection: &Shared) {
    execute(connection, "CREATE TYPE pg_temp.mood AS ENUM ('sad', 'ülle')");
    for (literal, target, expected) in [
        ("''::text", "text", Cell::Text("")),
        ("'ß\u{1f600} '::varchar", "varchar", Cell::Text("ß\u{1f600} ")),
        ("' a'::char(5)", "bpchar", Cell::Text(" a")),
        ("current_user", "name", Cell::Text("tester")),
        ("'\\x00ff'::bytea", "bytea", Cell::Bytes(&[0, 255])),
        ("''::bytea", "bytea", Cell::Bytes(&[])),
        (
            "'ffffffff-0000-0000-0000-000000000001'::uuid",
            "uuid",
            Cell::Uuid([255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ),
        (
            "B'101010101'",
            "bit",
            Cell::Bit {
                bits: 9,
                bytes: &[0xaa, 0x80],
            },
        ),
        ("B''::varbit", "varbit", Cell::Bit { bits: 0, bytes: &[] }),
        (
            "'{\"b\": 1,  \"a\":2}'::json",
            "json",
            Cell::Json("{\"b\": 1,  \"a\":2}"),
        ),
        (
            "'{\"b\": 1,  \"a\":2}'::jsonb",
            "jsonb",
            Cell::Json("{\"a\": 2, \"b\": 1}"),
        ),
        ("'ülle'::pg_temp.mood", "enum", Cell::Enum("ülle")),
    ] {
        reads(connection, literal, target, expected);
    }
}

fn extreme_times(connection: &Shared) {
    let at = Ticks::from_micros;
    let infinity = |kind, negative| Cell::TemporalInfinity { kind, negative };
    for (literal, target, expected) in [
        ("'1970-01-01'::date", "date", Cell::Date(0)),
        ("'4713-01-01 BC'::date", "date", Cell::Date(-2_440_550)),
        ("'5874897-12-31'::date", "date", Cell::Date(2_145_042_905)),
        ("'-infinity'::date", "date", infinity(Temporal::Date, true)),
        ("'24:00'::time", "time", Cell::Time(at(86_400_000_000))),
        (
            "'00:00:00.000001+15:59:59'::timetz",
            "timetz",
            Cell::TimeTz {
                local: at(1),
                offset_seconds: 57_599,
            },
        ),
        (
            "'1969-12-31 23:59:59.999999'::timestamp",
            "timestamp",
            Cell::Timestamp(at(-1)),
        ),
        (
            "'infinity'::timestamp",
            "timestamp",
            infinity(Temporal::Timestamp, false),
        ),
        (
            "'4714-11-24 00:00:00+00 BC'::timestamptz",
            "timestamptz",
            Cell::Instant(at(-210_866_803_200_000_000)),
        ),
        (
            "'294276-12-31 23:59:59'::timestamp",
            "timestamp",
            Cell::ImpossibleTimestamp {
                year: 294_276,
                month: 12,
                day: 31,
                micros: 86_399_000_000,
            },
        ),
        (
            "'1970-01-01 01:00:00+01'::timestamptz",
            "timestamptz",
            Cell::Instant(at(0)),
        ),
        (
            "'-infinity'::timestamptz",
            "timestamptz",
            infinity(Temporal::Instant, true),
        ),
        (
            "'-1 mon +2 days -03:00:00.000001'::interval",
            "interval",
            Cell::Interval {
                months: -1,
                days: 2,
                micros: -10_800_000_001,
            },
        ),
    ] {
        reads(connection, literal, target, expected);
    }
}

fn shown_error(connection: &Shared, query: &str, types: &[&str]) -> Error {
    match reader(connection, query, types) {
        Ok(mut reader) => reader.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Continue)).unwrap_err(),
        Err(error) => error,
    }
}

/// One test, for one server: each part takes a session of its own.
#[test]
fn a_real_server_s_values_are_read_exactly_and_written_back_unchanged() {
    let server = &Cluster::start();
    extreme_numbers(&server.connect());
    extreme_texts(&server.connect());
    extreme_times(&server.connect());
    a_paused_reader_keeps_its_place(&server.connect());
    a_later_statement_ends_a_stream_and_the_session_lives_on(&server.connect());
    refusals_name_what_is_wrong(&server.connect());
    broken_text_is_kept(server);
    whatever_is_encoded_comes_back(server);
}

fn a_paused_reader_keeps_its_place(connection: &Shared) {
    let query = "SELECT g, repeat('x', g % 7000) FROM generate_series(1, 2000) g";
    let mut reader = reader(connection, query, &["int4", "text"]).unwrap();
    let mut seen = Vec::new();
    while reader
        .pump(&mut |cells: &[Cell<'_>]| {
            let (Cell::Int(number), Cell::Text(text)) = (cells[0], cells[1]) else {
                panic!("{cells:?}")
            };
            assert_eq!(text.len() as i128, number % 7000);
            seen.push(number);
            Ok(if number % 3 == 0 { Flow::Pause } else { Flow::Continue })
        })
        .unwrap()
    {}
    assert_eq!(seen, (1..=2000).collect::<Vec<i128>>());
    assert!(!reader
        .pump(&mut |_: &[Cell<'_>]| panic!("nothing follows the end"))
        .unwrap());
}

fn a_later_statement_ends_a_stream_and_the_session_lives_on(connection: &Shared) {
    execute(connection, "BEGIN");
    let mut first = reader(connection, "SELECT generate_series(1, 100000)", &["int4"]).unwrap();
    assert!(first.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Pause)).unwrap());
    assert_eq!(shown(connection, "SELECT 7", &["int4"]), [["Int(7)"]]);
    let error = first.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Continue)).unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error}");
    execute(connection, "COMMIT");
}

fn refusals_name_what_is_wrong(connection: &Shared) {
    let error = shown_error(
        connection,
        "SELECT 1, makeaclitem(10, 10, 'SELECT', false)",
        &["int4", "aclitem"],
    );
    assert!(matches!(error, Error::Unsupported { column, .. } if column == "1"));
    let error = shown_error(connection, "SELECT 1, 2", &["int4"]);
    assert!(matches!(error, Error::Usage(_)), "{error}");
    let error = shown_error(connection, "SELECT nothing", &["int4"]);
    assert!(matches!(error, Error::Engine { code, .. } if code == "42703"));
    let error = shown_error(connection, "SELECT 1 / (5 - g) FROM generate_series(1, 9) g", &["int4"]);
    assert!(matches!(error, Error::Engine { code, .. } if code == "22012"));
    assert_eq!(
        shown(connection, "SELECT 'still here' -- a comment", &["text"]),
        [["Text(\"still here\")"]]
    );
    let error = shown_error(connection, "SELECT 1::int8", &["int4"]);
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
}

fn broken_text_is_kept(server: &Cluster) {
    execute(
        &server.connect(),
        "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0",
    );
    let ascii = server.connect_to("ascii");
    reads(
        &ascii,
        "E'caf\\351'::text",
        "text",
        Cell::BrokenText {
            bytes: b"caf\xe9",
            charset: "utf8",
        },
    );
}

/// Columns of the round-trip table, and values that their types hold.
const COLUMNS: [&str; 10] = [
    "int8",
    "numeric",
    "numeric(12,3)",
    "text",
    "bytea",
    "timestamp",
    "date",
    "float8",
    "interval",
    "varbit",
];

#[derive(Clone, Debug)]
struct Sample {
    number: i64,
    long: String,
    short: u64,
    text: String,
    bytes: Vec<u8>,
    micros: i64,
    days: i64,
    float: u64,
    months: i32,
    null: bool,
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let sample = (
        (
            any::<i64>(),
            "-?[1-9][0-9]{40,60}\\.[0-9]{1,50}",
            0..999_999_999_999_u64,
            "[^\\x00]{0,40}",
        ),
        (
            prop::collection::vec(any::<u8>(), 0..40),
            -210_866_803_200_000_000..9_000_000_000_000_000_000_i64,
        ),
        (-2_440_588..2_145_042_906_i64, any::<u64>(), any::<i32>(), any::<bool>()),
    );
    let sample = sample.prop_map(
        |((number, long, short, text), (bytes, micros), (days, float, months, null))| Sample {
            number,
            long,
            short,
            text,
            bytes,
            micros,
            days,
            float,
            months,
            null,
        },
    );
    prop::collection::vec(sample, 1..60)
}

impl Sample {
    fn cells(&self) -> Vec<Cell<'_>> {
        let mut cells = vec![
            Cell::Int(self.number.into()),
            Cell::BigDecimal(&self.long),
            Cell::Decimal {
                negative: false,
                coefficient: self.short.into(),
                scale: 3,
            },
            Cell::Text(&self.text),
            Cell::Bytes(&self.bytes),
            Cell::Timestamp(Ticks::from_micros(self.micros)),
            Cell::Date(self.days),
            Cell::Float(f64::from_bits(self.float)),
            Cell::Interval {
                months: self.months,
                days: -self.months / 2,
                micros: self.micros,
            },
            Cell::Bit {
                bits: self.bytes.len() as u32 * 8,
                bytes: &self.bytes,
            },
        ];
        if self.null {
            cells[self.short as usize % COLUMNS.len()] = Cell::Null;
        }
        cells
    }
}

fn whatever_is_encoded_comes_back(server: &Cluster) {
    let connection = server.connect();
    let columns: Vec<String> = COLUMNS
        .iter()
        .enumerate()
        .map(|(index, name)| format!("c{index} {name}"))
        .collect();
    execute(
        &connection,
        &format!("CREATE TABLE copied (ordinal serial, {})", columns.join(", ")),
    );
    let names: Vec<String> = (0..COLUMNS.len()).map(|index| format!("c{index}")).collect();
    let (names, file) = (names.join(", "), server.path().join("rows"));
    let bare: Vec<&str> = COLUMNS.iter().map(|name| name.split('(').next().unwrap()).collect();
    let mut runner = TestRunner::new(Config {
        cases: 20,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&samples(), |samples| {
            let encoder = CopyEncoder::new(&COLUMNS).unwrap();
            let mut bytes = Vec::new();
            encoder.header(&mut bytes);
            for sample in &samples {
                encoder.encode_row(&sample.cells(), &mut bytes).unwrap();
            }
            encoder.trailer(&mut bytes);
            std::fs::write(&file, &bytes).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            execute(&connection, "TRUNCATE copied RESTART IDENTITY");
            execute(
                &connection,
                &format!("COPY copied ({names}) FROM '{}' (FORMAT BINARY)", file.display()),
            );
            let expected: Vec<Vec<String>> = samples
                .iter()
                .map(|sample| sample.cells().iter().map(|cell| format!("{cell:?}")).collect())
                .collect();
            prop_assert_eq!(
                shown(
                    &connection,
                    &format!("SELECT {names} FROM copied ORDER BY ordinal"),
                    &bare
                ),
                expected
            );
            Ok(())
        })
        .unwrap();
}
