"""The same table in MariaDB: made by its own client, read bare, verified against PostgreSQL, moved there."""

import re
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks import migrate, verify
from benchmarks.data import TABLE, rows
from benchmarks.measure import Contestant, Sample
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database, PostgresServer

SETTINGS = {
    "innodb_buffer_pool_size": "2G",
    "innodb_log_file_size": "1G",
    "innodb_flush_log_at_trx_commit": "1",
    "innodb_doublewrite": "1",
    "performance_schema": "OFF",
    "ssl": "OFF",
}
"""As an administrator would run it: durable, with room. On loopback, where no contestant is to pay for TLS."""
COLUMNS = (
    "id bigint NOT NULL PRIMARY KEY, site int NOT NULL, amount decimal(12,2) NOT NULL, patient text NOT NULL,"
    " note text, seen_at datetime(6) NOT NULL, weight double, paid tinyint(1) NOT NULL"
)
_BATCH_ROWS = 20_000
_DRAIN = Path(__file__).with_name("mariadb_drain.py")


@dataclass(frozen=True)
class Case:
    """One table in both servers; `folder` for what is made on the way."""

    source: MariadbDatabase
    target: Database
    server: PostgresServer
    rows: int
    folder: Path
    peers: Path


def write(database: MariadbDatabase, count: int, folder: Path) -> None:
    """A MariaDB table with its primary key, analysed."""
    path = folder / "visit.tsv"
    with path.open("w", encoding="utf-8") as file:
        made = rows(count)
        while batch := list(islice(made, _BATCH_ROWS)):
            file.write("".join("\t".join("\\N" if v is None else str(v) for v in row) + "\n" for row in batch))
    database.execute(
        f"CREATE TABLE {TABLE} ({COLUMNS}) CHARACTER SET utf8mb4",
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {TABLE} CHARACTER SET utf8mb4",
        f"ANALYZE TABLE {TABLE}",
    )
    path.unlink()


def verifying(case: Case, threads: int) -> list[Contestant]:
    """KORA, reladiff and the bare egress of both sides at once. rowproof does not read MariaDB."""
    return [
        Contestant("kora", "kora verify MARIADB POSTGRESQL --out DIR --json", lambda: _kora(case)),
        Contestant(
            "reladiff", "reladiff MARIADB visit POSTGRESQL visit -k id -c % …", lambda: _reladiff(case, threads)
        ),
        Contestant(
            "bare egress",
            "binary rows of a prepared statement, received and dropped; psql \\copy to /dev/null (format binary)",
            lambda: _egress(case),
        ),
    ]


def moving(case: Case) -> list[Contestant]:
    """Sensei and pgloader, both with their defaults but for pgloader's indexes and casts that lose nothing."""
    return [
        Contestant("sensei", "sensei migrate MARIADB TARGET --yes --json --out DIR", lambda: _sensei(case)),
        Contestant(
            "pgloader", "pgloader: LOAD DATABASE … WITH include drop, create tables, create no indexes, …",
            lambda: _pgloader(case),
        ),
    ]  # fmt: skip


def _kora(case: Case) -> Sample:
    return verify.kora(case.source.url, case.target.url, 0, case.folder)


def _reladiff(case: Case, threads: int) -> Sample:
    source = case.source.url.replace("mariadb://", "mysql://")
    # Between these two engines it takes some equal doubles for different ones.
    return verify.reladiff(source, case.target.url, 0, case.peers, threads, may_err=True)


def _egress(case: Case) -> Sample:
    started = time.perf_counter()
    sessions = [
        subprocess.Popen(
            [sys.executable, _DRAIN, *map(str, (case.source.port, case.source.user, case.source.password,
                                                case.source.name, f"SELECT * FROM {TABLE}"))],
            stdout=subprocess.DEVNULL,
        ),
        subprocess.Popen(
            ["psql", case.target.url, "-q", "-X", "-c", rf"\copy {TABLE} to /dev/null (format binary)"],
            stdin=subprocess.DEVNULL,
        ),
    ]  # fmt: skip
    codes = [session.wait() for session in sessions]
    if any(codes):
        raise AssertionError("a bare reader failed")
    return Sample(time.perf_counter() - started, 0.0, 0)


def _sensei(case: Case) -> Sample:
    target = case.server.create_database()
    sample = migrate.sensei(case.source.url, target, case.rows, case.folder)
    return migrate.settled(target, case.server, case.rows, sample)


def _pgloader(case: Case) -> Sample:
    target = case.server.create_database()
    source = re.sub(r"^mariadb:", "mysql:", case.source.url)
    command = case.folder / "visit-mariadb.load"
    command.write_text(
        f"LOAD DATABASE FROM {source} INTO {target.url}\n"
        "WITH include drop, create tables, create no indexes, reset no sequences\n"
        f"ALTER SCHEMA '{case.source.name}' RENAME TO 'public';\n"
    )
    sample = migrate.pgloader(command, case.folder)
    return migrate.settled(target, case.server, case.rows, sample)
