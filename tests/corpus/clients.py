"""The engines' own clients: what builds a corpus database, and what reads one back, without KORA.

What is read comes as text, bytes, an integer, a float or None; `meaning` knows what it stands for.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import duckdb

from tests.corpus.kinds import Kind
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database as PostgresDatabase

Shown = str | bytes | int | float | None
"""What a client showed of one value."""
Column = dict[int, Shown]
"""Values by key."""


class Client(Protocol):
    """One database that belongs to the test alone."""

    url: str

    def read(self, table: str, show: str = "") -> Column:
        """Column `v` by key `id`; `show` is asked for in its place."""


class SourceClient(Client, Protocol):
    """One whose engine the corpus has kinds of."""

    def build(self, kinds: Sequence[Kind]) -> None:
        """Makes the table of each kind and fills it."""


def statements(kinds: Sequence[Kind], key: str) -> list[str]:
    """DDL and rows of all kinds; `key` is the type of the key column."""
    told = []
    for kind in kinds:
        told += kind.setup
        told.append(f"CREATE TABLE {kind.table} (id {key} PRIMARY KEY, v {kind.declared})")
        rows = ", ".join(f"({number}, {literal})" for number, literal in enumerate(kind.literals, 1))
        told.append(f"INSERT INTO {kind.table} VALUES {rows}")
    return told


@dataclass(frozen=True)
class Sqlite:
    """A file, through Python's own SQLite; used only while KORA has no connection to it."""

    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def build(self, kinds: Sequence[Kind]) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in statements(kinds, "INTEGER"):
                connection.execute(statement)
            connection.commit()

    def read(self, table: str, show: str = "") -> Column:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.text_factory = bytes
            rows = connection.execute(f"SELECT id, typeof(v), v FROM {table}").fetchall()
        return {key: _decoded(value) if kind == b"text" else value for key, kind, value in rows}


def _decoded(value: bytes) -> Shown:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"text that is no UTF-8: {value.hex()}"


_DUCKDB_BY_ITSELF = ("BLOB", "DOUBLE")


@dataclass(frozen=True)
class DuckDb:
    """A file, through the `duckdb` package."""

    path: Path

    @property
    def url(self) -> str:
        return f"duckdb:///{self.path}"

    def build(self, kinds: Sequence[Kind]) -> None:
        with duckdb.connect(str(self.path)) as connection:
            for statement in statements(kinds, "INTEGER"):
                connection.execute(statement)

    def read(self, table: str, show: str = "") -> Column:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            return _duckdb_column(connection, table, show)


@dataclass(frozen=True)
class Parquet:
    """A folder of Parquet files, written and read by DuckDB."""

    folder: Path

    @property
    def url(self) -> str:
        return f"parquet:///{self.folder}"

    def build(self, kinds: Sequence[Kind]) -> None:
        with duckdb.connect() as connection:
            for statement in statements(kinds, "INTEGER"):
                connection.execute(statement)
            for kind in kinds:
                (self.folder / kind.table).mkdir(parents=True)
                connection.execute(f"COPY {kind.table} TO '{self.folder}/{kind.table}/data.parquet' (FORMAT parquet)")

    def read(self, table: str, show: str = "") -> Column:
        with duckdb.connect() as connection:
            return _duckdb_column(connection, f"read_parquet('{self.folder}/{table}/*.parquet')", show)


def _duckdb_column(connection: duckdb.DuckDBPyConnection, table: str, show: str) -> Column:
    connection.execute("SET TimeZone = 'UTC'")
    described = connection.execute(f"DESCRIBE SELECT v FROM {table}").fetchone()
    assert described is not None
    return dict(connection.execute(f"SELECT id, {show or _duckdb_shown(str(described[1]))} FROM {table}").fetchall())


def _duckdb_shown(kind: str) -> str:
    if kind in _DUCKDB_BY_ITSELF:
        return "v"
    if kind == "FLOAT":
        return "CAST(v AS DOUBLE)"
    if kind.endswith("]") or kind.startswith(("STRUCT(", "MAP(")):
        return "CAST(to_json(v) AS VARCHAR)"
    return "CAST(v AS VARCHAR)"


@dataclass(frozen=True)
class Postgres:
    """A database of the test's server, through psycopg."""

    database: PostgresDatabase

    @property
    def url(self) -> str:
        return self.database.url

    def build(self, kinds: Sequence[Kind]) -> None:
        self.database.execute(*statements(kinds, "integer"))

    def read(self, table: str, show: str = "") -> Column:
        kinds = "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = 'v'"
        with self.database.connect() as connection:
            (kind,) = connection.execute(kinds, (table,)).fetchone() or ("",)
            query = f"SELECT id, {show or _postgres_shown(str(kind))} FROM {table}"
            return dict(connection.execute(query.encode()).fetchall())  # type: ignore[arg-type]


def _postgres_shown(kind: str) -> str:
    if kind in ("real", "double precision"):
        return "v::float8"
    if kind.endswith("[]"):
        return "to_json(v)::text"
    return "v" if kind == "bytea" else "v::text"


@dataclass(frozen=True)
class Mariadb:
    """A database of the test's server, through the `mariadb` client; values come as hexadecimal digits."""

    database: MariadbDatabase

    @property
    def url(self) -> str:
        return self.database.url

    def build(self, kinds: Sequence[Kind]) -> None:
        loose = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'"
        self.database.execute(loose, *statements(kinds, "int"))

    def read(self, table: str, show: str = "") -> Column:
        kind, declared = _declared(self.database)[table]
        shown = show or _mariadb_shown(kind, declared)
        if self.database.build.product == "MySQL":
            # Its double as text has one digit too few now and then, and its longitude comes second.
            shown = shown.replace("CAST(CAST(v AS DOUBLE) AS CHAR)", "CAST(CAST(v AS DOUBLE) AS JSON)")
            shown = shown.replace("ST_AsWKB(v)", "ST_AsWKB(v, 'axis-order=long-lat')")
        query = f"SET time_zone = '+00:00'; SELECT id, HEX({shown}) FROM {table}"
        rows = [(int(str(key)), None if value is None else bytes.fromhex(value)) for key, value in self._rows(query)]
        if kind in _MARIADB_BYTES:
            return dict(rows)
        found = {key: None if value is None else value.decode() for key, value in rows}
        if kind in ("float", "double"):
            return {key: None if value is None else float(value) for key, value in found.items()}
        return dict(found)

    def _rows(self, query: str) -> list[tuple[str | None, str | None]]:
        # Nothing but digits comes, so that an empty value is an empty field and never a word.
        return [(row[0], row[1] if len(row) > 1 else "") for row in self.database.query(query)]


@cache
def _declared(database: MariadbDatabase) -> dict[str, tuple[str, str]]:
    """Type and declaration of every `v`, asked for once: whoever reads a database makes no more tables in it."""
    columns = "SELECT table_name, data_type, column_type FROM information_schema.columns"
    rows = database.query(f"{columns} WHERE table_schema = DATABASE() AND column_name = 'v'")
    return {str(table): (str(kind), str(declared)) for table, kind, declared in rows}


_MARIADB_BYTES = ("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob")
_GEOMETRIES = ("geometry", "point", "polygon", "linestring", "geometrycollection")


def _mariadb_shown(kind: str, declared: str) -> str:
    if kind in _MARIADB_BYTES:
        return "v"
    if kind == "bit":
        return f"LPAD(BIN(v + 0), {declared.removeprefix('bit(').removesuffix(')')}, '0')"
    if kind == "float":
        return "CAST(CAST(v AS DOUBLE) AS CHAR)"
    if kind in _GEOMETRIES:
        return "CONCAT(ST_SRID(v), ' ', HEX(ST_AsWKB(v)))"
    return "CONVERT(CAST(v AS CHAR) USING utf8mb4)"
