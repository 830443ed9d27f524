"""More connections to a SQLite file that see what the first one sees, and the ranges of row ids that they read.

SQLite has no way to share a read transaction. A probe, opened before the first one begins, tells by `PRAGMA
data_version` whether anybody has committed since: in WAL mode somebody can, and in rollback mode too if the first one's
lock was lost (whoever opens and closes the file in this process, to read its digest for example, lets go of it). If so,
or if another file has taken the name, there are no further connections, and the table is read in one lane.
Source: sqlite.org/pragma.html#pragma_data_version, sqlite.org/howtocorrupt.html, section 2.2.
"""

from collections.abc import Sequence
from pathlib import Path

from kora._core import SqliteConnection
from kora.catalog import Table
from kora.databases.base import KeyRange
from kora.errors import SenseiError

_ROW_ID_NAMES = ("rowid", "_rowid_", "oid")


class LaneConnections:
    """Opened when they are first needed; they stay open until `close`."""

    def __init__(self, path: Path) -> None:
        """To be called before the first connection begins its transaction."""
        self._path = path
        self._file = _file_number(path)
        self._connections: list[SqliteConnection] = []
        self._probe = SqliteConnection(str(path), "ro")
        self._version = _data_version(self._probe)

    def opened(self, count: int) -> Sequence[SqliteConnection]:
        """At most so many connections, each in a read transaction of the first one's state."""
        fresh: list[SqliteConnection] = []
        try:
            while len(self._connections) + len(fresh) < count:
                fresh.append(SqliteConnection(str(self._path), "ro"))
                fresh[-1].execute("BEGIN")
                fresh[-1].query("SELECT count(*) FROM sqlite_schema")
            same = self._file == _file_number(self._path) and self._version == _data_version(self._probe)
        except SenseiError:
            same = False
        if same:
            self._connections += fresh
        else:
            _close(fresh)
        return self._connections[:count]

    def close(self) -> None:
        """Ends their transactions."""
        _close((*self._connections, self._probe))


def row_id_name(table: Table) -> str | None:
    """How a table's row id can be named; None where columns have taken all names, or there is none."""
    taken = {column.name.lower() for column in table.columns}
    return None if table.without_rowid else next((name for name in _ROW_ID_NAMES if name not in taken), None)


def row_id_condition(name: str, piece: KeyRange) -> tuple[str, list[int]]:
    """WHERE and its parameters for a range of row ids."""
    bounds = [(f"{name} {sign} ?", bound[0]) for sign, bound in ((">", piece.after), ("<=", piece.upto)) if bound]
    where = " WHERE " + " AND ".join(text for text, _ in bounds) if bounds else ""
    return where, [int(str(value)) for _, value in bounds]


def _file_number(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _data_version(probe: SqliteConnection) -> int:
    return int(str(probe.query("PRAGMA data_version")[0][0]))


def _close(connections: Sequence[SqliteConnection]) -> None:
    for connection in connections:
        connection.close()
