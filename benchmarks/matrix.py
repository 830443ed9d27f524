"""How fast KORA reads and digests, per core, for tables of many shapes in every engine, beside the bare egress.

A table is verified against itself: both sides are read, digested and compared at once, as ever, and no engine's time is
mixed with another's. Beside it two clients of the engine's own kind read the same table at once and drop it. Their
seconds begin at opening; KORA's are those of the whole process, its start and its certificate included. Bytes are
those of the table as tab-separated text, the same for every engine.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from benchmarks import mariadb, verify
from benchmarks.bench import Bench
from benchmarks.data import TABLE
from benchmarks.measure import Sample
from benchmarks.report import Ratio, tell
from benchmarks.shapes import WIDTHS, Shape, Shaped
from tests.mariadb_server import MariadbServer

ROWS = 1_000_000
"""Of eight narrow columns; other shapes have as many cells, wide ones half as many."""
REPEAT = 2
COLUMNS = (4, 8, 40, 120)
_DRAIN = Path(__file__).with_name("drain.py")
_MARIADB_DRAIN = Path(__file__).with_name("mariadb_drain.py")
_ALL = f"SELECT * FROM {TABLE}"
EGRESS = {
    "postgresql": "psql -c '\\copy visit to /dev/null (format binary)'",
    "mariadb": "binary rows of a prepared statement, received and dropped",
    "sqlite": "sqlite3 -readonly FILE 'SELECT …' > /dev/null: rows leave the engine as bytes, as they do a server",
    "sqlite, stepped": "sqlite3_exec without a callback: rows stepped to, columns decoded, no byte leaves the library",
    "duckdb": "Arrow batches, drained",
    "parquet": "Arrow batches of DuckDB's read_parquet, drained",
}


@dataclass(frozen=True)
class Start:
    """What a verification of one row takes, on the clock and of a processor."""

    seconds: float
    processor_seconds: float


@dataclass(frozen=True)
class Place:
    """One engine's table: its URL for KORA, and a command that drains it."""

    engine: str
    url: str
    drain: Sequence[object]
    remove: Callable[[], None]
    stepped: Sequence[object] = ()
    """A drain that is barer still, told beside the other."""


def measure(bench: Bench) -> None:
    """All shapes in all engines; writes `matrix.json`."""
    cells, ratios = [], []
    start = _start(bench)
    with MariadbServer(mariadb.SETTINGS) as server:
        server.execute("CREATE USER bench@'%' IDENTIFIED BY 'bench'; GRANT ALL ON *.* TO bench@'%'")
        for width in WIDTHS:
            for columns in COLUMNS:
                shape = Shape(columns, width, _rows(bench, columns, width))
                folder = bench.folder / f"{width}-{columns}"
                folder.mkdir()
                shaped = Shaped(shape, folder)
                tell(f"\n{shape.title}, {shape.rows:,} rows, {shaped.text_bytes / shape.rows:.0f} bytes each")
                for place in _places(bench, server, shaped, folder):
                    cell = _cell(bench, place, shaped, start)
                    cells.append(cell)
                    ratios.append(
                        Ratio(
                            f"{place.engine}, {shape.title}: kora ÷ bare egress",
                            float(cell["ratio"]),
                            None,
                            at_least=False,
                        )
                    )
                    place.remove()
                shutil.rmtree(folder)
    body = {
        "rows": bench.rows or ROWS,
        "what": "a table verified against itself; rows and bytes of both sides; bytes as tab-separated text",
        "per_core": "divided by the processor seconds of KORA's process less its start's; the servers' are not in them",
        "start_seconds": round(start.seconds, 3),
        "start_processor_seconds": round(start.processor_seconds, 3),
        "egress": EGRESS,
        "cells": cells,
    }
    bench.report.write("matrix", body, ratios)
    _print(cells)


def _rows(bench: Bench, columns: int, width: str) -> int:
    return (bench.rows or ROWS) * 8 // columns // (2 if width == "wide" else 1)


def _start(bench: Bench) -> Start:
    """What a verification of one row takes: starting, keys, certificate."""
    folder = bench.folder / "start"
    folder.mkdir()
    Shaped(Shape(4, "narrow", 1), folder).into_sqlite(folder / "start.db")
    url = f"sqlite:///{folder / 'start.db'}"
    samples = [verify.kora(url, url, 0, bench.folder) for _ in range(3)]
    return Start(median(sample.seconds for sample in samples), median(sample.processor_seconds for sample in samples))


def _places(bench: Bench, server: MariadbServer, shaped: Shaped, folder: Path):  # type: ignore[no-untyped-def]
    """One engine's table at a time: made, measured, removed."""
    postgresql = bench.server.create_database()
    shaped.into_postgresql(postgresql)
    copy = ["psql", postgresql.url, "-q", "-X", "-c", rf"\copy {TABLE} to /dev/null (format binary)"]
    yield Place("postgresql", postgresql.url, copy, lambda: bench.drop(postgresql))
    maria = replace(server.create_database(), user="bench", password="bench")
    shaped.into_mariadb(maria)
    drain = [sys.executable, _MARIADB_DRAIN, str(maria.port), maria.user, maria.password, maria.name, _ALL]
    yield Place("mariadb", maria.url, drain, lambda: server.execute(f"DROP DATABASE {maria.name}"))
    file = folder / "shape.db"
    shaped.into_sqlite(file)
    yield Place(
        "sqlite", f"sqlite:///{file}", ["sqlite3", "-readonly", file, _ALL], file.unlink,
        [sys.executable, _DRAIN, "sqlite", file, _ALL],
    )  # fmt: skip
    yield Place(
        "duckdb", f"duckdb:///{shaped.duckdb}", [sys.executable, _DRAIN, "duckdb", shaped.duckdb, _ALL], _nothing
    )
    sql = f"SELECT * FROM read_parquet('{shaped.parquet}/*.parquet')"
    yield Place(
        "parquet", f"parquet:///{shaped.parquet}", [sys.executable, _DRAIN, "parquet", ":memory:", sql], _nothing
    )


def _nothing() -> None:
    """Goes with the shape's folder."""


def _cell(bench: Bench, place: Place, shaped: Shaped, start: Start) -> dict[str, float | int | str]:
    kora: list[Sample] = []
    egress: list[float] = []
    stepped: list[float] = []
    for _ in range(bench.repeat or REPEAT):
        kora.append(verify.kora(place.url, place.url, 0, bench.folder))
        egress.append(_egress(place.drain))
        if place.stepped:
            stepped.append(_egress(place.stepped))
    seconds, bare = median(sample.seconds for sample in kora), median(egress)
    processor = median(sample.processor_seconds for sample in kora)
    reading = max(processor - start.processor_seconds, 0.001)
    rows, size = 2 * shaped.shape.rows, 2 * shaped.text_bytes
    cell: dict[str, float | int | str] = {
        "engine": place.engine,
        "columns": shaped.shape.columns,
        "width": shaped.shape.width,
        "rows": shaped.shape.rows,
        "bytes_per_row": round(shaped.text_bytes / shaped.shape.rows, 1),
        "kora_seconds": round(seconds, 3),
        "kora_processor_seconds": round(processor, 3),
        "kora_peak_bytes": max(sample.peak_bytes for sample in kora),
        "egress_seconds": round(bare, 3),
        "ratio": round(seconds / bare, 3),
        "ratio_without_start": round(max(seconds - start.seconds, 0.0) / bare, 3),
        **({"ratio_to_stepping": round(seconds / median(stepped), 3)} if stepped else {}),
        "rows_per_second": round(rows / seconds),
        "bytes_per_second": round(size / seconds),
        "rows_per_second_per_core": round(rows / reading),
        "bytes_per_second_per_core": round(size / reading),
    }
    tell(
        f"  {place.engine:<11} kora {seconds:6.2f} s, processor {processor:6.2f} s, bare egress {bare:6.2f} s:"
        f" {seconds / bare:.2f} ×, without KORA's start {cell['ratio_without_start']} ×"
    )
    return cell


def _egress(command: Sequence[object]) -> float:
    """Seconds until the later of two drains at once is done; those of ours say them, the clients start at once."""
    ours = command[0] == sys.executable
    started = time.perf_counter()
    drains = [
        subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if ours else subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    said = [drain.communicate()[0] for drain in drains]
    if any(drain.returncode for drain in drains):
        raise AssertionError(f"{command[0]} failed")
    if ours:
        return max(float(output.split()[0]) for output in said)
    return time.perf_counter() - started


def _print(cells: list[dict[str, float | int | str]]) -> None:
    tell(f"\n  {'':<30} rows/s per core   MB/s per core   ÷ bare egress   the same without start")
    for cell in cells:
        title = f"{cell['engine']}, {cell['columns']} {cell['width']}"
        rows, size = cell["rows_per_second_per_core"], float(cell["bytes_per_second_per_core"]) / 1e6
        tell(f"  {title:<30} {rows:>15,} {size:>15.0f} {cell['ratio']:>15} {cell['ratio_without_start']:>24}")
