"""Writes into DuckDB: Arrow streams into INSERT … SELECT.

DuckDB has no savepoints: a refused row costs the whole transaction. `write` then finds the bad rows by trial
transactions that are rolled back, and raises `UnitRefused` naming them, so that the unit is loaded again without them.
A table that references itself is filled through a temporary table, one generation per statement.

DuckDB commits whole vectors of 2,048 rows at once, with all their strings in memory. A unit with many large rows is
therefore committed in parts, each in row groups of its own. The unit counts only when its checkpoint is complete, which
it becomes with the last part; the parts of one that never came so far are removed when the unit is begun again. Nobody
else reads the file meanwhile: this process has it alone.
"""

from collections.abc import Set
from contextlib import suppress
from pathlib import Path

import duckdb

from appliance.faults import reached
from appliance.loading.base import Checkpoint, Refused, Unit, UnitRefused
from appliance.loading.checkpoints import checkpoint_table, detail_text, from_row
from kora._core import Batch
from kora.catalog import Name
from kora.databases.duckdb.types import column_type
from kora.errors import Busy, EngineError, FileProblem

_TABLE = checkpoint_table("duckdb")
_STAGING = "_sensei_staging"
_ORDINAL = "_sensei_ordinal"
_LARGE_UNIT_SIZE_BYTES = 8 << 20
_BASE_MEMORY_BYTES = 128 << 20
_LARGE_ROW_BYTES = 16 << 10
"""Smaller rows make vectors of 32 MiB at most."""
_LARGE_BATCH_SIZE_BYTES = 2 << 20
"""A batch is larger than a megabyte only by its last row."""
_PART_SIZE_BYTES = 32 << 20
_UNCOMMITTED_ROW_ID = 1 << 54
"""No table has as many rows; DuckDB counts a transaction's own rows from just below twice this."""
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def quote(name: str) -> str:
    """An identifier in double quotes."""
    return '"' + name.replace('"', '""') + '"'


class DuckDBWriter:
    """The one writing connection of a DuckDB file."""

    def __init__(self, path: Path, *, memory_limit_bytes: int = 256 << 20) -> None:
        try:
            self._connection = duckdb.connect(str(path), config=CONFIG)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise Busy(f"{path}: another process has this database open", hint="close it and try again") from error
            raise FileProblem(f"{path}: {error}") from error
        _remove_left_spill(path)
        self._connection.execute(f"SET memory_limit = '{memory_limit_bytes >> 20}MB'")
        self._connection.execute("SET preserve_insertion_order = false")
        # Merging row groups reads whole vectors of 2,048 rows: a few large rows that were committed apart stay apart.
        self._connection.execute("SET max_vacuum_tasks = 0")
        # What is checkpointed as it is committed need not pass through the log first; DuckDB counts rows, not strings.
        # An older DuckDB, which has no such setting, writes both.
        with suppress(duckdb.CatalogException):
            self._connection.execute("SET auto_checkpoint_skip_wal_threshold = 0")
        self._memory_limit_bytes = self._usual_limit_bytes = memory_limit_bytes
        self._part_size_bytes = self._large_rows_bytes = 0
        self._connection.execute("SET TimeZone = 'UTC'")
        self._unit: Unit | None = None
        self._known_types: dict[Name, dict[str, str]] = {}
        self._in_transaction = False
        self._in_parts = False
        """Whether some of the unit's rows are committed."""
        self._closed = False

    def execute(self, sql: str) -> None:
        """A statement of its own transaction."""
        self._run(sql)

    def checkpoints(self, run: str) -> dict[tuple[str, int], Checkpoint]:
        """Committed units of a run."""
        try:
            rows = self._connection.execute(
                f"SELECT table_name, number, row_count, raw_digest, detail FROM {_TABLE}"
                " WHERE run = ? AND row_count IS NOT NULL",
                [run],
            ).fetchall()
        except duckdb.CatalogException:
            return {}
        return {(row[0], row[1]): from_row(*row) for row in rows}

    def runs(self) -> set[str]:
        """Runs that have checkpoints here."""
        try:
            return {row[0] for row in self._connection.execute(f"SELECT DISTINCT run FROM {_TABLE}").fetchall()}
        except duckdb.CatalogException:
            return set()

    def wire_type(self, planned: str) -> str:
        """As planned: every version takes the same."""
        return planned

    def begin(self, unit: Unit) -> None:
        """BEGIN, then the checkpoint row; what was committed of the unit before it broke off is removed first."""
        self._remove_unfinished(unit)
        self._run("BEGIN TRANSACTION")
        self._in_transaction, self._unit, self._in_parts = True, unit, False
        self._part_size_bytes = self._large_rows_bytes = 0
        self._run(
            f"INSERT INTO {_TABLE} (run, table_name, number) VALUES (?, ?, ?)", unit.run, str(unit.table), unit.number
        )
        self._stage(unit)

    def _remove_unfinished(self, unit: Unit) -> None:
        """Removes the parts of this table's unit that broke off: all rows behind those that stood there before it.

        Units of a table come one after the other, so nothing else lies there; and this comes before any row of the
        table is deleted, which is what changes row ids.
        """
        found = self._connection.execute(
            f"SELECT number, detail FROM {_TABLE} WHERE run = ? AND table_name = ? AND row_count IS NULL",
            [unit.run, str(unit.table)],
        ).fetchall()
        for number, first_row_id in found:
            self._run("BEGIN TRANSACTION")
            self._in_transaction = True
            self._run(f"DELETE FROM {_qualified(unit)} WHERE rowid >= ?", int(first_row_id))
            self._run(
                f"DELETE FROM {_TABLE} WHERE run = ? AND table_name = ? AND number = ?",
                unit.run, str(unit.table), number,
            )  # fmt: skip
            self._run("COMMIT")
            self._in_transaction = False

    def _stage(self, unit: Unit) -> None:
        """A place within the transaction for a table that is filled by generations: its columns and its constraints,
        but for foreign keys, so that a row which breaks one of them is refused as it comes in.
        """
        if unit.generations:
            clauses = ", ".join([*self._staged_columns(unit), *self._staged_constraints(unit)])
            self._run(f"CREATE OR REPLACE TEMP TABLE {_STAGING} ({clauses})")

    def _staged_columns(self, unit: Unit) -> list[str]:
        found = self._types(unit)
        return [f"{quote(name)} {found[name]}" for name in unit.columns] + [f"{_ORDINAL} BIGINT"]

    def _staged_constraints(self, unit: Unit) -> list[str]:
        found = self._connection.execute(
            "SELECT constraint_type, constraint_column_names, expression FROM duckdb_constraints()"
            " WHERE database_name = current_database() AND schema_name = ? AND table_name = ?",
            [unit.table.schema or "main", unit.table.name],
        ).fetchall()
        clauses = []
        for kind, names, expression in found:
            if not set(names) <= set(unit.columns):
                continue
            listed = ", ".join(quote(name) for name in names)
            if kind == "CHECK":
                clauses.append(f"CHECK ({expression})")
            elif kind == "NOT NULL":
                clauses.append(f"CHECK ({listed} IS NOT NULL)")
            elif kind in ("PRIMARY KEY", "UNIQUE"):
                clauses.append(f"{kind} ({listed})")
        return clauses

    def write(self, batch: Batch, skip: Set[int]) -> list[Refused]:
        """Inserts a batch; on a refusal finds the bad rows and raises `UnitRefused`."""
        unit = self._current()
        if _has_large_rows(batch):
            self._large_rows_bytes += batch.byte_count
        self._make_room(batch.byte_count)
        ordinals = batch.ordinals()
        skipped = [index for index, ordinal in enumerate(ordinals) if ordinal in skip] if skip else []
        try:
            self._insert(unit, batch, 0, batch.row_count, skipped)
        except (duckdb.ConstraintException, duckdb.ConversionException) as error:
            self.rollback()
            bad = self._find_bad_rows(unit, batch, skipped)
            if not bad:
                raise EngineError(
                    f"duckdb: {error} (while loading {unit.label})",
                    hint="rows of this table contradict each other under a constraint of the target: edit the plan",
                ) from error
            raise UnitRefused(unit.label, [(ordinals[index], reason) for index, reason in bad]) from error
        except duckdb.Error as error:
            raise _failure(error, unit.label) from error
        return []

    def _insert(self, unit: Unit, batch: Batch, start: int, stop: int, skipped: list[int]) -> None:
        rows = batch.arrow(start, stop, without=skipped)  # noqa: F841 - DuckDB finds it by name
        columns = ", ".join(quote(name) for name in unit.columns)
        values = ", ".join(self._value(unit, position) for position in range(len(unit.columns)))
        if not unit.generations:
            self._connection.execute(f"INSERT INTO {_qualified(unit)} ({columns}) SELECT {values} FROM rows")
            return
        left_out = set(skipped)
        ordinals = [
            ordinal for index, ordinal in enumerate(batch.ordinals()) if start <= index < stop and index not in left_out
        ]
        self._connection.execute(
            f"INSERT INTO {_STAGING} ({columns}, {_ORDINAL}) SELECT {values}, ordinal FROM rows"
            " POSITIONAL JOIN (SELECT unnest(?::BIGINT[]) AS ordinal)",
            [ordinals],
        )

    def _value(self, unit: Unit, position: int) -> str:
        """A column of the stream; a union comes as the place of its alternative beside a struct of all of them."""
        declared = self._types(unit)[unit.columns[position]]
        if not declared.startswith("UNION("):
            return f"c{position}"
        values = "".join(
            f" WHEN {place} THEN CAST(union_value({quote(name)} := c{position}.value.{quote(name)}) AS {declared})"
            for place, name in enumerate(column_type(declared).names)
        )
        return f"CASE c{position}.tag{values} END"

    def _types(self, unit: Unit) -> dict[str, str]:
        """The columns' types as they stand in the target; a table does not change while it is loaded."""
        if unit.table not in self._known_types:
            rows = self._connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database()"
                " AND schema_name = ? AND table_name = ?",
                [unit.table.schema or "main", unit.table.name],
            ).fetchall()
            self._known_types[unit.table] = dict(rows)
        return self._known_types[unit.table]

    def _find_bad_rows(self, unit: Unit, batch: Batch, skipped: list[int]) -> list[tuple[int, str]]:
        """Halves the batch in transactions that are rolled back until single rows are left."""
        bad: list[tuple[int, str]] = []
        ranges = [(0, batch.row_count)]
        while ranges:
            start, stop = ranges.pop()
            reason = self._trial(unit, batch, start, stop, skipped)
            if reason is None:
                continue
            if stop - start == 1:
                bad.append((start, reason))
            else:
                middle = (start + stop) // 2
                ranges += [(middle, stop), (start, middle)]
        return bad

    def _trial(self, unit: Unit, batch: Batch, start: int, stop: int, skipped: list[int]) -> str | None:
        self._connection.execute("BEGIN TRANSACTION")
        try:
            self._stage(unit)
            self._insert(unit, batch, start, stop, skipped)
        except (duckdb.ConstraintException, duckdb.ConversionException) as error:
            return str(error).splitlines()[0]
        finally:
            self._connection.execute("ROLLBACK")
        return None

    def settle(self) -> None:
        """Commits what came so far of a unit, where many of its rows are large. Its checkpoint stays incomplete."""
        if self._unit is None or self._unit.generations or self._large_rows_bytes < _PART_SIZE_BYTES:
            return
        if any(name.lower() == "rowid" for name in self._types(self._unit)):
            # The column hides the row ids, by which a part that broke off is told from what stood there before.
            return
        if not self._in_parts:
            self._note_first_row(self._unit)
        reached("load.part.before")
        self._commit_transaction()
        reached("load.part.after")
        self._in_parts = True
        self._end_row_group()
        self._run("BEGIN TRANSACTION")
        self._in_transaction = True

    def _commit_transaction(self) -> None:
        """COMMIT; large rows go past the log, which would hold each of them three times before it writes it."""
        past_the_log = self._part_size_bytes >= _LARGE_UNIT_SIZE_BYTES
        if past_the_log:
            self._run("SET checkpoint_threshold = '1B'")
        self._run("COMMIT")
        self._in_transaction = False
        if past_the_log:
            self._run("RESET checkpoint_threshold")

    def _note_first_row(self, unit: Unit) -> None:
        """Puts the row id at which the unit begins where its checkpoint will be."""
        self._run(
            f"UPDATE {_TABLE} SET detail = (SELECT coalesce(max(rowid), -1) + 1 FROM {_qualified(unit)}"
            f" WHERE rowid < {_UNCOMMITTED_ROW_ID}) WHERE run = ? AND table_name = ? AND number = ?",
            unit.run, str(unit.table), unit.number,
        )  # fmt: skip

    def _end_row_group(self) -> None:
        """Sees to it that no later rewriting or reading of the row group takes in more than what it has now."""
        if self._part_size_bytes >= _LARGE_UNIT_SIZE_BYTES:
            self._run("CHECKPOINT")
        if self._memory_limit_bytes > self._usual_limit_bytes:
            # What was written stays in memory as long as there is room.
            with suppress(Busy):
                self._limit_memory(self._usual_limit_bytes)
                self._run("RESET threads")
        self._part_size_bytes = self._large_rows_bytes = 0

    def commit(self, unit: Unit, checkpoint: Checkpoint) -> None:
        """Fills generations where asked for, completes the checkpoint row and commits."""
        if unit.generations:
            self._promote(unit)
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
        self._commit_transaction()
        self._unit = None
        self._end_row_group()

    def _make_room(self, added_bytes: int) -> None:
        """Lets DuckDB hold large rows while it commits: all of them, and a copy of the largest on its way to disk."""
        self._part_size_bytes += added_bytes
        needed = _BASE_MEMORY_BYTES + self._large_rows_bytes + added_bytes
        if needed > self._memory_limit_bytes:
            if self._memory_limit_bytes == self._usual_limit_bytes:
                # Each thread would hold a copy of its own.
                self._run("SET threads = 1")
            self._limit_memory(needed)

    def _limit_memory(self, size_bytes: int) -> None:
        self._run(f"SET memory_limit = '{size_bytes >> 20}MB'")
        self._memory_limit_bytes = size_bytes

    def _promote(self, unit: Unit) -> None:
        """Moves staged rows whose parents have arrived, until none is left.

        Raises:
            UnitRefused: Rows whose parents were refused or do not exist, and all their descendants.
            EngineError: Rows that reference each other in a circle.
        """
        columns = ", ".join(quote(name) for name in unit.columns)
        ready = " AND ".join(_parent_arrived(unit, child, parent) for child, parent in unit.generations)
        while True:
            self._run(
                f"CREATE OR REPLACE TEMP TABLE {_STAGING}_ready AS SELECT rowid AS staged, * FROM {_STAGING} s"
                f" WHERE {ready}"
            )
            moved = self._connection.execute(f"SELECT count(*) FROM {_STAGING}_ready").fetchone()
            if not moved or not moved[0]:
                break
            self._run(f"INSERT INTO {_qualified(unit)} ({columns}) SELECT {columns} FROM {_STAGING}_ready")
            self._run(f"DELETE FROM {_STAGING} WHERE rowid IN (SELECT staged FROM {_STAGING}_ready)")
        bad = self._without_parents(unit)
        left = self._connection.execute(f"SELECT count(*) FROM {_STAGING}").fetchone()
        if left and left[0]:
            raise EngineError(
                f"duckdb: {left[0]} rows of {unit.table} reference each other in a circle",
                hint="refuse this foreign key in the plan: DuckDB cannot hold such rows under it",
            )
        if bad:
            self.rollback()
            raise UnitRefused(unit.label, bad)

    def _without_parents(self, unit: Unit) -> list[tuple[int, str]]:
        """Takes rows out of the staging place whose parents stand neither there nor in the table, and so on down."""
        bad: list[tuple[int, str]] = []
        reason = "refers to a row that was refused or does not exist"
        while True:
            found: dict[int, str] = {}
            for child, parent in unit.generations:
                lost = self._connection.execute(
                    f"SELECT {_ORDINAL} FROM {_STAGING} s WHERE NOT {_parent_arrived(unit, child, parent)}"
                    f" AND NOT {_parent_in(_STAGING, child, parent)}"
                ).fetchall()
                found |= {ordinal: f"{', '.join(child)} {reason}" for (ordinal,) in lost}
            if not found:
                return bad
            bad += sorted(found.items())
            self._connection.execute(
                f"DELETE FROM {_STAGING} WHERE {_ORDINAL} IN (SELECT unnest(?::BIGINT[]))", [list(found)]
            )
            reason = "refers to a row that was set aside because its own parent is missing"

    def rollback(self) -> None:
        """Gives the open transaction back; DuckDB may have done so already (a full disk)."""
        if self._in_transaction and not self._closed:
            self._in_transaction, self._unit = False, None
            with suppress(duckdb.TransactionException, duckdb.FatalException):
                self._connection.execute("ROLLBACK")

    def remove(self, unit: Unit) -> None:
        """Deletes a unit's rows and its checkpoint row in one transaction."""
        where, values = range_condition(unit)
        self._remove_unfinished(unit)
        self._remove_leaves(unit)
        self._run("BEGIN TRANSACTION")
        self._in_transaction = True
        self._run(
            f"DELETE FROM {_TABLE} WHERE run = ? AND table_name = ? AND (number = ? OR ?)",
            unit.run, str(unit.table), unit.number, unit.key_range is None,
        )  # fmt: skip
        self._run(f"DELETE FROM {_qualified(unit)} WHERE {where}", *values)
        self._run("COMMIT")
        self._in_transaction = False

    def _remove_leaves(self, unit: Unit) -> None:
        """Rows that others of their own table refer to go last: DuckDB checks against what stood there before.

        That takes several transactions. The first voids the checkpoint's digest, so that whoever is killed among them
        finds the unit changed again.
        """
        if not unit.generations:
            return
        self._run(f"UPDATE {_TABLE} SET raw_digest = '' WHERE run = ? AND table_name = ?", unit.run, str(unit.table))
        free = " AND ".join(
            f"NOT EXISTS (SELECT 1 FROM {_qualified(unit)} c WHERE "
            + " AND ".join(f"c.{quote(down)} = t.{quote(up)}" for down, up in zip(child, parent, strict=True))
            + ")"
            for child, parent in unit.generations
        )
        table = _qualified(unit)
        while True:
            self._run(f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} t WHERE {free})")
            left = self._connection.execute(f"SELECT count(*) FROM {table} t WHERE NOT ({free})").fetchone()
            if not left or not left[0]:
                return

    def close(self) -> None:
        """Ends the session; the file is then free for a reader."""
        if not self._closed:
            self._closed = True
            self._connection.close()

    def _run(self, sql: str, *values: object) -> None:
        try:
            self._connection.execute(sql, list(values))
        except duckdb.Error as error:
            raise _failure(error, self._unit.label if self._unit else sql) from error

    def _current(self) -> Unit:
        if self._unit is None:
            raise EngineError("duckdb: rows were written outside a unit")
        return self._unit


def _remove_left_spill(path: Path) -> None:
    """What a killed writer spilled beside its file, which DuckDB removes when it spills again and not before.

    Only for who has the file open for writing: nobody else then spills there.
    """
    folder = path.with_name(path.name + ".tmp")
    with suppress(OSError):
        if folder.is_symlink():
            return
        for left in folder.glob("duckdb_temp_*"):
            left.unlink()
        folder.rmdir()


def _has_large_rows(batch: Batch) -> bool:
    return batch.byte_count > min(_LARGE_ROW_BYTES * batch.row_count, _LARGE_BATCH_SIZE_BYTES)


def _qualified(unit: Unit) -> str:
    return f"{quote(unit.table.schema)}.{quote(unit.table.name)}" if unit.table.schema else quote(unit.table.name)


def _parent_arrived(unit: Unit, child: tuple[str, ...], parent: tuple[str, ...]) -> str:
    """SQL: the row has no parent, or its parent stands in the table."""
    nothing = " OR ".join(f"s.{quote(name)} IS NULL" for name in child)
    return f"({nothing} OR {_parent_in(_qualified(unit), child, parent)})"


def _parent_in(table: str, child: tuple[str, ...], parent: tuple[str, ...]) -> str:
    same = " AND ".join(f"p.{quote(up)} = s.{quote(down)}" for down, up in zip(child, parent, strict=True))
    return f"EXISTS (SELECT 1 FROM {table} p WHERE {same})"


def range_condition(unit: Unit) -> tuple[str, list[object]]:
    """The WHERE of a unit's key range with ? places; `true` for a whole table."""
    key_range = unit.key_range
    if key_range is None or (key_range.after is None and key_range.upto is None):
        return "1 = 1", []
    columns = ", ".join(quote(name) for name in key_range.columns)
    kinds = unit.key_types or ("",) * len(key_range.columns)
    places = ", ".join(f"CAST(? AS {kind})" if kind else "?" for kind in kinds)
    parts: list[str] = []
    values: list[object] = []
    for operator, bound in ((">", key_range.after), ("<=", key_range.upto)):
        if bound is not None:
            parts.append(f"({columns}) {operator} ({places})")
            values += list(bound)
    return " AND ".join(parts), values


def _failure(error: duckdb.Error, doing: str) -> Busy | EngineError | FileProblem:
    words = f"duckdb: {error} (while: {doing})"
    if isinstance(error, duckdb.OutOfMemoryException):
        return Busy(words, hint="free memory or disk space, then `sensei resume`")
    if isinstance(error, duckdb.IOException) or "No space left" in str(error):
        return Busy(words, hint="the disk is full or the file unreachable: mend it, then `sensei resume`")
    if isinstance(error, duckdb.InvalidInputException) and "read-only" in str(error):
        return FileProblem(words, hint="the target is read-only: choose another, or lift the restriction")
    return EngineError(words)
