"""A MariaDB or MySQL database opened for reading: sessions that see one snapshot.

Each stream has a session of its own, taken from those that are idle; where all are busy, or there is only one, the next
stream ends the oldest one's. Keys are decoded as rows are; their order is the column's own collation, under which a
unique key has no two equal values: so ranges neither lose nor double a row.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock

from kora import _core
from kora._core import LineBytes, MysqlConnection, RowStream
from kora.catalog import Catalog, Column, Table
from kora.databases.address import Address
from kora.databases.base import Dialect, KeyRange, KeyTuple, KeyValue, Lanes, Selection, require_readable
from kora.databases.keys import check_keys, spelled_out_range
from kora.databases.lanes import PIECES_PER_LANE, Bound, in_lanes, integer_bounds, key_ranges
from kora.databases.mariadb import pushdown
from kora.databases.mariadb.catalog import read_catalog
from kora.databases.mariadb.errors import translated
from kora.databases.mariadb.keys import bounds, key_condition, may_cut, sort_expression, sort_wire
from kora.databases.mariadb.session import PINS, Sessions, open_sessions, variable
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
from kora.errors import EngineError, ProtocolViolation

DIALECT = Dialect(
    engine="mariadb",
    sqlglot="mysql",
    identifier_length=64,
    folds_case="preserve",
    identifier_quote="`",
)
_SCALARS_LIMIT = 1_000_000
_ANSWER_LIMIT = 1 << 25
"""More rows than any answer about digests has."""
_RESULTS = {True: "NULL", False: "'utf8mb4'"}
"""Texts as stored, or converted."""


def open_mariadb(address: Address, secret: Secret) -> "MariadbDatabase":
    """Opens a snapshot of a database.

    Raises:
        InvalidRequest: The database does not exist, or the server is too old.
        AccessDenied: The login or the server's certificate was refused.
        ConnectionLost: Nothing listens there.
    """
    return MariadbDatabase(address, open_sessions(address, secret))


class MariadbDatabase:
    """Implements `kora.databases.base.Database`."""

    dialect = DIALECT

    @property
    def streams_at_once(self) -> int:
        """As many as sessions see the snapshot: one, without the right to lock all tables for a moment."""
        return len(self._sessions.readers)

    def __init__(self, address: Address, sessions: Sessions) -> None:
        self._place = str(address)
        self._sessions = sessions
        self._lock = Lock()
        self._closed = False

    def catalog(self, selection: Selection = Selection()) -> Catalog:  # noqa: B008  frozen
        """What the database holds."""
        with translated(self._place):
            sessions = self._sessions
            return read_catalog(sessions.control.query, sessions.server, selection, sessions.outside)

    def rows(self, table: Table, columns: Sequence[str], key_range: KeyRange | None = None) -> RowStream:
        """Rows of a table, in key order within a key range."""
        sql = self._select(table, columns)
        if key_range is not None:
            sql += self._range(table, key_range)
        return self._stream(table, columns, sql)

    def rows_in_lanes(self, table: Table, columns: Sequence[str], lanes: Lanes) -> RowStream:
        """Rows of a table by ranges of its primary key, each lane in a session of the one snapshot."""
        sql = self._select(table, columns)
        key = table.primary_key.columns if table.primary_key and may_cut(table) else ()
        count = min(lanes.worth(table.row_estimate or 0), self.streams_at_once) if key else 1
        if count < 2:
            return self._stream(table, columns, sql)

        def opened(piece: KeyRange) -> RowStream:
            return self._stream(table, columns, sql + self._where(table, piece))

        return in_lanes(len(columns), key_ranges(key, self._bounds(table, key, lanes, count)), [opened] * count)

    def rows_by_key(
        self, table: Table, columns: Sequence[str], key: Sequence[str], keys: Sequence[KeyTuple]
    ) -> RowStream:
        """Rows with exactly these keys."""
        check_keys(key, keys)
        return self._stream(table, columns, self._select(table, columns) + key_condition(table, key, keys))

    def key_boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> list[KeyTuple]:
        """Every `rows_per_chunk`-th key, by one walk along the key's index: each step begins at the last boundary."""
        return list(self._boundaries(table, key, rows_per_chunk))

    def _boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> Iterator[KeyTuple]:
        listed = ", ".join(sort_expression(table, name) for name in key)
        wires = [sort_wire(table, name) for name in key]
        boundaries = set[KeyTuple]()
        after: KeyTuple | None = None
        while True:
            step = self._range(table, KeyRange(tuple(key), after))
            sql = f"SELECT {listed} FROM {self.dialect.qualify(table.name)}{step} LIMIT 2 OFFSET {rows_per_chunk - 1}"
            found = self._ask(sql, wires, 2, stored=True)
            if len(found) < 2:  # no row follows: this was the last key
                return
            reached = tuple(_key_value(kind, text) for kind, text in found[0])
            if reached in boundaries:
                raise ProtocolViolation(f"{self._place}: the server puts a key of {table.name} behind itself")
            after = reached
            boundaries.add(after)
            yield after

    def row_count(self, table: Table) -> int:
        """The exact count within the snapshot."""
        return int(str(self.scalar_query(f"SELECT count(*) FROM {self.dialect.qualify(table.name)}")[0][0]))

    def scalar_query(self, sql: str) -> list[tuple[KeyValue, ...]]:
        """A small query. Texts come through the server's own conversion to UTF-8."""
        found = self._ask(sql, [], _SCALARS_LIMIT, stored=False)
        return [tuple(_scalar(kind, text) for kind, text in row) for row in found]

    def query_rows(self, sql: str) -> RowStream:
        """The rows of a SELECT, each column as the result set says."""
        with translated(self._place), self._lock:
            return _core.mysql_rows(self._next_reader(), sql, [])

    @contextmanager
    def asking(self, seconds: int) -> Iterator[None]:
        """By the server's own clock, whose name tells MariaDB from MySQL; under its own SQL mode."""
        self._set(seconds, "@@GLOBAL.sql_mode")
        try:
            yield
        finally:
            self._set(0, self._sessions.server.product.pins["sql_mode"])

    def _set(self, seconds: int, mode: str) -> None:
        with self._lock:
            for reader in self._sessions.readers:
                reader.execute(f"SET SESSION sql_mode = {mode}")
                for setting in (f"max_statement_time = {seconds}", f"max_execution_time = {seconds * 1000}"):
                    with suppress(EngineError):  # the other product's name for it
                        reader.execute(f"SET SESSION {setting}")

    @property
    def line(self) -> LineBytes:
        """What went over TCP since the database was opened."""
        return self._sessions.line

    def line_speed(self) -> LineSpeed:
        """Measured by texts that the server makes up."""
        return measured(self.line, lambda size: self._ask(f"SELECT REPEAT('x', {size})", [], 1, stored=True))

    def push_refusals(self, table: Table, columns: Sequence[str]) -> dict[str, str]:
        """The columns that have no push-down form here, and why."""
        return pushdown.refusals(table, list(columns))

    def push_sums(self, request: PushRequest, digits: int, within: Within | None = None) -> PushedSums:
        """Sums that the server computes."""
        sql = pushdown.sums_sql(self.dialect, request, digits, within)
        return pushdown.read_sums(self._shown(request, sql))

    def push_digests(self, request: PushRequest, within: Within, limit: int) -> list[tuple[bytes, int]]:
        """Digests that the server computes."""
        sql = pushdown.digests_sql(self.dialect, request, within, limit)
        return listed(self._shown(request, sql))

    def push_beside(self, request: PushRequest, key_bytes: int, within: Within | None) -> RowStream:
        """What the server digests of each row, and the columns that it does not."""
        require_readable(request.table, request.beside)
        listed = [self._read(request.table.column(name)) for name in request.beside]
        digests = pushdown.beside_columns(request, key_bytes)
        sql = f"SELECT {', '.join([digests, *listed])} FROM {self.dialect.qualify(request.table.name)}"
        types = ["bytes", *(request.table.column(name).type.wire for name in request.beside)]
        with translated(f"{self._place}: {request.table.name}"), self._lock:
            return _core.mysql_rows(self._next_reader(), sql + pushdown.within_condition(request, within), types)

    def push_rows(self, request: PushRequest, digests: Sequence[bytes], of: DigestOf) -> RowStream:
        """Rows by a digest."""
        condition = pushdown.rows_condition(request, [digest.hex() for digest in digests], of)
        return self._stream(request.table, request.columns, self._select(request.table, request.columns) + condition)

    def push_sample(self, request: PushRequest, rows: int) -> PushedSample:
        """The first rows, digested."""
        return pushdown.read_sample(self._shown(request, pushdown.sample_sql(self.dialect, request, rows)))

    def _shown(self, request: PushRequest, sql: str) -> list[ShownRow]:
        with translated(f"{self._place}: {request.table.name}"):
            with self._lock:
                stream = _core.mysql_rows(self._next_reader(), sql, [])
            return stream.shown(_ANSWER_LIMIT)

    def identity(self) -> dict[str, str]:
        """The server's own identifier, its position in the binary log, and the session's pinned settings."""
        control, server = self._sessions.control, self._sessions.server
        with translated(self._place):
            database, user, host, port = control.query("SELECT DATABASE(), CURRENT_USER(), @@hostname, @@port")[0]
            server_id = variable(control, "server_id")
            known = variable(control, "server_uuid") or variable(control, "server_uid")
        position = dict(self._sessions.position)
        facts = {
            "engine": "mariadb",
            "product": server.product.name,
            "version": server.version,
            "database": str(database),
            "user": str(user),
            "system_identifier": known or f"{host}:{port} server_id {server_id}",
            "server_id": server_id,
            "snapshot": f"consistent snapshot of {position['claimed_time']}, {position.pop('readers')}",
        }
        pinned = {**PINS, "sql_mode": server.product.pins["sql_mode"]}
        return facts | position | {name: value.strip("'") for name, value in pinned.items()}

    def close(self) -> None:
        """Ends the snapshot and every session."""
        if not self._closed:
            self._closed = True
            self._sessions.close()

    def _ask(self, sql: str, wires: Sequence[str], limit: int, *, stored: bool) -> list[list[tuple[str, str | None]]]:
        """A small query's rows; texts as they are stored, or converted to UTF-8 by the server."""
        with translated(self._place):
            session = self._for_questions()
            usual = session is not self._sessions.control
            if stored is usual:
                return _core.mysql_rows(session, sql, wires).shown(limit)
            session.execute(f"SET character_set_results = {_RESULTS[stored]}")
            try:
                return _core.mysql_rows(session, sql, wires).shown(limit)
            finally:
                session.execute(f"SET character_set_results = {_RESULTS[usual]}")

    def _for_questions(self) -> MysqlConnection:
        """Where questions about data go: beside the streams, where the control session stands in the same snapshot."""
        alone = len(self._sessions.readers) == 1
        return self._sessions.readers[0] if alone else self._sessions.control

    def _range(self, table: Table, key_range: KeyRange) -> str:
        names = [sort_expression(table, name) for name in key_range.columns]
        return f"{self._where(table, key_range)} ORDER BY {', '.join(names)}"

    def _where(self, table: Table, key_range: KeyRange) -> str:
        names = [sort_expression(table, name) for name in key_range.columns]
        return spelled_out_range(key_range, names, lambda values: bounds(table, key_range.columns, values))

    def _bounds(self, table: Table, key: Sequence[str], lanes: Lanes, count: int) -> Iterator[KeyTuple]:
        """Where the key is cut: whole numbers by looking for their ends, other keys by a walk along the index."""
        pieces = count * PIECES_PER_LANE
        if len(key) > 1 or table.column(key[0]).type.kind != "integer":
            yield from self._boundaries(table, key, max((table.row_estimate or 0) // pieces, lanes.fewest_rows, 1))
            return
        name, place = self.dialect.quote(key[0]), self.dialect.qualify(table.name)

        def asked(end: str, sign: str) -> Bound:
            return lambda bound: self._number(f"SELECT {end}({name}) FROM {place} WHERE {name} {sign} {bound}")

        first, last = (self._number(f"SELECT {end}({name}) FROM {place}") for end in ("MIN", "MAX"))
        if first is not None and last is not None:
            for bound in integer_bounds(asked("MIN", ">"), asked("MAX", "<="), (first, last), pieces):
                yield (bound,)

    def _number(self, sql: str) -> int | None:
        found = self.scalar_query(sql)[0][0]
        return None if found is None else int(str(found))

    def _stream(self, table: Table, columns: Sequence[str], sql: str) -> RowStream:
        types = [table.column(name).type.wire for name in columns]
        with translated(f"{self._place}: {table.name}"), self._lock:
            return _core.mysql_rows(self._next_reader(), sql, types)

    def _next_reader(self) -> MysqlConnection:
        """A session that no stream holds, else the one that was given out longest ago. Called under the lock."""
        readers = self._sessions.readers
        chosen = next((reader for reader in readers if reader.idle), readers[0])
        readers.remove(chosen)
        readers.append(chosen)
        return chosen

    def _select(self, table: Table, columns: Sequence[str]) -> str:
        require_readable(table, columns)
        listed = ", ".join(self._read(table.column(name)) for name in columns)
        return f"SELECT {listed} FROM {self.dialect.qualify(table.name)}"

    def _read(self, column: Column) -> str:
        """A column as it is selected. An ENUM with an empty label is told from its invalid value by a mark in front."""
        name = self.dialect.quote(column.name)
        if not column.type.wire.startswith("marked enum:"):
            return name
        return f"CONCAT(IF({name} + 0 = 0, '0', '1'), CAST({name} AS BINARY))"


def _key_value(kind: str, text: str | None) -> KeyValue:
    if text is None:
        return None
    if kind == "integer":
        return int(text)
    return bytes.fromhex(text) if kind in ("bytes", "undecodable text") else text


def _scalar(kind: str, text: str | None) -> KeyValue:
    return float(text) if kind == "float" and text is not None else _key_value(kind, text)
