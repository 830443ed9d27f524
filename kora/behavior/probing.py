"""All that is tried on one side's tables: constraints, what columns fill in by themselves, lengths, counters."""

from collections.abc import Iterator, Mapping

from kora.behavior.constraints import try_constraints
from kora.behavior.counters import check_counters
from kora.behavior.origins import Origin
from kora.behavior.trials import Trial, TrialWriter
from kora.behavior.values import try_values
from kora.catalog import Catalog, Name
from kora.comparison.behavior import ConstraintProbe
from kora.databases.base import Database
from kora.errors import EngineError

_NO_ORIGINS: Mapping[Name, Origin] = {}


def try_target(
    database: Database, catalog: Catalog, writer: TrialWriter, origins: Mapping[Name, Origin] = _NO_ORIGINS
) -> tuple[ConstraintProbe, ...]:
    """Tries every table of the target.

    Args:
        database: The target, open for reading: it tells which value breaks a CHECK.
        catalog: What it holds.
        writer: See `TrialWriter`.
        origins: The source's side of each table, as far as it has one.

    Raises:
        EngineError: A counter moved although everything was rolled back.
    """
    before = writer.positions()
    probes = tuple(_tried(database, catalog, writer, origins))
    after = writer.positions()
    if after != before:
        moved = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
        raise EngineError(
            f"a counter of {writer.place} moved while rows were tried: {', '.join(moved[:5])}",
            hint="somebody else may have used it meanwhile: probe a target that nobody writes to; else set it back",
        )
    return probes


def _tried(
    database: Database, catalog: Catalog, writer: TrialWriter, origins: Mapping[Name, Origin]
) -> Iterator[ConstraintProbe]:
    for table in catalog.tables:
        if not table.unreadable:
            trial = Trial(database, catalog, table, writer)
            yield from try_constraints(trial, origins.get(table.name))
            yield from try_values(trial, origins.get(table.name))


def counters(
    database: Database, catalog: Catalog, origins: Mapping[Name, Origin] = _NO_ORIGINS
) -> tuple[ConstraintProbe, ...]:
    """Every counter of the target beside the keys that are there. Only read."""
    readable = (table for table in catalog.tables if not table.unreadable)
    return tuple(
        probe for table in readable for probe in check_counters(database, catalog, table, origins.get(table.name))
    )
