"""Surveys each table once: what its values are, whatever the catalog declares."""

from appliance.migration import Migration
from appliance.progress import Event
from kora._core import Progress, survey_rows
from kora.catalog import Table
from kora.databases.base import Database

name = "profile"


def run(migration: Migration) -> tuple[int, int]:
    """Fills `migration.surveys`; returns rows and bytes read."""
    rows = size = 0
    for table in migration.known_catalog.tables:
        progress = Progress()
        migration.listener(Event("table", f"survey {table.name}", progress, table.row_estimate))
        survey = survey_table(migration.source, table, progress)
        if survey is not None:
            migration.surveys[str(table.name)] = survey
        rows, size = rows + progress.rows, size + progress.bytes
    return rows, size


def survey_table(database: Database, table: Table, progress: Progress | None = None) -> str | None:
    """The survey's JSON over the readable columns, in catalog order; None where there are none."""
    columns = [column.name for column in table.columns if column.type.kind != "unsupported"]
    if table.unreadable or not columns:
        return None
    return survey_rows(database.rows(table, columns), progress=progress)
