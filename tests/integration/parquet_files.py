"""Parquet folders for tests: written by DuckDB and by pyarrow, plain or as a finished export."""

from hashlib import sha256
from pathlib import Path

import duckdb

from kora.catalog import Column, ForeignKey, Key, Name, Table
from kora.databases.base import Database
from kora.databases.duckdb.types import column_type
from kora.databases.parquet.manifest import MANIFEST_NAME, Entry, Manifest, SealedFile
from kora.databases.registry import open_database


def write(path: Path, select: str) -> Path:
    """One file with the rows of a SELECT."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY ({select}) TO '{str(path).replace(chr(39), chr(39) * 2)}' (FORMAT parquet)")
    return path


def opened(root: Path) -> Database:
    return open_database(f"parquet:///{root}")


def texts(database: Database, table: str, *columns: str) -> list[tuple[str | None, ...]]:
    """The rows of some columns as texts, sorted."""
    rows = database.rows(database.catalog().table(Name("", table)), columns).shown(1000)
    return sorted((tuple(text for _, text in row) for row in rows), key=str)


def unreadable(root: Path, table: str) -> str:
    """Why a table cannot be read."""
    database = opened(root)
    problem = database.catalog().table(Name("", table)).unreadable
    database.close()
    return problem or ""


def export(
    root: Path,
    parts: dict[str, str],
    *,
    sealed: bool = True,
    key: tuple[str, ...] = ("id",),
    foreign_keys: tuple[ForeignKey, ...] = (),
) -> Path:
    """A folder as an export leaves it: one table `people`, a file per part, and the record."""
    for name, select in parts.items():
        write(root / "people" / name, select)
    with duckdb.connect() as connection:
        described = connection.execute(f"DESCRIBE {next(iter(parts.values()))}").fetchall()
    columns = tuple(
        Column(name, column_type(kind), nullable=name not in key, comment=f"about {name}")
        for name, kind, *_ in described
    )
    table = Table(
        Name("", "people"),
        columns,
        primary_key=Key("people_pkey", key),
        comment="who came",
        foreign_keys=foreign_keys,
    )
    files = {
        path.name: SealedFile(size_bytes=path.stat().st_size, sha256=sha256(path.read_bytes()).hexdigest())
        for path in sorted((root / "people").iterdir())
    }
    entry = Entry(folder="people", table=table, files=files if sealed else None)
    (root / MANIFEST_NAME).write_text(Manifest(tables=(entry,)).model_dump_json())
    return root
