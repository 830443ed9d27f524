"""Large cells where they are not alone: among small rows, side by side, set aside, and different on the two sides.

The bound is that of the manual: 600 MB and twice the largest cell, for all processes of a command.
"""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.migrating import file_url
from tests.mariadb_server import MariadbServer
from tests.peak_memory import peak_bytes
from tests.servers import Database, PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")

MB = 1_000_000


def mixed(path: Path, cell_bytes: int, *, key: str = "PRIMARY KEY NOT NULL", nul: str = "") -> str:
    """3,000 small rows, two large blobs and a large text side by side, and 500 small rows."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE scan (id INTEGER {key}, body BLOB, words TEXT)")
        small = [(number, b"small", "row") for number in range(3000)]
        connection.executemany("INSERT INTO scan VALUES (?, ?, ?)", small)
        for number in (3000, 3001):
            connection.execute("INSERT INTO scan VALUES (?, randomblob(?), ?)", (number, cell_bytes, f"x{nul}"))
        words = "SELECT 3002, NULL, hex(randomblob(?)) || ?"
        connection.execute(f"INSERT INTO scan {words}", (cell_bytes // 2, nul))
        more = [(number, b"small", "row") for number in range(3003, 3503)]
        connection.executemany("INSERT INTO scan VALUES (?, ?, ?)", more)
        connection.commit()
    return file_url("sqlite", path)


def differing(path: Path, rows: int, last: str) -> str:
    """Rows of 32 MiB of text and as many bytes, which differ from others' in their last character."""
    text = "a" * (16 * MB) + last
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE scan (id INTEGER PRIMARY KEY, body BLOB, words TEXT)")
        connection.executemany(
            "INSERT INTO scan VALUES (?, ?, ?)", ((number, text.encode(), text) for number in range(rows))
        )
        connection.commit()
    return file_url("sqlite", path)


def test_rows_that_differ_in_large_cells_are_compared_and_shown_in_bounded_memory(tmp_path: Path) -> None:
    sides = [differing(tmp_path / f"{last}.db", 14, last) for last in "yz"]
    for options in ([], ["--show-values"]):
        assert peak_bytes("kora", "verify", *sides, *options, codes=(1,)) < 600 * MB + 2 * 32 * MB


def test_large_rows_are_set_aside_in_bounded_memory(tmp_path: Path, postgres_database: Database) -> None:
    source = mixed(tmp_path / "s.db", 128 * MB, nul="\0")
    peak = peak_bytes("sensei", "migrate", source, postgres_database.url, "--yes", codes=(5,))
    assert peak < 600 * MB + 2 * 128 * MB


@pytest.mark.parametrize("key", ["PRIMARY KEY NOT NULL", ""], ids=["by key", "without a key"])
def test_large_rows_side_by_side_among_small_ones_pass_into_duckdb_in_bounded_memory(tmp_path: Path, key: str) -> None:
    source = mixed(tmp_path / "s.db", 160 * MB, key=key)
    peak = peak_bytes("sensei", "migrate", source, file_url("duckdb", tmp_path / "t.duckdb"), "--yes")
    assert peak < 600 * MB + 2 * 160 * MB


@pytest.mark.slow
def test_cells_of_200_megabytes_among_small_rows_pass_between_all_engines_in_bounded_memory(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    bound = 600 * MB + 2 * 200 * MB
    peaks: dict[str, int] = {}
    with MariadbServer({"max_allowed_packet": "1G", "innodb_log_file_size": "4G"}) as server:

        def fresh(engine: str, name: str) -> tuple[str, Callable[[], object]]:
            """A target's URL, and what gives its room on the disk back."""
            if engine == "postgresql":
                database = postgres_server.create_database()
                return database.url, lambda: database.execute("DROP TABLE scan")
            if engine == "mariadb":
                schema = server.create_database()
                return schema.url, lambda: server.execute(f"DROP DATABASE {schema.name}")
            path = tmp_path / name
            return file_url(engine, path), lambda: shutil.rmtree(path) if path.is_dir() else path.unlink()

        engines = ("sqlite", "postgresql", "mariadb", "duckdb")
        sources = {"sqlite": mixed(tmp_path / "s.db", 200 * MB)}
        for engine in engines[1:]:
            sources[engine], _ = fresh(engine, f"first.{engine}")
            peaks[f"sqlite to {engine}"] = peak_bytes("sensei", "migrate", sources["sqlite"], sources[engine], "--yes")
        for source in engines:
            for target in (*engines, "parquet"):
                url, remove = fresh(target, f"{source}.to.{target}")
                peak = peak_bytes("sensei", "migrate", sources[source], url, "--yes", codes=(0, 5))
                peaks[f"{source} to {target}"] = peak
                remove()
    assert {way: taken for way, taken in peaks.items() if taken >= bound} == {}
