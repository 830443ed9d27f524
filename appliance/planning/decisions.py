"""The losses and refusals that a planner collects while it decides: the loss ledger in the making."""

from collections.abc import Iterable

from appliance.planning.model import RefusedObject
from kora.catalog import ForeignKey, Name
from kora.comparison.mapping import Loss


class Decisions:
    """Collects what is lossy or left behind, each with its reason."""

    def __init__(self) -> None:
        self._losses: list[Loss] = []
        self._refused: list[RefusedObject] = []
        self._notes: list[str] = []

    def lose(self, rule: str, subject: str, count: int, reason: str) -> None:
        """Declares a loss that a person must approve."""
        self._losses.append(Loss(rule=rule, subject=subject, count=count, reason=reason))

    def lose_values(self, subject: str, losses: Iterable[Loss]) -> None:
        """Declares losses of a column's values."""
        self._losses += [loss.model_copy(update={"subject": subject}) for loss in losses]

    def refuse(self, kind: str, name: str, reason: str, text: str = "", count: int = 1) -> None:
        """Leaves an object behind with its text, or `count` of them, and declares that as a loss."""
        self._refused.append(RefusedObject(kind=kind, name=name, reason=reason, text=text))
        self.lose(kind.replace(" ", "_"), f"{kind} {name}", count, reason)

    def note(self, text: str) -> None:
        """Something that a person should know and need not approve."""
        self._notes.append(text)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """All losses so far."""
        return tuple(self._losses)

    @property
    def refused(self) -> tuple[RefusedObject, ...]:
        """All refused objects so far."""
        return tuple(self._refused)

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes so far."""
        return tuple(self._notes)


def foreign_key_subject(table: Name, key: ForeignKey) -> str:
    """How a foreign key is called in losses, orphan counts and reports: names may be missing or repeat."""
    return f"{table}({', '.join(key.columns)}) -> {key.parent}({', '.join(key.parent_columns)})"
