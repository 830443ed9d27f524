"""Where a DuckDB table is cut to be read by several cursors: between its row groups, by row ids.

Row groups that a range does not touch are not read. The file does not change while it is open, so neither do row ids;
the first piece is open below and the last above all the same.
"""

from collections.abc import Sequence
from itertools import pairwise

from kora.catalog import Table
from kora.databases.base import Lanes
from kora.databases.duckdb.large import Span
from kora.databases.lanes import PIECES_PER_LANE

_BLOCK_SIZE_BYTES = 256 << 10
_HELD_SIZE_BYTES = 128 << 20
"""A scan holds a block of each of its columns: all of them together may hold so much."""


def conditions(table: Table, spans: Sequence[Span], column_count: int, lanes: Lanes) -> tuple[int, list[str]]:
    """How many lanes the table is worth, and a WHERE clause for each piece; one, empty, where it is not to be cut.

    A column of its name hides the row id. Large rows are read in windows, with memory for one of them at a time: by
    one thread.
    """
    hidden = any(column.name.lower() == "rowid" for column in table.columns)
    if hidden or not all(span.plain for span in spans):
        return 1, [""]
    room = _HELD_SIZE_BYTES // (_BLOCK_SIZE_BYTES * max(column_count, 1))
    wanted = min(lanes.worth(sum(span.rows for span in spans)), max(room, 1))
    step = max(len(spans) // (wanted * PIECES_PER_LANE), 1)
    edges = [None, *(span.first for span in spans[step::step]), None] if wanted > 1 else [None, None]
    pieces = [_between(first, end) for first, end in pairwise(edges)]
    return min(wanted, len(pieces)), pieces


def _between(first: int | None, end: int | None) -> str:
    parts = [f"rowid >= {first}"] if first is not None else []
    parts += [f"rowid < {end}"] if end is not None else []
    return f" WHERE {' AND '.join(parts)}" if parts else ""
