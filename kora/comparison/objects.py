"""Which object of the target a source's view, trigger, routine or sequence is: by name, in the schema that the mapping
gives to its own.

Each target object serves for one of the source: two views of one name in two schemas need two.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from kora.catalog import Catalog, Name
from kora.comparison.mapping import Mapping

_HOME = frozenset({"", "main", "public", "dbo"})
"""What engines call the schema of those who name none."""


@dataclass(slots=True)
class ObjectNames:
    """Finds counterparts. `schemas`: source schema → target schemas to which its mapped tables went."""

    schemas: dict[str, set[str]]
    flat: bool
    """The target has no schemas: an object of another one carries it in its name, or its bare name."""
    tables: dict[Name, Name]
    _left: dict[Hashable, list[Name]] = field(default_factory=dict)

    @classmethod
    def of(cls, mapping: Mapping, target: Catalog) -> "ObjectNames":
        """The names that a mapping implies."""
        schemas: dict[str, set[str]] = {}
        for pair in mapping.tables:
            schemas.setdefault(pair.source.schema, set()).add(pair.target.schema)
        return cls(schemas, target.engine == "sqlite", {pair.source: pair.target for pair in mapping.tables})

    def offer(self, kind: Hashable, names: Iterable[Name]) -> None:
        """The target's objects of a kind."""
        self._left.setdefault(kind, []).extend(names)

    def take(self, kind: Hashable, name: Name) -> bool:
        """Whether the target has it; a found one is not found again."""
        left = self._left.get(kind, [])
        for candidate in left:
            if self._is(name, candidate):
                left.remove(candidate)
                return True
        return False

    def elsewhere(self, kind: Hashable, name: Name) -> Name | None:
        """One of the same bare name that nobody took, in a schema that the mapping does not give."""
        same = [item for item in self._left.get(kind, []) if item.name.casefold() == name.name.casefold()]
        return same[0] if same else None

    def _is(self, source: Name, target: Name) -> bool:
        if self.flat:
            return target.name.casefold() in {source.name.casefold(), f"{source.schema}_{source.name}".casefold()}
        return source.name.casefold() == target.name.casefold() and self._same_schema(source.schema, target.schema)

    def _same_schema(self, source: str, target: str) -> bool:
        if source in self.schemas:
            return target in self.schemas[source]
        return (source in _HOME and target in _HOME) or source.casefold() == target.casefold()
