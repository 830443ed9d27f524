use super::*;
use crate::canon::StructureBuilder;
use crate::cell::{Temporal, Ticks};
use proptest::prelude::*;

fn field(target: &str, cell: Cell<'_>) -> std::result::Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let encoder = LoadDataEncoder::new(&[target]).unwrap();
    encoder
        .encode_row(&[cell], &mut out)
        .map(|()| out[..out.len() - 1].to_vec())
        .map_err(|refusal| refusal.reason)
}

fn shown(target: &str, cell: Cell<'_>) -> String {
    String::from_utf8(field(target, cell).unwrap()).unwrap()
}

/// What the server's reader of these lines makes of them: "LOAD DATA", FIELDS ESCAPED BY in MariaDB's documentation.
fn read_back(lines: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
    let (mut rows, mut row, mut field) = (Vec::new(), Vec::new(), Some(Vec::new()));
    let mut bytes = lines.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next().unwrap() {
                b'N' => field = None,
                other => field.as_mut().unwrap().push(match other {
                    b'0' => 0,
                    b't' => b'\t',
                    b'n' => b'\n',
                    b'b' => 8,
                    b'r' => b'\r',
                    b'Z' => 26,
                    other => *other,
                }),
            },
            b'\t' => row.push(field.replace(Vec::new())),
            b'\n' => {
                row.push(field.replace(Vec::new()));
                rows.push(std::mem::take(&mut row));
            }
            other => field.as_mut().unwrap().push(*other),
        }
    }
    rows
}

fn ticks(micros: i64) -> Ticks {
    Ticks::from_micros(micros)
}

#[test]
fn rows_are_lines_and_null_is_not_its_own_letters() {
    let encoder = LoadDataEncoder::new(&["longtext", "longblob", "int"]).unwrap();
    let mut out = Vec::new();
    let odd = "a\tb\nc\\N\0'\"é\r\u{1a}\u{8}";
    for row in [
        [Cell::Text(odd), Cell::Bytes(&[0, 255, 9, 10, 92]), Cell::Int(-7)],
        [Cell::Text("\\N"), Cell::Bytes(b""), Cell::Null],
    ] {
        encoder.encode_row(&row, &mut out).unwrap();
    }
    let some = |bytes: &[u8]| Some(bytes.to_vec());
    assert_eq!(
        read_back(&out),
        [
            vec![some(odd.as_bytes()), some(&[0, 255, 9, 10, 92]), some(b"-7")],
            vec![some(b"\\N"), some(b""), None],
        ]
    );
}

#[test]
fn a_refused_row_leaves_nothing_behind_and_names_its_column() {
    let encoder = LoadDataEncoder::new(&["int", "varchar(2)"]).unwrap();
    let mut out = b"before\n".to_vec();
    let refusal = encoder
        .encode_row(&[Cell::Int(1), Cell::Text("long")], &mut out)
        .unwrap_err();
    assert_eq!((refusal.column, out.as_slice()), (1, &b"before\n"[..]));
    assert!(refusal.reason.contains("4 characters"), "{}", refusal.reason);
}

#[test]
fn tuples_of_an_insert_hold_the_same_fields() {
    let encoder = LoadDataEncoder::new(&["longtext", "uuid"]).unwrap();
    let mut lines = Vec::new();
    encoder
        .encode_row(&[Cell::Text("it's\n"), Cell::Uuid([0x11; 16])], &mut lines)
        .unwrap();
    encoder.encode_row(&[Cell::Null, Cell::Null], &mut lines).unwrap();
    let mut out = Vec::new();
    insert_pieces(&lines, &[1], &mut out).unwrap();
    assert_eq!(
        String::from_utf8(out.concat()).unwrap(),
        "(_binary'it\\'s\\n',CONVERT(_binary'11111111-1111-1111-1111-111111111111' USING utf8mb4)),(NULL,NULL)"
    );
    assert!(insert_pieces(b"without an end", &[], &mut Vec::new()).is_err());
}

#[test]
fn numbers_are_written_so_that_nothing_is_rounded() {
    assert_eq!(
        shown("bigint unsigned", Cell::Int(i128::from(u64::MAX))),
        u64::MAX.to_string()
    );
    assert_eq!(shown("tinyint(1)", Cell::Int(-128)), "-128");
    assert_eq!(shown("double", Cell::Float(0.1)), "1e-1");
    assert_eq!(shown("double", Cell::Float(f64::MAX)).parse(), Ok(f64::MAX));
    assert_eq!(
        shown("float", Cell::Float(f64::from(0.1_f32))).parse(),
        Ok(f64::from(0.1_f32))
    );
    let digits = format!("-{}.{}", "9".repeat(35), "9".repeat(30));
    assert_eq!(shown("decimal(65,30)", Cell::BigDecimal(&digits)), digits);
    let cell = Cell::Decimal {
        negative: false,
        coefficient: 1500,
        scale: 3,
    };
    assert_eq!(shown("decimal(2,1)", cell), "1.5");
    assert_eq!(
        shown(
            "int",
            Cell::Decimal {
                negative: true,
                coefficient: 1200,
                scale: 2
            }
        ),
        "-12"
    );
}

#[test]
fn moments_are_written_with_all_their_digits() {
    assert_eq!(
        shown("time(6)", Cell::Time(ticks(-3_020_399_999_999))),
        "-838:59:59.999999"
    );
    assert_eq!(shown("time", Cell::Time(ticks(86_400_000_000))), "24:00:00");
    assert_eq!(
        shown("datetime(6)", Cell::Timestamp(ticks(-1))),
        "1969-12-31 23:59:59.999999"
    );
    assert_eq!(
        shown("timestamp", Cell::Instant(ticks(1_000_000))),
        "1970-01-01 00:00:01"
    );
    assert_eq!(shown("date", Cell::Date(-719_162)), "0001-01-01");
    assert_eq!(
        shown(
            "date",
            Cell::ImpossibleDate {
                year: 2020,
                month: 2,
                day: 31
            }
        ),
        "2020-02-31"
    );
    assert_eq!(
        shown(
            "datetime",
            Cell::ImpossibleDate {
                year: 0,
                month: 0,
                day: 0
            }
        ),
        "0000-00-00 00:00:00"
    );
    assert_eq!(shown("date", Cell::Date(-719_528)), "0000-01-01");
    let broken_day = Cell::ImpossibleTimestamp {
        year: 2020,
        month: 2,
        day: 31,
        micros: 36_000_500_000,
    };
    assert_eq!(shown("datetime(6)", broken_day), "2020-02-31 10:00:00.5");
    assert!(field("datetime", broken_day).unwrap_err().contains("rounded"));
    let zero = Cell::ImpossibleTimestamp {
        year: 0,
        month: 0,
        day: 0,
        micros: 0,
    };
    assert_eq!(shown("timestamp", zero), "0000-00-00 00:00:00");
}

#[test]
fn bit_strings_become_the_number_that_the_column_holds() {
    let cell = Cell::Bit {
        bits: 10,
        bytes: &[0b1000_0000, 0b0100_0000],
    };
    assert_eq!(field("bit(10)", cell).unwrap(), [2, 1]);
    assert_eq!(field("bit(8)", Cell::Bit { bits: 8, bytes: &[0] }).unwrap(), b"\\0");
    assert!(field("bit(9)", Cell::Bit { bits: 8, bytes: &[1] }).is_err());
}

#[test]
fn a_geometry_is_its_reference_system_and_its_wkb() {
    let cell = Cell::Geometry {
        srid: 4326,
        wkb: &[1, 1, 0, 0, 0],
    };
    assert_eq!(field("geometry", cell).unwrap(), b"\xe6\x10\\0\\0\x01\x01\\0\\0\\0");
    assert!(field("geometry", Cell::Bytes(&[1])).is_err());
}

#[test]
fn what_the_server_would_change_without_an_error_is_refused() {
    let cent = Cell::Decimal {
        negative: false,
        coefficient: 101,
        scale: 2,
    };
    let nanos = Cell::Timestamp(Ticks { micros: 0, nanos: 1 });
    for (target, cell, reason) in [
        ("decimal(5,1)", cent, "behind it"),
        ("decimal(3,2)", Cell::Int(10), "in front"),
        ("int unsigned", Cell::Int(-1), "range"),
        ("int", cent, "fraction"),
        ("float", Cell::Float(0.1), "round"),
        ("double", Cell::Float(-0.0), "-0.0"),
        ("double", Cell::Float(f64::NAN), "NaN"),
        ("datetime(6)", nanos, "rounded"),
        ("datetime", Cell::Timestamp(ticks(500_000)), "rounded"),
        ("datetime", Cell::Timestamp(ticks(-62_167_219_201_000_000)), "year"),
        ("timestamp", Cell::Instant(ticks(0)), "range"),
        ("time", Cell::Time(ticks(3_020_400_000_000)), "838"),
        ("char(3)", Cell::Text("a "), "blanks"),
        ("text", Cell::Text(&"x".repeat(65_536)), "65535"),
        ("binary(2)", Cell::Bytes(b"a"), "pad"),
        ("varbinary(1)", Cell::Bytes(b"ab"), "holds 1"),
        ("enum('a','b')", Cell::Text("1"), "label"),
        ("set('a','b')", Cell::Text("a,c"), "label"),
        (
            "date",
            Cell::TemporalInfinity {
                kind: Temporal::Date,
                negative: true,
            },
            "infinity",
        ),
        ("decimal(9,2)", Cell::DecimalNan, "NaN"),
        (
            "longtext",
            Cell::BrokenText {
                bytes: &[255],
                charset: "utf8",
            },
            "utf8",
        ),
        ("longtext", Cell::Int(1), "integer"),
        ("datetime(6)", Cell::Instant(ticks(0)), "instant"),
    ] {
        let said = field(target, cell).unwrap_err();
        assert!(said.contains(reason), "{target}: {said}");
    }
}

#[test]
fn labels_are_read_with_their_quotes_and_commas() {
    let cell = |label| Cell::Enum(label);
    assert!(field("enum('a,b','it''s','')", cell("a,b")).is_ok());
    assert_eq!(shown("enum('a,b','it''s','')", cell("it's")), "it\\'s");
    assert_eq!(shown("enum('a,b','it''s','')", cell("")), "");
    assert!(field("enum('a,b','it''s')", cell("")).is_err());
    assert_eq!(shown("set('x','y')", Cell::Text("x,y")), "x,y");
}

#[test]
fn an_invalid_value_is_loaded_as_its_index_and_refused_where_that_is_a_label() {
    assert_eq!(shown("enum('a','')", Cell::Int(0)), "0");
    assert!(field("enum('a','0')", Cell::Int(0)).unwrap_err().contains("label '0'"));
    assert!(field("enum('a','b')", Cell::Int(1)).is_err());
}

#[test]
fn vectors_and_addresses_are_checked_before_they_are_sent() {
    let mut builder = StructureBuilder::default();
    let mut list = |values: &[f64]| {
        builder.clear();
        builder.begin_list().unwrap();
        for value in values {
            builder.push(&Cell::Float(*value)).unwrap();
        }
        builder.end().unwrap();
        field("vector(2)", builder.finish().unwrap())
    };
    assert_eq!(list(&[1.0, -2.5]).unwrap(), b"\\0\\0\x80?\\0\\0 \xc0");
    assert!(list(&[1.0]).is_err() && list(&[1.0, 2.0, 3.0]).is_err() && list(&[1.0, 0.1]).is_err());
    assert_eq!(shown("inet4", Cell::Text("10.0.0.1")), "10.0.0.1");
    assert!(
        field("inet4", Cell::Text("2001:db8::1:2:3")).is_ok() && field("inet4", Cell::Text(&"1".repeat(16))).is_err()
    );
}

#[test]
fn a_type_that_has_no_encoder_names_its_column() {
    let error = LoadDataEncoder::new(&["int", "xml"]).unwrap_err();
    assert!(matches!(error, Error::Unsupported { column, type_name } if column == "1" && type_name == "xml"));
    for broken in [
        "decimal(66,0)",
        "bit(65)",
        "datetime(7)",
        "enum('a'",
        "enum()",
        "varchar",
        "binary",
        "time(x)",
        "vector",
        "vector(16384)",
    ] {
        assert!(
            matches!(LoadDataEncoder::new(&[broken]), Err(Error::Usage(_))),
            "{broken}"
        );
    }
}

proptest! {
    #[test]
    fn any_bytes_come_back(first: Vec<u8>, second: Vec<u8>) {
        let encoder = LoadDataEncoder::new(&["longblob", "longblob"]).unwrap();
        let mut out = Vec::new();
        encoder.encode_row(&[Cell::Bytes(&first), Cell::Bytes(&second)], &mut out).unwrap();
        prop_assert_eq!(read_back(&out), vec![vec![Some(first), Some(second)]]);
    }

    #[test]
    fn every_double_is_written_so_that_it_reads_back(bits: u64) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite() && value.to_bits() != (-0.0_f64).to_bits());
        let read: f64 = shown("double", Cell::Float(value)).parse().unwrap();
        prop_assert_eq!(read.to_bits(), bits);
    }
}
