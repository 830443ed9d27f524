"""DuckDB's catalog, from its `duckdb_…()` table functions. What DuckDB has no word for is not looked for.

Names in the answers come with exact case; constraint names are DuckDB's own where the author gave none.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, cast

from kora.catalog import (
    Catalog,
    Check,
    Column,
    EnumType,
    ForeignKey,
    Generated,
    Index,
    IndexPart,
    Key,
    Name,
    NotModelled,
    Routine,
    Sequence,
    Table,
    View,
)
from kora.databases.base import OWN_PREFIX, Selection
from kora.databases.duckdb.types import column_type
from kora.databases.sql_text import read_create_index, read_create_view, read_statement

Query = Callable[[str], list[tuple[Any, ...]]]
"""Runs a SELECT; DuckDB's rows have no static types."""

_HERE = "database_name = current_database()"
_FACTS = ("TimeZone", "default_collation", "default_null_order")


def read_catalog(query: Query, version: str, selection: Selection, unreadable: Callable[[Name], str | None]) -> Catalog:
    """What a DuckDB file holds.

    Args:
        query: Runs a SELECT on it.
        version: DuckDB's.
        selection: Which tables.
        unreadable: Says why a table's rows cannot be read.
    """
    columns = _columns(query)
    return Catalog(
        engine="duckdb",
        version=version,
        tables=_tables(query, columns, selection, unreadable),
        views=_views(query, columns, selection),
        routines=_routines(query),
        sequences=_sequences(query),
        enums=_enums(query),
        not_modelled=_not_modelled(query),
        facts={name: str(query(f"SELECT current_setting('{name}')")[0][0]) for name in _FACTS},
    )


def _columns(query: Query) -> dict[Name, tuple[Column, ...]]:
    """Columns of tables and views by owner, in order."""
    rows = query(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, column_default, is_generated,"
        f" generation_expression, comment FROM duckdb_columns() WHERE {_HERE} AND NOT internal"
        " ORDER BY schema_name, table_name, column_index"
    )
    found: dict[Name, list[Column]] = defaultdict(list)
    for schema, table, name, declared, nullable, default, is_generated, expression, comment in rows:
        found[Name(schema, table)].append(
            Column(
                name,
                column_type(declared),
                nullable=bool(nullable),
                default=None if is_generated else default,
                generated=Generated(expression, stored=False) if is_generated else None,
                comment=comment,
            )
        )
    return {name: tuple(columns) for name, columns in found.items()}


def _tables(
    query: Query,
    columns: dict[Name, tuple[Column, ...]],
    selection: Selection,
    unreadable: Callable[[Name], str | None],
) -> tuple[Table, ...]:
    rows = query(
        "SELECT schema_name, table_name, comment, estimated_size FROM duckdb_tables()"
        f" WHERE {_HERE} AND NOT internal AND NOT temporary ORDER BY schema_name, table_name"
    )
    constraints = _constraints(query)
    indexes = _indexes(query)
    tables = []
    for schema, table, comment, estimate in rows:
        name = Name(schema, table)
        if not selection.includes(name):
            continue
        keys = constraints[name]
        tables.append(
            Table(
                name,
                columns.get(name, ()),
                primary_key=next(iter(keys.primary), None),
                unique_keys=tuple(keys.unique),
                indexes=tuple(indexes[name]),
                foreign_keys=tuple(keys.foreign),
                checks=tuple(keys.checks),
                comment=comment,
                row_estimate=estimate,
                unreadable=unreadable(name),
            )
        )
    return tuple(tables)


class _Constraints:
    """One table's constraints by kind."""

    def __init__(self) -> None:
        self.primary: list[Key] = []
        self.unique: list[Key] = []
        self.foreign: list[ForeignKey] = []
        self.checks: list[Check] = []


def _constraints(query: Query) -> dict[Name, _Constraints]:
    rows = query(
        "SELECT schema_name, table_name, constraint_type, constraint_name, constraint_column_names, expression,"
        f" referenced_table, referenced_column_names FROM duckdb_constraints() WHERE {_HERE}"
        " ORDER BY schema_name, table_name, constraint_index"
    )
    found: dict[Name, _Constraints] = defaultdict(_Constraints)
    for schema, table, kind, name, columns, expression, parent, parent_columns in rows:
        own = found[Name(schema, table)]
        match kind:
            case "PRIMARY KEY":
                own.primary.append(Key(name or "", tuple(columns)))
            case "UNIQUE":
                own.unique.append(Key(name or "", tuple(columns)))
            case "CHECK":
                own.checks.append(Check(name or "", expression))
            case "FOREIGN KEY":
                own.foreign.append(ForeignKey(name or "", tuple(columns), Name(schema, parent), tuple(parent_columns)))
    return found


def _indexes(query: Query) -> dict[Name, list[Index]]:
    rows = query(
        f"SELECT schema_name, table_name, index_name, is_unique, sql FROM duckdb_indexes() WHERE {_HERE}"
        " AND sql IS NOT NULL ORDER BY schema_name, table_name, index_name"
    )
    found: dict[Name, list[Index]] = defaultdict(list)
    for schema, table, name, unique, sql in rows:
        text = read_create_index(sql)
        parts = tuple(_index_part(part) for part in text.parts)
        found[Name(schema, table)].append(
            Index(name, parts, unique=bool(unique), where=text.where, method="art", definition=sql)
        )
    return found


def _index_part(text: str) -> IndexPart:
    tokens = read_statement(text).tokens
    if len(tokens) == 1 and tokens[0].kind in ("word", "quoted"):
        return IndexPart(tokens[0].name)
    return IndexPart(None, text)


def _views(query: Query, columns: dict[Name, tuple[Column, ...]], selection: Selection) -> tuple[View, ...]:
    rows = query(
        "SELECT schema_name, view_name, sql, comment FROM duckdb_views()"
        f" WHERE {_HERE} AND NOT internal AND NOT temporary ORDER BY schema_name, view_name"
    )
    views = [
        View(
            Name(schema, view),
            read_create_view(sql),
            tuple(column.name for column in columns.get(Name(schema, view), ())),
            comment=comment,
        )
        for schema, view, sql, comment in rows
    ]
    return tuple(view for view in views if selection.includes(view.name))


def _routines(query: Query) -> tuple[Routine, ...]:
    rows = query(
        "SELECT schema_name, function_name, function_type, parameters, macro_definition FROM duckdb_functions()"
        f" WHERE {_HERE} AND NOT internal AND macro_definition IS NOT NULL"
        " ORDER BY schema_name, function_name, parameters"
    )
    routines = []
    for schema, name, kind, parameters, definition in rows:
        signature = ", ".join(parameters)
        body = f"TABLE {definition}" if kind == "table_macro" else definition
        text = f'CREATE MACRO "{schema}"."{name}"({signature}) AS {body}'
        routines.append(Routine(Name(schema, name), "macro", signature, "sql", text))
    return tuple(routines)


def _sequences(query: Query) -> tuple[Sequence, ...]:
    rows = query(
        "SELECT schema_name, sequence_name, start_value, increment_by, min_value, max_value, cycle, last_value"
        f" FROM duckdb_sequences() WHERE {_HERE} AND NOT temporary ORDER BY schema_name, sequence_name"
    )
    return tuple(
        Sequence(Name(schema, name), start, increment, minimum, maximum, bool(cycle), last)
        for schema, name, start, increment, minimum, maximum, cycle, last in rows
        if not schema.startswith(OWN_PREFIX) and not name.startswith(OWN_PREFIX)
    )


def _enums(query: Query) -> tuple[EnumType, ...]:
    rows = query(
        f"SELECT schema_name, type_name, labels FROM duckdb_types() WHERE {_HERE} AND NOT internal"
        " AND logical_type = 'ENUM' ORDER BY schema_name, type_name"
    )
    return tuple(EnumType(Name(schema, name), tuple(labels)) for schema, name, labels in rows)


def _not_modelled(query: Query) -> tuple[NotModelled, ...]:
    types = query(
        f"SELECT schema_name || '.' || type_name, logical_type FROM duckdb_types() WHERE {_HERE} AND NOT internal"
        " AND logical_type <> 'ENUM' ORDER BY 1"
    )
    return tuple(NotModelled("type", cast("str", name), cast("str", kind)) for name, kind in types)
