"""Types that have names: which of them the target gets, in which order, and how columns of them are declared.

Where both sides are PostgreSQL, its domains, composite types and ranges are made anew, each before what is built of
it, and the types of two extensions are asked for by name. Whatever the target refuses when the plan is rehearsed stays
away by name, and its columns take the form that they have on any other engine.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from appliance.engines.base import Placement, TargetEngine
from appliance.engines.ddl import constraint_name
from appliance.planning.model import TypeKind, TypePlan
from appliance.planning.names import TargetNames
from kora.catalog import Catalog, CompositeType, DomainType, Name, RangeType, Type

EXTENSION_TYPES = ("citext", "hstore")
"""Types of extensions that the reader knows; each is called as its extension is."""
_DEEPEST = 32
_Made: TypeAlias = DomainType | CompositeType | RangeType


class _NotMade(Exception):
    """A type that the target does not get, and why. It never leaves this room."""


@dataclass
class NamedTypes:
    """What the target gets of a catalog's named types.

    Args:
        catalog: The source.
        engine: The target.
        names: What everything is called there.
        refused: What the target refused, by the object's words (`type public.mood`), with its reasons.
    """

    catalog: Catalog
    engine: TargetEngine
    names: TargetNames
    refused: Mapping[str, str] = field(default_factory=dict)
    plans: list[TypePlan] = field(default_factory=list)
    """In the order in which they can be created."""
    extensions: list[str] = field(default_factory=list)
    reasons: dict[Name, str] = field(default_factory=dict)
    """Types that stay away."""

    def __post_init__(self) -> None:
        self._spelled: dict[Name, str] = {}
        if not self.engine.capabilities.named_types or self.catalog.engine != self.engine.name:
            return
        known: tuple[_Made, ...] = (*self.catalog.domains, *self.catalog.composites, *self.catalog.ranges)
        self._known = {item.name: item for item in known}
        self._many = {item.multirange: item for item in self.catalog.ranges if item.multirange}
        self._enums = {item.name for item in self.catalog.enums}
        for item in known:
            try:
                self._resolve(item.name, 0)
            except _NotMade as reason:
                self.reasons[item.name] = str(reason)

    def keeps(self, logical: Type) -> bool:
        """Whether a column of this type is declared with a type of this name on the target."""
        return self.spelling(logical) is not None

    def spelling(self, logical: Type) -> str | None:
        """The target's words for a type that has a name, or is built of one; None for any other."""
        if self.catalog.engine != self.engine.name or not _is_named(logical):
            return None
        try:
            return self._spell(logical, 0)
        except _NotMade:
            return None

    def place(self, logical: Type, placement: Placement) -> Placement:
        """The placement of a column, under the name of its type where the target has it."""
        spelled = self.spelling(logical)
        if spelled is None:
            return placement
        plain = placement.representation is None and not placement.refused
        wire = placement.wire_type if plain and not logical.elements else logical.wire
        if logical.kind == "enum":
            wire = "enum"
        return Placement(spelled, wire, note=f"{spelled} is made on the target")

    def _spell(self, logical: Type, depth: int) -> str:
        if logical.kind == "unsupported":
            raise _NotMade(f"it holds {logical.declared}, which is not read")
        if depth > _DEEPEST:
            raise _NotMade("its types stand too deeply within each other")
        if logical.domain:
            return self._resolve(_named(logical.domain, self._known), depth + 1)
        if logical.created:
            return self._resolve(logical.created, depth + 1)
        if logical.kind in ("list", "array") and _is_named(logical.elements[0]):
            return f"{self._spell(logical.elements[0], depth + 1)}[]"
        return logical.declared

    def _resolve(self, name: Name, depth: int) -> str:
        """The target's spelling of a named type, which is planned if it is not yet."""
        if name in self._spelled:
            return self._spelled[name]
        if name in self._enums:
            target = self.names.enums[name]
            if f"type {target}" in self.refused:
                raise _NotMade(self.refused[f"type {target}"])
            spelled = self.engine.dialect.qualify(target)
        elif name in self._many:
            self._resolve(self._many[name].name, depth)
            spelled = self.engine.dialect.qualify(self.names.types[name])
        elif name in self._known:
            kind, definition = self._definition(self._known[name], depth)
            target = self.names.types[name]
            if f"type {target}" in self.refused:
                raise _NotMade(self.refused[f"type {target}"])
            self.plans.append(TypePlan(name=target, source=name, kind=kind, definition=definition))
            spelled = self.engine.dialect.qualify(target)
        else:
            spelled = self._of_extension(name)
        self._spelled[name] = spelled
        return spelled

    def _of_extension(self, name: Name) -> str:
        if name.name not in EXTENSION_TYPES:
            raise _NotMade(f"the type {name} is not among what is carried")
        if f"extension {name.name}" in self.refused:
            raise _NotMade(self.refused[f"extension {name.name}"])
        if name.name not in self.extensions:
            self.extensions.append(name.name)
        return name.name

    def _definition(self, item: _Made, depth: int) -> tuple[TypeKind, str]:
        """What stands behind the name in CREATE TYPE or CREATE DOMAIN."""
        if isinstance(item, CompositeType):
            fields = (f"{self._quote(name)} {self._collated(part, depth)}" for name, part in item.fields)
            return "composite", f"AS ({', '.join(fields)})"
        if isinstance(item, RangeType):
            return "range", f"AS RANGE ({', '.join(self._range(item, depth))})"
        text = f"AS {self._spell(item.base, depth)}"
        text += f" DEFAULT {item.default}" if item.default is not None else ""
        for check in item.checks:
            text += f" {constraint_name(self.engine.dialect, check.name)}CHECK ({check.expression})"
        return "domain", text if item.nullable else f"{text} NOT NULL"

    def _range(self, item: RangeType, depth: int) -> list[str]:
        if item.own_functions:
            raise _NotMade("it is built on an operator class or a function that somebody wrote")
        options = [f"SUBTYPE = {self._spell(item.subtype, depth)}"]
        if item.collation:
            options.append(f"COLLATION = {self._quote(item.collation)}")
        if item.difference:
            options.append(f"SUBTYPE_DIFF = {item.difference}")
        if item.multirange:
            options.append(f"MULTIRANGE_TYPE_NAME = {self.engine.dialect.qualify(self.names.types[item.multirange])}")
        return options

    def _collated(self, part: Type, depth: int) -> str:
        collation = f" COLLATE {self._quote(part.collation)}" if part.collation else ""
        return self._spell(part, depth) + collation

    def _quote(self, name: str) -> str:
        return self.engine.dialect.quote(name)


def _is_named(logical: Type) -> bool:
    """Whether a type is, or its elements are, what CREATE TYPE, CREATE DOMAIN or an extension made."""
    return bool(logical.created or logical.domain) or (
        logical.kind in ("list", "array") and any(map(_is_named, logical.elements))
    )


def _named(text: str, known: Mapping[Name, object]) -> Name:
    for name in known:
        if str(name) == text:
            return name
    raise _NotMade(f"the domain {text} is not among what is carried")
