"""PostgreSQL's rare types on every target: proven by KORA, and read back with the engines' own clients."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import psycopg
import pytest

from tests.e2e.migrating import Said, file_url, migrate
from tests.e2e.rare_types import AS_TEXT, FAMILIES
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")


@pytest.fixture
def source(postgres_server: PostgresServer, family: str) -> Database:
    database = postgres_server.create_database()
    database.execute(*FAMILIES[family])
    return database


def assert_equivalent(said: Said) -> None:
    assert (said.code, said.verdict) == (0, "equivalent"), (said.err, said.body["tables"], said.losses)


@pytest.mark.parametrize("family", FAMILIES)
def test_postgresql_keeps_every_value_under_its_own_type_or_as_exact_text(
    family: str, source: Database, postgres_database: Database
):
    assert_equivalent(migrate(source.url, postgres_database.url))
    query = f"SELECT ({family}.*)::text FROM {family} ORDER BY id"
    if family == "composites":
        query = "SELECT id, p::text, c::text, s::text FROM composites ORDER BY id"
    with source.connect() as there, postgres_database.connect() as here:
        assert here.execute(query.encode()).fetchall() == there.execute(query.encode()).fetchall()


@pytest.mark.parametrize("family", FAMILIES)
def test_sqlite_and_duckdb_hold_every_value_in_a_form_that_reads_back(tmp_path, family: str, source: Database):
    assert_equivalent(migrate(source.url, file_url("sqlite", tmp_path / "t.sqlite")))
    on_duckdb = migrate(source.url, file_url("duckdb", tmp_path / "t.duckdb"))
    assert_equivalent(on_duckdb)
    columns, rows = AS_TEXT[family]
    names = columns.split(", ")
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as connection:
        assert connection.execute(f"SELECT {columns} FROM {family} ORDER BY id").fetchall() == rows
    # DuckDB has types of its own for some; those are read below.
    kept = [name for name in names if on_duckdb.column(f"public.{family}", name)["target_type"] == "VARCHAR"]
    wanted = [tuple(row[names.index(name)] for name in kept) for row in rows]
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as connection:
        assert connection.execute(f"SELECT {', '.join(kept)} FROM {family} ORDER BY id").fetchall() == wanted


@pytest.mark.parametrize("family", ["arrays"])
def test_arrays_that_are_lists_in_every_row_are_lists_on_duckdb(tmp_path, family: str, source: Database):
    migrate(source.url, file_url("duckdb", tmp_path / "t.duckdb"))
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as connection:
        query = "SELECT m::VARCHAR, e, b, ok, ts[1]::VARCHAR FROM arrays WHERE id = 1"
        assert connection.execute(query).fetchone() == (
            "[1.50, NULL]", ["sad", "it's \"ok\""], [b"\x00\xff", b""], [True, False, None], "infinity",
        )  # fmt: skip


@pytest.mark.parametrize("family", ["arrays"])
def test_text_that_stands_for_an_array_is_json_that_the_target_itself_can_take_apart(
    tmp_path, family: str, source: Database
):
    migrate(source.url, file_url("sqlite", tmp_path / "t.sqlite"))
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as connection:
        query = "SELECT i ->> 2, t ->> 0, json_array_length(n) FROM arrays WHERE id = 1"
        assert connection.execute(query).fetchone() == (-2147483648, 'a"b', 3)
        texts = connection.execute("SELECT t FROM arrays WHERE id = 1").fetchone()[0]
        assert json.loads(texts) == ['a"b', None, "", "NULL", "ß"]


@pytest.mark.parametrize("family", ["odd"])
def test_money_on_duckdb_is_an_exact_decimal(tmp_path, family: str, source: Database):
    migrate(source.url, file_url("duckdb", tmp_path / "t.duckdb"))
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as connection:
        found = connection.execute("SELECT m::VARCHAR, typeof(m) FROM odd WHERE id = 1").fetchone()
        assert found == ("-92233720368547758.08", "DECIMAL(19,2)")


def test_rules_of_a_domain_within_an_array_hold_on_postgresql_and_are_a_declared_loss_elsewhere(
    tmp_path: Path, postgres_server: PostgresServer, postgres_database: Database
):
    source = postgres_server.create_database()
    source.execute(
        "CREATE DOMAIN positive AS int CHECK (value > 0)",
        "CREATE TABLE t (id int PRIMARY KEY, p positive[])",
        "INSERT INTO t VALUES (1, '{1,2}')",
    )
    said = migrate(source.url, file_url("duckdb", tmp_path / "t.duckdb"))
    assert (said.code, said.losses) == (5, [("domain", "domain public.t.p")])
    kept = migrate(source.url, postgres_database.url)
    assert (kept.code, kept.losses) == (0, [])
    with pytest.raises(psycopg.errors.CheckViolation):
        postgres_database.execute("INSERT INTO t VALUES (2, '{1,0}')")


EXCLUDING = (
    "CREATE TABLE booking (id int PRIMARY KEY, during tsrange, CONSTRAINT no_overlap EXCLUDE USING gist"
    " (during WITH &&) WHERE (id > 0))",
    "INSERT INTO booking VALUES (1, '[2024-01-01,2024-01-02)'), (2, '[2024-01-02,2024-01-03)')",
)


def test_an_exclusion_constraint_holds_on_a_postgresql_target(
    postgres_server: PostgresServer, postgres_database: Database
):
    source = postgres_server.create_database()
    source.execute(*EXCLUDING)
    assert_equivalent(migrate(source.url, postgres_database.url))
    with pytest.raises(psycopg.errors.ExclusionViolation), postgres_database.connect() as connection:
        connection.execute("INSERT INTO booking VALUES (3, '[2024-01-01 12:00,2024-01-05)')")


def test_an_exclusion_constraint_is_a_declared_loss_elsewhere(tmp_path, postgres_database: Database):
    postgres_database.execute(*EXCLUDING)
    for engine in ("sqlite", "duckdb"):
        said = migrate(postgres_database.url, file_url(engine, tmp_path / f"t.{engine}"))
        lost = ("exclusion_constraint", "exclusion constraint public.booking.no_overlap")
        assert (said.code, said.losses) == (5, [lost])


def test_a_table_with_heirs_is_read_alone_and_its_heirs_are_tables_of_their_own(tmp_path, postgres_database: Database):
    postgres_database.execute(
        "CREATE TABLE city (id int PRIMARY KEY, name text)",
        "CREATE TABLE capital (state text) INHERITS (city)",
        "INSERT INTO city VALUES (1, 'a')",
        "INSERT INTO capital VALUES (2, 'b', 'c')",
    )
    said = migrate(postgres_database.url, file_url("sqlite", tmp_path / "t.sqlite"))
    assert (said.code, said.losses) == (5, [("inheritance", "inheritance public.capital")])
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as connection:
        assert connection.execute("SELECT * FROM city").fetchall() == [(1, "a")]
        assert connection.execute("SELECT * FROM capital").fetchall() == [(2, "b", "c")]


COMPUTING = (
    "CREATE TABLE t (id int PRIMARY KEY, iv interval DEFAULT '1 day' CHECK (iv > '1 hour'), tags text[] DEFAULT '{}',"
    " ip inet DEFAULT '10.0.0.1' CHECK (ip IS NOT NULL), n int[] DEFAULT ARRAY[1,2])",
    "INSERT INTO t (id) VALUES (1)",
    "CREATE VIEW handed_on AS SELECT id, tags, ip AS address FROM t",
    "CREATE VIEW computed AS SELECT id FROM t WHERE iv > '2 hours'::interval",
)


def test_what_computes_with_values_that_became_text_is_refused_and_what_hands_them_on_is_carried(
    tmp_path, postgres_database: Database
):
    postgres_database.execute(*COMPUTING)
    said = migrate(postgres_database.url, file_url("sqlite", tmp_path / "t.sqlite"))
    assert (said.code, sorted(said.losses)) == (5, [
        ("check", "check public.t.t_iv_check"), ("default", "default public.t.ip"),
        ("default", "default public.t.iv"), ("default", "default public.t.n"), ("default", "default public.t.tags"),
        ("view", "view public.computed"),
    ])  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "t.sqlite")) as connection:
        assert connection.execute("SELECT * FROM handed_on").fetchall() == [(1, "[]", "10.0.0.1")]
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO t (id, ip) VALUES (2, NULL)")


def test_defaults_checks_and_views_over_rare_types_work_on_postgresql(
    postgres_server: PostgresServer, postgres_database: Database
):
    source = postgres_server.create_database()
    source.execute(*COMPUTING)
    assert_equivalent(migrate(source.url, postgres_database.url))
    postgres_database.execute("INSERT INTO t (id) VALUES (2)")
    with postgres_database.connect() as connection:
        assert connection.execute("SELECT tags, ip::text, n FROM t WHERE id = 2").fetchone() == (
            [],
            "10.0.0.1/32",
            [1, 2],
        )
        assert connection.execute("SELECT id FROM computed ORDER BY id").fetchall() == [(1,), (2,)]
