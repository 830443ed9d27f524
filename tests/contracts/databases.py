"""The clinic that every adapter of the contract suite holds, and how each engine is given it."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import duckdb

from kora._core import SqliteConnection
from kora.catalog import Column, Key, Name, Table
from kora.databases.duckdb.types import column_type
from kora.databases.parquet.manifest import MANIFEST_NAME, Entry, Manifest, SealedFile
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database as Server

PEOPLE = [
    (1, "Ada", "München"),
    (2, 'it\'s \\ "odd"', ""),
    (3, "Ωμέγα 🙂", None),
    (4, "a,b", "two\nlines"),
    (5, "Eve", "Nairobi"),
    (6, "Ada", "München"),
    (7, "", "Kisumu"),
]
VISITS = [(person, place, person * 10) for person in range(1, 5) for place in ("A'b", "Zürich", "kis\\umu")]
LOG = ["same", "same", "other"]

SCHEMA = """
CREATE TABLE people (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, city TEXT);
CREATE TABLE visit (person INTEGER NOT NULL, place VARCHAR(20) NOT NULL, cost INTEGER, PRIMARY KEY (person, place));
CREATE TABLE log (line TEXT);
CREATE TABLE _sensei_checkpoint (chunk INTEGER);
"""


@dataclass(frozen=True)
class Sample:
    """A database with the clinic in it.

    `write` runs one statement from outside, as another program would; it raises what the engine raises.
    """

    engine: str
    url: str
    schema: str
    write: Callable[[str], None]

    @property
    def has_keys(self) -> bool:
        return self.engine != "csv"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def statements() -> list[str]:
    """Everything as plain SQL that three engines understand."""
    made = [part for part in SCHEMA.split(";") if part.strip()]
    for table, rows in (("people", PEOPLE), ("visit", VISITS), ("log", [(line,) for line in LOG])):
        made += [f"INSERT INTO {table} VALUES ({', '.join(map(_literal, row))})" for row in rows]
    return made


def sqlite_sample(folder: Path) -> Sample:
    path = folder / "clinic.db"

    def write(statement: str) -> None:
        connection = SqliteConnection(str(path), "create")
        connection.execute(statement)
        connection.close()

    connection = SqliteConnection(str(path), "create")
    connection.query("PRAGMA journal_mode = wal")
    for statement in statements():
        connection.execute(statement)
    connection.close()
    return Sample("sqlite", f"sqlite:///{path}", "", write)


def duckdb_sample(folder: Path) -> Sample:
    path = folder / "clinic.duckdb"
    with duckdb.connect(str(path)) as connection:
        for statement in statements():
            connection.execute(statement)

    def write(statement: str) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(statement)

    return Sample("duckdb", f"duckdb:///{path}", "main", write)


def postgresql_sample(server: Server) -> Sample:
    server.execute(*statements())
    return Sample("postgresql", server.url, "public", lambda statement: server.execute(statement))


def mariadb_sample(server: MariadbDatabase) -> Sample:
    server.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'", *statements())
    return Sample("mariadb", server.url, "", lambda statement: server.execute(statement))


def csv_sample(folder: Path) -> Sample:
    files = folder / "clinic"
    files.mkdir()
    for table, header, rows in (
        ("people", "id,name,city", PEOPLE),
        ("visit", "person,place,cost", VISITS),
        ("log", "line", [(line,) for line in LOG]),
        ("_sensei_checkpoint", "chunk", [(1,)]),
    ):
        lines = [",".join(_field(value) for value in row) for row in rows]
        (files / f"{table}.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")

    def write(statement: str) -> None:
        with (files / "people.csv").open("a", encoding="utf-8") as file:
            file.write(f'8,"{statement}",x\n')

    return Sample("csv", f"csv:///{files}", "", write)


def parquet_sample(folder: Path) -> Sample:
    """Two files for one table, one for each of the others, and the keys that an export would have recorded."""
    root = folder / "clinic"
    entries = []
    with duckdb.connect() as connection:
        for statement in statements():
            connection.execute(statement)
        for table, parts in (("people", ("id <= 3", "id > 3")), ("visit", ("true",)), ("log", ("true",))):
            (root / table).mkdir(parents=True)
            for number, part in enumerate(parts, start=1):
                file = root / table / f"part-{number}.parquet"
                connection.execute(f"COPY (SELECT * FROM {table} WHERE {part}) TO '{file}'")
            columns = tuple(
                Column(name, column_type(kind), nullable=nullable == "YES")
                for name, kind, nullable, *_ in connection.execute(f"DESCRIBE {table}").fetchall()
            )
            keys = {"people": ("id",), "visit": ("person", "place")}
            key = Key("", keys[table]) if table in keys else None
            files = {
                path.name: SealedFile(size_bytes=path.stat().st_size, sha256=sha256(path.read_bytes()).hexdigest())
                for path in (root / table).iterdir()
            }
            made = Table(Name("", table), columns, primary_key=key)
            entries.append(Entry(folder=table, table=made, files=files))
        connection.execute(f"COPY (SELECT 1 AS chunk) TO '{root}/_sensei_checkpoint.parquet'")
    (root / MANIFEST_NAME).write_text(Manifest(tables=tuple(entries)).model_dump_json())

    def write(statement: str) -> None:
        file = root / "people" / "part-2.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"CREATE TABLE people AS FROM '{file}'")
            connection.execute(statement)
            connection.execute(f"COPY people TO '{file}'")

    return Sample("parquet", f"parquet:///{root}", "", write)


def _field(value: object) -> str:
    """Unquoted empty is NULL, a quoted one the empty text."""
    return "" if value is None else str(value) if isinstance(value, int) else '"' + str(value).replace('"', '""') + '"'
