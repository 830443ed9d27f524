"""A small clinic, and targets of all engines."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import pytest

from appliance.demo.clinic import build_clinic
from tests.faults.sensei import DuckdbTarget, MariadbTarget, ParquetTarget, PostgresqlTarget, SqliteTarget, Target
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

SCALE = 0.04
MakeTarget: TypeAlias = Callable[[str, Path], Target]


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 11,000 rows in 15 tables, some of them several chunks long. Read only: a test that changes it copies it."""
    file = tmp_path_factory.mktemp("clinic") / "clinic.db"
    build_clinic(file, scale=SCALE)
    return file


@pytest.fixture(scope="session")
def large_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table without a key, which is one unit: 20 rows of 4 MiB among 3,000 small ones. Read only."""
    file = tmp_path_factory.mktemp("large") / "large.db"
    body = os.urandom(4 << 20)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE scan (number INTEGER, body BLOB)")
        for number in range(3020):
            large = number >= 2990 and number < 3010
            connection.execute("INSERT INTO scan VALUES (?, ?)", (number, body[number:] if large else b"small"))
        connection.commit()
    return file


@pytest.fixture(scope="session")
def make_target(request: pytest.FixtureRequest, postgres_server: PostgresServer) -> MakeTarget:
    """A fresh, empty target of an engine."""

    def make(engine: str, folder: Path) -> Target:
        folder.mkdir(parents=True, exist_ok=True)
        if engine == "postgresql":
            return PostgresqlTarget(postgres_server.create_database())
        if engine == "mariadb":
            server: MariadbServer = request.getfixturevalue("mariadb_server")
            return MariadbTarget(server.create_database())
        if engine == "parquet":
            return ParquetTarget(folder / "target")
        return SqliteTarget(folder / "target.db") if engine == "sqlite" else DuckdbTarget(folder / "target.duckdb")

    return make
