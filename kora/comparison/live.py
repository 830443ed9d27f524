"""Databases that are written while they are compared: no row is called different before it was read a second time.

Both sides are read at positions of their own, so a row that was written in between looks different. Such suspects are
read again from new connections, at later positions. What differs there in exactly the same way stands as a difference.
What has changed or healed was in flight: it is counted as that, never as a match, and the table is compared anew from
later positions until a pass is quiet or the passes are used up.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TypeAlias

from kora import _core
from kora.comparison.compare import Options, Pair, compare_table, read_again
from kora.comparison.findings import Located, pair_rows
from kora.comparison.result import TableResult
from kora.databases.base import Database

Reopen: TypeAlias = Callable[[], AbstractContextManager[tuple[Database, Database]]]
SUSPECTS = 1000
"""At least so many differing rows of a table are read again; what is beyond them counts as in flight."""
_Row: TypeAlias = tuple[_core.Row | None, _core.Row | None]


@dataclass(frozen=True, slots=True)
class Live:
    """How to compare what is being written.

    `reopen` opens both databases anew, at later positions. `settle_seconds` pass before suspects are read again, so
    that what writes both sides can catch up. A table is compared `passes` times at most.
    """

    reopen: Reopen
    settle_seconds: float = 2.0
    passes: int = 3


def compare_until_quiet(pair: Pair, options: Options, live: Live) -> TableResult:
    """The result of the first pass in which no row was in flight or in which one differs for good; else of the last.

    Raises:
        As `compare_table`, and as opening a database.
    """
    result = _compare(pair, options, live)
    for _ in range(live.passes - 1):
        if not result.in_flight or result.difference_count:
            break
        with live.reopen() as (source, target):
            later = replace(pair, source=source, target=target, tally=None)
            result = _compare(later, replace(options, live=_core.DigestKey.random()), live)
    return result


def _compare(pair: Pair, options: Options, live: Live) -> TableResult:
    settled = replace(
        options,
        findings_limit=max(options.findings_limit, SUSPECTS),
        settle=lambda located: _settle(pair, options, live, located),
    )
    return compare_table(pair, settled)


def _settle(pair: Pair, options: Options, live: Live, located: Located) -> Located:
    """Suspects after they were read again: those that stand, and how many others there were."""
    time.sleep(live.settle_seconds)
    tags = [row.key_tag for rows in located.differing for row in rows if row is not None]
    with live.reopen() as (source, target):
        later = replace(pair, source=source, target=target, tally=None)
        now_source, now_target = read_again(later, options, tags)
    again = Located.from_rows(*pair_rows(now_source, now_target), keyed=bool(pair.mapping.key))
    there = Counter(_sight(rows) for rows in again.differing)
    standing = []
    for rows in located.differing:
        if there[_sight(rows)]:
            there[_sight(rows)] -= 1
            standing.append(rows)
    suspects = located.mismatch + located.missing_in_target + located.extra_in_target
    return Located(
        mismatch=sum(1 for source, target in standing if source and target),
        missing_in_target=sum(1 for _, target in standing if target is None),
        extra_in_target=sum(1 for source, _ in standing if source is None),
        differing=tuple(standing),
        in_flight=suspects - len(standing),
    )


def _sight(rows: _Row) -> tuple[bytes, bytes]:
    """What a suspect is known by: the digests of its rows, empty for a side that has none."""
    source, target = rows
    return source.digest if source else b"", target.digest if target else b""
