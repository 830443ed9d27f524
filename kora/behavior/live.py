"""Behaviour within a verification: both sides are open, the target's names are known, and nothing is carried."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as Lookup
from dataclasses import dataclass, replace
from pathlib import Path

from kora import _core
from kora.behavior.answers import QUERY_SECONDS, ask
from kora.behavior.callables import callables_of
from kora.behavior.copies import writer_on_copy
from kora.behavior.inputs import Input, read_inputs, seed_of
from kora.behavior.origins import Origin, origins_of
from kora.behavior.probing import counters, try_target
from kora.behavior.procedures import call_of
from kora.behavior.routines import Plans, Side, call_all, compare_routines, freed, plans_of
from kora.behavior.semantics import probe_habits
from kora.behavior.servers import ServerTrials
from kora.behavior.translate import spellings_of
from kora.behavior.trials import TrialWriter
from kora.behavior.workload import read_workload, views_of
from kora.catalog import Catalog, Name
from kora.comparison.behavior import Behavior, ComparedQuery, ConstraintProbe, claim_of, compare_answers, verdict_of
from kora.comparison.mapping import Mapping
from kora.databases.base import AnswersQueries, Database


@dataclass(frozen=True, slots=True)
class BehaviorRequest:
    """What to ask besides all views and the engines' habits.

    `workload` is a file of queries in the source's SQL. `writer` tries the target's constraints; without one they are
    tried on a copy of the target, if it is a file. `announce` is told of it before anything is written. `callers` call
    the routines of source and target, with generated inputs and those of the file `inputs`; none is called without.
    A query that takes longer than `seconds` is ended.
    """

    workload: Path | None = None
    writer: TrialWriter | None = None
    announce: Callable[[str], None] | None = None
    callers: tuple[ServerTrials, ServerTrials] | None = None
    inputs: Path | None = None
    seconds: int = QUERY_SECONDS


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
    known: dict[str, object] = {"constraints": rows.probes, "place": rows.place}
    key = _core.DigestKey.random()
    calls = _calls(source, target, request, key)
    known |= calls.known
    unasked = (*rows.untried, *calls.uncalled, *_triggers(source.catalog))
    if not (isinstance(left, AnswersQueries) and isinstance(right, AnswersQueries)):
        unasked = ("queries and habits: one side is files of rows", *unasked)
        return _judged(Behavior(outcome="undecided", not_run=unasked).model_copy(update=known))
    long = request.seconds
    before = list(ask(left, source.catalog, views_of(source.catalog, left.dialect), key, seconds=long))
    after = list(ask(right, target.catalog, views_of(target.catalog, right.dialect), key, seconds=long))
    sha256 = None
    if request.workload is not None:
        workload = read_workload(request.workload, left.dialect.sqlglot)
        sha256 = workload.sha256
        before += ask(left, source.catalog, workload, key, seconds=long)
        after += ask(right, target.catalog, workload, key, spellings_of(mapping, target.catalog), seconds=long)
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
        request.announce(f"rows are tried on {writer.place}, in transactions that are rolled back{writer.logged}")
    return _Rows((*try_target(target.database, target.catalog, writer, origins), *counted), writer.place)


@dataclass(frozen=True, slots=True)
class _Calls:
    """What became of routines as fields of a `Behavior`, and those that nobody called."""

    known: dict[str, object]
    uncalled: tuple[str, ...] = ()


def _calls(source: Probed, target: Probed, request: BehaviorRequest, key: _core.DigestKey) -> _Calls:
    """Routines of both sides, with the same inputs. Each side's session calls its own."""
    if request.callers is None:
        told = (f"{item.routine_kind} {item.name}: not executed" for item in source.catalog.routines)
        return _Calls({}, tuple(told))
    seed = seed_of(key)
    recorded, sha256 = read_inputs(request.inputs) if request.inputs else ({}, None)
    sides = []
    for probed, session in zip((source, target), request.callers, strict=True):
        if request.announce and not session.read_only:
            how = f"in transactions that are rolled back{session.logged}"
            request.announce(f"routines are called on {session.place}, {how}")
        routines = freed(callables_of(probed.database, probed.catalog, session.without_rollback), recorded)
        side = Side(probed.database, probed.catalog, routines, session)
        sides.append(replace(side, announce=request.announce) if request.announce else side)
    # The source's kinds decide for both, so that an integer here and a decimal there get the same.
    plans = {**plans_of(sides[1].callables, seed, recorded), **plans_of(sides[0].callables, seed, recorded)}
    before, after = (call_all(side, plans, key) for side in sides)
    compared = (_with_input(call, plans, recorded) for call in compare_routines(before, after))
    return _Calls({"routines": tuple(compared), "seed": seed, "inputs": sha256})


def _with_input(call: ComparedQuery, plans: Lookup[str, Sequence[Input]], recorded: Plans) -> ComparedQuery:
    """A call that differs, with what it was called with; recorded inputs may be somebody's data and are not told."""
    name, _, number = call_of(call.name).removeprefix("routine:").partition("#")
    given = plans.get(name, ())[int(number)] if number.isdigit() else None
    known = recorded.get(name, recorded.get(name.partition("(")[0], ()))
    if call.outcome != "different" or given is None or given in known:
        return call
    told = ", ".join("NULL" if value is None else repr(value) for value in given) or "nothing"
    return call.model_copy(update={"detail": f"{call.detail}; called with {told}"[:300]})


def _triggers(catalog: Catalog) -> tuple[str, ...]:
    """What exists and is not executed here."""
    return tuple(f"trigger {item.name} of {item.table}: not executed" for item in catalog.triggers)
