"""A private copy of a database file, to try constraints on: made in a temporary folder, removed at the end.

The target itself is never opened for writing here. A copy is taken only while nothing lies beside the file that belongs
to it (a write-ahead log): the reading transaction keeps writers from changing the file meanwhile.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from kora._core import SqliteConnection
from kora.behavior.trials import Bench, Texts, TrialWriter
from kora.catalog import Table
from kora.databases.address import parse_address
from kora.databases.duckdb.errors import translated
from kora.databases.duckdb.read import DIALECT as DUCKDB
from kora.databases.sqlite.read import DIALECT as SQLITE
from kora.errors import SenseiError
from kora.scratch_folders import naming, scratch_folder


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
        yield "constraints: no row was tried: KORA opens no writer on a server unless --probe-target names it"
        return
    path = Path(address.path)
    logs = [path.with_name(path.name + ending) for ending in ("-wal", ".wal", "-journal")]
    if any(log.is_file() and log.stat().st_size for log in logs):
        yield "constraints: no row was tried, since the file has a log beside it and no copy would be whole"
        return
    with scratch_folder(folder) as place:
        if shutil.disk_usage(place).free < 2 * path.stat().st_size:
            yield "constraints: no row was tried, since there is no room for a copy of the file"
            return
        copy = place / "copy"
        with naming(place):
            copy.touch(mode=0o600)
            shutil.copyfile(path, copy)
        writer = _SqliteCopy(copy, path.name) if address.engine == "sqlite" else _DuckdbCopy(copy, path.name)
        try:
            yield writer
        finally:
            writer.close()


class _SqliteCopy:
    """Implements `TrialWriter`."""

    logged = ""

    def __init__(self, copy: Path, name: str) -> None:
        self.place = f"a copy of {name}"
        self._connection = SqliteConnection(str(copy), "rw")
        self._connection.execute("PRAGMA foreign_keys = ON")

    def bench(self, table: Table, *, triggers: bool, references: bool) -> Bench | str:
        """The table itself: on a copy a trigger does no harm."""
        return Bench(SQLITE.qualify(table.name))

    def attempt(self, *statements: str) -> None:
        self.look("", *statements)

    def look(self, query: str, *statements: str) -> Texts:
        self._connection.execute("BEGIN")
        try:
            for statement in statements:
                self._connection.execute(statement)
            rows = self._connection.query(query) if query else []
            return [tuple(None if value is None else str(value) for value in row) for row in rows]
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

    logged = ""

    def __init__(self, copy: Path, name: str) -> None:
        self.place = f"a copy of {name}"
        with translated(self.place):
            off: dict[str, str | bool | int | float | list[str]] = {
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
            self._connection = duckdb.connect(str(copy), config=off)

    def bench(self, table: Table, *, triggers: bool, references: bool) -> Bench | str:
        """The table itself."""
        return Bench(DUCKDB.qualify(table.name))

    def attempt(self, *statements: str) -> None:
        self.look("", *statements)

    def look(self, query: str, *statements: str) -> Texts:
        with translated(self.place):
            self._connection.execute("BEGIN")
            try:
                for statement in statements:
                    self._connection.execute(statement)
                rows = self._connection.execute(query).fetchall() if query else []
            finally:
                self._connection.execute("ROLLBACK")
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    def positions(self) -> dict[str, str]:
        with translated(self.place):
            rows = self._connection.execute("SELECT schema_name, sequence_name, last_value FROM duckdb_sequences()")
            return {f"{schema}.{name}": str(last) for schema, name, last in rows.fetchall()}

    def close(self) -> None:
        """Closes the copy."""
        self._connection.close()
