"""A DuckDB file opened read-only: nobody writes while it is open, so the file itself is the snapshot.

Several streams may run at once; each has a cursor, that is, a connection of its own to the one opened file. Keys are
DuckDB's text of the values, cast back to the column's type. Extensions are neither fetched nor loaded by themselves,
and what does not fit into memory spills to the system's temporary folder, never beside the file.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import duckdb

from kora import _core
from kora._core import RowStream
from kora.catalog import Catalog, Column, Name, Table
from kora.databases.address import Address
from kora.databases.base import MANY_STREAMS, Dialect, KeyRange, KeyTuple, KeyValue, Lanes, Selection, require_readable
from kora.databases.duckdb.catalog import read_catalog
from kora.databases.duckdb.errors import translated
from kora.databases.duckdb.lanes import conditions
from kora.databases.duckdb.large import Source, Span, literal, memory_bytes, read_spans
from kora.databases.duckdb.room import Room
from kora.databases.duckdb.types import carried_type, column_type
from kora.databases.files import existing_file, file_identity
from kora.databases.keys import check_keys, row_of, spelled_out_range
from kora.databases.lanes import in_lanes
from kora.databases.limits import Clock
from kora.databases.secrets import Secret
from kora.errors import EngineError, SenseiError, UnsupportedType
from kora.scratch_folders import process_folder

DIALECT = Dialect(
    engine="duckdb", sqlglot="duckdb", identifier_length=None, folds_case="insensitive", default_schema="main"
)
_MEMORY_LIMIT_BYTES = 256 << 20
_SETTINGS = {"TimeZone": "UTC", "arrow_lossless_conversion": "true"}
_SCALAR_TYPES = frozenset(
    {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
    | {"UHUGEINT", "FLOAT", "DOUBLE", "VARCHAR", "BLOB"}
)


def open_duckdb(address: Address, secret: Secret) -> "DuckDbDatabase":
    """Opens a DuckDB file read-only. DuckDB files here have no passwords: `secret` is not used.

    Raises:
        FileProblem: Missing, a folder, or not readable.
        MalformedInput: Damaged, or not a DuckDB file.
        Busy: Open for writing, here or in another program.
    """
    del secret
    path = existing_file(address)
    with translated(str(path)):
        return DuckDbDatabase(path, _connect(str(path), read_only=True))


def connect_in_memory() -> duckdb.DuckDBPyConnection:
    """An empty database in memory under the settings of the files here: for data that DuckDB reads where they lie."""
    return _connect(":memory:", read_only=False)


def _connect(place: str, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A file that is opened twice must be opened with the same settings: the folder to spill to is the process's."""
    connection = duckdb.connect(
        place,
        read_only=read_only,
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": str(process_folder() / "duckdb"),
            "memory_limit": f"{_MEMORY_LIMIT_BYTES >> 20}MiB",
        },
    )
    for name, value in _SETTINGS.items():
        connection.execute(f"SET GLOBAL {name} = '{value}'")
    return connection


class DuckDbDatabase:
    """Implements `kora.databases.base.Database`."""

    dialect = DIALECT

    @property
    def streams_at_once(self) -> int:
        """Each stream has a cursor of its own."""
        return MANY_STREAMS

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self._path = path
        self._connection = connection
        self._closed = False
        self._clock = Clock()
        self._room = Room(self._query, _MEMORY_LIMIT_BYTES)
        self._known_spans: dict[tuple[Name, tuple[str, ...] | None], tuple[Span, ...]] = {}

    def catalog(self, selection: Selection = Selection()) -> Catalog:  # noqa: B008  frozen
        """What the file holds."""
        with translated(str(self._path)):
            return read_catalog(self._query, duckdb.__version__, selection, self._unreadable)

    def rows(self, table: Table, columns: Sequence[str], key_range: KeyRange | None = None) -> RowStream:
        """Rows of a table, in key order within a key range."""
        if key_range is None:
            return self._stream(table, columns)
        key = [self.dialect.quote(name) for name in key_range.columns]
        where = spelled_out_range(key_range, key, lambda values: self._values(table, key_range.columns, values))
        return self._stream(table, columns, where, f" ORDER BY {', '.join(key)}")

    def rows_in_lanes(self, table: Table, columns: Sequence[str], lanes: Lanes) -> RowStream:
        """Rows of a table by its row groups, each lane through cursors of its own."""
        select = self._select(table, columns)
        types = [table.column(name).type.wire for name in columns]
        count, pieces = conditions(table, self._spans(table.name, columns), len(columns), lanes)
        if count < 2:
            return self.rows(table, columns)

        def opened(condition: str) -> RowStream:
            with translated(f"{self._path}: {table.name}"):
                return _core.arrow_rows(self._relation(table, select + condition), types)

        return in_lanes(len(columns), pieces, [opened] * count)

    def rows_by_key(
        self, table: Table, columns: Sequence[str], key: Sequence[str], keys: Sequence[KeyTuple]
    ) -> RowStream:
        """Rows with these keys."""
        check_keys(key, keys)
        values = ", ".join("(" + ", ".join(self._values(table, key, row)) + ")" for row in keys)
        names = row_of([self.dialect.quote(name) for name in key])
        return self._stream(table, columns, f" WHERE {names} IN (VALUES {values})")

    def key_boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> list[KeyTuple]:
        """Every `rows_per_chunk`-th key, by one sort that spills."""
        names = [self.dialect.quote(name) for name in key]
        listed, name = ", ".join(names), self.dialect.qualify(table.name)
        texts = ", ".join(f"CAST({column} AS VARCHAR)" for column in names)
        sql = (
            f"SELECT {texts} FROM (SELECT {listed}, row_number() OVER (ORDER BY {listed}) AS kora_row FROM {name})"
            f" WHERE kora_row % {int(rows_per_chunk)} = 0 AND kora_row < (SELECT count(*) FROM {name})"
            " ORDER BY kora_row"
        )
        return [tuple(row) for row in self.scalar_query(sql)]

    def row_count(self, table: Table) -> int:
        """The exact count."""
        return int(str(self.scalar_query(f"SELECT count(*) FROM {self.dialect.qualify(table.name)}")[0][0]))

    def scalar_query(self, sql: str) -> list[tuple[KeyValue, ...]]:
        """A small query; values that are no plain scalars come as their text."""
        with translated(str(self._path)), self._connection.cursor() as cursor:
            relation = cursor.sql(sql)
            if relation is None:
                return []
            plain = [
                f"#{place}" if str(kind) in _SCALAR_TYPES else f"CAST(#{place} AS VARCHAR)"
                for place, kind in enumerate(relation.types, 1)
            ]
            return relation.project(", ".join(plain)).fetchall()

    def query_rows(self, sql: str) -> RowStream:
        """The rows of a SELECT; what Arrow cannot carry is cast, as in a table."""
        with translated(str(self._path)):
            cursor = self._connection.cursor()
            self._clock.start(cursor.interrupt)
            relation = cursor.sql(sql)
            if relation is None:
                raise EngineError(f"duckdb: {self._path}: the query gave no rows to read")
            types = [column_type(str(kind)) for kind in relation.types]
            for kind in types:
                if kind.kind in ("unsupported", "union"):
                    raise UnsupportedType(f"a column of type {kind.declared} cannot be decoded in an answer")
            if any(kind.elements or kind.wire in ("INTERVAL", "BIGNUM") for kind in types):
                casts = (f"CAST(#{place} AS {carried_type(kind)})" for place, kind in enumerate(types, 1))
                relation = relation.project(", ".join(casts))
            return _core.arrow_rows(relation, [kind.wire for kind in types])

    def asking(self, seconds: int) -> AbstractContextManager[None]:
        """DuckDB keeps no clock: it is interrupted."""
        return self._clock.limit(seconds)

    def identity(self) -> dict[str, str]:
        """The file's digest and the session's settings. A WAL beside it is part of the database."""
        facts = {"engine": "duckdb", "version": duckdb.__version__, **file_identity(self._path)}
        wal = self._path.with_name(self._path.name + ".wal")
        if wal.is_file():
            facts |= {f"wal_{name}": value for name, value in file_identity(wal).items() if name != "file"}
        return facts | _SETTINGS | {"snapshot": "file opened read-only, which excludes writers"}

    def close(self) -> None:
        """Closes the file."""
        if not self._closed:
            self._closed = True
            self._connection.close()

    def _query(self, sql: str) -> list[tuple[object, ...]]:
        cursor = self._connection.cursor()
        try:
            return cursor.execute(sql).fetchall()
        finally:
            cursor.close()

    def _unreadable(self, name: Name) -> str | None:
        """Why the first row cannot be read. Damage further in shows when the table is read."""
        try:
            first = self._spans(name, None)[:1]
            # A large row is not worth its memory here: its keys and numbers are read, its strings when it is its turn.
            looked_at = "rowid" if first and first[0].large else "*"
            table = self.dialect.qualify(name)
            self.scalar_query(f"SELECT count(COLUMNS(*)) FROM (SELECT {looked_at} FROM {table} LIMIT 1)")
        except SenseiError as problem:
            return problem.message
        return None

    def _stream(self, table: Table, columns: Sequence[str], where: str = "", order: str = "") -> RowStream:
        """Rows as DuckDB hands them out, or, where these would take too much memory at once, in windows."""
        select = self._select(table, columns)
        types = [table.column(name).type.wire for name in columns]
        with translated(f"{self._path}: {table.name}"):
            spans = self._spans(table.name, columns)
            if all(span.plain for span in spans):
                return _core.arrow_rows(self._relation(table, f"{select}{where}{order}"), types)
            lengths = " + ".join(_length(self.dialect.quote(name), table.column(name)) for name in columns)
            source = Source(
                self._query, select, self.dialect.qualify(table.name), lengths, where, order, self._index_keys(table)
            )
            return self._windows(table, source.windows(spans), types, memory_bytes(spans, _MEMORY_LIMIT_BYTES))

    def _windows(self, table: Table, queries: Iterator[str], types: Sequence[str], memory_bytes: int) -> RowStream:
        """The rows of queries, one after the other, with more memory while they are read."""

        def relations() -> Iterator[duckdb.DuckDBPyRelation]:
            with self._room.widened(memory_bytes):
                for sql in queries:
                    yield self._relation(table, sql)

        # What fits into the usual room needs none of this.
        much = memory_bytes > _MEMORY_LIMIT_BYTES
        return _core.arrow_windows(relations(), types, self._room.empty if much else None)

    def _relation(self, table: Table, sql: str) -> duckdb.DuckDBPyRelation:
        relation = self._connection.cursor().sql(sql)
        if relation is None:
            raise EngineError(f"duckdb: {table.name}: the query gave no rows to read")
        return relation

    def _spans(self, name: Name, columns: Sequence[str] | None) -> tuple[Span, ...]:
        """A table's row groups; the file does not change while it is open."""
        key = (name, None if columns is None else tuple(columns))
        if key not in self._known_spans:
            with translated(f"{self._path}: {name}"):
                self._known_spans[key] = read_spans(self._query, self.dialect.qualify(name), columns)
        return self._known_spans[key]

    def _index_keys(self, table: Table) -> tuple[tuple[str, str], ...]:
        """The primary key, where DuckDB looks a value up in its index: it does so for one column."""
        key = table.primary_key.columns if table.primary_key else ()
        return ((self.dialect.quote(key[0]), table.column(key[0]).type.wire),) if len(key) == 1 else ()

    def _expression(self, table: Table, name: str) -> str:
        """A column as it is carried; a union beside its tag, since Arrow's unions have no NULL."""
        quoted, column = self.dialect.quote(name), table.column(name).type
        structured = column.elements or column.wire in ("INTERVAL", "BIGNUM")
        carried = f"CAST({quoted} AS {carried_type(column)})" if structured else quoted
        if column.kind != "union":
            return carried
        tagged = f"struct_pack(tag := CAST(union_tag({quoted}) AS VARCHAR), value := {carried})"
        return f"CASE WHEN {quoted} IS NOT NULL THEN {tagged} END"

    def _select(self, table: Table, columns: Sequence[str]) -> str:
        require_readable(table, columns)
        expressions = ", ".join(self._expression(table, name) for name in columns)
        return f"SELECT {expressions} FROM {self.dialect.qualify(table.name)}"

    def _values(self, table: Table, key: Sequence[str], values: KeyTuple) -> list[str]:
        """A key's values as SQL: texts cast to the columns' types."""
        return [
            f"CAST({literal(str(value))} AS {table.column(name).type.wire})"
            for name, value in zip(key, values, strict=True)
        ]


def _length(quoted: str, column: Column) -> str:
    """An expression for a value's bytes as far as they are a string; the rest counts as nothing."""
    match column.type.kind:
        case "text" | "json":
            return f"coalesce(strlen({quoted}), 0)"
        case "bytes" | "bit":
            return f"coalesce(octet_length({quoted}), 0)"
        case _:
            return f"coalesce(strlen(CAST({quoted} AS VARCHAR)), 0)"
