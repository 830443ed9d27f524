"""Compares a pair of tables whose servers digest their own rows: for a slow line.

Both sides digest every row under a salt that is drawn after both snapshots were opened, a server in its own SQL and a
side without one in the core. Equal counts and equal sums of all four words end the table. Otherwise buckets that differ
are listed row by row, cut finer first where that moves fewer bytes; what is listed must explain the difference of the
sums exactly; then the first differing rows themselves are fetched and compared under KCF-1, so that findings are those
of a streamed comparison. Where the two ways of looking disagree, nothing is concluded here: `CannotPush` says why.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import Protocol

from kora import _core
from kora.comparison.compare import Options, Pair, both_sides, counted, readings_of, rows_of
from kora.comparison.findings import Located, pair_rows
from kora.comparison.mapping import Side
from kora.comparison.result import Reading, TableResult
from kora.databases.pushdown import LISTED_BYTES, WORD_MODULUS, PushedSums, PushesDown, PushRequest, Within

ROW_HASH = "sha256-sum256, computed by each server's own SQL"
LISTED_ROWS_LIMIT = 500_000
"""Rows of one side that are listed at most: 20 MB over the line. Beyond it rows themselves cost hardly more."""
_LISTED_ROW_BYTES = 43
_BUCKET_BYTES = 40
_FINER_AT_BYTES = 100_000
"""Lists shorter than this are fetched at once: to cut buckets finer costs the server another pass over the table."""
_CUT = 16
"""Into how many a bucket is cut by one more hex digit."""
_PART_ROWS = 20_000
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


class _Digests(Protocol):
    """One side, as it digests itself."""

    def sums(self, digits: int, within: Within | None, progress: _core.Progress) -> PushedSums: ...
    def digests(self, within: Within, progress: _core.Progress) -> list[bytes]: ...
    def rows(self, keys: list[bytes], progress: _core.Progress) -> list[_core.Row]: ...


@dataclass(frozen=True, slots=True)
class _AtServer:
    """A side whose server digests."""

    database: PushesDown
    request: PushRequest
    pair: Pair
    side: Side
    live: _core.DigestKey

    def sums(self, digits: int, within: Within | None, progress: _core.Progress) -> PushedSums:
        return self.database.push_sums(self.request, digits, within)

    def digests(self, within: Within, progress: _core.Progress) -> list[bytes]:
        return self.database.push_digests(self.request, within, LISTED_ROWS_LIMIT)

    def rows(self, keys: list[bytes], progress: _core.Progress) -> list[_core.Row]:
        stream = self.database.push_rows(self.request, keys)
        return _core.collect_rows(stream, self.pair.mapping.profile(), self.side, self.live, progress=progress)


@dataclass(frozen=True, slots=True)
class _Here:
    """A side whose rows are read and digested here."""

    pair: Pair
    side: Side
    salt: str
    live: _core.DigestKey

    def sums(self, digits: int, within: Within | None, progress: _core.Progress) -> PushedSums:
        rows, profile = rows_of(self.pair, self.side), self.pair.mapping.profile()
        asked = None if within is None else (within.digits, set(within.buckets))
        found = _core.pushdown_sums(rows, profile, self.side, self.salt, digits, within=asked, progress=progress)
        count, words = found.total
        buckets = {number: (rows, word % WORD_MODULUS) for number, rows, word in found.buckets}
        return PushedSums(count, tuple(words), buckets, found.tallies)

    def digests(self, within: Within, progress: _core.Progress) -> list[bytes]:
        rows, asked = rows_of(self.pair, self.side), (within.digits, set(within.buckets))
        return _core.pushdown_digests(
            rows, self.pair.mapping.profile(), self.side, self.salt, asked, LISTED_ROWS_LIMIT + 1, progress=progress
        )

    def rows(self, keys: list[bytes], progress: _core.Progress) -> list[_core.Row]:
        rows, profile = rows_of(self.pair, self.side), self.pair.mapping.profile()
        return _core.pushdown_rows(rows, profile, self.side, self.live, self.salt, set(keys), progress=progress)


def refusals(pair: Pair, sides: Sequence[Side]) -> list[str]:
    """What keeps these sides' servers from digesting the table exactly: one sentence per column."""
    found = []
    for side in sides:
        database = pair.source if side == "source" else pair.target
        table = pair.source_table if side == "source" else pair.target_table
        if not isinstance(database, PushesDown):
            found.append(f"{database.dialect.engine} has no server that could digest")
            continue
        names = {_own(column, side): column for column in pair.mapping.columns}
        refused = database.push_refusals(table, list(names))
        for name, column in names.items():
            rule = column.source_representation if side == "source" else column.target_representation
            if rule is not None or column.policies:
                ruled = ", ".join(map(str, filter(None, (rule, *column.policies))))
                found.append(f"{table.name}.{name}: no server applies {ruled}")
            elif name in refused:
                found.append(f"{table.name}.{name}: {refused[name]}")
    return found


def _own(column: object, side: Side) -> str:
    return str(getattr(column, side))


def compare_pushed(pair: Pair, options: Options, sides: Sequence[Side]) -> TableResult:
    """Compares all rows of two tables by digests that the servers of `sides` compute, the other side's rows here.

    Returns:
        As `compare_table`, without a root: no row was read under the migration's key.

    Raises:
        CannotPush: A column has no exact form, too many rows differ to list them (then with a part), or the digests do
            not explain themselves.
    """
    started = time.monotonic()
    if reasons := refusals(pair, sides):
        raise CannotPush("; ".join(reasons))
    salt = token_hex(_SALT_BYTES)
    parties = {side: _party(pair, side, sides, salt, options) for side in _SIDES}
    digits = _digits(pair)
    source, target = both_sides(lambda side, progress: parties[side].sums(digits, None, progress), pair, options)
    located, unlisted = Located(), 0
    if (source.rows, source.words) != (target.rows, target.words):
        located, unlisted = _locate(parties, pair, options, digits, source, target)
    readings = _readings(pair, source, "source") + _readings(pair, target, "target")
    result = counted(pair, located, options, (source.rows, target.rows), readings)
    result = result.model_copy(update={"strategy": "pushdown", "seconds": time.monotonic() - started})
    if unlisted:
        raise CannotPush(f"so many rows differ that about {unlisted:,} were not looked at one by one", result)
    return result


def _readings(pair: Pair, sums: PushedSums, side: Side) -> tuple[Reading, ...]:
    return readings_of(pair, sums.tallies, side) if sums.tallies else ()


def _party(pair: Pair, side: Side, pushing: Sequence[Side], salt: str, options: Options) -> _Digests:
    database = pair.source if side == "source" else pair.target
    if side not in pushing or not isinstance(database, PushesDown):
        return _Here(pair, side, salt, options.live)
    own = {column.source: _own(column, side) for column in pair.mapping.columns}
    table = pair.source_table if side == "source" else pair.target_table
    request = PushRequest(table, tuple(own.values()), tuple(own[name] for name in pair.mapping.key), salt)
    return _AtServer(database, request, pair, side, options.live)


def _digits(pair: Pair) -> int:
    """Hex digits of a bucket's number: about sixteen rows a bucket, 4,096 buckets at most."""
    rows = max(pair.source_table.row_estimate or 0, pair.target_table.row_estimate or 0)
    if rows == 0:
        return 3
    return 1 if rows < 1 << 10 else 2 if rows < 1 << 14 else 3


def _locate(
    parties: dict[Side, _Digests], pair: Pair, options: Options, digits: int, source: PushedSums, target: PushedSums
) -> tuple[Located, int]:
    """Which rows differ, counted exactly, the first of them with their values; and how many were not listed."""
    within, sizes = _differing(source, target, digits)
    rows, buckets = sum(sizes.values()), len(sizes)
    if rows * _LISTED_ROW_BYTES > _FINER_AT_BYTES and buckets * _CUT * _BUCKET_BYTES < rows * _LISTED_ROW_BYTES:
        coarse = within

        def cut(side: Side, progress: _core.Progress) -> PushedSums:
            return parties[side].sums(digits + 1, coarse, progress)

        within, sizes = _differing(*both_sides(cut, pair, options), digits + 1)
        rows = sum(sizes.values())
    unlisted = 0
    if rows > LISTED_ROWS_LIMIT:
        within, unlisted = _part(within, sizes)
    listed = both_sides(lambda side, progress: parties[side].digests(within, progress), pair, options)
    if not unlisted:
        _explained(source, target, *listed)
    surplus = _surplus(*listed)
    located = _counted(surplus, keyed=bool(pair.mapping.key))
    return replace(located, differing=_fetched(parties, pair, options, surplus)), unlisted


def _part(within: Within, sizes: dict[int, int]) -> tuple[Within, int]:
    """The differing buckets that are listed where all would be too many, at least one; and how many rows are left."""
    chosen, rows = set[int](), 0
    for number in sorted(sizes, key=lambda number: (sizes[number], number)):
        if chosen and rows + sizes[number] > _PART_ROWS:
            break
        chosen.add(number)
        rows += sizes[number]
    return Within(within.digits, frozenset(chosen)), sum(sizes.values()) - rows


def _differing(source: PushedSums, target: PushedSums, digits: int) -> tuple[Within, dict[int, int]]:
    """The buckets whose rows are not the same, and about how many rows a side has in each."""
    nothing = (0, 0)
    sizes = {}
    for number in source.buckets.keys() | target.buckets.keys():
        left, right = source.buckets.get(number, nothing), target.buckets.get(number, nothing)
        if left != right:
            sizes[number] = max(left[0], right[0])
    return Within(digits, frozenset(sizes)), sizes


def _explained(source: PushedSums, target: PushedSums, left: list[bytes], right: list[bytes]) -> None:
    """The listed rows must make up the whole difference, in rows and in the words that are listed of them."""
    rows = source.rows - target.rows == len(left) - len(right)
    sums = [_listed_words(left), _listed_words(right)]
    words = all(
        source.words[place] - target.words[place] == sums[0][place] - sums[1][place] for place in range(_WORDS_LISTED)
    )
    if not (rows and words):
        raise CannotPush("the listed digests do not make up the difference of the sums")


def _listed_words(listed: list[bytes]) -> list[int]:
    words = range(LISTED_BYTES, LISTED_BYTES + 8 * _WORDS_LISTED, 8)
    return [sum(int.from_bytes(row[at : at + 8], "big", signed=True) for row in listed) for at in words]


def _surplus(source: list[bytes], target: list[bytes]) -> list[_Surplus]:
    """Per key what is left of each side once equal rows are taken away, with multiplicity; in the order of the keys."""
    left, right = Counter(source), Counter(target)
    counts: dict[bytes, list[int]] = defaultdict(lambda: [0, 0])
    for place, rest in enumerate((left - right, right - left)):
        for row, count in rest.items():
            counts[row[:LISTED_BYTES]][place] += count
    return [_Surplus(key, *counts[key]) for key in sorted(counts)]


def _counted(surplus: Sequence[_Surplus], *, keyed: bool) -> Located:
    """Counts as `Located.from_rows` makes them of rows."""
    both = sum(min(item.source, item.target) for item in surplus) if keyed else 0
    return Located(
        mismatch=both,
        missing_in_target=sum(item.source for item in surplus) - both,
        extra_in_target=sum(item.target for item in surplus) - both,
    )


def _fetched(
    parties: dict[Side, _Digests], pair: Pair, options: Options, surplus: list[_Surplus]
) -> tuple[tuple[_core.Row | None, _core.Row | None], ...]:
    """The rows of the first keys, mismatches first; they must differ under KCF-1 just as their digests do."""
    keyed = bool(pair.mapping.key)
    order = sorted(surplus, key=lambda item: not (keyed and item.source and item.target))
    chosen = order[: options.findings_limit]
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
