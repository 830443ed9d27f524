"""PostgreSQL's types as value domains. Modifiers: `typmod` as each type's `*typmodin` function packs it.

`Type.wire` is what the core's reader decodes by: a `pg_type` name, or the expression of a nested type, as
`array<int4>`, `range<date>`, `composite<"street" text,"number" int4>`.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from kora.catalog import Kind, Name, Type

_INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
_PLAIN: dict[str, Kind] = {
    "bool": "boolean",
    "bytea": "bytes",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}
_TEXT = frozenset({"text", "varchar", "bpchar", "name", "citext", "xml", "jsonpath"})
_OF_EXTENSIONS = frozenset({"citext", "hstore"})
_POINTS = {
    "point": ("x", "y"), "line": ("a", "b", "c"), "lseg": ("x1", "y1", "x2", "y2"), "box": ("x1", "y1", "x2", "y2"),
    "circle": ("x", "y", "r"),
}  # fmt: skip
_PATH = ("closed", "points")
_UNSIGNED = {"oid": 32, "xid": 32, "cid": 32, "xid8": 64, "pg_lsn": 64}
_OPAQUE = frozenset({"tsvector", "tsquery", "txid_snapshot", "pg_snapshot", "tid"})
"""Types whose bytes only a PostgreSQL reads, the same on every one; see the core's `readers/postgres/types.rs`."""
ENDLESS_INTERVALS = 17
"""The version from which intervals may be infinite."""
_DEEPEST = 16
"""Types within each other that are still read; the core's own limit lies above."""
_TEMPORAL: dict[str, Kind] = {
    "time": "time",
    "timetz": "timetz",
    "timestamp": "timestamp",
    "timestamptz": "instant",
}
_INFINITE = ("-infinity", "infinity")
_VARHDRSZ = 4


@dataclass(frozen=True, slots=True)
class RawType:
    """A row of pg_type, as far as it matters."""

    name: Name
    typtype: str
    base: int
    base_modifier: int
    labels: tuple[str, ...]
    element: int = 0
    """Of an array, a range or a multirange: the type of what it holds; 0 for all others."""
    structure: Literal["array", "range", "multirange", "struct"] | None = None
    fields: tuple[tuple[str, int, int, str], ...] = ()
    """Of a composite type: name, type, modifier and declaration of each field."""


class TypeTable:
    """Every type of a database by its OID."""

    def __init__(self, rows: list[tuple[Any, ...]], money_digits: int = 2, *, endless: bool = False) -> None:
        """`money_digits`: those of `lc_monetary`. `endless`: whether intervals may be infinite on this server."""
        self._types = {row[0]: _raw_type(*row[1:]) for row in rows}
        self._money_digits, self._endless = money_digits, endless

    def column_type(self, oid: int, modifier: int, declared: str, collation: str | None) -> Type:
        """The domain of a column's type; through its CREATE DOMAIN to what lies below."""
        return self._found(oid, modifier, declared, collation, 0)

    def _found(self, oid: int, modifier: int, declared: str, collation: str | None, depth: int) -> Type:
        raw, domain = self._types[oid], None
        while raw.typtype == "d":
            domain = domain or str(raw.name)
            modifier = raw.base_modifier if modifier < 0 else modifier
            raw = self._types[raw.base]
        if raw.structure:
            found = self._nested(raw, raw.structure, modifier, declared, depth)
        elif raw.name.name == "money" and raw.name.schema == "pg_catalog":
            found = Type("money", declared, "money", scale=self._money_digits)
        elif raw.name.name == "interval" and raw.name.schema == "pg_catalog":
            found = _interval(modifier, declared, endless=self._endless)
        else:
            found = _base_type(raw, modifier, declared)
        if found.kind == "unsupported":
            return found
        # An array of a created type is created by nobody: its element is.
        created = raw.name if raw.name.schema != "pg_catalog" and raw.structure != "array" else None
        return replace(found, collation=collation, domain=domain, created=created)

    def _nested(self, raw: RawType, structure: Kind, modifier: int, declared: str, depth: int) -> Type:
        """A type made of types; unsupported where one of them is, or where they nest too deeply."""
        if depth == _DEEPEST:
            return Type("unsupported", declared, raw.name.name)
        parts = [self._found(oid, mod, text, None, depth + 1) for _, oid, mod, text in raw.fields]
        if structure != "struct":
            element = _spelled(self._types[raw.element].name)
            parts = [self._found(raw.element, modifier, element, None, depth + 1)]
        if any(part.kind == "unsupported" for part in parts):
            return Type("unsupported", declared, raw.name.name)
        if structure != "struct":
            return Type(structure, declared, f"{structure}<{parts[0].wire}>", elements=tuple(parts))
        names = tuple(field[0] for field in raw.fields)
        inside = ",".join(f"{_quoted(name)} {part.wire}" for name, part in zip(names, parts, strict=True))
        return Type("struct", declared, f"composite<{inside}>", elements=tuple(parts), names=names)


def _raw_type(
    schema: str, name: str, typtype: str, base: int, modifier: int, labels: list[str] | None,
    element: int | None, bound: int | None, bound_of_many: int | None, fields: str | None,
) -> RawType:  # fmt: skip
    plain = RawType(Name(schema, name), typtype, base, modifier, tuple(labels or ()))
    if typtype == "c":
        parts = tuple((field, oid, mod, text) for field, oid, mod, text in json.loads(fields or "[]"))
        return replace(plain, structure="struct", fields=parts)
    if bound:
        return replace(plain, structure="range", element=bound)
    if bound_of_many:
        return replace(plain, structure="multirange", element=bound_of_many)
    return replace(plain, structure="array", element=element) if element else plain


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _spelled(name: Name) -> str:
    return name.name if name.schema == "pg_catalog" else f"{name.schema}.{name.name}"


def _base_type(raw: RawType, modifier: int, declared: str) -> Type:
    name = raw.name.name
    if raw.typtype == "e":
        return Type("enum", declared, "enum", labels=raw.labels)
    if raw.typtype != "b" or (raw.name.schema != "pg_catalog" and name not in _OF_EXTENSIONS):
        return Type("unsupported", declared, name)
    if name in _INTEGERS:
        bits = _INTEGERS[name]
        return Type("integer", declared, name, minimum=-(2**bits), maximum=2**bits - 1)
    if name in _TEXT:
        return _text(name, modifier, declared)
    if name in _TEMPORAL:
        sentinels = _INFINITE if name.startswith("timestamp") else ()
        digits = modifier if modifier >= 0 else 6
        return Type(_TEMPORAL[name], declared, name, fraction_digits=digits, sentinels=sentinels)
    if name in _PLAIN:
        return Type(_PLAIN[name], declared, name)
    return _number_or_rest(name, modifier, declared)


def _text(name: str, modifier: int, declared: str) -> Type:
    if name == "name":
        return Type("text", declared, name, length=63, length_unit="bytes", charset="utf8")
    length = modifier - _VARHDRSZ if modifier >= _VARHDRSZ else None
    return Type(
        "text", declared, name, length=length, length_unit="characters" if length is not None else None,
        fixed=name == "bpchar", charset="utf8",
    )  # fmt: skip


def _number_or_rest(name: str, modifier: int, declared: str) -> Type:
    match name:
        case "oid" | "xid" | "cid" | "xid8" | "pg_lsn":
            return Type("integer", declared, name, minimum=0, maximum=2 ** _UNSIGNED[name] - 1)
        case "inet" | "cidr":
            return Type("inet" if name == "inet" else "cidr", declared, name)
        case "macaddr" | "macaddr8":
            return Type("macaddr", declared, name, length=6 if name == "macaddr" else 8, length_unit="bytes")
        case "char":
            return Type("bytes", declared, name, length=1, length_unit="bytes", fixed=True)
        case "hstore":
            text = Type("text", "text", "text", charset="utf8")
            return Type("map", declared, name, elements=(text, text))
        case "point" | "line" | "lseg" | "box" | "circle":
            names = _POINTS[name]
            double = Type("float", "double precision", "float8", float_bits=64)
            return Type("struct", declared, name, elements=(double,) * len(names), names=names)
        case "float4" | "float8":
            sentinels = ("-Infinity", "Infinity", "NaN")
            return Type("float", declared, name, float_bits=32 if name == "float4" else 64, sentinels=sentinels)
        case "numeric":
            return _numeric(modifier, declared)
        case "date":
            return Type("date", declared, name, sentinels=_INFINITE)
        case "bit" | "varbit":
            length = modifier if modifier >= 0 else None
            return Type("bit", declared, name, length=length, length_unit="bits", fixed=name == "bit")
        case "polygon" | "path":
            return _polygon(name, declared)
        case _:
            return Type("opaque" if name in _OPAQUE else "unsupported", declared, name)


def _interval(modifier: int, declared: str, *, endless: bool) -> Type:
    """An interval; its wire form says whether the longest ones stand for infinities."""
    digits = modifier & 0xFFFF if modifier >= 0 else 0xFFFF
    wire = f"interval{ENDLESS_INTERVALS}" if endless else "interval"
    sentinels = _INFINITE if endless else ()
    return Type("interval", declared, wire, fraction_digits=6 if digits == 0xFFFF else digits, sentinels=sentinels)


def _polygon(name: str, declared: str) -> Type:
    """A polygon is a list of points; a path says besides whether its ends are joined."""
    double = Type("float", "double precision", "float8", float_bits=64)
    point = Type("struct", "point", "point", elements=(double, double), names=_POINTS["point"])
    if name == "polygon":
        return Type("list", declared, name, elements=(point,))
    points = Type("list", "polygon", "polygon", elements=(point,))
    return Type("struct", declared, name, elements=(Type("boolean", "boolean", "bool"), points), names=_PATH)


def _numeric(modifier: int, declared: str) -> Type:
    """`numeric(p, s)`: p in the upper half, s in the lower 11 bits with a sign (negative from version 15)."""
    if modifier < _VARHDRSZ:
        return Type("decimal", declared, "numeric", sentinels=("-Infinity", "Infinity", "NaN"))
    packed = modifier - _VARHDRSZ
    scale = ((packed & 0x7FF) ^ 0x400) - 0x400
    return Type("decimal", declared, "numeric", precision=packed >> 16 & 0xFFFF, scale=scale, sentinels=("NaN",))
