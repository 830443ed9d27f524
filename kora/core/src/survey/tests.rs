use super::*;
use crate::cell::{Temporal, Ticks};
use crate::temporal;
use serde_json::Value;

fn column(cells: &[Cell<'_>]) -> Value {
    let mut survey = Survey::new(1);
    cells.iter().for_each(|cell| survey.row(&[*cell]));
    let parsed: Value = serde_json::from_str(&survey.to_json().unwrap()).unwrap();
    assert_eq!(parsed["rows"], cells.len());
    parsed["columns"][0].clone()
}

/// Values that obeyed and failed; `None` for a candidate that was dropped.
fn candidate(column: &Value, rule: &str, argument: Option<&str>) -> Option<(u64, u64)> {
    let lines = column["candidates"].as_array().unwrap();
    let line = lines
        .iter()
        .find(|line| line["rule"] == rule && line["argument"].as_str() == argument)?;
    Some((line["obeyed"].as_u64().unwrap(), line["failed"].as_u64().unwrap()))
}

#[test]
fn a_mixed_column_says_how_many_values_are_of_which_kind() {
    let seen = column(&[
        Cell::Int(-7),
        Cell::Int(1 << 70),
        Cell::Text("12"),
        Cell::Text("abc"),
        Cell::Null,
        Cell::Float(0.5),
    ]);
    assert_eq!(seen["kinds"], serde_json::json!({"float": 1, "integer": 2, "text": 2}));
    assert_eq!(
        (seen["nulls"].as_u64(), seen["text"]["numeric"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(seen["numbers"]["min_integer"], -7);
    assert_eq!(seen["numbers"]["whole_digits"], 22);
}

#[test]
fn decimals_and_the_decimals_of_doubles_say_their_digits() {
    let decimal = |coefficient, scale| Cell::Decimal {
        negative: false,
        coefficient,
        scale,
    };
    let seen = column(&[
        decimal(1500, 2),
        decimal(12345, 3),
        Cell::BigDecimal("123456789012345678901234567890123456789012.5"),
    ]);
    assert_eq!(seen["numbers"]["whole_digits"], 42);
    assert_eq!(seen["numbers"]["fraction_digits"], 2 + 1);
    assert_eq!(seen["numbers"]["max_integer"], 15);
    let seen = column(&[
        Cell::Float(0.99),
        Cell::Float(-0.0),
        Cell::Float(f64::NAN),
        Cell::Float(1234.5),
    ]);
    assert_eq!(candidate(&seen, "real_decimal", None), Some((2, 2)));
    assert_eq!(seen["floats"]["decimals"]["fraction_digits"], 2);
    assert_eq!(seen["floats"]["decimals"]["whole_digits"], 4);
    assert_eq!(
        (seen["floats"]["nan"].as_u64(), seen["floats"]["negative_zero"].as_u64()),
        (Some(1), Some(1))
    );
}

#[test]
fn text_is_measured_in_characters_and_bytes_and_its_traps_are_counted() {
    let seen = column(&[
        Cell::Text(""),
        Cell::Text("żółw "),
        Cell::Text("a\0"),
        Cell::Text("e\u{301}"),
    ]);
    let text = &seen["text"];
    let counts = [
        "min_characters",
        "max_characters",
        "max_bytes",
        "empty",
        "trailing_blanks",
        "with_nul",
        "not_nfc",
    ];
    assert_eq!(counts.map(|name| text[name].as_u64().unwrap()), [0, 5, 8, 1, 1, 1, 1]);
}

#[test]
fn shapes_show_how_text_looks_and_never_what_it_says() {
    let seen = column(&[Cell::Text("12-Łk ü"), Cell::Text("34-Ab c"), Cell::Text("x@y.pl")]);
    assert_eq!(seen["text"]["shapes"], serde_json::json!(["99-Aa a", "a@a.aa"]));
}

#[test]
fn dates_as_text_are_counted_per_format_beside_zero_dates_and_empty_texts() {
    let mut cells = vec![Cell::Text("2020-02-29"); 20];
    cells.extend([Cell::Text("0000-00-00"), Cell::Text(""), Cell::Text("2020-02-30")]);
    let seen = column(&cells);
    assert_eq!(candidate(&seen, "text_date", Some("%Y-%m-%d")), Some((20, 1)));
    assert_eq!(candidate(&seen, "text_date", Some("%d.%m.%Y")), None);
    assert_eq!(
        (seen["zero_dates"].as_u64(), seen["text"]["empty"].as_u64()),
        (Some(1), Some(1))
    );
}

#[test]
fn numbers_as_text_say_whether_their_spelling_inverts() {
    let seen = column(&[Cell::Text("1.50"), Cell::Text("12.00"), Cell::Text("-0.25")]);
    assert_eq!(candidate(&seen, "text_number", Some("2")), Some((3, 0)));
    assert_eq!(candidate(&seen, "text_number", None), Some((1, 2)));
    let line = seen["candidates"]
        .as_array()
        .unwrap()
        .iter()
        .find(|line| line["argument"] == "2")
        .unwrap();
    assert_eq!(line["numbers"]["whole_digits"], 2);
    assert_eq!(candidate(&column(&[Cell::Text("007")]), "text_number", None), None);
}

#[test]
fn words_uuids_and_documents_are_recognised() {
    let words = column(&[Cell::Text("Y"), Cell::Text("N")]);
    assert_eq!(candidate(&words, "bool_text", Some("Y,N")), Some((2, 0)));
    let uuid = column(&[Cell::Text("00112233-4455-6677-8899-AABBCCDDEEFF")]);
    assert_eq!(candidate(&uuid, "uuid_text", Some("upper")), Some((1, 0)));
    assert_eq!(candidate(&uuid, "uuid_text", None), None);
    let json = column(&[
        Cell::Text(r#"{"a": [1]}"#),
        Cell::Text("[]"),
        Cell::Text("1"),
        Cell::Text("{"),
    ]);
    assert_eq!(candidate(&json, "json_text", None), Some((2, 2)));
}

#[test]
fn integers_between_1970_and_2100_may_be_epochs() {
    let seen = column(&[Cell::Int(1_600_000_000), Cell::Int(1_700_000_000)]);
    assert_eq!(candidate(&seen, "epoch", Some("s")), Some((2, 0)));
    assert_eq!(candidate(&seen, "bool01", None), None);
    let millis = column(&[Cell::Int(1_600_000_000_000)]);
    assert_eq!(candidate(&millis, "epoch", Some("s")), None);
    assert_eq!(candidate(&millis, "epoch", Some("ms")), Some((1, 0)));
    assert_eq!(
        candidate(&column(&[Cell::Int(1), Cell::Int(0), Cell::Int(2)]), "bool01", None),
        Some((2, 1))
    );
}

#[test]
fn moments_have_their_ends_infinities_and_impossible_dates_apart() {
    let infinite = Cell::TemporalInfinity {
        kind: Temporal::Date,
        negative: true,
    };
    let zero = Cell::ImpossibleDate {
        year: 0,
        month: 0,
        day: 0,
    };
    let impossible = Cell::ImpossibleDate {
        year: 2020,
        month: 2,
        day: 31,
    };
    let seen = column(&[Cell::Date(1), Cell::Date(-1), infinite, zero, impossible]);
    assert_eq!(
        (
            seen["moments"]["date"]["min"].as_str(),
            seen["moments"]["date"]["max"].as_str()
        ),
        (Some("1969-12-31"), Some("1970-01-02"))
    );
    assert_eq!(seen["moments"]["date"]["infinite"], 1);
    assert_eq!(
        (seen["impossible_dates"].as_u64(), seen["zero_dates"].as_u64()),
        (Some(2), Some(1))
    );
    let seen = column(&[
        Cell::Timestamp(Ticks {
            micros: 1_500_000,
            nanos: 0,
        }),
        Cell::Timestamp(Ticks { micros: 1, nanos: 5 }),
    ]);
    assert_eq!(seen["moments"]["timestamp"]["fraction_digits"], 9);
}

#[test]
fn a_hopeless_candidate_is_dropped_and_a_nearly_good_one_is_kept() {
    let mut cells = vec![Cell::Text("Y"); 100];
    cells.extend(vec![Cell::Text("perhaps"); 30]);
    let seen = column(&cells);
    assert_eq!(candidate(&seen, "bool_text", Some("Y,N")), Some((100, 30)));
    assert_eq!(candidate(&seen, "text_number", None), None);
}

#[test]
fn moments_that_four_digit_years_and_a_day_do_not_hold_are_counted() {
    let days = |year, month, day| temporal::days(year, month, day).unwrap();
    let at = |days: i64| {
        Cell::Timestamp(Ticks {
            micros: days * temporal::DAY_MICROS,
            nanos: 0,
        })
    };
    let edges = [days(0, 12, 31), days(1, 1, 1), days(9999, 12, 31), days(10_000, 1, 1)];
    let seen = column(&edges.map(Cell::Date));
    assert_eq!(seen["moments"]["date"]["outside"], 2);
    let seen = column(&edges.map(at));
    assert_eq!(seen["moments"]["timestamp"]["outside"], 2);
    let noon = |micros| Cell::Time(Ticks { micros, nanos: 0 });
    let seen = column(&[
        noon(0),
        noon(temporal::DAY_MICROS - 1),
        noon(temporal::DAY_MICROS),
        noon(-1),
    ]);
    assert_eq!(seen["moments"]["time"]["outside"], 2);
    assert!(column(&[Cell::Date(0)])["moments"]["date"].get("outside").is_none());
}

#[test]
fn seconds_with_fractions_are_epochs_together_with_the_integers_beside_them() {
    let obeyed = |cells: &[Cell<'_>]| {
        let seen = column(cells);
        let candidates = seen["candidates"].as_array().cloned().unwrap_or_default();
        let found = candidates.into_iter().find(|line| line["argument"] == "s,fraction");
        found.map(|line| (line["obeyed"].as_u64(), line["failed"].as_u64()))
    };
    let (fraction, whole) = (Cell::Float(1_700_000_000.25), Cell::Int(1_700_000_000));
    assert_eq!(obeyed(&[whole, whole, fraction, whole]), Some((Some(4), Some(0))));
    assert_eq!(obeyed(&[fraction, whole]), Some((Some(2), Some(0))));
    let finer = Cell::Float(1_700_000_000.123_456_7);
    assert_eq!(obeyed(&[fraction, finer]), Some((Some(1), Some(1))));
    assert_eq!(obeyed(&[Cell::Float(0.99), Cell::Float(12.5)]), None);
    assert_eq!(obeyed(&[whole, whole]), None);
}
