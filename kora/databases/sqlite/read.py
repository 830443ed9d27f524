"""A SQLite file opened for reading: one connection, one read transaction from opening to `close`.

The file is touched through `kora._core` alone, because a second SQLite library in one process would void the locks of
the first. A stream of rows is valid until the next call of `rows` or `rows_by_key`. Keys are SQLite's own scalars,
ordered by the key columns' collations.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from kora import _core
from kora._core import RowStream, SqliteConnection
from kora.catalog import Catalog, Table
from kora.databases.address import Address
from kora.databases.base import Dialect, KeyRange, KeyTuple, KeyValue, Selection, require_readable
from kora.databases.files import existing_file, file_identity
from kora.databases.keys import check_keys, range_condition, row_of
from kora.databases.limits import Clock
from kora.databases.secrets import Secret
from kora.databases.sqlite.catalog import read_catalog
from kora.errors import SenseiError

DIALECT = Dialect(engine="sqlite", sqlglot="sqlite", identifier_length=None, folds_case="insensitive")


def open_sqlite(address: Address, secret: Secret) -> "SqliteDatabase":
    """Opens a SQLite file read-only and takes its read lock. SQLite knows no passwords: `secret` is not used.

    Raises:
        FileProblem: Missing, a folder, or not readable.
        MalformedInput: Damaged, encrypted, or not SQLite at all.
        Busy: Another program holds it exclusively.
    """
    del secret
    path = existing_file(address)
    connection = SqliteConnection(str(path), "ro")
    try:
        connection.execute("BEGIN")
        connection.query("SELECT count(*) FROM sqlite_schema")
    except SenseiError:
        connection.close()
        raise
    return SqliteDatabase(path, connection)


class SqliteDatabase:
    """Implements `kora.databases.base.Database`."""

    dialect = DIALECT

    @property
    def streams_at_once(self) -> int:
        """One: all rows come through one connection."""
        return 1

    def __init__(self, path: Path, connection: SqliteConnection) -> None:
        self._path = path
        self._connection = connection
        self._closed = False
        self._clock = Clock()

    def catalog(self, selection: Selection = Selection()) -> Catalog:  # noqa: B008  frozen
        """What the file holds."""
        return read_catalog(self._connection, selection)

    def rows(self, table: Table, columns: Sequence[str], key_range: KeyRange | None = None) -> RowStream:
        """Rows of a table, in key order within a key range."""
        sql = self._select(table, columns)
        if key_range is None:
            return _core.sqlite_rows(self._connection, sql)
        key = self._quoted(key_range.columns)
        where = range_condition(key_range, key, lambda values: ["?"] * len(values))
        parameters = [*(key_range.after or ()), *(key_range.upto or ())]
        return _core.sqlite_rows(self._connection, f"{sql}{where} ORDER BY {', '.join(key)}", parameters)

    def rows_by_key(
        self, table: Table, columns: Sequence[str], key: Sequence[str], keys: Sequence[KeyTuple]
    ) -> RowStream:
        """Rows with these keys."""
        check_keys(key, keys)
        values = ", ".join(["(" + ", ".join("?" * len(key)) + ")"] * len(keys))
        where = f"{row_of(self._quoted(key))} IN (VALUES {values})"
        parameters = [value for row in keys for value in row]
        return _core.sqlite_rows(self._connection, f"{self._select(table, columns)} WHERE {where}", parameters)

    def key_boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> list[KeyTuple]:
        """Every `rows_per_chunk`-th key, by one walk along the key's index: each step begins at the last boundary.

        OFFSET goes past rows without decoding them, which a window function cannot.
        """
        names = self._quoted(key)
        listed, name = ", ".join(names), self.dialect.qualify(table.name)
        step = f"ORDER BY {listed} LIMIT 2 OFFSET {rows_per_chunk - 1}"
        first = f"SELECT {listed} FROM {name} {step}"
        after = f"SELECT {listed} FROM {name} WHERE {row_of(names)} > {row_of(['?'] * len(key))} {step}"
        boundaries: list[KeyTuple] = []
        found = self._connection.query(first)
        while len(found) == 2:  # a row follows: this is not the last key
            boundaries.append(found[0])
            found = self._connection.query(after, found[0])
        return boundaries

    def row_count(self, table: Table) -> int:
        """The exact count."""
        return int(str(self._connection.query(f"SELECT count(*) FROM {self.dialect.qualify(table.name)}")[0][0]))

    def scalar_query(self, sql: str) -> list[tuple[KeyValue, ...]]:
        """A small query; the connection is read-only."""
        return list(self._connection.query(sql))

    def query_rows(self, sql: str) -> RowStream:
        """The rows of a SELECT."""
        self._clock.start(self._connection.interrupt)
        return _core.sqlite_rows(self._connection, sql)

    def asking(self, seconds: int) -> AbstractContextManager[None]:
        """SQLite keeps no clock: it is interrupted."""
        return self._clock.limit(seconds)

    def identity(self) -> dict[str, str]:
        """The file's digest and SQLite's own counters. The digest is of the main file: a WAL stands beside it."""
        facts = {"engine": "sqlite", "version": self._connection.sqlite_version, **file_identity(self._path)}
        wal = self._path.with_name(self._path.name + "-wal")
        if wal.is_file() and wal.stat().st_size:
            facts |= {f"wal_{name}": value for name, value in file_identity(wal).items() if name != "file"}
        for pragma in ("schema_version", "data_version", "encoding", "journal_mode", "user_version"):
            facts[pragma] = str(self._connection.query(f"PRAGMA {pragma}")[0][0])
        return facts | {"snapshot": "read transaction held from opening to close"}

    def close(self) -> None:
        """Ends the read transaction."""
        if not self._closed:
            self._closed = True
            self._connection.close()

    def _select(self, table: Table, columns: Sequence[str]) -> str:
        require_readable(table, columns)
        return f"SELECT {', '.join(self._quoted(columns))} FROM {self.dialect.qualify(table.name)}"

    def _quoted(self, columns: Sequence[str]) -> list[str]:
        return [self.dialect.quote(name) for name in columns]
