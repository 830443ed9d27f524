"""A verification whose sides are read by several threads each finds exactly what one thread finds."""

import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
import pytest

from kora import _core
from kora.comparison.compare import Options, Pair, compare_table
from kora.comparison.declared import Declared
from kora.comparison.mapping import Side
from kora.comparison.matching import match_catalogs, shared_key
from kora.comparison.result import TableResult
from kora.comparison.workers import lanes_for
from kora.databases.base import Lanes
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.errors import EngineError, InvalidRequest, Stopped
from kora.verify import VerifyOptions, verify_sides
from tests.servers import Database as Server

ROOT = Path(__file__).parents[2]
FOUR = Lanes(4, fewest_rows=1)
ROWS = 20_000
TABLE = "CREATE TABLE visit (id BIGINT NOT NULL PRIMARY KEY, v BIGINT, note VARCHAR(60))"
FILL = "INSERT INTO visit SELECT {n} * 5 - 20000, {n} % 97, CASE WHEN {n} % 10 > 0 THEN {pad} END FROM {source}"
CHANGES = {
    "nothing": (),
    "one cell": ("UPDATE visit SET v = -1 WHERE id = 5",),
    "a row each way": ("DELETE FROM visit WHERE id = 10", "INSERT INTO visit VALUES (11, 1, 'new')"),
    "far more than a sketch can name": (
        "UPDATE visit SET v = v + 1 WHERE id % 2 = 0",
        "DELETE FROM visit WHERE id % 15 = 5",
    ),
}


def sqlite(path: Path, changes: tuple[str, ...]) -> str:
    source = f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) SELECT n FROM c)"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            ";".join([TABLE, FILL.format(n="n", pad="printf('%040d', n)", source=source), *changes])
        )
    return f"sqlite:///{path}"


def duck(path: Path, changes: tuple[str, ...]) -> str:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{path}' AS made (ROW_GROUP_SIZE 2048); USE made")
        source = f"(SELECT range AS n FROM range(1, {ROWS + 1}))"
        for statement in (TABLE, FILL.format(n="n", pad="lpad(n::VARCHAR, 40, '0')", source=source), *changes):
            connection.execute(statement)
    return f"duckdb:///{path}"


def postgresql(server: Server, changes: tuple[str, ...]) -> str:
    source = f"generate_series(1, {ROWS}) AS made(n)"
    server.execute(TABLE, FILL.format(n="n", pad="lpad(n::text, 40, '0')", source=source), *changes)
    return server.url


def verified(source: str, target: str, lanes: Lanes, **options: object) -> TableResult:
    with ExitStack() as stack:
        left, right = (stack.enter_context(closing(open_database(url))) for url in (source, target))
        sides = OpenSide(left, left.catalog(), source), OpenSide(right, right.catalog(), target)
        asked = VerifyOptions(
            migration_key=_core.DigestKey(bytes(range(32))), run_id="workers", lanes=lanes, show_values=True
        )
        (table,) = verify_sides(*sides, Declared(), replace(asked, **options)).result.tables  # type: ignore[arg-type]
    return table.model_copy(update={"seconds": 0})


def counts(table: TableResult) -> tuple[int, int, int, int]:
    return table.mismatch, table.missing_in_target, table.extra_in_target, len(table.findings)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("provable", [False, True])
def test_four_threads_a_side_find_what_one_finds(
    tmp_path: Path, postgres_database: Server, change: str, provable: bool
) -> None:
    """Roots and row trees too: they are those that one thread computes."""
    source, between = sqlite(tmp_path / "a.db", ()), duck(tmp_path / "b.duckdb", CHANGES[change])
    target = postgresql(postgres_database, CHANGES[change])
    for one_side, other_side in ((source, between), (source, target), (between, source)):
        alone = verified(one_side, other_side, Lanes(), provable=provable)
        together = verified(one_side, other_side, FOUR, provable=provable)
        assert together.root == alone.root
        assert together.tree == alone.tree
        assert (together.tree is not None) == provable
        assert counts(together) == counts(alone)
        assert (together.outcome, together.source_rows) == (alone.outcome, alone.source_rows)
        if change != "far more than a sketch can name":
            assert together == alone
        found = {finding.key for finding in together.findings}
        assert len(found) == len(together.findings)


def test_rows_without_a_key_that_repeat_are_counted_across_lanes(tmp_path: Path) -> None:
    urls = []
    for name, copies in (("a.db", 5), ("b.db", 3)):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            connection.execute("CREATE TABLE log (line TEXT, n INTEGER)")
            connection.executemany("INSERT INTO log VALUES (?, ?)", [("same", n % 50) for n in range(4000)])
            connection.executemany("INSERT INTO log VALUES (?, ?)", [("rare", 1)] * copies)
            connection.commit()
        urls.append(f"sqlite:///{tmp_path / name}")
    found = verified(urls[0], urls[1], FOUR, provable=True)
    assert counts(found) == (0, 2, 0, 2)
    assert found.tree == verified(urls[0], urls[1], Lanes(), provable=True).tree


def pair_of(stack: ExitStack, source: str, target: str) -> Pair:
    left, right = (stack.enter_context(closing(open_database(url))) for url in (source, target))
    (mapping,) = match_catalogs(left.catalog(), right.catalog())[0].tables
    tables = left.catalog().tables[0], right.catalog().tables[0]
    key, unique = shared_key(*tables, mapping.columns, mapping.key)
    return Pair(left, right, *tables, mapping.model_copy(update={"key": key, "unique": unique}))


def options(observe: Callable[[str, Side, _core.Progress], None] | None = None) -> Options:
    return Options(live=_core.DigestKey.random(), root=_core.DigestKey.random(), lanes=FOUR, observe=observe)


def test_raw_rows_are_tallied_in_every_lane() -> None:
    key = _core.DigestKey(bytes(range(32)))
    rows: list[list[int | str]] = [[number, f"text {number}"] for number in range(3000)]
    lanes = [iter([_core.memory_rows(rows[start : start + 1000]), None]) for start in (0, 1000, 2000)]
    tally = _core.RawTally(key)
    watched = tally.watch(_core.row_lanes(2, [partial(next, lane) for lane in lanes]))
    assert sum(lane.count() for lane in watched.lanes()) == 3000
    assert tally.total() == _core.raw_digest(_core.memory_rows(rows), key)


def test_the_command_takes_a_number_of_workers(tmp_path: Path) -> None:
    """Rows enough for two lanes a side."""
    source, target = tmp_path / "a.db", tmp_path / "b.db"
    for path in (source, target):
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER); WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL"
                " SELECT n + 1 FROM c WHERE n < 110000) INSERT INTO t SELECT n, n % 7 FROM c"
            )
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("UPDATE t SET v = 9 WHERE id = 109999")
        connection.commit()

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        urls = f"sqlite:///{source}", f"sqlite:///{target}"
        command = [sys.executable, "-m", "kora.cli", "verify", *urls, "--out", str(tmp_path / "out"), *options]
        environment = {**os.environ, "SENSEI_HOME": str(tmp_path / "home")}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)

    done = run("--workers", "2", "--json")
    assert (done.returncode, json.loads(done.stdout)["tables"][0]["mismatch"]) == (1, 1), done.stderr
    assert run("--workers", "0").returncode == 2


def test_the_counters_of_a_side_are_those_of_all_its_lanes(tmp_path: Path) -> None:
    url = sqlite(tmp_path / "a.db", ())
    seen: dict[Side, _core.Progress] = {}
    with ExitStack() as stack:
        pair = pair_of(stack, url, url)
        compare_table(pair, options(lambda table, side, progress: seen.update({side: progress})))
    assert {side: progress.rows for side, progress in seen.items()} == {"source": ROWS, "target": ROWS}


def test_a_stopped_verification_ends_all_its_lanes(tmp_path: Path) -> None:
    url = sqlite(tmp_path / "a.db", ())

    def stop(table: str, side: Side, progress: _core.Progress) -> None:
        progress.stop()

    with ExitStack() as stack:
        pair = pair_of(stack, url, url)
        with pytest.raises(Stopped):
            compare_table(pair, options(stop))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kora")]


def test_a_lane_that_fails_fails_the_verification_with_its_own_words(tmp_path: Path) -> None:
    """A value near the end of one side that PostgreSQL's reader cannot be given: SQLite's own, of a broken page."""
    source, target = sqlite(tmp_path / "a.db", ()), tmp_path / "b.db"
    sqlite(target, ())
    with target.open("r+b") as file:
        file.seek(4096 * 150)
        file.write(b"\xff" * 4096)
    with ExitStack() as stack:
        pair = pair_of(stack, source, f"sqlite:///{target}")
        with pytest.raises(Exception, match=r"b\.db: damaged or truncated"):
            compare_table(pair, options())


def test_a_piece_that_a_server_refuses_fails_the_verification(tmp_path: Path, postgres_database: Server) -> None:
    """A view's rows fail to be computed halfway; the other lanes and the other side end."""
    target = postgresql(postgres_database, ("ALTER TABLE visit ADD COLUMN more int",))
    source = sqlite(tmp_path / "a.db", ())
    with ExitStack() as stack:
        pair = pair_of(stack, source, target)
        postgres_database.execute("ALTER TABLE visit RENAME COLUMN note TO other")
        with pytest.raises(EngineError, match="note"):
            compare_table(pair, options())


@pytest.mark.parametrize("workers", [0, 65, -1])
def test_a_number_of_workers_that_cannot_be_meant_is_refused(workers: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 64 workers"):
        lanes_for(workers)


def test_small_tables_are_read_by_one_thread_and_large_ones_by_no_more_than_were_asked_for() -> None:
    lanes = Lanes(6)
    assert [lanes.worth(rows) for rows in (0, 99_999, 100_000, 260_000, 10_000_000)] == [1, 1, 2, 5, 6]
    assert Lanes().worth(10_000_000) == 1
    assert 1 <= lanes_for(None).most <= lanes_for(None, sides=1).most <= 8
