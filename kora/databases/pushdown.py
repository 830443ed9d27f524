"""The seam for a server that digests its own rows, so that only sums and short digests cross the line.

An adapter that implements `PushesDown` renders each column in its own SQL as the push-down form of the core
(`docs/formats/pushdown.md`), exactly, and says of every column for which it cannot do so why. What it computes equals
`_core.pushdown_sums` and its siblings over the same rows, digit for digit.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from kora._core import LineBytes, RowStream
from kora.catalog import Table
from kora.databases.base import Dialect

LISTED_BYTES = 16
"""Of a key's and of a row's digest each, where rows are listed."""
WORDS = 4
WORD_MODULUS = 1 << 63
"""A bucket's first word is told modulo this; the sums of all rows are exact."""
WORD_DIGITS = 16
_PROBE_BYTES = (1 << 14, 1 << 16, 1 << 18, 1 << 20)
_LONG_ENOUGH_SECONDS = 0.25
"""A probe that takes so long tells the line's speed; a shorter one may have met an empty queue."""
ShownRow: TypeAlias = list[tuple[str, str | None]]


DigestOf: TypeAlias = Literal["key", "row"]


@dataclass(frozen=True, slots=True)
class PushRequest:
    """What is digested: the compared columns and those of the key by this side's names; `salt`: 64 hex digits.

    `beside`: compared columns that the server leaves out of its digests; the key is then none, or none of them.
    """

    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]
    salt: str
    beside: tuple[str, ...] = ()

    def digested(self, of: DigestOf) -> tuple[str, ...]:
        """The columns of a key's digest or of a row's. Without a key, a row is its own."""
        if of == "key" and self.key:
            return self.key
        return tuple(name for name in self.columns if name not in self.beside)


@dataclass(frozen=True, slots=True)
class Within:
    """Only rows whose key's digest begins with one of these numbers of `digits` hex digits."""

    digits: int
    buckets: frozenset[int]

    def prefixes(self) -> list[str]:
        """The numbers as hex digits, ascending."""
        return [f"{bucket:0{self.digits}x}" for bucket in sorted(self.buckets)]


@dataclass(frozen=True, slots=True)
class PushedSums:
    """Rows, the exact sums of their digests' four words, and per bucket rows and the first word modulo 2⁶³."""

    rows: int
    words: tuple[int, ...]
    buckets: dict[int, tuple[int, int]]
    tallies: str = ""
    """What rules did, as `TableDigest.tallies`; empty where a server digested, for there are none."""


@dataclass(frozen=True, slots=True)
class PushedSample:
    """Rows that a server digested to show how fast it is, and the bytes of all their values and of those beside."""

    rows: int
    value_bytes: int
    beside_bytes: int


@dataclass(frozen=True, slots=True)
class LineSpeed:
    """What was measured of a line: one question and its answer, and how fast a long answer came."""

    round_trip_seconds: float
    bytes_per_second: float


@runtime_checkable
class PushesDown(Protocol):
    """A database whose server can digest its rows. Every method may raise what `Database`'s do."""

    dialect: Dialect

    @property
    def line(self) -> LineBytes:
        """What went over TCP since the database was opened, every session together."""
        ...

    def line_speed(self) -> LineSpeed:
        """Measured now, by a few questions."""
        ...

    def push_refusals(self, table: Table, columns: Sequence[str]) -> dict[str, str]:
        """The columns that the server cannot render exactly, and why."""
        ...

    def push_sums(self, request: PushRequest, digits: int, within: Within | None = None) -> PushedSums:
        """The sums of all rows, or of those within, by buckets of so many hex digits (1 to 6)."""
        ...

    def push_digests(self, request: PushRequest, within: Within, limit: int) -> list[tuple[bytes, int]]:
        """Half the digest of a row's key, then half that of the row: 32 bytes; and how many rows have them.

        At most `limit` + 1 different ones.
        """
        ...

    def push_beside(self, request: PushRequest, key_bytes: int, within: Within | None) -> RowStream:
        """Per row 16 bytes of its digest with so many of its key's behind, then the columns beside as they are read.

        The first column is NULL where the server could not put the row together.
        """
        ...

    def push_rows(self, request: PushRequest, digests: Sequence[bytes], of: DigestOf) -> RowStream:
        """The compared columns of the rows whose digest, or whose key's, begins with one of these 16 bytes."""
        ...

    def push_sample(self, request: PushRequest, rows: int) -> PushedSample:
        """What the first rows are, so many at most, every digest of them having been computed."""
        ...


def measured(line: LineBytes, ask: Callable[[int], object]) -> LineSpeed:
    """A line's speed. `ask` has the server answer so many bytes. Takes a few round trips, and up to a quarter of a
    second more; on a line of 32 kB/s two seconds.
    """
    trips = [_seconds(ask, 1) for _ in range(2)]
    trip = min(trips)
    speed = 0.0
    for size in _PROBE_BYTES:
        before = line.received
        took = _seconds(ask, size)
        moved = max(line.received - before, size)
        speed = moved / max(took - trip, 1e-6)
        if took - trip >= _LONG_ENOUGH_SECONDS:
            break
    return LineSpeed(trip, speed)


def _seconds(ask: Callable[[int], object], size: int) -> float:
    started = time.monotonic()
    ask(size)
    return time.monotonic() - started


def listed(rows: list[ShownRow]) -> list[tuple[bytes, int]]:
    """What a server answered of its digests: each in hex, and how many rows have it where that was asked."""
    return [(bytes.fromhex(row[0][1] or ""), whole(row[1]) if len(row) > 1 else 1) for row in rows]


def letter(of: DigestOf) -> str:
    """What a digest begins with, before the salt."""
    return "k" if of == "key" else "r"


def text_list(values: Iterable[str]) -> str:
    """Hex digits as SQL texts, for IN."""
    return ", ".join(f"'{value}'" for value in values)


def whole(cell: tuple[str, str | None]) -> int:
    """A whole number of an answer; 0 where it is NULL."""
    return int(cell[1] or 0)
