"""Intervals that Arrow cannot carry are read through their text."""

from pathlib import Path

import duckdb

from kora._core import DigestKey, collect_rows
from kora.comparison.recipes import own_mapping
from kora.databases.registry import open_database


def test_an_interval_beyond_what_arrow_holds_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "long.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, span INTERVAL)")
        connection.execute("INSERT INTO t VALUES (1, INTERVAL '10000000 hours'), (2, INTERVAL '1 month 2 days')")
    database = open_database(f"duckdb:///{path}")
    table = database.catalog().tables[0]
    mapping = own_mapping(table)
    rows = collect_rows(database.rows(table, ["id", "span"]), mapping.profile(), "source", DigestKey.random())
    database.close()
    assert sorted(row.stored[1][1] for row in rows) == ["0 mons 0 days 10000000:00:00", "1 mons 2 days 00:00:00"]
