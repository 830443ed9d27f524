"""Columns that a server cannot render travel beside its digests, and nothing else of the comparison changes."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing

import pytest

from kora import _core
from kora.comparison import pushdown, pushed_listing
from kora.comparison.declared import Declared
from kora.comparison.mapping import ColumnMapping, Mapping, Rule, TableMapping
from kora.comparison.matching import match_catalogs
from kora.comparison.result import AskedStrategy, TableResult, VerificationResult
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.verify import VerifyOptions, verify_sides
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import Database as PostgresDatabase
from tests.servers import PostgresServer

COUNTS = ("source_rows", "target_rows", "mismatch", "missing_in_target", "extra_in_target", "outcome")
Rules = dict[str, dict[str, object]]


def both_ways(urls: tuple[str, str], rules: Rules | None = None, *, pushed: str = "pushdown") -> VerificationResult:
    """What push-down says, once streaming was seen to say the same of every table but for roots and readings."""
    results = {strategy: verified(urls, strategy, rules or {}) for strategy in ("pushdown", "stream")}
    for one, other in zip(results["pushdown"].tables, results["stream"].tables, strict=True):
        assert [getattr(one, name) for name in COUNTS] == [getattr(other, name) for name in COUNTS]
        assert told(one) == told(other)
        assert (one.losses, one.strategy) == (other.losses, pushed)
    return results["pushdown"]


def told(table: TableResult) -> list[str]:
    """What is said of rows; the name of a row without a key is of this comparison alone."""
    unnamed = {"key": ""} if any(each.key.startswith("row ") for each in table.findings) else {}
    return sorted(str(each.model_copy(update=unnamed)) for each in table.findings)


def verified(urls: tuple[str, str], strategy: AskedStrategy, rules: Rules) -> VerificationResult:
    with ExitStack() as stack:
        left, right = (stack.enter_context(closing(open_database(url))) for url in urls)
        sides = OpenSide(left, left.catalog(), urls[0]), OpenSide(right, right.catalog(), urls[1])
        options = VerifyOptions(
            migration_key=_core.DigestKey(bytes(32)), run_id="beside", strategy=strategy, show_values=True
        )
        pairs = match_catalogs(sides[0].catalog, sides[1].catalog)[0].tables
        return verify_sides(
            *sides, Declared(mapping=Mapping(tables=tuple(ruled(pair, rules) for pair in pairs))), options
        ).result


def ruled(pair: TableMapping, rules: Rules) -> TableMapping:
    columns: list[ColumnMapping] = [column.model_copy(update=rules.get(column.source, {})) for column in pair.columns]
    return pair.model_copy(update={"columns": tuple(columns)})


def only(result: VerificationResult) -> TableResult:
    (table,) = result.tables
    return table


@pytest.fixture
def sides(postgres_server: PostgresServer) -> tuple[PostgresDatabase, PostgresDatabase]:
    return postgres_server.create_database(), postgres_server.create_database()


Sides = tuple[PostgresDatabase, PostgresDatabase]


def made(sides: Sides, statements: Sequence[str]) -> tuple[str, str]:
    for side in sides:
        side.execute(*statements)
    return sides[0].url, sides[1].url


PAGES = (
    "CREATE TABLE page (id int PRIMARY KEY, title text, body xml, made timestamptz)",
    "INSERT INTO page SELECT n, 'page ' || n, ('<p>' || n % 50 || '</p>')::xml, to_timestamp(n)"
    " FROM generate_series(1, 3000) n",
)


def test_differences_in_columns_of_both_kinds_are_named_as_streaming_names_them(sides: Sides) -> None:
    urls = made(sides, PAGES)
    table = only(both_ways(urls))
    assert table.outcome == "match"
    assert "public.page.body: PostgreSQL has no exact rendering of xml" in table.strategy_reason
    assert "bytes, for columns travelled beside" in table.strategy_reason
    sides[1].execute(
        "UPDATE page SET body = '<p>other</p>' WHERE id = 7",
        "UPDATE page SET title = title || ' ' WHERE id = 8",
        "UPDATE page SET title = '', body = NULL WHERE id = 9",
        "DELETE FROM page WHERE id = 10",
        "INSERT INTO page (id) VALUES (0)",
    )
    table = only(both_ways(urls))
    assert (table.mismatch, table.missing_in_target, table.extra_in_target) == (3, 1, 1)


def test_values_that_changed_places_between_rows_are_differences(sides: Sides) -> None:
    urls = made(sides, PAGES)
    sides[1].execute(
        "UPDATE page SET body = CASE id WHEN 1 THEN '<p>2</p>' ELSE '<p>1</p>' END::xml WHERE id IN (1, 2)"
    )
    assert only(both_ways(urls)).mismatch == 2


def test_rows_without_a_key_are_counted_with_what_travels(sides: Sides) -> None:
    urls = made(
        sides,
        ("CREATE TABLE t (v int, x xml)", "INSERT INTO t SELECT n % 5, '<a/>' FROM generate_series(1, 1000) n"),
    )
    assert only(both_ways(urls)).outcome == "match"
    sides[1].execute("UPDATE t SET x = '<b/>' WHERE ctid IN (SELECT ctid FROM t WHERE v = 3 LIMIT 2)")
    table = only(both_ways(urls))
    assert (table.missing_in_target, table.extra_in_target) == (2, 2)


def test_policies_are_applied_and_counted_as_in_a_stream(sides: Sides) -> None:
    urls = made(
        sides,
        ("CREATE TABLE t (id int PRIMARY KEY, v text, w text)",
         "INSERT INTO t SELECT n, 'Name ' || n, 'w' || n FROM generate_series(1, 500) n"),
    )  # fmt: skip
    sides[1].execute("UPDATE t SET v = lower(v) WHERE id <= 40", "UPDATE t SET w = '' WHERE id = 3")
    table = only(both_ways(urls, {"v": {"policies": (Rule(rule="casefold"),)}}))
    assert [(loss.rule, loss.count) for loss in table.losses] == [("casefold", 500)]
    assert table.mismatch == 1


def test_a_key_that_is_read_otherwise_on_each_side_travels_whole(sides: Sides) -> None:
    for side, kind in zip(sides, ("text", "uuid"), strict=True):
        side.execute(
            f"CREATE TABLE t (part int, id {kind}, v text, PRIMARY KEY (part, id))",
            f"INSERT INTO t SELECT n % 3, md5(n::text)::uuid::{kind}, 'row ' || n FROM generate_series(1, 2000) n",
        )
    urls = sides[0].url, sides[1].url
    rules: Rules = {"id": {"source_representation": Rule(rule="uuid_text")}}
    table = only(both_ways(urls, rules))
    assert (table.outcome, [reading.read for reading in table.readings]) == ("match", [2000])
    sides[1].execute(
        "UPDATE t SET v = v || '.' WHERE id = md5('77')::uuid",
        "UPDATE t SET part = part + 5 WHERE id = md5('78')::uuid",
    )
    table = only(both_ways(urls, rules))
    assert (table.mismatch, table.missing_in_target, table.extra_in_target) == (1, 1, 1)


def test_a_key_alone_travels_and_leaves_the_rest_to_the_server(sides: Sides) -> None:
    for side, kind in zip(sides, ("text", "uuid"), strict=True):
        side.execute(
            f"CREATE TABLE t (id {kind} PRIMARY KEY, v text)",
            f"INSERT INTO t SELECT md5(n::text)::uuid::{kind}, 'row ' || n % 7 FROM generate_series(1, 300) n",
        )
    sides[1].execute("UPDATE t SET v = 'other' WHERE id = md5('5')::uuid")
    rules: Rules = {"id": {"source_representation": Rule(rule="uuid_text")}}
    assert only(both_ways((sides[0].url, sides[1].url), rules)).mismatch == 1


def test_a_tolerance_is_applied_to_rows_that_differ(sides: Sides) -> None:
    urls = made(
        sides,
        ("CREATE TABLE t (id int PRIMARY KEY, v float8)",
         "INSERT INTO t SELECT n, n / 3.0 FROM generate_series(1, 500) n"),
    )  # fmt: skip
    sides[1].execute("UPDATE t SET v = v * (1 + 2e-16) WHERE id <= 20", "UPDATE t SET v = v + 1 WHERE id = 100")
    table = only(both_ways(urls, {"v": {"policies": (Rule(rule="float_tolerance", argument="ulps,4"),)}}))
    assert table.mismatch == 1
    assert [loss.rule for loss in table.losses] == ["float_tolerance"]
    assert table.strategy_reason == ""


def test_more_rows_than_a_tolerance_looks_at_are_not_called_anything(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = made(
        sides,
        ("CREATE TABLE t (id int PRIMARY KEY, v float8)",
         "INSERT INTO t SELECT n, n / 3.0 FROM generate_series(1, 50) n"),
    )  # fmt: skip
    sides[1].execute("UPDATE t SET v = v * (1 + 2e-16)")
    monkeypatch.setattr(pushdown, "FORGIVEN_ROWS_LIMIT", 10)
    rules: Rules = {"v": {"policies": (Rule(rule="float_tolerance", argument="ulps,4"),)}}
    result = verified(urls, "pushdown", rules)
    assert (result.verdict, only(result).outcome) == ("not_proven", "not_run")
    assert only(verified(urls, "auto", rules)).outcome == "match"


@pytest.fixture
def near(mariadb_server: MariadbServer) -> Iterator[tuple[MariadbDatabase, MariadbDatabase]]:
    collation = mariadb_server.build.byte_collation
    one, other = (mariadb_server.create_database(f"CHARACTER SET utf8mb4 COLLATE {collation}") for _ in range(2))
    yield one, other


def test_texts_in_other_character_sets_travel_from_mariadb(near: tuple[MariadbDatabase, MariadbDatabase]) -> None:
    for side in near:
        side.execute(
            "CREATE TABLE t (id int PRIMARY KEY, v varchar(40) CHARACTER SET cp1251, d double, g geometry)",
            "INSERT INTO t VALUES (1, 'Москва', 0.1, POINT(1, 2)), (2, NULL, -1e300, NULL), (3, 'x', NULL, NULL)",
        )
    urls = near[0].url, near[1].url
    table = only(both_ways(urls))
    assert "t.v: texts in cp1251" in table.strategy_reason
    assert ".d:" not in table.strategy_reason
    near[1].execute("UPDATE t SET v = 'Москва ' WHERE id = 1", "UPDATE t SET d = -1.0000000000000002e300 WHERE id = 2")
    assert only(both_ways(urls)).mismatch == 2


def test_a_row_too_long_for_the_server_is_never_taken_for_equal(near: tuple[MariadbDatabase, MariadbDatabase]) -> None:
    for side, letter in zip(near, "ab", strict=True):
        side.execute(
            "CREATE TABLE t (id int PRIMARY KEY, v longtext, w varchar(9) CHARACTER SET cp1251)",
            f"INSERT INTO t VALUES (1, REPEAT('{letter}', 2000000), 'w')",
        )
    packet = near[0].query("SELECT @@GLOBAL.max_allowed_packet")[0][0]
    near[0].execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        result = verified((near[0].url, near[1].url), "pushdown", {})
    finally:
        near[0].execute(f"SET GLOBAL max_allowed_packet = {packet}")
    assert result.verdict == "not_proven"
    assert "longer than the server puts together" in only(result).strategy_reason


def test_many_differences_are_told_by_a_part_and_about_how_many_there_are(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = made(sides, PAGES)
    sides[1].execute("UPDATE page SET title = 'gone' WHERE id % 2 = 0")
    monkeypatch.setattr(pushed_listing, "LISTED_ROWS_LIMIT", 1_000)
    monkeypatch.setattr(pushed_listing, "PART_ROWS", 600)
    result = verified(urls, "pushdown", {})
    assert result.verdict == "different"
    assert 0 < only(result).mismatch <= 600
    assert only(result).strategy_reason.startswith("counts are at least")
    assert verified(urls, "auto", {}).tables[0].mismatch == 1_500


def test_a_bucket_of_nothing_but_equal_rows_is_listed_as_one(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed_listing, "LISTED_ROWS_LIMIT", 100)
    monkeypatch.setattr(pushed_listing, "PART_ROWS", 50)
    urls = made(sides, ("CREATE TABLE t (v int)", "INSERT INTO t SELECT 1 FROM generate_series(1, 5000)"))
    sides[1].execute("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)")
    result = verified(urls, "pushdown", {})
    table = only(result)
    assert (result.verdict, table.missing_in_target, table.extra_in_target) == ("different", 1, 0)
