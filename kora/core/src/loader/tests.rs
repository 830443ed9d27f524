use super::*;
use crate::readers::memory::{MemoryRows, Scalar};

fn profile(columns: &str, key: &str) -> Profile {
    let text =
        format!(r#"{{"format":"kora-profile-1","pair":"t~t","key":{key},"unicode":"16.0","columns":[{columns}]}}"#);
    Profile::from_json(&text).unwrap()
}

fn plain(key: &str) -> Profile {
    profile(r#"{"pair":"id","policies":[]},{"pair":"name","policies":[]}"#, key)
}

fn loader(rows: Vec<Vec<Scalar>>, encoding: Encoding, types: [&str; 2]) -> Loader {
    let reader = Box::new(MemoryRows::new(2, rows).unwrap());
    let types = types.map(str::to_owned);
    Loader::new(
        reader,
        &plain("[0]"),
        encoding,
        &types,
        &DigestKey::new(&[7; 32]).unwrap(),
    )
    .unwrap()
}

fn numbered(count: i128) -> Vec<Vec<Scalar>> {
    (0..count)
        .map(|id| vec![Scalar::Int(id), Scalar::Text(format!("row {id}"))])
        .collect()
}

fn drain(loader: &mut Loader) -> Vec<Batch> {
    std::iter::from_fn(|| loader.next_batch().unwrap()).collect()
}

#[test]
fn rows_arrive_once_and_in_order_whatever_the_batch_size() {
    for size in [1, 40, 1000, 1 << 20] {
        for (encoding, types) in [
            (Encoding::PostgresCopy, ["int8", "text"]),
            (Encoding::Arrow, ["BIGINT", "VARCHAR"]),
            (Encoding::Sqlite, ["INTEGER", "TEXT"]),
            (Encoding::MysqlLoadData, ["bigint", "longtext"]),
        ] {
            let mut loader = loader(numbered(100), encoding, types).batch_size_bytes(size);
            let batches = drain(&mut loader);
            let ordinals: Vec<u64> = batches.iter().flat_map(|batch| batch.ordinals().to_vec()).collect();
            assert_eq!(ordinals, (0..100).collect::<Vec<u64>>());
            assert_eq!(loader.row_count(), 100);
        }
    }
}

#[test]
fn a_row_larger_than_the_batch_size_stands_in_a_batch() {
    let rows = vec![
        vec![Scalar::Int(1), Scalar::Text("x".repeat(5000))],
        vec![Scalar::Int(2), Scalar::Null],
    ];
    let counts: Vec<usize> = drain(&mut loader(rows, Encoding::PostgresCopy, ["int8", "text"]).batch_size_bytes(100))
        .iter()
        .map(Batch::row_count)
        .collect();
    assert_eq!(counts, [1, 1]);
}

#[test]
fn a_value_that_the_type_cannot_hold_is_named_and_its_row_left_out() {
    let mut rows = numbered(3);
    rows[1][0] = Scalar::Text("not a number".into());
    for (encoding, types) in [
        (Encoding::PostgresCopy, ["int8", "text"]),
        (Encoding::Arrow, ["BIGINT", "VARCHAR"]),
    ] {
        let mut loader = loader(rows.clone(), encoding, types);
        let batch = loader.next_batch().unwrap().unwrap();
        assert_eq!(batch.ordinals(), [0, 2]);
        assert_eq!(
            (batch.key_text(0), batch.key_text(1), batch.key_text(2)),
            (Some("id=0"), Some("id=2"), None)
        );
        let rejected = &batch.rejected[0];
        assert_eq!(
            (rejected.ordinal, rejected.key.as_str(), rejected.pair.as_str()),
            (1, "id=not a number", "id")
        );
        assert_eq!(loader.row_count(), 3);
    }
}

#[test]
fn the_raw_digest_is_of_the_rows_as_read_whatever_becomes_of_them() {
    let digest = |rows: Vec<Vec<Scalar>>, encoding, types| {
        let mut loader = loader(rows, encoding, types);
        drain(&mut loader);
        loader.raw_digest().unwrap()
    };
    let copied = digest(numbered(9), Encoding::PostgresCopy, ["int8", "text"]);
    assert_eq!(copied, digest(numbered(9), Encoding::Arrow, ["BIGINT", "DATE"]));
    assert_ne!(copied, digest(numbered(8), Encoding::PostgresCopy, ["int8", "text"]));
}

#[test]
fn a_slice_of_copy_tuples_is_a_complete_stream_without_the_rows_named() {
    let whole = loader(numbered(4), Encoding::PostgresCopy, ["int8", "text"])
        .next_batch()
        .unwrap()
        .unwrap();
    let slice = |start, stop, without: &[usize]| whole.postgres_copy(start, stop, without).unwrap().concat();
    let single = |row: usize| {
        slice(row, Some(row + 1), &[])[19..]
            .strip_suffix(b"\xff\xff")
            .unwrap()
            .to_vec()
    };
    let expected = [&slice(0, Some(0), &[])[..19], &single(0), &single(3), b"\xff\xff"].concat();
    assert_eq!(slice(0, None, &[2, 1, 1, 99]), expected);
    assert_eq!(slice(3, Some(1), &[]).len(), 21);
}

#[test]
fn a_slice_of_lines_holds_the_rows_asked_for_and_no_others() {
    let whole = loader(numbered(4), Encoding::MysqlLoadData, ["bigint", "longtext"])
        .next_batch()
        .unwrap()
        .unwrap();
    let slice = |start, stop, without: &[usize]| whole.mysql_load_data(start, stop, without).unwrap().concat();
    assert_eq!(slice(0, None, &[2, 1, 1, 99]), b"0\trow 0\n3\trow 3\n");
    assert_eq!(slice(3, Some(1), &[]), b"");
    let tuples = whole.mysql_tuples(1, None, &[2], &[1]).unwrap();
    assert_eq!(
        String::from_utf8(tuples.concat()).unwrap(),
        "(_binary'1',CONVERT(_binary'row 1' USING utf8mb4)),(_binary'3',CONVERT(_binary'row 3' USING utf8mb4))"
    );
    assert_eq!(whole.longest_line(), b"0\trow 0\n".len());
}

#[test]
fn a_batch_is_handed_out_in_its_own_encoding_alone() {
    let batch = loader(numbered(1), Encoding::Arrow, ["BIGINT", "VARCHAR"])
        .next_batch()
        .unwrap()
        .unwrap();
    assert!(matches!(batch.postgres_copy(0, None, &[]), Err(Error::Usage(_))));
}

#[test]
fn after_the_reader_failed_the_loader_does_not_pretend_to_be_at_its_end() {
    struct Fails;
    impl RowReader for Fails {
        fn column_count(&self) -> usize {
            2
        }
        fn pump(&mut self, sink: &mut dyn crate::rows::RowSink) -> Result<bool> {
            sink.row(&[Cell::Int(1), Cell::Null])?;
            Err(Error::Connection {
                engine: "postgresql",
                message: "gone".into(),
            })
        }
    }
    let types = ["BIGINT".to_owned(), "VARCHAR".to_owned()];
    let key = DigestKey::new(&[7; 32]).unwrap();
    let mut loader = Loader::new(Box::new(Fails), &plain("[0]"), Encoding::Arrow, &types, &key).unwrap();
    assert!(matches!(loader.next_batch(), Err(Error::Connection { .. })));
    assert!(matches!(loader.next_batch(), Err(Error::Usage(_))));
}

#[test]
fn columns_that_do_not_agree_are_refused_before_a_row_is_read() {
    let reader = Box::new(MemoryRows::new(2, numbered(1)).unwrap());
    let key = DigestKey::new(&[7; 32]).unwrap();
    let made = Loader::new(reader, &plain("[]"), Encoding::Arrow, &["BIGINT".to_owned()], &key);
    assert!(matches!(made.map(|_| ()), Err(Error::Usage(_))));
}
