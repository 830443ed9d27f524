use super::*;
use crate::readers::memory::{collect, Scalar};
use std::io::Write;
use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    let base = std::env::var_os("SENSEI_TEST_DATA").map(PathBuf::from);
    base.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"))
        .join(name)
}

fn open(path: &Path) -> Result<CsvFile> {
    CsvFile::open(path, None, &Wanted::default(), None)
}

/// A file on disk that lives as long as the folder beside it.
fn file(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

fn read(content: &[u8]) -> Result<(CsvFile, Vec<Vec<Scalar>>)> {
    let (_folder, path) = file(content);
    let csv = open(&path)?;
    let rows = collect(&mut csv.rows(None)?)?;
    Ok((csv, rows))
}

fn text(value: &str) -> Scalar {
    Scalar::Text(value.to_owned())
}

/// A row as the corpus's JSON has it: NULL and the empty text are the same there.
fn objects(csv: &CsvFile, rows: &[Vec<Scalar>]) -> serde_json::Value {
    let object = |row: &Vec<Scalar>| {
        let named = csv.columns.iter().zip(row).map(|(name, value)| {
            let value = match value {
                Scalar::Text(text) => text.clone(),
                Scalar::Null => String::new(),
                other => panic!("{other:?}"),
            };
            (name.clone(), serde_json::Value::String(value))
        });
        serde_json::Value::Object(named.collect())
    };
    serde_json::Value::Array(rows.iter().map(object).collect())
}

#[test]
fn the_corner_case_corpus_reads_as_its_json_says() {
    let mut files = 0;
    for entry in std::fs::read_dir(data("csv/csvs")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut content = std::fs::read(&path).unwrap();
        if stem.ends_with("_crlf") && !content.contains(&b'\r') {
            // Git turned these files' newlines into line feeds; the JSON still tells of the originals.
            content = String::from_utf8(content).unwrap().replace('\n', "\r\n").into_bytes();
        }
        let truth = std::fs::read(data(&format!("csv/json/{stem}.json"))).unwrap();
        let mut truth: serde_json::Value = serde_json::from_slice(&truth).unwrap();
        let (csv, rows) = read(&content).unwrap();
        let mut found = objects(&csv, &rows);
        if stem == "location_coordinates" {
            // Its JSON is one object with another telephone number than the CSV.
            truth = serde_json::Value::Array(vec![truth]);
            truth[0]["Contact Phone Number"] = "2095257564".into();
        }
        assert_eq!(found.take(), truth, "{stem}");
        assert_eq!(
            csv.dialect.newline,
            if stem.ends_with("_crlf") { "\r\n" } else { "\n" },
            "{stem}"
        );
        files += 1;
    }
    assert_eq!(files, 12);
}

#[test]
fn every_table_of_the_synthea_archive_is_read_whole() {
    let archive = data("synthea/Synthea27Nj_5.4_csv.zip");
    let members = source::zip_members(&archive).unwrap();
    let tables: Vec<&(String, u64)> = members
        .iter()
        .filter(|(name, _)| name.ends_with(".csv") && !name.starts_with("__MACOSX/"))
        .collect();
    assert_eq!(tables.len(), 39);
    let mut rows = 0u64;
    for (name, _) in tables {
        let csv = CsvFile::open(&archive, Some(name), &Wanted::default(), None).unwrap();
        assert!(csv.dialect.header, "{name}");
        let mut reader = csv.rows(None).unwrap();
        let mut count = |_: &[Cell<'_>]| {
            rows += 1;
            Ok(Flow::Continue)
        };
        while reader.pump(&mut count).unwrap() {}
    }
    assert_eq!(rows, 294_203);
}

#[test]
fn an_empty_field_is_null_and_a_quoted_empty_one_is_text() {
    let (csv, rows) = read(b"a,b\n,\"\"\n\n\"\",\n").unwrap();
    assert_eq!(csv.columns, ["a", "b"]);
    assert_eq!(rows, [[Scalar::Null, text("")], [text(""), Scalar::Null]]);
}

#[test]
fn a_blank_line_is_a_null_row_where_there_is_one_column() {
    let (_, rows) = read(b"name\nx\n\n\"\"\n").unwrap();
    assert_eq!(rows, [[text("x")], [Scalar::Null], [text("")]]);
    assert!(read(b"").unwrap().1.is_empty());
}

#[test]
fn delimiter_newline_and_header_are_found_out() {
    for (content, delimiter, newline, header) in [
        (&b"id;price\n1;2,5\n2;3,5\n"[..], b';', "\n", true),
        (b"id\tname\r\n1\tA, B and C\r\n", b'\t', "\r\n", true),
        (b"1|x\r2|y\r", b'|', "\r", false),
        (b"id,\"a;b;c\"\n1,\"x;y;z\"\n", b',', "\n", true),
    ] {
        let (csv, rows) = read(content).unwrap();
        let found = (csv.dialect.cut.delimiter, csv.dialect.newline, csv.dialect.header);
        assert_eq!(
            found,
            (delimiter, newline, header),
            "{}",
            String::from_utf8_lossy(content)
        );
        assert!(rows.iter().all(|row| row.len() == 2));
    }
    assert_eq!(read(b"1|x\r2|y\r").unwrap().0.columns, ["column_1", "column_2"]);
}

#[test]
fn what_is_declared_is_not_found_out() {
    let (_folder, path) = file(b"a;b\n'1;2';3\n");
    let wanted = Wanted {
        delimiter: Some(";".into()),
        quote: Some(String::new()),
        header: Some(false),
    };
    let csv = CsvFile::open(&path, None, &wanted, Some("utf-8")).unwrap();
    let outcome = collect(&mut csv.rows(None).unwrap());
    assert!(outcome
        .unwrap_err()
        .to_string()
        .ends_with("line 2: 3 fields where 2 are expected"));
    let wanted = Wanted {
        quote: Some("'".into()),
        header: Some(false),
        ..wanted
    };
    let csv = CsvFile::open(&path, None, &wanted, None).unwrap();
    assert_eq!(
        collect(&mut csv.rows(Some(&[1, 0])).unwrap()).unwrap()[1],
        [text("3"), text("1;2")]
    );
}

#[test]
fn damage_is_named_by_its_line() {
    for (content, words) in [
        (
            &b"a,b\n1,\"x\ny\"\n1,2,3\n"[..],
            "line 4: 3 fields where 2 are expected",
        ),
        (b"a,b\n1,2\n3\n", "line 3: 1 fields where 2 are expected"),
        (b"a,b\n1,\"x\ny\n", "line 2: a quote is opened and never closed"),
        (b"a,b\n1,\"x\"y\n", "line 2: text stands behind a closing quote"),
    ] {
        let error = read(content).map(|_| ()).unwrap_err();
        assert!(matches!(&error, Error::Malformed { .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_field_above_the_limit_is_refused_with_its_line() {
    let mut content = b"a,b\n1,\"".to_vec();
    content.resize(content.len() + tokenizer::MAX_CELL_BYTES + 1, b'x');
    let (_folder, path) = file(&content);
    let csv = CsvFile::open(
        &path,
        None,
        &Wanted {
            header: Some(true),
            ..Wanted::default()
        },
        None,
    )
    .unwrap();
    let error = collect(&mut csv.rows(None).unwrap()).unwrap_err();
    assert!(
        matches!(&error, Error::Limit(words) if words.contains("line 2")),
        "{error:?}"
    );
}

#[test]
fn the_encoding_is_found_out_and_said() {
    let utf16 = |unit: fn(u16) -> [u8; 2], mark: u16| -> Vec<u8> {
        std::iter::once(mark)
            .chain("a,b\r\n\u{1F600},é\r\n".encode_utf16())
            .flat_map(unit)
            .collect()
    };
    for (content, encoding, value) in [
        ("a,b\n1,é\n".as_bytes().to_vec(), "utf-8", "é"),
        (b"\xef\xbb\xbfa,b\n1,\xc3\xa9\n".to_vec(), "utf-8", "é"),
        (utf16(u16::to_le_bytes, 0xfeff), "utf-16le", "é"),
        (utf16(u16::to_be_bytes, 0xfeff), "utf-16be", "é"),
        (
            b"a,b\n1,Stra\xdfe in M\xfcnchen\n".to_vec(),
            "windows-1252",
            "Straße in München",
        ),
    ] {
        let (csv, rows) = read(&content).unwrap();
        assert_eq!(csv.encoding(), encoding);
        assert_eq!(csv.columns, ["a", "b"]);
        assert_eq!(rows[0][1], text(value));
    }
}

#[test]
fn bytes_that_a_declared_encoding_lacks_are_kept_in_utf8_and_refused_elsewhere() {
    let (_folder, path) = file(b"a,b\n1,\xff\n");
    let csv = CsvFile::open(&path, None, &Wanted::default(), Some("utf-8")).unwrap();
    assert_eq!(
        collect(&mut csv.rows(None).unwrap()).unwrap()[0][1],
        Scalar::BrokenText(vec![0xff])
    );
    let error = CsvFile::open(&path, None, &Wanted::default(), Some("shift_jis"))
        .map(|_| ())
        .unwrap_err();
    assert!(
        matches!(&error, Error::Malformed { reason, .. } if reason.contains("Shift_JIS")),
        "{error:?}"
    );
    assert!(matches!(
        CsvFile::open(&path, None, &Wanted::default(), Some("ebcdic")),
        Err(Error::Usage(_))
    ));
}

#[test]
fn fields_cross_the_borders_of_reads() {
    for length in [65_535, 65_536, 65_537, 200_000] {
        let long: String = "é\"\r\n".chars().cycle().take(length).collect();
        let content = format!("a,b\r\n\"{}\",1\r\n", long.replace('"', "\"\""));
        assert_eq!(read(content.as_bytes()).unwrap().1, [[text(&long), text("1")]]);
    }
}

#[test]
fn the_digest_is_that_of_the_content() {
    let (csv, _) = read(b"abc").unwrap();
    assert_eq!(
        csv.sha256,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}

#[test]
fn a_file_that_grows_while_it_is_read_is_refused() {
    let (_folder, path) = file(b"a,b\n1,2\n3,4\n");
    let csv = open(&path).unwrap();
    let mut rows = csv.rows(None).unwrap();
    assert!(rows.pump(&mut |_: &[Cell<'_>]| Ok(Flow::Pause)).unwrap());
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .write_all(b"5,6\n")
        .unwrap();
    assert!(collect(&mut rows)
        .unwrap_err()
        .to_string()
        .contains("changed while it was read"));
}

fn archive(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.zip");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    archive.add_directory("folder/", options).unwrap();
    archive.start_file("../../etc/t.csv", options).unwrap();
    archive.write_all(content).unwrap();
    archive.finish().unwrap();
    (folder, path)
}

#[test]
fn a_member_is_read_under_whatever_name_it_has() {
    let (_folder, path) = archive(b"a,b\n1,2\n");
    assert_eq!(source::zip_members(&path).unwrap(), [("../../etc/t.csv".to_owned(), 8)]);
    let csv = CsvFile::open(&path, Some("../../etc/t.csv"), &Wanted::default(), None).unwrap();
    assert_eq!(collect(&mut csv.rows(None).unwrap()).unwrap(), [[text("1"), text("2")]]);
    assert!(matches!(
        CsvFile::open(&path, Some("t.csv"), &Wanted::default(), None),
        Err(Error::Usage(_))
    ));
}

#[test]
fn a_damaged_member_or_archive_is_malformed() {
    let (_folder, path) = archive(b"a,b\n1,UNIQUE\n");
    let mut bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(6).position(|window| window == b"UNIQUE").unwrap();
    bytes[place] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let open_member = || CsvFile::open(&path, Some("../../etc/t.csv"), &Wanted::default(), None).map(|_| ());
    let error = open_member().unwrap_err();
    assert!(
        matches!(&error, Error::Malformed { reason, .. } if reason.contains("CRC-32")),
        "{error:?}"
    );

    let flags = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| [b"PK\x03\x04", b"PK\x01\x02"].iter().any(|mark| mark[..] == **window));
    let flags: Vec<usize> = flags
        .map(|(at, _)| if bytes[at + 2] == 3 { at + 6 } else { at + 8 })
        .collect();
    flags.into_iter().for_each(|at| bytes[at] |= 1);
    std::fs::write(&path, &bytes).unwrap();
    assert!(open_member().unwrap_err().to_string().contains("encrypted"));

    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(source::zip_members(&path), Err(Error::Malformed { .. })));
}
