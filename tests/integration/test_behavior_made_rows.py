"""Rows that are made up: constraints, defaults and lengths of tables without rows or without a key are tried too."""

from pathlib import Path

import pytest

from tests.integration.test_behavior import duckdb_url, sqlite_url
from tests.integration.test_behavior_probes import TOWN, VISIT, Outcomes, Target, findings, probed, state, target
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database, PostgresServer

__all__ = ["target"]
EMPTY = (
    "CREATE TABLE country (code CHAR(2) NOT NULL PRIMARY KEY CHECK (code IN ('KE', 'UG')), name VARCHAR(30) NOT NULL)",
    "CREATE TABLE town (id INTEGER NOT NULL PRIMARY KEY, country CHAR(2) NOT NULL, name VARCHAR(40) NOT NULL UNIQUE,"
    " FOREIGN KEY (country) REFERENCES country (code))",
    "CREATE TABLE visit (id INTEGER NOT NULL PRIMARY KEY, town INTEGER NOT NULL, since DATE NOT NULL, until DATE,"
    " fee DECIMAL(6,2) NOT NULL DEFAULT 5 CHECK (fee >= 100 OR fee = 5), state VARCHAR(20) DEFAULT 'open'"
    " CHECK (state IN ('open', 'closed')), code VARCHAR(8), CONSTRAINT in_order CHECK (until >= since),"
    " CONSTRAINT of_town FOREIGN KEY (town) REFERENCES town (id))",
    "CREATE TABLE loose (a INTEGER NOT NULL UNIQUE, b VARCHAR(9) NOT NULL DEFAULT 'x', c INTEGER CHECK (c > 3))",
)
COUNTED = {
    "sqlite": "id INTEGER PRIMARY KEY AUTOINCREMENT",
    "postgresql": "id INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "mariadb": "id INTEGER AUTO_INCREMENT PRIMARY KEY",
}


def outcomes(told: Outcomes, table: str) -> dict[str, str]:
    return {name.partition(": ")[2]: outcome for name, (outcome, _) in told.items() if name.startswith(f"{table}: ")}


def test_empty_tables_are_tried_with_rows_that_the_catalog_gives_and_stay_empty(tmp_path: Path, target: Target) -> None:
    url = target(*EMPTY)
    before = state(url)
    told = probed(sqlite_url(tmp_path / "source.db", *EMPTY), url)
    assert findings(told) == {}
    undecided = {name for name, (outcome, _) in told.items() if outcome != "kept"}
    # A text as long as the limit is no state, and of no country that is there: something else refuses it first.
    assert undecided <= {"town: LENGTH country (2)", "visit: LENGTH state (20)"}
    expected = {"NOT NULL town", "NOT NULL since", "NOT NULL fee", "FOREIGN KEY (town)", "PRIMARY KEY (id)",
                "DEFAULT fee", "DEFAULT state"}  # fmt: skip
    assert expected <= set(outcomes(told, "visit"))
    assert len([name for name in outcomes(told, "visit") if name.startswith("CHECK")]) >= 3
    assert {"NOT NULL country", "FOREIGN KEY (country)", "UNIQUE (name)"} <= set(outcomes(told, "town"))
    assert state(url) == before


def test_what_an_empty_target_lost_is_found(tmp_path: Path, target: Target) -> None:
    source = sqlite_url(tmp_path / "source.db", TOWN, VISIT.format(more=""))
    url = target(
        TOWN.replace(" NOT NULL UNIQUE", ""),
        "CREATE TABLE visit (id INTEGER NOT NULL PRIMARY KEY, town INTEGER, fee INTEGER DEFAULT 6, state VARCHAR(20),"
        " code VARCHAR(8))",
    )
    before = state(url)
    told = findings(probed(source, url))
    check = next(name for name in told if "CHECK" in name)
    assert told.pop(check) == "lost"
    assert told == {
        "town: NOT NULL name": "lost", "town: UNIQUE (name)": "lost", "visit: NOT NULL fee": "lost",
        "visit: FOREIGN KEY (town)": "lost", "visit: DEFAULT fee": "differs", "visit: DEFAULT state": "differs",
    }  # fmt: skip
    assert state(url) == before


def test_tables_without_a_key_are_tried_by_inserting_beside_their_rows(tmp_path: Path, target: Target) -> None:
    statements = (
        TOWN, "INSERT INTO town (id, name) VALUES (1, 'Kisumu')",
        "CREATE TABLE loose (town INTEGER, a VARCHAR(9) NOT NULL DEFAULT 'x', b INTEGER UNIQUE CHECK (b > 3),"
        " FOREIGN KEY (town) REFERENCES town (id))",
        "INSERT INTO loose (town, a, b) VALUES (1, 'x', 5), (NULL, 'y', NULL), (1, 'x', 7)",
    )  # fmt: skip
    url = target(*statements)
    before = state(url)
    told = outcomes(probed(sqlite_url(tmp_path / "source.db", *statements), url), "loose")
    check = next(name for name in told if name.startswith("CHECK") and "source" not in name)
    assert {told[name] for name in ("NOT NULL a", "UNIQUE (b)", "FOREIGN KEY (town)", "DEFAULT a", check)} == {"kept"}
    assert state(url) == before
    lost = (*statements[:2], "CREATE TABLE loose (town INTEGER, a VARCHAR(9), b INTEGER)", statements[3])
    other = probed(sqlite_url(tmp_path / "whole.db", *statements), retarget(url, tmp_path, target, lost))
    told = outcomes(other, "loose")
    assert {name: told[name] for name in ("NOT NULL a", "UNIQUE (b)", "FOREIGN KEY (town)")} == dict.fromkeys(
        ("NOT NULL a", "UNIQUE (b)", "FOREIGN KEY (town)"), "lost"
    )


def retarget(url: str, folder: Path, target: Target, statements: tuple[str, ...]) -> str:
    """Another target of the same engine, or the same one anew."""
    if url.startswith("sqlite"):
        return sqlite_url(folder / "other.db", *statements)
    if url.startswith("duckdb"):
        return duckdb_url(folder / "other.duckdb", *statements)
    return target("DROP TABLE loose", "DROP TABLE town", *statements)


@pytest.mark.parametrize("rows", [(), ("INSERT INTO note (a, b) VALUES ('x', 1)",)])
def test_no_counter_moves_when_rows_are_made(
    tmp_path: Path, postgres_database: Database, mariadb_database: MariadbDatabase, rows: tuple[str, ...]
) -> None:
    note = "CREATE TABLE note ({id}, a VARCHAR(9) NOT NULL UNIQUE, b INTEGER NOT NULL)"
    child = "CREATE TABLE mark ({id}, note INTEGER NOT NULL, FOREIGN KEY (note) REFERENCES note (id))"
    unsigned = "id INTEGER UNSIGNED AUTO_INCREMENT PRIMARY KEY"
    source = sqlite_url(tmp_path / "a.db", note.format(id=COUNTED["sqlite"]), child.format(id=COUNTED["sqlite"]), *rows)
    for made, id_ in ((postgres_database, COUNTED["postgresql"]), (mariadb_database, COUNTED["mariadb"]),
                      (mariadb_database, unsigned)):  # fmt: skip
        if id_ == unsigned:
            mariadb_database.execute("DROP TABLE mark", "DROP TABLE note")
        to = child.replace("note INTEGER", "note INTEGER UNSIGNED") if id_ == unsigned else child
        made.execute(note.format(id=id_), to.format(id=id_), *rows)
        before = state(made.url)
        told = probed(source, made.url)
        assert {told[f"mark: {name}"][0] for name in ("NOT NULL note", "FOREIGN KEY (note)")} == {"kept"}, (id_, told)
        assert {told[f"note: {name}"][0] for name in ("NOT NULL a", "UNIQUE (a)", "NOT NULL b")} == {"kept"}, told
        assert state(made.url) == before


def test_every_kind_of_postgresql_has_a_value_and_what_has_none_is_named(
    tmp_path: Path, postgres_database: Database
) -> None:
    kinds = ["smallint", "bigint", "numeric(3,3)", "real", "varchar(1)", "char(3)", "bytea", "uuid", "bit(5)",
             "bit varying(7)", "date", "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb",
             "boolean", "mood", "integer[]", "text[]", "int4range", "daterange", "tstzrange", "inet", "cidr",
             "macaddr", "money", "small", "citext_like"]  # fmt: skip
    columns = ", ".join(f"c{place} {kind} NOT NULL" for place, kind in enumerate(kinds))
    postgres_database.execute(
        "CREATE TYPE mood AS ENUM ('well', 'ill')", "CREATE DOMAIN small AS integer CHECK (VALUE BETWEEN 3 AND 9)",
        "CREATE DOMAIN citext_like AS text CHECK (VALUE LIKE '%@%')",
        f"CREATE TABLE wide (id integer PRIMARY KEY, {columns})",
        "CREATE TABLE odd (id integer PRIMARY KEY, v tsvector NOT NULL, a integer NOT NULL)",
    )  # fmt: skip
    told = probed(sqlite_url(tmp_path / "a.db", "CREATE TABLE other (id INTEGER PRIMARY KEY)"), postgres_database.url)
    wide = outcomes(told, "wide")
    assert {name: told[f"wide: {name}"][1] for name, outcome in wide.items() if outcome != "kept"} == {}
    assert len(wide) > len(kinds)
    outcome, detail = told["odd: NOT NULL a"]
    assert outcome == "not_decidable"
    assert "no value of v" in detail


def test_a_row_that_needs_a_parent_with_triggers_or_a_circle_of_parents_is_not_decidable_and_says_why(
    tmp_path: Path, postgres_database: Database
) -> None:
    postgres_database.execute(
        "CREATE TABLE heard (id integer PRIMARY KEY)",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER g BEFORE INSERT ON heard FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TABLE t (id integer PRIMARY KEY, h integer NOT NULL REFERENCES heard (id), a text NOT NULL)",
        "CREATE TABLE hen (id integer PRIMARY KEY, egg integer NOT NULL)",
        "CREATE TABLE egg (id integer PRIMARY KEY, hen integer NOT NULL REFERENCES hen (id))",
        "ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg (id)",
        "CREATE TABLE tree (id integer PRIMARY KEY, above integer NOT NULL REFERENCES tree (id), a text NOT NULL)",
    )
    told = probed(sqlite_url(tmp_path / "a.db", "CREATE TABLE other (id INTEGER PRIMARY KEY)"), postgres_database.url)
    assert told["t: NOT NULL a"][0] == "not_decidable"
    assert "its triggers would run" in told["t: NOT NULL a"][1]
    assert told["hen: NOT NULL egg"][0] == "not_decidable"
    assert "circle" in told["hen: NOT NULL egg"][1]
    assert told["tree: NOT NULL a"] == told["tree: FOREIGN KEY (above)"] == ("kept", "")


def test_how_often_a_unique_key_takes_no_value_is_compared_with_the_source(
    tmp_path: Path, postgres_server: PostgresServer, target: Target
) -> None:
    table = (
        "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, a VARCHAR(9), b INTEGER, CONSTRAINT u UNIQUE{nulls} (a, b))"
    )
    source = sqlite_url(tmp_path / "a.db", table.format(nulls=""), "INSERT INTO t VALUES (1, NULL, 2)")
    url = target(table.format(nulls=""), "INSERT INTO t VALUES (1, NULL, 2)")
    assert probed(source, url)["t: NULL in UNIQUE (a, b)"] == ("kept", "")
    once = postgres_server.create_database()
    once.execute(table.format(nulls=" NULLS NOT DISTINCT"))
    told = probed(source, once.url)["t: NULL in UNIQUE (a, b)"]
    assert told == ("differs", "the source takes several rows without a value, the target one")
    assert probed(once.url, url)["t: NULL in UNIQUE (a, b)"][0] == "differs"


def test_unique_indexes_over_expressions_or_some_rows_are_tried(tmp_path: Path, postgres_database: Database) -> None:
    statements = (
        "CREATE TABLE t (id INTEGER PRIMARY KEY, mail VARCHAR(40), open BOOLEAN, room INTEGER)",
        "CREATE UNIQUE INDEX by_mail ON t (lower(mail))", "CREATE UNIQUE INDEX once ON t (room) WHERE open",
    )  # fmt: skip
    postgres_database.execute(*statements)
    other = sqlite_url(tmp_path / "a.db", "CREATE TABLE other (id INTEGER PRIMARY KEY)")
    for url in (postgres_database.url, sqlite_url(tmp_path / "b.db", *statements)):
        before = state(url)
        told = probed(other, url)
        assert told["t: UNIQUE INDEX by_mail"] == told["t: UNIQUE INDEX once"] == ("kept", ""), told
        assert state(url) == before
    postgres_database.execute("INSERT INTO t VALUES (1, 'A', true, 1), (2, 'B', false, 1), (3, 'C', true, 2)")
    told = probed(other, postgres_database.url)
    assert told["t: UNIQUE INDEX by_mail"] == told["t: UNIQUE INDEX once"] == ("kept", "")


def test_a_reference_of_two_columns_of_which_one_may_be_missing_is_not_called_broken(
    tmp_path: Path, postgres_database: Database
) -> None:
    postgres_database.execute(
        "CREATE TABLE a (x integer, y integer, v tsvector NOT NULL, PRIMARY KEY (x, y))",
        "CREATE TABLE b (id integer PRIMARY KEY, x integer, y integer, FOREIGN KEY (x, y) REFERENCES a (x, y))",
        "CREATE TABLE c (x integer, y integer, PRIMARY KEY (x, y))",
        "CREATE TABLE d (id integer PRIMARY KEY, x integer, y integer, FOREIGN KEY (x, y) REFERENCES c (x, y))",
    )  # fmt: skip
    told = probed(sqlite_url(tmp_path / "a.db", "CREATE TABLE other (id INTEGER PRIMARY KEY)"), postgres_database.url)
    assert told["b: FOREIGN KEY (x, y)"][0] in ("kept", "not_decidable")
    assert told["d: FOREIGN KEY (x, y)"] == ("kept", "")
