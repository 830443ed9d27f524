"""Compares a pair of tables whose servers digest their own rows: for a slow line.

Both sides digest every row under a salt that is drawn after both snapshots were opened, a server in its own SQL and a
side without one in the core; what a server's SQL cannot render travels beside its digest (`pushed_columns`). Equal
counts and equal sums of all four words end the table. Otherwise buckets that differ are listed row by row, cut finer
first where that moves fewer bytes; what is listed must explain the difference of the sums exactly; then the first
differing rows themselves are fetched and compared under KCF-1, so that findings are those of a streamed comparison.
Where the two ways of looking disagree, nothing is concluded here: `CannotPush` says why.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from secrets import token_hex

from kora import _core
from kora.comparison.compare import Options, Pair, both_sides, counted, losses_of, readings_of
from kora.comparison.findings import Located, pair_rows
from kora.comparison.mapping import Loss, Side
from kora.comparison.pushed_columns import Division
from kora.comparison.pushed_listing import Cutting, listing_of
from kora.comparison.pushed_sides import Comparing, Digests, Listed, party
from kora.comparison.result import Reading, TableResult
from kora.comparison.tolerance import forgive, tolerances
from kora.databases.pushdown import LISTED_BYTES, PushedSums

ROW_HASH = "sha256-sum256, computed by each server's own SQL"
FORGIVEN_ROWS_LIMIT = 2_000
"""Rows of a table with a tolerance that are fetched at most to see whether they differ by more than it."""
_WORDS_LISTED = 2
_SALT_BYTES = 32
_SIDES: tuple[Side, Side] = ("source", "target")


class CannotPush(Exception):
    """A table that push-down cannot settle, and why; no failure: the caller chooses another way.

    `part`: where so many rows differ that they were not all listed, what a part of them shows: counts are then at least
    the table's.
    """

    def __init__(self, reason: str, part: TableResult | None = None) -> None:
        super().__init__(reason)
        self.part = part


@dataclass(frozen=True, slots=True)
class _Surplus:
    """What one key has on one side and not on the other, counted in rows."""

    key: bytes
    source: int
    target: int


def compare_pushed(pair: Pair, options: Options, sides: Sequence[Side], columns: Division) -> TableResult:
    """Compares all rows of two tables by digests that the servers of `sides` compute, the other side's rows here.

    Args:
        pair: The tables.
        options: As for `compare_table`.
        sides: Whose servers digest.
        columns: What `division` says of these sides; some column is left to render.

    Returns:
        As `compare_table`, without a root: no row was read under the migration's key.

    Raises:
        CannotPush: Too many rows differ to list them (then with a part), or the digests do not explain themselves.
    """
    started = time.monotonic()
    comparing = Comparing(pair, columns, token_hex(_SALT_BYTES), options.live)
    parties = {side: party(comparing, side, sides) for side in _SIDES}
    digits = _digits(pair, columns)
    source, target = both_sides(lambda side, progress: parties[side].sums(digits, None, progress), pair, options)
    found = _Found(Located())
    if (source.rows, source.words) != (target.rows, target.words):
        found = _locate(Cutting(parties, pair, options, may_cut=not columns.beside), digits, source, target)
    readings = _readings(pair, source, "source") + _readings(pair, target, "target")
    result = counted(pair, found.located, options, (source.rows, target.rows), readings)
    losses = losses_of(pair, source.tallies, target.tallies) if source.tallies and target.tallies else ()
    result = result.model_copy(
        update={
            "strategy": "pushdown", "seconds": time.monotonic() - started, "losses": (*losses, *found.forgiven),
        }
    )  # fmt: skip
    if found.unlisted:
        raise CannotPush(
            f"{found.unlisted:,} rows whose digests differ by groups were not looked at one by one; by those that were,"
            f" about {found.estimate:,} rows differ",
            result,
        )
    return result


@dataclass(frozen=True, slots=True)
class _Found:
    """Differing rows; how many more lie in groups that differ, and by what was looked at about how many differ."""

    located: Located
    unlisted: int = 0
    estimate: int = 0
    forgiven: tuple[Loss, ...] = ()


def _readings(pair: Pair, sums: PushedSums, side: Side) -> tuple[Reading, ...]:
    return readings_of(pair, sums.tallies, side) if sums.tallies else ()


def _digits(pair: Pair, columns: Division) -> int:
    """Hex digits of a bucket's number: about sixteen rows a bucket, 4,096 buckets at most where a server tells them."""
    rows = max(pair.source_table.row_estimate or 0, pair.target_table.row_estimate or 0)
    if columns.beside and not 0 < rows < 1 << 14:
        return 4
    if rows == 0:
        return 3
    return 1 if rows < 1 << 10 else 2 if rows < 1 << 14 else 3


def _locate(cutting: Cutting, digits: int, source: PushedSums, target: PushedSums) -> _Found:
    """Which rows differ, counted exactly where they are few enough to list, the first of them with their values."""
    parties, pair, options = cutting.parties, cutting.pair, cutting.options
    listing = listing_of(cutting, digits, source, target)
    if not listing.within.buckets:
        raise CannotPush("groups of rows that differ are the same once they are cut")
    listed = both_sides(
        lambda side, progress: parties[side].digests(listing.within, listing.rows_limit, progress), pair, options
    )
    if any(len(side) > listing.rows_limit for side in listed):
        raise CannotPush(f"more than {listing.rows_limit:,} rows of a part of the table would be listed")
    if not listing.unlisted:
        _explained(source, target, *listed)
    surplus = _surplus(*listed)
    located = _counted(surplus, keyed=bool(pair.mapping.key))
    if not surplus:
        raise CannotPush("digests that differ by groups are the same one by one")
    near = tolerances(pair.mapping)
    if near and (listing.unlisted or located.mismatch > FORGIVEN_ROWS_LIMIT):
        raise CannotPush(f"{located.mismatch:,} rows and more would be fetched to see whether a tolerance covers them")
    located = replace(located, differing=_fetched(parties, pair, options, surplus, FORGIVEN_ROWS_LIMIT if near else 0))
    forgiven: tuple[Loss, ...] = ()
    if near:
        located, forgiven = forgive(pair.mapping, near, located)
    total = located.mismatch + located.missing_in_target + located.extra_in_target
    return _Found(located, listing.unlisted, round(total * listing.share), forgiven)


def _explained(source: PushedSums, target: PushedSums, left: Listed, right: Listed) -> None:
    """The listed rows must make up the whole difference, in rows and in the words that are listed of them."""
    rows = source.rows - target.rows == sum(count for _, count in left) - sum(count for _, count in right)
    sums = [_listed_words(left), _listed_words(right)]
    words = all(
        source.words[place] - target.words[place] == sums[0][place] - sums[1][place] for place in range(_WORDS_LISTED)
    )
    if not (rows and words):
        raise CannotPush("the listed digests do not make up the difference of the sums")


def _listed_words(listed: Listed) -> list[int]:
    words = range(LISTED_BYTES, LISTED_BYTES + 8 * _WORDS_LISTED, 8)
    return [sum(int.from_bytes(row[at : at + 8], "big", signed=True) * count for row, count in listed) for at in words]


def _surplus(source: Listed, target: Listed) -> list[_Surplus]:
    """Per key what is left of each side once equal rows are taken away, with multiplicity; in the order of the keys."""
    left, right = _counter(source), _counter(target)
    counts: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
    for place, rest in enumerate((left - right, right - left)):
        for row, count in rest.items():
            counts[row[:LISTED_BYTES]][place] += count
    return [_Surplus(key, *counts[key]) for key in sorted(counts)]


def _counter(listed: Listed) -> Counter[bytes]:
    found = Counter[bytes]()
    for row, count in listed:
        found[row] += count
    return found


def _counted(surplus: Sequence[_Surplus], *, keyed: bool) -> Located:
    """Counts as `Located.from_rows` makes them of rows."""
    both = sum(min(item.source, item.target) for item in surplus) if keyed else 0
    return Located(
        mismatch=both,
        missing_in_target=sum(item.source for item in surplus) - both,
        extra_in_target=sum(item.target for item in surplus) - both,
    )


def _fetched(
    parties: dict[Side, Digests], pair: Pair, options: Options, surplus: list[_Surplus], at_least: int
) -> tuple[tuple[_core.Row | None, _core.Row | None], ...]:
    """The rows of the first keys, mismatches first; they must differ under KCF-1 just as their digests do."""
    keyed = bool(pair.mapping.key)
    order = sorted(surplus, key=lambda item: not (keyed and item.source and item.target))
    chosen = order[: max(options.findings_limit, at_least)]
    if not chosen:
        return ()
    keys = [item.key for item in chosen]
    rows = both_sides(lambda side, progress: parties[side].rows(keys, progress), pair, options)
    listed = Located.from_rows(*pair_rows(*rows), keyed=keyed)
    expected = _counted(chosen, keyed=keyed)
    if (listed.mismatch, listed.missing_in_target, listed.extra_in_target) != (
        expected.mismatch,
        expected.missing_in_target,
        expected.extra_in_target,
    ):
        raise CannotPush("rows whose digests differ are equal when they are read, or the other way round")
    return listed.differing
