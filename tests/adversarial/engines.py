"""A case's table on another engine: the values that PostgreSQL stored for it, put there exactly, or a reason why not.

Nothing of a case's SQL is translated. What PostgreSQL holds is read, each column gets the type that holds the same kind
on the other engine, and what was put there is read back: a value that the engine does not keep makes the case not
expressible there.
"""

import re
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import psycopg
import pymysql

from tests.mariadb_server import MariadbDatabase

Row: TypeAlias = tuple[Any, ...]
_TYPE = re.compile(
    r"(?P<name>[a-z ]+?)(?P<given>\((?P<one>\d+)(,(?P<two>\d+))?\))?(?P<zone> with(out)? time zone)?(?P<array>\[\])?"
)
_AS_TEXT = re.compile(r"date|time|interval|bit|json|inet|uuid|\[\]")
_SPELLED = re.compile(_AS_TEXT.pattern + r"|boolean|real|character\(")
"""Kinds that clients spell each in their own way."""
_PIECE_ROWS = 10_000


class NotExpressible(Exception):
    """The engine has no such table, for this reason."""


@dataclass(frozen=True)
class Column:
    """One column, its type as `format_type` writes it."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True)
class Stored:
    """What PostgreSQL holds for one side of a case. Values of kinds with many spellings are PostgreSQL's text."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: tuple[Row, ...]

    def scale(self, position: int) -> int:
        """Fraction digits that a column's decimals need."""
        exponents = [row[position].as_tuple().exponent for row in self.rows if isinstance(row[position], Decimal)]
        if not all(isinstance(exponent, int) for exponent in exponents):
            raise NotExpressible("a decimal that is no number")
        return max((-exponent for exponent in exponents if isinstance(exponent, int)), default=0)


def stored(connection: psycopg.Connection[Any], schema: str) -> Stored:
    """One side of a case as PostgreSQL holds it, from the schema where it was made."""
    children = connection.execute("SELECT 1 FROM pg_inherits WHERE inhparent = %s::regclass", (f"{schema}.t",))
    if children.fetchall():
        raise NotExpressible("tables inherit from it")
    facts = connection.execute(
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        (f"{schema}.t",),
    ).fetchall()
    columns = tuple(Column(*fact) for fact in facts)
    key = connection.execute(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)"
        " WHERE indisprimary AND indrelid = %s::regclass",
        (f"{schema}.t",),
    ).fetchall()
    shown = ", ".join(f"{item.name}::text" if _AS_TEXT.search(item.type) else item.name for item in columns)
    rows = connection.execute(f"SELECT {shown} FROM ONLY {schema}.t".encode()).fetchall()
    return Stored(columns, tuple(name for (name,) in key), tuple(rows))


def _parts(column: Column) -> tuple[str, str, bool]:
    """A type's bare name, what stands in parentheses, and whether it is an array."""
    found = _TYPE.fullmatch(column.type)
    if not found:
        raise NotExpressible(f"the type {column.type}")
    return found["name"] + (found["zone"] or ""), found["given"] or "", bool(found["array"])


def _decimal(side: Stored, position: int, given: str, most_digits: int, most_scale: int) -> str:
    scale = side.scale(position)
    values = [row[position] for row in side.rows if row[position] is not None]
    digits = max((len(str(abs(value.scaleb(scale).to_integral_value()))) for value in values), default=1)
    if digits > most_digits or scale > most_scale:
        raise NotExpressible(f"a decimal of {max(digits, scale)} digits")
    return given or f"({min(most_digits, max(digits, scale) + 1)},{scale})"


def _definition(name: str, side: Stored, types: Sequence[str]) -> str:
    columns = [
        f"{column.name} {declared}{' NOT NULL' if column.required else ''}"
        for column, declared in zip(side.columns, types, strict=True)
    ]
    keys = [f"PRIMARY KEY ({', '.join(side.key)})"] if side.key else []
    return f"CREATE TABLE {name} ({', '.join([*columns, *keys])})"


def _held(side: Stored, kept: Sequence[Row]) -> None:
    """Refuses where the engine gives another number, text or bytes than it was given."""

    def plain(row: Row) -> tuple[str, ...]:
        return tuple(repr(float(value)) if isinstance(value, float) else str(value) for value in row)

    looked_at = [place for place, column in enumerate(side.columns) if not _SPELLED.search(column.type)]
    given = [_normal(tuple(row[place] for place in looked_at)) for row in side.rows]
    back = [_normal(tuple(row[place] for place in looked_at)) for row in kept]
    if sorted(map(plain, given)) != sorted(map(plain, back)):
        raise NotExpressible("it does not keep this value")


def _normal(row: Row) -> Row:
    return tuple(value.normalize() if isinstance(value, Decimal) else value for value in row)


_SQLITE = {
    "smallint": "INTEGER", "integer": "INTEGER", "bigint": "INTEGER", "text": "TEXT", "character varying": "TEXT",
    "double precision": "REAL", "bytea": "BLOB",
}  # fmt: skip
_MARIADB = {
    "smallint": "SMALLINT", "integer": "INT", "bigint": "BIGINT", "text": "LONGTEXT", "character varying": "VARCHAR",
    "character": "CHAR", "double precision": "DOUBLE", "real": "FLOAT", "bytea": "LONGBLOB", "date": "DATE",
    "timestamp without time zone": "DATETIME", "time without time zone": "TIME", "uuid": "UUID",
}  # fmt: skip
_DUCKDB = {
    "smallint": "SMALLINT", "integer": "INTEGER", "bigint": "BIGINT", "text": "VARCHAR", "character varying": "VARCHAR",
    "double precision": "DOUBLE", "real": "FLOAT", "bytea": "BLOB", "date": "DATE", "uuid": "UUID",
    "timestamp without time zone": "TIMESTAMP", "time without time zone": "TIME", "boolean": "BOOLEAN",
    "time with time zone": "TIMETZ", "timestamp with time zone": "TIMESTAMPTZ", "interval": "INTERVAL",
    "bit varying": "BIT", "json": "JSON",
}  # fmt: skip


def _sqlite_type(column: Column, _: Stored, __: int) -> str:
    name, _given, array = _parts(column)
    if array or name not in _SQLITE:
        raise NotExpressible(f"no counterpart of {column.type} in SQLite")
    return _SQLITE[name]


def _mariadb_type(column: Column, side: Stored, position: int) -> str:
    name, given, array = _parts(column)
    if name == "numeric" and not array:
        return "DECIMAL" + _decimal(side, position, given, 65, 38)
    if array or name not in _MARIADB:
        raise NotExpressible(f"no counterpart of {column.type} in MariaDB")
    if name == "text" and column.name in side.key:
        return "VARCHAR(255)"
    if _AS_TEXT.search(name) and name.endswith("time zone"):
        return _MARIADB[name] + (given or "(6)")
    return _MARIADB[name] + (given if name.startswith("character") else "")


def _duckdb_type(column: Column, side: Stored, position: int) -> str:
    name, given, array = _parts(column)
    if name == "numeric" and not array:
        return "DECIMAL" + _decimal(side, position, given, 38, 38)
    if name not in _DUCKDB or (given and name.endswith("time zone") and given != "(6)"):
        raise NotExpressible(f"no counterpart of {column.type} in DuckDB")
    if array and any(str(row[position]).startswith("[") for row in side.rows):
        raise NotExpressible("DuckDB's lists begin at one")
    return _DUCKDB[name] + ("[]" if array else "")


def _types(side: Stored, choose: Callable[[Column, Stored, int], str]) -> list[str]:
    return [choose(column, side, position) for position, column in enumerate(side.columns)]


def fill_sqlite(connection: sqlite3.Connection, name: str, side: Stored) -> None:
    """Makes a table of this name in a SQLite file."""
    connection.execute(_definition(name, side, _types(side, _sqlite_type)))
    connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(side.columns))})", side.rows)
    _held(side, connection.execute(f"SELECT * FROM {name}").fetchall())


def fill_mariadb(connection: "pymysql.Connection[Any]", name: str, side: Stored) -> None:
    """Makes a table of this name in a MariaDB database; its texts are told apart byte by byte."""
    definition = _definition(name, side, _types(side, _mariadb_type))
    with connection.cursor() as cursor:
        cursor.execute(f"{definition} ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin")
        try:
            for begin in range(0, len(side.rows), _PIECE_ROWS):
                places = ", ".join(["%s"] * len(side.columns))
                cursor.executemany(f"INSERT INTO {name} VALUES ({places})", side.rows[begin : begin + _PIECE_ROWS])
        except pymysql.Error as error:
            raise NotExpressible("MariaDB does not take the value") from error
        cursor.execute(f"SELECT * FROM {name}")
        _held(side, cursor.fetchall())


def fill_duckdb(connection: duckdb.DuckDBPyConnection, name: str, side: Stored) -> None:
    """Makes a table of this name in a DuckDB file. Kinds with many spellings are cast from their text."""
    types = _types(side, _duckdb_type)
    connection.execute(_definition(name, side, types))
    cast = ", ".join(
        f"CAST(unnest(?) AS {declared})" if _AS_TEXT.search(column.type) else f"unnest(?::{declared}[])"
        for column, declared in zip(side.columns, types, strict=True)
    )
    try:
        if side.rows:
            lists = [[_duck(value) for value in values] for values in zip(*side.rows, strict=True)]
            connection.execute(f"INSERT INTO {name} SELECT {cast}", lists)
    except duckdb.Error as error:
        raise NotExpressible("DuckDB does not take the value") from error
    _held(side, connection.execute(f"SELECT * FROM {name}").fetchall())


Connection: TypeAlias = "sqlite3.Connection | duckdb.DuckDBPyConnection | pymysql.Connection[Any]"


def connect(engine: str, place: Path | MariadbDatabase) -> Connection:
    """A connection that tables are made on, and made fast: nobody needs them after the test."""
    if isinstance(place, MariadbDatabase):
        login = {"host": place.host, "port": place.port, "user": place.user, "password": place.password}
        strict = "SET sql_mode = 'STRICT_ALL_TABLES'"
        return pymysql.connect(**login, database=place.name, autocommit=True, charset="utf8mb4", init_command=strict)
    if engine == "sqlite":
        file = sqlite3.connect(place)
        file.execute("PRAGMA synchronous = OFF")
        return file
    stored_in = duckdb.connect(str(place))
    stored_in.execute("SET TimeZone = 'UTC'")
    return stored_in


def fill(connection: Connection, name: str, side: Stored) -> None:
    """Makes a table of this name, with these rows. Raises `NotExpressible`."""
    if isinstance(connection, sqlite3.Connection):
        fill_sqlite(connection, name, side)
        connection.commit()
    elif isinstance(connection, duckdb.DuckDBPyConnection):
        fill_duckdb(connection, name, side)
    else:
        fill_mariadb(connection, name, side)


def _duck(value: Any) -> Any:
    """DuckDB writes the era in parentheses, and a list in brackets."""
    if not isinstance(value, str):
        return value
    if value.startswith("{") and value.endswith("}"):
        return "[" + value[1:-1] + "]"
    return re.sub(r" BC$", " (BC)", value)
