"""The corpus in databases: one source of each engine, and a fresh target for each migration."""

from collections.abc import Sequence
from pathlib import Path

from tests.corpus import duckdb_kinds, mariadb_kinds, mysql_kinds, parquet_kinds, postgresql_kinds, sqlite_kinds
from tests.corpus.clients import Client, Column, DuckDb, Mariadb, Parquet, Postgres, SourceClient, Sqlite
from tests.corpus.kinds import Kind
from tests.corpus.outcomes import Moved
from tests.e2e.migrating import migrate
from tests.mariadb_builds import product
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

KINDS: dict[str, Sequence[Kind]] = {
    "sqlite": sqlite_kinds.KINDS,
    "duckdb": duckdb_kinds.KINDS,
    "postgresql": postgresql_kinds.KINDS,
    "mariadb": mysql_kinds.KINDS if product() == "MySQL" else mariadb_kinds.KINDS,
    "parquet": parquet_kinds.KINDS,
}
TARGETS = ("sqlite", "duckdb", "postgresql", "mariadb", "parquet")
PAIRS = tuple(
    (source, target)
    for source in KINDS
    for target in TARGETS
    if product() == "MariaDB" or "mariadb" in (source, target)
)
"""All of them; where the tests talk to MySQL, those of which it is one side."""

_COLLATED = "CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" if product() == "MariaDB" else ""
"""MariaDB's own default differs from version to version, and the page names it."""


class Workplace:
    """Makes databases of every engine, and keeps each source once it was built."""

    def __init__(self, folder: Path, postgres: PostgresServer, mariadb: MariadbServer) -> None:
        self._folder, self._postgres, self._mariadb = folder, postgres, mariadb
        self._sources: dict[str, Client] = {}
        self._known: dict[str, dict[str, Column]] = {engine: {} for engine in KINDS}

    def source(self, engine: str) -> Client:
        """The corpus of an engine."""
        if engine not in self._sources:
            client = self._database(engine, f"corpus-{engine}")
            client.build(KINDS[engine])
            self._sources[engine] = client
        return self._sources[engine]

    def move(self, source: str, target: str) -> Moved:
        """Migrates a corpus, as a user would."""
        name = f"{source}-to-{target}"
        there = self.source(source)
        here = self._database(target, name)
        return Moved(source, target, there, here, migrate(there.url, here.url), self._known[source])

    def _database(self, engine: str, name: str) -> SourceClient:
        match engine:
            case "sqlite":
                return Sqlite(self._folder / f"{name}.db")
            case "duckdb":
                return DuckDb(self._folder / f"{name}.duckdb")
            case "parquet":
                return Parquet(self._folder / name)
            case "postgresql":
                return Postgres(self._postgres.create_database())
            case _:
                return Mariadb(self._mariadb.create_database(_COLLATED))
