"""What every benchmark gets: a server, a folder, options, and where its figures go."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.report import Report
from tests.servers import Database, PostgresServer


@dataclass(frozen=True)
class Bench:
    """`rows` and `repeat` are None where a benchmark's own default holds."""

    server: PostgresServer
    folder: Path
    report: Report
    peers: Path
    data_diff: Path
    rows: int | None
    repeat: int | None
    threads: int
    patience_seconds: float

    def drop(self, database: Database) -> None:
        """Removes one of the server's databases: a run is not to need the room of all its tables at once."""
        Database(self.server.settings).execute(f"DROP DATABASE {database.settings['dbname']} WITH (FORCE)")
