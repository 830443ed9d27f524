"""The engines' own clients: what writes into a target and reads back what was stored, without KORA."""

import itertools
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import duckdb

from tests.mariadb_server import MariadbDatabase
from tests.mutation.kinds import Kind
from tests.servers import Database as Server

Stored = list[tuple[object, ...]]
Change = tuple[str, Sequence[str]]
"""A query that shows what is stored, and the statements that change it."""


class Client(Protocol):
    """One database that belongs to the test alone. Statements are in the engine's own SQL."""

    url: str

    def build(self, statements: Sequence[str]) -> None:
        """Makes the database as every round begins with it."""

    def apply(self, changes: Sequence[Change]) -> list[tuple[Stored, Stored]]:
        """Makes changes one after the other; what each one's query reads before and after it."""

    def restore(self) -> None:
        """Undoes everything since `build`."""


class SqliteClient:
    """A file through Python's own SQLite. Used only while KORA has no connection to that file."""

    def __init__(self, path: Path) -> None:
        self._path, self._kept = path, path.with_suffix(".kept")
        self.url = f"sqlite:///{path}"

    def build(self, statements: Sequence[str]) -> None:
        with sqlite3.connect(self._path) as connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()
        shutil.copyfile(self._path, self._kept)

    def apply(self, changes: Sequence[Change]) -> list[tuple[Stored, Stored]]:
        with sqlite3.connect(self._path) as connection:
            connection.text_factory = bytes  # texts that are no UTF-8 are read back too
            told = [_made(lambda sql: connection.execute(sql).fetchall(), change) for change in changes]
        connection.close()
        return told

    def restore(self) -> None:
        shutil.copyfile(self._kept, self._path)


class DuckDbClient:
    """A DuckDB file through the `duckdb` package."""

    def __init__(self, path: Path) -> None:
        self._path, self._kept = path, path.with_suffix(".kept")
        self.url = f"duckdb:///{path}"

    def build(self, statements: Sequence[str]) -> None:
        with duckdb.connect(str(self._path)) as connection:
            for statement in statements:
                connection.execute(statement)
        shutil.copyfile(self._path, self._kept)

    def apply(self, changes: Sequence[Change]) -> list[tuple[Stored, Stored]]:
        with duckdb.connect(str(self._path)) as connection:
            return [_made(lambda sql: connection.execute(sql).fetchall(), change) for change in changes]

    def restore(self) -> None:
        self._path.with_name(self._path.name + ".wal").unlink(missing_ok=True)
        shutil.copyfile(self._kept, self._path)


class ParquetClient:
    """A folder of Parquet files without an export's record; they are written from a DuckDB file, and read back."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._store = folder, DuckDbClient(folder.with_suffix(".duckdb"))
        self._tables: list[str] = []
        self.url = f"parquet:///{folder}"

    def build(self, statements: Sequence[str]) -> None:
        self._store.build(statements)
        [(_, told)] = self._store.apply([("SELECT table_name FROM duckdb_tables()", ())])
        self._tables = [str(name) for (name,) in told]
        self.restore()

    def apply(self, changes: Sequence[Change]) -> list[tuple[Stored, Stored]]:
        before = self._read(changes)
        self._store.apply(changes)
        self._write()
        return list(zip(before, self._read(changes), strict=True))

    def restore(self) -> None:
        self._store.restore()
        self._write()

    def _write(self) -> None:
        self._store.apply([(f"COPY {name} TO '{self._folder}/{name}.parquet'", ()) for name in self._tables])

    def _read(self, changes: Sequence[Change]) -> list[Stored]:
        with duckdb.connect() as connection:
            for name in self._tables:
                connection.execute(f"CREATE VIEW {name} AS FROM '{self._folder}/{name}.parquet'")
            return [connection.execute(probe).fetchall() for probe, _ in changes]


class PostgresClient:
    """A database of the test's server through psycopg. Copies of the tables carry a name that no catalog shows."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tables: list[str] = []
        self.url = server.url

    def build(self, statements: Sequence[str]) -> None:
        with self._server.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())
            listed = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            self._tables = [str(name) for (name,) in listed]
            for name in self._tables:
                connection.execute(f"CREATE TABLE _sensei_kept_{name} AS TABLE {name}".encode())

    def apply(self, changes: Sequence[Change]) -> list[tuple[Stored, Stored]]:
        def run(sql: str) -> Stored:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

        with self._server.connect(autocommit=False) as connection:
            return [_made(run, change) for change in changes]

    def restore(self) -> None:
        with self._server.connect(autocommit=False) as connection:
            for name in self._tables:
                connection.execute(f"DELETE FROM {name}; INSERT INTO {name} TABLE _sensei_kept_{name}".encode())


class MariadbClient:
    """A database of the test's server through `mariadb`. Copies of the tables stand in a database beside it.

    Its session is as lenient as MariaDB gets, so that every odd value can be written.
    """

    _SESSION = (
        "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,PIPES_AS_CONCAT',"
        " time_zone = '+00:00', autocommit = 0"
    )
    _BOUND = "behind probe"

    def __init__(self, database: MariadbDatabase) -> None:
        self._database, self._kept = database, f"{database.name}_kept"
        self._tables: list[str] = []
        self.url = database.url

    def build(self, statements: Sequence[str]) -> None:
        self._database.execute(self._SESSION, *statements, "COMMIT")
        listed = self._database.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
        )
        self._tables = [str(name) for (name,) in listed]
        copies = [(f"CREATE TABLE {self._kept}.{name} LIKE {name}",
                   f"INSERT INTO {self._kept}.{name} SELECT * FROM {name}") for name in self._tables]  # fmt: skip
        self._database.execute(self._SESSION, f"CREATE DATABASE {self._kept}", *itertools.chain(*copies), "COMMIT")

    def apply(self, changes: Sequence[Change]) -> list[tuple[Stored, Stored]]:
        script = [self._SESSION]
        for probe, statements in changes:
            script += [probe, f"SELECT '{self._BOUND}'", *statements, probe, f"SELECT '{self._BOUND}'"]
        lines = iter(self._database.query(";\n".join([*script, "COMMIT"])))
        read = [
            list[tuple[object, ...]](itertools.takewhile((self._BOUND,).__ne__, lines)) for _ in range(2 * len(changes))
        ]
        return list(zip(read[::2], read[1::2], strict=True))

    def restore(self) -> None:
        back = [(f"DELETE FROM {name}", f"INSERT INTO {name} SELECT * FROM {self._kept}.{name}")
                for name in self._tables]  # fmt: skip
        self._database.execute(self._SESSION, *itertools.chain(*back), "COMMIT")


def _made(run: Callable[[str], Stored], change: Change) -> tuple[Stored, Stored]:
    probe, statements = change
    before = run(probe)
    for statement in statements:
        run(statement)
    return before, run(probe)


def exact_text(engine: str, column: str, kind: Kind) -> str:
    """SQL for what is stored in a column, kept apart as finely as the client can tell values apart."""
    if kind.probe:
        return kind.probe
    if engine == "mariadb":
        return f"hex(CAST({column} AS BINARY)), {column} + 0e0"
    if engine == "sqlite":
        return f"typeof({column}), {column}, hex({column})"
    if engine in ("duckdb", "parquet"):
        stored = f"CAST({column} AS VARCHAR)"
        return f"replace({stored}, '-nan', 'nan')" if kind.one_nan else stored
    return f"trim_scale({column})::text" if kind.by_value else f"{column}::text"
