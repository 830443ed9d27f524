"""Reads the source's catalog in the run's snapshot; a resumed run must still find the same structure."""

import json
from hashlib import sha256

from appliance.migration import Migration
from kora.databases.base import Selection
from kora.errors import InvalidRequest

name = "discover"


def run(migration: Migration) -> tuple[int, int]:
    """Fills `migration.catalog`.

    Raises:
        InvalidRequest: The selection matches no table, or the structure changed since this run began.
    """
    request = migration.run.request
    selection = Selection(tables=request.tables, exclude=request.exclude, schemas=request.schemas)
    catalog = migration.source.catalog(selection)
    if not catalog.tables:
        raise InvalidRequest(
            f"{request.source} has no table to migrate",
            hint="check --tables, --exclude and --schema; `sensei assess` shows what is there",
        )
    structure = [
        [str(table.name), [[column.name, column.type.declared] for column in table.columns]] for table in catalog.tables
    ]
    digest = sha256(json.dumps(structure).encode()).hexdigest()
    known = migration.journal.fact("structure")
    if known is not None and known != digest:
        raise InvalidRequest(
            "the source's tables or columns changed since this run began",
            hint=f"`sensei discard {migration.run.id}`, then migrate anew",
        )
    if known is None:
        migration.journal.set_fact("structure", digest)
    migration.catalog = catalog
    return len(catalog.tables), 0
