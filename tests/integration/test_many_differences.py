"""Where more rows differ than a sketch can name: counts are exact, and the listed rows are the right ones."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from kora import _core
from kora.comparison.declared import Declared
from kora.comparison.mapping import Side
from kora.comparison.result import TableResult
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.verify import VerifyOptions, verify_sides

ROWS = 12_000
KEYS = {
    "integer": ("INTEGER PRIMARY KEY", "n * 3"),
    "text": ("TEXT PRIMARY KEY NOT NULL", "printf('KE-%08d-ü', n * 3)"),
    "too long to be kept": ("TEXT PRIMARY KEY NOT NULL", "printf('%s-%08d', printf('%080d', 0), n * 3)"),
}


def made(path: Path, key: str, *more: str) -> Path:
    kind, value = KEYS[key]
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"CREATE TABLE visit (id {kind}, v INTEGER);"
            f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS})"
            f" INSERT INTO visit SELECT {value}, n FROM c;" + ";".join(more)
        )
    return path


def compared(source: Path, target: Path) -> tuple[TableResult, int]:
    """The table's result, and how many times its source was read from end to end."""
    passes: list[Side] = []
    with ExitStack() as stack:
        urls = [f"sqlite:///{path}" for path in (source, target)]
        left, right = (stack.enter_context(closing(open_database(url))) for url in urls)
        options = VerifyOptions(
            migration_key=_core.DigestKey(bytes(32)),
            run_id="many",
            show_values=True,
            observe=lambda table, side, progress: passes.append(side),
        )
        sides = OpenSide(left, left.catalog(), urls[0]), OpenSide(right, right.catalog(), urls[1])
        (table,) = verify_sides(*sides, Declared(), options).result.tables
    return table, passes.count("source")


@pytest.mark.parametrize(("key", "passes"), [("integer", 2), ("text", 2), ("too long to be kept", 3)])
def test_many_scattered_differences_are_counted_exactly_and_the_listed_ones_are_true(
    tmp_path: Path, key: str, passes: int
) -> None:
    source = made(tmp_path / "source.db", key)
    target = made(
        tmp_path / "target.db",
        key,
        "UPDATE visit SET v = -v WHERE v % 2 = 0 AND v % 3 > 0",
        "DELETE FROM visit WHERE v % 6 = 0",
        "INSERT INTO visit SELECT CASE typeof(id) WHEN 'integer' THEN id + 1 ELSE id || 'x' END, v FROM visit"
        " WHERE v % 6 = 1",
    )
    table, source_passes = compared(source, target)
    assert (table.mismatch, table.missing_in_target, table.extra_in_target) == (4000, 2000, 2000)
    assert (len(table.findings), table.findings_omitted, source_passes) == (100, 7900, passes)
    with closing(sqlite3.connect(source)) as left, closing(sqlite3.connect(target)) as right:
        for finding in table.findings:
            rows = [
                side.execute(sql).fetchall() if sql else []
                for side, sql in ((left, finding.source_sql), (right, finding.target_sql))
            ]
            assert [len(found) for found in rows] == {
                "mismatch": [1, 1],
                "missing_in_target": [1, 0],
                "extra_in_target": [0, 1],
            }[finding.outcome]
            for column in finding.columns:
                assert (column.source_value, column.target_value) == (str(rows[0][0][1]), str(rows[1][0][1]))


def test_where_every_row_differs_the_listed_ones_are_of_one_key_each(tmp_path: Path) -> None:
    source = made(tmp_path / "source.db", "integer")
    target = made(tmp_path / "target.db", "integer", "UPDATE visit SET v = v + 1")
    table, passes = compared(source, target)
    assert (table.mismatch, table.missing_in_target, table.extra_in_target, passes) == (ROWS, 0, 0, 2)
    assert len({finding.key for finding in table.findings}) == 100
    assert all(int(f.columns[0].target_value or 0) == int(f.columns[0].source_value or 0) + 1 for f in table.findings)
