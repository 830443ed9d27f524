"""`python -m benchmarks`: measures side by side, prints a table of ratios, writes JSON under benchmarks/results/.

Absolute times depend on the machine and on what else it does; only ratios within one run are compared.
"""

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import data, mariadb, migrate, verify, wide
from benchmarks.machine import SETTINGS, describe
from benchmarks.mariadb import Case as MariadbCase
from benchmarks.measure import Contestant, Sample, alternate, part, seconds, summary
from tests.mariadb_server import MariadbServer
from tests.servers import Database, PostgresServer

COMPARISONS = ("equal", "different", "migrate", "mariadb", "wide")
WIDTHS = (40, 120)
RESULTS = Path(__file__).resolve().parent / "results"
HBA = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
MEMORY_LIMIT_BYTES = 600_000_000
Samples = dict[str, list[Sample]]


@dataclass(frozen=True)
class Ratio:
    """A figure to reach: `value` is to be at least (or at most) `bound`."""

    name: str
    value: float
    bound: float
    at_least: bool

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


def main() -> None:
    """Runs what was asked for."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="sensei-bench-", dir=options.folder))
    folder.chmod(0o755)
    try:
        with PostgresServer(SETTINGS, hba=HBA) as server:
            machine = describe(Database(server.settings), options.peers)
            suite = Suite(options, server, folder, machine)
            for name in options.only or COMPARISONS:
                getattr(suite, name)()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the table (default: %(default)s)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each contestant (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=COMPARISONS, help="repeatable")
    parser.add_argument("--threads", type=int, default=4, help="threads of reladiff and rowproof per database")
    parser.add_argument(
        "--peers", type=Path, default=Path(sys.executable).parent, help="folder of the programs reladiff and rowproof"
    )
    parser.add_argument("--folder", type=Path, help="where temporary data go (some 2 GB)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where JSON goes (default: %(default)s)")
    return parser.parse_args()


class Suite:
    """The comparisons, over data that are made once."""

    def __init__(
        self, options: argparse.Namespace, server: PostgresServer, folder: Path, machine: dict[str, object]
    ) -> None:
        self._options = options
        self._server = server
        self._folder = folder
        self._machine = machine
        _tell(f"making {options.rows:,} rows …")
        self._source = server.create_database()
        data.write_postgresql(self._source, options.rows)

    def equal(self) -> None:
        """Two equal tables."""
        target = self._clone()
        case = verify.Case(self._source, target, 0, self._folder, self._options.peers)
        samples, contestants = self._measure("verify, equal tables", verify.contestants(case, self._options.threads))
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
        data.change(target, self._options.rows)
        case = verify.Case(self._source, target, data.CHANGES, self._folder, self._options.peers)
        samples, contestants = self._measure(
            f"verify, {data.CHANGES} rows differ", verify.contestants(case, self._options.threads)
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
        data.write_sqlite(sqlite, self._options.rows)
        data.write_copy_file(self._source, copy_file)
        case = migrate.Case(self._server, sqlite, copy_file, self._options.rows, self._folder)
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
            self._machine |= {"mariadb_settings": mariadb.SETTINGS}
            server.execute("CREATE USER bench@'%' IDENTIFIED BY 'bench'; GRANT ALL ON *.* TO bench@'%'")
            # pgloader takes a password as the URL spells it: none that needs an escape.
            source = replace(server.create_database(), user="bench", password="bench")
            mariadb.write(source, self._options.rows, self._folder)
            target = self._clone()
            # No tool takes 0 and 1 for false and true without being told, and reladiff cannot be told.
            target.execute(f"ALTER TABLE {data.TABLE} ALTER paid TYPE smallint USING paid::int")
            data.settle(target)
            case = mariadb.Case(source, target, self._server, self._options.rows, self._folder, self._options.peers)
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
            self._machine |= {"mariadb_settings": mariadb.SETTINGS}
            for columns in WIDTHS:
                rows = self._options.rows * wide.CELLS_PER_ROW_OF_THE_SMALL_TABLE // columns
                source, target = server.create_database(), self._server.create_database()
                wide.write(source, target, rows, columns, self._folder)
                case = mariadb.Case(source, target, self._server, rows, self._folder, self._options.peers)
                title = f"verify MariaDB against PostgreSQL, {rows:,} rows of {columns} columns"
                self._verify_mariadb(f"verify-mariadb-{columns}-columns", title, case)

    def _verify_mariadb(self, name: str, title: str, case: MariadbCase) -> None:
        samples, contestants = self._measure(title, mariadb.verifying(case, self._options.threads))
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
        _tell(f"\n{title}")
        return alternate(contestants, self._options.repeat, _tell), contestants

    @staticmethod
    def _better_peer(samples: Samples) -> float:
        return min(seconds(samples, "reladiff"), seconds(samples, "rowproof"))

    def _report(
        self, name: str, contestants: list[Contestant], samples: Samples, ratios: list[Ratio], rows: int | None = None
    ) -> None:
        measured = {
            "benchmark": name,
            "rows": rows or self._options.rows,
            "seed": data.SEED,
            "memory": "summed RSS of the process tree, sampled every 20 ms",
            "machine": self._machine,
            "ratios": {
                ratio.name: {
                    "value": round(ratio.value, 3),
                    "at_least" if ratio.at_least else "at_most": ratio.bound,
                    "reached": ratio.reached,
                }
                for ratio in ratios
            },
            "contestants": summary(contestants, samples),
        }
        self._options.results.mkdir(parents=True, exist_ok=True)
        path = self._options.results / f"{name}.json"
        path.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        _print_table(contestants, samples, ratios)
        _tell(f"  → {path}")


def _memory(samples: Samples, name: str) -> Ratio:
    peak = max(sample.peak_bytes for sample in samples[name])
    return Ratio("peak memory ÷ 600 MB", peak / MEMORY_LIMIT_BYTES, 1, at_least=False)


def _print_table(contestants: list[Contestant], samples: Samples, ratios: list[Ratio]) -> None:
    for contestant in contestants:
        peak = max(sample.peak_bytes for sample in samples[contestant.name])
        _tell(f"  {contestant.name:<34} {seconds(samples, contestant.name):7.2f} s  {peak / 1e6:6.0f} MB")
    for ratio in ratios:
        sign, word = "≥" if ratio.at_least else "≤", "reached" if ratio.reached else "NOT reached"
        _tell(f"  {ratio.name:<34} {ratio.value:7.2f}    {sign} {ratio.bound:g}  {word}")


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
