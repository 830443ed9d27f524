"""Writes into PostgreSQL: binary COPY, one savepoint per batch, bad rows found by halving."""

import re
from collections.abc import Callable, Set
from typing import Any, NoReturn

import psycopg
from psycopg import sql as psql
from psycopg.pq import TransactionStatus

from appliance.loading.base import Checkpoint, Refused, Unit
from appliance.loading.checkpoints import checkpoint_table, detail_text, from_row
from kora._core import Batch
from kora.errors import AccessDenied, Busy, ConnectionLost, EngineError

_TABLE = checkpoint_table("postgresql")
_INTERVAL = re.compile(r'"(?:[^"]|"")*"|\binterval(?:17)?\b')
"""The type in a wire form, told from a field of that name, which stands in quotes."""
_ENDLESS_INTERVALS = 170_000
_ROW_FAULTS = ("22", "23")
"""SQLSTATE classes that blame a row: data exception, integrity constraint violation."""
_BUSY = {"53100": "the server's disk is full", "53200": "the server is out of memory", "55P03": "a lock is held"}


class PostgresWriter:
    """One writing session of a PostgreSQL target."""

    def __init__(self, connect: Callable[[], psycopg.Connection[tuple[Any, ...]]]) -> None:
        self._connection = connect()
        self._connection.autocommit = True
        self._unit: Unit | None = None
        self.execute("SET statement_timeout = 0")
        self.execute("SET idle_in_transaction_session_timeout = 0")
        self.execute("SET lock_timeout = '60s'")
        self.execute("SET timezone = 'UTC'")

    def execute(self, sql: str) -> None:
        """A statement of its own transaction."""
        try:
            self._connection.execute(sql)
        except psycopg.Error as error:
            self._fail(error, sql)

    def checkpoints(self, run: str) -> dict[tuple[str, int], Checkpoint]:
        """Committed units of a run."""
        try:
            rows = self._connection.execute(
                psql.SQL("SELECT table_name, number, row_count, raw_digest, detail FROM {} WHERE run = %s").format(
                    psql.SQL(_TABLE)
                ),
                (run,),
            ).fetchall()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return {}
        except psycopg.Error as error:
            self._fail(error, "reading the checkpoints")
        return {(row[0], row[1]): from_row(*row) for row in rows}

    def runs(self) -> set[str]:
        """Runs that have checkpoints here."""
        try:
            rows = self._connection.execute(psql.SQL("SELECT DISTINCT run FROM {}").format(psql.SQL(_TABLE)))
            return {row[0] for row in rows.fetchall()}
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            return set()
        except psycopg.Error as error:
            self._fail(error, "reading the checkpoints")

    def wire_type(self, planned: str) -> str:
        """Intervals may be infinite from version 17 on, and must be finite before."""
        interval = "interval17" if self._connection.info.server_version >= _ENDLESS_INTERVALS else "interval"
        return _INTERVAL.sub(lambda found: found[0] if found[0].startswith('"') else interval, planned)

    def begin(self, unit: Unit) -> None:
        """BEGIN, then the checkpoint row: it waits for a surviving session of a killed client."""
        try:
            self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            self._unit = unit
            self._connection.execute(
                psql.SQL("INSERT INTO {} (run, table_name, number) VALUES (%s, %s, %s)").format(psql.SQL(_TABLE)),
                (unit.run, str(unit.table), unit.number),
            )
        except psycopg.errors.UniqueViolation as error:
            raise Busy(
                f"postgresql: {unit.label} was committed meanwhile by a session that outlived an earlier attempt",
                hint="nothing is lost or doubled: `sensei resume` once more",
            ) from error
        except psycopg.Error as error:
            self._fail(error, f"beginning {unit.label}")

    def write(self, batch: Batch, skip: Set[int]) -> list[Refused]:
        """COPY under a savepoint; a refused batch is halved until the rows are found."""
        skipped = [index for index, ordinal in enumerate(batch.ordinals()) if ordinal in skip] if skip else []
        refused: list[Refused] = []
        self._copy_or_halve(batch, 0, batch.row_count, skipped, refused)
        return refused

    def _copy_or_halve(self, batch: Batch, start: int, stop: int, skipped: list[int], refused: list[Refused]) -> None:
        if start >= stop:
            return
        try:
            self._connection.execute("SAVEPOINT batch")
            self._copy(batch.postgres_copy(start, stop, without=skipped))
            self._connection.execute("RELEASE SAVEPOINT batch")
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith(_ROW_FAULTS) or self._connection.closed:
                self._fail(error, f"loading {self._unit.label if self._unit else ''}")
            self._connection.execute("ROLLBACK TO SAVEPOINT batch")
            if stop - start == 1:
                reason = error.diag.message_primary or str(error)
                refused.append(
                    Refused(batch.ordinals()[start], batch.key_text(start), error.diag.column_name or "", reason)
                )
                return
            middle = (start + stop) // 2
            self._copy_or_halve(batch, start, middle, skipped, refused)
            self._copy_or_halve(batch, middle, stop, skipped, refused)

    def _copy(self, data: memoryview) -> None:
        if self._unit is None:
            raise EngineError("postgresql: rows were written outside a unit")
        target = psql.SQL(".").join(map(psql.Identifier, [self._unit.table.schema, self._unit.table.name]))
        columns = psql.SQL(", ").join(map(psql.Identifier, self._unit.columns))
        statement = psql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(target, columns)
        step = 1 << 20
        with self._connection.cursor().copy(statement) as copy:
            for offset in range(0, len(data), step):
                copy.write(data[offset : offset + step])

    def settle(self) -> None:
        """Nothing: what was written is the server's."""

    def commit(self, unit: Unit, checkpoint: Checkpoint) -> None:
        """Completes the checkpoint row and commits."""
        try:
            self._connection.execute(
                psql.SQL(
                    "UPDATE {} SET row_count = %s, raw_digest = %s, detail = %s"
                    " WHERE run = %s AND table_name = %s AND number = %s"
                ).format(psql.SQL(_TABLE)),
                (
                    checkpoint.row_count, checkpoint.raw_digest, detail_text(checkpoint),
                    unit.run, str(unit.table), unit.number,
                ),
            )  # fmt: skip
            self._connection.execute("COMMIT")
        except psycopg.Error as error:
            self._fail(error, f"committing {unit.label}")
        self._unit = None

    def rollback(self) -> None:
        """Gives the open transaction back."""
        self._unit = None
        if not self._connection.closed and self._connection.info.transaction_status != TransactionStatus.IDLE:
            try:
                self._connection.execute("ROLLBACK")
            except psycopg.Error:
                # The server gives the transaction back by itself when the session is gone.
                self._connection.close()

    def remove(self, unit: Unit) -> None:
        """Deletes a unit's rows by key range, or all of the table's, together with the checkpoint row."""
        where, values = _range_condition(unit)
        target = psql.SQL(".").join(map(psql.Identifier, [unit.table.schema, unit.table.name]))
        try:
            with self._connection.transaction():
                self._connection.execute(
                    psql.SQL("DELETE FROM {} WHERE run = %s AND table_name = %s AND (number = %s OR %s)").format(
                        psql.SQL(_TABLE)
                    ),
                    (unit.run, str(unit.table), unit.number, unit.key_range is None),
                )
                self._connection.execute(psql.SQL("DELETE FROM {} WHERE {}").format(target, psql.SQL(where)), values)
        except psycopg.Error as error:
            self._fail(error, f"replacing {unit.label}")

    def close(self) -> None:
        """Ends the session."""
        self._connection.close()

    def _fail(self, error: psycopg.Error, doing: str) -> NoReturn:
        state = error.sqlstate or ""
        words = f"postgresql: {error.diag.message_primary or str(error).strip()}"
        if state in _BUSY or state.startswith("53"):
            raise Busy(
                words, hint=f"{_BUSY.get(state, 'the server lacks resources')}; mend it, then `sensei resume`"
            ) from error
        if state == "42501":
            raise AccessDenied(
                f"{words} (while: {doing})", hint="grant the missing right, then `sensei resume`"
            ) from error
        if state == "25006":
            raise AccessDenied(
                f"{words}", hint="the target is read-only: choose another, or lift the restriction"
            ) from error
        if (
            self._connection.closed
            or state.startswith(("08", "57P"))
            or (isinstance(error, psycopg.OperationalError) and not state)
        ):
            raise ConnectionLost(words, hint="check the server and the line, then `sensei resume`") from error
        raise EngineError(f"{words} (while: {doing})", state) from error


def _range_condition(unit: Unit) -> tuple[str, list[object]]:
    """The WHERE of a key range. Text compares in byte order, as the source's did."""
    key_range = unit.key_range
    if key_range is None or (key_range.after is None and key_range.upto is None):
        return "true", []
    columns = ", ".join(
        psql.Identifier(name).as_string(None) + (' COLLATE "C"' if kind in ("text", "varchar", "bpchar") else "")
        for name, kind in zip(key_range.columns, unit.key_types, strict=True)
    )
    places = ", ".join(f"%s::{kind}" for kind in unit.key_types)
    parts: list[str] = []
    values: list[object] = []
    for operator, bound in ((">", key_range.after), ("<=", key_range.upto)):
        if bound is not None:
            parts.append(f"({columns}) {operator} ({places})")
            values += list(bound)
    return " AND ".join(parts), values
