"""A table read in lanes: who takes which piece, and how whole numbers are cut into pieces.

A table is cut into more pieces than lanes; a lane that has read one takes the next. So pieces need not be even. They
must be disjoint and together the whole table, whatever its rows are: each adapter cuts by comparisons of its engine's
own, and leaves the first piece open below and the last one above.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from threading import Lock
from typing import Generic, TypeAlias, TypeVar

from kora import _core
from kora._core import RowStream
from kora.databases.base import KeyRange, KeyTuple

PIECES_PER_LANE = 4
Piece = TypeVar("Piece")
Bound: TypeAlias = Callable[[int], int | None]


class _Pieces(Generic[Piece]):
    """Hands each piece out once, to whichever thread asks first."""

    def __init__(self, pieces: Iterable[Piece]) -> None:
        self._pieces = iter(pieces)
        self._lock = Lock()

    def lane(self, open_piece: Callable[[Piece], RowStream]) -> Callable[[], RowStream | None]:
        """A lane: gives its next piece, or None where none is left."""

        def opened() -> RowStream | None:
            with self._lock:
                piece = next(self._pieces, _END)
            return None if piece is _END else open_piece(piece)  # type: ignore[arg-type]

        return opened


_END = object()


def in_lanes(column_count: int, pieces: Iterable[Piece], openers: Sequence[Callable[[Piece], RowStream]]) -> RowStream:
    """Rows in as many lanes as there are openers; each opens the pieces that its lane takes, in the lane's thread.

    Args:
        column_count: Columns of each row.
        pieces: Disjoint, and together the whole. They are asked for one at a time, as lanes need them.
        openers: Of each lane. A stream that one gave has ended, or is dropped, before it is asked again.
    """
    shared = _Pieces(pieces)
    return _core.row_lanes(column_count, [shared.lane(opener) for opener in openers])


def key_ranges(columns: Sequence[str], bounds: Iterable[KeyTuple]) -> Iterator[KeyRange]:
    """The ranges between ascending keys: the first is open below, the last above."""
    after: KeyTuple | None = None
    for bound in bounds:
        yield KeyRange(tuple(columns), after, bound)
        after = bound
    yield KeyRange(tuple(columns), after, None)


def integer_bounds(smallest_above: Bound, largest_upto: Bound, ends: tuple[int, int], pieces: int) -> list[int]:
    """Where to cut numbers that may lie anywhere between their ends; at most `pieces` − 1 cuts, ascending.

    The widest piece is halved, and both halves are drawn in to the numbers that are there; so gaps, however large, are
    soon passed over.

    Args:
        smallest_above: The smallest number above a bound; None if there is none.
        largest_upto: The largest number that is not above a bound; None if there is none.
        ends: The smallest and the largest number.
        pieces: How many are wanted.
    """
    waiting = [(ends[0] - ends[1], *ends)]
    heapify(waiting)
    while len(waiting) < pieces and waiting[0][0] < 0:
        _, first, last = heappop(waiting)
        middle = first + (last - first) // 2
        below, above = largest_upto(middle), smallest_above(middle)
        # Both are there, since the ends are; another answer than that would only make pieces uneven.
        for low, high in ((first, middle if below is None else below), (middle + 1 if above is None else above, last)):
            heappush(waiting, (low - high, low, high))
    return sorted(last for _, _, last in waiting)[:-1]


def even_bounds(first: int, count: int, pieces: int) -> list[tuple[int | None, int | None]]:
    """So many neighbouring numbers as pieces (from, before): open where the first begins and where the last ends."""
    pieces = max(min(pieces, count), 1)
    edges = [first + count * piece // pieces for piece in range(1, pieces)]
    return list(pairwise([None, *edges, None]))
