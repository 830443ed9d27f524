"""What a choice of tables leaves of two catalogs and of what was declared about them."""

from collections.abc import Sequence
from dataclasses import replace

from kora.catalog import Catalog, Table
from kora.comparison.declared import Declared
from kora.comparison.left_out import VIEW_LEFT_OUT, left_out
from kora.comparison.mapping import Mapping
from kora.comparison.matching import match_catalogs
from kora.comparison.result import NotChecked
from kora.databases.base import Selection


def narrowed(
    left: Catalog, right: Catalog, declared: Declared, selection: Selection
) -> tuple[Catalog, Catalog, Declared]:
    """Leaves what was chosen: pairs whose source table is, and of the tables without a partner those that are.

    Partners are found among all tables first, so that what is left out takes its partner with it, whatever that one
    is called. With a choice of source tables, a target table without a partner is not looked at.

    What is left out stands in `Declared.left_out`, by name and side.
    """
    mapping = declared.mapping or match_catalogs(left, right)[0]
    without = Selection(exclude=selection.exclude)
    kept = tuple(pair for pair in mapping.tables if selection.includes(pair.source) and without.includes(pair.target))
    paired = {pair.source for pair in mapping.tables}, {pair.target for pair in mapping.tables}
    chosen = {pair.source for pair in kept}, {pair.target for pair in kept}
    sources = tuple(
        table
        for table in left.tables
        if table.name in chosen[0] or (table.name not in paired[0] and selection.includes(table.name))
    )
    targets = tuple(
        table
        for table in right.tables
        if table.name in chosen[1]
        or (table.name not in paired[1] and not selection.tables and without.includes(table.name))
    )
    named = {str(name) for name in chosen[0]}
    gone = {table.name for table in left.tables} - {table.name for table in sources}
    catalog = replace(
        left,
        tables=sources,
        views=tuple(view for view in left.views if selection.includes(view.name)),
        triggers=tuple(trigger for trigger in left.triggers if trigger.table not in gone),
    )
    return (
        catalog,
        replace(right, tables=targets),
        replace(
            declared,
            mapping=Mapping(tables=kept),
            left_out=_left_out(left, right, (sources, targets), selection),
            quarantined=tuple(row for row in declared.quarantined if row.table in named),
        ),
    )


def _left_out(
    left: Catalog, right: Catalog, kept: tuple[Sequence[Table], Sequence[Table]], selection: Selection
) -> tuple[NotChecked, ...]:
    """The tables of both sides that are not looked at, and the source's views."""
    here, there = ({table.name for table in tables} for tables in kept)
    views = [view.name for view in left.views if not selection.includes(view.name)]
    return (
        *left_out([table.name for table in left.tables if table.name not in here], selection, "source"),
        *left_out([table.name for table in right.tables if table.name not in there], selection, "target"),
        *left_out(views, selection, "source", VIEW_LEFT_OUT),
    )
