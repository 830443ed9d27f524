"""What PostgreSQL 17 and 18 brought, as the catalog of `kora` has it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from kora.catalog import Catalog, Exclusion, Generated, Name
from kora.databases.base import Database
from kora.databases.registry import open_database
from tests.servers import PostgresServer

NEW_IN_18 = """
CREATE TABLE stay (room int4range, nights int4range, PRIMARY KEY (room, nights WITHOUT OVERLAPS));
CREATE TABLE bill (id uuid PRIMARY KEY DEFAULT uuidv7(), room int4range, nights int4range,
    CONSTRAINT bill_stay FOREIGN KEY (room, PERIOD nights) REFERENCES stay (room, PERIOD nights));
CREATE TABLE person (id int PRIMARY KEY, name text, email text CONSTRAINT reachable NOT NULL,
    shout text GENERATED ALWAYS AS (upper(name)) VIRTUAL, whisper text GENERATED ALWAYS AS (lower(name)) STORED,
    born int CONSTRAINT grown CHECK (born < 2008) NOT ENFORCED, friend int REFERENCES person NOT ENFORCED);
INSERT INTO person (id, name, email, born, friend) VALUES (1, 'Ada', 'a@b', 2020, 99), (2, NULL, 'c@d', 1990, NULL);
ALTER TABLE person ADD CONSTRAINT named NOT NULL name NOT VALID;
INSERT INTO stay VALUES ('[7,8)', '[1,3)'), ('[7,8)', '[3,5)');
INSERT INTO bill (room, nights) VALUES ('[7,8)', '[2,4)');
"""
IDENTITY_OF_A_PARTITIONED_TABLE = """
CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 10), at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO event (at) VALUES ('2025-05-05'), ('2025-06-06');
"""


def statements(script: str) -> list[str]:
    return [part for part in script.split(";") if part.strip()]


@contextmanager
def opened(server: PostgresServer, script: str, options: str = "") -> Iterator[Database]:
    database = server.create_database(options)
    database.execute(*statements(script))
    with closing(open_database(database.url)) as reader:
        yield reader


@pytest.fixture
def new_in_18(postgres_18: PostgresServer) -> Iterator[Database]:
    with opened(postgres_18, NEW_IN_18) as database:
        yield database


def names(catalog: Catalog, what: str) -> list[str]:
    return [item.name for item in catalog.not_modelled if item.what == what]


def test_a_key_without_overlaps_is_an_exclusion_and_no_key(new_in_18: Database) -> None:
    stay = new_in_18.catalog().table(Name("public", "stay"))
    assert (stay.primary_key, stay.unique_keys, stay.indexes) == (None, (), ())
    text = "PRIMARY KEY (room, nights WITHOUT OVERLAPS)"
    assert stay.exclusions == (Exclusion("stay_pkey", ("room", "nights"), text),)
    assert [column.nullable for column in stay.columns] == [False, False]


def test_a_reference_over_periods_is_told_from_one_between_equal_values(new_in_18: Database) -> None:
    catalog = new_in_18.catalog()
    (key,) = catalog.table(Name("public", "bill")).foreign_keys
    assert (key.name, key.columns, key.temporal, key.validated) == ("bill_stay", ("room", "nights"), True, True)


def test_a_column_that_only_promises_to_hold_no_null_may_hold_one(new_in_18: Database) -> None:
    catalog = new_in_18.catalog()
    person = catalog.table(Name("public", "person"))
    nullable = {column.name for column in person.columns if column.nullable}
    assert nullable == {"name", "shout", "whisper", "born", "friend"}
    assert names(catalog, "not null not validated") == ["public.person.named"]


def test_the_name_of_a_not_null_that_somebody_chose_is_told(new_in_18: Database) -> None:
    assert names(new_in_18.catalog(), "name of a not null") == ["public.person.reachable"]


def test_constraints_that_are_not_enforced_are_named_and_are_no_constraints(new_in_18: Database) -> None:
    catalog = new_in_18.catalog()
    person = catalog.table(Name("public", "person"))
    assert (person.checks, person.foreign_keys) == ((), ())
    assert names(catalog, "constraint not enforced") == ["public.person.grown", "public.person.person_friend_fkey"]
    assert names(catalog, "check not validated") == []


def test_generated_columns_say_whether_they_are_stored_and_both_are_read(new_in_18: Database) -> None:
    person = new_in_18.catalog().table(Name("public", "person"))
    generated = {column.name: column.generated for column in person.columns if column.generated}
    assert generated == {
        "shout": Generated("upper(name)", stored=False),
        "whisper": Generated("lower(name)", stored=True),
    }
    read = new_in_18.rows(person, ["id", "shout", "whisper"]).shown(9)
    assert sorted([text for _, text in row] for row in read) == [["1", "ADA", "ada"], ["2", None, None]]


def test_the_identity_of_a_partitioned_table_is_the_table_s_own(postgres_18: PostgresServer) -> None:
    with opened(postgres_18, IDENTITY_OF_A_PARTITIONED_TABLE) as database:
        event = database.catalog().table(Name("public", "event"))
        identity = event.columns[0].identity
        assert identity is not None and (identity.always, identity.start) == (True, 10)
        assert [str(child) for child in event.partitioning.children] == ["public.event_2025"]
        assert [row[0][1] for row in database.rows(event, ["id"]).shown(9)] == ["10", "11"]


def test_who_orders_the_text_is_told_where_it_is_not_the_c_library(
    postgres_18: PostgresServer, postgres_16: PostgresServer
) -> None:
    builtin = "TEMPLATE template0 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
    with opened(postgres_18, "SELECT 1", builtin) as database:
        facts = database.catalog().facts
        assert (facts["collation_provider"], facts["locale"]) == ("builtin", "C.UTF-8")
    with opened(postgres_16, "SELECT 1") as database:
        assert "collation_provider" not in database.catalog().facts
