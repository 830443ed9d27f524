"""Key values as SQL. A text is compared under its column's collation, and told apart from its equals by its bytes."""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

from kora.catalog import Table, Type
from kora.databases.base import KeyTuple, KeyValue
from kora.databases.keys import row_of
from kora.databases.mariadb.session import quoted
from kora.errors import InvalidRequest

_LONG = re.compile(r"(tiny|medium|long)?(text|blob)\b", re.IGNORECASE)


def sort_expression(table: Table, name: str) -> str:
    """What a key column is ordered by. ENUM and SET sort by number and compare as text: their number does both."""
    return f"({quoted(name)} + 0)" if _numbered(table, name) else quoted(name)


def sort_wire(table: Table, name: str) -> str:
    """How the reader takes that expression."""
    return "" if _numbered(table, name) else table.column(name).type.wire


def may_cut(table: Table) -> bool:
    """Whether ranges of the primary key are found by its index, so that no piece costs a walk through the table.

    A key of long texts has only their beginnings in its index.
    """
    key = table.primary_key.columns if table.primary_key else ()
    return bool(key) and not any(_LONG.match(table.column(name).type.declared) for name in key)


def _numbered(table: Table, name: str) -> bool:
    return table.column(name).type.kind in ("enum", "set")


def bounds(table: Table, key: Sequence[str], values: KeyTuple) -> list[str]:
    """A key's values for comparisons with `sort_expression`."""
    return [
        number(value) if _numbered(table, name) else literal(table.column(name).type, value)
        for name, value in zip(key, values, strict=True)
    ]


def key_condition(table: Table, key: Sequence[str], keys: Sequence[KeyTuple]) -> str:
    """`WHERE (a, b) IN (…)`, found by the index; for texts by bytes too, as a collation may call more equal."""
    types = [table.column(name).type for name in key]
    names = [quoted(name) for name in key]
    rows = [[literal(kind, value) for kind, value in zip(types, row, strict=True)] for row in keys]
    condition = f" WHERE {row_of(names)} IN ({', '.join(row_of(row) for row in rows)})"
    if not any(kind.kind == "text" for kind in types):
        return condition
    exact = [_bytes_of(name, kind) for name, kind in zip(names, types, strict=True)]
    same = [row_of([_bytes_of(value, kind) for value, kind in zip(row, types, strict=True)]) for row in rows]
    return f"{condition} AND {row_of(exact)} IN ({', '.join(same)})"


def _bytes_of(expression: str, kind: Type) -> str:
    return f"CAST({expression} AS BINARY)" if kind.kind == "text" else expression


def literal(kind: Type, value: KeyValue) -> str:
    """A value as the column's type has it."""
    if value is None:
        return "NULL"
    if kind.kind == "text" and isinstance(value, bytes):
        return f"_{kind.charset} X'{value.hex()}' COLLATE {kind.collation}"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if kind.kind in ("integer", "decimal", "float"):
        return number(value) + ("e0" if kind.kind == "float" and "e" not in str(value).lower() else "")
    if kind.kind == "bit":
        return f"b'{value}'"
    text = str(value)
    if kind.kind == "instant":
        text = text.removesuffix("+00")
    if kind.kind == "text":
        return f"CONVERT({_utf8(text)} USING {kind.charset}) COLLATE {kind.collation}"
    return _utf8(text)


def number(value: KeyValue) -> str:
    """A number's own digits; anything else is no value of a numeric column."""
    text = str(int(value)) if isinstance(value, bool) else str(value)
    try:
        Decimal(text)
    except InvalidOperation:
        raise InvalidRequest(f"{text!r} is no value of a numeric key") from None
    return text


def _utf8(text: str) -> str:
    return f"_utf8mb4 X'{text.encode().hex()}'"
