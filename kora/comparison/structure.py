"""Compares declared structure: which keys, constraints and objects of the source the target does not have.

What is missing is a declared loss with a rule of its own and the object's name, never a finding in the data: a plan may
have refused it, and a person may have approved that. Found from both catalogs alone, whoever made the target. The
rules (`view`, `trigger`, `foreign_key` …) and subjects are those of the plan's loss ledger, so that approvals match.
"""

from collections import Counter
from collections.abc import Hashable, Iterator, Set
from dataclasses import replace

from kora.catalog import Action, Catalog, Check, Column, DomainType, ForeignKey, Index, Name, Table, Trigger, Type
from kora.comparison.checks import CheckedTable, compare_checks
from kora.comparison.mapping import Loss, Mapping, TableMapping
from kora.comparison.objects import ObjectNames
from kora.comparison.unmodelled import unmodelled_losses


def structure_losses(
    source: Catalog, target: Catalog, mapping: Mapping, declared: Set[str] = frozenset()
) -> list[Loss]:
    """Every source object and constraint without a counterpart in the target, each with count 1.

    Constraints are matched by what they govern (mapped tables and columns), checks by what they say, other objects by
    their name in the schema that the mapping gives to theirs, without regard to case. Checks whose texts are no equal
    trees are matched by their number (`checks_by_number` counts them); `declared` holds subjects that a plan names, and
    decides which of those count as the missing ones. A table that cannot be read and has no counterpart is a loss too.
    """
    pairs = {pair.source: pair for pair in mapping.tables}
    losses = [
        _loss("table", f"table {table.name}", table.unreadable)
        for table in source.tables
        if table.unreadable and table.name not in pairs
    ]
    for pair in mapping.tables:
        left, right = _checked_pair(source, target, pair)
        losses += _table_losses(left.table, right.table, pairs)
        losses += _check_losses(left, right, _target_names(pair), declared)
        losses += _inner_domain_losses(source, left.table, right.table, _target_names(pair))
        losses += _distrusted(left.table, right.table, pairs, (source.engine, target.engine))
    losses += unmodelled_losses(source, target, mapping)
    return [*losses, *_object_losses(source, target, ObjectNames.of(mapping, target))]


def checks_by_number(source: Catalog, target: Catalog, mapping: Mapping) -> dict[Name, int]:
    """Source tables with checks that were matched by their number alone, and how many."""
    found = {}
    for pair in mapping.tables:
        compared = compare_checks(*_checked_pair(source, target, pair), _target_names(pair))
        if compared.by_number:
            found[pair.source] = compared.by_number
    return found


def _checked_pair(source: Catalog, target: Catalog, pair: TableMapping) -> tuple[CheckedTable, CheckedTable]:
    return (
        CheckedTable(_with_domain_checks(source, source.table(pair.source)), source.engine),
        CheckedTable(_with_domain_checks(target, target.table(pair.target)), target.engine),
    )


def _object_losses(source: Catalog, target: Catalog, names: ObjectNames) -> Iterator[Loss]:
    """Views, triggers, routines and free sequences without a counterpart."""
    names.offer("view", (view.name for view in target.views))
    for view in source.views:
        yield from _absent(names, "view", "view", view.name)
    triggers = Counter((item.table, item.name.name.casefold()) for item in target.triggers)
    selected = {table.name for table in source.tables}
    for trigger in source.triggers:
        if trigger.table in selected or trigger.table not in _names(source):
            yield from _trigger_loss(trigger, triggers, names.tables.get(trigger.table), _tables(target))
    for routine in target.routines:
        names.offer(("routine", routine.routine_kind), [routine.name])
    for routine in source.routines:
        kind = routine.routine_kind
        yield from _absent(names, ("routine", kind), kind, routine.name, routine.called)
    names.offer("sequence", (item.name for item in target.sequences))
    drawn = _drawn_sequences(source)
    for sequence in source.sequences:
        if sequence.owned_by is None and sequence.name not in drawn:
            yield from _absent(names, "sequence", "sequence", sequence.name)


def _trigger_loss(
    trigger: Trigger, there: Counter[tuple[Name, str]], mapped: Name | None, tables: Set[Name]
) -> Iterator[Loss]:
    """A trigger is there if its table's counterpart has one of its name; a view's, if any view has."""
    name = trigger.name.name.casefold()
    places = [mapped] if mapped else [place for place, _ in there if place not in tables]
    found = next((place for place in places if there[place, name] > 0), None)
    if found is None:
        yield _loss("trigger", f"trigger {trigger.name}")
    else:
        there[found, name] -= 1


def _absent(names: ObjectNames, kind: Hashable, rule: str, name: Name, subject: str = "") -> Iterator[Loss]:
    if names.take(kind, name):
        return
    other = names.elsewhere(kind, name)
    yield _loss(rule, f"{rule} {subject or name}", f"the target has only {other}, in another schema" if other else "")


def foreign_key_subject(table: Name, key: ForeignKey) -> str:
    """How a foreign key is called in losses, orphan counts and reports: names may be missing or repeat."""
    return f"{table}({', '.join(key.columns)}) -> {key.parent}({', '.join(key.parent_columns)})"


def domain_checks(catalog: Catalog, table: Table) -> list[tuple[Column, Check]]:
    """The checks that columns have from their domains, named after table, column and check."""
    domains = {str(domain.name): domain for domain in catalog.domains}
    return [
        (column, Check(f"{table.name.name}_{column.name}_{check.name}", check.expression))
        for column in table.columns
        if column.type.domain in domains
        for check in domains[column.type.domain].checks
    ]


def inner_domains(catalog: Catalog, structured: Type) -> list[DomainType]:
    """Domains with rules of their own within a structured type."""
    found = [domain for element in structured.elements for domain in inner_domains(catalog, element)]
    inside = {element.domain for element in structured.elements}
    return found + [
        domain for domain in catalog.domains if str(domain.name) in inside and (domain.checks or not domain.nullable)
    ]


def _inner_domain_losses(catalog: Catalog, source: Table, target: Table, names: dict[str, str]) -> Iterator[Loss]:
    kept = {column.name: column.type for column in target.columns}
    for column in source.columns:
        other = kept.get(names.get(column.name, ""))
        if other is None or _holds_domain(other):
            continue
        for domain in inner_domains(catalog, column.type):
            reason = f"the rules of domain {domain.name} do not hold within the target's values"
            yield _loss("domain", f"domain {source.name}.{column.name}", reason)


def _holds_domain(structured: Type) -> bool:
    """Whether a domain stands somewhere within a type."""
    return any(element.domain or _holds_domain(element) for element in structured.elements)


def _with_domain_checks(catalog: Catalog, table: Table) -> Table:
    """A domain on one side and checks of the table on the other govern alike."""
    return replace(table, checks=(*table.checks, *(check for _, check in domain_checks(catalog, table))))


def _names(catalog: Catalog) -> set[Name]:
    return {table.name for table in catalog.tables} | {view.name for view in catalog.views}


def _loss(rule: str, subject: str, reason: str = "") -> Loss:
    return Loss(rule=rule, subject=subject, count=1, reason=reason or "the target does not have it")


def _tables(catalog: Catalog) -> set[Name]:
    return {table.name for table in catalog.tables}


def _drawn_sequences(catalog: Catalog) -> set[Name]:
    """Sequences that an identity column or a default stands for."""
    columns = [column for table in catalog.tables for column in table.columns]
    defaults = " ".join(column.default.lower() for column in columns if column.default)
    drawn = {column.identity.sequence for column in columns if column.identity and column.identity.sequence}
    return drawn | {item.name for item in catalog.sequences if item.name.name.lower() in defaults}


def _table_losses(source: Table, target: Table, pairs: dict[Name, TableMapping]) -> Iterator[Loss]:
    names = _target_names(pairs[source.name])
    yield from _key_losses(source, target, names)
    for key in source.foreign_keys:
        yield from _foreign_key_losses(key, source, target, pairs)
    yield from _index_losses(source, target, names)
    yield from _column_losses(source, target, names)
    there = {item.name.casefold() for item in target.exclusions}
    for item in source.exclusions:
        if item.name.casefold() not in there:
            yield _loss("exclusion_constraint", f"exclusion constraint {source.name}.{item.name}")
    if source.partitioning and not target.partitioning:
        yield _loss("partitioning", f"partitioning {source.name}", "the target holds the rows in one table")


def _key_losses(source: Table, target: Table, names: dict[str, str]) -> Iterator[Loss]:
    primary_there = frozenset(target.primary_key.columns) if target.primary_key else frozenset()
    unique_there = {frozenset(key.columns) for key in target.unique_keys} | {primary_there}
    unique_there |= {frozenset(part.column or "" for part in index.parts) for index in target.indexes if index.unique}
    keys = [("primary key", source.primary_key, {primary_there})] if source.primary_key else []
    for kind, key, there in [*keys, *(("unique key", key, unique_there) for key in source.unique_keys)]:
        wanted = frozenset(names.get(name, "") for name in key.columns)
        if wanted not in there:
            yield _loss(kind.replace(" ", "_"), f"{kind} {source.name}({', '.join(key.columns)})")


def _target_names(pair: TableMapping) -> dict[str, str]:
    return {column.source: column.target for column in pair.columns}


def _counterparts(key: ForeignKey, source: Table, target: Table, pairs: dict[Name, TableMapping]) -> list[ForeignKey]:
    """The target's foreign keys from the same columns to the same columns of the same parent."""
    parent = pairs.get(key.parent)
    if parent is None:
        return []
    names, parent_names = _target_names(pairs[source.name]), _target_names(parent)
    wanted = {(names.get(own), parent_names.get(up)) for own, up in zip(key.columns, key.parent_columns, strict=True)}
    return [
        candidate
        for candidate in target.foreign_keys
        if candidate.parent == parent.target
        and set(zip(candidate.columns, candidate.parent_columns, strict=False)) == wanted
    ]


def _foreign_key_losses(
    key: ForeignKey, source: Table, target: Table, pairs: dict[Name, TableMapping]
) -> Iterator[Loss]:
    subject = f"foreign key {foreign_key_subject(source.name, key)}"
    candidates = _counterparts(key, source, target, pairs)
    if not candidates:
        yield _loss("foreign_key", subject)
        return
    actions = (key.on_delete, key.on_update)
    kept = any(_acts(candidate.on_delete, candidate.on_update) == _acts(*actions) for candidate in candidates)
    if not kept and not set(actions) <= {"no_action", "restrict"}:
        yield _loss("foreign_key_action", subject, f"ON DELETE {key.on_delete}, ON UPDATE {key.on_update} is lost")
        return
    lost = min((_lost_words(key, candidate, _target_names(pairs[source.name])) for candidate in candidates), key=len)
    if lost:
        yield _loss("foreign_key_action", subject, f"{', '.join(lost)} is lost")


def _lost_words(key: ForeignKey, candidate: ForeignKey, names: dict[str, str]) -> list[str]:
    """Which columns an action changes, what a row with some NULLs must obey, and when: as far as the target differs."""
    lost = []
    changed = {names.get(column, column) for column in key.set_columns}
    if changed and changed != set(candidate.set_columns):
        lost.append(f"ON DELETE {key.on_delete} ({', '.join(key.set_columns)})")
    if key.match_full and not candidate.match_full and len(key.columns) > 1:
        lost.append("MATCH FULL")
    if key.deferrable and not candidate.deferrable:
        lost.append("DEFERRABLE")
    return lost


def _acts(on_delete: Action, on_update: Action) -> tuple[Action, ...]:
    """What a key does besides refusing; when it refuses, at once or at the end, is not compared."""
    return tuple("no_action" if action == "restrict" else action for action in (on_delete, on_update))


def _distrusted(
    source: Table, target: Table, pairs: dict[Name, TableMapping], engines: tuple[str, str]
) -> Iterator[Loss]:
    """Foreign keys that the target holds without vouching for its rows, although the source did or never could.

    SQLite and MariaDB as a target vouch for none, whatever the rows are, and Parquet files only record them: these are
    judged by the orphans alone.
    """
    if engines[1] in ("sqlite", "mariadb", "parquet"):
        return
    for key in source.foreign_keys:
        candidates = _counterparts(key, source, target, pairs)
        distrusted = bool(candidates) and not any(candidate.validated for candidate in candidates)
        if distrusted and (key.validated or engines[0] in ("sqlite", "mariadb")):
            subject = f"foreign key {foreign_key_subject(source.name, key)}"
            yield _loss("foreign_key", subject, "it stands NOT VALID: rows of today break it, new ones may not")


def _index_losses(source: Table, target: Table, names: dict[str, str]) -> Iterator[Loss]:
    """An index is there if one over the same columns and with the same uniqueness is, or a key that serves for it."""
    there = {_shape(index, {}) for index in target.indexes}
    keys = (*target.unique_keys, *([target.primary_key] if target.primary_key else []))
    there |= {(key.columns, True) for key in keys}
    for index in source.indexes:
        columns, unique = _shape(index, names)
        if (columns, unique) not in there and (columns, True) not in there:
            yield _loss("index", f"index {source.name}.{index.name}")


def _shape(index: Index, names: dict[str, str]) -> tuple[tuple[str, ...], bool]:
    parts = (names.get(part.column, part.column) if part.column else "(expression)" for part in index.parts)
    return tuple(parts), index.unique


def _check_losses(
    source: CheckedTable, target: CheckedTable, names: dict[str, str], declared: Set[str]
) -> Iterator[Loss]:
    compared = compare_checks(source, target, names)
    lost = len(compared.unmatched) - compared.spare
    if lost <= 0:
        return
    table = source.table.name
    kept = {check.name.casefold() for check in target.table.checks if check.name}
    subjects = [
        (f"check {table}.{check.name or f'{target.table.name.name}_check{number}'}", check.name.casefold() in kept)
        for number, check in compared.unmatched
    ]
    subjects.sort(key=lambda item: (item[0] not in declared, item[1]))
    for subject, _ in subjects[:lost]:
        yield _loss("check", subject)


def _column_losses(source: Table, target: Table, names: dict[str, str]) -> Iterator[Loss]:
    for column in source.columns:
        if column.name not in names:
            continue
        other = next((item for item in target.columns if item.name == names[column.name]), None)
        if other is None:
            continue
        subject = f"{source.name}.{column.name}"
        if not column.nullable and other.nullable:
            yield _loss("not_null", f"not null {subject}", "the target allows NULL there")
        if column.default is not None and other.default is None and not (other.identity or other.generated):
            yield _loss("default", f"default {subject}", f"DEFAULT {column.default} is lost")
        if column.generated and not other.generated:
            yield _loss("generated_column", f"generated column {subject}", "the target no longer computes it")
