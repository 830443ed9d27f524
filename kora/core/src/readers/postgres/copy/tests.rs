//! The decoder against streams that no server sends: it may refuse, and may neither panic nor see more than there is.

use super::*;
use proptest::prelude::*;

const NAMES: [&str; 31] = [
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
    "interval17",
    "jsonpath",
    "tsvector",
    "path",
    "array<polygon>",
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

/// Takes canonical rows where a reader offers them, and makes them of the others' cells.
#[derive(Default)]
struct Canonical {
    rows: Vec<(Vec<u8>, Vec<usize>)>,
    offered: usize,
}

impl RowSink for Canonical {
    fn row(&mut self, cells: &[Cell<'_>]) -> Result<Flow> {
        let mut built = RowBuilder::default();
        built.open();
        for cell in cells {
            encode_cell(cell, built.cell())?;
        }
        let (row, bounds) = built.close()?;
        self.rows.push((row.to_vec(), bounds.to_vec()));
        Ok(Flow::Continue)
    }

    fn canonical_row(&mut self, row: &[u8], bounds: &[usize]) -> Result<Flow> {
        self.offered += 1;
        self.rows.push((row.to_vec(), bounds.to_vec()));
        Ok(Flow::Continue)
    }
}

/// What a stream's rows are in canonical form up to its end or first error, and that error.
fn canonical_rows(names: &[&str], stream: &[u8], canonical: bool) -> (Canonical, Option<String>) {
    let kinds = names.iter().map(|name| FieldKind::parse(name).expect("listed"));
    let (mut decoder, mut sink) = (Decoder::new(kinds.collect()), Canonical::default());
    decoder.canonical = canonical;
    let failure = decoder.feed(stream, &mut sink).err().map(|error| error.to_string());
    (sink, failure)
}

#[test]
fn a_row_that_is_as_large_as_one_held_alone_goes_to_the_sink_as_cells() {
    let text = vec![b'x'; LARGE_ROW_BYTES];
    let field = [&(text.len() as i32).to_be_bytes(), text.as_slice()].concat();
    let small = [&1_i32.to_be_bytes(), &b"x"[..]].concat();
    for (field, offered) in [(field, 0), (small, 1)] {
        let stream = [head(), vec![0, 1], field].concat();
        let (sink, failure) = canonical_rows(&["text"], &stream, true);
        assert_eq!((sink.rows.len(), sink.offered, failure), (1, offered, None));
    }
}

proptest! {
    #[test]
    fn a_row_written_in_canonical_form_is_what_its_cells_encode_to(
        names in proptest::collection::vec(prop::sample::select(&NAMES[..22]), 1..4),
        fields in proptest::collection::vec(field(), 0..9),
    ) {
        let tuples = fields.chunks_exact(names.len());
        let body = tuples.flat_map(|tuple| [(names.len() as i16).to_be_bytes().to_vec(), tuple.concat()].concat());
        let stream: Vec<u8> = head().into_iter().chain(body).collect();
        let (cells, failure) = canonical_rows(&names, &stream, false);
        let (canonical, same_failure) = canonical_rows(&names, &stream, true);
        prop_assert_eq!(canonical.offered, canonical.rows.len());
        prop_assert_eq!(canonical.rows, cells.rows);
        prop_assert_eq!(same_failure.is_some(), failure.is_some());
    }

    #[test]
    fn values_of_every_plain_kind_are_written_as_their_cells_are(
        number in any::<i64>(), text in "[ -~é🙂]{0,40}", digits in proptest::collection::vec(0_u16..10_000, 0..12),
        weight in -4_i16..8, scale in 0_u16..40, sign in prop::sample::select(vec![0_u16, 0x4000, 0xC000]),
    ) {
        let words = [digits.len() as u16, weight as u16, sign, scale];
        let numeric: Vec<u8> = words.iter().chain(&digits).flat_map(|word| word.to_be_bytes()).collect();
        let wide = number.to_be_bytes();
        let fields: [(&str, &[u8]); 10] = [
            ("int8", &wide), ("int4", &wide[4..]), ("int2", &wide[6..]), ("float8", &wide), ("float4", &wide[4..]),
            ("timestamp", &wide), ("timestamptz", &wide), ("date", &wide[4..]), ("text", text.as_bytes()),
            ("numeric", &numeric),
        ];
        for (name, bytes) in fields {
            let field = [&(bytes.len() as i32).to_be_bytes(), bytes].concat();
            let stream = [head(), vec![0, 1], field].concat();
            let (cells, failure) = canonical_rows(&[name], &stream, false);
            let (canonical, same_failure) = canonical_rows(&[name], &stream, true);
            prop_assert_eq!((canonical.rows, same_failure), (cells.rows, failure), "{}", name);
        }
    }

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
