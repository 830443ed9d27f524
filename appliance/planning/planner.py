"""The planner: from a catalog, surveys and a target engine to a plan. Pure: no IO, the same plan every time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from appliance.conversion.identifiers import IdentifierPolicy, default_policy, why_another
from appliance.conversion.survey import ColumnSurvey
from appliance.engines.base import TargetEngine
from appliance.engines.registry import target_engine
from appliance.planning import constraints
from appliance.planning.collations import declare_collations
from appliance.planning.columns import Context, plan_columns
from appliance.planning.constraints import References, TableFacts
from appliance.planning.decisions import Decisions, foreign_key_subject
from appliance.planning.enumerations import Enumerations
from appliance.planning.model import Endpoint, Engine, KeyPlan, Plan, SequencePlan, TablePlan
from appliance.planning.named_types import NamedTypes
from appliance.planning.names import name_everything
from appliance.planning.order import load_order
from appliance.planning.views import plan_views, refuse_programs
from kora.catalog import Catalog, Name, Sequence, Table
from kora.databases.csvfiles import describe_dialects

_LEFT_CONSTRAINTS = frozenset({"constraint not enforced", "not null not validated", "name of a not null"})


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a person may choose beforehand. URLs are redacted ones; `schema` replaces the target's default one."""

    source_url: str = ""
    target_url: str = ""
    identifier_policy: IdentifierPolicy | None = None
    schema: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    """Types, extensions and tables that the target refused in a rehearsal, by the object's words, with its reasons."""


def make_plan(
    catalog: Catalog,
    surveys: Mapping[Name, Mapping[str, ColumnSurvey]],
    target: str,
    options: PlanOptions | None = None,
    *,
    orphans: Mapping[str, int] | None = None,
) -> Plan:
    """Proposes a plan.

    Args:
        catalog: The source. Unreadable tables are left out and named in `refused`.
        surveys: Per table and column, what its values are.
        target: The target's engine.
        options: A person's choices.
        orphans: Rows that break a foreign key, by `foreign_key_subject`.

    Raises:
        InvalidRequest: The engine cannot be a target.
    """
    chosen, engine = options or PlanOptions(), target_engine(target)
    policy = chosen.identifier_policy or default_policy(target)
    decisions = Decisions()
    obstacles = {table.name: table.unreadable or _obstacle(chosen, engine, table) for table in catalog.tables}
    readable = tuple(table for table in catalog.tables if not obstacles[table.name])
    for table in catalog.tables:
        if obstacles[table.name]:
            decisions.refuse("table", str(table.name), obstacles[table.name])
    names = name_everything(catalog, engine, policy, chosen.schema)
    enumerations = Enumerations(catalog, engine, names, chosen.refused)
    types = NamedTypes(catalog, engine, names, chosen.refused)
    context = Context(catalog, engine, names, decisions, [], enumerations, types)
    tables = _plan_tables(context, readable, surveys, orphans or {})
    sequences = _free_sequences(context)
    views = plan_views(context, tables)
    refuse_programs(context)
    declare_collations(context, tables)
    _note_names(context, readable)
    _note_comments(context, readable)
    _note_constraints(context)
    for name, reason in types.reasons.items():
        decisions.note(f"the type {name} is not made on the target: {reason}")
    for line in engine.capabilities.notes:
        decisions.note(line)
    if catalog.engine == "csv":
        for line in describe_dialects(catalog.facts):
            decisions.note(f"read as {line}")
    return Plan(
        source=Endpoint(engine=cast("Engine", catalog.engine), url=chosen.source_url),
        target=Endpoint(engine=cast("Engine", target), url=chosen.target_url),
        identifier_policy=policy,
        losses=decisions.losses,
        schemas=names.schemas,
        extensions=tuple(context.types.extensions),
        enums=context.enumerations.plans(),
        types=tuple(context.types.plans),
        sequences=(*context.sequences, *sequences),
        tables=tables,
        views=views,
        refused=decisions.refused,
        notes=decisions.notes,
    )


def _obstacle(chosen: PlanOptions, engine: TargetEngine, table: Table) -> str:
    """Why the target cannot have a table that can be read; empty where it can."""
    if not table.columns:
        return "it has no columns, and a row without values can be written nowhere"
    reason = chosen.refused.get(f"table {table.name}")
    return f"{engine.name} cannot create it: {reason}" if reason else ""


def _note_constraints(context: Context) -> None:
    """Constraints that promise less than others do, and names that are not carried: no row depends on them."""
    for item in context.catalog.not_modelled:
        if item.what in _LEFT_CONSTRAINTS:
            context.decisions.note(f"{item.what}: {item.name} ({item.detail}) is not carried")
        elif item.hides:
            context.decisions.note(f"{item.what} {item.name}: {item.detail}; the verdict will be not_proven")


def _plan_tables(
    context: Context,
    tables: tuple[Table, ...],
    surveys: Mapping[Name, Mapping[str, ColumnSurvey]],
    orphans: Mapping[str, int],
) -> tuple[TablePlan, ...]:
    facts: dict[Name, TableFacts] = {}
    for table in tables:
        known = dict(surveys.get(table.name, {}))
        planned = plan_columns(context, table, known)
        if planned.columns:
            facts[table.name] = TableFacts(table, planned, known)
        else:
            context.decisions.refuse("table", str(table.name), "none of its columns can be carried")
    primary_keys = {name: constraints.plan_primary_key(context, item) for name, item in facts.items()}
    unique_keys = {name: constraints.plan_unique_keys(context, item) for name, item in facts.items()}
    parents = {name: _parents(context, item.table, orphans) for name, item in facts.items()}
    ordered, cut = load_order(list(facts), parents, _optional_references(facts))
    for child, parent in sorted(cut):
        context.decisions.note(f"{child} and {parent} refer to each other in a circle; {child} is loaded first")
    references = References(facts, primary_keys, unique_keys, frozenset(cut), orphans)
    return tuple(_table(context, references, name) for name in ordered)


def _optional_references(facts: Mapping[Name, TableFacts]) -> set[tuple[Name, Name]]:
    """(child, parent) pairs all of whose references may be NULL: losing one of these costs least."""
    optional: set[tuple[Name, Name]] = set()
    needed: set[tuple[Name, Name]] = set()
    for name, item in facts.items():
        nullable = {column.name for column in item.table.columns if column.nullable}
        for key in item.table.foreign_keys:
            (optional if nullable.intersection(key.columns) else needed).add((name, key.parent))
    return optional - needed


def _parents(context: Context, table: Table, orphans: Mapping[str, int]) -> set[Name]:
    """Tables that must be loaded before this one; a reference that the target will not get does not count."""
    capabilities = context.engine.capabilities
    strict = capabilities.enforces_foreign_keys and not capabilities.not_valid_foreign_keys
    return {
        key.parent for key in table.foreign_keys if not (strict and orphans.get(foreign_key_subject(table.name, key)))
    }


def _table(context: Context, references: References, name: Name) -> TablePlan:
    facts = references.facts[name]
    if facts.table.partitioning is not None:
        cut = facts.table.partitioning
        reason = f"cut by {cut.strategy} ({cut.key}) on the source; loaded as one table"
        context.decisions.lose("partitioning", f"partitioning {name}", 1, reason)
    primary_key, unique_keys = references.primary_keys[name], references.unique_keys[name]
    return TablePlan(
        source=name,
        target=context.names.relations[name],
        columns=facts.planned.columns,
        left_out=facts.planned.left_out,
        stable_key=_stable_key(facts, primary_key, unique_keys),
        primary_key=primary_key,
        unique_keys=unique_keys,
        indexes=constraints.plan_indexes(context, facts),
        foreign_keys=constraints.plan_foreign_keys(context, references, name),
        checks=constraints.plan_checks(context, facts),
        exclusions=constraints.plan_exclusions(context, facts),
        comment=facts.table.comment,
        rows=max((survey.rows for survey in facts.surveys.values()), default=None),
    )


def _stable_key(facts: TableFacts, primary_key: KeyPlan | None, unique_keys: tuple[KeyPlan, ...]) -> tuple[str, ...]:
    """The narrowest carried key whose columns hold no NULL; the primary key before the others."""
    columns = {column.target: column for column in facts.planned.columns}
    keys = ([primary_key] if primary_key else []) + sorted(unique_keys, key=lambda key: len(key.columns))
    for key in keys:
        if not key.carried or key.deferrable:
            continue
        parts = [columns[name] for name in key.columns]
        is_primary = key is primary_key
        if all((is_primary or not part.nullable) and not part.policies for part in parts):
            return tuple(part.source for part in parts)
    return ()


def _free_sequences(context: Context) -> tuple[SequencePlan, ...]:
    """Sequences that belong to no column."""
    plans = []
    for sequence in context.catalog.sequences:
        if sequence.owned_by is not None or _drawn(context.catalog, sequence):
            continue
        if not context.engine.capabilities.sequences:
            context.decisions.refuse("sequence", str(sequence.name), f"{context.engine.name} has no sequences")
            continue
        schema = _sequence_schema(context, sequence)
        plans.append(
            SequencePlan(
                name=Name(schema, context.names.take(schema, sequence.name.name)),
                source=sequence.name,
                start=sequence.start,
                increment=sequence.increment,
                minimum=sequence.minimum,
                maximum=sequence.maximum,
                cycle=sequence.cycle,
                last_value=sequence.last_value,
            )
        )
    return tuple(plans)


def _sequence_schema(context: Context, sequence: Sequence) -> str:
    for source, target in context.names.relations.items():
        if source.schema == sequence.name.schema:
            return target.schema
    return context.engine.dialect.default_schema


def _drawn(catalog: Catalog, sequence: Sequence) -> bool:
    """Whether an identity column or a default already stands for it."""
    name = sequence.name.name.lower()
    for table in catalog.tables:
        for column in table.columns:
            if column.identity and column.identity.sequence == sequence.name:
                return True
            if column.default and "nextval" in column.default.lower() and name in column.default.lower():
                return True
    return False


def _note_names(context: Context, tables: tuple[Table, ...]) -> None:
    """Names that are more than folded: shortened, rid of characters, or moved out of another's way."""
    dialect = context.engine.dialect
    for table in tables:
        target, folded = context.names.relations[table.name].name, context.names.fold(table.name.name)
        if target != folded and not table.name.schema:
            why = why_another(folded, dialect)
            context.decisions.note(f"table {table.name} becomes {target}: its own name {why}")
        for source, name in context.names.columns[table.name].items():
            folded = context.names.fold(source)
            if name != folded:
                why = why_another(folded, dialect, column=True)
                context.decisions.note(f"column {table.name}.{source} becomes {name}: its own name {why}")


def _note_comments(context: Context, tables: tuple[Table, ...]) -> None:
    """Comments that the target keeps with other characters; no row depends on them."""
    if not context.engine.dialect.basic_plane_names:
        return
    for table in tables:
        told = [(f"table {table.name}", table.comment)]
        told += [(f"column {table.name}.{column.name}", column.comment) for column in table.columns]
        for what, comment in told:
            if any(character > "\uffff" for character in comment or ""):
                context.decisions.note(
                    f"the comment of {what} holds characters beyond U+FFFF, of which {context.engine.name} makes ?"
                )
