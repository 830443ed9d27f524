"""Behaviour within a verification: both sides are open, the target's names are known, and nothing is carried."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kora import _core
from kora.behavior.answers import ask
from kora.behavior.semantics import probe_habits
from kora.behavior.translate import spellings_of
from kora.behavior.workload import read_workload, views_of
from kora.catalog import Catalog
from kora.comparison.behavior import Answer, Behavior, compare_answers, verdict_of
from kora.comparison.mapping import Mapping
from kora.comparison.result import NotChecked
from kora.databases.base import AnswersQueries, Database


@dataclass(frozen=True, slots=True)
class BehaviorRequest:
    """What to ask besides all views and the engines' habits: a file of queries in the source's SQL."""

    workload: Path | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """One side: open for reading, with its catalog."""

    database: Database
    catalog: Catalog


def probe_sides(source: Probed, target: Probed, mapping: Mapping, request: BehaviorRequest) -> Behavior:
    """Asks both sides the same and compares. The key of the digests is drawn here and never kept.

    Raises:
        InvalidRequest: The workload holds what is no SELECT.
        SenseiError: As reading does, where it is not the engine that refuses a query.
    """
    left, right = source.database, target.database
    unasked = _routines(source.catalog)
    if not (isinstance(left, AnswersQueries) and isinstance(right, AnswersQueries)):
        return Behavior(outcome="undecided", not_run=("queries and habits: one side is files of rows", *unasked))
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
        outcome=verdict_of(queries),
        workload=sha256,
        queries=queries,
        probes=probe_habits(left, right),
        not_run=unasked,
    )


def _routines(catalog: Catalog) -> tuple[str, ...]:
    """What exists and is not executed here."""
    return (
        "constraints: they are declared, and no row was tried",
        *(f"{item.routine_kind} {item.name}: not executed" for item in catalog.routines),
        *(f"trigger {item.name} of {item.table}: not executed" for item in catalog.triggers),
    )


def unasked(behavior: Literal["not_run"] | Behavior) -> list[NotChecked]:
    """What neither side was asked."""
    if behavior == "not_run":
        return [
            NotChecked(
                what="behaviour",
                name="collation order, length limits, constraints, queries and routines",
                detail="the stored data and the declared structure were compared; nothing was executed on either side",
            )
        ]
    told = [(query.name, f"{query.outcome.replace('_', ' ')}: {query.detail}") for query in behavior.queries
            if query.outcome in ("not_decidable", "not_comparable", "not_run")]  # fmt: skip
    told += [(name, detail) for name, _, detail in (text.partition(": ") for text in behavior.not_run)]
    told.append(("length limits", "declared, and not tried"))
    return [NotChecked(what="behaviour", name=name, detail=detail) for name, detail in told]
