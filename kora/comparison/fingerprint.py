"""One side of a comparison as a value that can be carried. Tier 0: per table a row count and a set hash, no values.

Written canonically and signed by `kora.evidence.certificate`; see `docs/formats/certificate.md`. Roots of two
fingerprints compare only under one migration key and one profile.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from kora._core import DigestKey, digest_rows
from kora.catalog import Table
from kora.comparison.mapping import ColumnMapping, Side, TableMapping
from kora.comparison.result import VerificationResult
from kora.databases.base import Database, readable_type

ScanProgress: TypeAlias = Callable[[str, int], None]
"""Told a stage's name and the rows that it has read so far."""

FINGERPRINT_FORMAT: Literal["kora-fingerprint-1"] = "kora-fingerprint-1"
OWN_PRECISION: Literal["exact, own precision"] = "exact, own precision"
AS_COMPARED: Literal["as compared"] = "as compared"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FingerprintColumn(_Frozen):
    """A column that is part of the row digests: its kind here and its type as declared."""

    name: str
    kind: str
    declared: str


class FingerprintTable(_Frozen):
    """A table. `root` is None where this side has no set hash of its own; `unreadable` says why there is no count."""

    name: str
    columns: tuple[FingerprintColumn, ...] = ()
    row_count: Annotated[int, Field(ge=0)] | None
    root: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    not_comparable: dict[str, str] = Field(default_factory=dict)
    unreadable: str | None = None


class Fingerprint(_Frozen):
    """One side. `role` is what its signer asserts; `profile` under which rule set rows were digested."""

    format: Literal["kora-fingerprint-1"] = FINGERPRINT_FORMAT
    tier: Literal[0] = 0
    role: Side | Literal["unassigned"]
    url: str
    engine: str
    identity: dict[str, str]
    profile: Literal["exact, own precision", "as compared"]
    tables: tuple[FingerprintTable, ...]
    key_id: str
    run_id: str
    claimed_time: str


def side_of(result: VerificationResult, side: Side) -> Fingerprint:
    """One side of a finished verification. The source's roots are known only of tables that matched."""
    facts = result.source if side == "source" else result.target
    tables = []
    for table in result.tables:
        name = table.source if side == "source" else table.target
        if name is None:
            continue
        rows = table.source_rows if side == "source" else table.target_rows
        root = table.root if side == "target" or table.outcome == "match" else None
        left_out = {column.column: column.reason for column in table.not_comparable_columns}
        tables.append(FingerprintTable(name=name, row_count=rows, root=root, not_comparable=left_out))
    return Fingerprint(
        role=side,
        url=facts.url,
        engine=facts.identity.get("engine", ""),
        identity=facts.identity,
        profile=AS_COMPARED,
        tables=tuple(tables),
        key_id=result.key_id,
        run_id=result.run_id,
        claimed_time=result.ended,
    )


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
        spill_directory: Where digests of tables without a unique key are sorted when they outgrow memory.
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
            unique=mapping.unique,
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
