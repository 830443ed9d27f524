"""Decisions about keys, indexes, checks and foreign keys: carried, or refused with a reason.

What a unique key, a check or a reference loses is behaviour of the target, so every refusal is a declared loss; an
index that is not unique only costs time, and is one too, for somebody chose it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.conversion.division import Numbers
from appliance.conversion.expressions import NotTranslated, Scope, translate_expression
from appliance.conversion.survey import ColumnSurvey
from appliance.planning.columns import Context, PlannedColumns
from appliance.planning.decisions import foreign_key_subject
from appliance.planning.enumerations import label_check
from appliance.planning.model import CheckPlan, ExclusionPlan, ForeignKeyPlan, IndexPartPlan, IndexPlan, KeyPlan
from kora.catalog import Check, ForeignKey, Index, IndexPart, Key, Name, Table
from kora.comparison.structure import domain_checks

_PLAIN_COLLATIONS = frozenset({"BINARY", "C", "DEFAULT", "POSIX"})
_OWN_REFERENCES = frozenset({"postgresql", "parquet"})
"""Targets whose references have MATCH FULL and columns behind SET NULL; Parquet files record them."""
_INDEX_METHODS = frozenset({"", "btree", "art"})


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What constraints of one table are decided from."""

    table: Table
    planned: PlannedColumns
    surveys: Mapping[str, ColumnSurvey]

    def targets(self, columns: tuple[str, ...]) -> tuple[str, ...] | None:
        """Target names of source columns; None if one has none."""
        names = [self.planned.scope.columns.get(column) for column in columns]
        return None if None in names else tuple(name for name in names if name is not None)


def plan_primary_key(context: Context, facts: TableFacts) -> KeyPlan | None:
    """The primary key, if the source has one."""
    key = facts.table.primary_key
    if key is None:
        return None
    reason = _key_obstacle(context, facts, key)
    keyless = [name for name in key.columns if not reason and _is_keyless(context, facts, name)]
    if keyless:
        reason = f"{keyless[0]} holds values that are too long for a key of {context.engine.name}"
    empty = [name for name in key.columns if facts.surveys.get(name, ColumnSurvey()).nulls]
    if empty and not reason:
        reason = (
            f"{empty[0]} holds NULL in {facts.surveys[empty[0]].nulls:,} rows, which no primary key of the target may"
        )
    return _key(context, facts, key, "primary key", reason)


def _is_keyless(context: Context, facts: TableFacts, name: str) -> bool:
    column = next(column for column in facts.planned.columns if column.source == name)
    return column.wire_type in context.engine.capabilities.keyless_types


def plan_unique_keys(context: Context, facts: TableFacts) -> tuple[KeyPlan, ...]:
    """Unique constraints in catalog order."""
    return tuple(
        _key(context, facts, key, "unique key", _key_obstacle(context, facts, key)) for key in facts.table.unique_keys
    )


def _key_obstacle(context: Context, facts: TableFacts, key: Key) -> str:
    left_out = [name for name in key.columns if name in facts.planned.left_out]
    if left_out:
        return f"column {left_out[0]} is not carried"
    by_source = {column.source: column for column in facts.planned.columns}
    generated = [name for name in key.columns if by_source[name].generated]
    if generated and not context.engine.capabilities.generated_keys:
        return f"{context.engine.name} takes no key over the generated column {generated[0]}"
    changed = [name for name in key.columns if by_source[name].policies]
    if changed:
        return f"values of {changed[0]} are changed by a policy, so that two keys may become one"
    return "" if key.nulls_distinct or context.engine.name == "postgresql" else "the target takes NULLs as distinct"


def _key(context: Context, facts: TableFacts, key: Key, kind: str, reason: str) -> KeyPlan:
    target = context.names.relations[facts.table.name]
    columns = facts.targets(key.columns) or key.columns
    suffix = "pkey" if kind == "primary key" else "_".join((*columns, "key"))
    wanted = key.name if key.name and not key.name.startswith("sqlite_autoindex_") else f"{target.name}_{suffix}"
    source = f"{facts.table.name}({', '.join(key.columns)})"
    if reason:
        context.decisions.refuse(kind, source, reason)
        return KeyPlan(name=wanted, source=source, columns=columns, decision="refused", reason=reason)
    deferrable = key.deferrable and context.engine.capabilities.deferrable_keys
    return KeyPlan(
        name=context.names.take(target.schema, wanted),
        source=source,
        columns=columns,
        nulls_distinct=key.nulls_distinct,
        deferrable=deferrable,
    )


def plan_indexes(context: Context, facts: TableFacts) -> tuple[IndexPlan, ...]:
    """Indexes in catalog order."""
    return tuple(_index(context, facts, index) for index in facts.table.indexes)


def _index(context: Context, facts: TableFacts, index: Index) -> IndexPlan:
    target = context.names.relations[facts.table.name]
    name = context.names.take(target.schema, index.name)
    try:
        _index_obstacle(context, index)
        parts = tuple(_index_part(context, facts.planned.scope, index, number) for number in range(len(index.parts)))
        where = _translate(context, index.where, facts.planned.scope) if index.where else None
        return IndexPlan(
            name=name,
            source=index.name,
            parts=parts,
            unique=index.unique,
            where=where,
            included=_included(context, facts, index),
        )
    except NotTranslated as refusal:
        subject = f"{facts.table.name}.{index.name}"
        context.decisions.refuse("index", subject, str(refusal), index.definition or "")
        part = IndexPartPlan(expression=index.definition or index.name)
        return IndexPlan(
            name=name, source=index.name, parts=(part,), unique=index.unique, decision="refused", reason=str(refusal)
        )


def _index_obstacle(context: Context, index: Index) -> None:
    capabilities, name = context.engine.capabilities, context.engine.name
    if not capabilities.indexes:
        raise NotTranslated(f"{name} files have no indexes")
    if index.where and not capabilities.partial_indexes:
        raise NotTranslated(f"{name} has no partial indexes")
    if index.method.lower() not in _INDEX_METHODS:
        raise NotTranslated(f"its method {index.method} is the source's own")
    for part in index.parts:
        if part.column is None and not capabilities.expression_indexes:
            raise NotTranslated(f"{name} has no indexes over expressions")
        foreign = part.collation and part.collation.upper() not in _PLAIN_COLLATIONS and not _kept(context, part)
        if foreign and index.unique:
            raise NotTranslated(
                f"it is unique under the collation {part.collation}, which the target compares otherwise"
            )


def _kept(context: Context, part: IndexPart) -> bool:
    """Whether the target sorts a part of an index by the very collation that the source does."""
    return context.at_home and part.collation in context.engine.capabilities.own_collations


def _index_part(context: Context, scope: Scope, index: Index, number: int) -> IndexPartPlan:
    part = index.parts[number]
    nulls_first = part.nulls_first if context.engine.name == "postgresql" else None
    descending = part.descending and context.engine.capabilities.descending_indexes
    collation = part.collation if _kept(context, part) else None
    if part.column is not None:
        if part.column not in scope.columns:
            raise NotTranslated(f"column {part.column} is not carried")
        name = scope.columns[part.column]
        return IndexPartPlan(column=name, descending=descending, nulls_first=nulls_first, collation=collation)
    text = _translate(context, part.expression or "", scope)
    return IndexPartPlan(expression=text, descending=descending, nulls_first=nulls_first, collation=collation)


def _included(context: Context, facts: TableFacts, index: Index) -> tuple[str, ...]:
    """Included columns only spare reads, so they are left out where the engine has none."""
    if not context.engine.capabilities.included_columns:
        return ()
    return facts.targets(index.included) or ()


def _translate(context: Context, text: str, scope: Scope) -> str:
    return translate_expression(text, context.catalog.engine, context.engine.name, scope)


def plan_checks(context: Context, facts: TableFacts) -> tuple[CheckPlan, ...]:
    """Checks in catalog order."""
    target = context.names.relations[facts.table.name]
    plans = []
    own = [(check, facts.planned.scope) for check in facts.table.checks]
    for number, (check, scope) in enumerate([*own, *_domain_checks(context, facts)], start=1):
        source = check.name or f"{target.name}_check{number}"
        name = context.names.take(target.schema, source)
        try:
            text = _translate(context, check.expression, scope)
            plans.append(CheckPlan(name=name, source=source, expression=text))
        except NotTranslated as refusal:
            context.decisions.refuse("check", f"{facts.table.name}.{source}", str(refusal), check.expression)
            refused = CheckPlan(
                name=name, source=source, expression=check.expression, decision="refused", reason=str(refusal)
            )
            plans.append(refused)
    return (*plans, *_label_checks(context, facts))


def _label_checks(context: Context, facts: TableFacts) -> list[CheckPlan]:
    """Checks that stand for the labels of enumerations which the target holds as text."""
    if context.engine.capabilities.checks_when == "never":
        return []
    target, plans = context.names.relations[facts.table.name], []
    for column in facts.planned.columns:
        expression = label_check(column, facts.table.column(column.source), context.engine.dialect)
        if expression:
            name = context.names.take(target.schema, f"{target.name}_{column.target}_labels")
            plans.append(CheckPlan(name=name, expression=expression))
    return plans


def plan_exclusions(context: Context, facts: TableFacts) -> tuple[ExclusionPlan, ...]:
    """Exclusion constraints: their text is carried as it is, so every column must keep its name."""
    scope, target = facts.planned.scope.columns, context.names.relations[facts.table.name]
    renamed = any(scope.get(column.name) != column.name for column in facts.table.columns)
    plans = []
    for item in facts.table.exclusions:
        reason = ""
        if not context.engine.capabilities.exclusion_constraints:
            reason = f"{context.engine.name} has no exclusion constraints"
        elif renamed:
            reason = "its text names columns that are called otherwise, or are left out, on the target"
        if reason:
            context.decisions.refuse("exclusion constraint", f"{facts.table.name}.{item.name}", reason, item.definition)
        plans.append(
            ExclusionPlan(
                name=context.names.take(target.schema, item.name),
                source=item.name,
                definition=item.definition,
                decision="refused" if reason else "carried",
                reason=reason,
            )
        )
    return tuple(plans)


def _domain_checks(context: Context, facts: TableFacts) -> list[tuple[Check, Scope]]:
    """The checks of the domains that the columns came through: the target's column is of the base type."""
    names = facts.planned.scope.columns
    return [
        (check, Scope(columns={"value": names[column.name]}, numbers=_numbers_of_value(facts, column.name)))
        for column, check in domain_checks(context.catalog, facts.table)
        if column.name in names and not context.types.keeps(column.type)
    ]


def _numbers_of_value(facts: TableFacts, column: str) -> Numbers:
    """What is known of a domain's VALUE: what is known of the column that came through it."""
    known, name, value = facts.planned.scope.numbers, column.lower(), frozenset({"value"})
    return Numbers(value if name in known.whole else frozenset(), value if name in known.fractions else frozenset())


@dataclass(frozen=True, slots=True)
class References:
    """What foreign keys are decided from, across all tables."""

    facts: Mapping[Name, TableFacts]
    primary_keys: Mapping[Name, KeyPlan | None]
    unique_keys: Mapping[Name, tuple[KeyPlan, ...]]
    cut: frozenset[tuple[Name, Name]]
    orphans: Mapping[str, int]


def plan_foreign_keys(context: Context, references: References, name: Name) -> tuple[ForeignKeyPlan, ...]:
    """Foreign keys of one table in catalog order."""
    facts = references.facts[name]
    return tuple(_foreign_key(context, references, facts, key) for key in facts.table.foreign_keys)


def _foreign_key(context: Context, references: References, facts: TableFacts, key: ForeignKey) -> ForeignKeyPlan:
    subject = foreign_key_subject(facts.table.name, key)
    capabilities = context.engine.capabilities
    reason = _reference_obstacle(context, references, facts, key)
    orphans = references.orphans.get(subject, 0)
    if orphans:
        reason = _orphans(context, subject, orphans, reason)
    elif reason:
        context.decisions.lose("foreign_key", f"foreign key {subject}", 1, reason)
    lost = [] if reason else _lost_actions(context, key)
    if lost:
        what = f"{context.engine.name} has no such thing: {', '.join(lost)} not carried"
        context.decisions.lose("foreign_key_action", f"foreign key {subject}", 1, what)
    target = context.names.relations[facts.table.name]
    columns = facts.targets(key.columns) or key.columns
    parent = references.facts.get(key.parent)
    wanted = key.name or "_".join((target.name, *columns, "fkey"))
    return ForeignKeyPlan(
        name=context.names.take(target.schema, wanted),
        source=subject,
        columns=columns,
        parent=context.names.relations.get(key.parent, key.parent),
        parent_columns=(parent.targets(key.parent_columns) if parent else None) or key.parent_columns,
        on_delete=key.on_delete if capabilities.foreign_key_actions else "no_action",
        on_update=key.on_update if capabilities.foreign_key_actions else "no_action",
        match_full=key.match_full and context.engine.name in _OWN_REFERENCES,
        deferrable=key.deferrable and capabilities.foreign_key_actions and capabilities.deferrable_foreign_keys,
        initially_deferred=key.initially_deferred
        and capabilities.foreign_key_actions
        and capabilities.deferrable_foreign_keys,
        validated=not (orphans and capabilities.not_valid_foreign_keys),
        set_columns=(facts.targets(key.set_columns) or ()) if context.engine.name in _OWN_REFERENCES else (),
        decision="refused" if reason else "carried",
        reason=reason,
    )


def _lost_actions(context: Context, key: ForeignKey) -> list[str]:
    """What a reference does on the source besides refusing, and when; as far as the target's will not."""
    name, capabilities = context.engine.name, context.engine.capabilities
    acts = not {key.on_delete, key.on_update} <= {"no_action", "restrict"}
    lost = []
    if acts and not capabilities.foreign_key_actions:
        lost.append(f"ON DELETE {key.on_delete}, ON UPDATE {key.on_update}")
    elif key.set_columns and name not in _OWN_REFERENCES:
        lost.append(f"ON DELETE {key.on_delete} ({', '.join(key.set_columns)}), which here changes every column,")
    if key.match_full and len(key.columns) > 1 and name not in _OWN_REFERENCES:
        lost.append("MATCH FULL")
    deferrable = capabilities.foreign_key_actions and capabilities.deferrable_foreign_keys
    if key.deferrable and not deferrable and name != "parquet":  # which only records what was declared
        lost.append("DEFERRABLE INITIALLY DEFERRED" if key.initially_deferred else "DEFERRABLE")
    return lost


def _orphans(context: Context, subject: str, orphans: int, reason: str) -> str:
    """What becomes of a reference that rows break; the loss counts those rows."""
    capabilities = context.engine.capabilities
    if reason:
        what = f"not created: {reason}; {orphans:,} rows break it"
    elif capabilities.not_valid_foreign_keys:
        what = f"{orphans:,} rows break it; created NOT VALID, so that it holds for new rows"
    elif not capabilities.enforces_foreign_keys:
        what = f"{orphans:,} rows break it; created all the same, as its enforcement is switched off"
    else:
        reason = what = f"{orphans:,} rows break it, so that {context.engine.name} cannot create it"
    context.decisions.lose("orphaned_foreign_key", f"foreign key {subject}", orphans, what)
    return reason


def _reference_obstacle(context: Context, references: References, facts: TableFacts, key: ForeignKey) -> str:
    if key.temporal:
        return "it holds over PERIODs, and only references between equal values are carried"
    parent = references.facts.get(key.parent)
    if parent is None:
        return f"the table {key.parent} is not carried"
    columns, parent_columns = facts.targets(key.columns), parent.targets(key.parent_columns)
    if columns is None or parent_columns is None or not parent_columns:
        return "one of its columns is not carried"
    if (facts.table.name, key.parent) in references.cut and not context.engine.capabilities.cyclic_foreign_keys:
        return f"it closes a circle of references, which {context.engine.name} cannot create"
    keys = [references.primary_keys[key.parent], *references.unique_keys[key.parent]]
    if not any(found and found.carried and sorted(found.columns) == sorted(parent_columns) for found in keys):
        return f"{key.parent} has no carried primary or unique key of these columns"
    return _unequal_types(facts, parent, key, any_class=context.engine.capabilities.any_class)


def _unequal_types(facts: TableFacts, parent: TableFacts, key: ForeignKey, *, any_class: bool) -> str:
    """Which columns a reference cannot join. `any_class`: the engine compares what is stored, whatever the types."""
    children = {column.source: column for column in facts.planned.columns}
    parents = {column.source: column for column in parent.planned.columns}
    for name, parent_name in zip(key.columns, key.parent_columns, strict=True):
        mine, theirs = children[name].target_type, parents[parent_name].target_type
        if _family(mine) != _family(theirs) and not any_class:
            return f"{name} is {mine} on the target, but {parent_name} is {theirs}"
    return ""


def _family(target_type: str) -> str:
    """Types that compare alike: integers of any width, texts of any length."""
    base = target_type.partition(" collate ")[0].split("(", maxsplit=1)[0].lower()
    if base in ("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "ubigint", "hugeint"):
        return "integer"
    return "text" if base in ("text", "varchar", "character varying", "character") else base
