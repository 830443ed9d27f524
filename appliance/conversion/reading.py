"""What a source column's values mean: the logical type that the target must hold, and the rules that read it.

One decision per column, engine of the target unknown. `appliance.engines` then places the logical type.
"""

from dataclasses import dataclass, field

from kora.catalog import Type
from kora.comparison.mapping import Loss, LossClass, Rule


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read.

    `target_representation` is set where the reading itself needs one (mixed classes kept as text); otherwise the
    engine's placement says it. `losses` have an empty subject; the planner fills it in.
    """

    type: Type
    evidence: str
    author: str
    source_representation: Rule | None = None
    target_representation: Rule | None = None
    policies: tuple[Rule, ...] = ()
    loss_class: LossClass = "lossless"
    losses: tuple[Loss, ...] = field(default=())
