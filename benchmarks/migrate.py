"""Moving a SQLite table into PostgreSQL: Sensei, pgloader, and a bare binary COPY of ready-made data.

Indexes are left out: pgloader is told so, the bare COPY fills a table without any. Sensei's load stage runs before its
primary key is made; its whole migration makes the key, and is measured with it.
"""

import json
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.data import POSTGRESQL_COLUMNS, TABLE
from benchmarks.measure import Contestant, Finished, Sample, run
from benchmarks.verify import ROOT
from tests.servers import Database, PostgresServer


@dataclass(frozen=True)
class Case:
    """One source in two forms, and the server that takes it."""

    server: PostgresServer
    sqlite: Path
    copy_file: Path
    rows: int
    folder: Path


def contestants(case: Case) -> list[Contestant]:
    """Sensei with its defaults, pgloader with its defaults but for the indexes, psql."""
    return [
        Contestant("sensei", "sensei migrate sqlite:///visit.db TARGET --yes --json --out DIR", lambda: _sensei(case)),
        Contestant(
            "pgloader",
            "pgloader: LOAD DATABASE … WITH include drop, create tables, create no indexes, reset no sequences",
            lambda: _pgloader(case),
        ),
        Contestant(
            "bare COPY", "psql -c '\\copy visit from visit.copy (format binary)', no index", lambda: _bare(case)
        ),
    ]


def _sensei(case: Case) -> Sample:
    target = _fresh(case)
    sample = sensei(f"sqlite:///{case.sqlite}", target, case.rows, case.folder)
    return settled(target, case.server, case.rows, sample)


def _pgloader(case: Case) -> Sample:
    target = _fresh(case)
    command = case.folder / "visit.load"
    command.write_text(
        f"LOAD DATABASE FROM sqlite://{case.sqlite} INTO {target.url}\n"
        "WITH include drop, create tables, create no indexes, reset no sequences;\n"
    )
    return settled(target, case.server, case.rows, pgloader(command, case.folder))


def sensei(source: str, target: Database, rows: int, folder: Path) -> Sample:
    """A whole migration under its defaults, certificate included; parts are its stages."""
    home = folder / f"home-{time.monotonic_ns()}"
    environment = {"SENSEI_HOME": str(home), "PYTHONPATH": str(ROOT)}
    finished = run(
        [
            sys.executable, "-m", "appliance.cli", "migrate", source, target.url, "--yes", "--json", "--out",
            home / "out",
        ],
        environment=environment,
    )  # fmt: skip
    _expect(finished)
    answer = json.loads(finished.output)
    if answer["verdict"] != "equivalent" or answer["tables"][0]["target_rows"] != rows:
        raise AssertionError(f"sensei said {answer['verdict']}")
    shown = run(
        [sys.executable, "-m", "appliance.cli", "show", answer["run"], "--json"], environment=environment
    ).output
    parts = {stage["stage"]: stage["milliseconds"] / 1000 for stage in json.loads(shown)["stages"]}
    return Sample(finished.sample.seconds, finished.sample.processor_seconds, finished.sample.peak_bytes, parts)


def pgloader(command: Path, folder: Path) -> Sample:
    """A load file; its part is the seconds that its own summary gives the copying."""
    finished = run(["pgloader", "--root-dir", folder / "pgloader", command])
    _expect(finished)
    total = re.search(r"COPY Threads Completion\s+\d+\s+\d+\s+(?:(\d+)m)?([\d.]+)s", finished.output)
    if not total:
        raise AssertionError(f"pgloader's summary is of another form:\n{finished.output}")
    load = 60 * int(total.group(1) or 0) + float(total.group(2))
    sample = finished.sample
    return Sample(sample.seconds, sample.processor_seconds, sample.peak_bytes, {"load": load})


def _bare(case: Case) -> Sample:
    target = _fresh(case)
    target.execute(f"CREATE TABLE {TABLE} ({POSTGRESQL_COLUMNS})")
    finished = run(["psql", target.url, "-q", "-X", "-c", rf"\copy {TABLE} from {case.copy_file} (format binary)"])
    _expect(finished)
    sample = finished.sample
    sample = Sample(sample.seconds, sample.processor_seconds, sample.peak_bytes, {"load": sample.seconds})
    return settled(target, case.server, case.rows, sample)


def _fresh(case: Case) -> Database:
    target = case.server.create_database()
    target.execute("CHECKPOINT")
    return target


def settled(target: Database, server: PostgresServer, rows: int, sample: Sample) -> Sample:
    """Checks that all rows arrived, then removes the database."""
    with target.connect() as connection:
        found = connection.execute(
            "SELECT nspname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = %s", (TABLE,)
        ).fetchone()
        schema = found[0] if found else "public"
        count = connection.execute(f'SELECT count(*) FROM "{schema}".{TABLE}'.encode()).fetchone()
    if count != (rows,):
        raise AssertionError(f"{count} rows arrived, {rows} were sent")
    Database(server.socket_settings).execute(f"DROP DATABASE {target.settings['dbname']}")
    return sample


def _expect(finished: Finished) -> None:
    if finished.exit_code:
        raise AssertionError(f"exit code {finished.exit_code}:\n{finished.output[-2000:]}\n{finished.errors[-2000:]}")
