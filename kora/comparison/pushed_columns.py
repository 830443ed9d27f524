"""Which columns of a pair of tables a server digests, and which travel beside its digest because it cannot.

What one server cannot render travels on both sides, so that a row has one digest however it was put together. A key of
which one column travels, travels whole: then its digest is computed here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kora.comparison.compare import Pair
from kora.comparison.mapping import SECOND_PASS, ColumnMapping, Side, TableMapping
from kora.databases.pushdown import PushesDown


@dataclass(frozen=True, slots=True)
class Division:
    """Positions in the profile of the columns beside the digest, and why: one sentence per column and side."""

    beside: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    key_beside: bool = False
    """The key's digest is computed here."""
    nothing_rendered: bool = False
    """No column is left for a server to digest."""

    def names(self, columns: Sequence[str]) -> tuple[str, ...]:
        """The columns beside, of one side's names in the profile's order."""
        return tuple(columns[place] for place in self.beside)

    def profile(self, mapping: TableMapping) -> str:
        """The profile of the columns beside alone; its key is the table's where that travels."""
        columns = tuple(mapping.columns[place] for place in self.beside)
        key = mapping.key if self.key_beside else ()
        return mapping.model_copy(update={"columns": columns, "key": key}).profile()


def division(pair: Pair, sides: Sequence[Side]) -> Division:
    """How the columns go where the servers of `sides` digest."""
    reasons: list[str] = []
    places: set[int] = set()
    for side in sides:
        for place, reason in _without_form(pair, side).items():
            places.add(place)
            reasons.append(reason)
    columns = pair.mapping.columns
    key = {place for place, column in enumerate(columns) if column.source in pair.mapping.key}
    key_beside = bool(key & places)
    if key_beside:
        places |= key
    nothing = len(places) == len(columns)
    return Division(tuple(sorted(places)), tuple(reasons), key_beside, nothing_rendered=nothing)


def _without_form(pair: Pair, side: Side) -> dict[int, str]:
    """Position → why this side's server cannot digest the column exactly."""
    database = pair.source if side == "source" else pair.target
    table = pair.source_table if side == "source" else pair.target_table
    columns = pair.mapping.columns
    if not isinstance(database, PushesDown):
        return dict.fromkeys(range(len(columns)), f"{database.dialect.engine} has no server that could digest")
    names = [own_name(column, side) for column in columns]
    refused = database.push_refusals(table, names)
    found = {}
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        if ruled := _rules(column, side):
            found[place] = f"{table.name}.{name}: no server applies {ruled}"
        elif name in refused:
            found[place] = f"{table.name}.{name}: {refused[name]}"
    return found


def _rules(column: ColumnMapping, side: Side) -> str:
    """The rules that stand between what is stored and what is compared; tolerances look at rows that differ alone."""
    representation = column.source_representation if side == "source" else column.target_representation
    policies = [policy for policy in column.policies if policy.rule not in SECOND_PASS]
    return ", ".join(str(rule) for rule in (representation, *policies) if rule is not None)


def own_name(column: ColumnMapping, side: Side) -> str:
    """A column's name on one side."""
    return column.source if side == "source" else column.target
