"""The order in which tables are loaded: parents before children; where references run in a circle, one is cut.

Kahn, "Topological sorting of large networks", 1962; the cut is the same in every run.
"""

from collections.abc import Mapping, Sequence, Set
from itertools import pairwise
from typing import TypeVar

Node = TypeVar("Node")


def load_order(
    tables: Sequence[Node], references: Mapping[Node, set[Node]], optional: Set[tuple[Node, Node]] = frozenset()
) -> tuple[list[Node], set[tuple[Node, Node]]]:
    """Tables in load order, and the (child, parent) edges that had to be cut because they close a circle.

    `references`: child → parents. A table's reference to itself is no edge. Ties keep the order of `tables`.
    `optional`: edges whose columns may be NULL; a circle is cut there if it has one.
    """
    waiting = {table: {parent for parent in references.get(table, set()) if parent != table} for table in tables}
    known = set(tables)
    waiting = {table: parents & known for table, parents in waiting.items()}
    ordered: list[Node] = []
    cut: set[tuple[Node, Node]] = set()
    while waiting:
        ready = [table for table in tables if table in waiting and not waiting[table]]
        if not ready:
            child, parent = _edge_of_a_circle(tables, waiting, optional)
            cut.add((child, parent))
            waiting[child].discard(parent)
            continue
        for table in ready:
            del waiting[table]
        for parents in waiting.values():
            parents.difference_update(ready)
        ordered += ready
    return ordered, cut


def _edge_of_a_circle(
    tables: Sequence[Node], waiting: Mapping[Node, set[Node]], optional: Set[tuple[Node, Node]]
) -> tuple[Node, Node]:
    """Follows references until a table comes back: an optional edge of that circle, else the one that closes it."""
    position = {table: index for index, table in enumerate(tables)}
    path = [min(waiting, key=position.__getitem__)]
    while True:
        parent = min(waiting[path[-1]], key=position.__getitem__)
        if parent in path:
            circle = [*path[path.index(parent) :], parent]
            edges = list(pairwise(circle))
            return next((edge for edge in edges if edge in optional), edges[-1])
        path.append(parent)
