"""Enumerations on the target: under the type's own name, under a type made for the column, or as text with a check.

An enumeration sorts by the order of its labels and takes nothing else; text does neither. Where the target's types have
names and the source's column has only a list of labels, a type is made and named after the column; a column that refers
to another takes the other's type, as two enumerations cannot be compared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from appliance.engines.base import Placement, TargetEngine
from appliance.engines.ddl import literal
from appliance.planning.model import ColumnPlan, EnumPlan
from appliance.planning.names import TargetNames
from kora.catalog import Catalog, Column, Name, Table, Type
from kora.comparison.mapping import Rule
from kora.databases.base import Dialect

_Place: TypeAlias = tuple[Name, str]
"""A column: its table and its name."""
_LONGEST_CHAIN = 32
"""References from enumeration to enumeration that are followed."""


@dataclass
class Enumerations:
    """The enumerations of one plan. `refused`: what the target refused, by the object's words, with its reasons."""

    catalog: Catalog
    engine: TargetEngine
    names: TargetNames
    refused: Mapping[str, str] = field(default_factory=dict)
    _given: dict[_Place, EnumPlan] = field(default_factory=dict)
    """Types that are named after a column."""
    _made: dict[Name, EnumPlan] = field(default_factory=dict)
    """Those of them that some column is of."""

    def plans(self) -> tuple[EnumPlan, ...]:
        """Every enumeration that the target gets."""
        if self.engine.capabilities.enums != "named":
            return ()
        own = (EnumPlan(name=self.names.enums[enum.name], labels=enum.labels) for enum in self.catalog.enums)
        return (*(enum for enum in own if not self._obstacle(enum)), *self._made.values())

    def place(self, table: Table, column: Column, logical: Type, placement: Placement) -> Placement:
        """The placement of a column of labels; any other placement as it is."""
        if self.engine.capabilities.enums != "named" or placement.refused:
            return placement
        if logical.kind == "array" and logical.elements[0].kind == "enum":
            found = self._of_catalog(logical.elements[0])
            return Placement(f"{self._spelled(found)}[]", "array<enum>") if found else placement
        if logical.kind != "enum" or placement.wire_type != "enum":
            return placement
        found = self._of_catalog(logical)
        if found:
            return Placement(self._spelled(found), placement.wire_type)
        made = self._of_column(table, column)
        obstacle = self._obstacle(made)
        if obstacle:
            return Placement(
                "text", "text", Rule(rule="enum_label"), note=f"text and a check of its labels: {obstacle}"
            )
        self._made[made.name] = made
        note = f"the type {made.name} is made for its labels, in their order"
        return Placement(self._spelled(made), placement.wire_type, note=note)

    def _spelled(self, enum: EnumPlan) -> str:
        return self.engine.dialect.qualify(enum.name)

    def _obstacle(self, enum: EnumPlan) -> str:
        """Why an enumeration cannot stand on the target; empty if it can."""
        most = self.engine.capabilities.enum_label_bytes
        if most is not None and any(len(label.encode()) > most for label in enum.labels):
            return f"a label is longer than {most} bytes"
        if not enum.labels or len(set(enum.labels)) < len(enum.labels) or any("\0" in label for label in enum.labels):
            return "its labels are none that an enumeration takes"
        return self.refused.get(f"type {enum.name}", "")

    def _of_catalog(self, logical: Type) -> EnumPlan | None:
        """The enumeration of the catalog that a type is. DuckDB says of a column the labels alone, and no name."""
        for item in self.catalog.enums:
            same = logical.created == item.name if logical.created else self.catalog.engine == "duckdb"
            found = EnumPlan(name=self.names.enums[item.name], labels=item.labels)
            if same and item.labels == logical.labels and not self._obstacle(found):
                return found
        return None

    def _of_column(self, table: Table, column: Column) -> EnumPlan:
        """The type that is named after a column, or after the one that it refers to in the end."""
        place = (table.name, column.name)
        for _ in range(_LONGEST_CHAIN):
            above = self._referred(place)
            if above is None or self._type(above).labels != column.type.labels:
                break
            place = above
        if place not in self._given:
            relation = self.names.relations[place[0]]
            wanted = f"{relation.name}_{self.names.columns[place[0]][place[1]]}"
            name = Name(relation.schema, self.names.take(relation.schema, wanted))
            self._given[place] = EnumPlan(name=name, labels=column.type.labels)
        return self._given[place]

    def _type(self, place: _Place) -> Type:
        return self.catalog.table(place[0]).column(place[1]).type

    def _referred(self, place: _Place) -> _Place | None:
        """The column that a column refers to; None where it refers to none, or to itself."""
        known = {table.name for table in self.catalog.tables}
        for key in self.catalog.table(place[0]).foreign_keys:
            for own, above in zip(key.columns, key.parent_columns, strict=False):
                if own == place[1] and key.parent in known and (key.parent, above) != place:
                    return key.parent, above
        return None


def label_check(column: ColumnPlan, source: Column, dialect: Dialect) -> str | None:
    """The condition that keeps a column of text to the labels that its source has; None for any other column.

    No statement holds a NUL character, and so no condition a label with one.
    """
    listed = source.type.labels
    plain = bool(listed) and not any("\0" in label for label in listed)
    if source.type.kind != "enum" or str(column.target_representation) != "enum_label" or not plain:
        return None
    labels = ", ".join(_literal(label, dialect) for label in listed)
    return f"{dialect.quote(column.target)} IN ({labels})"


def _literal(label: str, dialect: Dialect) -> str:
    return literal(label.replace("\\", "\\\\") if dialect.engine == "mariadb" else label)
