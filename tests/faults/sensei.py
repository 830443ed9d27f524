"""Runs `sensei` as processes of their own, which a test may kill, and looks at what they left behind.

The processes are forked from a server that has the program's modules loaded, so that hundreds of them cost little more
than their work; each is the command line's own entry with its own environment, folders and output.
"""

import atexit
import json
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Protocol

import duckdb
import psycopg

from tests.mariadb_server import MariadbDatabase
from tests.servers import PASSWORD, Database

KILLED = -signal.SIGKILL
LIMIT_SECONDS = 120
_REAPING = threading.Lock()
"""Starting a process polls all others; two threads that poll one process at once lose its exit code (it reads 255)."""
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.faults.preload"])


def _main(arguments: list[str], environment: dict[str, str], out: str, err: str) -> None:
    for stream, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(opened, stream)
    # A test run in a shell's background is deaf to Ctrl-C, and so would be this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(environment)
    sys.argv = ["sensei", *arguments]
    from appliance.cli import main

    try:
        main()
    finally:
        # A forked process ends without what is registered for its end, which a command of its own runs.
        atexit._run_exitfuncs()


@dataclass(frozen=True)
class Finished:
    """How a process ended. `code` is negative where a signal killed it."""

    code: int
    out: str
    err: str

    @property
    def body(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        made: dict[str, Any] = json.loads(self.out)
        return made

    @property
    def outcome(self) -> dict[str, Any]:
        """What must not depend on interruptions: verdict, tables, losses, and all else but names, times and bytes."""
        skipped = ("run", "notes", "seconds", "certificate", "report", "lines")
        return {key: value for key, value in self.body.items() if key not in skipped}

    @property
    def notes(self) -> list[str]:
        """What the run told the operator beside the result."""
        return list(self.body["notes"])


@dataclass
class Running:
    """A process under way."""

    process: ForkServerProcess
    out: Path
    err: Path
    trace: Path

    @property
    def pid(self) -> int:
        """Its id."""
        assert self.process.pid is not None
        return self.process.pid

    def points(self) -> list[str]:
        """Fault points reached so far."""
        return self.trace.read_text().split() if self.trace.exists() else []

    def wait_for_points(self, count: int) -> bool:
        """Until that many points were reached; False if the process ended before."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.is_alive() and time.monotonic() < deadline:
            if len(self.points()) >= count:
                return True
            time.sleep(0.001)
        return False

    def wait_for(self, point: str, times: int = 1) -> None:
        """Until the point was reached that often."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.points().count(point) < times:
            assert self.is_alive(), f"it ended before {point}: {self.err.read_text()}"
            assert time.monotonic() < deadline, f"{point} was not reached in {LIMIT_SECONDS} s"
            time.sleep(0.001)

    def wait(self, seconds: float) -> None:
        """Until it ended, at most so long."""
        wait([self.process.sentinel], seconds)

    def kill(self) -> None:
        """`kill -9`."""
        os.kill(self.pid, signal.SIGKILL)

    def finish(self) -> Finished:
        """Waits for the end."""
        ended = wait([self.process.sentinel], LIMIT_SECONDS)
        if not ended:
            self.kill()
        with _REAPING:
            self.process.join()
            code = self.process.exitcode
        assert ended, f"it still ran after {LIMIT_SECONDS} s: {self.err.read_text()}"
        assert code is not None
        return Finished(code, self.out.read_text(), self.err.read_text())

    def is_alive(self) -> bool:
        """Whether it runs."""
        with _REAPING:
            return self.process.is_alive()


@dataclass
class Sensei:
    """One `$SENSEI_HOME` and the commands run in it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    started: int = 0

    @property
    def home(self) -> Path:
        """$SENSEI_HOME."""
        return self.folder / "home"

    def start(self, *arguments: str, fault: str = "") -> Running:
        """Starts a command; `fault` as SENSEI_FAULT takes it."""
        self.started += 1
        self.folder.mkdir(parents=True, exist_ok=True)
        out, err, trace = (self.folder / f"{self.started}.{kind}" for kind in ("out", "err", "trace"))
        environment = {
            "SENSEI_HOME": str(self.home),
            "SENSEI_FAULT": fault,
            "SENSEI_FAULT_TRACE": str(trace),
            "SENSEI_TARGET_PASSWORD": PASSWORD,
        }
        process = _context.Process(
            target=_main, args=(list(arguments), {**environment, **self.environment}, str(out), str(err))
        )
        with _REAPING:
            process.start()
        return Running(process, out, err, trace)

    def run(self, *arguments: str, fault: str = "") -> Finished:
        """Runs a command to its end."""
        return self.start(*arguments, fault=fault).finish()

    @property
    def only_run(self) -> str:
        """The id of the one run there is."""
        [folder] = (self.home / "runs").iterdir()
        return folder.name

    def is_cleaned(self) -> bool:
        """Whether the one run's journal says that its last stage is done."""
        with closing(sqlite3.connect(self.home / "runs" / self.only_run / "journal.db")) as journal:
            found = journal.execute("SELECT 1 FROM stage WHERE name = 'cleanup' AND state = 'done'").fetchone()
        return found is not None


class Target(Protocol):
    """A target database as its own client sees it."""

    url: str

    def exists(self) -> bool:
        """Whether there is a database."""
        ...

    def row_counts(self) -> dict[str, int]:
        """Rows of every table."""
        ...

    def leftovers(self) -> list[str]:
        """Objects whose name begins with `_sensei`."""
        ...


@dataclass(frozen=True)
class SqliteTarget:
    """A SQLite file."""

    file: Path

    @property
    def url(self) -> str:
        """As the command line takes it."""
        return f"sqlite:///{self.file}"

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.file.exists()

    def _names(self) -> list[str]:
        with closing(sqlite3.connect(self.file)) as connection:
            return [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]

    def row_counts(self) -> dict[str, int]:
        """Rows of every table."""
        with closing(sqlite3.connect(self.file)) as connection:
            return {
                name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
                for name in self._names()
                if not name.startswith(("sqlite_", "_sensei"))
            }

    def leftovers(self) -> list[str]:
        """Objects whose name begins with `_sensei`."""
        return [name for name in self._names() if name.startswith("_sensei")]


@dataclass(frozen=True)
class DuckdbTarget:
    """A DuckDB file."""

    file: Path

    @property
    def url(self) -> str:
        """As the command line takes it."""
        return f"duckdb:///{self.file}"

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.file.exists()

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with closing(duckdb.connect(str(self.file), read_only=True)) as connection:
            yield connection

    def row_counts(self) -> dict[str, int]:
        """Rows of every table."""
        with self._open() as connection:
            names = connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name NOT LIKE '\\_sensei%' ESCAPE '\\'"
            ).fetchall()
            return {name: _count(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()) for (name,) in names}

    def leftovers(self) -> list[str]:
        """Objects whose name begins with `_sensei`."""
        with self._open() as connection:
            found = connection.execute(
                "SELECT schema_name FROM duckdb_schemas() UNION ALL SELECT table_name FROM duckdb_tables()"
            ).fetchall()
        return [name for (name,) in found if name.startswith("_sensei")]


@dataclass(frozen=True)
class ParquetTarget:
    """A folder of Parquet files."""

    folder: Path

    @property
    def url(self) -> str:
        """As the command line takes it."""
        return f"parquet:///{self.folder}"

    def exists(self) -> bool:
        """Whether there is a folder."""
        return self.folder.exists()

    def row_counts(self) -> dict[str, int]:
        """Rows of every table."""
        with closing(duckdb.connect()) as connection:
            return {
                path.name: _count(
                    connection.execute(f"SELECT count(*) FROM read_parquet('{path}/*.parquet')").fetchone()
                )
                for path in sorted(self.folder.iterdir())
                if path.is_dir() and not path.name.startswith("_sensei")
            }

    def leftovers(self) -> list[str]:
        """Work in progress; the record `_sensei.json` belongs to the export."""
        return [str(path) for path in self.folder.rglob("*") if path.name == "_sensei" or path.suffix == ".partial"]


@dataclass(frozen=True)
class _ServerTarget:
    """What is the same of databases on servers."""

    database: Database | MariadbDatabase

    @property
    def url(self) -> str:
        """As the command line takes it."""
        return self.database.url

    def exists(self) -> bool:
        """A server's database is not ours to remove."""
        return True


@dataclass(frozen=True)
class PostgresqlTarget(_ServerTarget):
    """A database on a server."""

    database: Database

    def row_counts(self) -> dict[str, int]:
        """Rows of every table."""
        with self.database.connect() as connection:
            names = _column(connection, "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
            return {
                name: _count(connection.execute(f'SELECT count(*) FROM "{name}"'.encode()).fetchone()) for name in names
            }

    def leftovers(self) -> list[str]:
        """Objects whose name begins with `_sensei`."""
        with self.database.connect() as connection:
            return _column(
                connection,
                "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE '\\_sensei%'"
                " UNION ALL SELECT relname::text FROM pg_class WHERE relname LIKE '\\_sensei%'",
            )


@dataclass(frozen=True)
class MariadbTarget(_ServerTarget):
    """A database on a server."""

    database: MariadbDatabase

    def row_counts(self) -> dict[str, int]:
        """Rows of every table."""
        found = self.database.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_type = 'BASE TABLE' AND table_name NOT LIKE '\\_sensei%'"
        )
        names = [str(name) for (name,) in found]
        return {name: int(str(self.database.query(f"SELECT count(*) FROM `{name}`")[0][0])) for name in names}

    def leftovers(self) -> list[str]:
        """Objects whose name begins with `_sensei`: tables, and databases that no rehearsal holds."""
        found = self.database.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_name LIKE '\\_sensei%'"
        )
        return [str(name) for (name,) in found]


def _column(connection: psycopg.Connection[tuple[object, ...]], sql: str) -> list[str]:
    return [str(row[0]) for row in connection.execute(sql.encode()).fetchall()]


def _count(row: Sequence[object] | None) -> int:
    assert row is not None
    return int(str(row[0]))
