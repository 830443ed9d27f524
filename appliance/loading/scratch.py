"""Scratch targets: where a plan is tried before anything is touched. Each is thrown away when its block ends."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import duckdb
import psycopg

from appliance.engines.parquet import read_table, read_words
from appliance.engines.rehearse import Execute
from appliance.loading.duckdb import quote
from appliance.loading.parquet import type_text
from kora._core import SqliteConnection
from kora.errors import Busy, EngineError, InvalidRequest
from kora.scratch_folders import HINT, scratch_folder


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
            if "No space left" in str(error):
                raise Busy(f"a rehearsal: {error}", hint=HINT) from error
            raise EngineError(str(error)) from error

    try:
        yield execute
    finally:
        connection.close()


@contextmanager
def parquet_scratch() -> Iterator[Execute]:
    """A folder of its own where each declared table becomes an empty file, which must give its types back."""
    with scratch_folder() as folder, duckdb_scratch() as duckdb_execute:

        def execute(sql: str) -> None:
            word, body = read_words(sql)
            if word != "DECLARE":
                return
            table = read_table(body)
            columns = ", ".join(f"{quote(column.name)} {type_text(column)}" for column in table.columns)
            path = folder / "rehearsal.parquet"
            duckdb_execute(f"CREATE OR REPLACE TABLE rehearsal ({columns})")
            duckdb_execute(f"COPY rehearsal TO '{path}' (FORMAT parquet)")
            duckdb_execute(f"CREATE OR REPLACE TABLE came_back AS FROM '{path}'")
            for column in table.columns:
                given = f"typeof(any_value({quote(column.name)}))"
                wrong = f"{column.name}: {type_text(column)} does not come back from a Parquet file"
                duckdb_execute(
                    f"SELECT CASE WHEN (SELECT {given} FROM came_back) = (SELECT {given} FROM rehearsal) THEN 1"
                    f" ELSE error('{wrong.replace(chr(39), chr(39) * 2)}') END"
                )

        yield execute


@contextmanager
def sqlite_scratch() -> Iterator[Execute]:
    """A SQLite file in a folder of its own, which goes when the block ends."""
    with scratch_folder() as folder, closing(SqliteConnection(str(folder / "scratch.db"), "create")) as connection:
        yield _sqlite_execute(connection, str(folder / "scratch.db"))


def _sqlite_execute(connection: SqliteConnection, path: str) -> Execute:
    # A table may refer to one that is created later.
    connection.execute("PRAGMA foreign_keys = OFF")

    def execute(sql: str) -> None:
        try:
            if sql.startswith(("EXPLAIN", "SELECT")):
                connection.query(sql)
            else:
                connection.execute(sql)
        except EngineError as error:
            if error.sqlstate in ("SQLITE_FULL", "SQLITE_IOERR"):
                raise Busy(f"a rehearsal: {error.message}", hint=HINT) from error
            raise EngineError(error.message.replace(f"{path}: ", ""), error.sqlstate) from error

    return execute


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
