"""Constraints tried with rows: what is kept, what is not, and that the target is left as it was."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from kora import _core
from kora.behavior.copies import writer_on_copy
from kora.behavior.probing import try_target
from kora.behavior.servers import PostgresTrials, writer_on_server
from kora.behavior.trials import Bench, Texts
from kora.catalog import Table
from kora.databases.registry import open_database
from kora.errors import EngineError
from tests.integration.test_behavior import duckdb_url, sqlite_url
from tests.servers import Database

TABLES = (
    "CREATE TABLE town (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE)",
    "CREATE TABLE visit (id INTEGER PRIMARY KEY, town INTEGER REFERENCES town (id), fee INTEGER NOT NULL"
    " CHECK (fee >= 0), state VARCHAR(20) CHECK (state IN ('open', 'closed')))",
    "INSERT INTO town VALUES (1, 'Kisumu'), (2, 'Siaya')",
    "INSERT INTO visit VALUES (1, 1, 5, 'open'), (2, NULL, 0, NULL)",
)


@pytest.fixture
def postgres_writer(postgres_database: Database) -> Iterator[PostgresTrials]:
    with writer_on_server(postgres_database.url) as writer:
        assert isinstance(writer, PostgresTrials)
        yield writer


def tried(url: str) -> dict[str, tuple[str, str]]:
    database = open_database(url, role="target")
    try:
        with writer_on_copy(url) as writer:
            assert not isinstance(writer, str), writer
            probes = try_target(database, database.catalog(), writer)
    finally:
        database.close()
    return {f"{probe.table.split('.')[-1]}: {probe.constraint}": (probe.outcome, probe.detail) for probe in probes}


def test_every_constraint_of_a_sqlite_file_is_kept_and_the_file_untouched(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "a.db", *TABLES)
    before = hashlib.sha256((tmp_path / "a.db").read_bytes()).hexdigest()
    found = tried(url)
    assert {outcome for outcome, _ in found.values()} == {"kept"}, found
    assert {"town: NOT NULL name", "town: PRIMARY KEY (id)", "town: UNIQUE (name)", "visit: FOREIGN KEY (town)",
            "visit: NOT NULL fee", "visit: PRIMARY KEY (id)"} <= set(found)  # fmt: skip
    assert len([name for name in found if "CHECK" in name]) == 2
    assert hashlib.sha256((tmp_path / "a.db").read_bytes()).hexdigest() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]


def test_a_counter_of_sqlite_stays_where_it_is(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL)",
                     "INSERT INTO t (a) VALUES ('x'), ('y')")  # fmt: skip
    with writer_on_copy(url) as writer:
        assert not isinstance(writer, str)
        assert writer.positions() == {"t": "2"}
    assert {outcome for outcome, _ in tried(url).values()} == {"kept"}


class Careless:
    """A writer as many applications of SQLite have it: foreign keys are declared, and nobody switched them on."""

    place = "the file"

    def __init__(self, path: Path) -> None:
        self._connection = _core.SqliteConnection(str(path), "rw")
        self._connection.execute("PRAGMA foreign_keys = OFF")

    def bench(self, table: Table, *, triggers: bool, references: bool) -> Bench:
        return Bench(f'"{table.name.name}"')

    def attempt(self, *statements: str) -> None:
        self.look("", *statements)

    def look(self, query: str, *statements: str) -> Texts:
        self._connection.execute("BEGIN")
        try:
            for statement in statements:
                self._connection.execute(statement)
            return [tuple(map(str, row)) for row in self._connection.query(query)] if query else []
        finally:
            self._connection.execute("ROLLBACK")

    def positions(self) -> dict[str, str]:
        return {}


def test_a_constraint_that_does_not_hold_is_broken(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "a.db", *TABLES)
    copy = tmp_path / "copy.db"
    copy.write_bytes((tmp_path / "a.db").read_bytes())
    database = open_database(url, role="target")
    probes = try_target(database, database.catalog(), Careless(copy))
    database.close()
    broken = [(probe.table, probe.constraint) for probe in probes if probe.outcome == "broken"]
    assert broken == [("visit", "FOREIGN KEY (town)")]


def test_a_counter_that_moved_is_an_error(postgres_database: Database, postgres_writer: PostgresTrials) -> None:
    postgres_database.execute(*TABLES, "CREATE SEQUENCE s")

    class Counting(PostgresTrials):
        def look(self, query: str, *statements: str) -> Texts:
            return super().look(query, "SELECT nextval('s')", *statements)

    database = open_database(postgres_database.url, role="target")
    with pytest.raises(EngineError, match="a counter of the target moved"):
        try_target(database, database.catalog(), Counting(postgres_writer._session, "the target"))
    database.close()


def test_a_table_without_rows_or_without_a_key_is_tried_with_made_rows(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "a.db", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT NOT NULL)",
                     "CREATE TABLE u (b TEXT NOT NULL)", "INSERT INTO u VALUES ('x')")  # fmt: skip
    found = tried(url)
    assert found["t: NOT NULL b"] == found["u: NOT NULL b"] == ("kept", "")


def test_duckdb_constraints_are_tried_on_a_copy(tmp_path: Path) -> None:
    url = duckdb_url(tmp_path / "a.duckdb", *TABLES)
    before = hashlib.sha256((tmp_path / "a.duckdb").read_bytes()).hexdigest()
    found = tried(url)
    assert found["visit: NOT NULL fee"] == ("kept", "")
    assert found["visit: FOREIGN KEY (town)"] == ("kept", "")
    assert not [name for name, (outcome, _) in found.items() if outcome == "broken"]
    assert hashlib.sha256((tmp_path / "a.duckdb").read_bytes()).hexdigest() == before


def test_postgresql_constraints_are_tried_through_the_callers_writer_and_nothing_stays(
    postgres_database: Database, postgres_writer: PostgresTrials
) -> None:
    postgres_database.execute(*TABLES, "CREATE SEQUENCE s", "SELECT nextval('s')",
                              "ALTER TABLE visit ADD serial integer NOT NULL DEFAULT nextval('s')")  # fmt: skip
    state = "SELECT (SELECT string_agg(v::text, ';' ORDER BY id) FROM visit v), (SELECT last_value FROM s)"
    with postgres_database.connect() as connection:
        before = connection.execute(state).fetchone()
    database = open_database(postgres_database.url, role="target")
    catalog = database.catalog()
    probes = try_target(database, catalog, postgres_writer)
    database.close()
    told = {probe.constraint: probe.outcome for probe in probes if probe.outcome != "kept"}
    assert told == {"DEFAULT serial": "not_decidable"}
    assert len(probes) == 12
    with postgres_database.connect() as connection:
        assert connection.execute(state).fetchone() == before
    again = open_database(postgres_database.url, role="target")
    assert again.catalog().tables == catalog.tables
    again.close()


def test_of_a_table_with_triggers_the_servers_own_copy_is_tried_and_its_references_are_not_decidable(
    postgres_database: Database, postgres_writer: PostgresTrials
) -> None:
    postgres_database.execute(
        *TABLES,
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER g BEFORE UPDATE ON visit FOR EACH ROW EXECUTE FUNCTION f()",
    )
    database = open_database(postgres_database.url, role="target")
    probes = try_target(database, database.catalog(), postgres_writer)
    database.close()
    told = {probe.constraint: probe.outcome for probe in probes if probe.table == "public.visit"}
    assert told.pop("FOREIGN KEY (town)") == "not_decidable"
    assert set(told.values()) == {"kept"}
    assert len(told) == 5


def test_a_file_with_a_log_beside_it_is_not_copied(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "a.db", *TABLES)
    (tmp_path / "a.db-wal").write_bytes(b"x")
    with writer_on_copy(url) as writer:
        assert isinstance(writer, str)
        assert "log" in writer
