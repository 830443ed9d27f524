"""Exclusion constraints tried with rows: kept, lost, and what equal values cannot show."""

from pathlib import Path

import pytest

from tests.integration.test_behavior import sqlite_url
from tests.integration.test_behavior_probes import findings, probed, state
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database, PostgresServer

BOOKING = (
    "CREATE EXTENSION IF NOT EXISTS btree_gist",
    "CREATE TABLE booking (id integer PRIMARY KEY, room integer NOT NULL, during tsrange NOT NULL, open boolean,"
    " CONSTRAINT once EXCLUDE USING gist (room WITH =, during WITH &&){where})",
)
ROWS = (
    "INSERT INTO booking VALUES (1, 7, 'empty', true), (2, 7, '[2020-01-01,2020-01-02)', true),"
    " (3, 7, '[2020-01-03,2020-01-04)', true), (4, 8, '[2020-01-01,2020-01-02)', false)"
)


@pytest.mark.parametrize("where", ["", " WHERE (open)"])
@pytest.mark.parametrize("rows", [(), (ROWS,)])
def test_an_exclusion_constraint_is_kept_with_rows_and_without(
    tmp_path: Path, postgres_database: Database, where: str, rows: tuple[str, ...]
) -> None:
    postgres_database.execute(*(text.format(where=where) for text in BOOKING), *rows)
    before = state(postgres_database.url)
    told = probed(sqlite_url(tmp_path / "a.db", "CREATE TABLE other (id INTEGER PRIMARY KEY)"), postgres_database.url)
    assert told["booking: EXCLUDE once"] == ("kept", "")
    assert state(postgres_database.url) == before


@pytest.mark.parametrize("rows", [(), (ROWS,)])
def test_a_target_that_takes_what_the_source_excludes_has_lost_it(
    postgres_server: PostgresServer, rows: tuple[str, ...]
) -> None:
    source, target = postgres_server.create_database(), postgres_server.create_database()
    source.execute(*(text.format(where="") for text in BOOKING), *rows)
    target.execute("CREATE TABLE booking (id integer PRIMARY KEY, room integer NOT NULL, during tsrange NOT NULL,"
                   " open boolean)", *rows)  # fmt: skip
    before = state(target.url)
    assert findings(probed(source.url, target.url)) == {"booking: EXCLUDE once": "lost"}
    assert state(target.url) == before


def test_mariadb_knows_no_exclusion_and_a_copy_of_a_rows_ranges_shows_it(
    postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute(*(text.format(where="") for text in BOOKING), ROWS)
    mariadb_database.execute(
        "CREATE TABLE booking (id INTEGER PRIMARY KEY, room INTEGER NOT NULL, during VARCHAR(80) NOT NULL,"
        " open BOOLEAN)", ROWS,
    )  # fmt: skip
    told = probed(postgres_database.url, mariadb_database.url)
    assert told["booking: EXCLUDE once"] == ("lost", "accepts what the source refuses")
    mariadb_database.execute("DELETE FROM booking")
    told = probed(postgres_database.url, mariadb_database.url)
    assert told["booking: EXCLUDE once"][0] == "not_decidable"


def test_an_operator_under_which_equal_values_may_stand_together_is_not_decidable(
    tmp_path: Path, postgres_database: Database
) -> None:
    postgres_database.execute(
        BOOKING[0], "CREATE TABLE cage (id integer PRIMARY KEY, place integer, animal text,"
        " CONSTRAINT one_kind EXCLUDE USING gist (place WITH =, animal WITH <>))",
        "INSERT INTO cage VALUES (1, 1, 'zebra'), (2, 1, 'zebra'), (3, 2, 'lion')",
    )  # fmt: skip
    told = probed(sqlite_url(tmp_path / "a.db", "CREATE TABLE other (id INTEGER PRIMARY KEY)"), postgres_database.url)
    assert told["cage: EXCLUDE one_kind"] == ("not_decidable", "equal values do not show whether <> excludes")


def test_a_key_without_overlaps_is_tried(tmp_path: Path, postgres_18: PostgresServer) -> None:
    database = postgres_18.create_database()
    database.execute(
        "CREATE TABLE lease (room int4range, during daterange, rent integer NOT NULL,"
        " CONSTRAINT lease_key PRIMARY KEY (room, during WITHOUT OVERLAPS))",
        "INSERT INTO lease VALUES ('[1,2)', '[2020-01-01,2020-02-01)', 5), ('[1,2)', '[2020-02-01,2020-03-01)', 5)",
    )  # fmt: skip
    told = probed(sqlite_url(tmp_path / "a.db", "CREATE TABLE other (id INTEGER PRIMARY KEY)"), database.url)
    assert told["lease: EXCLUDE lease_key"] == ("kept", "")
