"""How one verification scales with cores: SQLite twice, DuckDB twice, PostgreSQL twice, bound to 1, 2, 4 … of them.

KORA's process is bound by its affinity. PostgreSQL is measured twice: with its server free, so that KORA alone is held,
and with the server on the same cores, as a smaller machine would have it. A comparison reads each side in one thread:
beyond two cores a table of a file gains nothing, one of a server as much as the servers take.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from benchmarks import verify
from benchmarks.bench import Bench
from benchmarks.measure import Sample
from benchmarks.report import Ratio, tell
from benchmarks.shapes import Shape, Shaped

ROWS = 2_000_000
REPEAT = 3
COLUMNS = 8


@dataclass(frozen=True)
class Subject:
    """What is verified against itself; `server` says whether the server is bound with KORA."""

    name: str
    url: str
    server_bound: bool = False


def measure(bench: Bench) -> None:
    """All subjects on 1, 2, 4 … cores; writes `cores.json`."""
    rows = bench.rows or ROWS
    allowed = sorted(os.sched_getaffinity(0))
    counts = [count for count in (1, 2, 4, 8, 16) if count <= len(allowed)]
    measured: dict[str, dict[str, dict[str, float]]] = {}
    ratios = []
    for subject in _subjects(bench, rows):
        tell(f"\n{subject.name}, {rows:,} rows of {COLUMNS} columns")
        samples: dict[int, list[Sample]] = {count: [] for count in counts}
        for _ in range(bench.repeat or REPEAT):
            for count in counts:
                samples[count].append(_on(bench, subject, allowed[:count]))
        seconds = {count: median(sample.seconds for sample in given) for count, given in samples.items()}
        for count, value in seconds.items():
            tell(f"  {count:>2} cores {value:6.2f} s, {2 * rows / value:>12,.0f} rows/s")
            if count > 1:
                ratios.append(Ratio(f"{subject.name}: 1 core ÷ {count} cores", seconds[1] / value, None, at_least=True))
        measured[subject.name] = {
            str(count): {
                "median_seconds": round(seconds[count], 3),
                "processor_seconds": round(median(sample.processor_seconds for sample in given), 3),
                "rows_per_second": round(2 * rows / seconds[count]),
                "peak_bytes": max(sample.peak_bytes for sample in given),
            }
            for count, given in samples.items()
        }
    body = {
        "rows": rows,
        "columns": COLUMNS,
        "what": "a table verified against itself, both sides at once, each in one thread",
        "cores": measured,
    }
    bench.report.write("cores", body, ratios)


def _subjects(bench: Bench, rows: int) -> list[Subject]:
    folder = bench.folder / "cores"
    folder.mkdir()
    shaped = Shaped(Shape(COLUMNS, "wide", rows), folder)
    database, file = bench.server.create_database(), folder / "shape.db"
    shaped.into_postgresql(database)
    shaped.into_sqlite(file)
    return [
        Subject("SQLite", f"sqlite:///{file}"),
        Subject("DuckDB", f"duckdb:///{shaped.duckdb}"),
        Subject("PostgreSQL, its server free", database.url),
        Subject("PostgreSQL, its server on the same cores", database.url, server_bound=True),
    ]


def _on(bench: Bench, subject: Subject, cores: list[int]) -> Sample:
    with _bound(0, cores):
        if not subject.server_bound:
            return verify.kora(subject.url, subject.url, 0, bench.folder)
        with _bound(_postmaster(bench), cores):
            return verify.kora(subject.url, subject.url, 0, bench.folder)


def _postmaster(bench: Bench) -> int:
    """The server's first process; a session is its child and inherits where it may run."""
    return int((bench.server.data / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def _bound(process: int, cores: list[int]) -> Iterator[None]:
    """A process (0: this one) and what it starts meanwhile run on these cores alone."""
    before = os.sched_getaffinity(process)
    os.sched_setaffinity(process, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(process, before)
