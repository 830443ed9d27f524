"""The order in which tables are loaded: parents before children; where references run in a circle, one is cut.

Kahn, "Topological sorting of large networks", 1962; the cut is the same in every run.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node")


def load_order(
    tables: Sequence[Node], references: Mapping[Node, set[Node]]
) -> tuple[list[Node], set[tuple[Node, Node]]]:
    """Tables in load order, and the (child, parent) edges that had to be cut because they close a circle.

    `references`: child → parents. A table's reference to itself is no edge. Ties keep the order of `tables`.
    """
    waiting = {table: {parent for parent in references.get(table, set()) if parent != table} for table in tables}
    known = set(tables)
    waiting = {table: parents & known for table, parents in waiting.items()}
    ordered: list[Node] = []
    cut: set[tuple[Node, Node]] = set()
    while waiting:
        ready = [table for table in tables if table in waiting and not waiting[table]]
        if not ready:
            child, parent = _edge_of_a_circle(tables, waiting)
            cut.add((child, parent))
            waiting[child].discard(parent)
            continue
        for table in ready:
            del waiting[table]
        for parents in waiting.values():
            parents.difference_update(ready)
        ordered += ready
    return ordered, cut


def _edge_of_a_circle(tables: Sequence[Node], waiting: Mapping[Node, set[Node]]) -> tuple[Node, Node]:
    """Follows references until a table comes back; the last edge closes the circle."""
    position = {table: index for index, table in enumerate(tables)}
    current = min(waiting, key=position.__getitem__)
    seen = {current}
    while True:
        parent = min(waiting[current], key=position.__getitem__)
        if parent in seen:
            return current, parent
        seen.add(parent)
        current = parent
