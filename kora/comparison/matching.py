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


def shared_key(
    source: Table, target: Table, columns: Sequence[ColumnMapping], declared: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], bool]:
    """The source columns by which rows are told apart, and whether the target guarantees that they are unique.

    A declared key comes first where its columns are compared: it decides only which rows are shown beside each other.
    """
    to_target = {column.source: column.target for column in columns}
    to_source = {column.target: column.source for column in columns}
    candidates = [declared, source.stable_key]
    if all(name in to_source for name in target.stable_key):
        candidates.append(tuple(to_source[name] for name in target.stable_key))
    for key in candidates:
        if key and all(name in to_target for name in key):
            unique = bool(target.stable_key) and {to_target[name] for name in key} >= set(target.stable_key)
            return key, unique
    return (), False


def split_unreadable(source: Table, target: Table, mapping: TableMapping) -> TableMapping:
    """The mapping with columns of kinds that KORA does not know moved to those that are not compared."""
    left = {column.name: column for column in source.columns}
    right = {column.name: column for column in target.columns}
    kept, excluded = [], dict(mapping.not_comparable)
    for pair in mapping.columns:
        known = pair.source in left and pair.target in right
        reason = _not_comparable(left[pair.source], right[pair.target]) if known else ""
        if reason:
            excluded[pair.source] = reason
        else:
            kept.append(pair)
    return mapping.model_copy(update={"columns": tuple(kept), "not_comparable": excluded})


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
    """Exact names first; what is left by case-fold. A name pairs up only where it is unique on both sides."""
    pairs, left, right = _pair_unique(list(source), list(target), text)
    folded, left, right = _pair_unique(left, right, lambda item: text(item).casefold())
    return [*pairs, *folded], left, right


def _pair_unique(
    source: Sequence[T], target: Sequence[T], text: Callable[[T], str]
) -> tuple[list[tuple[T, T]], list[T], list[T]]:
    named: dict[str, tuple[list[T], list[T]]] = defaultdict(lambda: ([], []))
    for place, items in enumerate((source, target)):
        for item in items:
            named[text(item)][place].append(item)
    pairs, lonely_source, lonely_target = [], list[T](), list[T]()
    for left, right in named.values():
        if len(left) == len(right) == 1:
            pairs.append((left[0], right[0]))
        else:
            lonely_source += left
            lonely_target += right
    return pairs, lonely_source, lonely_target
