"""Exclusion constraints of PostgreSQL, as far as they can be tried: a second row that repeats a first one's values.

Two rows with the same values exclude each other where every operator of the constraint holds between a value and
itself, as `=` and the overlap of ranges do. One whose operators are others says nothing by such a row.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from kora.behavior.origins import Origin
from kora.catalog import Exclusion, Table
from kora.databases.base import Dialect

_REFLEXIVE = frozenset({"=", "&&", "@>", "<@", "~=", ">=", "<=", "&<", "&>"})
_OPERATOR = re.compile(r"\bWITH (?:OPERATOR\((?:[^()\s]+\.)?([^()\s]+)\)|([^\s,()]+))")
_RANGES = ("range", "multirange")


@dataclass(frozen=True, slots=True)
class TriedExclusion:
    """`columns`: what the second row repeats. `conditions`: under which both rows exclude each other at all. `partial`:
    the constraint has conditions of its own. `rows_only`: a made value would be no range.
    """

    name: str
    columns: tuple[str, ...]
    conditions: tuple[str, ...] = ()
    partial: bool = False
    rows_only: bool = False


def exclusions_of(table: Table, origin: Origin | None, dialect: Dialect) -> Iterator[tuple[TriedExclusion, bool]]:
    """Those that repeated values break, and whether the target declares them; else the source alone does."""
    mine = [_tried(table, item) for item in table.exclusions]
    yield from ((item, True) for item in mine if item)
    known = {frozenset(item.columns) for item in mine if item}
    for item in origin.table.exclusions if origin else ():
        told = _tried(origin.table, item) if origin else None
        there = _carried(origin, told, dialect) if origin and told else None
        if there is not None and frozenset(there.columns) not in known:
            yield there, False


def _carried(origin: Origin, told: TriedExclusion, dialect: Dialect) -> TriedExclusion | None:
    """One of the source's in the target's words; None where its conditions cannot be said there."""
    if not all(name in origin.columns for name in told.columns):
        return None
    columns = tuple(origin.columns[name] for name in told.columns)
    if dialect.engine == "postgresql" and columns == told.columns:
        return told
    if told.partial:
        return None
    ranges = [origin.columns[name] for name in told.columns if origin.table.column(name).type.kind in _RANGES]
    conditions = tuple(f"{dialect.quote(name)} <> 'empty'" for name in ranges)
    return TriedExclusion(told.name, columns, conditions, rows_only=bool(ranges))


def undecidable_exclusions(table: Table) -> Iterator[tuple[str, str, str]]:
    """Name, outcome and reason of the target's others."""
    for item in table.exclusions:
        if _tried(table, item) is None:
            odd = sorted(_operators(item) - _REFLEXIVE)
            reason = f"equal values do not show whether {odd[0]} excludes" if odd else "what it excludes is not known"
            yield f"EXCLUDE {item.name}", "not_decidable", reason


def _tried(table: Table, item: Exclusion) -> TriedExclusion | None:
    """None where repeated values need not break it."""
    if item.definition.startswith("EXCLUDE"):
        operators = _operators(item)
        if not operators or not operators <= _REFLEXIVE:
            return None
    words = set(re.findall(r"\w+", item.definition))
    named = [column for column in table.columns if column.name in item.columns or column.name in words]
    where = re.search(r"\) WHERE \((.*)\)(?: (?:NOT )?DEFERRABLE.*)?$", item.definition, re.DOTALL)
    conditions = [where[1]] if where else []
    conditions += [f'NOT isempty("{column.name}")' for column in named if column.type.kind in _RANGES]
    columns = tuple(column.name for column in named if column.generated is None)
    return TriedExclusion(item.name, columns, tuple(conditions), bool(where)) if columns else None


def _operators(item: Exclusion) -> set[str]:
    return {first or second for first, second in _OPERATOR.findall(item.definition)}
