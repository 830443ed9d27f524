"""Fresh databases of any engine, for the tests of mutations."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.mariadb_server import MariadbServer
from tests.mutation.clients import Client, DuckDbClient, MariadbClient, ParquetClient, PostgresClient, SqliteClient
from tests.servers import PostgresServer


@pytest.fixture
def make_client(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], Client]:
    """A fresh database of an engine."""

    def make(engine: str, name: str) -> Client:
        if engine == "sqlite":
            return SqliteClient(tmp_path / f"{name}.db")
        if engine == "duckdb":
            return DuckDbClient(tmp_path / f"{name}.duckdb")
        if engine == "parquet":
            return ParquetClient(tmp_path / name)
        if engine == "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            return PostgresClient(postgres.create_database())
        mariadb: MariadbServer = request.getfixturevalue("mariadb_server")
        return MariadbClient(mariadb.create_database(f"CHARACTER SET utf8mb4 COLLATE {mariadb.build.byte_collation}"))

    return make
