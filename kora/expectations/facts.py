"""What a suite speaks of: named measurements of one database, each a number or a word.

A fact's name is `table` or `table.column` of the profiled database and what was measured, behind a colon. It
is the same on the other side, whatever table and column are called there.
"""

import json
from dataclasses import dataclass, replace
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from kora import _core
from kora.catalog import Catalog, Column, Name, Table
from kora.comparison.mapping import Side, TableMapping
from kora.comparison.orphans import find_orphans
from kora.databases.base import Database, readable_type
from kora.errors import EngineError

Fact: TypeAlias = int | str
_SKETCH_SYMBOLS = 256
"""Tier 0 keeps no sketch; the core asks for a size all the same."""
_NUMBERED = frozenset({"integer", "decimal"})


class ProfiledTable(BaseModel):
    """How a table is digested on either side: the comparison's profile, and what table and columns are called there.

    `key` names the source's columns that identify a row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Name
    target: Name
    profile: str
    source_columns: tuple[str, ...]
    target_columns: tuple[str, ...]
    key: tuple[str, ...] = ()

    @classmethod
    def of(cls, mapping: TableMapping) -> "ProfiledTable":
        """From a pair of a map or a plan."""
        return cls(
            source=mapping.source,
            target=mapping.target,
            profile=mapping.profile(),
            source_columns=tuple(column.source for column in mapping.columns),
            target_columns=tuple(column.target for column in mapping.columns),
            key=mapping.key,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """One side while it is measured."""

    database: Database
    catalog: Catalog
    key: _core.DigestKey
    role: Side
    spill_directory: str | None = None


def measure(side: Measured, tables: tuple[ProfiledTable, ...]) -> dict[str, Fact]:
    """All facts about the profiled tables. A table or column that is not there has none: an expectation then fails.

    Raises:
        AccessDenied, ConnectionLost, EngineError: As the database's own methods.
    """
    facts: dict[str, Fact] = {}
    for profiled in tables:
        table = find_table(side.catalog, profiled.source if side.role == "source" else profiled.target)
        if table is None or table.unreadable:
            continue
        names = profiled.source_columns if side.role == "source" else profiled.target_columns
        columns = {told: find_column(table, here) for told, here in zip(profiled.source_columns, names, strict=True)}
        present = {told: column for told, column in columns.items() if column is not None}
        facts |= _of_columns(side, profiled, table, present)
        if len(present) == len(columns) and all(readable_type(column.type) for column in present.values()):
            facts |= _of_rows(side, profiled, table, [column.name for column in present.values()])
        orphans = find_orphans(side.database, _alone(side.catalog, table))
        facts[f"{profiled.source}: orphans"] = sum(item.count for item in orphans)
    return facts


def find_table(catalog: Catalog, name: Name) -> Table | None:
    """A table of exactly this name, else the only one whose name differs in schema or case alone."""
    exact = [table for table in catalog.tables if table.name == name]
    alike = exact or [table for table in catalog.tables if table.name.name.casefold() == name.name.casefold()]
    return alike[0] if len(alike) == 1 else None


def find_column(table: Table, name: str) -> Column | None:
    """A column of exactly this name, else the only one that differs in case alone."""
    exact = [column for column in table.columns if column.name == name]
    alike = exact or [column for column in table.columns if column.name.casefold() == name.casefold()]
    return alike[0] if len(alike) == 1 else None


def _alone(catalog: Catalog, table: Table) -> Catalog:
    return replace(catalog, tables=(table,))


def _of_rows(side: Measured, profiled: ProfiledTable, table: Table, columns: list[str]) -> dict[str, Fact]:
    """One pass: rows, their digest, and what each lossy rule still changes."""
    digest = _core.carry_rows(
        side.database.rows(table, columns),
        profiled.profile,
        side.role,
        side.key,
        tier=0,
        symbols=_SKETCH_SYMBOLS,
        unique=False,
        spill_directory=side.spill_directory,
    )
    facts: dict[str, Fact] = {
        f"{profiled.source}: rows": digest.row_count,
        f"{profiled.source}: row digest": digest.root.hex(),
    }
    for told, tally in zip(profiled.source_columns, json.loads(digest.tallies), strict=True):
        for rule, count in tally["policies"].items():
            facts[f"{profiled.source}.{told}: {rule}"] = int(count)
    return facts


def _of_columns(side: Measured, profiled: ProfiledTable, table: Table, present: dict[str, Column]) -> dict[str, Fact]:
    """Kinds, NULLs, and how far behind the largest key its counter stands."""
    if not present:
        return {}
    quote = side.database.dialect.quote
    counted = ", ".join(f"count(*) - count({quote(column.name)})" for column in present.values())
    (row,) = side.database.scalar_query(f"SELECT {counted} FROM {side.database.dialect.qualify(table.name)}")
    facts: dict[str, Fact] = {}
    for (told, column), nulls in zip(present.items(), row, strict=True):
        subject = f"{profiled.source}.{told}"
        facts[f"{subject}: kind"] = column.type.kind
        facts[f"{subject}: nulls"] = int(nulls or 0)
        position = _counter(side.catalog, table, column)
        if position is not None:
            facts[f"{subject}: counter ahead"] = position - _largest(side.database, table, column)
    return facts


def _counter(catalog: Catalog, table: Table, column: Column) -> int | None:
    """The last value that the column's counter gave out; None where it has none that anybody can read."""
    owned = [item for item in catalog.sequences if item.owned_by == (table.name, column.name)]
    named = column.identity.sequence if column.identity else None
    owned += [item for item in catalog.sequences if named is not None and item.name == named and not owned]
    if owned:
        return owned[0].start - owned[0].increment if owned[0].last_value is None else owned[0].last_value
    return column.identity.last_value if column.identity else None


def _largest(database: Database, table: Table, column: Column) -> int:
    """The largest value of a column, 0 for none."""
    sql = f"SELECT max({database.dialect.quote(column.name)}) FROM {database.dialect.qualify(table.name)}"
    try:
        ((value,),) = database.scalar_query(sql)
    except EngineError:
        return 0
    return int(value) if value is not None and column.type.kind in _NUMBERED else 0
