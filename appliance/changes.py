"""What became of a source since a run read it: its rows, and which tables and columns there are."""

from dataclasses import dataclass
from typing import Literal

from appliance.journal import Journal
from appliance.planning.model import Plan, TablePlan
from appliance.run import Request
from appliance.stages.discover import structures
from kora._core import DigestKey, raw_digest
from kora.catalog import Table
from kora.databases.base import Database, Selection


@dataclass(frozen=True, slots=True)
class Changed:
    """A table that is not what was migrated; rows None where the table does not exist or cannot be read."""

    table: str
    what: Literal["rows", "columns", "gone", "new", "unreadable"]
    rows_then: int | None
    rows_now: int | None


def changes(source: Database, request: Request, plan: Plan, journal: Journal, key: DigestKey) -> list[Changed]:
    """Tables of the run's selection that changed since, those of the plan first.

    `journal` must hold the digests of a run that has read everything. Raises as the database's own methods do.
    """
    selection = Selection(tables=request.tables, exclude=request.exclude, schemas=request.schemas)
    catalog = source.catalog(selection)
    there = {str(table.name): table for table in catalog.tables}
    stored, digests = journal.fact("structures"), journal.fact("raw_digests")
    then = stored if isinstance(stored, dict) else {}
    now = structures(catalog)
    known = digests if isinstance(digests, dict) else {}
    found = []
    for planned in plan.tables:
        name = str(planned.source)
        rows, digest = known[name]
        if name not in there:
            found.append(Changed(name, "gone", rows, None))
        elif there[name].unreadable:
            found.append(Changed(name, "unreadable", rows, None))
        elif name in then and then[name] != now[name]:
            found.append(Changed(name, "columns", rows, source.row_count(there[name])))
        else:
            found += _rows(source, planned, there[name], (rows, digest), key)
    for name in sorted(set(then) - set(now) - set(known)):
        found.append(Changed(name, "gone", None, None))
    for name in sorted(set(now) - set(then) if then else set()):
        rows_now = None if there[name].unreadable else source.row_count(there[name])
        found.append(Changed(name, "new", None, rows_now))
    return found


def _rows(source: Database, planned: TablePlan, table: Table, then: tuple[int, str], key: DigestKey) -> list[Changed]:
    columns = [column.source for column in planned.columns if column.loaded and not column.not_comparable]
    if not set(columns) <= {column.name for column in table.columns}:
        return [Changed(str(table.name), "columns", then[0], source.row_count(table))]
    rows, digest = raw_digest(source.rows(table, columns), key)
    return [] if (rows, digest.hex()) == then else [Changed(str(table.name), "rows", then[0], rows)]
