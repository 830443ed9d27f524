use super::*;

fn data(name: &str) -> PathBuf {
    let base = std::env::var_os("SENSEI_TEST_DATA").map(PathBuf::from);
    base.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"))
        .join(name)
}

fn reason(outcome: Result<SqliteConnection>) -> Error {
    outcome.err().expect("opening must be refused")
}

#[test]
fn chinook_answers_with_its_storage_classes() {
    let connection = SqliteConnection::open(&data("chinook/chinook.sqlite"), Mode::ReadOnly).unwrap();
    let rows = connection
        .query("SELECT count(*), 1.5, 'ä', x'00', NULL FROM Track", &[])
        .unwrap();
    let expected = vec![
        Scalar::Int(3503),
        Scalar::Float(1.5),
        Scalar::Text("ä".into()),
        Scalar::Bytes(vec![0]),
        Scalar::Null,
    ];
    assert_eq!(rows, vec![expected]);
}
