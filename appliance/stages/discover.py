"""Reads the source's catalog in the run's snapshot; a resumed run must still find the same structure."""

import json
from hashlib import sha256

from appliance.migration import Migration
from appliance.run import Request
from kora.catalog import Catalog
from kora.databases.base import Selection
from kora.errors import InvalidRequest

name = "discover"

_NAMED = 4
"""Objects that a refusal names before it counts the rest."""


def run(migration: Migration) -> tuple[int, int]:
    """Fills `migration.catalog`.

    Raises:
        InvalidRequest: The selection matches no table, or the structure changed since this run began.
    """
    request = migration.run.request
    selection = Selection(tables=request.tables, exclude=request.exclude, schemas=request.schemas)
    catalog = migration.source.catalog(selection)
    if not catalog.tables:
        raise _nothing_to_migrate(request, catalog)
    if all(table.unreadable for table in catalog.tables):
        raise InvalidRequest(f"{request.source} has no table that can be read: {catalog.tables[0].unreadable}")
    now = structures(catalog)
    known = migration.journal.fact("structures")
    if known is not None and known != now:
        raise InvalidRequest(
            "the source's tables or columns changed since this run began",
            hint=f"`sensei discard {migration.run.id}`, then migrate anew",
        )
    if known is None:
        migration.journal.set_fact("structures", now)
    migration.catalog = catalog
    return len(catalog.tables), 0


def structures(catalog: Catalog) -> dict[str, str]:
    """Table → SHA-256 of its columns' names and declared types, in their order."""
    return {
        str(table.name): sha256(
            json.dumps([[column.name, column.type.declared] for column in table.columns]).encode()
        ).hexdigest()
        for table in catalog.tables
    }


def _nothing_to_migrate(request: Request, catalog: Catalog) -> InvalidRequest:
    """The refusal; it names what is there instead, such as virtual tables."""
    passed_over = [
        f"{item.what} {item.name}{f' ({item.detail})' if item.detail else ''}" for item in catalog.not_modelled
    ]
    if not passed_over or request.tables or request.exclude or request.schemas:
        hint = "check --tables, --exclude and --schema; `sensei assess` shows what is there"
        return InvalidRequest(f"{request.source} has no table to migrate", hint=hint)
    more = f" and {len(passed_over) - _NAMED} more" if len(passed_over) > _NAMED else ""
    return InvalidRequest(
        f"{request.source} has no table to migrate: it holds only {', '.join(passed_over[:_NAMED])}{more}",
        hint="these are not carried; what they hold must first stand in ordinary tables",
    )
