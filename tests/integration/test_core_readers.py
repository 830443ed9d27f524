"""SQLite and CSV as Python meets them: values, errors of `kora.errors`, and connections shared between threads."""

import os
import threading
from pathlib import Path

import pytest

from kora import errors
from kora._core import CsvFile, SqliteConnection, memory_rows, sqlite_rows, zip_members

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SENSEI_TEST_DATA", ROOT / "../shared/data"))
CHINOOK = str(DATA / "chinook/chinook.sqlite")
SYNTHEA = str(DATA / "synthea/Synthea27Nj_5.4_csv.zip")


def test_values_come_back_as_they_went_in(tmp_path: Path) -> None:
    connection = SqliteConnection(str(tmp_path / "new.db"), "create")
    connection.executescript("CREATE TABLE t (a, b, c, d, e, f)")
    row = (None, True, -(2**63), 0.1, "ä\0", b"\xff")
    assert connection.execute("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", row) == 1
    assert connection.query("SELECT * FROM t") == [(None, 1, -(2**63), 0.1, "ä\0", b"\xff")]
    assert sqlite_rows(connection, "SELECT a, b FROM t WHERE b = ?", [1]).column_count == 2


def test_text_that_is_not_utf8_comes_as_bytes() -> None:
    assert SqliteConnection(CHINOOK).query("SELECT CAST(x'c3ff' AS TEXT)") == [(b"\xc3\xff",)]


def test_each_refusal_is_an_error_of_this_project(tmp_path: Path) -> None:
    noise = tmp_path / "noise.db"
    noise.write_bytes(bytes(range(1, 200)) * 50)
    with pytest.raises(errors.MalformedInput, match=r"noise\.db: not a SQLite database, or an encrypted one"):
        SqliteConnection(str(noise))
    with pytest.raises(errors.FileProblem, match=r"none\.db: No such file"):
        SqliteConnection(str(tmp_path / "none.db"))
    with pytest.raises(errors.InvalidRequest, match="none of ro, rw, create"):
        SqliteConnection(CHINOOK, "append")  # type: ignore[arg-type]
    reading = SqliteConnection(CHINOOK)
    with pytest.raises(errors.EngineError) as refused:
        reading.execute("DELETE FROM Track")
    assert refused.value.sqlstate == "SQLITE_READONLY"
    with pytest.raises(errors.InvalidRequest, match="does not fit SQLite's 64 bits"):
        reading.query("SELECT ?", [2**63])
    reading.close()
    with pytest.raises(errors.InvalidRequest, match="was closed"):
        reading.query("SELECT 1")


def test_one_connection_serves_many_threads() -> None:
    connection = SqliteConnection(CHINOOK)
    answers: list[object] = []

    def ask() -> None:
        answers.extend(connection.query("SELECT count(*) FROM Track")[0] for _ in range(50))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(3503,)] * 200


def test_rows_in_memory_have_one_width() -> None:
    assert memory_rows([[1, None], ["x", b"y"]]).column_count == 2
    with pytest.raises(errors.InvalidRequest, match="row 1 has 1 values, not 2"):
        memory_rows([[1, 2], [3]])


def test_a_member_of_an_archive_says_what_it_is() -> None:
    assert ("PERSON.csv", 3587) in zip_members(SYNTHEA)
    table = CsvFile(SYNTHEA, "PERSON.csv")
    assert (table.delimiter, table.quote, table.encoding, table.header) == (",", '"', "utf-8", True)
    assert table.columns[0].lower() == "person_id"
    assert len(table.sha256) == 64
    assert table.rows([0, 2]).column_count == 2


def test_a_missing_member_and_a_file_that_is_no_archive_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidRequest, match=r"no member is named `NONE\.csv`"):
        CsvFile(SYNTHEA, "NONE.csv")
    plain = tmp_path / "plain.zip"
    plain.write_text("a,b\n1,2\n")
    with pytest.raises(errors.MalformedInput, match="not a readable zip"):
        zip_members(str(plain))
