"""A SQLite file opened for reading: one connection, one read transaction from opening to `close`.

The file is touched through `kora._core` alone, because a second SQLite library in one process would void the locks of
the first. A stream of rows is valid until the next call of `rows` or `rows_by_key`. Keys are SQLite's own scalars,
ordered by the key columns' collations.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import cast

from kora import _core
from kora._core import RowStream, SqliteConnection
from kora.catalog import Catalog, Table
from kora.databases.address import Address
from kora.databases.base import Dialect, KeyRange, KeyTuple, KeyValue, Lanes, Selection, require_readable
from kora.databases.files import existing_file, file_identity
from kora.databases.keys import check_keys, range_condition, row_of
from kora.databases.lanes import PIECES_PER_LANE, Bound, in_lanes, integer_bounds, key_ranges
from kora.databases.limits import Clock
from kora.databases.secrets import Secret
from kora.databases.sqlite.catalog import read_catalog
from kora.databases.sqlite.lanes import LaneConnections, row_id_condition, row_id_name
from kora.errors import SenseiError

DIALECT = Dialect(engine="sqlite", sqlglot="sqlite", identifier_length=None, folds_case="insensitive")
_SMALLEST_ROW_BYTES = 8
"""No row takes less of the file: so ids with gaps do not make a table larger than it can be."""
_USUAL_ROW_BYTES = 100
_PART_BYTES = 1 << 20


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
        lanes = LaneConnections(path)
        connection.execute("BEGIN")
        connection.query("SELECT count(*) FROM sqlite_schema")
    except SenseiError:
        connection.close()
        raise
    return SqliteDatabase(path, connection, lanes)


class SqliteDatabase:
    """Implements `kora.databases.base.Database`."""

    dialect = DIALECT

    @property
    def streams_at_once(self) -> int:
        """One: but for lanes, all rows come through one connection."""
        return 1

    def __init__(self, path: Path, connection: SqliteConnection, lanes: LaneConnections) -> None:
        self._path = path
        self._connection = connection
        self._lanes = lanes
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
        return self._range(self._connection, sql, key_range)

    def rows_in_lanes(self, table: Table, columns: Sequence[str], lanes: Lanes) -> RowStream:
        """Rows of a table by ranges of row ids, or of the key where it has none; each lane in its own connection."""
        sql = self._select(table, columns)
        row_id = row_id_name(table)
        may_cut = lanes.most > 1 and (row_id is not None or table.stable_key)
        wanted = lanes.worth(self._most_rows(table, row_id)) if may_cut else 1
        connections = self._lanes.opened(wanted) if wanted > 1 else []
        if len(connections) < 2:
            return _core.sqlite_rows(self._connection, sql)
        if row_id is not None:
            bounds = self._row_id_bounds(table, row_id, len(connections) * PIECES_PER_LANE)
            pieces = key_ranges((row_id,), [(bound,) for bound in bounds])
        else:
            rows = max(self._most_rows(table, None) // (len(connections) * PIECES_PER_LANE), lanes.fewest_rows, 1)
            pieces = key_ranges(table.stable_key, self._boundaries(table, table.stable_key, rows))
        return in_lanes(
            len(columns), pieces, [partial(self._piece, connection, sql, row_id) for connection in connections]
        )

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
        return list(self._boundaries(table, key, rows_per_chunk))

    def _boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> Iterator[KeyTuple]:
        names = self._quoted(key)
        listed, name = ", ".join(names), self.dialect.qualify(table.name)
        step = f"ORDER BY {listed} LIMIT 2 OFFSET {rows_per_chunk - 1}"
        first = f"SELECT {listed} FROM {name} {step}"
        after = f"SELECT {listed} FROM {name} WHERE {row_of(names)} > {row_of(['?'] * len(key))} {step}"
        found = self._connection.query(first)
        while len(found) == 2:  # a row follows: this is not the last key
            yield found[0]
            found = self._connection.query(after, found[0])

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
        facts = {"engine": "sqlite", "version": self._connection.sqlite_version, **self._file_identity()}
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
            self._lanes.close()
            self._connection.close()

    def _file_identity(self) -> dict[str, str]:
        """As `file_identity`, through the connection: the file must not be opened and closed beside it."""
        digest, size = hashlib.sha256(), 0
        while part := self._connection.file_bytes(size, _PART_BYTES):
            digest.update(part)
            size += len(part)
        return {"file": self._path.name, "size_bytes": str(size), "sha256": digest.hexdigest()}

    def _piece(self, connection: SqliteConnection, sql: str, row_id: str | None, piece: KeyRange) -> RowStream:
        if row_id is not None:
            where, parameters = row_id_condition(row_id, piece)
            return _core.sqlite_rows(connection, sql + where, parameters)
        return self._range(connection, sql, piece)

    def _range(self, connection: SqliteConnection, sql: str, key_range: KeyRange) -> RowStream:
        key = self._quoted(key_range.columns)
        where = range_condition(key_range, key, lambda values: ["?"] * len(values))
        parameters = [*(key_range.after or ()), *(key_range.upto or ())]
        return _core.sqlite_rows(connection, f"{sql}{where} ORDER BY {', '.join(key)}", parameters)

    def _most_rows(self, table: Table, row_id: str | None) -> int:
        """A guess that costs nothing: as many as there are row ids, or as fit into the file."""
        size = self._path.stat().st_size
        ends = self._row_id_ends(table, row_id) if row_id is not None else None
        if row_id is None:
            return table.row_estimate or size // _USUAL_ROW_BYTES
        return min(ends[1] - ends[0] + 1, size // _SMALLEST_ROW_BYTES) if ends else 0

    def _row_id_ends(self, table: Table, row_id: str) -> tuple[int, int] | None:
        name = self.dialect.qualify(table.name)
        ends = self._connection.query(f"SELECT (SELECT min({row_id}) FROM {name}), (SELECT max({row_id}) FROM {name})")
        first, last = ends[0]
        return None if first is None else (int(str(first)), int(str(last)))

    def _row_id_bounds(self, table: Table, row_id: str, pieces: int) -> list[int]:
        name = self.dialect.qualify(table.name)

        def asked(end: str, sign: str) -> Bound:
            sql = f"SELECT {end}({row_id}) FROM {name} WHERE {row_id} {sign} ?"
            return lambda bound: cast("int | None", self._connection.query(sql, (bound,))[0][0])

        ends = self._row_id_ends(table, row_id)
        return integer_bounds(asked("min", ">"), asked("max", "<="), ends, pieces) if ends else []

    def _select(self, table: Table, columns: Sequence[str]) -> str:
        require_readable(table, columns)
        return f"SELECT {', '.join(self._quoted(columns))} FROM {self.dialect.qualify(table.name)}"

    def _quoted(self, columns: Sequence[str]) -> list[str]:
        return [self.dialect.quote(name) for name in columns]
