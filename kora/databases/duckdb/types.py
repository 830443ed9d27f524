"""DuckDB's types as value domains. Source: duckdb.org/docs/stable/sql/data_types/overview."""

import re
from dataclasses import replace

from kora.catalog import Kind, Type

_INTEGERS: dict[str, tuple[int, int]] = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**63), 2**63 - 1),
    "HUGEINT": (-(2**127), 2**127 - 1),
    "UTINYINT": (0, 2**8 - 1),
    "USMALLINT": (0, 2**16 - 1),
    "UINTEGER": (0, 2**32 - 1),
    "UBIGINT": (0, 2**64 - 1),
    "UHUGEINT": (0, 2**128 - 1),
}
_PLAIN: dict[str, Kind] = {
    "BOOLEAN": "boolean",
    "VARCHAR": "text",
    "BLOB": "bytes",
    "UUID": "uuid",
    "BIT": "bit",
    "DATE": "date",
    "INTERVAL": "interval",
    "JSON": "json",
}
_TEMPORAL: dict[str, tuple[Kind, int]] = {
    "TIME": ("time", 6),
    "TIME_NS": ("time", 9),
    "TIME WITH TIME ZONE": ("timetz", 6),
    "TIMESTAMP": ("timestamp", 6),
    "TIMESTAMP_S": ("timestamp", 0),
    "TIMESTAMP_MS": ("timestamp", 3),
    "TIMESTAMP_NS": ("timestamp", 9),
    "TIMESTAMP WITH TIME ZONE": ("instant", 6),
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)\Z")
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_FIELD = re.compile(r'(?:([^" ]+)|"((?:[^"]|"")*)") (.+)\Z', re.DOTALL)
_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|.""", re.DOTALL)
_DEEPEST = 32
"""Types within each other, as many as the core reads."""
_INFINITE = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"})


def column_type(declared: str) -> Type:
    """The domain of a type as `duckdb_columns()` spells it; `unsupported` for one that is unknown or holds such a one.

    A union within another type is `unsupported` too: its NULL cannot be told from a NULL of its first alternative.
    """
    inside = _arguments(declared, "UNION")
    if inside is not None:
        return _with_fields("union", declared, inside, _DEEPEST)
    return _within(declared, _DEEPEST)


def _within(declared: str, depth: int) -> Type:
    declared = declared.strip()
    if depth == 0:
        return _unsupported(declared)
    if declared.endswith("]"):
        element, _, length = declared[:-1].rpartition("[")
        found = _nested("list", declared, (_within(element, depth - 1),))
        return replace(found, length=int(length), fixed=True) if length and found.kind == "list" else found
    inside = _arguments(declared, "STRUCT")
    if inside is not None:
        return _with_fields("struct", declared, inside, depth)
    inside = _arguments(declared, "MAP")
    if inside is not None:
        return _nested("map", declared, tuple(_within(part, depth - 1) for part in _parts(inside)))
    return _scalar(declared)


def _with_fields(kind: Kind, declared: str, inside: str, depth: int) -> Type:
    fields = [_FIELD.match(part.strip()) for part in _parts(inside)]
    if not all(fields):
        return _unsupported(declared)
    names = tuple(field[1] or field[2].replace('""', '"') for field in fields if field)
    return _nested(kind, declared, tuple(_within(field[3], depth - 1) for field in fields if field), names)


def _nested(kind: Kind, declared: str, elements: tuple[Type, ...], names: tuple[str, ...] = ()) -> Type:
    if any(element.kind == "unsupported" for element in elements):
        return _unsupported(declared)
    return Type(kind, declared, declared, elements=elements, names=names)


def _unsupported(declared: str) -> Type:
    return Type("unsupported", declared, declared)


def _arguments(declared: str, name: str) -> str | None:
    """What stands between the parentheses of `NAME(…)`."""
    if declared.startswith(f"{name}(") and declared.endswith(")"):
        return declared[len(name) + 1 : -1]
    return None


def _parts(inside: str) -> list[str]:
    """Splits at the commas outside of quotes, parentheses and brackets."""
    parts, depth = [""], 0
    for piece in _TOKEN.findall(inside):
        depth += (piece in "([") - (piece in ")]")
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def carried_type(column: Type) -> str:
    """The type as which a column's values leave DuckDB: its own, but for intervals and BIGNUM, which become text.

    In DuckDB's Arrow layout an interval's microseconds wrap beyond 292 years, and BIGNUM has a layout of its own.
    """
    inside = [carried_type(element) for element in column.elements]
    match column.kind:
        case "list":
            return f"{inside[0]}[{column.length or ''}]"
        case "map":
            return f"MAP({inside[0]}, {inside[1]})"
        case "struct" | "union":
            fields = (f"{quoted(name)} {part}" for name, part in zip(column.names, inside, strict=True))
            return f"{column.kind.upper()}({', '.join(fields)})"
        case _:
            return "VARCHAR" if column.wire in ("INTERVAL", "BIGNUM") else column.wire


def quoted(name: str) -> str:
    """A field's name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def _scalar(declared: str) -> Type:
    sentinels = ("-infinity", "infinity") if declared in _INFINITE else ()
    if declared in _INTEGERS:
        minimum, maximum = _INTEGERS[declared]
        return Type("integer", declared, declared, minimum=minimum, maximum=maximum)
    if declared in _TEMPORAL:
        kind, digits = _TEMPORAL[declared]
        return Type(kind, declared, declared, fraction_digits=digits, sentinels=sentinels)
    if declared == "BIGNUM":
        return Type("decimal", declared, declared, scale=0)
    if declared in ("FLOAT", "DOUBLE"):
        return Type(
            "float", declared, declared, float_bits=32 if declared == "FLOAT" else 64, sentinels=("-inf", "inf", "nan")
        )
    if (decimal := _DECIMAL.match(declared)) is not None:
        return Type("decimal", declared, declared, precision=int(decimal[1]), scale=int(decimal[2]))
    if declared.startswith("ENUM(") and declared.endswith(")"):
        labels = tuple(label.replace("''", "'") for label in _LABEL.findall(declared))
        return Type("enum", declared, declared, labels=labels)
    plain = _PLAIN.get(declared)
    if plain is None:
        return _unsupported(declared)
    return Type(plain, declared, declared, charset="utf8" if plain == "text" else None, sentinels=sentinels)
