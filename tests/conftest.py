"""Servers that all tests share; each test takes a database of its own."""

from collections.abc import Iterator

import pytest

from tests.mariadb_builds import product
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import Database, PostgresServer, bundled_installation


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is about the other server of MariaDB's family than the one that this run talks to."""
    about = {item: item.get_closest_marker("only_on") for item in items}
    left = [item for item, mark in about.items() if mark is not None and mark.args[0] != product()]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole test run."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_16() -> Iterator[PostgresServer]:
    """PostgreSQL 16 for the whole test run."""
    with PostgresServer(installation=bundled_installation(16)) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_18() -> Iterator[PostgresServer]:
    """PostgreSQL 18 for the whole test run."""
    with PostgresServer(installation=bundled_installation(18)) as server:
        yield server


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Database:
    """A fresh, empty database."""
    return postgres_server.create_database()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """One MariaDB for the whole test run."""
    with MariadbServer() as server:
        yield server


@pytest.fixture
def mariadb_database(mariadb_server: MariadbServer) -> MariadbDatabase:
    """A fresh, empty database."""
    return mariadb_server.create_database()
