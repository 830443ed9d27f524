"""A private copy of a database file, to try constraints on: made in a temporary folder, removed at the end.

The target itself is never opened for writing here. A copy is taken only while nothing lies beside the file that belongs
to it (a write-ahead log): the reading transaction keeps writers from changing the file meanwhile.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from kora._core import SqliteConnection
from kora.behavior.constraints import TrialWriter
from kora.databases.address import parse_address
from kora.databases.duckdb.errors import translated
from kora.errors import EngineError, SenseiError


@contextmanager
def writer_on_copy(url: str, folder: Path | None = None) -> Iterator[TrialWriter | str]:
    """A writer on a copy of a database file until the block ends, or why there is none.

    Args:
        url: The database's address.
        folder: Where the copy lies; the system's temporary folder if None.

    Raises:
        FileProblem, Busy, EngineError: The copy cannot be made or opened.
    """
    address = parse_address(url)
    if address.engine not in ("sqlite", "duckdb") or address.path is None:
        yield "constraints: no row was tried, since KORA itself opens no writer on a server"
        return
    path = Path(address.path)
    logs = [path.with_name(path.name + ending) for ending in ("-wal", ".wal", "-journal")]
    if any(log.is_file() and log.stat().st_size for log in logs):
        yield "constraints: no row was tried, since the file has a log beside it and no copy would be whole"
        return
    with tempfile.TemporaryDirectory(prefix="kora-copy-", dir=folder, ignore_cleanup_errors=True) as place:
        if shutil.disk_usage(place).free < 2 * path.stat().st_size:
            yield "constraints: no row was tried, since there is no room for a copy of the file"
            return
        copy = Path(place) / "copy"
        shutil.copyfile(path, copy)
        writer = _SqliteCopy(copy, path.name) if address.engine == "sqlite" else _DuckdbCopy(copy, path.name)
        try:
            yield writer
        finally:
            writer.close()


class _SqliteCopy:
    """Implements `TrialWriter`."""

    triggers_may_run = True

    def __init__(self, copy: Path, name: str) -> None:
        self.place = f"a copy of {name}"
        self._connection = SqliteConnection(str(copy), "rw")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def attempt(self, sql: str) -> int:
        self._connection.execute("BEGIN")
        try:
            return self._connection.execute(sql)
        finally:
            self._rollback()

    def _rollback(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except SenseiError as problem:
            if "no transaction" not in problem.message:  # a constraint with ON CONFLICT ROLLBACK has done it
                raise

    def positions(self) -> dict[str, str]:
        if not self._connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'"):
            return {}
        return {str(name): str(last) for name, last in self._connection.query("SELECT name, seq FROM sqlite_sequence")}

    def close(self) -> None:
        """Closes the copy."""
        self._connection.close()


class _DuckdbCopy:
    """Implements `TrialWriter`."""

    triggers_may_run = True

    def __init__(self, copy: Path, name: str) -> None:
        self.place = f"a copy of {name}"
        with translated(self.place):
            off: dict[str, str | bool | int | float | list[str]] = {
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
            self._connection = duckdb.connect(str(copy), config=off)

    def attempt(self, sql: str) -> int:
        with translated(self.place):
            self._connection.execute("BEGIN")
            try:
                row = self._connection.execute(sql).fetchone()
            finally:
                self._connection.execute("ROLLBACK")
        if row is None:
            raise EngineError(f"duckdb: {self.place}: the statement did not say how many rows it changed")
        return int(row[0])

    def positions(self) -> dict[str, str]:
        with translated(self.place):
            rows = self._connection.execute("SELECT schema_name, sequence_name, last_value FROM duckdb_sequences()")
            return {f"{schema}.{name}": str(last) for schema, name, last in rows.fetchall()}

    def close(self) -> None:
        """Closes the copy."""
        self._connection.close()
