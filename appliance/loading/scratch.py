"""Scratch targets: where a plan is tried before anything is touched. Each is thrown away when its block ends."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import psycopg

from appliance.engines.rehearse import Execute
from kora._core import SqliteConnection
from kora.errors import EngineError, InvalidRequest


@contextmanager
def duckdb_scratch() -> Iterator[Execute]:
    """A DuckDB database in memory that may neither fetch extensions nor read files."""
    connection = duckdb.connect(
        ":memory:", config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )

    def execute(sql: str) -> None:
        try:
            connection.execute(sql)
        except duckdb.Error as error:
            raise EngineError(str(error)) from error

    try:
        yield execute
    finally:
        connection.close()


@contextmanager
def sqlite_scratch() -> Iterator[Execute]:
    """A SQLite file in a folder of its own, which goes when the block ends."""
    folder = tempfile.TemporaryDirectory(prefix="sensei-rehearsal-")
    path = str(Path(folder.name) / "scratch.db")
    connection = SqliteConnection(path, "create")
    # A table may refer to one that is created later.
    connection.execute("PRAGMA foreign_keys = OFF")

    def execute(sql: str) -> None:
        try:
            if sql.startswith(("EXPLAIN", "SELECT")):
                connection.query(sql)
            else:
                connection.execute(sql)
        except EngineError as error:
            raise EngineError(error.message.replace(f"{path}: ", ""), error.sqlstate) from error

    try:
        yield execute
    finally:
        connection.close()
        folder.cleanup()


@contextmanager
def postgresql_scratch(connection: "psycopg.Connection[tuple[object, ...]]") -> Iterator[Execute]:
    """A transaction on the real target that is always rolled back; a savepoint around each statement.

    Raises `InvalidRequest` if the connection is inside a transaction of somebody else.
    """
    if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
        raise InvalidRequest("a rehearsal needs a connection without an open transaction")

    def execute(sql: str) -> None:
        try:
            with connection.transaction():
                connection.execute(sql.encode())
        except psycopg.Error as error:
            raise EngineError(str(error), error.sqlstate or "") from error

    try:
        with connection.transaction(force_rollback=True):
            yield execute
    finally:
        if not connection.closed and not connection.autocommit:
            connection.rollback()
