"""Puts keys, indexes, constraints and views on the loaded tables, sets the counters, and writes out the quarantine."""

import json
import os
import shutil
from contextlib import closing

from appliance.engines.base import Statement
from appliance.engines.registry import target_engine
from appliance.faults import reached
from appliance.loading.base import TargetWriter
from appliance.migration import Migration
from appliance.progress import Event
from appliance.stages.load import refused_rows
from appliance.stages.prepare import execute_phase, made_objects
from kora.errors import EngineError
from kora.evidence.files import cannot_write

name = "finalize"


def run(migration: Migration) -> tuple[int, int]:
    """Executes what comes after the data. A constraint that the data break is left out and noted, never forced."""
    plan = migration.decided_plan
    engine = target_engine(plan.target.engine)
    done = made_objects(migration.journal)
    statements = engine.create_statements(plan)
    with closing(migration.target.writer()) as writer:
        for statement in statements:
            if statement.phase != "before_data" and statement.object not in done:
                migration.listener(Event("note", statement.object))
                _put(migration, writer, statement, done)
        for statement in engine.counter_statements(plan):
            reached("counters.before")
            writer.execute(statement.sql)
            reached("counters.after")
    write_quarantine(migration)
    return len(statements), 0


def _put(migration: Migration, writer: TargetWriter, statement: Statement, done: set[str]) -> None:
    try:
        execute_phase(migration, writer, [statement], statement.phase, done)
    except EngineError as error:
        if not error.sqlstate.startswith("23") and "onstraint" not in error.message:
            raise
        # KORA finds the missing constraint by itself and asks for a decision; here the reason is kept.
        migration.journal.add_note(f"{statement.object} was not created: {error.message}")
        done.add(statement.object)
        migration.journal.set_fact("made", sorted(done))


def write_quarantine(migration: Migration) -> None:
    """Every refused row of the run, with key, column, reason and values, one JSON object a line; mode 0600.

    Row by row, so that it does not matter how many they are or how large: long values have files of their own.

    Raises:
        FileProblem, Busy: The run's folder cannot be written, or its disk is full; the next attempt writes all anew.
    """
    path, folder = migration.run.quarantine_path, migration.run.quarantined_values
    try:
        shutil.rmtree(folder, ignore_errors=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            for table, row, values in refused_rows(migration, folder):
                line = {"table": table, "key": row.key, "column": row.column, "reason": row.reason, "values": values}
                json.dump(line, file)
                file.write("\n")
    except OSError as error:
        raise cannot_write(path, error, "the run's folder lies in $SENSEI_HOME: it must be writable") from error
