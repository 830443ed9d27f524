"""DuckDB as a target where it is unlike the others: rows that refer to each other, schemas, large rows."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import Said, file_url, migrate, run_sensei
from tests.mariadb_server import MariadbServer
from tests.peak_memory import peak_bytes
from tests.servers import PASSWORD, Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

MB = 1_000_000


def quarantined(said: Said) -> dict[str, str]:
    """Reasons by key."""
    lines = (said.run_folder / "quarantine.jsonl").read_text().splitlines()
    return {line["key"]: line["reason"] for line in map(json.loads, lines)}


def staff(path: Path, *rows: tuple[int, int | None, int]) -> str:
    """Employees and their chiefs; wages were written past the table's CHECK."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA ignore_check_constraints = ON;"
            "CREATE TABLE staff (id INTEGER PRIMARY KEY, chief INTEGER REFERENCES staff (id), wage INTEGER"
            " CHECK (wage > 0))"
        )
        connection.executemany("INSERT INTO staff VALUES (?, ?, ?)", rows)
        connection.commit()
    return file_url("sqlite", path)


def test_rows_below_a_refused_row_are_set_aside_generation_by_generation(tmp_path: Path) -> None:
    source = staff(
        tmp_path / "s.db",
        (1, None, 9), (2, 1, -1), (3, 2, 5), (4, 3, 5), (5, 1, 5), (6, 4, 5), (7, None, 5),
    )  # fmt: skip
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"))
    assert said.code == 5, said.err
    reasons = quarantined(said)
    assert list(reasons) == ["id=2", "id=3", "id=4", "id=6"]
    assert "CHECK" in reasons["id=2"]
    assert reasons["id=3"] == "chief refers to a row that was refused or does not exist"
    assert reasons["id=4"] == reasons["id=6"]
    assert "its own parent is missing" in reasons["id=4"]
    with duckdb.connect(str(tmp_path / "t.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT id, chief FROM staff ORDER BY id").fetchall() == [
            (1, None),
            (5, 1),
            (7, None),
        ]


def test_rows_that_refer_to_each_other_in_a_circle_stop_the_load(tmp_path: Path) -> None:
    source = staff(tmp_path / "s.db", (1, None, 9), (2, 3, 5), (3, 2, 5))
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"))
    assert said.code == 4
    assert "2 rows of main.staff reference each other in a circle" in said.err


def two_schemas(path: Path) -> str:
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("CREATE SCHEMA sales; CREATE SCHEMA stock")
        connection.execute("CREATE TABLE sales.bill AS SELECT 1 AS id; CREATE TABLE stock.item AS SELECT 2 AS id")
    return file_url("duckdb", path)


def test_discard_drops_the_schemas_that_the_run_made_in_duckdb_and_no_others(tmp_path: Path) -> None:
    target = tmp_path / "t.duckdb"
    with closing(duckdb.connect(str(target))) as connection:
        connection.execute("CREATE SCHEMA stock; CREATE SCHEMA empty; CREATE TABLE mine AS SELECT 1 AS id")
    said = migrate(two_schemas(tmp_path / "s.duckdb"), file_url("duckdb", target), "--into-existing")
    assert said.code == 0, said.err
    discarded = run_sensei("discard", said.body["run"], "--yes")
    assert "schema sales" in discarded.out
    with closing(duckdb.connect(str(target))) as connection:
        schemas = connection.execute("SELECT schema_name FROM duckdb_schemas() WHERE NOT internal ORDER BY 1")
        assert [name for (name,) in schemas.fetchall()] == ["empty", "stock"]
        assert connection.execute("SELECT id FROM mine").fetchall() == [(1,)]


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_discard_keeps_a_schema_into_which_others_put_something(
    tmp_path: Path, postgres_database: Database, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    target = tmp_path / "t.duckdb"
    url = file_url("duckdb", target) if engine == "duckdb" else postgres_database.url
    said = migrate(two_schemas(tmp_path / "s.duckdb"), url)
    assert said.code == 0, said.err
    foreign = "CREATE TABLE sales.others AS SELECT 7 AS id"
    schemas = "SELECT DISTINCT schema_name FROM information_schema.schemata WHERE schema_name IN ('sales', 'stock')"
    if engine == "duckdb":
        with closing(duckdb.connect(str(target))) as connection:
            connection.execute(foreign)
    else:
        postgres_database.execute(foreign)
    discarded = run_sensei("discard", said.body["run"], "--yes")
    assert discarded.code == 0, discarded.err
    assert "schema sales is kept: it holds objects that this run did not make" in discarded.out
    if engine == "duckdb":
        with closing(duckdb.connect(str(target))) as connection:
            left = connection.execute(schemas).fetchall(), connection.execute("FROM sales.others").fetchall()
    else:
        with postgres_database.connect() as connection:
            left = connection.execute(schemas).fetchall(), connection.execute("TABLE sales.others").fetchall()
    assert left == ([("sales",)], [(7,)])


def peak(*arguments: str) -> int:
    """Bytes, of a migration that succeeds."""
    return peak_bytes("sensei", "migrate", *arguments, "--yes")


def large_rows(path: Path, rows: int, blob_bytes: int, characters: int) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE large (id INTEGER PRIMARY KEY, body BLOB, words TEXT)")
        for number in range(rows):
            body = os.urandom(MB) * (blob_bytes // MB)
            connection.execute("INSERT INTO large VALUES (?, ?, ?)", (number, body, "é" * characters))
        connection.commit()
    return file_url("sqlite", path)


def test_rows_of_megabytes_pass_through_duckdb_in_bounded_memory(tmp_path: Path) -> None:
    source = large_rows(tmp_path / "s.db", rows=30, blob_bytes=12 * MB, characters=6 * MB)
    bound = 600 * MB + 2 * 12 * MB
    target = file_url("duckdb", tmp_path / "t.duckdb")
    assert peak(source, target) < bound
    assert peak(target, file_url("sqlite", tmp_path / "back.db")) < bound


def test_many_large_rows_without_a_key_pass_in_bounded_memory(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("CREATE TABLE large (id INTEGER, body BLOB)")
        connection.executemany(
            "INSERT INTO large VALUES (?, ?)", ((number, os.urandom(MB) * 32) for number in range(12))
        )
        connection.commit()
    source = file_url("sqlite", tmp_path / "s.db")
    bound = 600 * MB + 2 * 32 * MB
    assert peak(source, file_url("duckdb", tmp_path / "t.duckdb")) < bound
    assert peak(source, file_url("parquet", tmp_path / "t")) < bound


@pytest.mark.slow
def test_cells_of_200_megabytes_pass_between_all_engines_in_bounded_memory(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    source = large_rows(tmp_path / "s.db", rows=2, blob_bytes=200 * MB, characters=1)
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.execute("INSERT INTO large VALUES (7, NULL, ?)", ("é" * (100 * MB),))
        connection.commit()
    bound = 600 * MB + 2 * 200 * MB
    first, second = postgres_server.create_database().url, postgres_server.create_database().url
    duck = file_url("duckdb", tmp_path / "t.duckdb")
    peaks = {
        "sqlite to postgresql": peak(source, first),
        "postgresql to sqlite": peak(first, file_url("sqlite", tmp_path / "back.db")),
        "postgresql to duckdb": peak(first, duck),
        "duckdb to postgresql": peak(duck, second),
        "sqlite to duckdb": peak(source, file_url("duckdb", tmp_path / "t2.duckdb")),
    }
    with MariadbServer({"max_allowed_packet": "1G", "innodb_log_file_size": "4G"}) as server:
        maria = server.create_database().url
        peaks |= {
            "sqlite to mariadb": peak(source, maria),
            "mariadb to duckdb": peak(maria, file_url("duckdb", tmp_path / "t3.duckdb")),
            "mariadb to parquet": peak(maria, file_url("parquet", tmp_path / "p1")),
            "mariadb to postgresql": peak(maria, postgres_server.create_database().url),
        }
        parquet = file_url("parquet", tmp_path / "p2")
        peaks |= {
            "postgresql to parquet": peak(first, parquet),
            "parquet to mariadb": peak(parquet, server.create_database().url),
            "parquet to duckdb": peak(parquet, file_url("duckdb", tmp_path / "t4.duckdb")),
            "parquet to sqlite": peak(parquet, file_url("sqlite", tmp_path / "back2.db")),
            "parquet to postgresql": peak(parquet, postgres_server.create_database().url),
        }
    assert {way: taken for way, taken in peaks.items() if taken >= bound} == {}


# Its own process writes the file: a child's largest memory begins with that of the process it was made by.
WRITE_LARGE_GROUP = """
import sys, duckdb, pyarrow.parquet
writer, path = sys.argv[1:]
texts = "(SELECT string_agg(md5((i * 20000 + j)::VARCHAR), '') FROM range(15625) t(j))"
select = f"SELECT i AS id, {texts} AS words FROM range(1200) r(i)"
connection = duckdb.connect()
if writer == "duckdb":
    connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 122880)")
else:
    # Its dictionary takes in 1,024 values before it looks at their size.
    table = connection.sql(select).to_arrow_table()
    pyarrow.parquet.write_table(table, path, row_group_size=122_880, compression=writer)
"""


@pytest.mark.slow
@pytest.mark.parametrize("writer", ["duckdb", "snappy", "zstd"])
def test_a_row_group_of_hundreds_of_megabytes_passes_in_bounded_memory(tmp_path: Path, writer: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    subprocess.run([sys.executable, "-c", WRITE_LARGE_GROUP, writer, folder / "t.parquet"], check=True)
    bound = 600 * MB + 2 * 500_000
    source = file_url("parquet", folder)
    assert peak(source, file_url("sqlite", tmp_path / "t.db")) < bound
    assert peak(source, file_url("duckdb", tmp_path / "t.duckdb")) < bound
