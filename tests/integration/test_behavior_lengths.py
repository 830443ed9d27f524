"""Length limits where something else looks at the text first: a CHECK, a reference, a key."""

from pathlib import Path

from tests.integration.test_behavior import sqlite_url
from tests.integration.test_behavior_probes import probed, state
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

TABLES = (
    "CREATE TABLE country (code VARCHAR(4) NOT NULL PRIMARY KEY)",
    "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, state VARCHAR(20) CHECK (state IN ('open', 'closed')),"
    " mail VARCHAR({mail}) CHECK (mail LIKE '%@%'), country VARCHAR(4) NOT NULL,"
    " code VARCHAR(8) CHECK (code LIKE 'KE-%'), FOREIGN KEY (country) REFERENCES country (code))",
    "INSERT INTO country VALUES ('KE')",
    "INSERT INTO t VALUES (1, 'open', 'a@b.co', 'KE', 'KE-1')",
)


def lengths(told: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {name: found for name, found in told.items() if "LENGTH" in name}


def made(mail: int) -> list[str]:
    return [statement.format(mail=mail) for statement in TABLES]


def test_limits_that_checks_references_and_keys_stand_before_are_decided_on_both_servers(
    postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute(*made(30))
    mariadb_database.execute(*made(31))
    before = state(postgres_database.url), state(mariadb_database.url)
    forward = lengths(probed(postgres_database.url, mariadb_database.url))
    mail = next(name for name in forward if "mail" in name)
    assert forward.pop(mail) == ("lost", "accepts 31 characters, above the source's limit")
    assert {outcome for outcome, _ in forward.values()} == {"kept"}
    assert len(forward) == 4
    back = lengths(probed(mariadb_database.url, postgres_database.url))
    assert next(outcome for name, outcome in back.items() if "mail" in name)[0] == "differs"
    assert (state(postgres_database.url), state(mariadb_database.url)) == before


def test_a_limit_that_no_text_can_reach_is_not_decidable_and_says_why(
    tmp_path: Path, postgres_database: Database
) -> None:
    column = "CREATE TABLE t (id INTEGER PRIMARY KEY, state VARCHAR(20) CHECK (state IN ('open', 'closed')))"
    postgres_database.execute(column, "INSERT INTO t VALUES (1, 'open')")
    url = sqlite_url(tmp_path / "a.db", column, "INSERT INTO t VALUES (1, 'open')")
    outcome, detail = lengths(probed(postgres_database.url, url))["t: LENGTH state (20)"]
    assert outcome == "not_decidable"
    assert detail.startswith("a text of 21 characters is refused, and not for its length (check; ")


def test_a_check_that_measures_keeps_the_sources_limit(tmp_path: Path, postgres_database: Database) -> None:
    postgres_database.execute("CREATE TABLE t (id integer PRIMARY KEY, a varchar(5), b varchar(5) CHECK (b LIKE 'K%'))",
                              "INSERT INTO t VALUES (1, 'x', 'Kx')")  # fmt: skip
    url = sqlite_url(tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT CHECK (length(a) <= 5),"
                     " b TEXT CHECK (b LIKE 'K%'))", "INSERT INTO t VALUES (1, 'x', 'Kx')")  # fmt: skip
    told = lengths(probed(postgres_database.url, url))
    assert told["t: LENGTH a (5)"] == ("kept", "by a CHECK")
    assert told["t: LENGTH b (5)"][0] == "lost"
