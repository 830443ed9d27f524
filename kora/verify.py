"""All that is done with two open databases: compare every pair of tables, then structure, and judge.

`verify_sides` is the work on two open databases; `kora.verification` does the same from two URLs.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from kora import _core
from kora.catalog import NotModelled, Table
from kora.comparison.behavior import Behavior
from kora.comparison.compare import Options, Pair, compare_table
from kora.comparison.declared import Declared
from kora.comparison.live import Live, compare_until_quiet
from kora.comparison.mapping import SECOND_PASS, Loss, Mapping, Side, TableMapping
from kora.comparison.matching import match_catalogs, shared_key, split_unreadable, unmatched_columns
from kora.comparison.orphans import find_orphans
from kora.comparison.quarantine import believed
from kora.comparison.result import (
    AskedStrategy,
    ColumnDifference,
    DatabaseFacts,
    Finding,
    NotChecked,
    NotComparableColumn,
    Orphans,
    Quarantined,
    Recount,
    TableResult,
    Timing,
    VerificationResult,
)
from kora.comparison.sameness import compared_with_itself
from kora.comparison.source_log import SourceWitness
from kora.comparison.strategy import Strategist
from kora.comparison.structure import checks_by_number, structure_losses
from kora.comparison.unasked import unasked
from kora.databases.base import Database, Lanes
from kora.databases.opening import OpenSide
from kora.errors import InvalidRequest
from kora.evidence.verdict import decide_result

if TYPE_CHECKING:
    from kora.behavior.live import BehaviorRequest

Observer = Callable[[str, Side, _core.Progress], None]
_Databases = tuple[Database, Database]


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """How to verify. `accept_loss` approves whole rules; `provable` asks for row trees; `lanes` says how many threads
    read a side; `observe` receives the counters of each pass; `behavior` asks for queries and habits too.
    """

    migration_key: _core.DigestKey
    run_id: str
    accept_loss: tuple[str, ...] = ()
    approver: str = "--accept-loss"
    show_values: bool = False
    findings_limit: int = 100
    spill_directory: Path | None = None
    provable: bool = False
    lanes: Lanes = field(default_factory=Lanes)
    observe: Observer | None = None
    behavior: "BehaviorRequest | None" = None
    live: Live | None = None
    strategy: AskedStrategy = "stream"
    timings: tuple[Timing, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.strategy != "stream" and (self.provable or self.live):
            raise InvalidRequest("row trees and databases that are written meanwhile need --strategy stream")


@dataclass(frozen=True, slots=True)
class Verified:
    """A result, and the comparison profiles behind it: table pair → canonical JSON."""

    result: VerificationResult
    profiles: dict[str, str]


def verify_sides(source: OpenSide, target: OpenSide, declared: Declared, options: VerifyOptions) -> Verified:
    """Compares every pair of tables, then structure, and judges.

    The key of the live comparison is drawn here, after both snapshots were opened.

    Returns:
        The whole result, verdict included. Differences are in it, not raised.
    """
    started, clock = _now(), time.monotonic()
    mapping, strangers, left_behind = _complete_mapping(source, target, declared)
    compare_options = _compare_options(declared, options)
    strategist = Strategist.prepared(options.strategy, source.database, target.database)
    logged_rows = declared.source_log if options.strategy == "stream" else None
    witness = SourceWitness(logged_rows, options.migration_key) if logged_rows else None
    profiles = {pair.pair: pair.profile() for pair in mapping.tables}
    results = [
        _table_result(source, target, pair, compare_options, declared, witness, profiles, strategist, options.live)
        for pair in mapping.tables
    ]
    results += strangers
    quarantined, unfounded = believed(_approve_quarantined(declared, options), results)
    results = [_cut(result, options.findings_limit) for result in results]
    logged, disobeyed = (
        witness.judge(source.database, source.catalog, sha256=declared.source_log_sha256) if witness else (None, [])
    )
    orphans = find_orphans(source.database, source.catalog)
    structure = structure_losses(
        source.catalog,
        target.catalog,
        _present(mapping, source, target),
        frozenset(loss.subject for loss in declared.losses),
    )
    ledger = _ledger(_with_orphans([*structure, *left_behind], orphans), results, declared, options)
    behavior = _behavior(source, target, mapping, options.behavior)
    trusted = (*_moving(options), *strategist.not_checked(results, logged=declared.source_log is not None))
    seconds = time.monotonic() - clock
    rows = sum((result.source_rows or 0) + (result.target_rows or 0) for result in results)
    identities = source.database.identity(), target.database.identity()
    itself = compared_with_itself(*identities, _names(results), (source.url, target.url))
    result = VerificationResult(
        verdict="not_proven",
        source=DatabaseFacts(url=source.url, identity=identities[0]),
        target=DatabaseFacts(url=target.url, identity=identities[1]),
        tables=tuple(_with_losses(result, ledger) for result in results),
        orphans=orphans,
        losses=ledger,
        quarantined=quarantined,
        recounts=_recounts(results, declared),
        behavior=behavior,
        not_checked=(
            *itself,
            *declared.left_out,
            *_not_checked(source, target, mapping, declared, behavior),
            *unfounded,
            *disobeyed,
            *trusted,
        ),
        strategy=strategist.used(results),
        lines=strategist.uses(source.database, target.database),
        logged=logged,
        seconds=seconds,
        timings=(*options.timings, Timing(stage="verify", seconds=seconds, rows=rows)),
        key_id=options.migration_key.key_id,
        run_id=options.run_id,
        started=started,
        ended=_now(),
    )
    return Verified(result.model_copy(update={"verdict": decide_result(result).verdict}), profiles)


def _names(results: Sequence[TableResult]) -> list[tuple[str | None, str | None]]:
    return [(result.source, result.target) for result in results]


def _compare_options(declared: Declared, options: VerifyOptions) -> Options:
    """How each table is compared, under a live key that is drawn now."""
    return Options(
        live=_core.DigestKey.random(),
        root=options.migration_key,
        findings_limit=max(options.findings_limit, sum(item.count for item in declared.quarantined) + 1),
        show_values=options.show_values,
        spill_directory=options.spill_directory,
        provable=options.provable,
        lanes=options.lanes,
        observe=options.observe,
    )


def _behavior(
    source: OpenSide, target: OpenSide, mapping: Mapping, request: "BehaviorRequest | None"
) -> Literal["not_run"] | Behavior:
    """What both sides do with the same questions, where somebody asked for it. It never changes the verdict."""
    if request is None:
        return "not_run"
    from kora.behavior.live import Probed, probe_sides  # here: it brings an engine and a parser, and few ask

    left, right = Probed(source.database, source.catalog), Probed(target.database, target.catalog, target.url)
    return probe_sides(left, right, mapping, request)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _complete_mapping(
    source: OpenSide, target: OpenSide, declared: Declared
) -> tuple[Mapping, list[TableResult], list[Loss]]:
    """The declared mapping, or one by names; a result for each table that has no partner; those left behind by name."""
    mapping = declared.mapping or match_catalogs(source.catalog, target.catalog)[0]
    known_source = {pair.source for pair in mapping.tables}
    known_target = {pair.target for pair in mapping.tables}
    strangers = []
    for table in source.catalog.tables:
        if table.name not in known_source:
            strangers.append(_missing_table(source, table, None))
    for table in target.catalog.tables:
        if table.name not in known_target:
            rows = None if table.unreadable else target.database.row_count(table)
            strangers.append(
                TableResult(
                    source=None, target=str(table.name), outcome="extra_in_target", target_rows=rows,
                    extra_in_target=rows or 0,
                )
            )  # fmt: skip
    left = {f"table {item.source}" for item in strangers if _was_left(item, declared)}
    losses = [loss for loss in declared.losses if loss.rule == "table" and loss.subject in left]
    return mapping, [item for item in strangers if not _was_left(item, declared)], losses


def _was_left(item: TableResult, declared: Declared) -> bool:
    """Whether a plan leaves a table behind by name that can be read; of others nobody knows what is missing."""
    return item.outcome == "missing_in_target" and item.source in declared.left_behind


def _missing_table(source: OpenSide, table: Table, target: str | None) -> TableResult:
    """All rows of a table that the target does not have; of one that cannot be read nobody knows what is missing."""
    if table.unreadable:
        return TableResult(source=str(table.name), target=target, outcome="not_run")
    rows = source.database.row_count(table)
    return TableResult(
        source=str(table.name),
        target=target,
        outcome="missing_in_target",
        source_rows=rows,
        missing_in_target=rows,
    )


def _present(mapping: Mapping, source: OpenSide, target: OpenSide) -> Mapping:
    """The part of a mapping whose tables exist on both sides."""
    left = {table.name for table in source.catalog.tables}
    right = {table.name for table in target.catalog.tables}
    return Mapping(tables=tuple(pair for pair in mapping.tables if pair.source in left and pair.target in right))


def _table_result(
    source: OpenSide,
    target: OpenSide,
    mapping: TableMapping,
    options: Options,
    declared: Declared,
    witness: SourceWitness | None,
    profiles: dict[str, str],
    strategist: Strategist,
    live: Live | None = None,
) -> TableResult:
    """Compares one pair; a table that is absent or unreadable gets the outcome that says so.

    `profiles` receives the profile under which the rows were compared, its key included.
    """
    names = {"source": str(mapping.source), "target": str(mapping.target)}
    source_table = next((table for table in source.catalog.tables if table.name == mapping.source), None)
    target_table = next((table for table in target.catalog.tables if table.name == mapping.target), None)
    if source_table is None:
        raise InvalidRequest(
            f"the mapping names a source table {mapping.source} that does not exist in {source.url}",
            hint="correct the map or plan, or leave the table out with --exclude",
        )
    if target_table is None:
        return _missing_table(source, source_table, str(mapping.target))
    if source_table.unreadable or target_table.unreadable:
        return TableResult(**names, outcome="not_run")
    mapping = split_unreadable(source_table, target_table, mapping)
    if not mapping.columns:
        reasons = mapping.not_comparable.items()
        excluded = tuple(NotComparableColumn(column=column, reason=reason) for column, reason in reasons)
        return TableResult(**names, outcome="not_comparable", not_comparable_columns=excluded)
    key, unique = shared_key(source_table, target_table, mapping.columns, mapping.key)
    complete = mapping.model_copy(update={"key": key, "unique": unique})
    profiles[mapping.pair] = complete.profile()
    tally = witness.tally(source_table, [column.source for column in complete.columns]) if witness else None
    pair = Pair(source.database, target.database, source_table, target_table, complete, tally)
    result = strategist.compare(
        pair, options, lambda: compare_until_quiet(pair, options, live) if live else compare_table(pair, options)
    )
    dropped = [
        name for name in unmatched_columns(source_table, mapping) if (mapping.source, name) not in declared.dropped
    ]
    return _without_columns(result, dropped) if dropped else result


def _without_columns(result: TableResult, columns: Sequence[str]) -> TableResult:
    """A column that the target lacks makes every row differ that is there at all; one finding speaks for them."""
    differences = tuple(
        ColumnDifference(
            column=name,
            source_kind="column",
            source_value=None,
            target_kind="absent",
            target_value=None,
            rule="the target has no such column",
        )
        for name in columns
    )
    finding = Finding(outcome="mismatch", key="(every row)", columns=differences)
    return result.model_copy(
        update={
            "outcome": "mismatch",
            "mismatch": (result.source_rows or 0) - result.missing_in_target,
            "findings_omitted": result.findings_omitted + max((result.source_rows or 0) - result.difference_count, 0),
            "findings": (finding, *result.findings),
        }
    )


def _with_orphans(structure: Sequence[Loss], orphans: Sequence[Orphans]) -> list[Loss]:
    """A foreign key that the target lacks, or does not vouch for, because rows break it: one loss, counted in rows."""
    broken = {f"foreign key {item.foreign_key}": item.count for item in orphans}
    return [
        Loss(rule="orphaned_foreign_key", subject=loss.subject, count=broken[loss.subject], reason=loss.reason)
        if loss.rule == "foreign_key" and loss.subject in broken
        else loss
        for loss in structure
    ]


def _ledger(
    structure: Sequence[Loss], results: Sequence[TableResult], declared: Declared, options: VerifyOptions
) -> tuple[Loss, ...]:
    """All losses that KORA itself found, with the reasons and approvals that the plan gives them.

    An approval covers at most the count that it was given for: what has grown since needs a new one.
    """
    approvals = {(loss.rule, loss.subject): loss for loss in declared.losses}
    ledger = []
    found = [*structure, *(loss for result in results for loss in result.losses)]
    seen = {(loss.rule, loss.subject) for loss in found}
    found += [
        loss
        for loss in declared.losses
        if (loss.rule, loss.subject) not in seen and loss.rule in declared.only_declared
    ]
    for loss in found:
        plan = approvals.get((loss.rule, loss.subject))
        update: dict[str, object] = {}
        if plan is not None:
            update["reason"] = plan.reason or loss.reason
            if plan.approved_by and loss.count <= plan.count:
                update["approved_by"] = plan.approved_by
        if loss.rule in options.accept_loss:
            update["approved_by"] = options.approver
        ledger.append(loss.model_copy(update=update))
    return tuple(ledger)


def _with_losses(result: TableResult, ledger: Sequence[Loss]) -> TableResult:
    """The table's own losses with their approvals."""
    approved = {(loss.rule, loss.subject): loss for loss in ledger}
    losses = tuple(approved.get((loss.rule, loss.subject), loss) for loss in result.losses)
    return result.model_copy(update={"losses": losses})


def _approve_quarantined(declared: Declared, options: VerifyOptions) -> tuple[Quarantined, ...]:
    if "quarantined" not in options.accept_loss:
        return declared.quarantined
    return tuple(item.model_copy(update={"approved_by": options.approver}) for item in declared.quarantined)


def _cut(result: TableResult, limit: int) -> TableResult:
    """The result with at most `limit` findings: where rows were quarantined, more were listed to be matched."""
    cut = result.findings[limit:]
    update = {"findings": result.findings[:limit], "findings_omitted": result.findings_omitted + len(cut)}
    return result.model_copy(update=update) if cut else result


def _recounts(results: Sequence[TableResult], declared: Declared) -> tuple[Recount, ...]:
    """Rules whose count by the loader differs from KORA's own over the raw source values.

    What a tolerance forgave no loader can have counted: it is seen where both sides are read.
    """
    if declared.loader_counts is None:
        return ()
    losses = [loss for result in results for loss in result.losses if loss.rule not in SECOND_PASS]
    counted = {(loss.rule, loss.subject): loss.count for loss in losses}
    differing = []
    for rule, subject in sorted(set(counted) | set(declared.loader_counts)):
        loader, kora = declared.loader_counts.get((rule, subject), 0), counted.get((rule, subject), 0)
        if loader != kora:
            differing.append(Recount(rule=rule, subject=subject, declared=loader, recounted=kora))
    return tuple(differing)


def _not_checked(
    source: OpenSide, target: OpenSide, mapping: Mapping, declared: Declared, behavior: Literal["not_run"] | Behavior
) -> tuple[NotChecked, ...]:
    """What exists and was not looked at, both sides."""
    entries = []
    for side, opened in (("source", source), ("target", target)):
        entries += [_from_catalog(item, side) for item in opened.catalog.not_modelled]
        entries += [
            NotChecked(what="unreadable table", name=str(table.name), detail=table.unreadable, side=side, blocking=True)
            for table in opened.catalog.tables
            if table.unreadable
        ]
    for pair in mapping.tables:
        known = {column.target for column in pair.columns}
        table = next((item for item in target.catalog.tables if item.name == pair.target), None)
        extra = [column.name for column in table.columns if column.name not in known] if table else []
        excluded = set(pair.not_comparable)
        entries += [
            NotChecked(what="column only in the target", name=f"{pair.target}.{name}", side="target")
            for name in extra
            if name not in excluded
        ]
    entries += [
        NotChecked(what="check", name=str(name), count=count, detail="on both sides by number; the texts differ")
        for name, count in checks_by_number(source.catalog, target.catalog, _present(mapping, source, target)).items()
    ]
    entries += [NotChecked(what=what, name=name, detail=detail) for what, name, detail in declared.not_checked]
    entries += unasked(behavior)
    return tuple(entries)


def _moving(options: VerifyOptions) -> tuple[NotChecked, ...]:
    """What a certificate of databases that are written meanwhile does not say."""
    if options.live is None:
        return ()
    detail = "written meanwhile: a table may stand at a later position than the one named; all of them never at one"
    return (NotChecked(what="position", name="of each table", detail=detail),)


def _from_catalog(item: NotModelled, side: str) -> NotChecked:
    return NotChecked.model_validate(
        {"what": item.what, "name": item.name, "detail": item.detail, "count": item.count, "side": side,
         "blocking": item.blocks(side)}
    )  # fmt: skip


class _CallableModule(ModuleType):
    """`from kora import verify` gives this module once anything imported it; called, it is the library's function."""

    def __call__(self, *arguments: object, **options: object) -> object:
        return import_module("kora.library").verify(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
