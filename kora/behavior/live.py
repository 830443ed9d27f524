"""Behaviour within a verification: both sides are open, the target's names are known, and nothing is carried."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kora import _core
from kora.behavior.answers import ask
from kora.behavior.copies import writer_on_copy
from kora.behavior.origins import Origin, origins_of
from kora.behavior.probing import counters, try_target
from kora.behavior.semantics import probe_habits
from kora.behavior.translate import spellings_of
from kora.behavior.trials import TrialWriter
from kora.behavior.workload import read_workload, views_of
from kora.catalog import Catalog, Name
from kora.comparison.behavior import Answer, Behavior, ConstraintProbe, claim_of, compare_answers, verdict_of
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
    origins = origins_of(mapping, left, source.catalog)
    rows = _rows(target, request, origins)
    unasked = (*rows.untried, *_triggers(source.catalog))
    known = {"constraints": rows.probes, "place": rows.place}
    if not (isinstance(left, AnswersQueries) and isinstance(right, AnswersQueries)):
        unasked = ("queries and habits: one side is files of rows", *unasked)
        return _judged(Behavior(outcome="undecided", not_run=unasked).model_copy(update=known))
    key = _core.DigestKey.random()
    before: list[Answer] = list(ask(left, source.catalog, views_of(source.catalog, left.dialect), key))
    after: list[Answer] = list(ask(right, target.catalog, views_of(target.catalog, right.dialect), key))
    sha256 = None
    if request.workload is not None:
        workload = read_workload(request.workload, left.dialect.sqlglot)
        sha256 = workload.sha256
        before += ask(left, source.catalog, workload, key)
        after += ask(right, target.catalog, workload, key, spellings_of(mapping, target.catalog))
    told = Behavior(
        outcome="undecided",
        workload=sha256,
        queries=compare_answers(before, after),
        probes=probe_habits(left, right),
        not_run=unasked,
    )
    return _judged(told.model_copy(update=known))


def _judged(behavior: Behavior) -> Behavior:
    """With its outcome and the sentence that says it."""
    outcome = verdict_of((*behavior.queries, *behavior.routines), behavior.constraints)
    return behavior.model_copy(update={"outcome": outcome, "claim": claim_of(behavior)})


@dataclass(frozen=True, slots=True)
class _Rows:
    """What became of rows that were tried, where, and why none was where that is so."""

    probes: tuple[ConstraintProbe, ...]
    place: str = ""
    untried: tuple[str, ...] = ()


def _rows(target: Probed, request: BehaviorRequest, origins: dict[Name, Origin]) -> _Rows:
    counted = counters(target.database, target.catalog, origins)
    if request.writer is not None:
        return _tried(target, request, request.writer, origins, counted)
    with writer_on_copy(target.url) as writer:
        if isinstance(writer, str):
            return _Rows(counted, untried=(writer,))
        return _tried(target, request, writer, origins, counted)


def _tried(
    target: Probed,
    request: BehaviorRequest,
    writer: TrialWriter,
    origins: dict[Name, Origin],
    counted: tuple[ConstraintProbe, ...],
) -> _Rows:
    if request.announce:
        request.announce(f"rows are tried on {writer.place}, in transactions that are rolled back")
    return _Rows((*try_target(target.database, target.catalog, writer, origins), *counted), writer.place)


def _triggers(catalog: Catalog) -> tuple[str, ...]:
    """What exists and is not executed here."""
    return tuple(f"trigger {item.name} of {item.table}: not executed" for item in catalog.triggers)
