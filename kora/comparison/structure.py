"""Compares declared structure: which keys, constraints and objects of the source the target does not have.

What is missing is a declared loss with a rule of its own and the object's name, never a finding in the data: the plan
may have refused it, and a person may have approved that. Found from both catalogs alone, whoever made the target.
"""

from collections.abc import Iterable, Iterator

from kora.catalog import Catalog, ForeignKey, Index, Name, Table
from kora.comparison.mapping import Loss, Mapping, TableMapping


def structure_losses(source: Catalog, target: Catalog, mapping: Mapping) -> list[Loss]:
    """Every source object and constraint without a counterpart in the target, each with count 1.

    Views, triggers, routines, sequences and constraints are matched by what they govern (mapped columns and tables),
    objects by their bare name without regard to case. Texts of checks are not compared: their number is.
    """
    tables = {pair.source: pair.target for pair in mapping.tables}
    losses: list[Loss] = []
    for pair in mapping.tables:
        losses += _table_losses(source.table(pair.source), target.table(pair.target), pair, tables)
    target_tables = {table.name for table in target.tables}
    covered_sources = set(tables) & {table.name for table in source.tables}
    losses += _missing("view", (view.name for view in source.views), (view.name for view in target.views))
    losses += [
        _loss("missing_trigger", f"trigger {trigger.name.name} on {trigger.table}")
        for trigger in source.triggers
        if trigger.table in covered_sources or trigger.table not in {table.name for table in source.tables}
        if not _has_trigger(target, trigger.name, tables.get(trigger.table), target_tables)
    ]
    losses += _missing("routine", (item.name for item in source.routines), (item.name for item in target.routines))
    owned = [item for item in source.sequences if item.owned_by is None]
    losses += _missing("sequence", (item.name for item in owned), (item.name for item in target.sequences))
    return losses


def _loss(rule: str, subject: str, reason: str = "") -> Loss:
    return Loss(rule=rule, subject=subject, count=1, reason=reason)


def _missing(kind: str, source: Iterable[Name], target: Iterable[Name]) -> list[Loss]:
    there = {name.name.casefold() for name in target}
    return [_loss(f"missing_{kind}", f"{kind} {name}") for name in source if name.name.casefold() not in there]


def _has_trigger(target: Catalog, name: Name, table: Name | None, tables: set[Name]) -> bool:
    return any(
        trigger.name.name.casefold() == name.name.casefold() and trigger.table in tables and trigger.table == table
        for trigger in target.triggers
    )


def _table_losses(source: Table, target: Table, pair: TableMapping, tables: dict[Name, Name]) -> Iterator[Loss]:
    names = {column.source: column.target for column in pair.columns}
    subject = str(source.name)
    yield from _key_losses(source, target, names)
    for key in source.foreign_keys:
        yield from _foreign_key_losses(key, source, target, names, tables)
    there = {_index_shape(index, {}) for index in target.indexes} | {
        (tuple((name, False) for name in key.columns), True)
        for key in (*target.unique_keys, *([target.primary_key] if target.primary_key else []))
    }
    for index in source.indexes:
        shape = _index_shape(index, names)
        if shape not in there and (shape[0], True) not in there:
            yield _loss("missing_index", f"index {index.name} on {subject}")
    if len(source.checks) > len(target.checks):
        kept = {check.name.casefold() for check in target.checks}
        lost = [check for check in source.checks if not check.name or check.name.casefold() not in kept]
        for check in lost[: len(source.checks) - len(target.checks)]:
            yield _loss("missing_check", f"check {check.name or check.expression} on {subject}")
    yield from _column_losses(source, target, names)


def _key_losses(source: Table, target: Table, names: dict[str, str]) -> Iterator[Loss]:
    unique_there = {frozenset(key.columns) for key in target.unique_keys} | {
        frozenset(part.column or "" for part in index.parts) for index in target.indexes if index.unique
    }
    primary_there = frozenset(target.primary_key.columns) if target.primary_key else frozenset()
    if source.primary_key:
        wanted = frozenset(names.get(name, "") for name in source.primary_key.columns)
        if wanted != primary_there:
            yield _loss("missing_primary_key", f"primary key of {source.name}")
    for key in source.unique_keys:
        wanted = frozenset(names.get(name, "") for name in key.columns)
        if wanted not in unique_there and wanted != primary_there:
            yield _loss("missing_unique_key", f"unique key ({', '.join(key.columns)}) of {source.name}")


def _foreign_key_losses(
    key: ForeignKey, source: Table, target: Table, names: dict[str, str], tables: dict[Name, Name]
) -> Iterator[Loss]:
    subject = foreign_key_label(source.name, key)
    parent = tables.get(key.parent)
    wanted = tuple(names.get(name, "") for name in key.columns)
    for candidate in target.foreign_keys:
        if candidate.columns == wanted and candidate.parent == parent:
            if key.validated and not candidate.validated:
                yield _loss("unvalidated_foreign_key", subject, "it stands NOT VALID: old rows may break it")
            if (candidate.on_delete, candidate.on_update) != (key.on_delete, key.on_update) and _acts(key):
                yield _loss("foreign_key_action", subject, f"ON DELETE {key.on_delete}, ON UPDATE {key.on_update}")
            return
    yield _loss("missing_foreign_key", subject)


def _acts(key: ForeignKey) -> bool:
    passive = {"no_action", "restrict"}
    return not {key.on_delete, key.on_update} <= passive


def foreign_key_label(table: Name, key: ForeignKey) -> str:
    """How a foreign key is called in losses and orphan reports, in the source's names."""
    return f"foreign key {table}({', '.join(key.columns)}) → {key.parent}({', '.join(key.parent_columns)})"


def _index_shape(index: Index, names: dict[str, str]) -> tuple[tuple[tuple[str, bool], ...], bool]:
    parts = tuple((names.get(part.column or "", part.column or "(expression)"), False) for part in index.parts)
    return parts, index.unique


def _column_losses(source: Table, target: Table, names: dict[str, str]) -> Iterator[Loss]:
    for column in source.columns:
        if column.name not in names:
            continue
        other = target.column(names[column.name])
        subject = f"{source.name}.{column.name}"
        if not column.nullable and other.nullable:
            yield _loss("missing_not_null", subject)
        if column.default is not None and other.default is None and not other.identity and not other.generated:
            yield _loss("missing_default", subject, f"DEFAULT {column.default}")
        if column.generated and not other.generated:
            yield _loss("missing_generated", subject, f"GENERATED ALWAYS AS ({column.generated.expression})")
