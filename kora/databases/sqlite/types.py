"""SQLite's declared types as value domains, and its affinities.

A column of SQLite takes any storage class, so a domain here says only what was declared: `dynamic` is set wherever the
engine does not enforce it. Affinity: sqlite.org/datatype3.html §3.1; STRICT: sqlite.org/stricttables.html.
"""

import re
from typing import Literal, TypeAlias

from kora.catalog import Kind, Type

Affinity: TypeAlias = Literal["INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC"]

INTEGER_MINIMUM = -(2**63)
INTEGER_MAXIMUM = 2**63 - 1

_DECLARED = re.compile(
    r"\s*(?P<base>[^(]*?)\s*(?:\(\s*(?P<first>[+-]?\d+)\s*(?:,\s*(?P<second>[+-]?\d+)\s*)?\).*)?\s*\Z", re.S
)
_KINDS: dict[str, Kind] = {
    "BOOL": "boolean",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DATETIME": "timestamp",
    "TIMESTAMP": "timestamp",
    "TIMESTAMPTZ": "instant",
    "TIMESTAMP WITH TIME ZONE": "instant",
    "TIME": "time",
    "JSON": "json",
    "JSONB": "json",
    "UUID": "uuid",
    "GUID": "uuid",
    "UNIQUEIDENTIFIER": "uuid",
    "NUMERIC": "decimal",
    "DECIMAL": "decimal",
    "DEC": "decimal",
    "NUMBER": "decimal",
    "MONEY": "decimal",
    "BYTEA": "bytes",
    "BINARY": "bytes",
    "VARBINARY": "bytes",
    "IMAGE": "bytes",
}
_KIND_OF_AFFINITY: dict[Affinity, Kind] = {
    "INTEGER": "integer",
    "TEXT": "text",
    "BLOB": "bytes",
    "REAL": "float",
    "NUMERIC": "dynamic",
}


def affinity(declared: str, *, strict: bool = False) -> Affinity:
    """The affinity that SQLite derives from a declared type."""
    name = declared.upper()
    if strict and name == "ANY":
        return "BLOB"
    if "INT" in name:
        return "INTEGER"
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return "TEXT"
    if "BLOB" in name or not name.strip():
        return "BLOB"
    if any(part in name for part in ("REAL", "FLOA", "DOUB")):
        return "REAL"
    return "NUMERIC"


def column_type(declared: str, *, strict: bool = False, rowid: bool = False, collation: str | None = None) -> Type:
    """The domain of a column.

    Args:
        declared: As PRAGMA table_xinfo shows it; may be empty.
        strict: The table is STRICT, so the type is enforced.
        rowid: The column is the INTEGER PRIMARY KEY, so it holds integers alone.
        collation: Its COLLATE, if not BINARY.
    """
    wire = affinity(declared, strict=strict)
    match = _DECLARED.match(declared)
    base = " ".join((match["base"] if match else declared).upper().split())
    first, second = (_number(match["first"]), _number(match["second"])) if match else (None, None)
    kind = "dynamic" if not base or (strict and base == "ANY") else _KINDS.get(base, _KIND_OF_AFFINITY[wire])
    dynamic = kind == "dynamic" or not (strict or rowid)
    named = collation if collation not in (None, "BINARY") else None
    match kind:
        case "integer":
            return Type(kind, declared, wire, minimum=INTEGER_MINIMUM, maximum=INTEGER_MAXIMUM, dynamic=dynamic)
        case "decimal":
            scale = second if second is not None else (0 if first is not None else None)
            return Type(kind, declared, wire, precision=first, scale=scale, dynamic=dynamic)
        case "float":
            return Type(kind, declared, wire, float_bits=64, dynamic=dynamic)
        case "text":
            return Type(
                kind, declared, wire, length=first, length_unit="characters" if first is not None else None,
                fixed=_is_fixed(base), charset="utf8", collation=named, dynamic=dynamic,
            )  # fmt: skip
        case "bytes":
            return Type(
                kind, declared, wire, length=first, length_unit="bytes" if first is not None else None, dynamic=dynamic
            )
        case _:
            return Type(kind, declared, wire, collation=named, dynamic=dynamic)


def _is_fixed(base: str) -> bool:
    return "CHAR" in base and "VAR" not in base


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)
