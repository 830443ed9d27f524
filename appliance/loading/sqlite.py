"""Writes into SQLite: one prepared INSERT per row inside the unit's transaction, through the core's own library.

The core is the only SQLite in this process: two of them would void each other's file locks.
"""

from collections.abc import Set
from pathlib import Path

from appliance.loading.base import Checkpoint, Refused, Unit
from appliance.loading.checkpoints import checkpoint_table, detail_text, from_row
from appliance.loading.duckdb import quote, range_condition
from kora._core import Batch, SqliteConnection
from kora.databases.base import KeyValue
from kora.errors import Busy, EngineError, FileProblem

_TABLE = checkpoint_table("sqlite")


class SqliteWriter:
    """The one writing connection of a SQLite file. Rollback journal, `synchronous=FULL`, foreign keys off."""

    def __init__(self, path: Path) -> None:
        self._connection = SqliteConnection(str(path), "create")
        self._unit: Unit | None = None
        self._open = False
        for pragma in ("synchronous = FULL", "foreign_keys = OFF", "cache_size = -65536"):
            self._run(f"PRAGMA {pragma}")

    def execute(self, sql: str) -> None:
        """A statement of its own transaction."""
        self._run(sql)

    def checkpoints(self, run: str) -> dict[tuple[str, int], Checkpoint]:
        """Committed units of a run."""
        if not self._has_checkpoints():
            return {}
        rows = self._connection.query(
            f"SELECT table_name, number, row_count, raw_digest, detail FROM {_TABLE} WHERE run = ?", [run]
        )
        found = {}
        for table, number, row_count, raw_digest, detail in rows:
            checkpoint = from_row(str(table), int(str(number)), int(str(row_count)), str(raw_digest), str(detail))
            found[checkpoint.table, checkpoint.number] = checkpoint
        return found

    def runs(self) -> set[str]:
        """Runs that have checkpoints here."""
        if not self._has_checkpoints():
            return set()
        return {str(row[0]) for row in self._connection.query(f"SELECT DISTINCT run FROM {_TABLE}")}

    def _has_checkpoints(self) -> bool:
        return bool(self._connection.query("SELECT 1 FROM sqlite_schema WHERE name = ?", [_TABLE.strip('"')]))

    def wire_type(self, planned: str) -> str:
        """As planned: every version takes the same."""
        return planned

    def begin(self, unit: Unit) -> None:
        """BEGIN IMMEDIATE, then the checkpoint row."""
        self._run("BEGIN IMMEDIATE")
        self._open, self._unit = True, unit
        self._run(
            f"INSERT INTO {_TABLE} (run, table_name, number) VALUES (?, ?, ?)", unit.run, str(unit.table), unit.number
        )

    def write(self, batch: Batch, skip: Set[int]) -> list[Refused]:
        """Inserts row by row; a refused row is left out and named."""
        if self._unit is None:
            raise EngineError("sqlite: rows were written outside a unit")
        columns = ", ".join(quote(name) for name in self._unit.columns)
        places = ", ".join("?" for _ in self._unit.columns)
        insert = f"INSERT INTO {quote(self._unit.table.name)} ({columns}) VALUES ({places})"
        try:
            refused = batch.insert_sqlite(self._connection, insert)
        except EngineError as error:
            raise _failure(error, self._unit.label) from error
        ordinals = batch.ordinals()
        return [Refused(ordinals[index], batch.key_text(index), "", reason) for index, reason in refused]

    def settle(self) -> None:
        """Nothing: a transaction's pages go to the file."""

    def commit(self, unit: Unit, checkpoint: Checkpoint) -> None:
        """Completes the checkpoint row and commits."""
        self._run(
            f"UPDATE {_TABLE} SET row_count = ?, raw_digest = ?, detail = ?"
            " WHERE run = ? AND table_name = ? AND number = ?",
            checkpoint.row_count,
            checkpoint.raw_digest,
            detail_text(checkpoint),
            unit.run,
            str(unit.table),
            unit.number,
        )
        self._run("COMMIT")
        self._open, self._unit = False, None

    def rollback(self) -> None:
        """Gives the open transaction back; SQLite may have done so already (a full disk)."""
        if self._open:
            self._open, self._unit = False, None
            try:
                self._connection.execute("ROLLBACK")
            except EngineError as error:
                if "no transaction" not in str(error):
                    raise

    def remove(self, unit: Unit) -> None:
        """Deletes a unit's rows and its checkpoint row in one transaction."""
        where, values = range_condition(unit)
        scalars: list[KeyValue] = [value for value in values if isinstance(value, (int, float, str, bytes))]
        self._run("BEGIN IMMEDIATE")
        self._open = True
        self._run(
            f"DELETE FROM {_TABLE} WHERE run = ? AND table_name = ? AND (number = ? OR ?)",
            unit.run, str(unit.table), unit.number, unit.key_range is None,
        )  # fmt: skip
        self._run(f"DELETE FROM {quote(unit.table.name)} WHERE {where}", *scalars)
        self._run("COMMIT")
        self._open = False

    def close(self) -> None:
        """Ends the session."""
        self._connection.close()

    def _run(self, sql: str, *values: KeyValue) -> None:
        try:
            if sql.startswith("PRAGMA"):
                self._connection.query(sql)
            else:
                self._connection.execute(sql, values)
        except EngineError as error:
            raise _failure(error, self._unit.label if self._unit else sql) from error


def _failure(error: EngineError, doing: str) -> Busy | EngineError | FileProblem:
    words = f"{error.message} (while: {doing})"
    if error.sqlstate in ("SQLITE_FULL", "SQLITE_IOERR"):
        return Busy(words, hint="the disk is full or failing: mend it, then `sensei resume`")
    if error.sqlstate in ("SQLITE_BUSY", "SQLITE_LOCKED"):
        return Busy(words, hint="another program has the file open for writing: close it, then `sensei resume`")
    if error.sqlstate == "SQLITE_READONLY":
        return FileProblem(words, hint="the target is read-only: choose another, or lift the restriction")
    return EngineError(words, error.sqlstate)
