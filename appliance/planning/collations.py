"""Collations that nobody chose, a character set's or a database's own, which the target does not have.

Where a key, a check or a view compares by one, other rows are equal on the target: one loss per collation. Everywhere
else only queries to come sort and find otherwise, which is noted. A collation that somebody chose for a column is a
loss of that column, in `appliance.planning.columns`.
"""

import re
from collections import defaultdict

from appliance.planning.columns import BY_BYTES, Context
from appliance.planning.model import TablePlan
from kora.catalog import Table

_NAMED = 4
"""Columns that a line names before it counts the rest."""
_COMPARES = re.compile(r"\b(?:where|on|having|group|order|distinct|union|case|in|like)\b", re.IGNORECASE)


def declare_collations(context: Context, plans: tuple[TablePlan, ...]) -> None:
    """A loss or a note for each collation, with its columns."""
    ordinary = set(context.catalog.facts.get("ordinary_collations", "").split(","))
    tables = {table.name: table for table in context.catalog.tables}
    views = " ".join(view.query for view in context.catalog.views if _COMPARES.search(view.query))
    depended: dict[str, list[str]] = defaultdict(list)
    others: dict[str, list[str]] = defaultdict(list)
    for plan in plans:
        table = tables[plan.source]
        types = {column.source: column.target_type for column in plan.columns}
        words = _keyed(table)
        texts = " ".join([views, *(check.expression for check in table.checks)])
        for column in table.columns:
            collation = column.type.collation or ""
            kept = types.get(column.name, f" collate {collation}").endswith(f" collate {collation}")
            chosen = not collation or collation not in ordinary
            if chosen or kept or collation.endswith(BY_BYTES) or column.type.kind != "text":
                continue
            uses = column.name in words or _mentions(texts, column.name)
            (depended if uses else others)[collation].append(f"{table.name}.{column.name}")
    for collation, columns in sorted(depended.items()):
        reason = (
            f"keys, checks or views compare {_listed(columns)} under it on the source, byte by byte on the target:"
            " texts that it calls equal are two there"
        )
        context.decisions.lose("collation", f"collation {collation}", len(columns), reason)
    for collation, columns in sorted(others.items()):
        context.decisions.note(
            f"collation {collation}: {_listed(columns)} sort and compare under it on the source, byte by byte on the"
            " target; no key, check or view depends on it"
        )


def _keyed(table: Table) -> set[str]:
    keys = [*([table.primary_key] if table.primary_key else []), *table.unique_keys]
    columns = {name for key in keys for name in key.columns}
    columns |= {name for foreign in table.foreign_keys for name in foreign.columns}
    return columns | {part.column for index in table.indexes if index.unique for part in index.parts if part.column}


def _mentions(text: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", text, re.IGNORECASE) is not None


def _listed(columns: list[str]) -> str:
    more = f" and {len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
    return ", ".join(columns[:_NAMED]) + more
