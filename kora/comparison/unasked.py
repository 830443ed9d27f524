"""What a verification did not ask about behaviour, as entries of what was not checked."""

from typing import Literal

from kora.comparison.behavior import Behavior
from kora.comparison.result import NotChecked


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
    asked = (*behavior.queries, *behavior.routines)
    told = [(query.name, f"{query.outcome.replace('_', ' ')}: {query.detail}") for query in asked
            if query.outcome in ("not_decidable", "not_comparable", "not_run")]  # fmt: skip
    told += [(f"{probe.constraint} of {probe.table}", f"{probe.outcome.replace('_', ' ')}: {probe.detail}")
             for probe in behavior.constraints if probe.outcome in ("not_run", "not_decidable")]  # fmt: skip
    told += [(name, detail) for name, _, detail in (text.partition(": ") for text in behavior.not_run)]
    return [NotChecked(what="behaviour", name=name, detail=detail) for name, detail in told]
