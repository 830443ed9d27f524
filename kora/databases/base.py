"""The seam that every engine fills: one database, opened for reading, at one consistent position.

Nothing in this room writes to a database. An adapter implements `Database`, stands in `kora.databases.registry`, and
passes the suite in `tests/contracts/test_databases.py`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from kora._core import RowStream
from kora.catalog import Catalog, Name, Table, Type
from kora.errors import InvalidRequest, UnsupportedType

KeyValue: TypeAlias = bool | int | float | str | bytes | None
OWN_PREFIX = "_sensei"
"""Schemas and tables of this name's beginning hold Sensei's own checkpoints: no catalog shows them."""
MANY_STREAMS = 64
"""Where nothing of the engine bounds the streams that are read at once."""
KeyTuple: TypeAlias = tuple[KeyValue, ...]
"""One key, column by column, as the engine takes it back in a WHERE clause (text where the engine casts it)."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Rows whose key is greater than `after` and at most `upto`; None is open. Ordering is the engine's own."""

    columns: tuple[str, ...]
    after: KeyTuple | None = None
    upto: KeyTuple | None = None


@dataclass(frozen=True, slots=True)
class Lanes:
    """How a table may be cut to be read by several threads: into so many lanes at most, each of so many rows at least.

    Rows are counted as the engine guesses them: what is small is not worth a session more.
    """

    most: int = 1
    fewest_rows: int = 50_000

    def worth(self, rows: int) -> int:
        """How many lanes a table of about so many rows is worth."""
        return max(1, min(self.most, rows // max(self.fewest_rows, 1)))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tables: exact or shell-style patterns over `schema.name` or `name`. Empty `tables` means all."""

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()

    def includes(self, name: Name) -> bool:
        """Whether a table is asked for. Sensei's own (`_sensei…`) never is."""
        if name.schema.startswith(OWN_PREFIX) or name.name.startswith(OWN_PREFIX):
            return False
        if self.schemas and name.schema not in self.schemas:
            return False
        return (not self.tables or _matches(name, self.tables)) and not _matches(name, self.exclude)


def _matches(name: Name, patterns: tuple[str, ...]) -> bool:
    """Whether a pattern is the name, exactly or in the shell's sense; one with a dot may speak of the schema too."""
    return any(
        text == pattern or fnmatchcase(text, pattern)
        for pattern in patterns
        for text in ((name.name, str(name)) if "." in pattern else (name.name,))
    )


@dataclass(frozen=True, slots=True)
class Dialect:
    """Facts about an engine's SQL, as data."""

    engine: str
    sqlglot: str
    identifier_length: int | None
    identifier_length_unit: Literal["bytes", "characters"] = "characters"
    folds_case: Literal["lower", "preserve", "insensitive"] = "preserve"
    """What becomes of unquoted names; `insensitive`: two names that differ in case alone are one."""
    default_schema: str = ""
    identifier_quote: str = '"'
    system_columns: tuple[str, ...] = ()
    """Names that every table has by itself, and no column may take."""
    reserved_prefix: str = ""
    """What no table's or index's name may begin with, in any case."""
    basic_plane_names: bool = False
    """Names hold no character beyond U+FFFF, and no blank at their end."""

    def quote(self, name: str) -> str:
        """An identifier in the engine's quotes, exact case."""
        mark = self.identifier_quote
        return mark + name.replace(mark, mark + mark) + mark

    def qualify(self, name: Name) -> str:
        """A table's quoted name with its schema where it has one."""
        return f"{self.quote(name.schema)}.{self.quote(name.name)}" if name.schema else self.quote(name.name)


class Database(Protocol):
    """A database opened for reading. One snapshot from opening to `close`, unless the engine cannot (then it says so).

    Every method may raise `ConnectionLost`, `AccessDenied`, `EngineError`. None retries by itself.
    """

    dialect: Dialect

    @property
    def streams_at_once(self) -> int:
        """How many streams of `rows` may be read at the same time; a further one may void the oldest."""
        ...

    def catalog(self, selection: Selection = ...) -> Catalog:
        """What is there. Tables outside the selection are left out; what the login cannot read is marked."""
        ...

    def rows(self, table: Table, columns: Sequence[str], key_range: KeyRange | None = None) -> RowStream:
        """The named columns of all rows (or of a key range, then in key order).

        A stream stays valid until the next call of `rows` on engines with one connection. Raises `UnsupportedType`
        for a column whose type has kind `unsupported`.
        """
        ...

    def rows_in_lanes(self, table: Table, columns: Sequence[str], lanes: Lanes) -> RowStream:
        """The same as `rows` without a range, in no order, for several threads: each row stands in one lane.

        All lanes read the one snapshot. Fewer than asked for, down to one, where the table is small, where the engine
        cannot cut it, or where it has no sessions left.
        """
        ...

    def rows_by_key(
        self, table: Table, columns: Sequence[str], key: Sequence[str], keys: Sequence[KeyTuple]
    ) -> RowStream:
        """The named columns of the rows with these keys, in no order. At most 1,000 keys a call."""
        ...

    def key_boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> list[KeyTuple]:
        """Every `rows_per_chunk`-th key in the engine's own order, without the last: the inner chunk boundaries."""
        ...

    def row_count(self, table: Table) -> int:
        """The exact count within the snapshot."""
        ...

    def scalar_query(self, sql: str) -> list[tuple[KeyValue, ...]]:
        """A small read-only query in the engine's SQL, within the snapshot: orphan counts, view probes."""
        ...

    def identity(self) -> dict[str, str]:
        """Engine, version, system identifier or file digest, snapshot position, session settings: for certificates."""
        ...

    def close(self) -> None:
        """Ends the snapshot. Safe to call twice."""
        ...


@runtime_checkable
class AnswersQueries(Protocol):
    """A database with an SQL of its own: all but files of rows."""

    dialect: Dialect

    def query_rows(self, sql: str) -> RowStream:
        """The rows of one SELECT in the engine's SQL, within the snapshot, each column as the engine types it.

        Raises `EngineError` where the engine refuses it, then or while it is read; `UnsupportedType` for a column of a
        type that nothing here decodes. Nothing can be written: every session is opened for reading.
        """
        ...

    def asking(self, seconds: int) -> AbstractContextManager[None]:
        """Until the block ends, `query_rows` asks as applications do: under the server's settings, not this session's.

        A query that is not read to its end within so many seconds is ended: it then raises `Stopped`, or `EngineError`
        with the engine's own word for it while its rows are read.
        """
        ...


def readable_type(column_type: Type) -> bool:
    """Whether the core's reader for the engine decodes this type."""
    return column_type.kind != "unsupported"


def require_readable(table: Table, columns: Sequence[str]) -> None:
    """Raises `UnsupportedType` for a column that no reader decodes, `InvalidRequest` for one that is not there."""
    if not columns:
        raise InvalidRequest(f"no column of {table.name} was asked for")
    known = {column.name: column.type for column in table.columns}
    for name in columns:
        if name not in known:
            raise InvalidRequest(f"{table.name} has no column {name!r}")
        if not readable_type(known[name]):
            raise UnsupportedType(f"{table.name}.{name}: {known[name].declared} cannot be decoded")
