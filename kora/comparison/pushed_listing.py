"""Which rows of a push-down comparison are listed by their digests, so that few bytes cross the line.

Buckets whose sums differ are cut finer where that moves fewer bytes than listing their rows; how many rows differ is
reckoned from how many buckets do. Where even so more would be listed than a slow line bears, a part is: counts are then
at least the table's, and what the part shows is reckoned up for all of it.
"""

import math
from dataclasses import dataclass

from kora import _core
from kora.comparison.compare import Options, Pair, both_sides
from kora.comparison.mapping import Side
from kora.comparison.pushed_sides import Digests
from kora.databases.pushdown import PushedSums, Within

LISTED_ROWS_LIMIT = 100_000
"""Rows of one side that are listed at most: 4 MB over the line, two minutes at 256 kbit/s."""
PART_ROWS = 10_000
"""Rows of one side that are listed where all would be too many: half a megabyte."""
LISTED_ROW_BYTES = 43
BUCKET_BYTES = 40
_WORTH_BYTES = 100_000
"""What a cut must save: it costs the server another pass over the table."""
_CUT = 16
"""Into how many a bucket is cut by one more hex digit."""
_MOST_DIGITS = 5
_FINEST_DIGITS = 6
"""Where one bucket alone is too large to be listed."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The buckets whose rows are listed; how many rows of others differ in groups, and what part of all is listed."""

    within: Within
    rows_limit: int
    unlisted: int = 0
    share: float = 1.0
    """By what counts in the listed buckets are to be multiplied for about all of them."""


@dataclass(frozen=True, slots=True)
class _Differing:
    """Buckets that are not the same on both sides: about how many rows a side lists of each; and how many there are."""

    digits: int
    sizes: dict[int, int]
    all_buckets: int

    @property
    def rows(self) -> int:
        return sum(self.sizes.values())

    def rows_after_cut(self) -> float:
        """About how many rows lie in differing buckets once each was cut.

        As many balls in `all_buckets` urns leave so many of them empty: Poisson. Where none is empty, all may differ.
        """
        met = len(self.sizes)
        if met >= self.all_buckets:
            return float(self.rows)
        each = -self.all_buckets * math.log1p(-met / self.all_buckets) / met
        return self.rows * -math.expm1(-each / _CUT)

    @property
    def smallest(self) -> int:
        """The bucket with the fewest rows."""
        return min(self.sizes, key=lambda number: (self.sizes[number], number))

    @property
    def is_worth_a_cut(self) -> bool:
        """Whether cutting moves fewer bytes than listing, or makes all listable."""
        if self.digits >= _MOST_DIGITS:
            return False
        after, cutting = self.rows_after_cut(), len(self.sizes) * _CUT * BUCKET_BYTES
        if self.rows > LISTED_ROWS_LIMIT:
            return after <= LISTED_ROWS_LIMIT / 2
        return cutting + after * LISTED_ROW_BYTES + _WORTH_BYTES < self.rows * LISTED_ROW_BYTES


@dataclass(frozen=True, slots=True)
class Cutting:
    """What buckets are cut with. `may_cut`: not where columns travel, for a cut would send them all again."""

    parties: dict[Side, Digests]
    pair: Pair
    options: Options
    may_cut: bool = True

    def finer(self, coarse: Within) -> _Differing:
        """What differs of these buckets, each cut into sixteen."""

        def cut(side: Side, progress: _core.Progress) -> PushedSums:
            return self.parties[side].sums(coarse.digits + 1, coarse, progress)

        return _compared(*both_sides(cut, self.pair, self.options), coarse.digits + 1, len(coarse.buckets) * _CUT)


def listing_of(cutting: Cutting, digits: int, source: PushedSums, target: PushedSums) -> Listing:
    """What is to be listed of two sides whose sums differ."""
    differing = _compared(source, target, digits, 1 << 4 * digits)
    while cutting.may_cut and differing.sizes and differing.is_worth_a_cut:
        differing = cutting.finer(Within(differing.digits, frozenset(differing.sizes)))
    rows = differing.rows
    if rows <= LISTED_ROWS_LIMIT:
        return Listing(Within(differing.digits, frozenset(differing.sizes)), 2 * LISTED_ROWS_LIMIT)
    while differing.sizes and min(differing.sizes.values()) > PART_ROWS and differing.digits < _FINEST_DIGITS:
        differing = cutting.finer(Within(differing.digits, frozenset({differing.smallest})))
    return _part(differing, rows)


def _part(differing: _Differing, rows: int) -> Listing:
    """The differing buckets that are listed where `rows` would be too many, at least one. Their numbers are salted."""
    chosen, listed = set[int](), 0
    for number in sorted(differing.sizes):
        if listed + differing.sizes[number] <= PART_ROWS:
            chosen.add(number)
            listed += differing.sizes[number]
    if not chosen and differing.sizes:
        chosen, listed = {differing.smallest}, differing.sizes[differing.smallest]
    return Listing(Within(differing.digits, frozenset(chosen)), LISTED_ROWS_LIMIT, rows - listed, rows / max(listed, 1))


def _compared(source: PushedSums, target: PushedSums, digits: int, urns: int) -> _Differing:
    return _Differing(digits, _differing(source, target, urns), len(source.buckets.keys() | target.buckets.keys()))


def _differing(source: PushedSums, target: PushedSums, urns: int) -> dict[int, int]:
    """Buckets that are not the same, and about how many different rows a side has in each; at most `urns` buckets."""
    nothing = (0, 0)
    once = _once(source, urns), _once(target, urns)
    sizes = {}
    for number in source.buckets.keys() | target.buckets.keys():
        left, right = source.buckets.get(number, nothing), target.buckets.get(number, nothing)
        if left != right:
            sizes[number] = max(1, round(left[0] * once[0]), round(right[0] * once[1]))
    return sizes


def _once(side: PushedSums, urns: int) -> float:
    """What part of the rows would be left if each stood there once: equal ones share a bucket, and are listed once.

    Reckoned only where so many buckets are empty that it is plain how many rows met them.
    """
    rows, met = sum(rows for rows, _ in side.buckets.values()), len(side.buckets)
    if not rows or met * 2 > urns:
        return 1.0
    return min(1.0, -urns * math.log1p(-met / urns) / rows)
