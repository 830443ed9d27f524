//! Every decoder that reads what others wrote, against bytes that nobody should have written: a typed error or a value,
//! never a panic. `make fuzz` runs the same for longer (PROPTEST_CASES).

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Int64Array, IntervalMonthDayNanoArray,
    RecordBatch, RecordBatchIterator, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, TimestampSecondArray,
};
use arrow_schema::{DataType, Field, Schema};
use kora_core::answer_file;
use kora_core::canon::{decode_cells, decode_row, encode_cell};
use kora_core::cell::Cell;
use kora_core::error::Error;
use kora_core::program::Profile;
use kora_core::readers::arrow::ArrowRows;
use kora_core::readers::csv::dialect::Wanted;
use kora_core::readers::csv::CsvFile;
use kora_core::readers::line::certificate::Certificate;
use kora_core::readers::mysql::decoder::RowDecoder;
use kora_core::readers::mysql::reply::{self, ColumnDefinition};
use kora_core::readers::mysql::types::{Column, ColumnKind};
use kora_core::readers::parquet::{ParquetRows, Wanted as WantedRows};
use kora_core::readers::postgres::numeric;
use kora_core::readers::postgres::reply::ServerError;
use kora_core::rows::{Flow, RowReader};
use proptest::prelude::*;

/// Reads to the end or the first error; every cell is encoded, as a digest would have it.
fn drain(reader: &mut dyn RowReader, limit: usize) -> usize {
    let (mut rows, mut out) = (0, Vec::new());
    let mut sink = |cells: &[Cell<'_>]| {
        out.clear();
        cells.iter().try_for_each(|cell| encode_cell(cell, &mut out))?;
        rows += 1;
        assert!(rows <= limit, "more rows than the input can hold");
        Ok(Flow::Continue)
    };
    while matches!(reader.pump(&mut sink), Ok(true)) {}
    rows
}

fn arrow_rows(array: ArrayRef, duck_type: &str) -> usize {
    let schema = Arc::new(Schema::new(vec![Field::new("c", array.data_type().clone(), true)]));
    let count = array.len();
    let batch = RecordBatch::try_new(schema.clone(), vec![array]).expect("one column");
    let stream = RecordBatchIterator::new(vec![Ok(batch)], schema);
    match ArrowRows::from_reader(Box::new(stream), &[duck_type.to_owned()]) {
        Ok(mut rows) => drain(&mut rows, count),
        Err(_) => 0,
    }
}

fn fixed(values: &[i128], width: usize) -> ArrayRef {
    let pieces = values.iter().map(|value| value.to_le_bytes()[..width].to_vec());
    Arc::new(FixedSizeBinaryArray::try_from_iter(pieces).expect("one width"))
}

/// Kinds of MariaDB's columns, and the protocol types that may carry each.
const MYSQL_KINDS: [(&str, &[u8]); 17] = [
    ("", &[1, 2, 3, 4, 5, 8, 10, 11, 12, 246, 253]),
    ("integer", &[1, 2, 3, 8, 9, 13]),
    ("decimal", &[0, 246]),
    ("float", &[4, 5]),
    ("bit(13)", &[16]),
    ("date", &[10]),
    ("time", &[11]),
    ("datetime", &[12]),
    ("timestamp", &[7]),
    ("bytes", &[252, 253, 254]),
    ("uuid", &[254, 253]),
    ("inet", &[254, 253]),
    ("geometry", &[255]),
    ("text:utf8mb4", &[252, 253, 254]),
    ("json:utf8mb4", &[252]),
    ("enum:latin1", &[254]),
    ("set:latin1", &[254]),
];

/// Numbers as they come, and those at the ends of their range.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![
        any::<i64>(),
        Just(i64::MIN),
        Just(i64::MAX),
        Just(i64::MIN + 1),
        -100_i64..100
    ]
}

/// Files of 40 rows that pyarrow wrote, one for each codec; together they have every encoding that is read.
const PARQUET: [&[u8]; 8] = [
    include_bytes!("parquet/plain.parquet"),
    include_bytes!("parquet/dictionary.parquet"),
    include_bytes!("parquet/deltas.parquet"),
    include_bytes!("parquet/snappy.parquet"),
    include_bytes!("parquet/gzip.parquet"),
    include_bytes!("parquet/brotli.parquet"),
    include_bytes!("parquet/zstd.parquet"),
    include_bytes!("parquet/lz4.parquet"),
];
const PARQUET_COLUMNS: [(&str, &str); 6] = [
    ("n", "INTEGER"),
    ("l", "BIGINT"),
    ("b", "BOOLEAN"),
    ("s", "VARCHAR"),
    ("d", "DOUBLE"),
    ("x", "BLOB"),
];

/// Reads a column of a file; the rows that came before its end or before damage, 1,000 at most.
fn parquet_rows(file: &[u8], columns: &[(&str, &str)], spans: Option<Vec<(u64, u64)>>) -> Result<usize, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("f.parquet");
    std::fs::write(&path, file).expect("room");
    let owned = |(name, kind): &(&str, &str)| ((*name).to_owned(), (*kind).to_owned());
    let columns: Vec<_> = columns.iter().map(owned).collect();
    let mut rows = ParquetRows::open(vec![WantedRows { path, spans }], &columns)?;
    let (mut count, mut out) = (0, Vec::new());
    let mut sink = |cells: &[Cell<'_>]| {
        out.clear();
        cells.iter().try_for_each(|cell| encode_cell(cell, &mut out))?;
        count += 1;
        Ok(if count < 1000 { Flow::Continue } else { Flow::Pause })
    };
    rows.pump(&mut sink)?;
    Ok(count)
}

#[test]
fn the_parquet_files_are_whole_before_they_are_damaged() {
    for file in PARQUET {
        assert_eq!(parquet_rows(file, &PARQUET_COLUMNS, None).expect("whole"), 40);
        let some = Some(vec![(3, 5), (24, 27), (39, 40)]);
        assert_eq!(parquet_rows(file, &PARQUET_COLUMNS, some).expect("whole"), 6);
        assert!(matches!(
            parquet_rows(file, &PARQUET_COLUMNS, Some(vec![(0, 41)])),
            Err(Error::Usage(_))
        ));
        assert!(matches!(
            parquet_rows(file, &[("n", "VARCHAR")], None),
            Err(Error::Unsupported { .. })
        ));
        assert!(matches!(
            parquet_rows(file, &[("no", "INTEGER")], None),
            Err(Error::Unsupported { .. })
        ));
    }
}

#[test]
fn a_parquet_file_that_ends_anywhere_is_refused() {
    for file in PARQUET {
        for length in (0..file.len()).step_by(3) {
            let refused = parquet_rows(&file[..length], &PARQUET_COLUMNS, None);
            assert!(
                matches!(refused, Err(Error::Malformed { .. })),
                "{length} bytes: {refused:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn a_damaged_parquet_file_is_rows_or_a_typed_error(
        file in 0..PARQUET.len(),
        column in 0..PARQUET_COLUMNS.len(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        spans in prop_oneof![Just(None), (0_u64..20, 20_u64..41).prop_map(|span| Some(vec![span]))],
    ) {
        let mut bytes = PARQUET[file].to_vec();
        let length = bytes.len();
        for (place, byte) in damage {
            bytes[place.index(length)] = byte;
        }
        match parquet_rows(&bytes, &PARQUET_COLUMNS[column..=column], spans) {
            Ok(_) | Err(Error::Malformed { .. } | Error::Unsupported { .. } | Error::Usage(_)) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn every_number_that_arrow_can_hold_is_a_value_or_an_error(values in proptest::collection::vec(number(), 1..5)) {
        let all = |wrap: fn(Vec<i64>) -> ArrayRef| wrap(values.clone());
        arrow_rows(all(|values| Arc::new(Int64Array::from(values))), "BIGINT");
        arrow_rows(all(|values| Arc::new(TimestampSecondArray::from(values))), "TIMESTAMP_S");
        arrow_rows(all(|values| Arc::new(TimestampMicrosecondArray::from(values))), "TIMESTAMP");
        arrow_rows(all(|values| Arc::new(TimestampNanosecondArray::from(values))), "TIMESTAMP_NS");
        arrow_rows(
            all(|values| Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))),
            "TIMESTAMP WITH TIME ZONE",
        );
        arrow_rows(all(|values| Arc::new(Time64MicrosecondArray::from(values))), "TIME");
        let days: Vec<i32> = values.iter().map(|value| *value as i32).collect();
        arrow_rows(Arc::new(Date32Array::from(days)), "DATE");
        let wide: Vec<i128> = values.iter().map(|value| i128::from(*value) << 64 | i128::from(*value)).collect();
        arrow_rows(fixed(&wide, 16), "HUGEINT");
        arrow_rows(fixed(&wide, 16), "UUID");
        arrow_rows(fixed(&wide, 8), "TIME WITH TIME ZONE");
        let decimals = Decimal128Array::from(wide.clone()).with_data_type(DataType::Decimal128(38, 3));
        arrow_rows(Arc::new(decimals), "DECIMAL(38,3)");
        let spans = values.iter().map(|value| arrow_buffer::IntervalMonthDayNano::new(*value as i32, (*value >> 32) as i32, *value));
        arrow_rows(Arc::new(IntervalMonthDayNanoArray::from_iter_values(spans)), "INTERVAL");
    }

    #[test]
    fn every_text_or_byte_string_in_arrow_is_a_value_or_an_error(
        text in "\\PC{0,20}", bytes in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        for duck_type in ["VARCHAR", "JSON", "UUID", "INTERVAL", "ENUM('a')"] {
            arrow_rows(Arc::new(StringArray::from(vec![text.as_str()])), duck_type);
        }
        for duck_type in ["BLOB", "BIT"] {
            arrow_rows(Arc::new(BinaryArray::from(vec![bytes.as_slice()])), duck_type);
        }
    }

    #[test]
    fn a_csv_file_of_any_bytes_is_rows_or_an_error(bytes in prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        "[a-c,;\"'\n\r\t0-9]{0,200}".prop_map(String::into_bytes),
    ]) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("f.csv");
        std::fs::write(&path, &bytes).expect("room");
        if let Ok(file) = CsvFile::open(&path, None, &Wanted::default(), None) {
            let mut rows = file.rows(None).expect("all columns");
            drain(&mut rows, bytes.len() + 1);
        }
    }

    #[test]
    fn a_row_of_mariadbs_protocol_of_any_bytes_is_a_row_or_an_error(
        kinds in proptest::collection::vec((0_usize..MYSQL_KINDS.len(), any::<u8>(), any::<u16>()), 1..4),
        payload in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let columns = kinds.iter().enumerate().filter_map(|(position, (kind, code, flags))| {
            let (name, codes) = MYSQL_KINDS[*kind];
            let definition = ColumnDefinition {
                collation: 63,
                length: 20,
                type_code: codes[usize::from(*code) % codes.len()],
                flags: *flags,
            };
            Column::new(position, &ColumnKind::from_name(name).expect("listed"), &definition).ok()
        });
        let columns: Vec<Column> = columns.collect();
        let count = columns.len();
        let mut sink = |cells: &[Cell<'_>]| {
            assert_eq!(cells.len(), count);
            let mut out = Vec::new();
            cells.iter().try_for_each(|cell| encode_cell(cell, &mut out))?;
            Ok(Flow::Continue)
        };
        let _ = RowDecoder::new(columns).row(&[&[0], payload.as_slice()].concat(), &mut sink);
        let _ = ColumnDefinition::parse(&payload);
        let _ = reply::ServerError::parse(&payload);
    }

    #[test]
    fn what_a_server_says_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = ServerError::parse(&bytes);
        let _ = Certificate::parse(&bytes);
        if let Ok(numeric::Decoded::Long(number)) = numeric::decode(&bytes) {
            let mut text = String::new();
            let _ = number.write(&mut text);
            prop_assert!(text.len() <= 300_000, "{} bytes became {} digits", bytes.len(), text.len());
        }
    }

    #[test]
    fn canonical_bytes_that_nobody_encoded_are_refused_or_encode_again(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let _ = decode_row(&bytes);
        if let Ok(cells) = decode_cells(&bytes) {
            prop_assert!(cells.len() <= bytes.len());
        }
    }

    #[test]
    fn a_profile_of_any_text_is_read_or_refused(text in "[\\[\\]{}:,\"a-z0-9 -]{0,120}") {
        let _ = Profile::from_json(&text);
    }

    #[test]
    fn a_behaviour_files_body_of_any_bytes_is_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        small in proptest::collection::vec(0_u8..6, 0..200),
        changed in any::<(usize, u8)>(),
    ) {
        for tail in [&bytes, &small] {
            let body = [answer_file::MAGIC.as_slice(), tail].concat();
            if let Ok(read) = answer_file::decode(&body) {
                prop_assert!(answer_file::encode(&read).is_ok_and(|again| again == body));
            }
        }
        let mut body = answer_file::encode(&recorded(&bytes)).expect("within its limits");
        let place = changed.0 % body.len();
        body[place] ^= changed.1;
        if let Ok(read) = answer_file::decode(&body) {
            prop_assert!(changed.1 == 0 || read != recorded(&bytes));
        }
    }
}

/// A recording of one answer for each byte, some with the same words.
fn recorded(bytes: &[u8]) -> answer_file::Recorded {
    let reading = |byte: u8, ordered: bool| answer_file::Reading {
        rows: [byte; 16],
        order: ordered.then_some([byte; 16]),
    };
    let entry = |byte: &u8| answer_file::Entry {
        name: format!("q{byte}"),
        text: [*byte; 8],
        state: byte & 3,
        reason: "x".repeat(usize::from(byte >> 6)),
        fragile: String::new(),
        body: (byte & 3 == 0).then(|| answer_file::Body {
            rows: u64::from(*byte) << 40,
            columns: vec!["integer".into(), format!("text{}", byte >> 7)],
            ties: byte & 4 != 0,
            exact: reading(*byte, byte & 8 != 0),
            plain: reading(byte & 0xf0, byte & 8 != 0),
        }),
    };
    answer_file::Recorded {
        head: bytes.to_vec(),
        answers: bytes.iter().map(entry).collect(),
    }
}
