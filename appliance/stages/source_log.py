"""Writes down what the source is before the first row is loaded: its fingerprint, in the run's folder and journal.

Each attempt that may load has its own snapshot, so each writes its own; the last one is what the certificate names. The
survey has digested the tables in passing where this attempt made one; otherwise each table is read for it.
"""

import time
from dataclasses import replace

from appliance.faults import reached
from appliance.migration import Migration
from appliance.planning.model import TablePlan
from appliance.progress import Event
from kora._core import Progress, raw_digest, sha256
from kora.comparison.declared import Declared
from kora.comparison.source_log import LoggedTable, SourceLog
from kora.databases.base import readable_type
from kora.errors import FileProblem
from kora.evidence.canonical import FILE_SIZE_LIMIT_BYTES, canonical_bytes
from kora.evidence.files import read_bounded, write_atomically

name = "log"

_FACT = "source_logs"


def run(migration: Migration) -> tuple[int, int]:
    """Logs every table of the plan; returns rows and tables.

    Raises:
        FileProblem, Busy: The file or the journal cannot be written; then nothing was loaded.
    """
    tables = [entry for plan in migration.decided_plan.tables if (entry := _logged(migration, plan)) is not None]
    log = SourceLog(
        url=migration.run.request.source,
        identity=migration.source.identity(),
        tables=tuple(tables),
        key_id=migration.migration_key.key_id,
        run_id=migration.run.id,
        claimed_time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    data = canonical_bytes(log.model_dump(mode="json"))
    reached("source_log.before")
    write_atomically(migration.run.source_log_path, data, mode=0o600)
    reached("source_log.after")
    known = migration.journal.fact(_FACT)
    entries = list(known) if isinstance(known, list) else []
    migration.journal.set_fact(_FACT, [*entries, {"sha256": sha256(data), "claimed_time": log.claimed_time}])
    return sum(entry.row_count for entry in tables), len(tables)


def with_log(migration: Migration, declared: Declared) -> Declared:
    """The same claims with the log of this attempt, for KORA to hold the source against.

    Raises:
        FileProblem: The file is not the one whose hash the journal holds.
    """
    path = migration.run.source_log_path
    data = read_bounded(path, FILE_SIZE_LIMIT_BYTES)
    known = migration.journal.fact(_FACT)
    last = known[-1]["sha256"] if isinstance(known, list) and known else ""
    if sha256(data) != last:
        raise FileProblem(
            f"{path} is not what was logged before the load",
            hint=f"it was altered; `sensei resume {migration.run.id}` logs and verifies anew",
        )
    return replace(declared, source_log=SourceLog.model_validate_json(data), source_log_sha256=last)


def _logged(migration: Migration, plan: TablePlan) -> LoggedTable | None:
    """One table's entry; None where nothing of it can be read."""
    surveyed = migration.raw_totals.get(str(plan.source))
    if surveyed is not None:
        columns, (rows, digest) = surveyed
        return LoggedTable(name=str(plan.source), columns=columns, row_count=rows, raw_digest=digest.hex())
    table = migration.known_catalog.table(plan.source)
    readable = {column.name for column in table.columns if readable_type(column.type)}
    columns = tuple(column.source for column in plan.columns if not column.not_comparable and column.source in readable)
    if table.unreadable or not columns:
        return None
    progress = Progress()
    migration.listener(Event("table", f"log {plan.source}", progress, plan.rows))
    rows, digest = raw_digest(migration.source.rows(table, columns), migration.migration_key, progress=progress)
    return LoggedTable(name=str(plan.source), columns=columns, row_count=rows, raw_digest=digest.hex())
