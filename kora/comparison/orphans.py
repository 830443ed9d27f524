"""Rows whose parent does not exist, counted per foreign key in the source's own snapshot. Nothing is deleted."""

from kora.catalog import Catalog, ForeignKey, Name, Table
from kora.comparison.result import Orphans
from kora.comparison.structure import foreign_key_subject
from kora.databases.base import Database, KeyValue
from kora.errors import EngineError

KEYS_LISTED = 20
_ENFORCED_ON_REQUEST = frozenset({"sqlite", "mariadb"})
"""Engines where a session says whether foreign keys hold: any row may have come from one that did not care."""


def find_orphans(database: Database, catalog: Catalog) -> tuple[Orphans, ...]:
    """Every foreign key with at least one orphan, with the first keys.

    A validated foreign key of an engine that enforces it (PostgreSQL, DuckDB) has none and is not scanned; SQLite
    and MariaDB enforce only where a session asked for it, so there each is. A parent table that does not exist makes
    each referencing row an orphan. A temporal reference is not looked at: equality says nothing of it.
    """
    found = []
    for table in catalog.tables:
        if table.unreadable:
            continue
        for key in table.foreign_keys:
            if key.temporal or (catalog.engine not in _ENFORCED_ON_REQUEST and key.validated):
                continue
            orphans = _orphans_of(database, catalog, table, key)
            if orphans.count:
                found.append(orphans)
    return tuple(found)


def _orphans_of(database: Database, catalog: Catalog, table: Table, key: ForeignKey) -> Orphans:
    quote = database.dialect.quote
    condition = " AND ".join(f"c.{quote(name)} IS NOT NULL" for name in key.columns)
    if any(other.name == key.parent for other in catalog.tables) or _exists(database, key.parent):
        parent = database.dialect.qualify(key.parent)
        same = " AND ".join(
            f"p.{quote(up)} = c.{quote(down)}" for down, up in zip(key.columns, key.parent_columns, strict=True)
        )
        condition += f" AND NOT EXISTS (SELECT 1 FROM {parent} p WHERE {same})"
    child = database.dialect.qualify(table.name)
    count = database.scalar_query(f"SELECT count(*) FROM {child} c WHERE {condition}")[0][0]
    keys: tuple[str, ...] = ()
    if count:
        shown = table.stable_key or key.columns
        columns = ", ".join(f"c.{quote(name)}" for name in shown)
        rows = database.scalar_query(
            f"SELECT {columns} FROM {child} c WHERE {condition} ORDER BY {columns} LIMIT {KEYS_LISTED}"
        )
        keys = tuple(
            ", ".join(f"{name}={_text(value)}" for name, value in zip(shown, row, strict=True)) for row in rows
        )
    return Orphans(
        foreign_key=foreign_key_subject(table.name, key), table=str(table.name), count=int(str(count)), keys=keys
    )


def _exists(database: Database, table: Name) -> bool:
    """Whether a table that the selection left out is there all the same."""
    try:
        database.scalar_query(f"SELECT 1 FROM {database.dialect.qualify(table)} LIMIT 0")
    except EngineError:
        return False
    return True


def _text(value: KeyValue) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
