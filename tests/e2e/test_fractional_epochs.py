"""Seconds since 1970 with a fraction become instants where each one inverts; otherwise they stay numbers."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import file_url, migrate
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("sensei_home")


@pytest.fixture
def source(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, at DATETIME, finer DATETIME, price NUMERIC);"
            "INSERT INTO t VALUES (1, 1700000000.123456, 1700000000.5, 0.99), (2, 1700000001, 1700000000.1234567, 2),"
            " (3, NULL, NULL, NULL), (4, 1700000000.5, 1700000001, 12.5);"
        )
    return file_url("sqlite", tmp_path / "s.db")


def test_they_become_timestamps_and_the_certificate_counts_the_reading(source, tmp_path):
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"))
    assert (said.code, said.verdict) == (0, "equivalent"), said.err
    assert said.column("t", "at")["source_representation"] == "epoch(s,fraction)"
    with closing(duckdb.connect(str(tmp_path / "t.duckdb"))) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        rows = connection.execute('SELECT "at"::text FROM t ORDER BY id').fetchall()
    assert [row[0] for row in rows] == [
        "2023-11-14 22:13:20.123456+00",
        "2023-11-14 22:13:21+00",
        None,
        "2023-11-14 22:13:20.5+00",
    ]
    [table] = said.predicate()["tables"]
    [reading] = [reading for reading in table["readings"] if reading["column"] == "at"]
    assert (reading["rule"], reading["read"], reading["disobeyed"]) == ("epoch(s,fraction)", 3, 0)


def test_a_value_finer_than_a_microsecond_leaves_the_column_a_number_and_says_so(source, tmp_path):
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"))
    finer = said.column("t", "finer")
    assert finer["target_type"].lower().startswith(("decimal", "numeric"))
    assert "1 are no seconds that a clock of microseconds inverts" in finer["evidence"]
    assert "clock of microseconds" not in said.column("t", "price")["evidence"]


def test_they_come_back_to_sqlite_as_equal(source, tmp_path, postgres_database: Database):
    there = migrate(source, postgres_database.url)
    assert (there.code, there.verdict) == (0, "equivalent"), there.err
    back = migrate(postgres_database.url, file_url("sqlite", tmp_path / "back.db"))
    assert (back.code, back.verdict) == (0, "equivalent"), back.err
