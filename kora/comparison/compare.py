"""Compares one pair of tables: one pass over both sides, and more only where they differ.

Pass 1 digests both sides at once: equal sums and counts under a key drawn after both snapshots were open mean equal
multisets of rows. If they differ, a sketch from the same pass often names the rows, which are then fetched by key and
must explain the difference of the sums exactly. Otherwise a second pass writes key and row digests to disk and joins
them. The rows that are listed are then fetched by key, or, where their keys were not kept, by a third pass. Nothing is
guessed, and counts are of all rows.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from kora import _core
from kora.catalog import Table
from kora.comparison.findings import Located, describe, pair_rows
from kora.comparison.mapping import Loss, Side, TableMapping
from kora.comparison.result import NotComparableColumn, Reading, RowTree, TableResult
from kora.comparison.tolerance import ROWS_LOOKED_AT, forgive, tolerances
from kora.databases.base import Database, KeyTuple, Lanes
from kora.errors import EngineError, SenseiError, Stopped
from kora.scratch_folders import naming, scratch_folder

_POINT_SELECT_LIMIT = 1000
_NATIVE_KEY_KINDS = frozenset({"integer", "decimal", "text", "uuid", "date"})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two tables, their databases, and the rules between them."""

    source: Database
    target: Database
    source_table: Table
    target_table: Table
    mapping: TableMapping
    tally: _core.RawTally | None = None
    """Digests the source's raw rows in passing, where a log of them is to be held against them."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a comparison is done with.

    `live` is drawn fresh for each comparison and never stored; `root` is K_mig. `findings_limit` rows are listed per
    table. `provable` asks for a row tree, from the same reading. `lanes` says how many threads read a side. `observe`
    receives a table's name, the side and the counters of a pass that has begun, of all its lanes together.
    """

    live: _core.DigestKey
    root: _core.DigestKey
    findings_limit: int = 100
    show_values: bool = False
    spill_directory: Path | None = None
    provable: bool = False
    lanes: Lanes = field(default_factory=Lanes)
    observe: Callable[[str, Side, _core.Progress], None] | None = None
    settle: Callable[[Located], Located] | None = None
    """Where a database is written meanwhile: takes what differs, reads it again later, and returns what stands."""


def compare_table(pair: Pair, options: Options) -> TableResult:
    """Compares all rows of two tables exactly.

    Returns:
        Counts, outcome, readings, losses (as KORA counted them on each side's raw values), the target's root, and the
        first differing rows. Columns that no kind covers are named; the others are compared all the same.
    """
    started = time.monotonic()
    near = tolerances(pair.mapping)
    digests = both_sides(lambda side, progress: _digest(pair, side, options, progress), pair, options)
    source, target = digests
    located = Located()
    forgiven: tuple[Loss, ...] = ()
    difference = _core.compare_digests(source, target)
    if not difference.equal:
        located = _locate_by_sketch(pair, options, difference) or _locate_by_spill(
            pair, replace(options, findings_limit=max(options.findings_limit, ROWS_LOOKED_AT)) if near else options
        )
        located = options.settle(located) if options.settle else located
        located, forgiven = forgive(pair.mapping, near, located) if near else (located, ())
    readings = readings_of(pair, source.tallies, "source") + readings_of(pair, target.tallies, "target")
    result = counted(pair, located, options, (source.row_count, target.row_count), readings)
    return result.model_copy(
        update={
            "losses": (*losses_of(pair, source.tallies, target.tallies), *forgiven),
            "root": target.root.hex() if target.root else None,
            "tree": _row_tree(pair, target),
            "seconds": time.monotonic() - started,
        }
    )


def counted(
    pair: Pair, located: Located, options: Options, rows: tuple[int, int], readings: tuple[Reading, ...]
) -> TableResult:
    """What is said of two tables once the differing rows are known, however they were found.

    Args:
        pair: The tables.
        located: The differing rows, counted.
        options: How many of them are listed, and whether with values.
        rows: Rows of the source and of the target.
        readings: What was read through a representation.
    """
    findings = describe(pair, located, show_values=options.show_values, limit=options.findings_limit)
    total = located.mismatch + located.missing_in_target + located.extra_in_target
    return TableResult(
        source=str(pair.mapping.source),
        target=str(pair.mapping.target),
        outcome=located.outcome,
        source_rows=rows[0],
        target_rows=rows[1],
        mismatch=located.mismatch,
        missing_in_target=located.missing_in_target,
        extra_in_target=located.extra_in_target,
        in_flight=located.in_flight,
        not_comparable_columns=tuple(
            NotComparableColumn(column=column, reason=reason) for column, reason in pair.mapping.not_comparable.items()
        ),
        readings=readings,
        findings=findings,
        findings_omitted=max(total - len(findings), 0),
    )


def rows_of(pair: Pair, side: Side) -> _core.RowStream:
    """All rows of one side, the compared columns in the profile's order."""
    if side == "source":
        return pair.source.rows(pair.source_table, [column.source for column in pair.mapping.columns])
    return pair.target.rows(pair.target_table, [column.target for column in pair.mapping.columns])


def _rows_in_lanes(pair: Pair, side: Side, lanes: Lanes) -> _core.RowStream:
    """The same rows for several threads, in no order."""
    if side == "source":
        return pair.source.rows_in_lanes(pair.source_table, [column.source for column in pair.mapping.columns], lanes)
    return pair.target.rows_in_lanes(pair.target_table, [column.target for column in pair.mapping.columns], lanes)


def _digest(pair: Pair, side: Side, options: Options, progress: _core.Progress) -> _core.TableDigest:
    rows = _rows_in_lanes(pair, side, options.lanes)
    return _core.digest_rows(
        pair.tally.watch(rows) if pair.tally and side == "source" else rows,
        pair.mapping.profile(),
        side,
        options.live,
        root_key=options.root if side == "target" else None,
        tree_unique=pair.mapping.unique if options.provable and side == "target" else None,
        spill_directory=str(options.spill_directory) if options.spill_directory else None,
        progress=progress,
    )


def _row_tree(pair: Pair, target: _core.TableDigest) -> RowTree | None:
    """The tree over the target's rows, from the pass that digested them."""
    if target.tree is None:
        return None
    size, root, key_commitment = target.tree
    mapping = pair.mapping
    return RowTree(
        size=size,
        root=root.hex(),
        key_commitment=key_commitment.hex(),
        keyed=mapping.unique and bool(mapping.key),
        target_columns=tuple(column.target for column in mapping.columns),
    )


def both_sides(work: Callable[[Side, _core.Progress], T], pair: Pair, options: Options) -> tuple[T, T]:
    """Does the same work on both sides at once; the first failure stops the other side and is the one raised."""
    counters: dict[Side, _core.Progress] = {"source": _core.Progress(), "target": _core.Progress()}
    if options.observe:
        for side, progress in counters.items():
            options.observe(str(pair.mapping.source), side, progress)

    def guarded(side: Side) -> T:
        try:
            return work(side, counters[side])
        except SenseiError:
            for progress in counters.values():
                progress.stop()
            raise

    with ThreadPoolExecutor(2, thread_name_prefix="kora") as pool:
        source = pool.submit(guarded, "source")
        target = pool.submit(guarded, "target")
        try:
            failures = [error for error in (source.exception(), target.exception()) if error is not None]
        except KeyboardInterrupt:
            for progress in counters.values():
                progress.stop()
            raise
    if failures:
        raise next((error for error in failures if not isinstance(error, Stopped)), failures[0])
    return source.result(), target.result()


def _locate_by_sketch(pair: Pair, options: Options, difference: _core.Difference) -> Located | None:
    """Fetches the rows that the sketch named; None where it could not, or where they do not explain everything."""
    keys = [*difference.source_keys, *difference.target_keys]
    mapping = pair.mapping
    if not difference.decoded or not mapping.key or not 0 < len(keys) <= _POINT_SELECT_LIMIT:
        return None
    selectors = _selectors(pair, sorted(set(keys)))
    if selectors is None:
        return None
    fetched = _fetch_both(pair, selectors, options)
    if fetched is None:
        return None
    only_source, only_target = pair_rows(fetched["source"], fetched["target"])
    source_sum = _core.set_digest([row.digest for row in only_source])
    target_sum = _core.set_digest([row.digest for row in only_target])
    if not difference.explains(source_sum, target_sum):
        return None
    return Located.from_rows(only_source, only_target, keyed=True)


def _selectors(pair: Pair, keys: list[bytes]) -> list[KeyTuple] | None:
    """The keys as both engines take them in a WHERE clause; None where a rule stands between them and the stored."""
    plain = all(
        not (column.source_representation or column.target_representation or column.policies)
        for column in pair.mapping.columns
        if column.source in pair.mapping.key
    )
    if not plain:
        return None
    selectors: list[KeyTuple] = []
    for key in keys:
        cells = _core.decode_cells(key)
        if any(kind not in _NATIVE_KEY_KINDS or text is None for kind, text in cells):
            return None
        selectors.append(tuple(_native(kind, text or "") for kind, text in cells))
    return selectors


def _native(kind: str, text: str) -> int | str:
    return int(text) if kind == "integer" else text


def _fetch_both(pair: Pair, selectors: list[KeyTuple], options: Options) -> dict[Side, list[_core.Row]] | None:
    """None where an engine refuses: a key of one side may be no value of the other's type."""
    sides: tuple[Side, ...] = ("source", "target")
    try:
        return {side: _fetch_by_key(pair, side, selectors, options) for side in sides}
    except EngineError:
        return None


def _fetch_by_key(pair: Pair, side: Side, selectors: list[KeyTuple], options: Options) -> list[_core.Row]:
    names = {column.source: column.target for column in pair.mapping.columns}
    if side == "source":
        columns, key = [column.source for column in pair.mapping.columns], list(pair.mapping.key)
        stream = pair.source.rows_by_key(pair.source_table, columns, key, selectors)
    else:
        columns = [column.target for column in pair.mapping.columns]
        key = [names[name] for name in pair.mapping.key]
        stream = pair.target.rows_by_key(pair.target_table, columns, key, selectors)
    return _core.collect_rows(stream, pair.mapping.profile(), side, options.live)


def _locate_by_spill(pair: Pair, options: Options) -> Located:
    """The exact second and third pass, bounded by disk."""
    profile = pair.mapping.profile()
    with scratch_folder(options.spill_directory) as folder:
        folders = {side: folder / side for side in ("source", "target")}
        with naming(folder):
            for path in folders.values():
                path.mkdir(mode=0o700)
        source, target = both_sides(
            lambda side, progress: _core.spill_rows(
                _rows_in_lanes(pair, side, options.lanes),
                profile,
                side,
                options.live,
                str(folders[side]),
                progress=progress,
            ),
            pair,
            options,
        )
        joined = _core.compare_spills(source, target, options.findings_limit)
    listed = _listed_by_key(pair, options, joined, source, target) or _listed_by_scan(pair, options, joined)
    return Located(joined.mismatch, joined.missing_in_target, joined.extra_in_target, listed.differing)


def _listed_by_key(
    pair: Pair, options: Options, joined: _core.SpillDifference, source: _core.RowSpill, target: _core.RowSpill
) -> Located | None:
    """The rows to list, fetched by the keys that the pass kept; None where they cannot be, or are not what differed.

    Where many rows differ, the first of them in the order of tags are among those whose keys were kept.
    """
    samples = joined.samples
    tags = [tag for _, tag, _, _ in samples]
    if not pair.mapping.key or not 0 < len(tags) <= _POINT_SELECT_LIMIT:
        return None
    known = [left or right for left, right in zip(source.keys_of(tags), target.keys_of(tags), strict=True)]
    keys = [key for key in known if key is not None]
    selectors = _selectors(pair, keys) if len(keys) == len(tags) else None
    fetched = _fetch_both(pair, selectors, options) if selectors else None
    if fetched is None:
        return None
    wanted = set(tags)
    only_source, only_target = pair_rows(
        [row for row in fetched["source"] if row.key_tag in wanted],
        [row for row in fetched["target"] if row.key_tag in wanted],
        options.findings_limit,
    )
    there = {tag for _, tag, count, _ in samples if count}, {tag for _, tag, _, count in samples if count}
    if ({row.key_tag for row in only_source}, {row.key_tag for row in only_target}) != there:
        return None
    return Located.from_rows(only_source, only_target, keyed=True)


def _listed_by_scan(pair: Pair, options: Options, joined: _core.SpillDifference) -> Located:
    rows_source, rows_target = read_again(pair, options, [tag for _, tag, _, _ in joined.samples])
    only_source, only_target = pair_rows(rows_source, rows_target, options.findings_limit)
    return Located.from_rows(only_source, only_target, keyed=bool(pair.mapping.key))


def read_again(pair: Pair, options: Options, tags: list[bytes]) -> tuple[list[_core.Row], list[_core.Row]]:
    """All rows of both sides whose key has one of these tags, by one scan of each."""
    return both_sides(
        lambda side, progress: _core.collect_rows(
            rows_of(pair, side), pair.mapping.profile(), side, options.live, key_tags=tags, progress=progress
        ),
        pair,
        options,
    )


def _tally(tallies: str) -> list[dict[str, object]]:
    parsed: list[dict[str, object]] = json.loads(tallies)
    return parsed


def readings_of(pair: Pair, tallies: str, side: Side) -> tuple[Reading, ...]:
    """What the representations of one side did, of a pass's tallies."""
    readings = []
    for column, tally in zip(pair.mapping.columns, _tally(tallies), strict=True):
        rule = column.source_representation if side == "source" else column.target_representation
        if rule is not None:
            read, disobeyed = int(str(tally["read"])), int(str(tally["disobeyed"]))
            readings.append(Reading(column=column.source, side=side, rule=str(rule), read=read, disobeyed=disobeyed))
    return tuple(readings)


def losses_of(pair: Pair, source: str, target: str) -> tuple[Loss, ...]:
    """What the policies changed. A column's count is the greater one of both sides.

    A loader applies the policies, so a target on which one still changes values has been altered, and more of them than
    the source had must not pass under an approval for those few.
    """
    losses = []
    for column, left, right in zip(pair.mapping.columns, _tally(source), _tally(target), strict=True):
        before, after = _changed(left), _changed(right)
        for rule in before | after:
            count, there = before.get(rule, 0), after.get(rule, 0)
            reason = f"it changes {there:,} values of the target" if there > count else ""
            if count or there:
                subject = f"{pair.mapping.source}.{column.source}"
                losses.append(Loss(rule=rule, subject=subject, count=max(count, there), reason=reason))
    return tuple(losses)


def _changed(tally: dict[str, object]) -> dict[str, int]:
    policies = tally["policies"]
    return {str(rule): int(count) for rule, count in policies.items()} if isinstance(policies, dict) else {}
