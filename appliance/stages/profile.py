"""Surveys each table once: what its values are, whatever the catalog declares."""

from appliance.migration import Migration
from appliance.progress import Event
from kora._core import Progress, RawTally, survey_rows
from kora.catalog import Table
from kora.databases.base import Database, readable_type

name = "profile"


def run(migration: Migration) -> tuple[int, int]:
    """Fills `migration.surveys`, and in passing `migration.raw_totals`; returns rows and bytes read."""
    rows = size = 0
    for table in migration.known_catalog.tables:
        progress = Progress()
        migration.listener(Event("table", f"survey {table.name}", progress, table.row_estimate))
        tally = RawTally(migration.migration_key)
        survey = survey_table(migration.source, table, progress, tally)
        if survey is not None:
            migration.surveys[str(table.name)] = survey
            migration.raw_totals[str(table.name)] = (tuple(readable_columns(table)), tally.total())
        rows, size = rows + progress.rows, size + progress.bytes
    return rows, size


def survey_table(
    database: Database, table: Table, progress: Progress | None = None, tally: RawTally | None = None
) -> str | None:
    """The survey's JSON over the readable columns, in catalog order; None where there are none."""
    columns = readable_columns(table)
    if table.unreadable or not columns:
        return None
    rows = database.rows(table, columns)
    return survey_rows(tally.watch(rows) if tally else rows, progress=progress)


def readable_columns(table: Table) -> list[str]:
    """Those whose type the core decodes, in catalog order."""
    return [column.name for column in table.columns if readable_type(column.type)]
