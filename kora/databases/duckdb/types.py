"""DuckDB's types as value domains. Source: duckdb.org/docs/stable/sql/data_types/overview."""

import re

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
_INFINITE = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"})


def column_type(declared: str) -> Type:
    """The domain of a type as `duckdb_columns()` spells it. Nested and unknown ones are `unsupported`."""
    sentinels = ("-infinity", "infinity") if declared in _INFINITE else ()
    if declared in _INTEGERS:
        minimum, maximum = _INTEGERS[declared]
        return Type("integer", declared, declared, minimum=minimum, maximum=maximum)
    if declared in _TEMPORAL:
        kind, digits = _TEMPORAL[declared]
        return Type(kind, declared, declared, fraction_digits=digits, sentinels=sentinels)
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
        return Type("unsupported", declared, declared)
    return Type(plain, declared, declared, charset="utf8" if plain == "text" else None, sentinels=sentinels)
