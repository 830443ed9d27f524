"""One pass over a database for its tier-0 fingerprint, "exact, own precision": no map, no rule, no second side."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from kora._core import DigestKey, digest_rows
from kora.catalog import Table
from kora.comparison.fingerprint import OWN_PRECISION, Fingerprint, FingerprintColumn, FingerprintTable
from kora.comparison.mapping import ColumnMapping, Side, TableMapping
from kora.databases.base import Database, readable_type

ScanProgress: TypeAlias = Callable[[str, int], None]
"""Told a stage's name and the rows that it has read so far."""


def take_fingerprint(
    database: Database,
    *,
    role: Side | Literal["unassigned"],
    url: str,
    key: DigestKey,
    run_id: str,
    spill_directory: Path | None = None,
    progress: ScanProgress | None = None,
) -> Fingerprint:
    """Read every table once and keep its count and root, "exact, own precision".

    Args:
        database: Opened for reading; its snapshot is what the fingerprint speaks of. It is not closed.
        role: What the caller asserts this database to be.
        url: Its URL without password.
        key: The migration's key. Only its id stands in the fingerprint.
        run_id: The migration's name.
        spill_directory: Where row digests are sorted when they outgrow memory.
        progress: Told each table's name before it is read.

    Raises:
        AccessDenied, ConnectionLost, EngineError: As the database's own methods.
    """
    catalog = database.catalog()
    tables = []
    for table in catalog.tables:
        if progress:
            progress(f"reading {table.name}", 0)
        tables.append(_table_fingerprint(database, table, key, spill_directory))
    return Fingerprint(
        role=role,
        url=url,
        engine=catalog.engine,
        identity=database.identity(),
        profile=OWN_PRECISION,
        tables=tuple(tables),
        key_id=key.key_id,
        run_id=run_id,
        claimed_time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def own_mapping(table: Table) -> TableMapping:
    """A table compared with itself: each readable column as it is, no representation, no policy."""
    readable = [column.name for column in table.columns if readable_type(column.type)]
    key = table.stable_key if set(table.stable_key) <= set(readable) else ()
    return TableMapping(
        source=table.name,
        target=table.name,
        columns=tuple(ColumnMapping(source=name, target=name) for name in readable),
        key=key,
        unique=bool(key),
        not_comparable={
            column.name: f"the type {column.type.declared} is not known to KORA"
            for column in table.columns
            if not readable_type(column.type)
        },
    )


def _table_fingerprint(
    database: Database, table: Table, key: DigestKey, spill_directory: Path | None
) -> FingerprintTable:
    if table.unreadable:
        return FingerprintTable(name=str(table.name), row_count=None, root=None, unreadable=table.unreadable)
    mapping = own_mapping(table)
    names = [column.source for column in mapping.columns]
    columns = tuple(
        FingerprintColumn(name=column.name, kind=column.type.kind, declared=column.type.declared)
        for column in table.columns
        if column.name in names
    )
    if not names:
        rows, root = database.row_count(table), None
    else:
        digest = digest_rows(
            database.rows(table, names),
            mapping.profile(),
            "source",
            key,
            root_key=key,
            spill_directory=str(spill_directory) if spill_directory else None,
        )
        rows, root = digest.row_count, digest.root
    return FingerprintTable(
        name=str(table.name),
        columns=columns,
        row_count=rows,
        root=root.hex() if root else None,
        not_comparable=mapping.not_comparable,
    )
