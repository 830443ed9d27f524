"""The durable record of one run: facts, stages, chunk boundaries, created objects, quarantined rows.

One SQLite file in the run's folder, written with `synchronous=FULL`. It says what was *intended*; whether a chunk
arrived is decided by the checkpoint row in the target alone, which commits with the rows.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.faults import reached
from kora.databases.base import KeyTuple, KeyValue
from kora.errors import Busy, FileProblem

StageState = Literal["started", "done"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS stage (
    ordinal INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
    milliseconds INTEGER NOT NULL DEFAULT 0, row_count INTEGER NOT NULL DEFAULT 0,
    byte_count INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS chunk (
    table_name TEXT NOT NULL, number INTEGER NOT NULL, after TEXT, upto TEXT, PRIMARY KEY (table_name, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS created (ordinal INTEGER PRIMARY KEY, object TEXT NOT NULL, drop_sql TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS note (ordinal INTEGER PRIMARY KEY, text TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one table whose key is greater than `after` and at most `upto`; None is open."""

    number: int
    after: KeyTuple | None
    upto: KeyTuple | None


class Journal:
    """Reads and writes the record. One process at a time; the run's lock sees to that."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.Error as error:
            if "full" in str(error):
                raise Busy(f"{path}: {error}", hint="free some disk space, then `sensei resume`") from error
            raise FileProblem(f"{path}: the run's journal cannot be opened: {error}") from error
        self._path = path
        # Tables that load at once share the one connection, which holds one transaction at a time.
        self._lock = threading.RLock()

    @contextmanager
    def _transaction(self, point: str) -> Iterator[sqlite3.Connection]:
        """One durable step, with a fault point on either side of its commit."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                reached(f"journal.{point}.before_commit")
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise Busy(f"{self._path}: {error}", hint="free some disk space, then `sensei resume`") from error
        reached(f"journal.{point}.after_commit")

    def set_fact(self, name: str, value: object) -> None:
        """Stores a JSON value under a name, replacing an older one."""
        with self._transaction(f"fact_{name}") as connection:
            connection.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, json.dumps(value)))

    def fact(self, name: str) -> object | None:
        """The value stored under a name; None if there is none."""
        row = self._connection.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row[0])

    def start_stage(self, name: str) -> None:
        """Marks a stage as begun; a stage begun twice was interrupted."""
        with self._transaction(f"start_{name}") as connection:
            connection.execute(
                "INSERT INTO stage (name, state) VALUES (?, 'started')"
                " ON CONFLICT (name) DO UPDATE SET state = 'started'",
                (name,),
            )

    def finish_stage(self, name: str, seconds: float, row_count: int = 0, byte_count: int = 0) -> None:
        """Marks a stage as done and adds its time to what earlier attempts took."""
        with self._transaction(f"finish_{name}") as connection:
            connection.execute(
                "UPDATE stage SET state = 'done', milliseconds = milliseconds + ?, row_count = ?, byte_count = ?"
                " WHERE name = ?",
                (round(seconds * 1000), row_count, byte_count, name),
            )

    def stages(self) -> dict[str, tuple[StageState, int, int, int]]:
        """Per stage in order of first start: state, milliseconds, rows, bytes."""
        rows = self._connection.execute(
            "SELECT name, state, milliseconds, row_count, byte_count FROM stage ORDER BY ordinal"
        )
        return {name: (state, ms, row_count, byte_count) for name, state, ms, row_count, byte_count in rows}

    def set_chunks(self, table: str, chunks: list[Chunk]) -> None:
        """Stores a table's chunk boundaries, before the first of them is loaded."""
        with self._transaction("chunks") as connection:
            connection.execute("DELETE FROM chunk WHERE table_name = ?", (table,))
            connection.executemany(
                "INSERT INTO chunk VALUES (?, ?, ?, ?)",
                [(table, chunk.number, _dump(chunk.after), _dump(chunk.upto)) for chunk in chunks],
            )

    def chunks(self, table: str) -> list[Chunk]:
        """A table's chunks in key order; empty if its boundaries were never set."""
        rows = self._connection.execute(
            "SELECT number, after, upto FROM chunk WHERE table_name = ? ORDER BY number", (table,)
        )
        return [Chunk(number, _load(after), _load(upto)) for number, after, upto in rows]

    def will_create(self, objects: list[tuple[str, str]]) -> None:
        """Records objects (name, statement that drops it) before they are made, so that `discard` knows them."""
        with self._transaction("created") as connection:
            known = {row[0] for row in connection.execute("SELECT object FROM created")}
            connection.executemany(
                "INSERT INTO created (object, drop_sql) VALUES (?, ?)",
                [entry for entry in objects if entry[0] not in known],
            )

    def created(self) -> list[tuple[str, str]]:
        """Objects with their drop statements, last made first."""
        return list(self._connection.execute("SELECT object, drop_sql FROM created ORDER BY ordinal DESC"))

    def add_note(self, text: str) -> None:
        """Something the operator should hear at the end, for example what a resume replaced."""
        with self._transaction("note") as connection:
            connection.execute("INSERT INTO note (text) SELECT ?1 WHERE ?1 NOT IN (SELECT text FROM note)", (text,))

    def notes(self) -> list[str]:
        """All notes, oldest first."""
        return [row[0] for row in self._connection.execute("SELECT text FROM note ORDER BY ordinal")]

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()


@contextmanager
def stage(journal: Journal, name: str) -> Iterator[list[int]]:
    """Runs a stage between its two marks. The yielded list takes [rows, bytes] for the timings."""
    journal.start_stage(name)
    started = time.monotonic()
    counts: list[int] = [0, 0]
    yield counts
    journal.finish_stage(name, time.monotonic() - started, counts[0], counts[1])


def _dump(key: KeyTuple | None) -> str | None:
    if key is None:
        return None
    return json.dumps([{"hex": value.hex()} if isinstance(value, bytes) else value for value in key])


def _load(text: str | None) -> KeyTuple | None:
    if text is None:
        return None
    values: list[KeyValue] = [
        bytes.fromhex(value["hex"]) if isinstance(value, dict) else value for value in json.loads(text)
    ]
    return tuple(values)
