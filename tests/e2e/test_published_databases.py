"""Databases that others published, moved end to end: what becomes of each, in full."""

import sqlite3
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import DATA, Said, file_url, migrate, run_kora
from tests.servers import Database, PostgresServer

CHINOOK = file_url("sqlite", DATA / "chinook" / "chinook.sqlite")
SYNTHEA = file_url("csv", DATA / "synthea" / "Synthea27Nj_5.4_csv.zip")
ODD = DATA / "sqlite_odd"

pytestmark = pytest.mark.usefixtures("sensei_home")


def changed_by_policy(said: Said) -> list[str]:
    return [
        f"{table['source']}.{column['source']}"
        for table in said.plan["tables"]
        for column in table["columns"]
        if column.get("policies")
    ]


def assert_chinook_is_equivalent(said: Said) -> None:
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", [])
    assert (len(said.tables), said.rows) == (11, 15_607)
    assert changed_by_policy(said) == []


def test_chinook_comes_to_duckdb_by_representations_alone(tmp_path):
    said = migrate(CHINOOK, file_url("duckdb", tmp_path / "chinook.duckdb"))
    assert_chinook_is_equivalent(said)
    assert said.column("Track", "UnitPrice")["source_representation"] == "real_decimal"
    assert said.column("Invoice", "InvoiceDate")["target_type"] == "TIMESTAMP"


def test_chinook_goes_to_postgresql_and_comes_back_the_same(tmp_path, postgres_database: Database):
    there = migrate(CHINOOK, postgres_database.url)
    assert_chinook_is_equivalent(there)
    returned = file_url("sqlite", tmp_path / "returned.sqlite")
    back = migrate(postgres_database.url, returned)
    assert (back.code, back.verdict, back.rows) == (0, "equivalent", 15_607)
    verified = run_kora("verify", CHINOOK, returned, "--json", "--out", tmp_path / "proof")
    assert verified.body["not_checked"][0]["what"] == "behaviour"
    assert (verified.rows, {table["outcome"] for table in verified.body["tables"]}) == (15_607, {"match"})
    assert (verified.code, verified.verdict) == (0, "equivalent")


@pytest.mark.parametrize("engine", ["postgresql", "duckdb"])
def test_synthea_comes_whole_and_typed_only_where_every_value_inverts(tmp_path, engine, postgres_database: Database):
    target = postgres_database.url if engine == "postgresql" else file_url("duckdb", tmp_path / "synthea.duckdb")
    said = migrate(SYNTHEA, target)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", [])
    assert (len(said.tables), said.rows) == (39, 294_203)
    assert changed_by_policy(said) == []
    for table in said.plan["tables"]:
        for column in table["columns"]:
            is_text = column["target_type"] in ("VARCHAR", "text")
            proven = f"every value obeys {column.get('source_representation')}" in column["evidence"]
            assert is_text or proven, (table["source"], column)
    assert any("separated by" in note for note in said.plan["notes"])


# What each file becomes: exit code, what stands in the ledger, and a column that a DBA would look at first.
ODD_FILES = {
    "accounts_sample": (0, [], ("slots", "double_val", "double precision", "DOUBLE")),
    "boolean": (0, [], ("entry", "is_active", "boolean", "BOOLEAN")),
    "borked": (0, [], ("a", "i", "text", "VARCHAR")),
    "count": (0, [], ("mysql_databases", "db", "character varying(255)", "VARCHAR")),
    "decimal": (0, [], ("a", "c6", "numeric(13,5)", "DECIMAL(13,5)")),
    "emptytype": (0, [], ("tbl", "col", "text", "VARCHAR")),
    "float": (0, [], ("my", "a", "double precision", "DOUBLE")),
    "giant_row_id": (0, [], ("big_row_id", "id", "bigint", "BIGINT")),
    "issue44": (0, [], ("clusters_and_visits", "score", "numeric", "DECIMAL(38,10)")),
    "issue47": (0, [], ("table1", "unixtime", "timestamp with time zone", "TIMESTAMPTZ")),
    "longvarchar": (0, [], ("tbl", "long_strings", "text", "VARCHAR")),
    "mixed_data_numeric": (0, [], ("tbl", "a", "text", "VARCHAR")),
    "negativepk": (0, [], ("tbl", "a", "bigint", "BIGINT")),
    "norowid": (0, [], ("wordcount", "word", "text", "VARCHAR")),
    "unix_timestamp": (0, [], ("timestamp", "ts", "timestamp with time zone", "TIMESTAMPTZ")),
    "unsupported_view": (5, [("view", "view ts")], ("whoops", "time", "text", "VARCHAR")),
    "zeropk": (0, [], ("tbl", "a", "bigint", "BIGINT")),
}
VIRTUAL = {
    "fts": "it holds only virtual table email (module fts5), shadow table email_config (of email)",
    "rtree": "it holds only virtual table demo_index (module rtree), shadow table demo_index_node (of demo_index)",
}


def test_every_odd_file_has_an_expected_outcome():
    assert {path.stem for path in ODD.glob("*.db")} == set(ODD_FILES) | set(VIRTUAL)


@pytest.mark.parametrize("engine", ["postgresql", "duckdb"])
@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_file_comes_over_and_is_verified(tmp_path, name, engine, postgres_server: PostgresServer):
    code, losses, (table, column, on_postgres, on_duckdb) = ODD_FILES[name]
    server = engine == "postgresql"
    target = postgres_server.create_database().url if server else file_url("duckdb", tmp_path / "odd.duckdb")
    said = migrate(file_url("sqlite", ODD / f"{name}.db"), target)
    assert (said.code, said.losses) == (code, losses)
    assert said.verdict == ("equivalent_with_declared_loss" if losses else "equivalent")
    assert {entry["outcome"] for entry in said.body["tables"]} == {"match"}
    assert said.column(table, column)["target_type"] == (on_postgres if server else on_duckdb)
    assert said.rows == rows_of(ODD / f"{name}.db")


def rows_of(path: Path) -> int:
    """All rows of all ordinary tables, as SQLite's own client counts them."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return sum(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names.fetchall())


@pytest.mark.parametrize("name", VIRTUAL)
def test_a_file_of_virtual_tables_alone_is_refused_by_their_names(tmp_path, name):
    target = tmp_path / "odd.duckdb"
    said = migrate(file_url("sqlite", ODD / f"{name}.db"), file_url("duckdb", target))
    assert (said.code, said.out) == (2, "")
    assert VIRTUAL[name] in said.err
    assert "hint: these are not carried" in said.err
    assert not target.exists()


def test_a_virtual_table_beside_ordinary_ones_stands_under_not_checked(tmp_path):
    source = tmp_path / "mail.db"
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE folder (id INTEGER PRIMARY KEY, name TEXT)")
        connection.execute("INSERT INTO folder VALUES (1, 'inbox')")
        connection.execute("CREATE VIRTUAL TABLE letter USING fts5(body)")
    said = migrate(file_url("sqlite", source), file_url("duckdb", tmp_path / "mail.duckdb"))
    named = {(item["what"], item["name"]) for item in said.body["not_checked"]}
    assert {("virtual table", "letter"), ("shadow table", "letter_data")} <= named
    assert list(said.tables) == ["folder"]


def test_epochs_become_the_moments_that_they_count(tmp_path):
    target = tmp_path / "moments.duckdb"
    said = migrate(file_url("sqlite", ODD / "unix_timestamp.db"), file_url("duckdb", target))
    assert said.column("timestamp", "ts")["source_representation"] == "epoch(s)"
    assert said.column("timestamp_out_of_range", "ts")["target_type"] == "DOUBLE"
    with duckdb.connect(str(target)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute("SELECT CAST(ts AS VARCHAR) FROM timestamp ORDER BY ts").fetchall()
    assert found == [("2024-09-23 08:06:20+00",), ("2024-09-23 08:06:22+00",)]


def test_a_path_that_lacks_its_fourth_slash_is_guessed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = migrate(f"sqlite://{ODD / 'boolean.db'}", "duckdb:///x.duckdb")
    assert said.code == 2
    assert f"hint: an absolute path needs a fourth slash: sqlite:///{ODD / 'boolean.db'}" in said.err
