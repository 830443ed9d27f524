"""Tables of many shapes, the same rows in every engine: few and many columns, short and long values.

DuckDB computes the values from hashes of row and column, so that millions are made in seconds, and writes them out as
tab-separated text, from which the others load. One value in twenty is NULL, but for the key's and the last column's.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import duckdb

from benchmarks.data import TABLE
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

_BATCH_ROWS = 20_000


@dataclass(frozen=True)
class Kind:
    """A column's type per engine, and DuckDB's expression for a value from `{h}`, an unsigned 64-bit hash."""

    duckdb: str
    postgresql: str
    mariadb: str
    sqlite: str
    make: str


_INTEGER = Kind("INTEGER", "integer", "int", "INTEGER", "({h} % 2000000000)::BIGINT - 1000000000")
_SMALLINT = Kind("SMALLINT", "smallint", "smallint", "SMALLINT", "{h} % 1000")
_BIGINT = Kind("BIGINT", "bigint", "bigint", "BIGINT", "{h} >> 2")
_DATE = Kind("DATE", "date", "date", "DATE", "DATE '2015-01-01' + ({h} % 4000)::INTEGER")
_TEXT = Kind(
    "VARCHAR", "text", "text", "TEXT",
    "left(md5({h}::VARCHAR) || ' Müller, follow-up ' || md5(({h} >> 1)::VARCHAR), (40 + {h} % 44)::INTEGER)",
)  # fmt: skip
_DECIMAL = Kind(
    "DECIMAL(12,2)", "numeric(12,2)", "decimal(12,2)", "DECIMAL(12,2)",
    "({h} % 1000000000)::DECIMAL(12,0) * 0.01::DECIMAL(2,2)",
)  # fmt: skip
_TIMESTAMP = Kind(
    "TIMESTAMP", "timestamp", "datetime(6)", "TIMESTAMP",
    "TIMESTAMP '2015-01-01' + to_microseconds(({h} % 300000000000000)::BIGINT)",
)  # fmt: skip
_DOUBLE = Kind("DOUBLE", "double precision", "double", "DOUBLE", "({h} % 1000000007)::DOUBLE / 8388.61")
_CYCLES = {
    "narrow": (_INTEGER, _SMALLINT, _BIGINT, _DATE),
    "wide": (_TEXT, _DECIMAL, _TIMESTAMP, _TEXT, _DOUBLE, _BIGINT),
}
WIDTHS = tuple(_CYCLES)


@dataclass(frozen=True)
class Shape:
    """`columns` of them, the key included; `width` of their values, `narrow` or `wide`."""

    columns: int
    width: str
    rows: int

    @property
    def title(self) -> str:
        """As a person reads it."""
        return f"{self.columns} {self.width} columns"

    def kinds(self) -> list[Kind]:
        """Of all columns but the key; a smallint is last, whose last byte tells a drain that no row is half read."""
        cycle = _CYCLES[self.width]
        return [cycle[index % len(cycle)] for index in range(self.columns - 2)] + [_SMALLINT]


class Shaped:
    """One shape's rows: a DuckDB file, a Parquet file, and their text on disk."""

    def __init__(self, shape: Shape, folder: Path) -> None:
        self.shape = shape
        self._kinds = shape.kinds()
        self.duckdb, self.parquet, self.text = folder / "shape.duckdb", folder / "parquet", folder / "shape.tsv"
        self.parquet.mkdir()
        with duckdb.connect(str(self.duckdb)) as connection:
            connection.execute(f"CREATE TABLE {TABLE} AS SELECT {self._expressions()} FROM range({shape.rows}) r(i)")
            connection.execute(f"COPY {TABLE} TO '{self.parquet / (TABLE + '.parquet')}' (FORMAT parquet)")
            connection.execute(
                f"COPY {TABLE} TO '{self.text}' (FORMAT csv, DELIMITER '\t', HEADER false, NULLSTR '\\N')"
            )
        self.text_bytes = self.text.stat().st_size

    def _expressions(self) -> str:
        made = ["(1000 + i * 3)::BIGINT AS id"]
        for number, kind in enumerate(self._kinds):
            value = f"({kind.make.format(h=f'hash(i * 1000 + {number})')})::{kind.duckdb}"
            if number < len(self._kinds) - 1:
                value = f"CASE WHEN hash(i * 1000 + {number} + 500) % 20 > 0 THEN {value} END"
            made.append(f"{value} AS c{number}")
        return ", ".join(made)

    def _columns(self, types: list[str]) -> str:
        return "".join(f", c{number} {name}" for number, name in enumerate(types))

    def into_postgresql(self, database: Database) -> None:
        """With its key, vacuumed."""
        types = self._columns([kind.postgresql for kind in self._kinds])
        database.execute(f"CREATE TABLE {TABLE} (id bigint NOT NULL{types})")
        with (
            database.connect() as connection,
            self.text.open("rb") as file,
            connection.cursor().copy(f"COPY {TABLE} FROM STDIN".encode()) as copy,
        ):
            while block := file.read(1 << 20):
                copy.write(block)
        database.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)", f"VACUUM (FREEZE, ANALYZE) {TABLE}", "CHECKPOINT")

    def into_mariadb(self, database: MariadbDatabase) -> None:
        """With its key, analysed."""
        types = self._columns([kind.mariadb for kind in self._kinds])
        database.execute(
            f"CREATE TABLE {TABLE} (id bigint NOT NULL PRIMARY KEY{types}) CHARACTER SET utf8mb4",
            f"LOAD DATA LOCAL INFILE '{self.text}' INTO TABLE {TABLE} CHARACTER SET utf8mb4",
            f"ANALYZE TABLE {TABLE}",
        )

    def into_sqlite(self, path: Path) -> None:
        """With `id` as its rowid."""
        types = self._columns([kind.sqlite for kind in self._kinds])
        connection = sqlite3.connect(path)
        connection.executescript(f"PRAGMA journal_mode = OFF; CREATE TABLE {TABLE} (id INTEGER PRIMARY KEY{types});")
        marks = ",".join("?" * self.shape.columns)
        with connection, self.text.open(encoding="utf-8") as file:
            connection.executemany(f"INSERT INTO {TABLE} VALUES ({marks})", _rows(file))
        connection.close()


def _rows(file: Iterator[str]) -> Iterator[list[str | None]]:
    while batch := list(islice(file, _BATCH_ROWS)):
        for line in batch:
            values = line.rstrip("\n").split("\t")
            yield [None if value == "\\N" else value for value in values] if "\\N" in line else values  # type: ignore[misc]
