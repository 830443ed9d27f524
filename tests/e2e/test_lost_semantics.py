"""What a target's constraints and types do otherwise than the source's is a loss by name."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import file_url, migrate, run_kora
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

_PARENT = "CREATE TABLE p (a int, b int, PRIMARY KEY (a, b))"
_SET_NULL = """CREATE TABLE c (id int PRIMARY KEY, a int, b int,
    CONSTRAINT c_p FOREIGN KEY (a, b) REFERENCES p ON DELETE SET NULL (b) DEFERRABLE INITIALLY DEFERRED)"""
_FULL = "CREATE TABLE f (id int PRIMARY KEY, a int, b int, FOREIGN KEY (a, b) REFERENCES p MATCH FULL)"
_ROWS = ("INSERT INTO p VALUES (1, 2), (3, 4)", "INSERT INTO c VALUES (1, 1, 2)", "INSERT INTO f VALUES (1, 3, 4)")
_LOST = {
    "foreign key public.c(a, b) -> public.p(a, b)": ("ON DELETE set_null (b)", "DEFERRABLE INITIALLY DEFERRED"),
    "foreign key public.f(a, b) -> public.p(a, b)": ("MATCH FULL",),
}


def test_set_null_of_some_columns_means_the_same_between_two_postgresqls(
    postgres_database: Database, postgres_server: PostgresServer
):
    postgres_database.execute(_PARENT, _SET_NULL, _FULL, *_ROWS)
    target = postgres_server.create_database()
    said = migrate(postgres_database.url, target.url)
    assert (said.code, said.losses) == (0, []), said.err
    target.execute("DELETE FROM p WHERE a = 1")
    with target.connect() as connection:
        assert connection.execute("SELECT a, b FROM c").fetchall() == [(1, None)]


def test_what_a_reference_does_on_postgresql_alone_is_lost_by_name_on_mariadb(
    postgres_database: Database, mariadb_database: MariadbDatabase
):
    postgres_database.execute(_PARENT, _SET_NULL, _FULL, *_ROWS)
    said = migrate(postgres_database.url, mariadb_database.url)
    assert said.code == 5, said.err
    losses = {loss["subject"]: loss["reason"] for loss in said.body["losses"] if loss["rule"] == "foreign_key_action"}
    assert losses.keys() == _LOST.keys()
    for subject, words in _LOST.items():
        assert all(word in losses[subject] for word in words), losses[subject]


def test_kora_finds_by_itself_what_a_reference_no_longer_does(
    postgres_database: Database, postgres_server: PostgresServer, tmp_path: Path
):
    postgres_database.execute(_PARENT, _SET_NULL, _FULL, *_ROWS)
    target = postgres_server.create_database()
    target.execute(
        _PARENT, _SET_NULL.replace(" (b) DEFERRABLE INITIALLY DEFERRED", ""), _FULL.replace("MATCH FULL", ""), *_ROWS
    )
    said = run_kora("verify", postgres_database.url, target.url, "--json", "--out", tmp_path)
    assert {(loss["rule"], loss["subject"]) for loss in said.body["losses"]} == {
        ("foreign_key_action", subject) for subject in _LOST
    }


@pytest.mark.parametrize("engine", ["mariadb", "sqlite", "duckdb"])
def test_text_that_was_compared_without_case_is_a_loss_where_case_counts(
    engine: str, postgres_database: Database, mariadb_database: MariadbDatabase, tmp_path: Path
):
    postgres_database.execute("CREATE EXTENSION citext", "CREATE TABLE u (name citext PRIMARY KEY)")
    target = mariadb_database.url if engine == "mariadb" else file_url(engine, tmp_path / "t.db")
    said = migrate(postgres_database.url, target)
    assert (said.code, said.losses) == (5, [("collation", "public.u.name")]), said.err
    assert "without regard to case" in said.body["losses"][0]["reason"]


def test_whole_numbers_are_divided_into_whole_numbers_everywhere(
    postgres_database: Database, mariadb_database: MariadbDatabase, tmp_path: Path
):
    postgres_database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, price numeric(8,2), g bigint GENERATED ALWAYS AS (id / 2) STORED,"
        " CHECK (id / 2 <> 1))",
        "INSERT INTO t VALUES (1, 5), (-7, 7.5)",
        "CREATE VIEW halves AS SELECT id / 2 AS half, price / 2 AS less FROM t",
    )
    expected = [(-3, 3.75), (0, 2.5)]
    mariadb = migrate(postgres_database.url, mariadb_database.url)
    assert (mariadb.code, mariadb.losses) == (0, []), mariadb.err
    rows = mariadb_database.query("SELECT half, less FROM halves ORDER BY half")
    assert [(int(half or 0), float(less or 0)) for half, less in rows] == expected
    with pytest.raises(RuntimeError):
        mariadb_database.execute("INSERT INTO t (id) VALUES (3)")
    for engine in ("sqlite", "duckdb"):
        said = migrate(postgres_database.url, file_url(engine, tmp_path / engine))
        assert said.verdict.startswith("equivalent"), said.err
        assert not [rule for rule, _ in said.losses if rule in ("check", "view")], said.losses
    with closing(sqlite3.connect(tmp_path / "sqlite")) as lite, duckdb.connect(str(tmp_path / "duckdb")) as duck:
        assert lite.execute("SELECT half, less FROM halves ORDER BY half").fetchall() == expected
        rows = duck.execute("SELECT half, less FROM halves ORDER BY half").fetchall()
        assert [(half, float(less)) for half, less in rows] == expected


def test_a_division_of_unknown_operands_is_refused_by_name(
    postgres_database: Database, mariadb_database: MariadbDatabase
):
    postgres_database.execute(
        "CREATE TABLE t (id int PRIMARY KEY)", "CREATE VIEW v AS SELECT sum(id) / 2 AS half FROM t"
    )
    said = migrate(postgres_database.url, mariadb_database.url)
    assert (said.code, said.losses) == (5, [("view", "view public.v")])
    assert "divides" in said.body["losses"][0]["reason"]


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "mariadb"])
def test_an_escaped_pattern_and_its_case_mean_the_same(
    engine: str, postgres_database: Database, mariadb_database: MariadbDatabase, tmp_path: Path
):
    postgres_database.execute(
        r"CREATE TABLE t (a varchar(20) PRIMARY KEY, CHECK (a LIKE 'a\_%'))", "INSERT INTO t VALUES ('a_b')"
    )
    target = mariadb_database.url if engine == "mariadb" else file_url(engine, tmp_path / "t.db")
    said = migrate(postgres_database.url, target)
    assert (said.code, said.losses, said.rows) == (0, [], 1), said.err
    for value in ("A_b", "axb"):
        with pytest.raises((RuntimeError, sqlite3.Error, duckdb.Error)):
            _insert(engine, mariadb_database, tmp_path / "t.db", f"INSERT INTO t VALUES ('{value}')")


def _insert(engine: str, server: MariadbDatabase, path: Path, sql: str) -> None:
    if engine == "mariadb":
        server.execute(sql)
    elif engine == "sqlite":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(sql)
    else:
        with duckdb.connect(str(path)) as connection:
            connection.execute(sql)
