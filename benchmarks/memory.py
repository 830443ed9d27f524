"""KORA's peak memory as tables grow and as more rows differ: it is to stay flat. Writes `memory.json` and `memory.svg`.

Tables of four narrow columns with 10⁵ to 10⁷ rows, verified against themselves, in PostgreSQL and in SQLite, there
also with a tree of all rows beside the certificate. Digests are sorted in a buffer of 64 MiB, which two million rows
fill; from there on memory is level. Then two PostgreSQL tables of 10⁶ rows in which 10⁵ rows differ, and in which all
do.
"""

import sqlite3
from itertools import pairwise
from pathlib import Path

from benchmarks import verify
from benchmarks.bench import Bench
from benchmarks.data import TABLE, settle
from benchmarks.plot import Line, write_svg
from benchmarks.report import Ratio, tell
from tests.servers import Database

SIZES = (100_000, 1_000_000, 3_000_000, 10_000_000)
DIFFERENT_ROWS = 1_000_000
LEVEL = 1.1
"""The largest size's peak is at most so many times that of the size before it."""
MEMORY_LIMIT_BYTES = 600_000_000
_SELECT = "id * 3 + 1000, {hash} % 1000000, {hash} % 1000, {hash} % 7"


def measure(bench: Bench) -> None:
    """`--rows` is the largest size; what is larger is left out."""
    sizes = [size for size in SIZES if size <= (bench.rows or SIZES[-1])]
    peaks: dict[str, list[int]] = {name: [] for name in ("PostgreSQL", "SQLite", "SQLite, provable")}
    seconds: dict[str, list[float]] = {name: [] for name in peaks}
    tell("\npeak memory of kora verify")
    for size in sizes:
        database, file = bench.server.create_database(), bench.folder / f"memory-{size}.db"
        _into_postgresql(database, size)
        _into_sqlite(file, size)
        local = f"sqlite:///{file}"
        for name, url, *options in (
            ("PostgreSQL", database.url),
            ("SQLite", local),
            ("SQLite, provable", local, "--provable"),
        ):
            sample = verify.kora(url, url, 0, bench.folder, *options)
            peaks[name].append(sample.peak_bytes)
            seconds[name].append(round(sample.seconds, 3))
            tell(f"  {name:<11} {size:>11,} rows {sample.seconds:7.2f} s  {sample.peak_bytes / 1e6:6.0f} MB")
        bench.drop(database)
        file.unlink()
    different = _different(bench, min(DIFFERENT_ROWS, sizes[-1]))
    ratios = []
    for name, line in peaks.items():
        ratios.append(Ratio(f"{name}: peak ÷ 600 MB", max(line) / MEMORY_LIMIT_BYTES, 1, at_least=False))
        for (smaller, larger), (before, after) in zip(pairwise(sizes), pairwise(line), strict=True):
            bound = LEVEL if larger == SIZES[-1] else None
            ratios.append(
                Ratio(f"{name}: peak of {larger:,} ÷ {smaller:,} rows", after / before, bound, at_least=False)
            )
    ratios += [
        Ratio(f"peak with {count:,} differences ÷ 600 MB", peak / MEMORY_LIMIT_BYTES, 1, at_least=False)
        for count, peak in different.items()
    ]
    body = {
        "memory": "summed RSS of the process tree, sampled every 20 ms",
        "rows": sizes,
        "peak_bytes": peaks,
        "seconds": seconds,
        "differences": {
            "rows": min(DIFFERENT_ROWS, sizes[-1]),
            "peak_bytes": {str(count): peak for count, peak in different.items()},
        },
    }
    bench.report.write("memory", body, ratios)
    plot = bench.report.folder / "memory.svg"
    lines = [Line(f"{name} against itself", list(zip(sizes, line, strict=True))) for name, line in peaks.items()]
    write_svg(plot, "Peak memory of kora verify", "rows per side", lines)
    tell(f"  → {plot}")


def _different(bench: Bench, rows: int) -> dict[int, int]:
    """Peak bytes by how many rows differ: a tenth of them, and all."""
    source = bench.server.create_database()
    _into_postgresql(source, rows)
    found = {}
    for count, rows_hit in ((rows // 10, "id % 10 = 1"), (rows, "true")):
        target = bench.server.create_database(f"TEMPLATE {source.settings['dbname']}")
        target.execute(f"UPDATE {TABLE} SET c0 = c0 + 1 WHERE {rows_hit}")
        settle(target)
        sample = verify.kora(source.url, target.url, count, bench.folder)
        tell(f"  {count:>11,} of {rows:,} rows differ {sample.seconds:7.2f} s  {sample.peak_bytes / 1e6:6.0f} MB")
        found[count] = sample.peak_bytes
        bench.drop(target)
    bench.drop(source)
    return found


def _into_postgresql(database: Database, rows: int) -> None:
    made = _SELECT.format(hash="(hashint4(id) & 2147483647)")
    database.execute(
        f"CREATE TABLE {TABLE} (id bigint NOT NULL, c0 integer, c1 smallint, c2 smallint)",
        f"INSERT INTO {TABLE} SELECT {made} FROM generate_series(1, {rows}) AS made(id)",
        f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)",
    )
    settle(database)


def _into_sqlite(path: Path, rows: int) -> None:
    connection = sqlite3.connect(path)
    made = _SELECT.format(hash="(id * 2654435761 % 4294967296)")
    connection.executescript(
        f"PRAGMA journal_mode = OFF; CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY, c0 INTEGER, c1 SMALLINT,"
        " c2 SMALLINT);"
        f"WITH RECURSIVE made(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM made WHERE id < {rows})"
        f" INSERT INTO {TABLE} SELECT {made} FROM made;"
    )
    connection.close()
