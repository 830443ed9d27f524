"""PostgreSQL 15, 16 and 18 as sources and targets of each other."""

from pathlib import Path

import pytest

from tests.e2e.migrating import file_url, migrate, run_kora
from tests.e2e.rich_postgresql import PROGRAM_LOSSES, RICH
from tests.integration.test_postgresql_versions import NEW_IN_18, statements
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

CONSTRAINTS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 0 ORDER BY 1, 2"""
PERIOD = ("foreign_key", "foreign key public.bill(room, nights) -> public.stay(room, nights)")


def rich(server: PostgresServer) -> Database:
    database = server.create_database()
    database.execute(*RICH)
    return database


def constraints(database: Database) -> dict[tuple[object, ...], object]:
    with database.connect() as connection:
        return {tuple(row[:2]): row[2] for row in connection.execute(CONSTRAINTS.encode()).fetchall()}


@pytest.mark.parametrize("way", ["15 to 18", "18 to 15", "16 to 18"])
def test_a_rich_database_moves_between_versions_and_is_verified_there(
    way: str, postgres_server: PostgresServer, postgres_16: PostgresServer, postgres_18: PostgresServer
) -> None:
    servers = {"15": postgres_server, "16": postgres_16, "18": postgres_18}
    older, newer = (servers[version] for version in way.split(" to "))
    source, target = rich(older), newer.create_database()
    said = migrate(source.url, target.url)
    assert (said.code, said.verdict, said.rows) == (5, "equivalent_with_declared_loss", 11)
    assert sorted(said.losses) == PROGRAM_LOSSES
    assert constraints(source).items() <= constraints(target).items()
    verified = run_kora("verify", source.url, target.url, "--json", "--accept-loss", "partitioning")
    assert {table["outcome"] for table in verified.body["tables"]} == {"match"}
    target.execute("UPDATE child SET price = price + 0.01 WHERE id = 1")
    assert run_kora("verify", source.url, target.url, "--json").verdict == "different"


def test_what_only_18_has_reaches_another_18_but_for_what_the_plan_names(postgres_18: PostgresServer) -> None:
    source, target = postgres_18.create_database(), postgres_18.create_database()
    source.execute(*statements(NEW_IN_18))
    said = migrate(source.url, target.url)
    assert (said.verdict, said.losses) == ("equivalent_with_declared_loss", [PERIOD])
    assert constraints(target)["stay", "stay_pkey"] == "PRIMARY KEY (room, nights WITHOUT OVERLAPS)"
    notes = " ".join(said.plan["notes"])
    for name in ("public.person.grown", "public.person.person_friend_fkey", "public.person.named", "reachable"):
        assert name in notes, name
    with target.connect() as connection:
        rows = connection.execute("SELECT id, name, shout, whisper FROM person ORDER BY id").fetchall()
        assert rows == [(1, "Ada", "ADA", "ada"), (2, None, None, None)]
        (made,) = connection.execute("INSERT INTO bill DEFAULT VALUES RETURNING uuid_extract_version(id)").fetchall()
        assert made == (7,)


def test_what_only_18_has_is_refused_by_name_where_an_older_version_lacks_it(
    postgres_18: PostgresServer, postgres_database: Database
) -> None:
    source = postgres_18.create_database()
    source.execute(*statements(NEW_IN_18))
    said = migrate(source.url, postgres_database.url)
    assert {table["outcome"] for table in said.body["tables"]} == {"match"}
    assert sorted(said.losses) == [
        ("default", "default public.bill.id"),
        ("exclusion_constraint", "exclusion constraint public.stay.stay_pkey"),
        PERIOD,
    ]
    assert [item["reason"] for item in said.plan["refused"]] == [
        "function uuidv7() does not exist",
        'syntax error at or near "WITHOUT"',
    ]


ENDLESS = (
    "CREATE TABLE span (id int PRIMARY KEY, v interval, w interval[])",
    "INSERT INTO span VALUES (1, 'infinity', '{-infinity,1 day}'), (2, '-infinity', NULL),"
    " (3, '-2 mons 3 days 00:00:00.5', '{}'), (4, NULL, '{NULL}')",
)
LONGEST = "2147483647 mons 2147483647 days 2562047788:00:54.775807"


def spans(database: Database) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute("SELECT id, v::text, w::text FROM span ORDER BY id").fetchall()


def test_infinite_intervals_arrive_between_servers_that_have_them(postgres_18: PostgresServer) -> None:
    source, target = postgres_18.create_database(), postgres_18.create_database()
    source.execute(*ENDLESS)
    said = migrate(source.url, target.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    assert spans(target) == spans(source)
    assert spans(target)[0] == (1, "infinity", '{-infinity,"1 day"}')


def test_infinite_intervals_have_a_form_that_the_server_renders_too(postgres_18: PostgresServer) -> None:
    source, target = postgres_18.create_database(), postgres_18.create_database()
    for side in (source, target):
        side.execute("CREATE TABLE span (id int PRIMARY KEY, v interval)")
        side.execute("INSERT INTO span VALUES (1, 'infinity'), (2, '-infinity'), (3, '1 mon -1 day')")
    assert run_kora("verify", source.url, target.url, "--strategy", "pushdown", "--json").verdict == "equivalent"
    target.execute("UPDATE span SET v = '1 mon 29 days' WHERE id = 2")
    said = run_kora("verify", source.url, target.url, "--strategy", "pushdown", "--json")
    assert said.tables["public.span"]["mismatch"] == 1


def test_an_older_server_gets_no_infinite_interval_and_a_newer_one_none_that_only_looks_like_it(
    postgres_18: PostgresServer, postgres_database: Database
) -> None:
    source = postgres_18.create_database()
    source.execute(*ENDLESS)
    said = migrate(source.url, postgres_database.url)
    assert [row[0] for row in spans(postgres_database)] == [3, 4]
    assert said.tables["public.span"]["missing_in_target"] == 2
    reasons = (said.run_folder / "quarantine.jsonl").read_text()
    assert reasons.count("infinity, which intervals of PostgreSQL have from version 17 on") == 2
    older, newer = postgres_database, postgres_18.create_database()
    older.execute(
        "DROP SCHEMA IF EXISTS _sensei CASCADE",
        "TRUNCATE span",
        f"INSERT INTO span VALUES (1, '{LONGEST}', '{{}}'), (2, '1 day', NULL)",
    )
    said = migrate(older.url, newer.url)
    assert spans(newer) == [(2, "1 day", None)]
    assert "takes for an infinity" in (said.run_folder / "quarantine.jsonl").read_text()


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "parquet"])
def test_infinite_intervals_stand_as_text_where_no_interval_is_infinite(
    postgres_18: PostgresServer, tmp_path: Path, engine: str
) -> None:
    source = postgres_18.create_database()
    source.execute("CREATE TABLE span (id int PRIMARY KEY, v interval)")
    source.execute("INSERT INTO span VALUES (1, 'infinity'), (2, '1 day'), (3, '-infinity')")
    said = migrate(source.url, file_url(engine, tmp_path / engine))
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    column = said.column("public.span", "v")
    assert column["target_type"] in ("TEXT", "VARCHAR")
    assert "interval_iso" in str(column["target_representation"])
