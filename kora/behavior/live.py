"""Behaviour within a verification: both sides are open, the target's names are known, and nothing is carried."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kora import _core
from kora.behavior.answers import ask
from kora.behavior.constraints import TrialWriter, try_constraints
from kora.behavior.copies import writer_on_copy
from kora.behavior.semantics import probe_habits
from kora.behavior.translate import spellings_of
from kora.behavior.workload import read_workload, views_of
from kora.catalog import Catalog
from kora.comparison.behavior import Answer, Behavior, ConstraintProbe, compare_answers, verdict_of
from kora.comparison.mapping import Mapping
from kora.databases.base import AnswersQueries, Database


@dataclass(frozen=True, slots=True)
class BehaviorRequest:
    """What to ask besides all views and the engines' habits.

    `workload` is a file of queries in the source's SQL. `writer` tries the target's constraints; without one they are
    tried on a copy of the target, if it is a file. `announce` is told of it before anything is written.
    """

    workload: Path | None = None
    writer: TrialWriter | None = None
    announce: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """One side: open for reading, with its catalog."""

    database: Database
    catalog: Catalog
    url: str = ""


def probe_sides(source: Probed, target: Probed, mapping: Mapping, request: BehaviorRequest) -> Behavior:
    """Asks both sides the same and compares. The key of the digests is drawn here and never kept.

    Raises:
        InvalidRequest: The workload holds what is no SELECT.
        SenseiError: As reading does, where it is not the engine that refuses a query.
    """
    left, right = source.database, target.database
    unasked = _routines(source.catalog)
    constraints, untried = _constraints(target, request)
    unasked = (*untried, *unasked)
    if not (isinstance(left, AnswersQueries) and isinstance(right, AnswersQueries)):
        unasked = ("queries and habits: one side is files of rows", *unasked)
        return Behavior(outcome=verdict_of((), constraints), constraints=constraints, not_run=unasked)
    key = _core.DigestKey.random()
    before: list[Answer] = list(ask(left, source.catalog, views_of(source.catalog, left.dialect), key))
    after: list[Answer] = list(ask(right, target.catalog, views_of(target.catalog, right.dialect), key))
    sha256 = None
    if request.workload is not None:
        workload = read_workload(request.workload, left.dialect.sqlglot)
        sha256 = workload.sha256
        before += ask(left, source.catalog, workload, key)
        after += ask(right, target.catalog, workload, key, spellings_of(mapping, target.catalog))
    queries = compare_answers(before, after)
    return Behavior(
        outcome=verdict_of(queries, constraints),
        workload=sha256,
        queries=queries,
        probes=probe_habits(left, right),
        constraints=constraints,
        not_run=unasked,
    )


def _constraints(target: Probed, request: BehaviorRequest) -> tuple[tuple[ConstraintProbe, ...], tuple[str, ...]]:
    """What became of the target's constraints; and why, where none was tried."""
    if request.writer is not None:
        return _tried(target, request, request.writer), ()
    with writer_on_copy(target.url) as writer:
        return ((), (writer,)) if isinstance(writer, str) else (_tried(target, request, writer), ())


def _tried(target: Probed, request: BehaviorRequest, writer: TrialWriter) -> tuple[ConstraintProbe, ...]:
    if request.announce:
        request.announce(f"constraints are tried on {writer.place}, in transactions that are rolled back")
    return try_constraints(target.database, target.catalog, writer)


def _routines(catalog: Catalog) -> tuple[str, ...]:
    """What exists and is not executed here."""
    return (
        *(f"{item.routine_kind} {item.name}: not executed" for item in catalog.routines),
        *(f"trigger {item.name} of {item.table}: not executed" for item in catalog.triggers),
    )
