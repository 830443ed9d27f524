//! Representations, policies and the programs that they make up.

use kora_core::cell::{Cell, Ticks};
use kora_core::program::{ColumnTally, LoadProgram, Profile, RowProgram, Rule, Side};
use kora_core::represent::{Representation, Scratch};
use proptest::prelude::*;
use serde_json::json;

fn representation(rule: &str, argument: Option<&str>) -> Representation {
    Representation::parse(&Rule {
        rule: rule.into(),
        argument: argument.map(Into::into),
    })
    .unwrap()
}

/// One column `c` under a source rule, a target rule and policies, each as `name` or `name(argument)`.
fn profile(source: &str, target: &str, policies: &[&str]) -> Profile {
    let rule = |text: &str| match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, argument)) => json!({"rule": name, "argument": argument}),
        None => json!({"rule": text}),
    };
    let mut column = json!({"pair": "c", "policies": policies.iter().map(|text| rule(text)).collect::<Vec<_>>()});
    for (side, text) in [("source", source), ("target", target)] {
        if !text.is_empty() {
            column[side] = rule(text);
        }
    }
    let body = json!({"format": "kora-profile-1", "pair": "t", "key": [0], "unicode": "18.0", "columns": [column]});
    Profile::from_json(&body.to_string()).unwrap()
}

struct Seen {
    key: Vec<u8>,
    tally: ColumnTally,
}

fn run(profile: &Profile, side: Side, cell: Cell<'_>) -> Seen {
    let mut program = RowProgram::new(profile, side).unwrap();
    let (mut row, mut key) = (Vec::new(), Vec::new());
    program.encode(&[cell], &mut row, &mut key).unwrap();
    assert_eq!(&row[4..], key);
    assert_eq!(row[..4], (key.len() as u32).to_le_bytes());
    let tally = program.tallies().remove(0);
    let mut cells = Vec::new();
    program.cells_canonical(&[cell], &mut cells).unwrap();
    assert_eq!(cells, [key.clone()]);
    Seen { key, tally }
}

fn changed(seen: &Seen, policy: &str) -> u64 {
    seen.tally.policies[policy]
}

#[test]
fn a_stored_value_and_what_it_stands_for_are_equal_under_its_representation() {
    let instant = Ticks::from_micros(1_709_208_000_000_000);
    let uuid = [0xab; 16];
    for (rule, stored, native) in [
        (
            "real_decimal",
            Cell::Float(0.99),
            Cell::Decimal {
                negative: false,
                coefficient: 9900,
                scale: 4,
            },
        ),
        ("real_decimal", Cell::Float(-3.0), Cell::Int(-3)),
        ("text_date(%Y-%m-%d)", Cell::Text("2024-02-29"), Cell::Date(19_782)),
        (
            "text_date(%Y-%m-%d %H:%M:%S)",
            Cell::Text("2024-02-29 12:00:00"),
            Cell::Timestamp(instant),
        ),
        (
            "text_date(%Y-%m-%dT%H:%M:%S%.fZ)",
            Cell::Text("2024-02-29T12:00:00Z"),
            Cell::Instant(instant),
        ),
        ("text_number", Cell::Text("-12.5"), Cell::BigDecimal("-12.50")),
        (
            "text_number(2)",
            Cell::Text("3.50"),
            Cell::Decimal {
                negative: false,
                coefficient: 35,
                scale: 1,
            },
        ),
        ("text_number(0)", Cell::Text("0"), Cell::Int(0)),
        ("text_number(special)", Cell::Text("NaN"), Cell::DecimalNan),
        (
            "text_number(special)",
            Cell::Text("-Infinity"),
            Cell::DecimalInfinity { negative: true },
        ),
        ("text_number(special)", Cell::Text("12.5"), Cell::BigDecimal("12.5")),
        ("epoch(s)", Cell::Int(1_709_208_000), Cell::Instant(instant)),
        (
            "epoch(ms,local)",
            Cell::Int(1_709_208_000_000),
            Cell::Timestamp(instant),
        ),
        (
            "epoch(ns)",
            Cell::Int(-1),
            Cell::Instant(Ticks { micros: -1, nanos: 999 }),
        ),
        (
            "uuid_text",
            Cell::Text("abababab-abab-abab-abab-abababababab"),
            Cell::Uuid(uuid),
        ),
        (
            "uuid_text(upper)",
            Cell::Text("ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB"),
            Cell::Uuid(uuid),
        ),
        ("uuid_text(bytes)", Cell::Bytes(&[0xab; 16]), Cell::Uuid(uuid)),
        ("utc_clock", Cell::Timestamp(instant), Cell::Instant(instant)),
        ("bool01", Cell::Int(1), Cell::Bool(true)),
        ("bool_text(Y,N)", Cell::Text("N"), Cell::Bool(false)),
        ("enum_label", Cell::Text("blue"), Cell::Enum("blue")),
        ("json_text", Cell::Text("{ }"), Cell::Json("{ }")),
    ] {
        let profile = profile(rule, "", &[]);
        let (source, target) = (run(&profile, Side::Source, stored), run(&profile, Side::Target, native));
        assert_eq!(source.key, target.key, "{rule} {stored:?}");
        assert_eq!((source.tally.read, source.tally.disobeyed), (1, 0), "{rule} {stored:?}");
        assert_eq!((target.tally.read, target.tally.disobeyed), (0, 0));
        assert_eq!(
            run(&profile, Side::Source, native).key,
            target.key,
            "{rule}: a native value passes"
        );

        let rule = profile.columns[0].source.clone().unwrap();
        let (mut scratch, representation) = (Scratch::default(), Representation::parse(&rule).unwrap());
        assert_eq!(
            representation.print(&native, &mut scratch),
            Some(stored),
            "{rule}: printing is the inverse"
        );
    }
}

#[test]
fn a_value_that_disobeys_keeps_its_stored_kind_and_is_counted() {
    for (rule, stored) in [
        ("real_decimal", Cell::Float(-0.0)),
        ("real_decimal", Cell::Float(f64::NAN)),
        ("real_decimal", Cell::Text("0.99")),
        ("text_date(%Y-%m-%d)", Cell::Text("2023-02-29")),
        ("text_date(%Y-%m-%d)", Cell::Int(20_230_228)),
        ("text_number", Cell::Text("3.50")),
        ("text_number", Cell::Text("007")),
        ("text_number", Cell::Text("NaN")),
        ("text_number(special)", Cell::Text("nan")),
        ("text_number(special)", Cell::Text("+Infinity")),
        ("text_number", Cell::Text("-0")),
        ("text_number", Cell::Text("+1")),
        ("text_number", Cell::Text(".5")),
        ("text_number", Cell::Text("1e5")),
        ("text_number", Cell::Text(" 1")),
        ("text_number(2)", Cell::Text("3.5")),
        ("text_number(2)", Cell::Text("-0.00")),
        ("epoch(s)", Cell::Int(i128::MAX)),
        ("epoch(s)", Cell::Float(1.0)),
        ("uuid_text", Cell::Text("ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB")),
        ("uuid_text(bytes)", Cell::Bytes(&[0; 15])),
        ("bool01", Cell::Int(2)),
        ("bool_text(Y,N)", Cell::Text("y")),
        ("enum_label", Cell::Bytes(b"blue")),
        ("json_text", Cell::Text("{")),
    ] {
        let with = run(&profile(rule, "", &[]), Side::Source, stored);
        assert_eq!(
            with.key,
            run(&profile("", "", &[]), Side::Source, stored).key,
            "{rule} {stored:?}"
        );
        assert_eq!((with.tally.read, with.tally.disobeyed), (0, 1), "{rule} {stored:?}");
    }
}

#[test]
fn a_policy_counts_exactly_the_values_that_it_changed() {
    let half = |negative| Cell::Decimal {
        negative,
        coefficient: 12_345,
        scale: 3,
    };
    for (policy, before, after) in [
        ("rtrim_char", Cell::Text("a \t "), Cell::Text("a \t")),
        ("nfc", Cell::Text("e\u{301}"), Cell::Text("é")),
        ("empty_is_null", Cell::Text(""), Cell::Null),
        ("casefold", Cell::Text("Straße"), Cell::Text("STRASSE")),
        (
            "zero_date_is_null",
            Cell::ImpossibleDate {
                year: 0,
                month: 0,
                day: 0,
            },
            Cell::Null,
        ),
        ("zero_date_is_null", Cell::Text("0000-00-00 00:00:00"), Cell::Null),
        ("round(2)", half(false), Cell::BigDecimal("12.35")),
        ("round(2)", half(true), Cell::BigDecimal("-12.35")),
        ("round(0)", Cell::BigDecimal("-0.4"), Cell::Int(0)),
        (
            "round(1)",
            Cell::BigDecimal(&"9".repeat(50).replacen("99", "9.99", 1)),
            Cell::Int(10),
        ),
        (
            "json_value",
            Cell::Json(r#"{"a":1, "a":2}"#),
            Cell::Json(r#"{"a":2.0}"#),
        ),
        ("f32", Cell::Float(0.1), Cell::Float(f64::from(0.1_f32))),
        ("negative_zero", Cell::Float(-0.0), Cell::Float(0.0)),
        ("as_text", Cell::BigDecimal("1.50"), Cell::Text("1.5")),
        ("as_text", Cell::Bool(true), Cell::Text("true")),
    ] {
        let profile = profile("", "", &[policy]);
        let name = policy.split('(').next().unwrap();
        let (source, target) = (run(&profile, Side::Source, before), run(&profile, Side::Target, after));
        assert_eq!(source.key, target.key, "{policy} {before:?}");
        assert_eq!(changed(&source, name), 1, "{policy} {before:?}");
        assert!(
            changed(&target, name) == 0 || policy == "casefold",
            "{policy} {after:?}"
        );
    }
}

#[test]
fn a_policy_leaves_other_values_alone() {
    let cells = [
        ("rtrim_char", Cell::Text(" a\u{a0}")),
        ("empty_is_null", Cell::Text(" ")),
        ("empty_is_null", Cell::Bytes(b"")),
        (
            "zero_date_is_null",
            Cell::ImpossibleDate {
                year: 0,
                month: 1,
                day: 0,
            },
        ),
        ("zero_date_is_null", Cell::Text("0000-00-00x")),
        ("round(2)", Cell::Float(0.125)),
        ("round(2)", Cell::Int(7)),
        ("f32", Cell::Float(f64::NAN)),
        ("as_text", Cell::Bytes(b"1")),
        ("json_value", Cell::Json("{")),
        ("casefold", Cell::Null),
    ];
    for (policy, cell) in cells {
        let seen = run(&profile("", "", &[policy]), Side::Source, cell);
        assert_eq!(
            seen.key,
            run(&profile("", "", &[]), Side::Source, cell).key,
            "{policy} {cell:?}"
        );
        assert!(
            seen.tally.policies.values().all(|count| *count == 0),
            "{policy} {cell:?}"
        );
    }
}

#[test]
fn json_values_have_their_published_bytes() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../../tests/vectors/kcf1.json")).unwrap();
    for vector in vectors["json_values"].as_array().unwrap() {
        let value = vector["value"].as_str().unwrap();
        let (direct, text) = (
            profile("", "", &["json_value"]),
            profile("json_text", "", &["json_value"]),
        );
        let expected = vector["kcf"].as_str().unwrap();
        assert_eq!(hex::encode(run(&direct, Side::Source, Cell::Json(value)).key), expected);
        assert_eq!(hex::encode(run(&text, Side::Source, Cell::Text(value)).key), expected);
        assert_eq!(
            kora_core::canon::decode_cells(&hex::decode(expected).unwrap()).unwrap()[0].0,
            "json"
        );
    }
}

#[test]
fn a_policy_helps_a_representation_that_could_not_read() {
    let padded = profile("text_date(%Y-%m-%d)", "", &["rtrim_char"]);
    let seen = run(&padded, Side::Source, Cell::Text("2024-02-29  "));
    assert_eq!(seen.key, run(&padded, Side::Target, Cell::Date(19_782)).key);
    assert_eq!(
        (seen.tally.read, seen.tally.disobeyed, changed(&seen, "rtrim_char")),
        (1, 0, 1)
    );

    let zero = profile("text_date(%Y-%m-%d)", "", &["zero_date_is_null"]);
    let seen = run(&zero, Side::Source, Cell::Text("0000-00-00"));
    assert_eq!(seen.key, [0]);
    assert_eq!(
        (
            seen.tally.read,
            seen.tally.disobeyed,
            changed(&seen, "zero_date_is_null")
        ),
        (0, 0, 1)
    );

    let rounded = profile("text_number(3)", "", &["rtrim_char", "round(1)"]);
    let seen = run(&rounded, Side::Source, Cell::Text("1.250 "));
    assert_eq!(seen.key, run(&rounded, Side::Target, Cell::BigDecimal("1.3")).key);
    assert_eq!((changed(&seen, "rtrim_char"), changed(&seen, "round")), (1, 1));
}

fn stored(profile: &Profile, cell: Cell<'_>) -> (Vec<u8>, ColumnTally) {
    let mut program = LoadProgram::new(profile).unwrap();
    let mut target = RowProgram::new(profile, Side::Target).unwrap();
    let (mut row, mut key) = (Vec::new(), Vec::new());
    program
        .convert(&[cell], |cells| target.encode(cells, &mut row, &mut key))
        .unwrap()
        .unwrap();
    (key, program.tallies().remove(0))
}

#[test]
fn what_is_loaded_compares_equal_and_is_counted_alike() {
    for (source, target, policies, cell) in [
        ("real_decimal", "", vec![], Cell::Float(0.99)),
        (
            "",
            "real_decimal",
            vec![],
            Cell::Decimal {
                negative: false,
                coefficient: 99,
                scale: 2,
            },
        ),
        (
            "text_date(%d.%m.%Y)",
            "text_date(%Y-%m-%d)",
            vec![],
            Cell::Text("29.02.2024"),
        ),
        (
            "text_date(%d.%m.%Y)",
            "",
            vec!["zero_date_is_null"],
            Cell::Text("0000-00-00"),
        ),
        ("bool_text(Y,N)", "bool01", vec!["rtrim_char"], Cell::Text("Y ")),
        (
            "json_text",
            "json_text",
            vec!["json_value"],
            Cell::Text(r#"{"b":1,"a":1,"a":2}"#),
        ),
        ("uuid_text(bytes)", "uuid_text", vec![], Cell::Bytes(&[7; 16])),
        ("", "epoch(s)", vec![], Cell::Instant(Ticks::from_micros(1_000_000))),
        ("text_number", "text_number(4)", vec!["round(2)"], Cell::Text("-1.005")),
        // What cannot be read or printed is stored as it is.
        ("real_decimal", "", vec![], Cell::Text("n/a")),
        ("", "epoch(s)", vec![], Cell::Text("n/a")),
    ] {
        let profile = profile(source, target, &policies);
        let (key, tally) = stored(&profile, cell);
        let raw = run(&profile, Side::Source, cell);
        assert_eq!(key, raw.key, "{source} {target} {cell:?}");
        assert_eq!(tally, raw.tally, "{source} {target} {cell:?}");
    }
}

#[test]
fn key_cells_stand_in_the_order_of_the_profile() {
    let text = r#"{"format":"kora-profile-1","pair":"t","key":[2,0],"unicode":"18.0",
        "columns":[{"pair":"a"},{"pair":"b"},{"pair":"c"}]}"#;
    let mut program = RowProgram::new(&Profile::from_json(text).unwrap(), Side::Source).unwrap();
    let (mut row, mut key) = (vec![9], vec![8]);
    program
        .encode(
            &[Cell::Bool(false), Cell::Text("long text"), Cell::Null],
            &mut row,
            &mut key,
        )
        .unwrap();
    assert_eq!(key, [8, 0, 5, 1, 0]);
    assert_eq!(row[..5], [9, 15, 0, 0, 0]);
    assert!(program.encode(&[Cell::Null], &mut row, &mut key).is_err());
}

#[test]
fn an_ill_formed_profile_is_refused_with_its_column_named() {
    let with = |column: serde_json::Value, key: serde_json::Value| {
        json!({"format": "kora-profile-1", "pair": "t~t", "key": key, "unicode": "16.0", "columns": [column]})
            .to_string()
    };
    for (column, key, word) in [
        (
            json!({"pair": "price", "source": {"rule": "real_decimals"}}),
            json!([]),
            "price",
        ),
        (
            json!({"pair": "price", "source": {"rule": "real_decimal", "argument": "2"}}),
            json!([]),
            "price",
        ),
        (
            json!({"pair": "price", "target": {"rule": "text_date", "argument": "%y"}}),
            json!([]),
            "%y",
        ),
        (
            json!({"pair": "price", "target": {"rule": "epoch", "argument": "min"}}),
            json!([]),
            "epoch(min)",
        ),
        (
            json!({"pair": "price", "target": {"rule": "bool_text", "argument": "Y,Y"}}),
            json!([]),
            "bool_text",
        ),
        (
            json!({"pair": "price", "policies": [{"rule": "round"}]}),
            json!([]),
            "round",
        ),
        (
            json!({"pair": "price", "policies": [{"rule": "nfc"}]}),
            json!([]),
            "16.0",
        ),
        (json!({"pair": "price", "polices": []}), json!([]), "polices"),
        (json!({"pair": "price"}), json!([1]), "1"),
        (json!({"pair": "price"}), json!([0, 0]), "0"),
    ] {
        let message = Profile::from_json(&with(column, key)).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn the_digest_of_a_profile_does_not_depend_on_its_spelling() {
    let canonical = r#"{"columns":[{"pair":"é","policies":[{"argument":"2","rule":"round"}],"source":{"rule":"real_decimal"}}],"format":"kora-profile-1","key":[0],"pair":"t\n","unicode":"18.0"}"#;
    let spelled = r#" { "pair":"t\n", "format":"kora-profile-1", "key":[ 0 ], "unicode":"18.0", "columns":[
        {"source":{"rule":"real_decimal"},"pair":"\u00e9","policies":[{"rule":"round","argument":"2"}]}]}"#;
    for text in [canonical, spelled] {
        assert_eq!(Profile::from_json(text).unwrap().digest_bytes(), canonical.as_bytes());
    }
}

proptest! {
    #[test]
    fn every_double_that_is_read_prints_as_the_same_bits(bits in any::<u64>()) {
        let (value, mut one, mut two) = (f64::from_bits(bits), Scratch::default(), Scratch::default());
        let rule = representation("real_decimal", None);
        let printed = rule.read(&Cell::Float(value), &mut one).map(|cell| rule.print(&cell, &mut two));
        match printed {
            Some(Some(Cell::Float(again))) => prop_assert_eq!(again.to_bits(), bits),
            Some(other) => prop_assert!(false, "{value} came back as {other:?}"),
            None => prop_assert!(!value.is_finite() || bits == (-0.0_f64).to_bits()),
        }
    }

    #[test]
    fn every_text_that_is_read_prints_as_the_same_text(
        number in "-?[0-9]{0,3}(\\.[0-9]{0,4})?", year in 0..10_001_u32, rest in "(-[0-3][0-9]){2} [0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,10})?"
    ) {
        let date = format!("{year:04}{rest}");
        for (rule, argument, text) in [
            ("text_number", None, &number),
            ("text_number", Some("2"), &number),
            ("text_date", Some("%Y-%m-%d %H:%M:%S%.f"), &date),
            ("text_date", Some("%Y-%m-%d %H:%M:%S%.3f"), &date),
            ("text_date", Some("%Y-%d-%m %H:%M:%S"), &date),
        ] {
            let (rule, mut one, mut two) = (representation(rule, argument), Scratch::default(), Scratch::default());
            if let Some(cell) = rule.read(&Cell::Text(text), &mut one) {
                prop_assert_eq!(rule.print(&cell, &mut two), Some(Cell::Text(text)));
            }
        }
    }
}

#[test]
fn fractional_epochs_read_and_print_only_what_inverts() {
    let epoch = representation("epoch", Some("s,fraction"));
    let mut scratch = Scratch::default();
    for (stored, micros) in [
        (Cell::Float(1_700_000_000.123_456), 1_700_000_000_123_456),
        (Cell::Float(1_700_000_000.5), 1_700_000_000_500_000),
        (Cell::Float(-0.25), -250_000),
        (Cell::Int(1_700_000_000), 1_700_000_000_000_000),
    ] {
        let instant = Cell::Instant(Ticks::from_micros(micros));
        assert_eq!(epoch.read(&stored, &mut scratch), Some(instant));
        assert_eq!(epoch.print(&instant, &mut scratch), Some(stored));
    }
    // Whole, finer than a microsecond, no number, −0.0, beyond every clock.
    for value in [1_700_000_000.0, 0.123_456_7, f64::NAN, f64::INFINITY, -0.0, 1e300] {
        assert_eq!(epoch.read(&Cell::Float(value), &mut scratch), None, "{value}");
    }
    // A double of that size has no room for this microsecond; nanoseconds have none at all.
    let beyond = Ticks::from_micros(9_007_199_254_740_993_001);
    let finer = Ticks {
        micros: 500_000,
        nanos: 7,
    };
    for ticks in [beyond, finer] {
        assert_eq!(epoch.print(&Cell::Instant(ticks), &mut scratch), None);
    }
}
