//! Texts that stand for values of kinds that a target does not have: what reads prints back to the same text, what
//! would not is not read.

use kora_core::canon::encode_cell;
use kora_core::cell::{Cell, Network, Temporal, Ticks};
use kora_core::program::Rule;
use kora_core::represent::{Representation, Scratch};
use proptest::prelude::*;

fn representation(rule: &str) -> Representation {
    let (name, argument) = match rule.split_once('(') {
        Some((name, argument)) => (name, argument.strip_suffix(')')),
        None => (rule, None),
    };
    Representation::parse(&Rule {
        rule: name.to_owned(),
        argument: argument.map(str::to_owned),
    })
    .unwrap()
}

/// The kind that a text reads as, after printing it again; `None` where it disobeys.
fn kind_of(rule: &str, text: &str) -> Option<&'static str> {
    let representation = representation(rule);
    let (mut one, mut two) = (Scratch::default(), Scratch::default());
    let cell = representation.read(&Cell::Text(text), &mut one)?;
    assert_eq!(representation.print(&cell, &mut two), Some(Cell::Text(text)), "{rule}");
    Some(cell.kind())
}

/// Prints a value and reads it again.
fn returns(rule: &str, cell: Cell<'_>) {
    let representation = representation(rule);
    let (mut one, mut two) = (Scratch::default(), Scratch::default());
    let text = representation.print(&cell, &mut one).unwrap();
    let back = representation.read(&text, &mut two);
    let canonical = |cell: &Cell<'_>| {
        let mut bytes = Vec::new();
        encode_cell(cell, &mut bytes).map(|()| bytes).unwrap()
    };
    assert_eq!(back.as_ref().map(canonical), Some(canonical(&cell)), "{rule} {text:?}");
}

#[test]
fn exact_texts_are_read_as_their_kinds() {
    for (rule, text, kind) in [
        ("interval_iso", "PT0S", "interval"),
        ("interval_iso", "P-10M-3DT4H5M6.789S", "interval"),
        ("interval_iso", "P178956970Y7M-2147483648DT-0.000001S", "interval"),
        ("bit_text", "", "bit"),
        ("bit_text", "0000000011", "bit"),
        ("timetz_text", "24:00:00-15:59:59", "timetz"),
        ("moment_text(date)", "-infinity", "temporal infinity"),
        ("moment_text(time)", "-838:59:59.000001", "time"),
        ("moment_text(date)", "5874897-12-31", "date"),
        ("moment_text(timestamp)", "4713-01-01 00:00:00.5 BC", "timestamp"),
        ("moment_text(instant)", "0044-03-15 12:00:00+00 BC", "instant"),
        ("network_text(inet)", "::ffff:1.2.3.4/96", "inet"),
        ("network_text(inet)", "10.0.0.1/8", "inet"),
        ("network_text(cidr)", "2001:db8::/32", "cidr"),
        ("network_text(macaddr8)", "08:00:2b:01:02:03:04:05", "macaddr"),
        ("geometry_text", "SRID=4326;0101", "geometry"),
        ("money_text(2)", "-92233720368547758.08", "money"),
        ("money_text(0)", "7", "money"),
        (
            "structured_json(list<number>)",
            "[1,null,-0.5,\"NaN\",1234567890123456789012345678901234567890]",
            "list",
        ),
        ("structured_json(array<text>)", "[]", "list"),
        (
            "structured_json(array<text>)",
            r#"{"bounds":[[0,0],[1,2]],"elements":["a",null]}"#,
            "array",
        ),
        (
            "structured_json(range<date>)",
            r#"{"lower":"0044-03-15 BC","upper":null,"bounds":"[)"}"#,
            "range",
        ),
        (
            "structured_json(multirange<number>)",
            r#"[{"lower":1,"upper":2,"bounds":"[)"}]"#,
            "multirange",
        ),
        (
            r#"structured_json(struct<"a ""q""" list<struct<"f" float>>,"b" interval>)"#,
            r#"{"a \"q\"":[{"f":-0.0},null],"b":"P1M"}"#,
            "struct",
        ),
        ("structured_json(map<text,number>)", r#"{"k":1,"k":null}"#, "map"),
        ("structured_json(map<number,bytes>)", r#"[[1,"00ff"]]"#, "map"),
        (
            "structured_json(union<\"n\" number,\"t\" text>)",
            r#"{"t":"x"}"#,
            "union",
        ),
        ("structured_json(set)", r#"["a","b"]"#, "set"),
    ] {
        assert_eq!(kind_of(rule, text), Some(kind), "{rule} {text}");
    }
}

#[test]
fn a_text_in_any_other_spelling_disobeys() {
    for (rule, text) in [
        ("interval_iso", "P"),
        ("interval_iso", "P12M"),
        ("interval_iso", "P0D"),
        ("interval_iso", "PT60S"),
        ("interval_iso", "PT1.50S"),
        ("interval_iso", "P1W"),
        ("bit_text", "012"),
        ("timetz_text", "12:00:00"),
        ("timetz_text", "12:00:00+2"),
        ("moment_text(date)", "Infinity"),
        ("moment_text(date)", "2023-02-29"),
        ("moment_text(timestamp)", "2023-02-28 25:00:00"),
        ("moment_text(instant)", "2023-02-28 12:00:00+01"),
        ("network_text(inet)", "10.0.0.1/32"),
        ("network_text(inet)", "10.0.0.01"),
        ("network_text(inet)", "::FFFF"),
        ("network_text(cidr)", "10.0.0.1/8"),
        ("network_text(cidr)", "10.0.0.0"),
        ("network_text(macaddr)", "08:00:2B:01:02:03"),
        ("network_text(macaddr)", "08:00:2b:01:02:03:04:05"),
        ("geometry_text", "SRID=04326;0101"),
        ("money_text(2)", "1.5"),
        ("money_text(2)", "92233720368547758.08"),
        ("structured_json(list<number>)", "[1.0]"),
        ("structured_json(list<number>)", "[1, 2]"),
        ("structured_json(list<number>)", "[\"1\"]"),
        ("structured_json(list<number>)", "[1"),
        ("structured_json(list<number>)", "[1]]"),
        ("structured_json(list<text>)", "[1]"),
        ("structured_json(list<text>)", "[\"\\u0061\"]"),
        ("structured_json(array<number>)", r#"{"bounds":[[1,1]],"elements":[1]}"#),
        ("structured_json(array<number>)", r#"{"bounds":[[0,9]],"elements":[1]}"#),
        ("structured_json(array<number>)", r#"{"bounds":[[0,-5]],"elements":[]}"#),
        (
            "structured_json(range<number>)",
            r#"{"lower":null,"upper":1,"bounds":"[)"}"#,
        ),
        ("structured_json(range<number>)", r#"{"lower":1,"upper":{"#),
        ("structured_json(multirange<number>)", r#"[{"empty":true}]"#),
        ("structured_json(struct<\"a\" number,\"b\" number>)", r#"{"b":1,"a":2}"#),
        ("structured_json(struct<\"a\" number>)", r#"{"a":1,"b":2}"#),
        ("structured_json(map<number,number>)", "[[null,1]]"),
        ("structured_json(union<\"n\" number>)", r#"{"t":1}"#),
        ("structured_json(set)", "[1]"),
    ] {
        assert_eq!(kind_of(rule, text), None, "{rule} {text}");
    }
}

#[test]
fn money_is_a_decimal_that_its_smallest_unit_divides() {
    let rule = representation("money(2)");
    let mut scratch = Scratch::default();
    let decimal = |coefficient, scale| Cell::Decimal {
        negative: true,
        coefficient,
        scale,
    };
    assert_eq!(rule.read(&decimal(1_500, 3), &mut scratch), Some(Cell::Money(-150)));
    assert_eq!(rule.read(&decimal(1_501, 3), &mut scratch), None);
    assert_eq!(rule.read(&Cell::Int(3), &mut scratch), Some(Cell::Money(300)));
    assert_eq!(rule.read(&Cell::Int(i128::MAX), &mut scratch), None);
    assert_eq!(rule.print(&Cell::Money(-150), &mut scratch), Some(decimal(150, 2)));
}

#[test]
fn rules_of_other_kinds_and_types_do_not_exist() {
    for (name, argument) in [
        ("network_text", Some("ipv4")),
        ("network_text", None),
        ("moment_text", Some("interval")),
        ("interval_iso", Some("x")),
        ("money", Some("10")),
        ("structured_json", None),
        ("structured_json", Some("number")),
        ("structured_json", Some("list<list>")),
        ("structured_json", Some("map<text>")),
        ("structured_json", Some("struct<number>")),
    ] {
        let rule = Rule {
            rule: name.to_owned(),
            argument: argument.map(str::to_owned),
        };
        assert!(Representation::parse(&rule).is_err(), "{rule}");
    }
}

fn any_ticks() -> impl Strategy<Value = Ticks> {
    (any::<i64>(), 0..1000_u16).prop_map(|(micros, nanos)| Ticks { micros, nanos })
}

proptest! {
    #[test]
    fn intervals_return(months: i32, days: i32, micros: i64) {
        returns("interval_iso", Cell::Interval { months, days, micros });
    }

    #[test]
    fn moments_return(ticks in any_ticks(), days in -1_000_000_000_i64..1_000_000_000) {
        returns("moment_text(timestamp)", Cell::Timestamp(ticks));
        returns("moment_text(instant)", Cell::Instant(ticks));
        returns("moment_text(date)", Cell::Date(days));
        for negative in [false, true] {
            returns("moment_text(instant)", Cell::TemporalInfinity { kind: Temporal::Instant, negative });
        }
    }

    #[test]
    fn times_with_their_offsets_return(local in any_ticks(), offset_seconds in -100_000..100_000) {
        returns("timetz_text", Cell::TimeTz { local, offset_seconds });
    }

    #[test]
    fn addresses_return(address: [u8; 16], prefix in 0..=128_u8, zeros in 0..16_usize, start in 0..16_usize) {
        let mut address = address;
        address[start..(start + zeros).min(16)].fill(0);
        returns("network_text(inet)", Cell::Network { kind: Network::Inet, prefix, address: &address });
        let (prefix, v4) = (prefix.min(32), &address[12..]);
        returns("network_text(inet)", Cell::Network { kind: Network::Inet, prefix, address: v4 });
        returns("network_text(macaddr)", Cell::Network { kind: Network::Mac, prefix: 0, address: &address[..6] });
    }

    #[test]
    fn any_texts_and_floats_within_lists_return(texts in prop::collection::vec(any::<String>(), 0..4), bits: u64) {
        let json = serde_json::to_string(&texts).unwrap();
        prop_assert_eq!(kind_of("structured_json(list<text>)", &json), Some("list"));
        let mut builder = kora_core::canon::StructureBuilder::default();
        builder.begin_list().unwrap();
        builder.push(&Cell::Float(f64::from_bits(bits))).unwrap();
        builder.end().unwrap();
        returns("structured_json(list<float>)", builder.finish().unwrap());
    }

    #[test]
    fn arbitrary_text_is_read_or_left_without_a_panic(text in "[\\[\\]{}\",:0-9a-z\\\\é-]{0,24}") {
        for rule in [
            "structured_json(array<number>)", "structured_json(range<text>)", "structured_json(map<text,set>)",
            "structured_json(struct<\"a\" list<text>>)", "interval_iso", "network_text(inet)", "moment_text(instant)",
            "timetz_text", "money_text(2)", "geometry_text",
        ] {
            kind_of(rule, &text);
        }
    }
}
