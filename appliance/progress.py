"""What a run tells while it works, as plain events. Who shows them, and how, is the command line's concern."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kora._core import Progress

EventKind: TypeAlias = Literal["stage", "table", "done", "note", "announcement"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something began or ended; an announcement is said before it happens. `counters` move while it lasts; `total_rows`
    is an estimate or None.
    """

    kind: EventKind
    text: str
    counters: Progress | None = None
    total_rows: int | None = None


Listener: TypeAlias = Callable[[Event], None]


def silent(event: Event) -> None:
    """Listens to nothing."""
    del event
