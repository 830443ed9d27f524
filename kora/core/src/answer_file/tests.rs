use super::*;
use proptest::prelude::*;

fn reading(byte: u8, ordered: bool) -> Reading {
    Reading {
        rows: [byte; 16],
        order: ordered.then_some([byte ^ 1; 16]),
    }
}

fn entry(name: &str, columns: &[&str], plain: u8, ordered: bool) -> Entry {
    Entry {
        name: name.into(),
        text: [3; 8],
        state: 0,
        reason: String::new(),
        fragile: String::new(),
        body: Some(Body {
            rows: 300,
            columns: columns.iter().map(|word| (*word).to_owned()).collect(),
            ties: false,
            exact: reading(7, ordered),
            plain: reading(plain, ordered),
        }),
    }
}

fn refused(name: &str) -> Entry {
    Entry {
        name: name.into(),
        text: [4; 8],
        state: 1,
        reason: "division by zero".into(),
        fragile: "in any order".into(),
        body: None,
    }
}

fn sample() -> Recorded {
    Recorded {
        head: b"{}".to_vec(),
        answers: vec![
            entry("q1", &["integer", "integer|text"], 9, true),
            entry("q2", &["integer", "integer|text"], 7, false),
            refused("q3"),
        ],
    }
}

#[test]
fn the_documented_vector_is_what_is_written() {
    let expected = concat!(
        "4b424832027b7d0407696e74656765720c696e74656765727c74657874106469766973696f6e206279207a65726f",
        "0c696e20616e79206f72646572010200010304027131030303030303030303ac0200",
    );
    // The three answers follow one another; the first one's digests are 7, 6, 9 and 8, sixteen bytes each.
    let expected = expected.replace("030303030303030303ac", "0303030303030303ac")
        + &["07", "06", "09", "08"].map(|byte| byte.repeat(16)).concat()
        + "1002713203030303030303 03ac0200".replace(' ', "").as_str()
        + &"07".repeat(16)
        + "61027133"
        + &"04".repeat(8)
        + "0203";
    let written: String = encode(&sample())
        .expect("within")
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(written, expected);
}

#[test]
fn every_byte_flipped_is_refused_or_another_recording() {
    let bytes = encode(&sample()).expect("within");
    for place in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut other = bytes.clone();
            other[place] ^= flip;
            if let Ok(read) = decode(&other) {
                assert_ne!(read, sample(), "byte {place}");
            }
        }
    }
    for end in 0..bytes.len() {
        assert!(decode(&bytes[..end]).is_err());
    }
    assert!(decode(&[bytes.as_slice(), &[0]].concat()).is_err());
}

#[test]
fn a_word_that_nobody_names_and_words_in_another_order_are_refused() {
    let mut idle = MAGIC.to_vec();
    idle.extend_from_slice(&[0, 1, 1, b'a', 0, 0]);
    assert!(matches!(decode(&idle), Err(Error::Malformed { .. })));
}

#[test]
fn a_small_file_cannot_become_a_large_recording() {
    let mut bytes = MAGIC.to_vec();
    varint::put(0, &mut bytes);
    varint::put(1, &mut bytes);
    put_bytes(&[b'x'; TEXT_LIMIT], &mut bytes);
    varint::put(1, &mut bytes);
    varint::put(COLUMNS_LIMIT as u64, &mut bytes);
    bytes.resize(bytes.len() + COLUMNS_LIMIT, 0);
    varint::put(ANSWERS_LIMIT as u64, &mut bytes);
    for _ in 0..ANSWERS_LIMIT {
        bytes.extend_from_slice(&[SAME_READINGS, 0]);
        bytes.extend_from_slice(&[0; 8 + 2 + 16]);
    }
    assert!(matches!(decode(&bytes), Err(Error::Limit(_))));
    let counted = [MAGIC.as_slice(), &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    assert!(matches!(decode(&counted), Err(Error::Malformed { .. })));
}

#[test]
fn an_answer_costs_less_than_a_hundred_bytes_in_its_order() {
    let names: Vec<String> = (0..1000).map(|number| format!("q{number}")).collect();
    let columns = ["integer", "text", "decimal"];
    let body = |ordered| Recorded {
        head: Vec::new(),
        answers: names.iter().map(|name| entry(name, &columns, 9, ordered)).collect(),
    };
    let bytes = |ordered| encode(&body(ordered)).expect("within").len() / names.len();
    assert!(bytes(true) < 85, "{}", bytes(true));
    assert!(bytes(false) < 53, "{}", bytes(false));
}

fn entries() -> impl Strategy<Value = Entry> {
    let body = (
        any::<u64>(),
        prop::collection::vec("[a-c|]{0,3}", 0..4),
        any::<(bool, bool, u8, u8)>(),
    );
    (
        "\\PC{1,8}",
        any::<[u8; 8]>(),
        0..=STATES,
        "[ab]{0,2}",
        "[ab]{0,2}",
        body,
    )
        .prop_map(
            |(name, text, state, reason, fragile, (rows, columns, (ties, ordered, exact, plain)))| Entry {
                name,
                text,
                state,
                reason,
                fragile,
                body: (state == 0).then(|| Body {
                    rows,
                    columns,
                    ties,
                    exact: reading(exact, ordered),
                    plain: reading(plain, ordered),
                }),
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(answers in prop::collection::vec(entries(), 0..6), head in prop::collection::vec(any::<u8>(), 0..9)) {
        let recorded = Recorded { head, answers };
        let bytes = encode(&recorded).expect("within");
        prop_assert_eq!(decode(&bytes).expect("written"), recorded);
    }
}
