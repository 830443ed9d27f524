"""Workloads with what makes comparing hard: each answer is judged rightly or not decidable, never wrongly equal."""

import time
from pathlib import Path

import pytest

from tests.integration.test_behavior import asked, duckdb_url, home, record, run, sqlite_url
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

__all__ = ["home"]
NUMBERS = (
    "CREATE TABLE n (id INTEGER NOT NULL PRIMARY KEY, x DOUBLE PRECISION NOT NULL, t VARCHAR(20), e INTEGER)",
    "INSERT INTO n VALUES (1, 1e16, 'b', 1), (2, 1, 'B', NULL), (3, -1e16, 'a', 2), (4, 0.1, '', NULL),"
    " (5, 0.2, 'ä', 3)",
)
FOREVER = "select count(*) from many a, many b, many c, many d where (a.id * b.id + c.id * d.id) % 10007 = -1"
MANY = ("CREATE TABLE many (id INTEGER NOT NULL PRIMARY KEY)",
        "INSERT INTO many VALUES " + ", ".join(f"({n})" for n in range(1, 501)))  # fmt: skip
ENGINES = ["sqlite", "duckdb", "postgresql", "mariadb"]


def url_of(engine: str, name: str, home: Path, request: pytest.FixtureRequest, *statements: str) -> str:
    """A database of an engine with these statements done."""
    if engine == "sqlite":
        return sqlite_url(home / f"{name}.db", *statements)
    if engine == "duckdb":
        return duckdb_url(home / f"{name}.duckdb", *statements)
    server = request.getfixturevalue("postgres_server" if engine == "postgresql" else "mariadb_server")
    made: Database | MariadbDatabase = server.create_database()
    made.execute(*statements)
    return made.url


def judged(
    capsys: pytest.CaptureFixture[str], home: Path, first: str, second: str, workload: str, *more: str
) -> dict[str, tuple[str, str]]:
    """Outcome and detail of each query of a workload in SQLite's or PostgreSQL's common SQL."""
    (home / "w.sql").write_text(workload)
    for url, name in ((first, "a.kbh"), (second, "b.kbh")):
        record(capsys, home, url, name, *asked(home), *more)
    _, told = run(capsys, "compare", str(home / "a.kbh"), str(home / "b.kbh"))
    return {query["name"]: (query["outcome"], query["detail"]) for query in told["queries"]}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_query_that_runs_forever_is_ended_and_the_next_one_is_answered(
    engine: str, home: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    url = url_of(engine, "a", home, request, *MANY)
    rows = "select a.id from many a, many b, many c, many d"
    workload = f"-- name: forever\n{FOREVER};\n-- name: rows\n{rows};\n-- name: next\nselect count(*) from many;"
    begin = time.monotonic()
    told = judged(capsys, home, url, url, workload, "--query-seconds", "1")
    assert time.monotonic() - begin < 120
    why = "source: it takes longer than 1 s, and was ended"
    assert told == {"forever": ("not_decidable", why), "rows": ("not_decidable", why), "next": ("equal", "")}


@pytest.mark.parametrize("engine", ENGINES)
def test_clocks_chance_limits_and_unordered_aggregates_are_not_decidable_on_a_twin(
    engine: str, home: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    first, second = (url_of(engine, name, home, request, *NUMBERS) for name in "ab")
    chance = {"mariadb": "rand()"}.get(engine, "random()")
    workload = f"""
    -- name: clock
    select current_timestamp;
    -- name: chance
    select id from n where x > {chance};
    -- name: limit
    select id from n limit 2;
    -- name: tied-limit
    select id from n order by e limit 2;
    -- name: whole-limit
    select id from n order by id limit 2;
    -- name: any-order
    select t from n;
    """
    told = {name: outcome for name, (outcome, _) in judged(capsys, home, first, second, workload).items()}
    assert told == {"clock": "not_decidable", "chance": "not_decidable", "limit": "not_decidable",
                    "tied-limit": "not_decidable", "whole-limit": "equal", "any-order": "equal"}  # fmt: skip


def test_sums_of_floats_that_came_in_another_order_are_not_decidable_and_other_sums_differ(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = duckdb_url(home / "a.duckdb", *NUMBERS)
    second = sqlite_url(home / "b.db", NUMBERS[0], NUMBERS[1], "UPDATE n SET e = 9 WHERE id = 1")
    workload = """
    -- name: floats
    select sum(x) as s from (select x from n order by id desc) as o;
    -- name: hidden
    select case when sum(x) > 1.2 then 1 else 0 end as much from n;
    -- name: integers
    select sum(e) as s from n;
    -- name: largest
    select max(x) as s from n;
    """
    told = judged(capsys, home, first, second, workload)
    assert told["floats"][0] in ("equal", "not_decidable")
    assert told["hidden"][0] in ("equal", "not_decidable")
    assert told["integers"][0] == "different"
    assert told["largest"][0] == "equal"


def test_nulls_first_or_last_and_a_collations_order_are_seen(
    home: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    urls = {engine: url_of(engine, engine, home, request, *NUMBERS) for engine in ENGINES}
    workload = (
        "-- name: nulls\nselect e, id from n order by e, id;\n-- name: texts\nselect t, id from n order by t, id;\n"
    )
    (home / "w.sql").write_text(workload)
    for engine, url in urls.items():
        record(capsys, home, url, f"{engine}.kbh", *asked(home))

    def outcome(first: str, second: str) -> dict[str, str]:
        _, told = run(capsys, "compare", str(home / f"{first}.kbh"), str(home / f"{second}.kbh"))
        return {query["name"]: query["outcome"] for query in told["queries"]}

    # PostgreSQL and DuckDB put NULL last, SQLite and MariaDB first; MariaDB's collation looks at no case.
    assert outcome("sqlite", "postgresql") == {"nulls": "order_differs", "texts": "equal"}
    assert outcome("sqlite", "mariadb") == {"nulls": "equal", "texts": "order_differs"}
    assert outcome("duckdb", "postgresql") == {"nulls": "equal", "texts": "equal"}
    assert outcome("duckdb", "mariadb")["nulls"] == "order_differs"


def test_errors_are_equal_by_class_and_two_without_a_name_are_not_decidable(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database
) -> None:
    user = f"poor_{postgres_database.settings['dbname']}"
    postgres_database.execute(
        *NUMBERS, "CREATE FUNCTION fails(n integer) RETURNS integer LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no %', n USING ERRCODE = 'P1234'; END $$",
        f"CREATE ROLE {user} LOGIN PASSWORD 'open sesame'",
        "CREATE TABLE secret (id integer PRIMARY KEY)", f"GRANT SELECT ON n TO {user}",
    )  # fmt: skip
    workload = """
    -- name: zero
    select 1 / (id - id) from n;
    -- name: own
    select fails(id) from n;
    -- name: forbidden
    select id from secret;
    -- name: after
    select count(*) from n;
    """
    url = postgres_database.url
    poor = Database({**postgres_database.settings, "user": user, "password": "open sesame"}).url
    told = judged(capsys, home, url, url, workload)
    assert told["zero"] == ("equal", "both refuse: division by zero")
    assert told["own"] == ("not_decidable", "both refuse, for reasons that have no common name")
    told = judged(capsys, home, url, poor, workload)
    assert told["forbidden"] == ("different", "source answers, target refuses (not permitted)")
    assert told["after"] == ("equal", "")


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "postgresql"])
def test_a_large_result_is_compared_row_by_row_and_one_row_more_is_seen(
    engine: str, home: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    first = url_of(engine, "a", home, request, *MANY)
    second = url_of(engine, "b", home, request, *MANY, "UPDATE many SET id = 501 WHERE id = 500")
    workload = """
    -- name: pairs
    select a.id, b.id from many a, many b;
    -- name: low
    select a.id, b.id from many a, many b where a.id < 500 and b.id < 500;
    """
    told = judged(capsys, home, first, second, workload)
    assert told == {"pairs": ("different", "the rows differ"), "low": ("equal", "")}
