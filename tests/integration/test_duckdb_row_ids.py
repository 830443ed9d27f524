"""Tables of large rows whose row ids are not what their statistics suggest: every row is read all the same."""

from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from kora.catalog import Name
from kora.databases.duckdb.large import read_spans
from kora.databases.registry import open_database

LARGE = "SELECT i, repeat('x', 2500000) || i FROM range({}, {}) r(i)"
SMALL = "SELECT i, 'small' FROM range({}, {}) r(i)"


def made(folder: Path, *statements: str, columns: str = "n BIGINT, body VARCHAR") -> Path:
    """A file in which each INSERT has a row group of its own."""
    path = folder / "made.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET max_vacuum_tasks = 0")
        connection.execute(f"CREATE TABLE t ({columns})")
        for statement in statements:
            connection.execute(statement)
            connection.execute("CHECKPOINT")
    return path


def read(path: Path, column: str = "n") -> list[str | None]:
    """The first column of every row, in whatever order they come."""
    with closing(open_database(f"duckdb:///{path}")) as database:
        table = database.catalog().table(Name("main", "t"))
        return sorted(row[0][1] for row in database.rows(table, [column, "body"]).shown(100_000))


def numbers(*ranges: range) -> list[str]:
    return sorted(str(number) for part in ranges for number in part)


DELETED = {
    "the first row group": (["DELETE FROM t WHERE n < 3000"], numbers(range(3000, 3040))),
    "the first row group and one more row": (
        ["DELETE FROM t WHERE n < 3000", "DELETE FROM t WHERE n = 3007"],
        numbers(range(3000, 3007), range(3008, 3040)),
    ),
    "a row group in the middle": (
        ["DELETE FROM t WHERE n BETWEEN 3000 AND 3019"],
        numbers(range(3000), range(3020, 3040)),
    ),
    "rows of every row group": (["DELETE FROM t WHERE n % 2 = 0"], numbers(range(1, 3040, 2))),
}


@pytest.mark.parametrize("deleted", DELETED)
def test_all_rows_are_read_of_a_table_of_large_rows_that_lost(deleted: str, tmp_path: Path) -> None:
    statements, left = DELETED[deleted]
    inserts = [SMALL.format(0, 3000), LARGE.format(3000, 3020), LARGE.format(3020, 3040)]
    path = made(tmp_path, *(f"INSERT INTO t {insert}" for insert in inserts), *statements)
    assert read(path) == left


def test_a_column_called_rowid_is_not_taken_for_the_row_id(tmp_path: Path) -> None:
    path = made(tmp_path, f"INSERT INTO t {LARGE.format(500, 515)}", columns="RowId BIGINT, body VARCHAR")
    assert read(path, "RowId") == numbers(range(500, 515))


def test_a_row_groups_span_lies_where_its_rows_are(tmp_path: Path) -> None:
    inserts = [SMALL.format(0, 3000), SMALL.format(3000, 4000), LARGE.format(4000, 4020)]
    path = made(tmp_path, *(f"INSERT INTO t {insert}" for insert in inserts), "DELETE FROM t WHERE n < 3000")
    with duckdb.connect(str(path), read_only=True) as connection:
        spans = read_spans(lambda sql: connection.execute(sql).fetchall(), '"main"."t"', None)
    assert [(span.first, span.last, span.large) for span in spans] == [(0, 3999, False), (4000, 4019, True)]
