"""The seam that every target engine's writer fills: rows and their checkpoint in one transaction.

A *unit* is what commits at once: a chunk of a keyed table, or a whole keyless one. The first statement of its
transaction inserts its checkpoint row, whose key (run, table, number) is unique: while a killed client's session
survives on the server, that INSERT waits for it, and fails if it had committed after all. So the target's row, not the
journal, says whether a unit arrived.
"""

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Protocol

from kora._core import Batch
from kora.catalog import Name
from kora.databases.base import KeyRange
from kora.errors import SenseiError

CHECKPOINT_SCHEMA = "_sensei"
CHECKPOINT_TABLE = "checkpoint"


@dataclass(frozen=True, slots=True)
class Refused:
    """A source row that the target would not take."""

    ordinal: int
    key: str
    column: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unit:
    """What is loaded in one transaction.

    `generations` (child columns, parent columns) asks for a table that references itself, on an engine that checks
    each statement, to be filled parents first.
    """

    run: str
    table: Name
    number: int
    columns: tuple[str, ...]
    key_range: KeyRange | None = None
    """In the target's column names; None for a whole table."""
    generations: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    key_types: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How the unit is called in checkpoints and messages."""
        return f"{self.table}#{self.number}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a committed unit left in the target."""

    table: str
    number: int
    row_count: int
    """Source rows read, refused ones included."""
    raw_digest: str
    """Σ of the raw source rows' digests under K_mig, hex."""
    refused: tuple[Refused, ...] = ()
    tallies: str = "[]"
    """What the loader's rules did to the unit's values; the core's JSON."""


@dataclass(slots=True)
class UnitRefused(SenseiError):
    """An engine without savepoints gave back the whole transaction because of some rows; load again without them."""

    label: str
    bad: list[tuple[int, str]] = field(default_factory=list)
    """Ordinal and the engine's reason."""

    exit_code = 4

    def __post_init__(self) -> None:
        """Gives the error its words."""
        SenseiError.__init__(self, f"{self.label}: the target refused {len(self.bad)} rows")


class TargetWriter(Protocol):
    """One writing session. Used by one thread at a time; nothing is retried in here.

    Every method may raise `ConnectionLost`, `EngineError`, `Busy` (lock, full disk). After an error inside a unit the
    caller rolls back; nothing of the unit remains.
    """

    def execute(self, sql: str) -> None:
        """A statement of its own transaction (DDL)."""
        ...

    def checkpoints(self, run: str) -> dict[tuple[str, int], Checkpoint]:
        """Committed units of a run by (table, number); empty where the checkpoint table was never made."""
        ...

    def runs(self) -> set[str]:
        """Runs that have checkpoints here; empty where the checkpoint table was never made."""
        ...

    def wire_type(self, planned: str) -> str:
        """What a column of this planned wire type takes on this very server, whose version the plan does not know."""
        ...

    def begin(self, unit: Unit) -> None:
        """Opens the unit's transaction; its first statement inserts the checkpoint row."""
        ...

    def write(self, batch: Batch, skip: Set[int]) -> list[Refused]:
        """Inserts a batch without the rows of these ordinals; gives the rows that the engine refused.

        Raises:
            UnitRefused: The engine cannot go on within this transaction; the bad rows are named in it.
        """
        ...

    def settle(self) -> None:
        """Puts away what came so far. Called between two batches, when neither is held in memory."""
        ...

    def commit(self, unit: Unit, checkpoint: Checkpoint) -> None:
        """Completes the checkpoint row and commits."""
        ...

    def rollback(self) -> None:
        """Gives the open transaction back, if there is one."""
        ...

    def remove(self, unit: Unit) -> None:
        """Deletes a unit's rows and its checkpoint row in one transaction.

        A unit without a key range is the whole table: all its rows go, and all its checkpoints of this run.
        """
        ...

    def close(self) -> None:
        """Ends the session. Safe to call twice."""
        ...
