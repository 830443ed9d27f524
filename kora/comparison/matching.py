"""Pairs tables and columns by name where nobody declared a mapping: exactly, else by unique case-fold."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from kora.catalog import Catalog, Column, Name, Table
from kora.comparison.mapping import ColumnMapping, Mapping, TableMapping

T = TypeVar("T")


def match_catalogs(source: Catalog, target: Catalog) -> tuple[Mapping, list[Name], list[Name]]:
    """A mapping of all tables that pair up.

    Returns:
        The mapping; source tables without a partner; target tables without one. Where both engines have schemas a
        table keeps its own if the other side has one of that name; otherwise the bare name decides.
    """
    both_have = {table.name.schema for table in source.tables} & {table.name.schema for table in target.tables}

    def text(table: Table) -> str:
        return str(table.name) if table.name.schema in both_have else table.name.name

    pairs, lonely_source, lonely_target = _pair(source.tables, target.tables, text)
    mapping = Mapping(tables=tuple(match_tables(left, right) for left, right in pairs))
    return mapping, [table.name for table in lonely_source], [table.name for table in lonely_target]


def match_tables(source: Table, target: Table) -> TableMapping:
    """Pairs the columns of two tables; unreadable kinds are named as not comparable."""
    pairs, _, _ = _pair(source.columns, target.columns, lambda column: column.name)
    columns, excluded = [], {}
    for left, right in pairs:
        reason = _not_comparable(left, right)
        if reason:
            excluded[left.name] = reason
        else:
            columns.append(ColumnMapping(source=left.name, target=right.name))
    key, unique = shared_key(source, target, columns)
    return TableMapping(
        source=source.name, target=target.name, columns=tuple(columns), key=key, unique=unique, not_comparable=excluded
    )


def shared_key(source: Table, target: Table, columns: Sequence[ColumnMapping]) -> tuple[tuple[str, ...], bool]:
    """The source columns by which rows are told apart, and whether the target guarantees that they are unique."""
    to_target = {column.source: column.target for column in columns}
    to_source = {column.target: column.source for column in columns}
    candidates = [source.stable_key]
    if all(name in to_source for name in target.stable_key):
        candidates.append(tuple(to_source[name] for name in target.stable_key))
    for key in candidates:
        if key and all(name in to_target for name in key):
            unique = bool(target.stable_key) and {to_target[name] for name in key} >= set(target.stable_key)
            return key, unique
    return (), False


def unmatched_columns(source: Table, mapping: TableMapping) -> list[str]:
    """Source columns that the mapping says nothing about: their data is not in the target."""
    known = {column.source for column in mapping.columns} | set(mapping.not_comparable)
    return [column.name for column in source.columns if column.name not in known]


def _not_comparable(source: Column, target: Column) -> str:
    for side, column in (("source", source), ("target", target)):
        if column.type.kind == "unsupported":
            return f"KORA does not know the {side}'s type {column.type.declared}"
    return ""


def _pair(
    source: Iterable[T], target: Iterable[T], text: Callable[[T], str]
) -> tuple[list[tuple[T, T]], list[T], list[T]]:
    """Exact names first; what is left by case-fold, where that is unique on both sides."""
    remaining = {text(item): item for item in target}
    pairs, unpaired = [], []
    for item in source:
        name = text(item)
        if name in remaining:
            pairs.append((item, remaining.pop(name)))
        else:
            unpaired.append(item)
    folded: dict[str, list[T]] = defaultdict(list)
    for name, item in remaining.items():
        folded[name.casefold()].append(item)
    twins: dict[str, int] = defaultdict(int)
    for item in unpaired:
        twins[text(item).casefold()] += 1
    lonely = []
    for item in unpaired:
        name = text(item).casefold()
        if len(folded[name]) == 1 and twins[name] == 1:
            partner = folded.pop(name)[0]
            remaining.pop(text(partner))
            pairs.append((item, partner))
        else:
            lonely.append(item)
    return pairs, lonely, list(remaining.values())
