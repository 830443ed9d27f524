"""What a choice of tables leaves unsaid, by name: entries of what was not checked, and the words that they share.

A table that somebody left out may be the one that differs. So every list that says what was not checked names it, on
each side that has it, and no sentence calls a database equal without saying how much of it was looked at.
"""

from collections.abc import Iterable, Sequence

from kora.catalog import Name
from kora.comparison.mapping import Side
from kora.comparison.result import NotChecked
from kora.databases.base import Selection

TABLE_LEFT_OUT = "table left out"
VIEW_LEFT_OUT = "view left out"
TABLE_BESIDE = "table beside this run's"
"""One that a filled target held already, where a run loaded into it."""
NAMED_PER_SIDE = 1_000
"""Of tens of thousands of tables that many are named; the rest are counted in one entry."""
_COUNTERPART = "its counterpart is left out"


def left_out(names: Iterable[Name], selection: Selection, side: Side, what: str = TABLE_LEFT_OUT) -> list[NotChecked]:
    """One side's tables that were not asked for, each with the option that left it out."""
    return named_left_out([(str(name), why_not(name, selection)) for name in names], side, what)


def named_left_out(entries: Sequence[tuple[str, str]], side: Side, what: str = TABLE_LEFT_OUT) -> list[NotChecked]:
    """The same of names and reasons that a file holds."""
    told = [NotChecked(what=what, name=name, detail=why, side=side) for name, why in entries[:NAMED_PER_SIDE]]
    more = len(entries) - len(told)
    rest = NotChecked(what=what, name="and others", detail="too many to name", count=more, side=side)
    return [*told, rest] if more else told


def why_not(name: Name, selection: Selection) -> str:
    """Which part of a selection leaves a table out; of one that it includes, that its partner is left out."""
    if selection.includes(name):
        return _COUNTERPART
    if selection.schemas and name.schema not in selection.schemas:
        return f"not in --schema {', '.join(selection.schemas)}"
    if selection.tables and not Selection(tables=selection.tables).includes(name):
        return f"not among --tables {', '.join(selection.tables)}"
    return f"by --exclude {', '.join(selection.exclude)}"


def tables_left_out(items: Iterable[NotChecked], side: Side) -> tuple[str, ...]:
    """The names of one side's tables that were left out."""
    return tuple(item.name for item in items if item.what == TABLE_LEFT_OUT and item.side == side)


def count_left_out(items: Iterable[NotChecked], side: Side) -> int:
    """How many tables of one side were left out."""
    return sum(item.count for item in items if item.what == TABLE_LEFT_OUT and item.side == side)
