"""PostgreSQL's types as value domains. Modifiers: `typmod` as each type's `*typmodin` function packs it."""

from dataclasses import dataclass, replace
from typing import Any

from kora.catalog import Kind, Name, Type

_INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
_PLAIN: dict[str, Kind] = {
    "bool": "boolean",
    "bytea": "bytes",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}
_TEXT = frozenset({"text", "varchar", "bpchar", "name", "citext"})
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


class TypeTable:
    """Every type of a database by its OID."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._types = {
            oid: RawType(Name(schema, name), typtype, base, modifier, tuple(labels or ()))
            for oid, schema, name, typtype, base, modifier, labels in rows
        }

    def column_type(self, oid: int, modifier: int, declared: str, collation: str | None) -> Type:
        """The domain of a column's type; through its CREATE DOMAIN to what lies below."""
        raw, domain = self._types[oid], None
        while raw.typtype == "d":
            domain = domain or str(raw.name)
            modifier = raw.base_modifier if modifier < 0 else modifier
            raw = self._types[raw.base]
        found = _base_type(raw, modifier, declared)
        return replace(found, collation=collation, domain=domain) if found.kind != "unsupported" else found


def _base_type(raw: RawType, modifier: int, declared: str) -> Type:
    name = raw.name.name
    if raw.typtype == "e":
        return Type("enum", declared, "enum", labels=raw.labels)
    if raw.typtype != "b" or (raw.name.schema != "pg_catalog" and name != "citext"):
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
        case "oid":
            return Type("integer", declared, name, minimum=0, maximum=2**32 - 1)
        case "float4" | "float8":
            sentinels = ("-Infinity", "Infinity", "NaN")
            return Type("float", declared, name, float_bits=32 if name == "float4" else 64, sentinels=sentinels)
        case "numeric":
            return _numeric(modifier, declared)
        case "date":
            return Type("date", declared, name, sentinels=_INFINITE)
        case "interval":
            digits = modifier & 0xFFFF if modifier >= 0 else 0xFFFF
            return Type("interval", declared, name, fraction_digits=6 if digits == 0xFFFF else digits)
        case "bit" | "varbit":
            length = modifier if modifier >= 0 else None
            return Type("bit", declared, name, length=length, length_unit="bits", fixed=name == "bit")
        case _:
            return Type("unsupported", declared, name)


def _numeric(modifier: int, declared: str) -> Type:
    """`numeric(p, s)`: p in the upper half, s in the lower 11 bits with a sign (negative from version 15)."""
    if modifier < _VARHDRSZ:
        return Type("decimal", declared, "numeric", sentinels=("-Infinity", "Infinity", "NaN"))
    packed = modifier - _VARHDRSZ
    scale = ((packed & 0x7FF) ^ 0x400) - 0x400
    return Type("decimal", declared, "numeric", precision=packed >> 16 & 0xFFFF, scale=scale, sentinels=("NaN",))
