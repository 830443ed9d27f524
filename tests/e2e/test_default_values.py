"""A default is worth on the target what it is worth on the source, or it is a loss by name."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import Said, file_url, migrate
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

_TABLE = r"""CREATE TABLE d (id int PRIMARY KEY, a text DEFAULT 'c:\new', g bytea DEFAULT '\x5c00',
    w uuid DEFAULT '00000000-0000-0000-0000-000000000001', u timestamptz DEFAULT '2020-01-01 10:00+02',
    x text DEFAULT 'a' || 'b', j jsonb DEFAULT '{"a": "b\\c"}', n int DEFAULT '-5', q text DEFAULT 'it''s')"""
_EXPECTED = {
    "a": r"c:\new", "g": b"\x5c\x00", "w": "00000000-0000-0000-0000-000000000001", "x": "ab",
    "j": r'{"a": "b\\c"}', "n": -5, "q": "it's",
}  # fmt: skip


def _lost(said: Said) -> dict[str, str]:
    """Column → reason of every default that is named as lost."""
    return {
        loss["subject"].rpartition(".")[2]: loss["reason"] for loss in said.body["losses"] if loss["rule"] == "default"
    }


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "mariadb", "postgresql"])
def test_a_label_is_no_loss_anywhere(
    engine: str,
    postgres_database: Database,
    postgres_server: PostgresServer,
    mariadb_database: MariadbDatabase,
    tmp_path: Path,
):
    postgres_database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'it''s \\ ok')",
        "CREATE TABLE m (id int PRIMARY KEY, feels mood DEFAULT 'it''s \\ ok', of text[] DEFAULT '{}',"
        " t time DEFAULT '10:00',"
        " d numeric(8,3) DEFAULT 1.5, c char(4) DEFAULT 'a', b boolean DEFAULT true, day date DEFAULT '2020-01-01')",
        "INSERT INTO m (id) VALUES (1)",
    )
    targets = {"mariadb": mariadb_database.url, "postgresql": postgres_server.create_database().url}
    said = migrate(postgres_database.url, targets.get(engine) or file_url(engine, tmp_path / "t.db"))
    assert set(_lost(said)) <= {"of"}, (said.body["losses"], said.err)
    assert said.body["notes"] == []


def test_literals_of_postgresql_are_worth_the_same_on_sqlite(postgres_database: Database, tmp_path: Path):
    postgres_database.execute(_TABLE, "ALTER TABLE d ADD m float8 DEFAULT 'NaN'")
    said = migrate(postgres_database.url, file_url("sqlite", tmp_path / "t.db"))
    assert (said.code, set(_lost(said))) == (5, {"m"}), said.err
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.execute("INSERT INTO d (id) VALUES (2)")
        row = connection.execute("SELECT a, g, w, x, j, n, q, u, m FROM d").fetchone()
    assert row == (*_EXPECTED.values(), "2020-01-01 08:00:00Z", None)


def test_literals_of_postgresql_are_worth_the_same_on_mariadb(
    postgres_database: Database, mariadb_database: MariadbDatabase
):
    postgres_database.execute(_TABLE, "ALTER TABLE d ADD m float8 DEFAULT 'NaN'")
    said = migrate(postgres_database.url, mariadb_database.url)
    assert (said.code, set(_lost(said))) == (5, {"m"}), said.err
    mariadb_database.execute("INSERT INTO d (id) VALUES (2)")
    assert mariadb_database.query("SELECT hex(a), hex(g), w, x, hex(j), n, q, u, m FROM d") == [
        (
            rb"c:\new".hex().upper(),
            "5C00",
            _EXPECTED["w"],
            "ab",
            rb'{"a": "b\\c"}'.hex().upper(),
            "-5",
            "it's",
            "2020-01-01 08:00:00.000000",
            None,
        )
    ]


def test_a_default_that_no_row_takes_on_duckdb_is_named(postgres_database: Database, tmp_path: Path):
    postgres_database.execute(
        _TABLE, "ALTER TABLE d ADD l int[] DEFAULT '{1}', ADD m numeric DEFAULT 'NaN', ADD f float8 DEFAULT 'NaN'"
    )
    said = migrate(postgres_database.url, file_url("duckdb", tmp_path / "t.duckdb"))
    assert (said.code, set(_lost(said))) == (5, {"l", "m"}), said.err
    with duckdb.connect(str(tmp_path / "t.duckdb")) as connection:
        connection.execute("INSERT INTO d (id) VALUES (2)")
        row = connection.execute("SELECT a, g, w::text, x, j, n, q, u = '2020-01-01 08:00Z', isnan(f) FROM d")
        assert row.fetchone() == (*_EXPECTED.values(), True, True)


def test_a_default_that_is_worth_something_else_on_postgresql_is_named_with_both_values(
    mariadb_database: MariadbDatabase, postgres_database: Database
):
    mariadb_database.execute(
        "CREATE TABLE d (id int PRIMARY KEY, v varchar(9) DEFAULT (1=1), b varbinary(4) DEFAULT 'a\\\\b',"
        r" t varchar(9) DEFAULT 'c:\\new', n decimal(6,2) DEFAULT 1.5, e enum('x','y') DEFAULT 'y',"
        " k datetime DEFAULT '2020-01-02 03:04:05')"
    )
    said = migrate(mariadb_database.url, postgres_database.url)
    assert said.code == 5, said.err
    assert _lost(said) == {"v": "it is text 1 on the source, and would be text true on the target"}
    postgres_database.execute("INSERT INTO d (id) VALUES (2)")
    with postgres_database.connect() as connection:
        row = connection.execute("SELECT v, b, t, n::text, e::text, k::text FROM d").fetchone()
    assert row == (None, b"a\\b", r"c:\new", "1.50", "y", "2020-01-02 03:04:05")


@pytest.mark.parametrize("engine", ["duckdb", "mariadb", "postgresql"])
def test_a_clock_is_carried_by_rule_and_never_compared(
    engine: str, postgres_database: Database, mariadb_database: MariadbDatabase, tmp_path: Path
):
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT DEFAULT (datetime('now')), b TIMESTAMP DEFAULT"
            " CURRENT_TIMESTAMP, c DATE DEFAULT (date('now')), d TEXT DEFAULT 'now', e BLOB DEFAULT x'00ff',"
            " f REAL DEFAULT 0.1, g INTEGER DEFAULT (1 + 1), h BOOLEAN DEFAULT 1)"
        )
        connection.execute("INSERT INTO t (b, c, h) VALUES ('2020-01-01 00:00:00', '2020-01-01', 0)")
        connection.commit()
    targets = {"mariadb": mariadb_database.url, "postgresql": postgres_database.url}
    said = migrate(file_url("sqlite", tmp_path / "s.db"), targets.get(engine) or file_url(engine, tmp_path / "t.db"))
    assert (said.code, said.losses, said.body["notes"]) == (0, [], []), said.err
    assert all(said.column("t", name).get("default") for name in "abcdefgh")


def test_defaults_of_several_sqlite_tables_are_asked_in_a_place_that_goes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT DEFAULT 'one')")
        connection.execute("CREATE TABLE b (id INTEGER PRIMARY KEY, x INTEGER DEFAULT 7, y REAL DEFAULT 0.5)")
        connection.commit()
    for number in range(2):
        said = migrate(file_url("sqlite", tmp_path / "s.db"), file_url("duckdb", tmp_path / f"t{number}.db"))
        assert (said.code, said.losses, said.body["notes"]) == (0, [], []), said.err
    assert list(here.iterdir()) == []
