"""Compares declared structure: which keys, constraints and objects of the source the target does not have.

What is missing is a declared loss with a rule of its own and the object's name, never a finding in the data: a plan may
have refused it, and a person may have approved that. Found from both catalogs alone, whoever made the target. The
rules (`view`, `trigger`, `foreign_key` …) and subjects are those of the plan's loss ledger, so that approvals match.
"""

from collections.abc import Iterable, Iterator, Set
from dataclasses import replace

from kora.catalog import Catalog, Check, Column, ForeignKey, Index, Name, Table
from kora.comparison.mapping import Loss, Mapping, TableMapping


def structure_losses(
    source: Catalog, target: Catalog, mapping: Mapping, declared: Set[str] = frozenset()
) -> list[Loss]:
    """Every source object and constraint without a counterpart in the target, each with count 1.

    Constraints are matched by what they govern (mapped tables and columns), other objects by their bare name without
    regard to case. Texts of checks are not compared: their number is; `declared` holds subjects that a plan names, and
    decides which checks of a table count as the missing ones.
    """
    pairs = {pair.source: pair for pair in mapping.tables}
    losses: list[Loss] = []
    for pair in mapping.tables:
        left = _with_domain_checks(source, source.table(pair.source))
        right = _with_domain_checks(target, target.table(pair.target))
        losses += _table_losses(left, right, pairs, declared)
        losses += _distrusted(left, right, pairs, (source.engine, target.engine))
    losses += _missing("view", (view.name for view in source.views), (view.name for view in target.views))
    selected = {table.name for table in source.tables}
    triggers = [item for item in source.triggers if item.table in selected or item.table not in _names(source)]
    losses += _missing("trigger", (item.name for item in triggers), (item.name for item in target.triggers))
    there = {(item.routine_kind, item.name.name.casefold()) for item in target.routines}
    losses += [
        _loss(item.routine_kind, f"{item.routine_kind} {item.name}{item.signature}")
        for item in source.routines
        if (item.routine_kind, item.name.name.casefold()) not in there
    ]
    drawn = _drawn_sequences(source)
    free = [item.name for item in source.sequences if item.owned_by is None and item.name not in drawn]
    return losses + _missing("sequence", free, (item.name for item in target.sequences))


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


def _with_domain_checks(catalog: Catalog, table: Table) -> Table:
    """A domain on one side and checks of the table on the other govern alike."""
    return replace(table, checks=(*table.checks, *(check for _, check in domain_checks(catalog, table))))


def _names(catalog: Catalog) -> set[Name]:
    return {table.name for table in catalog.tables} | {view.name for view in catalog.views}


def _loss(rule: str, subject: str, reason: str = "") -> Loss:
    return Loss(rule=rule, subject=subject, count=1, reason=reason or "the target does not have it")


def _missing(kind: str, source: Iterable[Name], target: Iterable[Name]) -> list[Loss]:
    there = {name.name.casefold() for name in target}
    return [_loss(kind, f"{kind} {name}") for name in source if name.name.casefold() not in there]


def _drawn_sequences(catalog: Catalog) -> set[Name]:
    """Sequences that an identity column or a default stands for."""
    columns = [column for table in catalog.tables for column in table.columns]
    defaults = " ".join(column.default.lower() for column in columns if column.default)
    drawn = {column.identity.sequence for column in columns if column.identity and column.identity.sequence}
    return drawn | {item.name for item in catalog.sequences if item.name.name.lower() in defaults}


def _table_losses(source: Table, target: Table, pairs: dict[Name, TableMapping], declared: Set[str]) -> Iterator[Loss]:
    names = _target_names(pairs[source.name])
    yield from _key_losses(source, target, names)
    for key in source.foreign_keys:
        yield from _foreign_key_losses(key, source, target, pairs)
    yield from _index_losses(source, target, names)
    yield from _check_losses(source, target, declared)
    yield from _column_losses(source, target, names)
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
    kept = any((candidate.on_delete, candidate.on_update) == actions for candidate in candidates)
    if not kept and not set(actions) <= {"no_action", "restrict"}:
        yield _loss("foreign_key_action", subject, f"ON DELETE {key.on_delete}, ON UPDATE {key.on_update} is lost")


def _distrusted(
    source: Table, target: Table, pairs: dict[Name, TableMapping], engines: tuple[str, str]
) -> Iterator[Loss]:
    """Foreign keys that the target holds without vouching for its rows, although the source did or never could.

    SQLite and MariaDB as a target vouch for none, whatever the rows are: their keys are judged by the orphans alone.
    """
    if engines[1] in ("sqlite", "mariadb"):
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


def _check_losses(source: Table, target: Table, declared: Set[str]) -> Iterator[Loss]:
    lost = len(source.checks) - len(target.checks)
    if lost <= 0:
        return
    kept = {check.name.casefold() for check in target.checks if check.name}
    subjects = [
        f"check {source.name}.{check.name or f'{target.name.name}_check{number}'}"
        for number, check in enumerate(source.checks, start=1)
        if not check.name or check.name.casefold() not in kept
    ]
    subjects.sort(key=lambda subject: subject not in declared)
    for subject in subjects[:lost]:
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
