"""The source's side of one table of the target: what it declares, spelled as the target spells it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kora.catalog import Catalog, Column, ForeignKey, Key, Name, Table
from kora.comparison.mapping import Mapping as TableMappings
from kora.databases.base import Database


@dataclass(frozen=True, slots=True)
class Origin:
    """`columns`: its columns' names on the target. `ruled`: those of the target that are read through a rule, so that a
    value of one side is not the same value on the other. `parents`: the source's tables, with their names
    and their columns' names on the target.
    """

    database: Database
    catalog: Catalog
    table: Table
    columns: Mapping[str, str]
    ruled: frozenset[str]
    parents: Mapping[Name, tuple[Name, Mapping[str, str]]]

    def column(self, target: str) -> Column | None:
        """The column that became one of the target's."""
        names = [source for source, there in self.columns.items() if there == target]
        return self.table.column(names[0]) if names else None

    def required(self) -> list[str]:
        """Columns that the source declares NOT NULL."""
        found = [column.name for column in self.table.columns if not column.nullable and column.generated is None]
        return [self.columns[name] for name in found if name in self.columns]

    def keys(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """The source's keys all of whose columns came over."""
        for word, columns in keys_of(self.table):
            if all(name in self.columns for name in columns):
                yield word, tuple(self.columns[name] for name in columns)

    def references(self) -> Iterator[ForeignKey]:
        """The source's references whose columns and parents came over, parent columns under the source's names."""
        for foreign in self.table.foreign_keys:
            parent, renamed = self.parents.get(foreign.parent, (None, {}))
            if parent is not None and all(name in self.columns for name in foreign.columns):
                there = tuple(renamed.get(name, name) for name in foreign.parent_columns)
                here = tuple(self.columns[name] for name in foreign.columns)
                yield replace(foreign, columns=here, parent=parent, parent_columns=there)


def keys_of(table: Table) -> list[tuple[str, tuple[str, ...]]]:
    """A table's primary key, unique keys, and unique indexes of plain columns."""
    keys: list[Key] = list(table.unique_keys)
    found = [("PRIMARY KEY", table.primary_key.columns)] if table.primary_key else []
    found += [("UNIQUE", key.columns) for key in keys]
    for index in table.indexes:
        columns = tuple(part.column for part in index.parts if part.column)
        if index.unique and not index.where and len(columns) == len(index.parts):
            found.append(("UNIQUE", columns))
    return found


def origins_of(mapping: TableMappings, database: Database, catalog: Catalog) -> dict[Name, Origin]:
    """Target table → its origin."""
    known = {table.name: table for table in catalog.tables if not table.unreadable}
    renamed = {pair.source: {column.source: column.target for column in pair.columns} for pair in mapping.tables}
    parents = {pair.source: (pair.target, renamed[pair.source]) for pair in mapping.tables}
    found = {}
    for pair in mapping.tables:
        if pair.source not in known:
            continue
        ruled = frozenset(
            column.target
            for column in pair.columns
            if column.source_representation or column.target_representation or column.policies
        )
        found[pair.target] = Origin(database, catalog, known[pair.source], renamed[pair.source], ruled, parents)
    return found
