"""What servers digest of their own rows is what the core digests of them; and what push-down says of tables."""

import itertools
import json
import math
import os
import random
import secrets
import socket
import sqlite3
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from kora import _core, cli
from kora.catalog import Catalog, Table
from kora.comparison import pushdown, pushed_listing
from kora.comparison.declared import Declared
from kora.comparison.mapping import ColumnMapping, TableMapping
from kora.comparison.result import AskedStrategy, TableResult, VerificationResult
from kora.databases.base import Database
from kora.databases.opening import OpenSide
from kora.databases.pushdown import PushesDown, PushRequest, Within
from kora.databases.registry import open_database
from kora.errors import InvalidRequest
from kora.verify import VerifyOptions, verify_sides
from tests.corpus.clients import statements
from tests.corpus.kinds import Kind
from tests.corpus.moving import KINDS as KINDS_OF
from tests.mariadb_server import MariadbDatabase, MariadbServer, numbers
from tests.servers import Database as PostgresDatabase
from tests.servers import PostgresServer

REFUSED = {
    "postgresql": {"array_of_composites", "box", "circle", "hstore", "path", "polygon", "regclass", "xml"},
    "mariadb": {"cp1251", "gb18030", "ucs2", "vector"},
}  # fmt: skip
"""Kinds of the corpus that the servers cannot render exactly; each other one they must."""


@pytest.fixture(scope="module")
def corpora(postgres_server: PostgresServer, mariadb_server: MariadbServer) -> dict[str, str]:
    postgres = postgres_server.create_database()
    postgres.execute(*statements(KINDS_OF["postgresql"], "integer"))
    mariadb = mariadb_server.create_database(f"CHARACTER SET utf8mb4 COLLATE {mariadb_server.build.byte_collation}")
    loose = ("SET sql_mode = 'ALLOW_INVALID_DATES'", "SET time_zone = '+00:00'")
    mariadb.execute(*loose, *statements(KINDS_OF["mariadb"], "integer"))
    return {"postgresql": postgres.url, "mariadb": mariadb.url}


@pytest.fixture(scope="module")
def opened(corpora: dict[str, str]) -> Iterator[dict[str, tuple[Database, Catalog]]]:
    with ExitStack() as stack:
        databases = {name: stack.enter_context(closing(open_database(url))) for name, url in corpora.items()}
        yield {name: (database, database.catalog()) for name, database in databases.items()}


KINDS = [(engine, kind) for engine in ("postgresql", "mariadb") for kind in KINDS_OF[engine]]


@pytest.mark.parametrize(("engine", "kind"), KINDS, ids=[f"{engine}-{kind.name}" for engine, kind in KINDS])
def test_a_server_digests_every_value_as_the_core_does_or_refuses_its_kind(
    engine: str, kind: Kind, opened: dict[str, tuple[Database, Catalog]]
) -> None:
    database, catalog = opened[engine]
    assert isinstance(database, PushesDown)
    table = next(table for table in catalog.tables if table.name.name == kind.table)
    refused = database.push_refusals(table, ["id", "v"])
    assert (set(refused) == {"v"}) == (kind.name in REFUSED[engine]), refused
    if refused:
        return
    salt = secrets.token_hex(32)
    at_server = database.push_sums(PushRequest(table, ("id", "v"), ("id",), salt), 3)
    columns = tuple(ColumnMapping(source=name, target=name) for name in ("id", "v"))
    profile = TableMapping(source=table.name, target=table.name, columns=columns, key=("id",)).profile()
    here = _core.pushdown_sums(database.rows(table, ["id", "v"]), profile, "source", salt, 3, [])
    assert (at_server.rows, list(at_server.words)) == (here.total[0], list(here.total[1]))
    assert at_server.buckets == {number: (rows, word % (1 << 63)) for number, rows, word in here.buckets}
    within = Within(3, frozenset(at_server.buckets))
    listed = _core.pushdown_digests(
        database.rows(table, ["id", "v"]), profile, "source", salt, (3, set(within.buckets)), 1_000, []
    )
    assert sorted(database.push_digests(PushRequest(table, ("id", "v"), ("id",), salt), within, 1_000)) == sorted(
        listed
    )


def test_every_byte_of_latin1_is_digested_as_the_core_reads_it(mariadb_database: MariadbDatabase) -> None:
    mariadb_database.execute(
        "CREATE TABLE k_latin (id int PRIMARY KEY, v varchar(10) CHARACTER SET latin1)",
        f"INSERT INTO k_latin SELECT n - 1, CAST(CHAR(n - 1) AS BINARY) FROM {numbers(256)}",
    )
    with closing(open_database(mariadb_database.url)) as database:
        kind = Kind("latin", "varchar(10)", ())
        test_a_server_digests_every_value_as_the_core_does_or_refuses_its_kind(
            "mariadb", kind, {"mariadb": (database, database.catalog())}
        )


STRUCTURED = (
    'CREATE TYPE place AS ("it\'s" text, "größe ""x""" int[], when_ tstzrange, "no" float8)',
    "CREATE TYPE mood AS ENUM ('low', 'high')",
    "CREATE DOMAIN few AS int[] CHECK (cardinality(VALUE) < 9)",
    "CREATE TYPE inner_ AS (p place, m mood[])",
    "CREATE TABLE k_s (id int PRIMARY KEY, a place, b inner_, c few, d text[], e tstzrange[], f point[],"
    " g int8multirange, h numeric[], i inet[], j textual[])",
)


def test_structures_within_structures_are_digested_as_the_core_reads_them(postgres_database: PostgresDatabase) -> None:
    record = """('a|b', ARRAY[1,NULL,3], '["2020-01-01 00:00:00+00",infinity)', 'NaN')::place"""
    postgres_database.execute(
        *STRUCTURED[:-1],
        "CREATE TYPE textual AS RANGE (subtype = text)",
        STRUCTURED[-1],
        "INSERT INTO k_s (id) VALUES (1)",
        "INSERT INTO k_s VALUES (2, (NULL, NULL, NULL, NULL), ((NULL, NULL, NULL, NULL), NULL), '{}', '{}', '{}', '{}',"
        " '{}', '{}', '{}', '{}')",
        "INSERT INTO k_s (id, b) VALUES (3, (NULL, NULL)), (4, (NULL, '{}'))",
        f"INSERT INTO k_s VALUES (5, {record}, ({record}, '{{low,NULL}}'), '[3:4]={{1,2}}',"
        " '{{a,b},{\"\",NULL}}',"
        " ARRAY['empty'::tstzrange, '(,)', NULL, '[-infinity,2020-01-01 00:00:00+00]'], ARRAY[point(1, -0.0), NULL],"
        " '{[1,3),[7,)}', '{1.500,NaN,-0.0}', '{10.0.0.0/8,::1}', ARRAY['[a,b)'::textual, '(\"a,\",\"b]\"]'])",
        "INSERT INTO k_s (id, d) VALUES (6, '[0:1][-1:0]={{x,S1:x},{N,é}}'), (7, ARRAY['x,t1:y']),"
        " (8, ARRAY['x', 'y'])",
    )
    with closing(open_database(postgres_database.url)) as database:
        assert isinstance(database, PushesDown)
        catalog = database.catalog()
        table = next(table for table in catalog.tables if table.name.name == "k_s")
        columns = [column.name for column in table.columns]
        assert database.push_refusals(table, columns) == {}
        for name in columns[1:]:
            alone = replace(table, columns=tuple(each for each in table.columns if each.name in ("id", name)))
            assert_digested_alike(database, alone)


def assert_digested_alike(database: Database, table: Table) -> None:
    assert isinstance(database, PushesDown)
    columns, salt = tuple(column.name for column in table.columns), secrets.token_hex(32)
    at_server = database.push_sums(PushRequest(table, columns, ("id",), salt), 2)
    pairs = tuple(ColumnMapping(source=name, target=name) for name in columns)
    profile = TableMapping(source=table.name, target=table.name, columns=pairs, key=("id",)).profile()
    here = _core.pushdown_sums(database.rows(table, columns), profile, "source", salt, 2, [])
    assert (at_server.rows, at_server.words) == (here.total[0], tuple(here.total[1])), columns


NEWER = ("postgresql 16", "postgresql 18")


@pytest.mark.parametrize("version", NEWER)
def test_later_versions_of_postgresql_digest_every_value_as_the_core_does(
    version: str, postgres_16: PostgresServer, postgres_18: PostgresServer
) -> None:
    database = (postgres_16 if version == "postgresql 16" else postgres_18).create_database()
    built_without = {"xml", "citext", "hstore"}
    kinds = [kind for kind in KINDS_OF["postgresql"] if kind.name not in built_without]
    database.execute(*statements(kinds, "integer"))
    with closing(open_database(database.url)) as reading:
        opened = {"postgresql": (reading, reading.catalog())}
        for kind in kinds:
            test_a_server_digests_every_value_as_the_core_does_or_refuses_its_kind("postgresql", kind, opened)


def doubles(count: int, seed: int) -> list[float]:
    """Of every exponent and sign, the smallest and the largest, and both zeros."""
    draw = random.Random(seed)
    drawn = (struct.unpack("<d", draw.randbytes(8))[0] for _ in range(2 * count))
    edges = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, sys.float_info.max, -sys.float_info.max, 0.1, 1 / 3]
    return [*edges, *itertools.islice(filter(math.isfinite, drawn), count)]


def test_every_double_is_digested_by_its_bits(
    mariadb_database: MariadbDatabase, postgres_database: PostgresDatabase
) -> None:
    values = doubles(3_000, 17)
    singles = [value if abs(value) < 3e38 else value / 1e300 for value in values]
    listed = ", ".join(f"({n}, '{a!r}', '{b!r}')" for n, (a, b) in enumerate(zip(values, singles, strict=True)))
    # Singles are MariaDB's alone: which one is the nearest to a decimal, each engine decides by itself.
    mariadb_database.execute(
        "CREATE TABLE k_d (id int PRIMARY KEY, v double, w float)", f"INSERT INTO k_d VALUES {listed}"
    )
    postgres_database.execute(
        "CREATE TABLE k_d (id int PRIMARY KEY, v float8)", f"INSERT INTO k_d VALUES {listed_of(values)}"
    )
    for engine, url in (("mariadb", mariadb_database.url), ("postgresql", postgres_database.url)):
        with closing(open_database(url)) as database:
            assert isinstance(database, PushesDown)
            (table,) = database.catalog().tables
            assert_digested_alike(database, table)
            assert database.row_count(table) == len(values), engine
    # MariaDB reads the text '-0' as a positive zero.
    mariadb_database.execute("ALTER TABLE k_d DROP COLUMN w", "DELETE FROM k_d WHERE v = 0")
    postgres_database.execute("DELETE FROM k_d WHERE v = 0")
    assert only(verified((mariadb_database.url, postgres_database.url))).outcome == "match"


def listed_of(values: Sequence[float]) -> str:
    return ", ".join(f"({n}, '{value!r}')" for n, value in enumerate(values))


def verified(
    urls: tuple[str, str], strategy: AskedStrategy = "pushdown", *, findings_limit: int = 100
) -> VerificationResult:
    with ExitStack() as stack:
        left, right = (stack.enter_context(closing(open_database(url))) for url in urls)
        options = VerifyOptions(
            migration_key=_core.DigestKey(bytes(32)), run_id="push", strategy=strategy, findings_limit=findings_limit,
            show_values=True,
        )  # fmt: skip
        sides = OpenSide(left, left.catalog(), urls[0]), OpenSide(right, right.catalog(), urls[1])
        return verify_sides(*sides, Declared(), options).result


def only(result: VerificationResult) -> TableResult:
    (table,) = result.tables
    return table


Sides = tuple[PostgresDatabase, PostgresDatabase]


@pytest.fixture
def sides(postgres_server: PostgresServer) -> Sides:
    return postgres_server.create_database(), postgres_server.create_database()


def made(sides: Sides, *statements_of_both: str) -> tuple[str, str]:
    for side in sides:
        side.execute(*statements_of_both)
    return sides[0].url, sides[1].url


VISITS = (
    "CREATE TABLE visit (id int PRIMARY KEY, v text)",
    "INSERT INTO visit SELECT n, 'visit ' || n FROM generate_series(1, 30000) n",
)


def test_few_differences_in_a_large_table_are_cut_finer_and_named_as_streaming_names_them(sides: Sides) -> None:
    urls = made(sides, *VISITS)
    sides[1].execute(
        "UPDATE visit SET v = v || ' ' WHERE id % 300 = 7",
        "DELETE FROM visit WHERE id = 5",
        "INSERT INTO visit VALUES (0)",
    )
    pushed, streamed = only(verified(urls)), only(verified(urls, "stream"))
    assert pushed.strategy == "pushdown"
    assert (pushed.mismatch, pushed.missing_in_target, pushed.extra_in_target) == (100, 1, 1)
    same = ("mismatch", "missing_in_target", "extra_in_target", "source_rows", "target_rows", "outcome")
    assert [getattr(pushed, name) for name in same] == [getattr(streamed, name) for name in same]
    assert {one.key for one in pushed.findings} <= {f"id={n}" for n in range(7, 30_000, 300)}
    details = {one.key: one for one in streamed.findings}
    shared = [one for one in pushed.findings if one.key in details]
    assert shared
    assert all(details[one.key] == one for one in shared)


def test_equal_rows_of_a_table_without_a_key_are_counted(sides: Sides) -> None:
    urls = made(sides, "CREATE TABLE t (v int)", "INSERT INTO t SELECT n % 5 FROM generate_series(1, 1000) n")
    assert only(verified(urls)).outcome == "match"
    sides[0].execute("INSERT INTO t VALUES (1), (1)")
    sides[1].execute("INSERT INTO t VALUES (2), (2)")
    table = only(verified(urls))
    assert (table.mismatch, table.missing_in_target, table.extra_in_target) == (0, 2, 2)
    assert {(one.outcome, one.columns[0].source_value) for one in table.findings if one.columns} == {
        ("missing_in_target", "1"), ("extra_in_target", "1")
    }  # fmt: skip


def test_more_differences_than_are_listed_are_told_as_at_least_and_stay_different(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = made(sides, *VISITS)
    sides[1].execute("UPDATE visit SET v = 'gone'")
    monkeypatch.setattr(pushed_listing, "LISTED_ROWS_LIMIT", 20_000)
    result = verified(urls)
    assert result.verdict == "different"
    assert 0 < only(result).mismatch <= 20_000
    assert only(result).strategy_reason.startswith("counts are at least")
    assert [item.name for item in result.not_checked if item.what == "differences"] == ["public.visit"]
    exact = only(verified(urls, "auto"))
    assert (exact.mismatch, exact.strategy) == (30_000, "stream")


def test_tables_of_more_columns_than_a_function_takes_are_digested_whole(sides: Sides) -> None:
    columns = ", ".join(f"c{n} int DEFAULT {n}" for n in range(250))
    urls = made(sides, f"CREATE TABLE wide (id int PRIMARY KEY, {columns})", "INSERT INTO wide VALUES (1), (2)")
    assert only(verified(urls)).outcome == "match"
    sides[1].execute("UPDATE wide SET c249 = 0 WHERE id = 2")
    (finding,) = only(verified(urls)).findings
    assert (finding.key, [column.column for column in finding.columns]) == ("id=2", ["c249"])


def test_a_database_in_another_encoding_has_nothing_to_digest_and_is_streamed(postgres_server: PostgresServer) -> None:
    latin = postgres_server.create_database("TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    latin.execute("CREATE TABLE t (v text)", "INSERT INTO t VALUES ('plain')")
    table = only(verified((latin.url, latin.url)))
    assert (table.outcome, table.strategy) == ("match", "stream")
    assert "no column is left to digest" in table.strategy_reason
    assert "LATIN1" in table.strategy_reason


def test_a_row_that_the_server_cannot_put_together_is_never_taken_for_equal(mariadb_server: MariadbServer) -> None:
    sides = [
        mariadb_server.create_database(f"CHARACTER SET utf8mb4 COLLATE {mariadb_server.build.byte_collation}")
        for _ in range(2)
    ]
    packet = mariadb_server.create_database().query("SELECT @@GLOBAL.max_allowed_packet")[0][0]
    for side, letter in zip(sides, "ab", strict=True):
        side.execute(
            "CREATE TABLE t (id int PRIMARY KEY, v longtext)", f"INSERT INTO t VALUES (1, REPEAT('{letter}', 2000000))"
        )
    sides[0].execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        result = verified((sides[0].url, sides[1].url))
    finally:
        sides[0].execute(f"SET GLOBAL max_allowed_packet = {packet}")
    assert result.verdict == "not_proven"
    assert "max_allowed_packet" in only(result).strategy_reason


def test_a_side_without_a_server_is_read_here_and_its_rules_apply(tmp_path: Path, sides: Sides) -> None:
    with closing(sqlite3.connect(tmp_path / "near.db")) as near:
        near.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, made TEXT, yes INTEGER)")
        near.execute("INSERT INTO t VALUES (1, '2020-01-31', 1), (2, '0044-03-15', 0), (3, NULL, NULL)")
        near.commit()
    sides[1].execute(
        "CREATE TABLE t (id int PRIMARY KEY, made date, yes boolean)",
        "INSERT INTO t VALUES (1, '2020-01-31', true), (2, '0044-03-15', false), (3, NULL, NULL)",
    )
    (tmp_path / "map.json").write_text(json.dumps({"tables": [{
        "source": {"schema": "", "name": "t"}, "target": {"schema": "public", "name": "t"},
        "columns": [
            {"source": "id", "target": "id"},
            {"source": "made", "target": "made",
             "source_representation": {"rule": "text_date", "argument": "%Y-%m-%d"}},
            {"source": "yes", "target": "yes", "source_representation": {"rule": "bool01"}},
        ],
    }]}))  # fmt: skip
    near_url = f"sqlite:///{tmp_path / 'near.db'}"
    arguments = ["verify", near_url, sides[1].url, "--map", str(tmp_path / "map.json"), "--strategy", "pushdown"]
    assert cli.run([*arguments, "--out", str(tmp_path / "out")]) in (0, 5)
    sides[1].execute("UPDATE t SET yes = NOT yes WHERE id = 2")
    assert cli.run([*arguments, "--out", str(tmp_path / "out")]) == 1
    report = (tmp_path / "out" / "report.html").read_text()
    assert "the servers computed them" in report
    assert "id=2" in report


def test_two_files_have_no_server_to_ask(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as near:
        near.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with pytest.raises(InvalidRequest, match="neither side has a server"):
        verified((url, url))
    assert only(verified((url, url), "auto")).strategy == "stream"


def test_bytes_over_the_line_are_counted_with_and_without_tls(
    mariadb_database: MariadbDatabase,
) -> None:
    for mode in ("DISABLED", "REQUIRED"):
        url = mariadb_database.url_as(mariadb_database.user, mariadb_database.password, f"ssl-mode={mode}")
        with closing(open_database(url)) as database:
            assert isinstance(database, PushesDown)
            before = database.line.sent, database.line.received
            database.scalar_query(f"SELECT LENGTH('{'x' * 50_000}'), REPEAT('y', 100000)")
            sent, received = database.line.sent - before[0], database.line.received - before[1]
        assert 50_000 < sent < 52_000, mode
        assert 100_000 < received < 103_000, mode


def test_a_silent_line_is_watched_by_the_system(postgres_database: PostgresDatabase) -> None:
    def watched() -> list[int]:
        found = []
        for path in Path("/proc/self/fd").iterdir():
            with suppress(OSError), socket.socket(fileno=os.dup(int(path.name))) as each:
                if each.family == socket.AF_INET and each.getpeername()[1] == int(postgres_database.settings["port"]):
                    assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                    found.append(each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE))
        return found

    with closing(open_database(postgres_database.url)):
        assert set(watched()) == {30}


def test_a_certificate_says_which_hash_stands_for_which_table(
    tmp_path: Path, sides: Sides, capsys: pytest.CaptureFixture[str]
) -> None:
    urls = made(sides, *VISITS)
    arguments: Sequence[str] = ["verify", *urls, "--strategy", "pushdown", "--out", str(tmp_path / "out"), "--json"]
    assert cli.run(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["strategy"] == {"asked": "pushdown", "row_hash": pushdown.ROW_HASH}
    assert {line["side"] for line in told["lines"] if line["received"] > 0} == {"source", "target"}
    certificate = str(tmp_path / "out" / "certificate.json")
    assert cli.run(["check", certificate, "--key", str(tmp_path / "out" / "signer.pub"), "--json"]) == 0
