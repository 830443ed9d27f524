"""Scratch targets: where a plan is tried before anything is touched. Each is thrown away when its block ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache

import duckdb
import psycopg

from appliance.engines import ddl
from appliance.engines.parquet import read_table, read_words
from appliance.engines.rehearse import Execute
from appliance.loading.duckdb import quote
from appliance.loading.parquet import type_text
from kora._core import RowStream, SqliteConnection, sqlite_rows
from kora.databases.base import AnswersQueries, Database
from kora.databases.duckdb.read import answer_rows
from kora.errors import Busy, EngineError, InvalidRequest
from kora.scratch_folders import HINT, scratch_folder


@dataclass(frozen=True, slots=True)
class Scratch:
    """A scratch target. Called, it executes one statement; `answer` reads back what a SELECT gives."""

    execute: Execute
    answer: Callable[[str], RowStream]

    def __call__(self, sql: str) -> None:
        """Executes one statement; raises `EngineError` and leaves no trace of a failed one."""
        self.execute(sql)


@contextmanager
def duckdb_scratch() -> Iterator[Scratch]:
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

    def answer(sql: str) -> RowStream:
        try:
            return answer_rows(connection.cursor(), sql)
        except duckdb.Error as error:
            raise EngineError(str(error)) from error

    try:
        yield Scratch(execute, answer)
    finally:
        connection.close()


@contextmanager
def parquet_scratch() -> Iterator[Scratch]:
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

        yield Scratch(execute, duckdb_execute.answer)


@contextmanager
def sqlite_scratch() -> Iterator[Scratch]:
    """A SQLite file in a folder of its own, which goes when the block ends."""
    with scratch_folder() as folder, closing(SqliteConnection(str(folder / "scratch.db"), "create")) as connection:
        execute = _sqlite_execute(connection, str(folder / "scratch.db"))
        yield Scratch(execute, lambda sql: sqlite_rows(connection, sql))


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
def postgresql_scratch(
    connection: "psycopg.Connection[tuple[object, ...]]", reader: Callable[[], Database]
) -> Iterator[Scratch]:
    """A transaction on the real target that is always rolled back; a savepoint around each statement.

    What stands in it nobody else sees. So an answer is read as text, and that text as a value by KORA's own `reader`;
    of a type that only the transaction knows, it stays text.

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

    def answer(sql: str) -> RowStream:
        database = asked()
        try:
            with connection.transaction():
                texts = _texts(connection, sql)
        except psycopg.Error as error:
            raise EngineError(str(error), error.sqlstate or "") from error
        known = ((text, kind if _knows(database, kind) else "text") for text, kind in texts)
        return database.query_rows("SELECT " + ", ".join(f"CAST({text} AS {kind})" for text, kind in known))

    try:
        with opened_when_asked(reader) as asked, connection.transaction(force_rollback=True):
            yield Scratch(execute, answer)
    finally:
        if not connection.closed and not connection.autocommit:
            connection.rollback()


@contextmanager
def opened_when_asked(reader: Callable[[], Database]) -> Iterator[Callable[[], AnswersQueries]]:
    """What gives KORA's reader of a scratch target: opened when it is first asked for, in a snapshot of then."""
    with ExitStack() as stack:

        @cache
        def asked() -> AnswersQueries:
            database = reader()
            stack.callback(database.close)
            if not isinstance(database, AnswersQueries):
                raise EngineError("the target answers no queries")
            return database

        yield asked


def _texts(connection: "psycopg.Connection[tuple[object, ...]]", sql: str) -> list[tuple[str, str]]:
    """The first row of an answer: each value as a literal, and its type."""
    result = connection.execute(sql.encode()).pgresult
    if result is None or result.ntuples != 1:
        raise EngineError("the query gave no row to read")
    texts = []
    for place in range(result.nfields):
        value = result.get_value(0, place)
        row = connection.execute("SELECT format_type(%s, %s)", (result.ftype(place), result.fmod(place))).fetchone()
        literal = "NULL" if value is None else ddl.literal(value.decode())
        texts.append((literal, str(row[0]) if row else "text"))
    return texts


def _knows(database: AnswersQueries, kind: str) -> bool:
    """Whether a type is there outside of the scratch transaction."""
    (((_, found),),) = database.query_rows(f"SELECT CAST(to_regtype({ddl.literal(kind)}) AS text)").shown(1)
    return found is not None
