"""Where a PostgreSQL table is cut to be read by several sessions: between the blocks of its heap, by `ctid`.

A range of row addresses is read block by block (a TID Range Scan, since PostgreSQL 14): nothing is read twice, no key
is needed, no order matters. A row that a snapshot sees has one address in it. A partitioned table is cut at the same
block numbers in every partition. Sizes serve for even pieces alone: the last piece is open, whatever has grown since.
"""

from collections.abc import Callable, Sequence
from typing import Any

from kora.databases.base import Lanes
from kora.databases.lanes import PIECES_PER_LANE

TID_RANGES_SINCE = 140000
_ROWS_PER_BLOCK = 80
"""Of a table that was never analysed: rows of a hundred bytes."""


def conditions(query: Callable[[str], list[tuple[Any, ...]]], table: str, lanes: Lanes) -> tuple[int, list[str]]:
    """How many lanes the table is worth, and a WHERE clause for each piece; one, empty, where it is not to be cut.

    Args:
        query: Asks the server.
        table: The qualified name as a string literal.
        lanes: What is wanted.
    """
    heaps = query(
        "SELECT c.relkind::text, coalesce(m.amname::text, ''), c.reltuples::float8, c.relpages::bigint,"
        " pg_relation_size(c.oid) / current_setting('block_size')::bigint"
        " FROM pg_class c LEFT JOIN pg_am m ON m.oid = c.relam WHERE c.relkind <> 'p' AND c.oid IN"
        f" (SELECT to_regclass({table})::oid UNION SELECT relid FROM pg_partition_tree(to_regclass({table})))"
    )
    # Foreign tables have no addresses, and another access method's may have another order.
    if not heaps or any((kind, method) != ("r", "heap") for kind, method, *_ in heaps):
        return 1, [""]
    wanted = lanes.worth(sum(_rows(*figures) for _, _, *figures in heaps))
    blocks = _edges([int(blocks) for *_, blocks in heaps], wanted * PIECES_PER_LANE) if wanted > 1 else []
    edges = [None, *(f"'({block},0)'::tid" for block in blocks), None]
    pieces = [_between(edges[place], edges[place + 1]) for place in range(len(edges) - 1)]
    return min(wanted, len(pieces)), pieces


def _rows(analysed_rows: float, analysed_blocks: int, blocks: int) -> int:
    """As the planner guesses it: today's blocks, as full as they were when the table was analysed."""
    density = analysed_rows / analysed_blocks if analysed_rows >= 0 and analysed_blocks else _ROWS_PER_BLOCK
    return int(blocks * density)


def _edges(heaps: Sequence[int], pieces: int) -> list[int]:
    """Block numbers that cut all heaps, given by their lengths, into about even pieces together."""
    longest, total = max(heaps), sum(heaps)
    edges = set()
    for piece in range(1, pieces):
        low, high = 0, longest
        while low < high:
            middle = (low + high) // 2
            if sum(min(length, middle) for length in heaps) * pieces < total * piece:
                low = middle + 1
            else:
                high = middle
        edges.add(low)
    return sorted(edge for edge in edges if 0 < edge < longest)


def _between(first: str | None, end: str | None) -> str:
    parts = [f"ctid >= {first}"] if first else []
    parts += [f"ctid < {end}"] if end else []
    return f" WHERE {' AND '.join(parts)}" if parts else ""
