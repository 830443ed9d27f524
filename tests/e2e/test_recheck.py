"""`sensei recheck` exits with 1 whatever changed in the source: rows, columns, or the tables themselves."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.migrating import Said, file_url, migrate, run_sensei

pytestmark = pytest.mark.usefixtures("sensei_home")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    change(path, "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');")
    change(path, "CREATE TABLE u (id INTEGER PRIMARY KEY); INSERT INTO u VALUES (7);")
    return path


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def recheck(path: Path, tmp_path: Path, script: str) -> tuple[Said, Said]:
    run = migrate(file_url("sqlite", path), file_url("duckdb", tmp_path / "t.duckdb")).body["run"]
    change(path, script)
    return run_sensei("recheck", run, "--json"), run_sensei("recheck", run)


@pytest.mark.parametrize(
    ("script", "table", "said"),
    [
        ("UPDATE t SET name = 'x' WHERE id = 1", {"what": "rows", "rows_then": 2, "rows_now": 2}, "2 rows then, 2 now"),
        (
            "ALTER TABLE t ADD COLUMN added TEXT",
            {"what": "columns", "rows_then": 2, "rows_now": 2},
            "its columns are others; 2 rows then, 2 now",
        ),
        (
            "ALTER TABLE t RENAME COLUMN name TO called",
            {"what": "columns", "rows_then": 2, "rows_now": 2},
            "its columns are others",
        ),
        (
            "ALTER TABLE t DROP COLUMN name; DELETE FROM t WHERE id = 2",
            {"what": "columns", "rows_then": 2, "rows_now": 1},
            "2 rows then, 1 now",
        ),
        ("DROP TABLE t", {"what": "gone", "rows_then": 2, "rows_now": None}, "it is no longer there; 2 rows then"),
    ],
    ids=["a value", "a new column", "a renamed column", "a lost column", "a lost table"],
)
def test_what_changed_is_named_and_the_exit_code_is_1(source, tmp_path, script, table, said):
    as_json, told = recheck(source, tmp_path, script)
    assert (as_json.code, told.code) == (1, 1), as_json.err
    assert as_json.body == {"changed": True, "tables": [{"table": "t", **table}]}
    assert said in " ".join(told.out.split())


def test_a_new_table_is_a_change(source, tmp_path):
    as_json, told = recheck(source, tmp_path, "CREATE TABLE v (id INTEGER); INSERT INTO v VALUES (1), (2);")
    assert as_json.code == 1
    assert as_json.body["tables"] == [{"table": "v", "what": "new", "rows_then": None, "rows_now": 2}]
    assert "it is new, with 2 rows" in told.out


def test_a_source_without_any_table_left_has_changed(source, tmp_path):
    as_json, _ = recheck(source, tmp_path, "DROP TABLE t; DROP TABLE u")
    assert as_json.code == 1
    assert [table["what"] for table in as_json.body["tables"]] == ["gone", "gone"]


def test_an_unchanged_source_is_0(source, tmp_path):
    as_json, told = recheck(source, tmp_path, "SELECT 1")
    assert (as_json.code, told.code) == (0, 0)
    assert as_json.body == {"changed": False, "tables": []}
