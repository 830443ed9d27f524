"""A PostgreSQL database opened for reading: one session that holds the snapshot and is asked, and those that share it.

Each stream has a session of its own, taken from those that are idle; so streams may run in parallel. Keys are
PostgreSQL's text of the values, cast back to the column's type; their order is the column's own collation.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Any

from kora import _core
from kora._core import LineBytes, PostgresConnection, RowStream
from kora.catalog import Catalog, Table
from kora.databases.address import Address
from kora.databases.base import MANY_STREAMS, Dialect, KeyRange, KeyTuple, KeyValue, Lanes, Selection, require_readable
from kora.databases.keys import check_keys, range_condition, row_of
from kora.databases.lanes import in_lanes
from kora.databases.postgresql import pushdown
from kora.databases.postgresql.catalog import read_catalog
from kora.databases.postgresql.errors import by_state, translated
from kora.databases.postgresql.lanes import TID_RANGES_SINCE, conditions
from kora.databases.postgresql.session import PINS, export_snapshot, first_session, join_snapshot, reading_session
from kora.databases.postgresql.tables import read_types
from kora.databases.postgresql.types import TypeTable
from kora.databases.pushdown import (
    DigestOf,
    LineSpeed,
    PushedSample,
    PushedSums,
    PushRequest,
    ShownRow,
    Within,
    listed,
    measured,
)
from kora.databases.secrets import Secret
from kora.errors import EngineError, InvalidRequest, SenseiError, UnsupportedType

DIALECT = Dialect(
    engine="postgresql",
    sqlglot="postgres",
    identifier_length=63,
    identifier_length_unit="bytes",
    folds_case="lower",
    default_schema="public",
)
OLDEST_VERSION = 130000
_ANSWER_LIMIT = 1 << 25
"""More rows than any answer about digests has."""


def open_postgresql(address: Address, secret: Secret) -> "PostgresDatabase":
    """Opens a snapshot of a database.

    Raises:
        InvalidRequest: The database does not exist, or the server is older than 13.
        AccessDenied: The login or the server's certificate was refused.
        ConnectionLost: Nothing listens there.
    """
    line = LineBytes()
    settings, control = first_session(address, secret, line)
    try:
        snapshot, version = export_snapshot(control, address.place)
        if version < OLDEST_VERSION:
            raise InvalidRequest(f"{address.place} is PostgreSQL {version // 10000}: 13 and later are read")
        return PostgresDatabase(address, settings, control, snapshot, version, line)
    except SenseiError:
        control.close()
        raise


class PostgresDatabase:
    """Implements `kora.databases.base.Database`."""

    dialect = DIALECT

    @property
    def streams_at_once(self) -> int:
        """Each stream has a session of its own."""
        return MANY_STREAMS

    def __init__(
        self,
        address: Address,
        settings: dict[str, str],
        control: PostgresConnection,
        snapshot: str,
        version: int,
        line: LineBytes,
    ) -> None:
        self.line = line
        self._place = str(address)
        self._settings = settings
        self._control, self._snapshot, self._version = control, snapshot, version
        self._lock = Lock()
        self._sessions: list[PostgresConnection] = []
        self._starting: list[PostgresConnection] = []
        self._closed = False
        self._types: TypeTable | None = None
        self._encoding: str | None = None
        self._asking: PostgresConnection | None = None
        self._asking_seconds = self._asking_limit = 0

    def catalog(self, selection: Selection = Selection()) -> Catalog:  # noqa: B008  frozen
        """What the database holds."""
        return read_catalog(self._query, self._version, selection)

    def rows(self, table: Table, columns: Sequence[str], key_range: KeyRange | None = None) -> RowStream:
        """Rows of a table, in key order within a key range."""
        sql = self._select(table, columns)
        if key_range is None:
            return self._stream(table, columns, sql)
        key = [self.dialect.quote(name) for name in key_range.columns]
        where = range_condition(key_range, key, lambda values: _values(table, key_range.columns, values))
        return self._stream(table, columns, f"{sql}{where} ORDER BY {', '.join(key)}")

    def rows_in_lanes(self, table: Table, columns: Sequence[str], lanes: Lanes) -> RowStream:
        """Rows of a table by blocks of its heap, each lane in a session of its own; since PostgreSQL 14."""
        sql = self._select(table, columns)
        if lanes.most < 2 or self._version < TID_RANGES_SINCE:
            return self._stream(table, columns, sql)
        count, pieces = conditions(self._query, _literal(self.dialect.qualify(table.name)), lanes)
        count = self._sessions_for(count) if count > 1 else 1
        if count < 2:
            return self._stream(table, columns, sql)

        def opened(condition: str) -> RowStream:
            return self._stream(table, columns, sql + condition)

        return in_lanes(len(columns), pieces, [opened] * count)

    def rows_by_key(
        self, table: Table, columns: Sequence[str], key: Sequence[str], keys: Sequence[KeyTuple]
    ) -> RowStream:
        """Rows with these keys."""
        check_keys(key, keys)
        names = row_of([self.dialect.quote(name) for name in key])
        values = ", ".join(row_of(_values(table, key, row)) for row in keys)
        return self._stream(table, columns, f"{self._select(table, columns)} WHERE {names} IN ({values})")

    def key_boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> list[KeyTuple]:
        """Every `rows_per_chunk`-th key, by one walk along the key's index."""
        names = [self.dialect.quote(name) for name in key]
        listed, source = ", ".join(names), self._from(table)
        sql = (
            f"SELECT {', '.join(f'{column}::text' for column in names)} FROM (SELECT {listed}, row_number() OVER"
            f" (ORDER BY {listed}) AS kora_row FROM {source}) AS numbered WHERE kora_row % {int(rows_per_chunk)} = 0"
            f" AND kora_row < (SELECT count(*) FROM {source}) ORDER BY kora_row"
        )
        return [tuple(row) for row in self.scalar_query(sql)]

    def row_count(self, table: Table) -> int:
        """The exact count within the snapshot."""
        return int(str(self._query(f"SELECT count(*) FROM {self._from(table)}")[0][0]))

    def scalar_query(self, sql: str) -> list[tuple[KeyValue, ...]]:
        """A small query; values that are no plain scalars come as their text. A failing one leaves the snapshot."""
        return [tuple(_scalar(value) for value in row) for row in self._query(sql)]

    def query_rows(self, sql: str) -> RowStream:
        """The rows of a SELECT, in a session of its own whose search path is the login's."""
        if self._types is None:
            self._types = read_types(self._query)
        with translated(self._place), self._lock:
            session = self._asking_session()
            oids = session.column_types(f"SELECT * FROM ({sql}\n) AS kora_answer LIMIT 0")
            types = [self._types.column_type(oid, -1, str(oid), None) for oid in oids]
            if any(kind.kind == "unsupported" for kind in types):
                raise UnsupportedType("an answer has a column of a type that cannot be decoded")
            return _core.postgres_rows(session, sql, [kind.wire for kind in types])

    @contextmanager
    def asking(self, seconds: int) -> Iterator[None]:
        """By the server's own clock, in the session for others' queries."""
        self._asking_seconds = seconds
        try:
            yield
        finally:
            self._asking_seconds = 0

    def line_speed(self) -> LineSpeed:
        """Measured by texts that the server makes up."""
        return measured(self.line, lambda size: self._query(f"SELECT repeat('x', {size})"))

    def push_refusals(self, table: Table, columns: Sequence[str]) -> dict[str, str]:
        """The columns that have no push-down form here, and why."""
        if self._encoding is None:
            self._encoding = str(self._query("SHOW server_encoding")[0][0])
        return pushdown.refusals(table, list(columns), self._encoding)

    def push_sums(self, request: PushRequest, digits: int, within: Within | None = None) -> PushedSums:
        """Sums that the server computes."""
        sql = pushdown.sums_sql(self.dialect, self._from(request.table), request, digits, within)
        return pushdown.read_sums(self._shown(request, sql, pushdown.SUM_TYPES))

    def push_digests(self, request: PushRequest, within: Within, limit: int) -> list[tuple[bytes, int]]:
        """Digests that the server computes."""
        sql = pushdown.digests_sql(self.dialect, self._from(request.table), request, within, limit)
        types = ("bytea",) if request.key else ("bytea", "int8")
        return listed(self._shown(request, sql, types))

    def push_beside(self, request: PushRequest, key_bytes: int, within: Within | None) -> RowStream:
        """What the server digests of each row, and the columns that it does not."""
        require_readable(request.table, request.beside)
        digests = pushdown.beside_columns(self.dialect, request, key_bytes)
        listed = [digests, *(self.dialect.quote(name) for name in request.beside)]
        sql = f"SELECT {', '.join(listed)} FROM {self._from(request.table)}"
        condition = pushdown.within_condition(self.dialect, request, within)
        types = ["bytea", *(request.table.column(name).type.wire for name in request.beside)]
        return self._typed(request.table, sql + condition, types)

    def push_rows(self, request: PushRequest, digests: Sequence[bytes], of: DigestOf) -> RowStream:
        """Rows by a digest."""
        condition = pushdown.rows_condition(self.dialect, request, [digest.hex() for digest in digests], of)
        return self._stream(request.table, request.columns, self._select(request.table, request.columns) + condition)

    def push_sample(self, request: PushRequest, rows: int) -> PushedSample:
        """The first rows, digested."""
        sql = pushdown.sample_sql(self.dialect, self._from(request.table), request, rows)
        return pushdown.read_sample(self._shown(request, sql, pushdown.SAMPLE_TYPES))

    def _shown(self, request: PushRequest, sql: str, types: Sequence[str]) -> list[ShownRow]:
        with translated(f"{self._place}: {request.table.name}"):
            with self._idle_session() as session:
                stream = _core.postgres_rows(session, sql, types)
            return stream.shown(_ANSWER_LIMIT)

    def identity(self) -> dict[str, str]:
        """The cluster's identifier, the WAL position and the snapshot, with the session's pinned settings."""
        row = self._query(
            "SELECT current_setting('server_version'), current_database(), current_user, pg_current_snapshot()::text,"
            " (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END)::text,"
            " (SELECT oid::text FROM pg_database WHERE datname = current_database())"
        )[0]
        names = ("version", "database", "user", "snapshot", "lsn", "database_oid")
        facts = {"engine": "postgresql"} | {name: str(value) for name, value in zip(names, row, strict=True)}
        facts["exported_snapshot"] = self._snapshot
        may_ask = self._query("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")[0][0]
        if may_ask:
            facts["system_identifier"] = str(self._query("SELECT system_identifier FROM pg_control_system()")[0][0])
        return facts | PINS

    def close(self) -> None:
        """Ends the snapshot and every session."""
        if self._closed:
            return
        self._closed = True
        for session in (*self._sessions, *([self._asking] if self._asking else [])):
            session.close()
        self._control.close()

    def _query(self, sql: str) -> list[tuple[Any, ...]]:
        # In one message; the savepoint keeps the snapshot alive where the statement fails.
        with translated(self._place):
            try:
                return self._control.query(f"SAVEPOINT kora_query; {sql}\n; RELEASE SAVEPOINT kora_query")
            except EngineError:
                self._control.execute("ROLLBACK TO SAVEPOINT kora_query; RELEASE SAVEPOINT kora_query")
                raise

    def _stream(self, table: Table, columns: Sequence[str], sql: str) -> RowStream:
        return self._typed(table, sql, [table.column(name).type.wire for name in columns])

    def _typed(self, table: Table, sql: str, types: Sequence[str]) -> RowStream:
        try:
            with self._idle_session() as session:
                return _core.postgres_rows(session, sql, types)
        except EngineError as problem:
            raise by_state(problem.sqlstate, f"{self._place}: {table.name}: {problem.message}") from problem

    def _asking_session(self) -> PostgresConnection:
        """The session for others' queries, opened anew after one failed. Called under the lock."""
        if self._asking is not None:
            if self._asking.idle and _alive(self._asking):
                self._limit_asking(self._asking)
                return self._asking
            self._asking.close()
        self._asking = reading_session(self._settings, self.line)
        join_snapshot(self._asking, self._snapshot, self._version)
        self._asking.execute("RESET search_path")
        self._asking_limit = 0
        self._limit_asking(self._asking)
        return self._asking

    def _limit_asking(self, session: PostgresConnection) -> None:
        if self._asking_limit != self._asking_seconds:
            session.execute(f"SET statement_timeout = '{self._asking_seconds}s'")
            self._asking_limit = self._asking_seconds

    @contextmanager
    def _idle_session(self) -> Iterator[PostgresConnection]:
        """A session within the snapshot that no stream holds, for a stream to begin in; opened if there is none.

        Nobody else is given it meanwhile, so that several threads may wait for the server at the same time.
        """
        while (session := self._taken()) is not None and not _alive(session):
            with self._lock:
                self._sessions.remove(session)
                self._starting.remove(session)
            session.close()
        session = session or self._new_session()
        try:
            yield session
        finally:
            with self._lock:
                self._starting.remove(session)

    def _taken(self) -> PostgresConnection | None:
        with self._lock:
            idle = (one for one in self._sessions if one not in self._starting and one.idle)
            session = next(idle, None)
            if session is not None:
                self._starting.append(session)
            return session

    def _new_session(self) -> PostgresConnection:
        """Opens one; it counts as taken."""
        session = reading_session(self._settings, self.line)
        try:
            join_snapshot(session, self._snapshot, self._version)
        except SenseiError:
            session.close()
            raise
        with self._lock:
            self._sessions.append(session)
            self._starting.append(session)
        return session

    def _sessions_for(self, lanes: int) -> int:
        """How many lanes find a session: as many as the server lets this login open, and at least one."""
        with self._lock:
            idle = sum(session.idle for session in self._sessions)
        missing = max(lanes - idle, 0)
        if not missing:
            return lanes
        with ThreadPoolExecutor(missing, thread_name_prefix="session") as pool:
            asked = [pool.submit(self._new_session) for _ in range(missing)]
            refused = [waiting for waiting in asked if isinstance(waiting.exception(), SenseiError)]
            opened = [waiting.result() for waiting in asked if waiting not in refused]
        with self._lock:
            for session in opened:
                self._starting.remove(session)
        return idle + len(opened)

    def _select(self, table: Table, columns: Sequence[str]) -> str:
        require_readable(table, columns)
        return f"SELECT {', '.join(self.dialect.quote(name) for name in columns)} FROM {self._from(table)}"

    def _from(self, table: Table) -> str:
        """The table as it is read: a partitioned one with its partitions, any other without inheriting children."""
        name = self.dialect.qualify(table.name)
        return name if table.partitioning is not None else f"ONLY {name}"


def _alive(session: PostgresConnection) -> bool:
    """Whether a session still answers within its transaction: a failed stream leaves it aborted."""
    try:
        session.execute("SELECT 1")
    except SenseiError:
        return False
    return True


def _values(table: Table, key: Sequence[str], values: KeyTuple) -> list[str]:
    """A key's values as SQL: texts cast to the columns' types."""
    return [
        f"CAST({_literal(str(value))} AS {table.column(name).type.declared})"
        for name, value in zip(key, values, strict=True)
    ]


def _literal(text: str) -> str:
    """A string literal under standard_conforming_strings, which the session pins."""
    return "'" + text.replace("'", "''") + "'"


def _scalar(value: object) -> KeyValue:
    return value if value is None or isinstance(value, bool | int | float | str | bytes) else str(value)
