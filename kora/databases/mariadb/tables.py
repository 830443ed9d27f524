"""MariaDB's tables: columns, keys, indexes, foreign keys, checks, partitions. From information_schema alone.

A database is what SQL calls a schema, and a URL names one: its tables stand in the catalog without a schema, those of
other databases (as parents of foreign keys) with theirs.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from kora.catalog import (
    Action,
    Check,
    Column,
    ForeignKey,
    Generated,
    Identity,
    Index,
    IndexPart,
    Key,
    Name,
    NotModelled,
    Partitioning,
    Table,
)
from kora.databases.base import Selection
from kora.databases.mariadb.errors import by_number
from kora.databases.mariadb.products import Product
from kora.databases.mariadb.session import quoted
from kora.databases.mariadb.types import RawType, column_type
from kora.errors import AccessDenied, Busy, EngineError, SenseiError, Stopped

Row = tuple[str | None, ...]
Query = Callable[[str], list[Row]]
"""Runs a SELECT on the control session; every value as text."""

HERE = "TABLE_SCHEMA = DATABASE()"
PREFIXED = "btree over prefixes"
_BINARY = ("binary", "varbinary")
_ACTIONS: dict[str, Action] = {
    "NO ACTION": "no_action", "RESTRICT": "restrict", "CASCADE": "cascade", "SET NULL": "set_null",
    "SET DEFAULT": "set_default",
}  # fmt: skip


@dataclass
class Found:
    """Tables, and what of them no table carries."""

    tables: tuple[Table, ...] = ()
    not_modelled: list[NotModelled] = field(default_factory=list)


def read_tables(query: Query, product: Product, selection: Selection, outside: dict[str, str]) -> Found:
    """The tables of the selection, sorted by name.

    Args:
        query: Asks the server.
        product: Who answers.
        selection: Which tables.
        outside: Tables that nobody could hold still, and why: they count as unreadable.
    """
    found = Found()
    checks, json = _checks(query, product, found)
    columns = _columns(query, product, json, found)
    keys, indexes = _indexes(query, product, found)
    foreign_keys = _foreign_keys(query)
    partitions = _partitions(query)
    tables = []
    for name, kind, engine, estimate, size, counter, comment in query(
        "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH, AUTO_INCREMENT, TABLE_COMMENT"
        f" FROM information_schema.TABLES WHERE {HERE} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
        " ORDER BY TABLE_NAME"
    ):
        table = str(name)
        if not selection.includes(Name("", table)):
            continue
        if kind == "SYSTEM VERSIONED":
            found.not_modelled.append(NotModelled("row history", table, "system-versioned: only current rows are read"))
        listed = tuple(_with_counter(column, counter) for column in columns[table])
        tables.append(
            Table(
                Name("", table),
                listed,
                primary_key=next((key for key in keys[table] if not key.name), None),
                unique_keys=tuple(key for key in keys[table] if key.name),
                indexes=tuple(indexes[table]),
                foreign_keys=tuple(foreign_keys[table]),
                checks=tuple(checks[table]),
                comment=comment or None,
                partitioning=partitions.get(table),
                row_estimate=int(estimate) if estimate is not None else None,
                size_bytes=int(size) if size is not None else None,
                unreadable=outside.get(table) or _why_unreadable(query, table, listed, engine),
            )
        )
    found.tables = tuple(sorted(tables, key=lambda table: table.name))
    return found


def _with_counter(column: Column, counter: str | None) -> Column:
    if column.identity is None or counter is None:
        return column
    return Column(
        column.name, column.type, column.nullable, column.default,
        Identity(last_value=int(counter) - 1 if int(counter) > 1 else None), column.generated, column.hidden,
        column.comment,
    )  # fmt: skip


def _why_unreadable(query: Query, table: str, columns: tuple[Column, ...], engine: str | None) -> str | None:
    """Asks for no row of every column: a missing right, a crashed table or an engine that is gone show at once.

    A lock that another session holds passes, and a lost line says nothing about a table: both are raised.
    """
    if engine is None:
        return "its storage engine cannot open it"
    listed = ", ".join(quoted(column.name) for column in columns) or "1"
    try:
        query(f"SELECT {listed} FROM {quoted(table)} LIMIT 0")
    except (EngineError, AccessDenied) as problem:
        if isinstance(problem, EngineError) and isinstance(by_number(problem.sqlstate, ""), Busy | Stopped):
            raise
        return f"this login may not read it: {problem.message}"
    return None


def _columns(query: Query, product: Product, json: set[tuple[str, str]], found: Found) -> dict[str, list[Column]]:
    rows = query(
        "SELECT TABLE_NAME, COLUMN_NAME, COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE, COLUMN_TYPE,"
        " CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_NAME,"
        f" COLLATION_NAME, EXTRA, GENERATION_EXPRESSION, COLUMN_COMMENT FROM information_schema.COLUMNS WHERE {HERE}"
        " ORDER BY TABLE_NAME, ORDINAL_POSITION"
    )
    columns: dict[str, list[Column]] = defaultdict(list)
    for table, name, default, nullable, data_type, declared, *numbers, charset, collation, extra, made, comment in rows:
        length, precision, scale, digits = (None if number is None else int(number) for number in numbers)
        raw = RawType(
            str(data_type).lower(), str(declared), length, precision, scale, digits, charset, collation,
            (str(table), str(name)) in json,
        )  # fmt: skip
        notes = (extra or "").upper()
        generated = "GENERATED" in notes.replace("DEFAULT_GENERATED", "")
        stored = "STORED" in notes or "PERSISTENT" in notes
        if "ON UPDATE" in notes:
            found.not_modelled.append(NotModelled("on update", f"{table}.{name}", str(extra)))
        columns[str(table)].append(
            Column(
                str(name),
                column_type(raw),
                nullable=nullable == "YES",
                default=None if generated else _default(query, (str(table), str(name)), default, raw, product, notes),
                identity=Identity() if "AUTO_INCREMENT" in notes else None,
                generated=Generated(product.expression(made or ""), stored) if generated else None,
                hidden="INVISIBLE" in notes,
                comment=comment or None,
            )
        )
    return columns


def _default(
    query: Query, place: tuple[str, str], text: str | None, raw: RawType, product: Product, notes: str
) -> str | None:
    computed = "DEFAULT_GENERATED" in notes
    if text is not None and not computed and product.cuts_binary_defaults and raw.data_type in _BINARY:
        text = _whole_default(query, *place, text)
    bare = raw.precision is not None or raw.data_type in ("bit", *_BINARY)
    return product.default(text, computed=computed, bare=bare)


def _whole_default(query: Query, table: str, name: str, told: str) -> str:
    """A binary default with what stands behind its first NUL, as the table itself has it."""
    try:
        rows = query(f"SELECT hex(DEFAULT({quoted(name)})) FROM (SELECT 1) one LEFT JOIN {quoted(table)} ON FALSE")
    except SenseiError:  # a table that this login may not read is named as that
        return told
    return f"0x{rows[0][0]}"


def _indexes(query: Query, product: Product, found: Found) -> tuple[dict[str, list[Key]], dict[str, list[Index]]]:
    rows = query(
        f"SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, COLLATION, SUB_PART, INDEX_TYPE,"
        f" {product.key_part_expression}"
        f" FROM information_schema.STATISTICS WHERE {HERE} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"
    )
    grouped: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        expression = None if row[7] is None else product.expression(row[7])
        grouped[str(row[0]), str(row[1])].append((*row[:7], expression))
    keys: dict[str, list[Key]] = defaultdict(list)
    indexes: dict[str, list[Index]] = defaultdict(list)
    for (table, name), parts in grouped.items():
        unique = parts[0][2] == "0"
        prefixed = any(part[5] is not None for part in parts) and parts[0][6] in ("BTREE", "HASH")
        columns = tuple(str(part[3]) for part in parts if part[3] is not None)
        if name == "PRIMARY" or (unique and not prefixed and len(columns) == len(parts)):
            keys[table].append(Key("" if name == "PRIMARY" else name, columns))
            if prefixed:
                found.not_modelled.append(NotModelled("key over prefixes", table, _definition(name, parts)))
        else:
            indexes[table].append(_index(name, parts, unique, prefixed))
    return keys, indexes


def _index(name: str, parts: list[Row], unique: bool, prefixed: bool) -> Index:
    method = PREFIXED if prefixed else str(parts[0][6]).lower()
    listed = tuple(IndexPart(part[3], part[7] if part[3] is None else None, part[4] == "D") for part in parts)
    return Index(name, listed, unique, method=method, definition=_definition(name, parts))


def _definition(name: str, parts: list[Row]) -> str:
    columns = [
        (f"({part[7]})" if part[3] is None else quoted(part[3]))
        + (f"({part[5]})" if part[5] is not None else "")
        + (" DESC" if part[4] == "D" else "")
        for part in parts
    ]
    return f"{parts[0][6]} {quoted(name)} ({', '.join(columns)})"


def _foreign_keys(query: Query) -> dict[str, list[ForeignKey]]:
    rows = query(
        "SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, IF(k.REFERENCED_TABLE_SCHEMA = DATABASE(), '',"
        " k.REFERENCED_TABLE_SCHEMA), k.REFERENCED_TABLE_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE"
        " FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r"
        " ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME"
        " AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME WHERE k.TABLE_SCHEMA = DATABASE()"
        " AND k.REFERENCED_TABLE_NAME IS NOT NULL ORDER BY 1, 2, k.ORDINAL_POSITION"
    )
    grouped: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        grouped[str(row[0]), str(row[1])].append(row)
    found: dict[str, list[ForeignKey]] = defaultdict(list)
    for (table, name), parts in grouped.items():
        first = parts[0]
        found[table].append(
            ForeignKey(
                name,
                tuple(str(part[2]) for part in parts),
                Name(first[3] or "", str(first[4])),
                tuple(str(part[5]) for part in parts),
                on_delete=_ACTIONS[str(first[6])],
                on_update=_ACTIONS[str(first[7])],
            )
        )
    return found


def _checks(query: Query, product: Product, found: Found) -> tuple[dict[str, list[Check]], set[tuple[str, str]]]:
    """Checks by table; and the columns that are JSON, whose check is their type."""
    table = product.check_table
    rows = query(
        f"SELECT DISTINCT {table}, c.CONSTRAINT_NAME, c.CHECK_CLAUSE, {product.check_enforced}"
        " FROM information_schema.CHECK_CONSTRAINTS c"
        " JOIN information_schema.TABLE_CONSTRAINTS t ON t.CONSTRAINT_SCHEMA = c.CONSTRAINT_SCHEMA"
        f" AND t.CONSTRAINT_NAME = c.CONSTRAINT_NAME AND {table} = t.TABLE_NAME"
        " WHERE c.CONSTRAINT_SCHEMA = DATABASE() ORDER BY 1, 2"
    )
    checks: dict[str, list[Check]] = defaultdict(list)
    json: set[tuple[str, str]] = set()
    for owner, name, clause, enforced in rows:
        if clause == f"json_valid({quoted(str(name))})":
            json.add((str(owner), str(name)))
        elif enforced == "NO":
            found.not_modelled.append(NotModelled("check that is not enforced", f"{owner}.{name}", str(clause)))
        else:
            checks[str(owner)].append(Check(str(name), product.expression(str(clause))))
    return checks, json


def _partitions(query: Query) -> dict[str, Partitioning]:
    rows = query(
        "SELECT TABLE_NAME, PARTITION_METHOD, coalesce(PARTITION_EXPRESSION, ''), PARTITION_NAME"
        f" FROM information_schema.PARTITIONS WHERE {HERE} AND PARTITION_NAME IS NOT NULL"
        " ORDER BY 1, PARTITION_ORDINAL_POSITION"
    )
    found: dict[str, Partitioning] = {}
    for table, method, key, partition in rows:
        children = found[str(table)].children if str(table) in found else ()
        found[str(table)] = Partitioning(str(method).lower(), str(key), (*children, Name("", str(partition))))
    return found
