//! What is encoded is what the reader's decoders read back, and what would change is refused.

use super::*;
use crate::cell::{Network, Temporal, Ticks};
use crate::readers::postgres::numeric::{decode, Decoded};
use crate::readers::postgres::types::ColumnKind;
use proptest::prelude::*;

/// The field of a one-column row, or the refusal's reason.
fn field(target: &str, cell: Cell<'_>) -> std::result::Result<Vec<u8>, String> {
    let mut out = vec![7];
    let outcome = CopyEncoder::new(&[target]).unwrap().encode_row(&[cell], &mut out);
    match outcome {
        Ok(()) => Ok(out[7..].to_vec()),
        Err(refusal) => {
            assert_eq!(out, [7], "a refused row leaves nothing behind");
            Err(refusal.reason)
        }
    }
}

fn comes_back(target: &str, cell: Cell<'_>) {
    let bytes = field(target, cell).unwrap();
    let name = target.split('(').next().unwrap();
    assert_eq!(
        ColumnKind::from_name(name).unwrap().decode(&bytes).unwrap(),
        cell,
        "{target}"
    );
}

fn number_text(bytes: &[u8]) -> String {
    match decode(bytes).unwrap() {
        Decoded::Cell(Cell::Decimal {
            negative,
            coefficient,
            scale,
        }) => {
            let digits = format!("{coefficient:0width$}", width = scale as usize + 1);
            let (integer, fraction) = digits.split_at(digits.len() - scale as usize);
            let point = if scale > 0 { "." } else { "" };
            format!("{}{integer}{point}{fraction}", if negative { "-" } else { "" })
        }
        Decoded::Cell(other) => panic!("{other:?}"),
        Decoded::Long(long) => {
            let mut text = String::new();
            long.write(&mut text).unwrap();
            text
        }
    }
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let midnight = Ticks::from_micros(86_400_000_000);
    let before = Ticks::from_micros(-210_866_803_200_000_000);
    for (target, cell) in [
        ("bool", Cell::Bool(true)),
        ("int2", Cell::Int(-32_768)),
        ("int4", Cell::Int(2_147_483_647)),
        ("int8", Cell::Int(i64::MIN.into())),
        ("oid", Cell::Int(4_294_967_295)),
        ("float8", Cell::Float(-0.0)),
        ("float4", Cell::Float(f64::from(f32::MIN_POSITIVE))),
        ("text", Cell::Text("grüße \u{1f600}")),
        ("varchar(3)", Cell::Text("äöü")),
        ("bpchar(5)", Cell::Text(" ab")),
        ("bytea", Cell::Bytes(&[0, 255])),
        ("uuid", Cell::Uuid([9; 16])),
        (
            "bit(9)",
            Cell::Bit {
                bits: 9,
                bytes: &[0xff, 0x80],
            },
        ),
        ("varbit", Cell::Bit { bits: 0, bytes: &[] }),
        ("date", Cell::Date(-2_440_588)),
        (
            "date",
            Cell::TemporalInfinity {
                kind: Temporal::Date,
                negative: true,
            },
        ),
        ("time", Cell::Time(midnight)),
        (
            "timetz",
            Cell::TimeTz {
                local: midnight,
                offset_seconds: -57_599,
            },
        ),
        ("timestamp", Cell::Timestamp(before)),
        ("timestamptz(3)", Cell::Instant(Ticks::from_micros(-1_000))),
        ("timestamptz(1)", last_year(294_276, 500_000)),
        (
            "timestamptz",
            Cell::TemporalInfinity {
                kind: Temporal::Instant,
                negative: false,
            },
        ),
        (
            "interval",
            Cell::Interval {
                months: -1,
                days: 40,
                micros: i64::MIN,
            },
        ),
        (
            "interval17",
            Cell::TemporalInfinity {
                kind: Temporal::Interval,
                negative: true,
            },
        ),
        (
            "interval17",
            Cell::Interval {
                months: i32::MAX,
                days: i32::MAX,
                micros: i64::MIN,
            },
        ),
        ("pg_lsn", Cell::Int(u64::MAX.into())),
        ("jsonpath", Cell::Text("$.\"a\"")),
        ("tsvector", Cell::Bytes(&[0, 0, 0, 0])),
        ("json", Cell::Json("{\"a\": 1}")),
        ("jsonb", Cell::Json("[]")),
        ("enum", Cell::Enum("sad")),
        (
            "inet",
            Cell::Network {
                kind: Network::Inet,
                prefix: 24,
                address: &[192, 168, 0, 1],
            },
        ),
        (
            "cidr",
            Cell::Network {
                kind: Network::Cidr,
                prefix: 0,
                address: &[0; 16],
            },
        ),
        (
            "macaddr8",
            Cell::Network {
                kind: Network::Mac,
                prefix: 0,
                address: &[1, 2, 3, 4, 5, 6, 7, 8],
            },
        ),
        ("money", Cell::Money(i64::MIN)),
        ("char", Cell::Bytes(&[0x80])),
        ("xid8", Cell::Int(u64::MAX.into())),
    ] {
        comes_back(target, cell);
    }
}

#[test]
fn what_the_server_would_change_is_refused_with_the_reason() {
    let cents = Cell::Decimal {
        negative: false,
        coefficient: 12_345,
        scale: 3,
    };
    let nanos = Cell::Timestamp(Ticks { micros: 1, nanos: 500 });
    for (target, cell, reason) in [
        ("numeric(10,2)", cents, "round"),
        ("tsquery", Cell::Bytes(&[0; 4]), "empty tsquery"),
        (
            "interval",
            Cell::TemporalInfinity {
                kind: Temporal::Interval,
                negative: false,
            },
            "from version 17 on",
        ),
        (
            "interval17",
            Cell::Interval {
                months: i32::MIN,
                days: i32::MIN,
                micros: i64::MIN,
            },
            "takes for an infinity",
        ),
        ("numeric(3,1)", Cell::Int(100), "too large"),
        ("numeric(3,-2)", Cell::Int(150), "round"),
        ("numeric(10,2)", Cell::DecimalInfinity { negative: false }, "infinity"),
        ("int4", Cell::Int(2_147_483_648), "range"),
        ("int4", cents, "fraction"),
        ("float4", Cell::Float(0.1), "round"),
        ("float8", Cell::Text("1"), "does not fit"),
        ("text", Cell::Text("a\0b"), "NUL"),
        ("varchar(3)", Cell::Text("abc "), "4 characters"),
        ("bpchar(5)", Cell::Text("ab "), "trailing spaces"),
        ("bpchar", Cell::Text("toolong "), "trailing spaces"),
        (
            "bit(3)",
            Cell::Bit {
                bits: 2,
                bytes: &[0x80],
            },
            "another length",
        ),
        ("timestamp", nanos, "finer"),
        ("timestamp(0)", last_year(294_276, 500_000), "finer"),
        ("timestamp", last_year(294_277, 0), "calendar"),
        ("timestamp(0)", Cell::Timestamp(Ticks::from_micros(500_000)), "finer"),
        ("timestamp", Cell::Timestamp(Ticks::from_micros(i64::MIN)), "range"),
        ("time", Cell::Time(Ticks::from_micros(-1)), "00:00"),
        (
            "date",
            Cell::ImpossibleDate {
                year: 0,
                month: 0,
                day: 0,
            },
            "no calendar",
        ),
        ("date", Cell::Date(i64::MAX), "range"),
        (
            "text",
            Cell::BrokenText {
                bytes: &[0xff],
                charset: "utf8",
            },
            "utf8",
        ),
        ("enum", Cell::Enum(&"x".repeat(64)), "64 bytes"),
    ] {
        let said = field(target, cell).unwrap_err();
        assert!(said.contains(reason), "{target}: {said}");
    }
}

#[test]
fn a_type_that_has_no_encoder_names_its_column() {
    let error = CopyEncoder::new(&["int4", "gtsvector"]).unwrap_err();
    assert!(matches!(error, Error::Unsupported { column, type_name } if column == "1" && type_name == "gtsvector"));
    for broken in [
        "numeric(0)",
        "varchar(0)",
        "timestamp(7)",
        "int4(3)",
        "numeric(1,2",
        "bit(1,2)",
    ] {
        assert!(matches!(CopyEncoder::new(&[broken]), Err(Error::Usage(_))), "{broken}");
    }
}

#[test]
fn trailing_zeros_beyond_the_scale_are_no_loss() {
    let cell = Cell::Decimal {
        negative: true,
        coefficient: 1_500,
        scale: 3,
    };
    assert_eq!(number_text(&field("numeric(2,1)", cell).unwrap()), "-1.500");
    assert_eq!(
        field("int2", Cell::BigDecimal("-0012.00")).unwrap(),
        (-12_i16).to_be_bytes()
    );
}

#[test]
fn nested_values_come_back_as_they_were() {
    use crate::canon::{display, StructureBuilder};
    use crate::readers::postgres::nested::FieldKind;
    use crate::represent::{Representation, Scratch};

    let comes_back = |target: &str, reader: &str, nested: &str, text: &str| {
        let rule = crate::program::Rule {
            rule: "structured_json".into(),
            argument: Some(nested.into()),
        };
        let mut scratch = Scratch::default();
        let representation = Representation::parse(&rule).unwrap();
        let cell = representation.read(&Cell::Text(text), &mut scratch).unwrap();
        let Some(FieldKind::Nested(kind)) = FieldKind::parse(reader) else {
            panic!("{reader}");
        };
        let mut builder = StructureBuilder::default();
        let bytes = field(target, cell).unwrap();
        kind.decode(&bytes, &mut builder, &mut String::new()).unwrap();
        assert_eq!(builder.finish().unwrap(), cell, "{target}");
        assert_eq!(display(&cell).1.as_deref(), Some(text));
    };
    comes_back("array<int4>", "array<int4>", "array<number>", "[1,null,-3]");
    comes_back("array<text>", "array<text>", "array<text>", "[]");
    comes_back(
        "array<numeric(9,2)>",
        "array<numeric>",
        "array<number>",
        r#"{"bounds":[[0,1],[1,2]],"elements":[1.25,null,3,0]}"#,
    );
    comes_back(
        "range<date>",
        "range<date>",
        "range<date>",
        r#"{"lower":"0044-03-15 BC","upper":"infinity","bounds":"[)"}"#,
    );
    comes_back("range<int8>", "range<int8>", "range<number>", r#"{"empty":true}"#);
    comes_back(
        "multirange<numeric>",
        "multirange<numeric>",
        "multirange<number>",
        r#"[{"lower":null,"upper":-1.5,"bounds":"(]"},{"lower":7,"upper":null,"bounds":"()"}]"#,
    );
    comes_back(
        r#"composite<"a" int2,"b" array<enum>>"#,
        r#"composite<"a" int2,"b" array<enum>>"#,
        r#"struct<"a" number,"b" array<enum>>"#,
        r#"{"a":null,"b":["x","y"]}"#,
    );
    comes_back("hstore", "hstore", "map<text,text>", r#"{"a":"1","b":null}"#);
    comes_back(
        "point",
        "point",
        r#"struct<"x" float,"y" float>"#,
        r#"{"x":-0.0,"y":1e300}"#,
    );
}

/// The last day of a year and so many microseconds of it.
const fn last_year(year: i32, micros: i64) -> Cell<'static> {
    Cell::ImpossibleTimestamp {
        year,
        month: 12,
        day: 31,
        micros,
    }
}

proptest! {
    #[test]
    fn decimals_of_any_length_come_back(text in "-?[1-9][0-9]{0,60}(\\.[0-9]{1,60})?|0\\.0{0,30}[1-9][0-9]{0,9}") {
        prop_assert_eq!(number_text(&field("numeric", Cell::BigDecimal(&text)).unwrap()), text);
    }

    #[test]
    fn coefficients_come_back(negative: bool, coefficient in 1_u128.., scale in 0_u32..60) {
        let bytes = field("numeric", Cell::Decimal { negative, coefficient, scale }).unwrap();
        match decode(&bytes).unwrap() {
            Decoded::Cell(cell) => prop_assert_eq!(cell, Cell::Decimal { negative, coefficient, scale }),
            Decoded::Long(_) => prop_assert!(false, "a coefficient that fits 128 bits became text"),
        }
    }

    #[test]
    fn whatever_is_taken_for_a_precision_and_scale_needs_no_rounding(
        coefficient in 0_u128..1_000_000_000, scale in 0_u32..9, precision in 1_i32..9, places in 0_i32..9,
    ) {
        let target = format!("numeric({precision},{places})");
        let fits = {
            // In units of 10^-20 every value and limit here is whole.
            let value = coefficient * 10_u128.pow(20 - scale);
            value % 10_u128.pow(20 - places as u32) == 0
                && value < 10_u128.pow((20 + precision - places) as u32)
        };
        let taken = field(&target, Cell::Decimal { negative: false, coefficient, scale }).is_ok();
        prop_assert_eq!(taken, fits);
    }
}
