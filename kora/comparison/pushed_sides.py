"""One side of a push-down comparison: digested by its server, in part or in whole, or from rows that are read here."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from kora import _core
from kora.comparison.compare import Pair, rows_of
from kora.comparison.mapping import Side
from kora.comparison.pushed_columns import Division, own_name
from kora.databases.pushdown import LISTED_BYTES, WORD_MODULUS, PushedSums, PushesDown, PushRequest, Within

_BUCKET_KEY_BYTES = 3
"""Of a key's digest, where buckets alone are asked for: six hex digits."""
Listed: TypeAlias = list[tuple[bytes, int]]


class Digests(Protocol):
    """One side, as it is digested: `docs/formats/pushdown.md`."""

    def sums(self, digits: int, within: Within | None, progress: _core.Progress) -> PushedSums:
        """The sums of all rows, or of those within, by buckets of so many hex digits."""
        ...

    def digests(self, within: Within, limit: int, progress: _core.Progress) -> Listed:
        """Half the digest of a row's key, then half that of the row, and how many rows have them.

        At most `limit` + 1 different ones, or `LimitExceeded`.
        """
        ...

    def rows(self, keys: list[bytes], progress: _core.Progress) -> list[_core.Row]:
        """The rows whose key's digest begins so."""
        ...


@dataclass(frozen=True, slots=True)
class Comparing:
    """What both sides of one comparison share; `salt` is drawn after both snapshots were opened."""

    pair: Pair
    division: Division
    salt: str
    live: _core.DigestKey


def party(comparing: Comparing, side: Side, pushing: Sequence[Side]) -> Digests:
    """A side as it is digested where the servers of `pushing` do it."""
    pair, division = comparing.pair, comparing.division
    database = pair.source if side == "source" else pair.target
    if side not in pushing or not isinstance(database, PushesDown):
        return _Here(comparing, side)
    table = pair.source_table if side == "source" else pair.target_table
    names = {column.source: own_name(column, side) for column in pair.mapping.columns}
    columns = tuple(names.values())
    key = () if division.key_beside else tuple(names[name] for name in pair.mapping.key)
    request = PushRequest(table, columns, key, comparing.salt, division.names(columns))
    if division.beside:
        return _Beside(comparing, side, database, request)
    return _AtServer(comparing, side, database, request)


@dataclass(frozen=True, slots=True)
class _AtServer:
    """A side whose server digests whole rows."""

    comparing: Comparing
    side: Side
    database: PushesDown
    request: PushRequest

    def sums(self, digits: int, within: Within | None, progress: _core.Progress) -> PushedSums:
        return self.database.push_sums(self.request, digits, within)

    def digests(self, within: Within, limit: int, progress: _core.Progress) -> Listed:
        return self.database.push_digests(self.request, within, limit)

    def rows(self, keys: list[bytes], progress: _core.Progress) -> list[_core.Row]:
        stream = self.database.push_rows(self.request, keys, "key")
        profile = self.comparing.pair.mapping.profile()
        return _core.collect_rows(stream, profile, self.side, self.comparing.live, progress=progress)


@dataclass(frozen=True, slots=True)
class _Beside:
    """A side whose server digests some columns of each row; the others are read, and make the row's digest here."""

    comparing: Comparing
    side: Side
    database: PushesDown
    request: PushRequest
    parts: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Where the key travels: what the server digested of the rows that were listed, by their key's digest."""

    def sums(self, digits: int, within: Within | None, progress: _core.Progress) -> PushedSums:
        profile = self.comparing.division.profile(self.comparing.pair.mapping)
        asked = None if within is None else (within.digits, set(within.buckets))
        found = _core.pushdown_sums(
            self._sent(_BUCKET_KEY_BYTES, within), profile, self.side, self.comparing.salt, digits, None,
            within=asked, progress=progress,
        )  # fmt: skip
        return _summed(found, self._of_all_columns(found.tallies))

    def digests(self, within: Within, limit: int, progress: _core.Progress) -> Listed:
        profile = self.comparing.division.profile(self.comparing.pair.mapping)
        found = _core.pushdown_digests(
            self._sent(LISTED_BYTES, within), profile, self.side, self.comparing.salt,
            (within.digits, set(within.buckets)), limit, None, progress=progress,
        )  # fmt: skip
        whole = Counter[bytes]()
        for row, copies in found:
            self.parts.setdefault(row[:LISTED_BYTES], set()).add(row[2 * LISTED_BYTES :])
            whole[row[: 2 * LISTED_BYTES]] += copies
        return list(whole.items())

    def rows(self, keys: list[bytes], progress: _core.Progress) -> list[_core.Row]:
        comparing, profile = self.comparing, self.comparing.pair.mapping.profile()
        if not comparing.division.key_beside:
            stream = self.database.push_rows(self.request, keys, "key")
            return _core.collect_rows(stream, profile, self.side, comparing.live, progress=progress)
        parts = sorted({part for key in keys for part in self.parts.get(key, ())})
        if not parts:
            return []
        return _core.pushdown_rows(
            self.database.push_rows(self.request, parts, "row"), profile, self.side, comparing.live, comparing.salt,
            set(keys), list(comparing.division.beside), progress=progress,
        )  # fmt: skip

    def _sent(self, key_bytes: int, within: Within | None) -> _core.RowStream:
        if self.comparing.division.key_beside:
            return self.database.push_beside(self.request, 0, None)
        return self.database.push_beside(self.request, key_bytes, within)

    def _of_all_columns(self, tallies: str) -> str:
        """Tallies of the columns beside, with nothing for those that the server rendered: no rule stands on them."""
        told = dict(zip(self.comparing.division.beside, json.loads(tallies), strict=True))
        columns = self.comparing.pair.mapping.columns
        nothing = [{"pair": column.source, "read": 0, "disobeyed": 0, "policies": {}} for column in columns]
        return json.dumps([told.get(place, each) for place, each in enumerate(nothing)])


@dataclass(frozen=True, slots=True)
class _Here:
    """A side whose rows are read and digested here."""

    comparing: Comparing
    side: Side

    def sums(self, digits: int, within: Within | None, progress: _core.Progress) -> PushedSums:
        comparing = self.comparing
        asked = None if within is None else (within.digits, set(within.buckets))
        found = _core.pushdown_sums(
            rows_of(comparing.pair, self.side), comparing.pair.mapping.profile(), self.side, comparing.salt, digits,
            list(comparing.division.beside), within=asked, progress=progress,
        )  # fmt: skip
        return _summed(found, found.tallies)

    def digests(self, within: Within, limit: int, progress: _core.Progress) -> Listed:
        comparing = self.comparing
        return _core.pushdown_digests(
            rows_of(comparing.pair, self.side), comparing.pair.mapping.profile(), self.side, comparing.salt,
            (within.digits, set(within.buckets)), limit, list(comparing.division.beside), progress=progress,
        )  # fmt: skip

    def rows(self, keys: list[bytes], progress: _core.Progress) -> list[_core.Row]:
        comparing = self.comparing
        return _core.pushdown_rows(
            rows_of(comparing.pair, self.side), comparing.pair.mapping.profile(), self.side, comparing.live,
            comparing.salt, set(keys), list(comparing.division.beside), progress=progress,
        )  # fmt: skip


def _summed(found: _core.PushdownSums, tallies: str) -> PushedSums:
    count, words = found.total
    buckets = {number: (rows, word % WORD_MODULUS) for number, rows, word in found.buckets}
    return PushedSums(count, tuple(words), buckets, tallies)
