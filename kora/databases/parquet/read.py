"""A folder of Parquet files as a database: every table is a view over its files in a DuckDB in memory.

Rows come through DuckDB's built-in reader as Arrow, as those of DuckDB's own files do. The files are the snapshot: they
are pinned by size, times and inode when they are found; each read looks whether they are still those, and the identity
once more when it gives their SHA-256. Files have no keys of their own. Those that an export of Sensei recorded count
where today's rows obey them, and the rows of an export only if its files are those that it sealed.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from kora import _core
from kora._core import RowStream
from kora.catalog import Catalog, Column, Key, Name, NotModelled, Table, Type
from kora.databases.address import Address
from kora.databases.base import MANY_STREAMS, Dialect, Lanes, Selection, require_readable
from kora.databases.duckdb.errors import translated
from kora.databases.duckdb.large import Span
from kora.databases.duckdb.read import DuckDbDatabase, connect_in_memory
from kora.databases.files import existing_file, file_identity
from kora.databases.lanes import PIECES_PER_LANE, in_lanes
from kora.databases.parquet.files import (
    Found,
    TableFiles,
    by_name,
    digest_of,
    find_tables,
    literal,
    reader_call,
    require_unchanged,
)
from kora.databases.parquet.groups import RowGroup, lane_queries, memory_bytes, queries, read_groups, with_dictionaries
from kora.databases.parquet.manifest import MANIFEST_NAME, Entry, Manifest, read_manifest
from kora.databases.parquet.pages import ROW_NUMBER, all_rows, read_pages, rows_at, worth_a_list
from kora.databases.parquet.schema import read_columns
from kora.databases.secrets import Secret
from kora.errors import EngineError, FileProblem, MalformedInput

DIALECT = Dialect(engine="parquet", sqlglot="duckdb", identifier_length=None, folds_case="insensitive")
_LANE_SIZE_BYTES = 32 << 20
"""What DuckDB is allowed for each reader of a table beyond the first."""
_UNSEALED = "its export was not finished, or goes on: `sensei resume` finishes it"


def open_parquet(address: Address, secret: Secret) -> "ParquetDatabase":
    """Finds the files of a folder, or takes the one file. Files have no passwords: `secret` is not used.

    Raises:
        FileProblem: Nothing is there, it may not be read, or it holds no Parquet file.
        MalformedInput: The record of an export is damaged. A damaged data file makes its table unreadable instead.
        InvalidRequest: Two tables would have one name.
    """
    del secret
    root = address.file
    if not root.is_dir():
        root = existing_file(address)
    found, manifest = find_tables(root), read_manifest(root)
    if not found.tables and manifest is None:
        raise FileProblem(f"{root} holds no .parquet file", hint="name a Parquet file, or a folder of them")
    with translated(str(root)):
        return ParquetDatabase(root, found, manifest or Manifest(), connect_in_memory())


class ParquetDatabase(DuckDbDatabase):
    """Implements `kora.databases.base.Database`."""

    dialect = DIALECT

    @property
    def streams_at_once(self) -> int:
        """Each stream has a cursor of its own."""
        return MANY_STREAMS

    def __init__(self, root: Path, found: Found, manifest: Manifest, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(root, connection)
        # Files are read once, from their beginning to their end: what was read of them is not worth its memory.
        self._query("SET GLOBAL enable_external_file_cache = false")
        self._found = found
        self._manifest = manifest
        self._remarks: list[NotModelled] = []
        self._stored: dict[Name, tuple[list[RowGroup], list[str]]] = {}
        self._groups: dict[Name, list[RowGroup]] = {}
        self._files = {self._name(files): files for files in found.tables}
        self._tables = {name: self._table(name, files) for name, files in self._files.items()}

    def catalog(self, selection: Selection = Selection()) -> Catalog:  # noqa: B008  frozen
        """The tables; keys, comments and foreign keys where an export recorded them."""
        unfinished = [
            NotModelled("table of an export without files", str(entry.table.name), _UNSEALED)
            for entry in self._manifest.tables
            if entry.table.name not in self._files
        ]
        others = [NotModelled("other file", name) for name in self._found.others]
        tables = tuple(table for name, table in sorted(self._tables.items()) if selection.includes(name))
        return Catalog(
            "parquet",
            duckdb.__version__,
            tables=tables,
            not_modelled=(*others, *unfinished, *self._remarks, *_recorded_keys(tables)),
        )

    def rows_in_lanes(self, table: Table, columns: Sequence[str], lanes: Lanes) -> RowStream:
        """Rows of a table by its files and their row groups, each lane through cursors of its own."""
        require_readable(table, columns)
        self._require_unchanged(table.name)
        rows = sum(group.rows for group in self._stored_groups(table)[0])
        count = lanes.worth(rows)
        # Where groups are large, one lane reads them: what their dictionaries stand for is then not worth a look.
        if count < 2 or self._has_large_groups(table) or ROW_NUMBER in _column_names(table):
            return self.rows(table, columns)
        groups = self._row_groups(table)
        select = "SELECT " + ", ".join(self._expression(table, name) for name in columns)
        piece_rows = max(rows // (count * PIECES_PER_LANE), 1)
        pieces = lane_queries(select, groups, _options(self._files[table.name]), piece_rows)
        types = [table.column(name).type.wire for name in columns]
        count = min(count, len(pieces))
        self._room.widen(memory_bytes(groups) + (count - 1) * _LANE_SIZE_BYTES)

        def opened(sql: str) -> RowStream:
            with translated(f"{self._path}: {table.name}"):
                return _core.arrow_rows(self._relation(table, sql), types)

        return in_lanes(len(columns), pieces, [opened] * count)

    def row_count(self, table: Table) -> int:
        """The exact count, from the files' footers."""
        self._require_unchanged(table.name)
        return super().row_count(table)

    def identity(self) -> dict[str, str]:
        """Size and SHA-256 per table: of its file, or of the lines that `sha256sum *.parquet` prints in its folder."""
        facts = {"engine": "parquet", "version": duckdb.__version__, "folder": self._path.name}
        for name, files in self._files.items():
            require_unchanged(files)
            label = name.name if files.folder else f"{name.name}.parquet"
            facts[f"sha256 {label}"] = digest_of(files)
            facts[f"size_bytes {label}"] = str(files.size_bytes)
            if files.folder:
                facts[f"files {label}"] = str(len(files.files))
            require_unchanged(files)
        if self._manifest.tables:
            facts[f"sha256 {MANIFEST_NAME}"] = file_identity(self._path / MANIFEST_NAME)["sha256"]
        return facts | {"TimeZone": "UTC", "snapshot": "files pinned by size, times and inode, and by their digests"}

    def _stream(self, table: Table, columns: Sequence[str], where: str = "", order: str = "") -> RowStream:
        """Rows as DuckDB hands them out; where row groups are large, page by page or, failing that, in windows."""
        self._require_unchanged(table.name)
        require_readable(table, columns)
        if self._has_large_groups(table) and (stream := self._by_pages(table, columns, where, order)) is not None:
            return stream
        groups = self._row_groups(table)
        # A column of this name would hide the reader's own.
        if where or order or all(group.plain for group in groups) or ROW_NUMBER in _column_names(table):
            self._room.widen(memory_bytes(groups))
            return super()._stream(table, columns, where, order)
        select = "SELECT " + ", ".join(self._expression(table, name) for name in columns)
        options = _options(self._files[table.name])
        types = [table.column(name).type.wire for name in columns]
        with translated(f"{self._path}: {table.name}"):
            return self._windows(table, queries(select, groups, options), types, memory_bytes(groups))

    def _by_pages(self, table: Table, columns: Sequence[str], where: str, order: str) -> RowStream | None:
        """Rows as the core reads them; None where it cannot, or where a condition names many small ones."""
        files = self._files[table.name]
        if not (where or order):
            return read_pages(table, columns, files, all_rows(files))
        if not worth_a_list(self._stored_groups(table)[0]):
            return None
        with translated(f"{self._path}: {table.name}"):
            picked = rows_at(self._query, table, files, _options(files), where, order)
        return None if picked is None else read_pages(table, columns, files, picked)

    def _has_large_groups(self, table: Table) -> bool:
        """By what is stored, or else by what dictionaries stand for."""
        stored, _ = self._stored_groups(table)
        return not all(group.plain for group in stored) or not all(group.plain for group in self._row_groups(table))

    def _stored_groups(self, table: Table) -> tuple[list[RowGroup], list[str]]:
        """The row groups of a table's files and its columns with dictionaries; the files do not change."""
        if table.name not in self._stored:
            with translated(f"{self._path}: {table.name}"):
                self._stored[table.name] = read_groups(self._query, self._files[table.name])
        return self._stored[table.name]

    def _row_groups(self, table: Table) -> list[RowGroup]:
        """The row groups with what dictionaries stand for: the columns that have some are read once for it."""
        if table.name not in self._groups:
            groups, coded = self._stored_groups(table)
            lengths = [_length(self.dialect.quote(name), column.type) for name, column in _named(table, coded)]
            if lengths:
                name = self.dialect.qualify(table.name)
                with translated(f"{self._path}: {table.name}"), self._room.widened(memory_bytes(groups)):
                    total = self._query(f"SELECT coalesce(sum({' + '.join(lengths)}), 0)::BIGINT FROM {name}")
                groups = with_dictionaries(groups, int(str(total[0][0])))
            self._groups[table.name] = groups
        return self._groups[table.name]

    def _spans(self, name: Name, columns: Sequence[str] | None) -> tuple[Span, ...]:
        """None: a view has no row ids that rows could be cut by."""
        return ()

    def _require_unchanged(self, name: Name) -> None:
        if name in self._files:
            require_unchanged(self._files[name])

    def _name(self, files: TableFiles) -> Name:
        entry = self._manifest.in_folder(files.folder)
        return entry.table.name if entry else Name("", files.name)

    def _table(self, name: Name, files: TableFiles) -> Table:
        """A table with its view; or why it cannot be read."""
        entry = self._manifest.in_folder(files.folder)
        try:
            if files.problem:
                raise MalformedInput(f"{self._path / files.folder}: {files.problem}")
            if entry is not None:
                _require_sealed(self._path / files.folder, entry, files)
            with translated(f"{self._path}: {name}"):
                columns = self._columns(name, files)
            if files.partition_keys:
                keys = ", ".join(files.partition_keys)
                self._remarks.append(NotModelled("partition folders", str(name), f"{keys} read as text from the path"))
            rows, size_bytes = self._extent(files)
            table = Table(name, columns, row_estimate=rows, size_bytes=max(size_bytes, files.size_bytes))
            return self._with_record(table, entry) if entry else table
        except (MalformedInput, FileProblem, EngineError) as problem:
            return Table(name, (), size_bytes=files.size_bytes, unreadable=problem.message)

    def _columns(self, name: Name, files: TableFiles) -> tuple[Column, ...]:
        call = reader_call("read_parquet", [file.path for file in files.files], _options(files))
        self._query(f"CREATE VIEW {self.dialect.qualify(name)} AS SELECT * FROM {call}")
        types = self._query(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE NOT internal"
            f" AND table_name = {literal(name.name)} ORDER BY column_index"
        )
        return read_columns(self._query, files, {str(column): str(kind) for column, kind in types})

    def _extent(self, files: TableFiles) -> tuple[int, int]:
        """Rows, and bytes before compression, as the footers give them."""
        paths = [file.path for file in files.files]
        rows = self._query(f"SELECT sum(num_rows)::BIGINT FROM {reader_call('parquet_file_metadata', paths)}")
        call = reader_call("parquet_metadata", paths)
        size = self._query(f"SELECT coalesce(sum(total_uncompressed_size), 0)::BIGINT FROM {call}")
        return int(str(rows[0][0])), int(str(size[0][0]))

    def _with_record(self, table: Table, entry: Entry) -> Table:
        """The table with what its export recorded, as far as its rows bear that out."""
        recorded = {column.name: column for column in entry.table.columns}
        columns = tuple(
            replace(column, nullable=self._nullable(table, column, recorded), comment=recorded[column.name].comment)
            if column.name in recorded
            else column
            for column in table.columns
        )
        table = replace(table, columns=columns, comment=entry.table.comment, foreign_keys=entry.table.foreign_keys)
        primary = self._obeyed(table, [entry.table.primary_key] if entry.table.primary_key else [], nulls=False)
        unique = self._obeyed(table, entry.table.unique_keys, nulls=True)
        return replace(table, primary_key=next(iter(primary), None), unique_keys=tuple(unique))

    def _nullable(self, table: Table, column: Column, recorded: dict[str, Column]) -> bool:
        """A column that may hold NULL in a file holds none if it was recorded so and is so."""
        if recorded[column.name].nullable or not column.nullable:
            return recorded[column.name].nullable
        return self._any(f"{self.dialect.quote(column.name)} IS NULL", table)

    def _obeyed(self, table: Table, keys: Sequence[Key], *, nulls: bool) -> list[Key]:
        """The keys that today's rows obey; the others are named."""
        kept = []
        for key in keys:
            names = [self.dialect.quote(name) for name in key.columns]
            known = {column.name for column in table.columns} >= set(key.columns)
            if (
                known
                and not self._repeats(table, names)
                and (nulls or not self._any(" OR ".join(f"{name} IS NULL" for name in names), table))
            ):
                kept.append(key)
            else:
                subject = f"{table.name}({', '.join(key.columns)})"
                self._remarks.append(NotModelled("recorded key", subject, "rows of today break it: it does not count"))
        return kept

    def _any(self, condition: str, table: Table) -> bool:
        name = self.dialect.qualify(table.name)
        return bool(self.scalar_query(f"SELECT 1 AS one FROM {name} WHERE {condition} LIMIT 1"))

    def _repeats(self, table: Table, names: Sequence[str]) -> bool:
        """Whether two rows without NULL in these columns are the same there."""
        known = " AND ".join(f"{name} IS NOT NULL" for name in names)
        return bool(
            self.scalar_query(
                f"SELECT 1 AS one FROM {self.dialect.qualify(table.name)} WHERE {known}"
                f" GROUP BY {', '.join(names)} HAVING count(*) > 1 LIMIT 1"
            )
        )


def _options(files: TableFiles) -> str:
    """How a table's files are read: partitions as text, nothing guessed from other parts of the path."""
    partitioned = "true" if files.partition_keys else "false"
    return f"hive_partitioning={partitioned}, hive_types_autocast=false, union_by_name=false"


def _column_names(table: Table) -> set[str]:
    return {column.name.lower() for column in table.columns}


def _named(table: Table, names: Sequence[str]) -> list[tuple[str, Column]]:
    """The columns of these names, as far as they are no nested ones."""
    known = {column.name: column for column in table.columns}
    return [(name, known[name]) for name in names if name in known and known[name].type.kind != "unsupported"]


def _length(quoted: str, kind: Type) -> str:
    """An expression for a value's bytes."""
    if kind.kind == "bytes":
        return f"coalesce(octet_length({quoted}), 0)"
    return f"coalesce(strlen(CAST({quoted} AS VARCHAR)), 0)"


def _recorded_keys(tables: Sequence[Table]) -> list[NotModelled]:
    """One line for all keys: they are told, not enforced."""
    count = sum(len(table.unique_keys) + len(table.foreign_keys) + (table.primary_key is not None) for table in tables)
    detail = "primary, unique and foreign keys are recorded there; Parquet files enforce none"
    return [NotModelled("recorded keys", MANIFEST_NAME, detail, count)] if count else []


def _require_sealed(folder: Path, entry: Entry, files: TableFiles) -> None:
    """The files must be exactly those of the finished export."""
    hint = f"take a good copy; or move {MANIFEST_NAME} away to read what lies there, without the keys it records"
    if entry.files is None:
        raise MalformedInput(f"{folder}: {_UNSEALED}")
    there = by_name(files)
    for name in sorted(set(entry.files) ^ set(there)):
        what = "is missing" if name in entry.files else f"is no file of the export that {MANIFEST_NAME} records"
        raise MalformedInput(f"{folder / name}: {what}", hint=hint)
    for name, sealed in entry.files.items():
        now = file_identity(there[name].path)
        if (now["size_bytes"], now["sha256"]) != (str(sealed.size_bytes), sealed.sha256):
            problem = "damaged or changed: it does not have the SHA-256 that its export recorded"
            raise MalformedInput(f"{folder / name}: {problem}", hint=hint)
