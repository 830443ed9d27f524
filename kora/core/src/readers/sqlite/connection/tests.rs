use super::*;
use crate::readers::memory::collect;
use crate::readers::sqlite::SqliteRows;
use crate::rows::{Flow, RowReader};
use std::fs;

fn data(name: &str) -> PathBuf {
    let base = std::env::var_os("SENSEI_TEST_DATA").map(PathBuf::from);
    base.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"))
        .join(name)
}

fn chinook() -> SqliteConnection {
    SqliteConnection::open(&data("chinook/chinook.sqlite"), Mode::ReadOnly).unwrap()
}

fn written(script: &str) -> (tempfile::TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let connection = SqliteConnection::open(&folder.path().join("made.db"), Mode::Create).unwrap();
    connection.execute_script(script).unwrap();
    (folder, connection)
}

/// The error of opening a file with this content.
fn refusal_of(content: &[u8]) -> Error {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    fs::write(&path, content).unwrap();
    SqliteConnection::open(&path, Mode::ReadOnly)
        .err()
        .expect("opening must be refused")
}

fn engine_code(error: &Error) -> &str {
    match error {
        Error::Engine { code, .. } => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chinook_answers_with_its_storage_classes() {
    let rows = chinook()
        .query("SELECT count(*), 1.5, 'ä', x'00', NULL FROM Track", &[])
        .unwrap();
    let bytes = Scalar::Bytes(vec![0]);
    assert_eq!(
        rows,
        [[
            Scalar::Int(3503),
            Scalar::Float(1.5),
            Scalar::Text("ä".into()),
            bytes,
            Scalar::Null
        ]]
    );
}

#[test]
fn every_odd_database_opens_and_its_tables_read_to_the_end() {
    let mut tables = 0;
    for file in fs::read_dir(data("sqlite_odd")).unwrap() {
        let connection = SqliteConnection::open(&file.unwrap().path(), Mode::ReadOnly).unwrap();
        let names = connection
            .query("SELECT name FROM sqlite_schema WHERE type = 'table'", &[])
            .unwrap();
        for name in names.into_iter().flatten() {
            let Scalar::Text(name) = name else { panic!("{name:?}") };
            let quoted = name.replace('"', "\"\"");
            let counted = connection
                .query(&format!("SELECT count(*) FROM \"{quoted}\""), &[])
                .unwrap();
            let mut rows = SqliteRows::new(&connection, &format!("SELECT * FROM \"{quoted}\""), &[]).unwrap();
            let read = i128::try_from(collect(&mut rows).unwrap().len()).unwrap();
            assert_eq!(counted, [[Scalar::Int(read)]], "{} {name}", connection.path().display());
            tables += 1;
        }
    }
    assert!(tables >= 19, "{tables} tables");
}

#[test]
fn what_is_no_database_is_refused_when_it_is_opened() {
    let mut noise = 0x9e37_79b9_u32;
    let encrypted = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.to_be_bytes()[0]
    });
    let error = refusal_of(&encrypted.take(8192).collect::<Vec<_>>());
    assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .ends_with("old.db: not a SQLite database, or an encrypted one"),
        "{error}"
    );
    assert!(matches!(refusal_of(b"id,name\n1,x\n"), Error::Malformed { .. }));
}

#[test]
fn a_truncated_copy_is_refused_when_it_is_opened() {
    let whole = fs::read(data("chinook/chinook.sqlite")).unwrap();
    let error = refusal_of(&whole[..whole.len() / 2]);
    assert!(
        matches!(&error, Error::Malformed { reason, .. } if reason.contains("truncated")),
        "{error:?}"
    );
}

#[test]
fn a_damaged_page_is_an_error_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.db");
    let mut content = fs::read(data("chinook/chinook.sqlite")).unwrap();
    let length = content.len();
    content[8192..length].fill(0xee);
    fs::write(&path, content).unwrap();
    let outcome = SqliteConnection::open(&path, Mode::ReadOnly)
        .and_then(|connection| connection.query("SELECT sum(length(Name)) FROM Track", &[]));
    assert!(matches!(outcome, Err(Error::Malformed { .. })), "{outcome:?}");
}

#[test]
fn a_missing_file_and_a_folder_are_said_to_be_that() {
    let folder = tempfile::tempdir().unwrap();
    let text = |path: &Path, mode| {
        SqliteConnection::open(path, mode)
            .err()
            .map(|error| error.to_string())
            .unwrap()
    };
    for mode in [Mode::ReadOnly, Mode::ReadWrite] {
        assert!(text(&folder.path().join("none.db"), mode).contains("No such file"));
    }
    assert!(!folder.path().join("none.db").exists());
    assert!(text(folder.path(), Mode::Create).contains("is a folder"));
}

#[test]
fn a_reading_connection_changes_nothing() {
    let error = chinook().execute("DELETE FROM Track", &[]).unwrap_err();
    assert_eq!(engine_code(&error), "SQLITE_READONLY");
    assert!(error.to_string().contains("chinook.sqlite"), "{error}");
}

#[test]
fn a_database_that_another_holds_is_busy() {
    let (folder, holder) = written("CREATE TABLE t (a); BEGIN EXCLUSIVE;");
    let error = SqliteConnection::open(&folder.path().join("made.db"), Mode::ReadOnly)
        .err()
        .unwrap();
    assert_eq!(engine_code(&error), "SQLITE_BUSY");
    assert!(error.to_string().contains("made.db"), "{error}");
    holder.execute("COMMIT", &[]).unwrap();
    assert!(SqliteConnection::open(&folder.path().join("made.db"), Mode::ReadOnly).is_ok());
}

#[test]
fn a_wal_database_reads_unwritten_changes_and_immutable_stands_back_for_them() {
    let (folder, writer) = written("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1);");
    let path = folder.path().join("made.db");
    let reader = SqliteConnection::open(&path, Mode::ReadOnly).unwrap();
    assert_eq!(reader.query("SELECT a FROM t", &[]).unwrap(), [[Scalar::Int(1)]]);
    let refused = SqliteConnection::open_beside_wal(&path).err().unwrap().to_string();
    assert!(refused.contains("made.db-wal"), "{refused}");
    reader.close();
    writer.close();
    let alone = SqliteConnection::open_beside_wal(&path).unwrap();
    assert_eq!(alone.query("SELECT a FROM t", &[]).unwrap(), [[Scalar::Int(1)]]);
}

#[test]
fn a_name_that_looks_like_a_uri_is_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file:odd name?mode=memory#%41.db");
    SqliteConnection::open(&path, Mode::Create)
        .unwrap()
        .execute_script("CREATE TABLE t (a);")
        .unwrap();
    assert!(path.exists());
    assert!(SqliteConnection::open_beside_wal(&path)
        .unwrap()
        .query("SELECT * FROM t", &[])
        .unwrap()
        .is_empty());
}

#[test]
fn text_is_read_by_its_bytes() {
    let (_folder, connection) = written(
        "CREATE TABLE t (a); INSERT INTO t VALUES (CAST(x'61ff' AS TEXT)), (CAST(x'610062' AS TEXT)), (''), (x'');",
    );
    let rows = connection.query("SELECT a FROM t ORDER BY rowid", &[]).unwrap();
    let empty = Scalar::Text(String::new());
    let expected = [
        Scalar::BrokenText(b"a\xff".to_vec()),
        Scalar::Text("a\0b".into()),
        empty,
        Scalar::Bytes(vec![]),
    ];
    assert_eq!(rows.into_iter().flatten().collect::<Vec<_>>(), expected);
}

#[test]
fn a_utf16_database_gives_utf8_and_a_lone_surrogate_is_broken_text() {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let (_folder, connection) = written(&format!("PRAGMA encoding = '{encoding}'; CREATE TABLE t (a);"));
        connection
            .execute("INSERT INTO t VALUES (?)", &[Scalar::Text("a😀\0é".into())])
            .unwrap();
        let lone = if encoding == "UTF-16le" {
            "x'00d86100'"
        } else {
            "x'd8000061'"
        };
        connection
            .execute(&format!("INSERT INTO t VALUES (CAST({lone} AS TEXT))"), &[])
            .unwrap();
        let rows = connection.query("SELECT a FROM t ORDER BY rowid", &[]).unwrap();
        assert_eq!(rows[0], [Scalar::Text("a😀\0é".into())]);
        let stored: &[u8] = if encoding == "UTF-16le" {
            b"\x00\xd8\x61\x00"
        } else {
            b"\xd8\x00\x00\x61"
        };
        assert_eq!(rows[1], [Scalar::BrokenText(stored.to_vec())]);
    }
}

#[test]
fn a_collation_of_another_program_is_named() {
    let (folder, connection) = written("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x');");
    connection
        .execute_script(
            "PRAGMA writable_schema = 1;
             UPDATE sqlite_schema SET sql = 'CREATE TABLE t (a TEXT COLLATE GERMAN_PHONEBOOK)';",
        )
        .unwrap();
    connection.close();
    let reader = SqliteConnection::open(&folder.path().join("made.db"), Mode::ReadOnly).unwrap();
    assert_eq!(
        reader.query("SELECT a FROM t", &[]).unwrap(),
        [[Scalar::Text("x".into())]]
    );
    let error = reader.query("SELECT a FROM t ORDER BY a", &[]).unwrap_err();
    assert_eq!(engine_code(&error), "SQLITE_ERROR_MISSING_COLLSEQ");
    assert!(error.to_string().contains("GERMAN_PHONEBOOK"), "{error}");
}

#[test]
fn a_stream_keeps_its_place_while_the_connection_is_used_otherwise() {
    let connection = chinook();
    let mut rows = SqliteRows::new(&connection, "SELECT TrackId FROM Track ORDER BY 1", &[]).unwrap();
    let mut seen = 0u32;
    let mut sink = |_: &[Cell<'_>]| {
        seen += 1;
        Ok(if seen.is_multiple_of(1000) {
            Flow::Pause
        } else {
            Flow::Continue
        })
    };
    while rows.pump(&mut sink).unwrap() {
        assert_eq!(connection.query("SELECT 1", &[]).unwrap(), [[Scalar::Int(1)]]);
    }
    assert_eq!(seen, 3503);
    assert!(!rows.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Continue)).unwrap());
}

#[test]
fn a_stream_of_a_closed_connection_fails_and_frees_itself() {
    let connection = chinook();
    let mut rows = SqliteRows::new(&connection, "SELECT * FROM Track", &[]).unwrap();
    assert!(rows.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Pause)).unwrap());
    connection.close();
    let error = rows.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Continue)).unwrap_err();
    assert!(matches!(error, Error::Usage(_)), "{error:?}");
    assert!(!rows.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Continue)).unwrap());
}

#[test]
fn a_running_query_can_be_interrupted_from_another_thread() {
    let connection = chinook();
    let other = connection.clone();
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let running = std::thread::spawn(move || other.query(endless, &[]));
    while !running.is_finished() {
        connection.interrupt();
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert!(matches!(running.join().unwrap(), Err(Error::Stopped)));
}

#[test]
fn changes_count_only_what_this_statement_did() {
    let (_folder, connection) = written("CREATE TABLE t (a);");
    assert_eq!(connection.execute("INSERT INTO t VALUES (1), (2)", &[]).unwrap(), 2);
    assert_eq!(connection.execute("CREATE TABLE u (a)", &[]).unwrap(), 0);
    assert_eq!(
        connection
            .execute("UPDATE t SET a = 3 WHERE a = ?", &[Scalar::Int(2)])
            .unwrap(),
        1
    );
}

#[test]
fn one_statement_means_one() {
    let connection = chinook();
    assert!(matches!(
        connection.query("SELECT 1; SELECT 2", &[]),
        Err(Error::Usage(_))
    ));
    assert!(matches!(connection.query(" -- nothing", &[]), Err(Error::Usage(_))));
    assert!(matches!(connection.query("SELECT ?", &[]), Err(Error::Usage(_))));
    assert!(connection.query("SELECT 1; -- and no more", &[]).is_ok());
}
