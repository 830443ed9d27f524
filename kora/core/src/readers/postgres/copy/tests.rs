//! The decoder against streams that no server sends: it may refuse, and may neither panic nor see more than there is.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 26] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "oid",
    "float4",
    "float8",
    "numeric",
    "text",
    "bpchar",
    "bytea",
    "uuid",
    "bit",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "interval",
    "json",
    "jsonb",
    "enum",
    "array<int4>",
    "array<text>",
    "range<date>",
    "multirange<int8>",
];

fn kinds(names: &[prop::sample::Index]) -> Vec<FieldKind> {
    let named = names.iter().map(|index| NAMES[index.index(NAMES.len())]);
    named.map(|name| FieldKind::parse(name).expect("listed")).collect()
}

/// What the rows are, in a form that can be kept; None after an error.
fn rows(names: &[prop::sample::Index], pieces: &[&[u8]]) -> Option<Vec<String>> {
    let (mut decoder, mut carry, mut seen) = (Decoder::new(kinds(names)), Vec::new(), Vec::new());
    for piece in pieces {
        carry.extend_from_slice(piece);
        let mut sink = |cells: &[Cell<'_>]| {
            seen.push(format!("{cells:?}"));
            Ok(Flow::Continue)
        };
        let (used, _) = decoder.feed(&carry, &mut sink).ok()?;
        assert!(used <= carry.len());
        carry.drain(..used);
    }
    Some(seen)
}

/// A field as a server frames it, or with a length that is not its own.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 0..24);
    prop_oneof![
        8 => bytes.prop_map(|bytes| [&(bytes.len() as i32).to_be_bytes(), bytes.as_slice()].concat()),
        1 => Just((-1_i32).to_be_bytes().to_vec()),
        1 => any::<i32>().prop_map(|length| length.to_be_bytes().to_vec()),
    ]
}

fn head() -> Vec<u8> {
    [SIGNATURE.as_slice(), &[0; 8]].concat()
}

proptest! {
    #[test]
    fn no_stream_of_bytes_makes_the_decoder_panic(
        names in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        bytes in proptest::collection::vec(any::<u8>(), 0..200), signed in any::<bool>(),
    ) {
        let stream = if signed { [head(), bytes].concat() } else { bytes };
        rows(&names, &[&stream]);
    }

    #[test]
    fn tuples_of_any_content_are_rows_or_an_error_however_they_are_cut(
        name in any::<prop::sample::Index>(), tuples in proptest::collection::vec(field(), 0..5), cut in any::<prop::sample::Index>(),
    ) {
        let body = tuples.iter().flat_map(|field| [&[0, 1], field.as_slice()].concat());
        let stream: Vec<u8> = head().into_iter().chain(body).collect();
        let names = [name];
        let (left, right) = stream.split_at(cut.index(stream.len() + 1));
        let whole = rows(&names, &[&stream]);
        prop_assert_eq!(&rows(&names, &[left, right]), &whole);
        prop_assert!(whole.is_none_or(|whole| whole.len() <= tuples.len()));
    }
}
