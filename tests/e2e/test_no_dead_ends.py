"""What a target cannot hold leaves a plan all the same: with another type that is proven, or with a loss by name."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import file_url, migrate, run_sensei
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

pytestmark = pytest.mark.usefixtures("sensei_home")


def test_an_unsigned_bigint_that_counts_itself_up_goes_on_counting_on_postgresql(
    mariadb_database: MariadbDatabase, postgres_database: Database
):
    mariadb_database.execute(
        "CREATE TABLE author (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, n int)",
        "CREATE TABLE post (id bigint unsigned AUTO_INCREMENT PRIMARY KEY, author bigint unsigned,"
        " FOREIGN KEY (author) REFERENCES author (id))",
        "INSERT INTO author VALUES (1, 1), (7, 2)",
        "INSERT INTO post VALUES (3, 7)",
    )
    said = migrate(mariadb_database.url, postgres_database.url)
    assert (said.code, said.losses) == (0, []), said.err
    with postgres_database.connect() as connection:
        rows = connection.execute("INSERT INTO author (n) VALUES (5) RETURNING id").fetchall()
    assert rows == [(8,)]


def test_a_counter_beyond_bigint_is_lost_by_name(mariadb_database: MariadbDatabase, postgres_database: Database):
    mariadb_database.execute(
        "CREATE TABLE t (id bigint unsigned AUTO_INCREMENT PRIMARY KEY)", "INSERT INTO t VALUES (18446744073709551000)"
    )
    said = migrate(mariadb_database.url, postgres_database.url)
    assert (said.code, said.losses) == (5, [("identity", "identity t.id")]), said.err
    assert said.rows == 1


def test_a_table_that_the_target_cannot_create_is_left_behind_by_name(
    postgres_database: Database, mariadb_database: MariadbDatabase
):
    columns = ", ".join(f"c{number} varchar(200)" for number in range(400))
    postgres_database.execute(
        f"CREATE TABLE wide (id int PRIMARY KEY, {columns})", "CREATE TABLE slim (id int PRIMARY KEY)",
        "INSERT INTO wide (id) VALUES (1)", "INSERT INTO slim VALUES (1)",
    )  # fmt: skip
    said = migrate(postgres_database.url, mariadb_database.url)
    assert (said.code, said.losses) == (5, [("table", "table public.wide")]), said.err
    assert said.verdict == "equivalent_with_declared_loss"
    assert "Row size" in said.body["losses"][0]["reason"]


def test_a_table_without_columns_is_a_loss_and_no_difference(postgres_database: Database, tmp_path: Path):
    postgres_database.execute("CREATE TABLE none ()", "INSERT INTO none DEFAULT VALUES", "CREATE TABLE t (id int)")
    said = migrate(postgres_database.url, file_url("sqlite", tmp_path / "t.db"))
    assert (said.code, said.losses) == (5, [("table", "table public.none")]), said.err
    assert said.verdict == "equivalent_with_declared_loss"
    assert migrate(
        postgres_database.url, file_url("sqlite", tmp_path / "u.db"), "--accept-loss", "table"
    ).code == 0  # fmt: skip


def test_moments_within_structures_reach_parquet(tmp_path: Path):
    with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
        connection.execute(
            """CREATE TABLE t AS SELECT 1 AS id, [TIMESTAMPTZ '2020-01-01 10:00+02'] AS l,
            {'a': TIMESTAMPTZ '2020-01-01 10:00+02', 'TIMESTAMPTZ': 1} AS s,
            MAP {'x': TIMESTAMPTZ '2020-01-01 10:00+02'} AS m"""
        )
    said = migrate(file_url("duckdb", tmp_path / "a.duckdb"), file_url("parquet", tmp_path / "out"))
    assert (said.code, said.losses, said.rows) == (0, [], 1), said.err


def test_a_binary_default_with_nul_reaches_sqlite(mariadb_database: MariadbDatabase, tmp_path: Path):
    mariadb_database.execute("CREATE TABLE t (id int PRIMARY KEY, b binary(4) DEFAULT 'ab')")
    said = migrate(mariadb_database.url, file_url("sqlite", tmp_path / "t.db"))
    assert (said.code, said.losses) == (0, []), said.err
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.execute("INSERT INTO t (id) VALUES (1)")
        assert connection.execute("SELECT b FROM t").fetchone() == (b"ab\0\0",)


def test_a_plan_whose_type_and_form_do_not_fit_is_refused_before_anything_is_loaded(
    postgres_database: Database, tmp_path: Path
):
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, n NUMERIC(9,2)); INSERT INTO t VALUES (1, 2.5)"
        )
    source, plan = file_url("sqlite", tmp_path / "s.db"), tmp_path / "plan.yaml"
    assert run_sensei("plan", source, postgres_database.url, "-o", plan).code == 0
    text = plan.read_text()
    assert "target_type: numeric(9,2)" in text
    plan.write_text(text.replace("target_type: numeric(9,2)", "target_type: integer"))
    said = migrate(source, postgres_database.url, "--plan", plan)
    assert said.code == 2
    assert "sends t.n as numeric(9,2)" in said.err
    assert "set its wire_type to int4" in said.err
    with postgres_database.connect() as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchall() == [(None,)]
    plan.write_text(text)
    said = migrate(source, postgres_database.url, "--plan", plan)
    assert (said.code, said.verdict) == (0, "equivalent"), said.err
