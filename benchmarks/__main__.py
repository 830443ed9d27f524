"""`python -m benchmarks`: measures side by side, prints a table of ratios, writes JSON under benchmarks/results/.

Absolute times depend on the machine and on what else it does; only ratios within one run are compared.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from benchmarks import cores, data, keys, mariadb, matrix, memory, migrate, verify, wide
from benchmarks.bench import Bench
from benchmarks.machine import SETTINGS, describe
from benchmarks.mariadb import Case as MariadbCase
from benchmarks.measure import Contestant, Sample, alternate, part, seconds, summary
from benchmarks.report import Ratio, Report, tell
from tests.mariadb_server import MariadbServer
from tests.servers import Database, PostgresServer

COMPARISONS = ("equal", "different", "migrate", "mariadb", "wide")
"""Those over the one table of `Suite`."""
OTHERS: dict[str, Callable[[Bench], None]] = {
    "keys": keys.measure,
    "matrix": matrix.measure,
    "cores": cores.measure,
    "memory": memory.measure,
}
ROWS = 2_000_000
REPEAT = 5
WIDTHS = (40, 120)
RESULTS = Path(__file__).resolve().parent / "results"
HBA = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
MEMORY_LIMIT_BYTES = 600_000_000
Samples = dict[str, list[Sample]]


def main() -> None:
    """Runs what was asked for."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="sensei-bench-", dir=options.folder))
    folder.chmod(0o755)
    try:
        with PostgresServer(SETTINGS, hba=HBA) as server:
            machine = describe(Database(server.settings), options.peers, options.data_diff)
            bench = Bench(
                server, folder, Report(options.results, machine), options.peers, options.data_diff, options.rows,
                options.repeat, options.threads, options.patience,
            )  # fmt: skip
            suite = Suite(bench)
            for name in options.only or (*COMPARISONS, *OTHERS):
                OTHERS[name](bench) if name in OTHERS else getattr(suite, name)()
            tell(bench.report.table())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    here = Path(sys.executable).parent
    parser.add_argument(
        "--rows", type=int, help=f"rows of the table (default: {ROWS:,}; each of {', '.join(OTHERS)} its own)"
    )
    parser.add_argument("--repeat", type=int, help=f"runs of each contestant (default: {REPEAT} or fewer)")
    parser.add_argument("--only", action="append", choices=(*COMPARISONS, *OTHERS), help="repeatable")
    parser.add_argument("--threads", type=int, default=4, help="threads of each peer per database")
    parser.add_argument("--peers", type=Path, default=here, help="folder of the programs reladiff and rowproof")
    parser.add_argument("--data-diff", type=Path, default=here, help="folder of data-diff, which needs pydantic 1")
    parser.add_argument(
        "--patience", type=float, default=45.0, help="seconds after which `keys` stops a peer (default: %(default)s)"
    )
    parser.add_argument("--folder", type=Path, help="where temporary data go (some 5 GB)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where JSON goes (default: %(default)s)")
    return parser.parse_args()


class Suite:
    """The comparisons, over data that are made once."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._rows, self._repeat = bench.rows or ROWS, bench.repeat or REPEAT
        self._server, self._folder = bench.server, bench.folder

    @cached_property
    def _source(self) -> Database:
        """The table that all comparisons read; made when the first of them asks."""
        tell(f"making {self._rows:,} rows …")
        source = self._server.create_database()
        data.write_postgresql(source, self._rows)
        return source

    def equal(self) -> None:
        """Two equal tables."""
        target = self._clone()
        case = verify.Case(self._source, target, 0, self._folder, self._bench.peers)
        samples, contestants = self._measure("verify, equal tables", verify.contestants(case, self._bench.threads))
        ours, peer = seconds(samples, "kora"), self._better_peer(samples)
        ratios = [
            Ratio("better peer ÷ kora", peer / ours, 2.5, at_least=True),
            Ratio("kora ÷ bare egress", ours / seconds(samples, "bare egress"), 1.6, at_least=False),
            _memory(samples, "kora"),
        ]
        self._report("verify-equal", contestants, samples, ratios)

    def different(self) -> None:
        """Two tables with scattered differences."""
        target = self._clone()
        data.change(target, self._rows)
        case = verify.Case(self._source, target, data.CHANGES, self._folder, self._bench.peers)
        samples, contestants = self._measure(
            f"verify, {data.CHANGES} rows differ", verify.contestants(case, self._bench.threads)
        )
        ours = seconds(samples, "kora")
        ratios = [
            Ratio("better peer ÷ kora", self._better_peer(samples) / ours, 6, at_least=True),
            Ratio("kora ÷ bare egress", ours / seconds(samples, "bare egress"), 1.6, at_least=False),
            _memory(samples, "kora"),
        ]
        self._report("verify-different", contestants, samples, ratios)

    def migrate(self) -> None:
        """SQLite into PostgreSQL."""
        sqlite, copy_file = self._folder / "visit.db", self._folder / "visit.copy"
        data.write_sqlite(sqlite, self._rows)
        data.write_copy_file(self._source, copy_file)
        case = migrate.Case(self._server, sqlite, copy_file, self._rows, self._folder)
        samples, contestants = self._measure("migrate SQLite to PostgreSQL", migrate.contestants(case))
        load = part(samples, "sensei", "load")
        ratios = [
            Ratio("pgloader's load ÷ sensei's load", part(samples, "pgloader", "load") / load, 3.5, at_least=True),
            Ratio("sensei's load ÷ bare COPY", load / seconds(samples, "bare COPY"), 2, at_least=False),
            Ratio(
                "pgloader in all ÷ sensei certified", seconds(samples, "pgloader") / seconds(samples, "sensei"), 1,
                at_least=True,
            ),
            _memory(samples, "sensei"),
        ]  # fmt: skip
        self._report("migrate", contestants, samples, ratios)

    def mariadb(self) -> None:
        """MariaDB against PostgreSQL, then MariaDB into PostgreSQL."""
        with MariadbServer(mariadb.SETTINGS) as server:
            self._bench.report.machine |= {"mariadb_settings": mariadb.SETTINGS}
            server.execute("CREATE USER bench@'%' IDENTIFIED BY 'bench'; GRANT ALL ON *.* TO bench@'%'")
            # pgloader takes a password as the URL spells it: none that needs an escape.
            source = replace(server.create_database(), user="bench", password="bench")
            mariadb.write(source, self._rows, self._folder)
            target = self._clone()
            # No tool takes 0 and 1 for false and true without being told, and reladiff cannot be told.
            target.execute(f"ALTER TABLE {data.TABLE} ALTER paid TYPE smallint USING paid::int")
            data.settle(target)
            case = mariadb.Case(source, target, self._server, self._rows, self._folder, self._bench.peers)
            self._verify_mariadb("verify-mariadb", "verify MariaDB against PostgreSQL", case)
            samples, contestants = self._measure("migrate MariaDB to PostgreSQL", mariadb.moving(case))
            load = part(samples, "sensei", "load")
            ratios = [
                Ratio("pgloader's load ÷ sensei's load", part(samples, "pgloader", "load") / load, 3.5, at_least=True),
                Ratio(
                    "pgloader in all ÷ sensei certified", seconds(samples, "pgloader") / seconds(samples, "sensei"),
                    1, at_least=True,
                ),
                _memory(samples, "sensei"),
            ]  # fmt: skip
            self._report("migrate-mariadb", contestants, samples, ratios)

    def wide(self) -> None:
        """Tables of 40 and 120 columns, with as many cells as the small table has."""
        with MariadbServer(mariadb.SETTINGS) as server:
            self._bench.report.machine |= {"mariadb_settings": mariadb.SETTINGS}
            for columns in WIDTHS:
                rows = self._rows * wide.CELLS_PER_ROW_OF_THE_SMALL_TABLE // columns
                source, target = server.create_database(), self._server.create_database()
                wide.write(source, target, rows, columns, self._folder)
                case = mariadb.Case(source, target, self._server, rows, self._folder, self._bench.peers)
                title = f"verify MariaDB against PostgreSQL, {rows:,} rows of {columns} columns"
                self._verify_mariadb(f"verify-mariadb-{columns}-columns", title, case)

    def _verify_mariadb(self, name: str, title: str, case: MariadbCase) -> None:
        samples, contestants = self._measure(title, mariadb.verifying(case, self._bench.threads))
        ours = seconds(samples, "kora")
        ratios = [
            Ratio("reladiff ÷ kora", seconds(samples, "reladiff") / ours, 2.5, at_least=True),
            Ratio("kora ÷ bare egress", ours / seconds(samples, "bare egress"), 1.6, at_least=False),
            _memory(samples, "kora"),
        ]
        self._report(name, contestants, samples, ratios, case.rows)

    def _clone(self) -> Database:
        return self._server.create_database(f"TEMPLATE {self._source.settings['dbname']}")

    def _measure(self, title: str, contestants: list[Contestant]) -> tuple[Samples, list[Contestant]]:
        tell(f"\n{title}")
        return alternate(contestants, self._repeat, tell), contestants

    @staticmethod
    def _better_peer(samples: Samples) -> float:
        return min(seconds(samples, "reladiff"), seconds(samples, "rowproof"))

    def _report(
        self, name: str, contestants: list[Contestant], samples: Samples, ratios: list[Ratio], rows: int | None = None
    ) -> None:
        for contestant in contestants:
            peak = max(sample.peak_bytes for sample in samples[contestant.name])
            tell(f"  {contestant.name:<34} {seconds(samples, contestant.name):7.2f} s  {peak / 1e6:6.0f} MB")
        body = {
            "rows": rows or self._rows,
            "seed": data.SEED,
            "memory": "summed RSS of the process tree, sampled every 20 ms",
            "contestants": summary(contestants, samples),
        }
        self._bench.report.write(name, body, ratios)


def _memory(samples: Samples, name: str) -> Ratio:
    peak = max(sample.peak_bytes for sample in samples[name])
    return Ratio("peak memory ÷ 600 MB", peak / MEMORY_LIMIT_BYTES, 1, at_least=False)


if __name__ == "__main__":
    main()
