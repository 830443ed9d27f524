"""Names that collide, are too long, mean something else or are forbidden: settled in the plan, and all rows there."""

import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import Said, file_url, migrate
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

LONG = "x" * 55
LONG_E = "\u00e9" * 30
# Columns beside `id`: what PostgreSQL's tables have by themselves, row numbers of SQLite and DuckDB, reserved words.
SYSTEM = ["xmin", "ctid", "tableoid"]
RESERVED = ["select", "order", "user", "group by", "rowid", "_rowid_", "oid", "table", "id2"]
ODD = [
    'a"b', "a`b", "a'b", "a.b", "a\\b", "a%sb", "a/b", "1st", " lead", "tab\there", "\u00e4\u00f6", "?", "$1", ":p",
    "[x]", "--",
]  # fmt: skip
# What PostgreSQL and SQLite hold apart by case or behind the end of MariaDB's and PostgreSQL's names.
CASES = ["Name", "NAME", "name"]
LENGTHS = [f"{LONG}_first", f"{LONG}_second", f"{LONG_E}_a", f"{LONG_E}_b"]
EMOJI = ["\U0001f642", "trailing "]


def quoted(name: str, mark: str = '"') -> str:
    return mark + name.replace(mark, mark * 2) + mark


def statements(tables: list[str], columns: list[str], mark: str = '"', key: str = "int") -> list[str]:
    """Tables with an index and a check of the same names each, and a row that holds each column's position."""
    told = []
    for number, table in enumerate(tables):
        inside = ", ".join(f"{quoted(column, mark)} varchar(90)" for column in columns)
        told.append(f"CREATE TABLE {quoted(table, mark)} (id {key} PRIMARY KEY, {inside})")
        values = ", ".join(f"'{number}-{place}'" for place in range(len(columns)))
        told.append(f"INSERT INTO {quoted(table, mark)} VALUES ({number}, {values})")
    return told


class Sides:
    """Fresh databases of each engine, and what their clients find in them."""

    def __init__(self, folder: Path, postgres: PostgresServer, mariadb: MariadbServer) -> None:
        self.postgres, self.mariadb = postgres.create_database(), mariadb.create_database()
        self.files = {"sqlite": folder / "t.sqlite", "duckdb": folder / "t.duckdb"}

    def url(self, engine: str) -> str:
        if engine in self.files:
            return file_url(engine, self.files[engine])
        return self.postgres.url if engine == "postgresql" else self.mariadb.url

    def values(self, engine: str, table: str) -> set[str]:
        """All values of a table's first row, but for its key."""
        mark = "`" if engine == "mariadb" else '"'
        query = f"SELECT * FROM {quoted(table, mark)}"
        if engine == "sqlite":
            with closing(sqlite3.connect(self.files[engine])) as connection:
                rows = connection.execute(query).fetchall()
        elif engine == "duckdb":
            with duckdb.connect(str(self.files[engine]), read_only=True) as connection:
                rows = connection.execute(query).fetchall()
        elif engine == "postgresql":
            with self.postgres.connect() as connection:
                # The catalog's tables would come first.
                connection.execute("SET search_path = public, pg_catalog")
                rows = connection.execute(query.encode()).fetchall()
        else:
            rows = self.mariadb.query(query)
        (row,) = rows
        return {str(value) for value in row if "-" in str(value)}


@pytest.fixture
def sides(tmp_path: Path, postgres_server: PostgresServer, mariadb_server: MariadbServer) -> Sides:
    return Sides(tmp_path, postgres_server, mariadb_server)


def assert_all_there(sides: Sides, said: Said, engine: str, tables: list[str], columns: list[str]) -> None:
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), (said.err, said.body["tables"])
    targets = {_bare(table["source"]): _bare(table["target"]) for table in said.plan["tables"]}
    assert set(targets) == set(tables)
    assert len({name.lower() for name in targets.values()}) == len(tables) or engine == "postgresql"
    for number, table in enumerate(tables):
        assert sides.values(engine, targets[table]) == {f"{number}-{place}" for place in range(len(columns))}


def _bare(name: object) -> str:
    if isinstance(name, dict):
        return str(name["name"])
    text = str(name)
    return text.removeprefix("public.").removeprefix("main.")


@pytest.mark.parametrize("engine", ["mariadb", "duckdb", "sqlite", "postgresql"])
def test_names_of_postgresql_reach_every_engine(sides: Sides, postgres_server: PostgresServer, engine: str) -> None:
    source = postgres_server.create_database()
    tables = ["Order", "order", "ORDER", "sqlite_master2", *LENGTHS, *ODD, *EMOJI]
    columns = [*CASES, *LENGTHS, *ODD, *EMOJI, *RESERVED]
    source.execute(*(text for text in statements(tables, columns)))
    said = migrate(source.url, sides.url(engine))
    assert_all_there(sides, said, engine, tables, columns)


@pytest.mark.parametrize("engine", ["postgresql", "duckdb", "sqlite", "mariadb"])
def test_names_of_mariadb_reach_every_engine(sides: Sides, mariadb_server: MariadbServer, engine: str) -> None:
    source = mariadb_server.create_database()
    long = ["\u00e9" * 63 + "a", "\u00e9" * 63 + "b", "y" * 64, "y" * 63 + "z"]
    columns = [*SYSTEM, *RESERVED, *ODD, *long, "Name"]
    tables = ["Order", "order", *long, *ODD]
    source.execute(*statements(tables, columns, "`"))
    said = migrate(source.url, sides.url(engine))
    assert_all_there(sides, said, engine, tables, columns)


@pytest.mark.parametrize("engine", ["mariadb", "postgresql", "duckdb", "sqlite"])
def test_names_of_sqlite_reach_every_engine(sides: Sides, tmp_path: Path, engine: str) -> None:
    columns = [*SYSTEM, *RESERVED, *ODD, *EMOJI, *LENGTHS, "n" * 300, "n" * 299 + "m", "Name"]
    tables = ["Order", *ODD, *EMOJI, *LENGTHS, "n" * 300, "n" * 299 + "m", "pg_class"]
    with closing(sqlite3.connect(tmp_path / "source.db")) as connection:
        for text in statements(tables, columns, key="INTEGER"):
            connection.execute(text)
        connection.commit()
    said = migrate(file_url("sqlite", tmp_path / "source.db"), sides.url(engine))
    assert_all_there(sides, said, engine, tables, columns)


def test_constraints_and_indexes_of_one_name_in_many_tables_find_names_where_a_schema_has_each_once(
    sides: Sides, mariadb_server: MariadbServer
) -> None:
    source = mariadb_server.create_database()
    source.execute(
        "CREATE TABLE parent (id int PRIMARY KEY, v int, UNIQUE KEY same (v), CONSTRAINT positive CHECK (v > 0))",
        "CREATE TABLE child (id int PRIMARY KEY, v int, KEY same (v), CONSTRAINT positive CHECK (v > 0),"
        " CONSTRAINT parent FOREIGN KEY (v) REFERENCES parent (v))",
        "INSERT INTO parent VALUES (1, 1)",
        "INSERT INTO child VALUES (1, 1)",
    )
    for engine in ("postgresql", "duckdb", "sqlite"):
        said = migrate(source.url, sides.url(engine))
        assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), (engine, said.err)
    back = migrate(sides.url("postgresql"), sides.url("mariadb"))
    assert (back.code, back.verdict, back.losses) == (0, "equivalent", []), back.err
