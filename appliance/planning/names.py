"""What every source object is called on the target: all names of a plan, given out once, without collisions."""

from dataclasses import dataclass

from appliance.conversion.expressions import Scope
from appliance.conversion.identifiers import IdentifierPolicy, Namespace, fold, take_all
from appliance.engines.base import TargetEngine
from kora.catalog import Catalog, CompositeType, DomainType, Name, RangeType

_DEFAULT_SCHEMAS = {"sqlite": "", "csv": "", "parquet": "", "duckdb": "main", "postgresql": "public", "mariadb": ""}


@dataclass(frozen=True, slots=True)
class TargetNames:
    """Names on the target. `relations` holds tables and views; `columns` only tables."""

    policy: IdentifierPolicy
    relations: dict[Name, Name]
    columns: dict[Name, dict[str, str]]
    enums: dict[Name, Name]
    types: dict[Name, Name]
    """Domains, composite types, ranges and multiranges, where the target can have them."""
    schemas: tuple[str, ...]
    """Those that the target does not have by itself."""
    namespaces: dict[str, Namespace]
    """Per target schema: what indexes, sequences and constraints take their names from."""

    def take(self, schema: str, wanted: str) -> str:
        """A name for an index, sequence or constraint of ours."""
        return self.namespaces[schema].take(wanted)

    def fold(self, name: str) -> str:
        """An alias under the policy."""
        return fold(name, self.policy)

    def query_scope(self, booleans: frozenset[str]) -> Scope:
        """What a view may name: every relation, and every column whose target name is the same in all tables.

        `booleans`: columns that were 0/1 and became BOOLEAN.
        """
        relations = {}
        for source, target in self.relations.items():
            relations[source.name] = (target.name, target.schema)
        targets: dict[str, set[str]] = {}
        for columns in self.columns.values():
            for source_column, target_column in columns.items():
                targets.setdefault(source_column.lower(), set()).add(target_column)
        folded = {
            name: found
            for columns in self.columns.values()
            for name, found in columns.items()
            if len(targets[name.lower()]) == 1
        }
        ambiguous = frozenset(name for name, found in targets.items() if len({item.lower() for item in found}) > 1)
        return Scope(folded, relations, booleans, ambiguous, other=self.fold)


def name_everything(
    catalog: Catalog, engine: TargetEngine, policy: IdentifierPolicy, schema: str | None = None
) -> TargetNames:
    """Names for all tables, views, columns and enums. `schema` replaces the target's default one."""
    sources = sorted([table.name for table in catalog.tables] + [view.name for view in catalog.views])
    home = engine.dialect.default_schema if schema is None else schema
    schemas = {name.schema: _target_schema(catalog.engine, name.schema, engine, policy, home) for name in sources}
    for name in [enum.name for enum in catalog.enums] + _types(catalog, engine):
        schemas.setdefault(name.schema, _target_schema(catalog.engine, name.schema, engine, policy, home))
    namespaces = {target: Namespace(engine.dialect, policy) for target in [*schemas.values(), home]}
    relations: dict[Name, Name] = {}
    for target_schema in sorted(set(schemas.values())):
        here = [name for name in sources if schemas[name.schema] == target_schema]
        wanted = {name: _wanted(catalog.engine, name, engine) for name in here}
        taken = take_all(namespaces[target_schema], dict.fromkeys(wanted.values()))
        relations.update({name: Name(target_schema, taken[wanted[name]]) for name in here})
    columns = {
        table.name: take_all(Namespace(engine.dialect, policy, columns=True), [column.name for column in table.columns])
        for table in catalog.tables
    }
    enums = {}
    for enum in catalog.enums:
        target_schema = schemas[enum.name.schema]
        enums[enum.name] = Name(target_schema, namespaces[target_schema].take(enum.name.name))
    types = {}
    for name in _types(catalog, engine):
        types[name] = Name(schemas[name.schema], namespaces[schemas[name.schema]].take(name.name))
    ours = engine.dialect.default_schema
    return TargetNames(policy, relations, columns, enums, types, _new(schemas, ours), namespaces)


def _new(schemas: dict[str, str], ours: str) -> tuple[str, ...]:
    return tuple(sorted(set(schemas.values()) - {ours, ""}))


def _types(catalog: Catalog, engine: TargetEngine) -> list[Name]:
    """Named types besides enumerations, of an engine that can make them anew."""
    if catalog.engine != engine.name or not engine.capabilities.named_types:
        return []
    known: tuple[DomainType | CompositeType | RangeType, ...] = (
        *catalog.domains, *catalog.composites, *catalog.ranges,
    )  # fmt: skip
    several = [item.multirange for item in catalog.ranges if item.multirange]
    return [item.name for item in known] + several


def _target_schema(source_engine: str, schema: str, engine: TargetEngine, policy: IdentifierPolicy, home: str) -> str:
    if not engine.capabilities.schemas:
        return ""
    if schema == _DEFAULT_SCHEMAS.get(source_engine, ""):
        return home
    return fold(schema, policy)


def _wanted(source_engine: str, name: Name, engine: TargetEngine) -> str:
    """On an engine without schemas a table of another schema carries it in its name."""
    if engine.capabilities.schemas or name.schema == _DEFAULT_SCHEMAS.get(source_engine, ""):
        return name.name
    return f"{name.schema}_{name.name}"
