"""KORA re-reads what the target stored and compares it with the snapshot that the source's rows were read from."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.migration import Migration
from appliance.progress import Event
from appliance.stages.load import loader_counts
from appliance.stages.source_log import with_log
from kora._core import Progress
from kora.catalog import Name
from kora.comparison.declared import Declared
from kora.comparison.left_out import TABLE_BESIDE, VIEW_LEFT_OUT, left_out
from kora.comparison.live import Live
from kora.comparison.mapping import Side
from kora.comparison.quarantine import approved
from kora.comparison.result import NotChecked, Quarantined, Timing
from kora.comparison.workers import lanes_for
from kora.databases.base import Database, Selection
from kora.databases.opening import OpenSide
from kora.verify import Verified, VerifyOptions, verify_sides

if TYPE_CHECKING:
    from kora.behavior.live import BehaviorRequest

name = "verify"


def verify(migration: Migration) -> Verified:
    """The verification's whole result, with the plan's mapping and approvals and the loader's counts to check."""
    plan, request = migration.decided_plan, migration.run.request
    with closing(migration.target.reader()) as reader, _questions(migration) as behavior:
        wanted = {table.target for table in plan.tables}
        catalog = reader.catalog(Selection())
        others = tuple(table for table in catalog.tables if table.name not in wanted)
        source = OpenSide(migration.source, migration.known_catalog, request.source)
        if request.into_existing and others:
            reader_selection = Selection(exclude=tuple(str(table.name) for table in others))
            catalog = reader.catalog(reader_selection)
        target = OpenSide(reader, catalog, request.target)
        options = VerifyOptions(
            migration_key=migration.migration_key,
            run_id=migration.run.id,
            accept_loss=request.accept_loss,
            show_values=request.show_values,
            findings_limit=migration.settings.findings_per_table,
            spill_directory=migration.settings.make_spill_directory(),
            provable=request.provable,
            lanes=lanes_for(None),
            behavior=behavior,
            live=_live(migration),
            observe=lambda table, side, progress: _tell(migration, table, side, progress),
            timings=_timings(migration),
        )
        claims = replace(declared(migration), left_out=_left_out(migration, [table.name for table in others]))
        return verify_sides(source, target, with_log(migration, claims), options)


def _left_out(migration: Migration, others: Sequence[Name]) -> tuple[NotChecked, ...]:
    """What was there and was not asked for: the source's tables and views, and what a filled target held already."""
    request = migration.run.request
    selection = Selection(tables=request.tables, exclude=request.exclude, schemas=request.schemas)
    beside = "it was there before this run, which neither wrote nor read it"
    known = [NotChecked(what=TABLE_BESIDE, name=str(name_), detail=beside, side="target") for name_ in others]
    if selection == Selection():
        return tuple(known) if request.into_existing else ()
    catalog, whole = migration.known_catalog, migration.source.catalog(Selection())
    here = {table.name for table in catalog.tables}, {view.name for view in catalog.views}
    tables = [table.name for table in whole.tables if table.name not in here[0]]
    views = [view.name for view in whole.views if view.name not in here[1]]
    told = [*left_out(tables, selection, "source"), *left_out(views, selection, "source", VIEW_LEFT_OUT)]
    return (*told, *(known if request.into_existing else ()))


@contextmanager
def _questions(migration: Migration) -> "Iterator[BehaviorRequest | None]":
    """What to ask besides the data, where the operator wants it. The target is this run's own: rows are tried there."""
    request = migration.run.request
    if not request.behavior:
        yield None
        return
    from kora.behavior.live import BehaviorRequest  # here: it brings an engine and a parser, and few ask

    with ExitStack() as stack:
        writer = stack.enter_context(migration.target.trials())
        callers = None
        if request.routines and writer is not None and migration.source_caller is not None:
            callers = (stack.enter_context(migration.source_caller()), writer)
        yield BehaviorRequest(
            Path(request.workload) if request.workload else None,
            writer,
            announce=lambda text: migration.listener(Event("announcement", text)),
            callers=callers,
            inputs=Path(request.routine_inputs) if request.routine_inputs else None,
            seconds=request.query_seconds,
        )


def _live(migration: Migration) -> Live | None:
    """How to compare where the plan says that the target is written meanwhile.

    The source stays the snapshot that was loaded from: what came later there belongs to no promise of this run.
    """
    settle_seconds = migration.decided_plan.verification.settling

    @contextmanager
    def reopened() -> Iterator[tuple[Database, Database]]:
        with closing(migration.target.reader()) as later:
            yield migration.source, later

    return None if settle_seconds is None else Live(reopened, settle_seconds)


def declared(migration: Migration) -> Declared:
    """What this run claims, for KORA to check."""
    plan = migration.decided_plan
    return Declared(
        mapping=plan.mapping(),
        losses=plan.losses,
        quarantined=_quarantined(migration),
        loader_counts=loader_counts(migration),
    )


def _quarantined(migration: Migration) -> tuple[Quarantined, ...]:
    plan = migration.decided_plan
    sources = {str(table.target): str(table.source) for table in plan.tables}
    accepted = "quarantined" in migration.run.request.accept_loss
    refused = (
        Quarantined(table=sources[table], key=row.key, column=row.column, reason=row.reason)
        for (table, _), checkpoint in sorted(migration.checkpoints.items())
        for row in checkpoint.refused
    )
    return approved(refused, plan.losses, "--accept-loss" if accepted else None)


def _timings(migration: Migration) -> tuple[Timing, ...]:
    return tuple(
        Timing(stage=stage, seconds=milliseconds / 1000, rows=rows, bytes=size)
        for stage, (_, milliseconds, rows, size) in migration.journal.stages().items()
        if stage not in ("verify", "certify")
    )


def _tell(migration: Migration, table: str, side: Side, progress: Progress) -> None:
    plan = next((item for item in migration.decided_plan.tables if str(item.source) == table), None)
    migration.listener(Event("table", f"verify {table} ({side})", progress, plan.rows if plan else None))
