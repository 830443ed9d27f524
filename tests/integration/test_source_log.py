"""A source that is not what was logged before the load proves nothing, whatever the target holds."""

from pathlib import Path

import pytest

from kora._core import DigestKey, raw_digest
from kora.comparison.declared import Declared
from kora.comparison.result import VerificationResult
from kora.comparison.source_log import LoggedTable, SourceLog
from kora.databases.registry import open_database
from tests.integration.test_verify_pairs import duckdb_file, result_of, sqlite_file

KEY = DigestKey(bytes(32))
ROWS = "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'Ana'), (2, 'Bo');"


@pytest.fixture
def urls(tmp_path: Path) -> tuple[str, str]:
    """Two databases with the same rows."""
    target = duckdb_file(
        tmp_path / "t.duckdb",
        "CREATE TABLE t (id BIGINT PRIMARY KEY, name TEXT)",
        "INSERT INTO t VALUES (1, 'Ana'), (2, 'Bo')",
    )
    return sqlite_file(tmp_path / "s.db", ROWS), target


def log_of(url: str, *columns: str, key: DigestKey = KEY) -> SourceLog:
    database = open_database(url)
    try:
        table = database.catalog().tables[0]
        rows, digest = raw_digest(database.rows(table, columns), key)
    finally:
        database.close()
    entry = LoggedTable(name="t", columns=columns, row_count=rows, raw_digest=digest.hex())
    return SourceLog(
        url=url, identity={}, tables=(entry,), key_id=key.key_id, run_id="test", claimed_time="2026-01-01T00:00:00Z"
    )


def verified(urls: tuple[str, str], log: SourceLog) -> VerificationResult:
    return result_of(*urls, Declared(source_log=log, source_log_sha256="ab" * 32))


def disobeyed(result: VerificationResult) -> list[tuple[str, str]]:
    return [(item.name, item.detail) for item in result.not_checked if item.what == "logged source"]


@pytest.mark.parametrize("columns", [("id", "name"), ("name",), ("name", "id")], ids=["all", "fewer", "another order"])
def test_an_unchanged_source_agrees_with_its_log_whatever_columns_were_logged(urls, columns):
    result = verified(urls, log_of(urls[0], *columns))
    assert (result.verdict, disobeyed(result)) == ("equivalent", [])
    assert result.logged is not None
    assert result.logged.agrees


@pytest.mark.parametrize("columns", [("id", "name"), ("name",)], ids=["in passing", "read on its own"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE t SET name = 'Anna' WHERE id = 1", "other values"),
        ("DELETE FROM t WHERE id = 2", "1 rows then, 2 now"),
        ("INSERT INTO t VALUES (3, 'Bo')", "3 rows then, 2 now"),
    ],
)
def test_equal_sides_are_not_proven_where_the_source_is_not_what_was_logged(urls, tmp_path, columns, change, said):
    then = sqlite_file(tmp_path / "then.db", ROWS + change)
    result = verified(urls, log_of(then, *columns))
    assert result.tables[0].outcome == "match"
    assert result.verdict == "not_proven"
    assert disobeyed(result) == [("t", f"the source changed since it was logged: {said}")]
    assert result.logged is not None
    assert not result.logged.agrees


def test_a_logged_column_that_is_gone_is_a_change_too(urls, tmp_path):
    then = sqlite_file(tmp_path / "then.db", ROWS + "ALTER TABLE t ADD COLUMN gone TEXT")
    result = verified(urls, log_of(then, "id", "name", "gone"))
    assert result.verdict == "not_proven"
    assert "can no longer be read" in disobeyed(result)[0][1]


def test_a_log_under_another_key_proves_nothing(urls):
    result = verified(urls, log_of(urls[0], "id", "name", key=DigestKey(bytes([7]) * 32)))
    assert result.verdict == "not_proven"
    assert ("(all)", "it was logged under another migration key, so nothing can be compared") in disobeyed(result)
