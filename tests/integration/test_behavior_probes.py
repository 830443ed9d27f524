"""Rows tried on a target beside its source: what got lost on the way, and that the target is left as it was."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from kora import _core
from kora.behavior.answers import ask, require_queries
from kora.behavior.copies import writer_on_copy
from kora.behavior.origins import origins_of
from kora.behavior.probing import counters, try_target
from kora.behavior.servers import writer_on_server
from kora.behavior.workload import Query, Workload
from kora.comparison.matching import match_catalogs
from kora.databases.base import Selection
from kora.databases.registry import open_database
from tests.integration.test_behavior import duckdb_url, sqlite_url
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

TOWN = "CREATE TABLE town (id INTEGER NOT NULL PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE)"
VISIT = (
    "CREATE TABLE visit (id INTEGER NOT NULL PRIMARY KEY, town INTEGER, fee INTEGER NOT NULL DEFAULT 5"
    " CHECK (fee >= 0), state VARCHAR(20) DEFAULT 'open', code VARCHAR(8){more}, CONSTRAINT of_town FOREIGN KEY (town)"
    " REFERENCES town (id))"
)
ROWS = (
    "INSERT INTO town (id, name) VALUES (1, 'Kisumu'), (2, 'Siaya')",
    "INSERT INTO visit (id, town, fee, state, code) VALUES (1, 1, 5, 'open', 'a'), (2, NULL, 0, NULL, 'b')",
)
TWICE = ", twice INTEGER GENERATED ALWAYS AS (fee * 2) STORED"
PLAIN = (TOWN, VISIT.format(more=TWICE), *ROWS)
Outcomes = dict[str, tuple[str, str]]


def probed(source: str, target: str) -> Outcomes:
    """Every probe of the target by its table's bare name and its own, with the source's declarations beside it."""
    left, right = open_database(source), open_database(target, role="target")
    try:
        before, after = left.catalog(), right.catalog()
        origins = origins_of(match_catalogs(before, after)[0], left, before)
        opened = writer_on_copy(target) if target.startswith(("sqlite", "duckdb")) else writer_on_server(target)
        with opened as writer:
            assert not isinstance(writer, str), writer
            probes = (*try_target(right, after, writer, origins), *counters(right, after, origins))
    finally:
        left.close()
        right.close()
    return {f"{item.table.split('.')[-1]}: {item.constraint}": (item.outcome, item.detail) for item in probes}


def findings(told: Outcomes) -> dict[str, str]:
    return {name: outcome for name, (outcome, _) in told.items() if outcome in ("broken", "lost", "differs")}


def state(url: str) -> tuple[object, ...]:
    """Digests of all rows, the whole catalog (positions of counters are in it)."""
    database = require_queries(open_database(url), url)
    catalog = database.catalog(Selection())  # type: ignore[attr-defined]
    queries = tuple(
        Query(str(table.name), f"SELECT * FROM {database.dialect.qualify(table.name)}", None)
        for table in catalog.tables
    )
    answers = ask(database, catalog, Workload(queries, "", None), _core.DigestKey(bytes(32)))
    database.close()  # type: ignore[attr-defined]
    tables = tuple(replace(table, row_estimate=None, size_bytes=None) for table in catalog.tables)
    return (answers, tables, catalog.sequences, catalog.triggers, catalog.routines)


@pytest.fixture
def source(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "source.db", *PLAIN)


Target = Callable[..., str]


@pytest.fixture(params=["sqlite", "duckdb", "postgresql", "mariadb"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    def make(*statements: str) -> str:
        if request.param == "sqlite":
            return sqlite_url(tmp_path / "target.db", *statements)
        if request.param == "duckdb":
            return duckdb_url(tmp_path / "target.duckdb", *(text.replace(" STORED", " VIRTUAL") for text in statements))
        made: Database | MariadbDatabase = request.getfixturevalue(
            "postgres_database" if request.param == "postgresql" else "mariadb_database"
        )
        made.execute(*statements)
        return made.url

    return make


def test_a_faithful_target_keeps_everything_and_is_left_as_it_was(source: str, target: Target) -> None:
    url = target(*PLAIN)
    before = state(url)
    told = probed(source, url)
    assert findings(told) == {}
    kept = {name for name, (outcome, _) in told.items() if outcome == "kept"}
    expected = {"town: NOT NULL name", "town: PRIMARY KEY (id)", "town: UNIQUE (name)", "visit: FOREIGN KEY (town)",
                "visit: NOT NULL fee", "visit: DEFAULT fee", "visit: DEFAULT state",
                "visit: GENERATED twice"}  # fmt: skip
    if url.startswith("duckdb"):  # its catalog does not tell that a column is generated
        expected -= {"visit: GENERATED twice"}
    assert expected <= kept
    assert any("CHECK" in name and "of the source" in name for name in kept)
    assert state(url) == before


def test_what_a_target_lost_is_found(source: str, target: Target) -> None:
    url = target(
        TOWN.replace(" NOT NULL UNIQUE", ""),
        "CREATE TABLE visit (id INTEGER NOT NULL PRIMARY KEY, town INTEGER, fee INTEGER DEFAULT 6, state VARCHAR(20),"
        " code VARCHAR(8), twice INTEGER GENERATED ALWAYS AS (fee * 3) STORED)",
        *ROWS,
    )
    before = state(url)
    told = findings(probed(source, url))
    check = next(name for name in told if "CHECK" in name)
    assert told.pop(check) == "lost"
    if url.startswith("duckdb"):
        told.setdefault("visit: GENERATED twice", "differs")
    assert told == {
        "town: NOT NULL name": "lost", "town: UNIQUE (name)": "lost", "visit: NOT NULL fee": "lost",
        "visit: FOREIGN KEY (town)": "lost", "visit: DEFAULT fee": "differs", "visit: DEFAULT state": "differs",
        "visit: GENERATED twice": "differs",
    }  # fmt: skip
    assert state(url) == before


def test_servers_that_take_longer_or_shorter_texts_are_found(
    postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    table = "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a VARCHAR({a}), b VARCHAR({b}))"
    row = "INSERT INTO t VALUES (1, 'x', 'y')"
    postgres_database.execute(table.format(a=10, b=10), row)
    mariadb_database.execute(table.format(a=11, b=9), row)
    told = probed(postgres_database.url, mariadb_database.url)
    assert told["t: LENGTH a (10)"] == ("lost", "accepts 11 characters, above the source's limit")
    assert told["t: LENGTH b (10)"] == ("differs", "a text of 10 characters is refused (too long)")
    back = probed(mariadb_database.url, postgres_database.url)
    assert back["t: LENGTH b (9)"][0] == "lost"
    assert back["t: LENGTH a (11)"][0] == "differs"


def test_a_server_that_cuts_texts_silently_is_found(
    postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute("CREATE TABLE t (id integer PRIMARY KEY, a varchar(4))", "INSERT INTO t VALUES (1, 'x')")
    mariadb_database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a VARCHAR(4))", "INSERT INTO t VALUES (1, 'x')",
                             "SET @old = @@GLOBAL.sql_mode", "SET GLOBAL sql_mode = ''")  # fmt: skip
    try:
        told = probed(postgres_database.url, mariadb_database.url)
    finally:
        mariadb_database.execute("SET GLOBAL sql_mode = DEFAULT")
    assert told["t: LENGTH a (4)"] == ("differs", "cuts a longer text to 4 characters and says nothing")


def test_defaults_that_move_are_not_decidable_and_one_that_stands_still_beside_one_that_moves_differs(
    source: str, tmp_path: Path, postgres_database: Database
) -> None:
    columns = "id INTEGER NOT NULL PRIMARY KEY, {a}, {b}, {c}"
    moving = columns.format(
        a="a TIMESTAMP DEFAULT CURRENT_TIMESTAMP", b="b TIMESTAMP DEFAULT CURRENT_TIMESTAMP", c="c TEXT"
    )
    still = columns.format(a="a TIMESTAMP DEFAULT CURRENT_TIMESTAMP", b="b TIMESTAMP", c="c TEXT DEFAULT 'x'")
    row = "INSERT INTO t (id) VALUES (1)"
    url = sqlite_url(tmp_path / "moving.db", f"CREATE TABLE t ({moving})", row)
    postgres_database.execute(f"CREATE TABLE t ({still})", row)
    told = probed(url, postgres_database.url)
    assert told["t: DEFAULT a"][0] == "not_decidable"
    assert told["t: DEFAULT b"] == ("differs", "the source fills in another value each time, the target nothing")
    assert told["t: DEFAULT c"] == ("differs", "the source fills in nothing, the target 'x'")


def test_a_counter_that_is_behind_is_found_and_none_moves(
    tmp_path: Path, postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    url = sqlite_url(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL)",
                     "INSERT INTO t VALUES (7, 'x'), (9, 'y')")  # fmt: skip
    postgres_database.execute(
        "CREATE TABLE t (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a text NOT NULL)",
        "INSERT INTO t VALUES (7, 'x'), (9, 'y')", "SELECT nextval('t_id_seq')",
    )  # fmt: skip
    before = state(postgres_database.url)
    told = probed(url, postgres_database.url)
    assert told["t: COUNTER id"] == ("broken", "it gives out 2 next, and 9 is there")
    assert told["t: PRIMARY KEY (id)"] == ("kept", "")
    assert state(postgres_database.url) == before
    mariadb_database.execute("CREATE TABLE t (id INTEGER AUTO_INCREMENT PRIMARY KEY, a TEXT NOT NULL)",
                             "INSERT INTO t VALUES (7, 'x'), (9, 'y')")  # fmt: skip
    before = state(mariadb_database.url)
    assert probed(url, mariadb_database.url)["t: COUNTER id"] == ("kept", "")
    assert state(mariadb_database.url) == before
    mariadb_database.execute("DROP TABLE t", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL)",
                             "INSERT INTO t VALUES (7, 'x'), (9, 'y')")  # fmt: skip
    lost = probed(url, mariadb_database.url)["t: COUNTER id"]
    assert lost == ("lost", "the source counts it up, the target does not")


@pytest.mark.parametrize("engine", ["MyISAM", pytest.param("Aria", marks=pytest.mark.only_on("MariaDB"))])
def test_a_table_that_knows_no_rollback_is_tried_on_a_copy_of_the_session_and_stays_as_it_was(
    tmp_path: Path, mariadb_database: MariadbDatabase, engine: str
) -> None:
    table = "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a VARCHAR(9) NOT NULL UNIQUE, b INTEGER CHECK (b > 0))"
    rows = "INSERT INTO t VALUES (1, 'x', 3), (2, 'y', 4)"
    mariadb_database.execute(f"{table} ENGINE={engine}", rows)
    before = state(mariadb_database.url)
    checksum = mariadb_database.query("CHECKSUM TABLE t")
    told = probed(sqlite_url(tmp_path / "a.db", table, rows), mariadb_database.url)
    assert {outcome for outcome, _ in told.values()} == {"kept"}, told
    assert len(told) == 6
    assert state(mariadb_database.url) == before
    assert mariadb_database.query("CHECKSUM TABLE t") == checksum
    assert mariadb_database.query("SHOW TABLES") == [("t",)]


def test_triggers_of_mariadb_do_not_run(tmp_path: Path, mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute(
        *PLAIN, "CREATE TABLE heard (n INTEGER) ENGINE=MyISAM",
        "CREATE TRIGGER hears BEFORE UPDATE ON visit FOR EACH ROW INSERT INTO heard VALUES (1)",
    )  # fmt: skip
    told = probed(sqlite_url(tmp_path / "a.db", *PLAIN), mariadb_database.url)
    assert mariadb_database.query("SELECT count(*) FROM heard") == [("0",)]
    assert told["visit: FOREIGN KEY (town)"][0] == "not_decidable"
    assert told["visit: NOT NULL fee"] == ("kept", "")
    assert told["visit: DEFAULT state"] == ("kept", "")


def test_a_copied_file_is_never_the_file(source: str, tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "target.db", *PLAIN)
    before = hashlib.sha256((tmp_path / "target.db").read_bytes()).hexdigest()
    probed(source, url)
    assert hashlib.sha256((tmp_path / "target.db").read_bytes()).hexdigest() == before
