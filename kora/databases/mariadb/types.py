"""MariaDB's and MySQL's column types as value domains. Limits: MariaDB documentation, "Data Types"."""

import re
from dataclasses import dataclass

from kora.catalog import Kind, Type

_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_BYTES = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
_GEOMETRIES = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
     "geometrycollection", "geomcollection"}
)  # fmt: skip
_LABEL = re.compile(r"'((?:[^'\\]|\\.|'')*)'", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)|''", re.DOTALL)
_CONTROLS = {"0": "\0", "n": "\n", "r": "\r"}
_BIT = re.compile(r"bit\((\d+)\)")
_VECTOR = re.compile(r"vector\((\d+)\)")
_YEARS = (0, 2155)
ZERO_DATE = "0000-00-00"
_MOMENTS: dict[str, tuple[Kind, str]] = {
    "date": ("date", "date"),
    "datetime": ("timestamp", "datetime"),
    "timestamp": ("instant", "timestamp"),
    "time": ("time", "time"),
}
_DECODED_SETS = frozenset({
    "armscii8", "ascii", "big5", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932", "dec8",
    "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r",
    "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "tis620", "ucs2", "ujis", "utf16",
    "utf16le", "utf32", "utf8", "utf8mb3", "utf8mb4",
})  # fmt: skip
"""Character sets that the core's reader decodes; swe7 is the one it does not."""


@dataclass(frozen=True, slots=True)
class RawType:
    """A row of information_schema.COLUMNS, as far as it says what values may stand there."""

    data_type: str
    column_type: str
    length: int | None
    precision: int | None
    scale: int | None
    fraction_digits: int | None
    charset: str | None
    collation: str | None
    json: bool = False
    """A text column whose own check demands JSON: what MariaDB makes of the type JSON."""


def column_type(raw: RawType) -> Type:
    """The domain of a column."""
    name, declared = raw.data_type, raw.column_type
    if name in _INTEGER_BITS:
        return _integer(_INTEGER_BITS[name], declared)
    if name == "decimal":
        return Type("decimal", declared, "decimal", precision=raw.precision, scale=raw.scale)
    if name in ("float", "double"):
        return Type("float", declared, "float", float_bits=32 if name == "float" else 64)
    if name == "year":
        return Type("integer", declared, "integer", minimum=_YEARS[0], maximum=_YEARS[1])
    if name == "bit":
        found = _BIT.match(declared)
        bits = int(found[1]) if found else 1
        return Type("bit", declared, f"bit({bits})", length=bits, length_unit="bits", fixed=True)
    if name in _MOMENTS:
        return _moment(raw)
    if name in _TEXTS or name in ("enum", "set"):
        return _text(raw) if raw.charset in _DECODED_SETS else Type("unsupported", declared, name, charset=raw.charset)
    if name in _BYTES:
        sized = name in ("binary", "varbinary")
        return Type(
            "bytes", declared, "bytes", length=raw.length if sized else None, length_unit="bytes" if sized else None,
            fixed=name == "binary",
        )  # fmt: skip
    if name == "json":
        return Type("json", declared, "json:utf8mb4", charset="utf8mb4")
    if name in _GEOMETRIES:
        return Type("geometry", declared, "geometry")
    if name in ("inet4", "inet6"):
        return Type("inet", declared, "inet")
    if name == "vector":
        return _vector(declared)
    return Type("uuid", declared, "uuid") if name == "uuid" else Type("unsupported", declared, name)


def _vector(declared: str) -> Type:
    """A list of singles."""
    found = _VECTOR.match(declared)
    single = Type("float", "float", "float", float_bits=32)
    return Type("list", declared, "vector", elements=(single,), length=int(found[1]) if found else None, fixed=True)


def _integer(bits: int, declared: str) -> Type:
    """`tinyint(1)` is a number like the others: that its values are truths is for the survey to show."""
    if "unsigned" in declared:
        return Type("integer", declared, "integer", minimum=0, maximum=2**bits - 1)
    half = 2 ** (bits - 1)
    return Type("integer", declared, "integer", minimum=-half, maximum=half - 1)


def _moment(raw: RawType) -> Type:
    kind, wire = _MOMENTS[raw.data_type]
    digits = None if kind == "date" else raw.fraction_digits or 0
    sentinels = () if kind == "time" else (ZERO_DATE,)
    return Type(kind, raw.column_type, wire, fraction_digits=digits, sentinels=sentinels)


def _text(raw: RawType) -> Type:
    if raw.data_type in ("enum", "set"):
        labels = tuple(_ESCAPED.sub(_unescaped, label) for label in _LABEL.findall(raw.column_type))
        if raw.data_type == "set":
            return _set(raw, labels)
        wire = f"marked enum:{raw.charset}" if "" in labels else f"enum:{raw.charset}"
        return Type(
            "enum", raw.column_type, wire, labels=labels, charset=raw.charset, collation=raw.collation, sentinels=("0",)
        )
    if raw.json:
        return Type("json", "json", f"json:{raw.charset}", charset=raw.charset)
    sized = raw.data_type in ("char", "varchar")
    return Type(
        "text", raw.column_type, f"text:{raw.charset}", length=raw.length if sized else None,
        length_unit="characters" if sized else None, fixed=raw.data_type == "char", charset=raw.charset,
        collation=raw.collation,
    )  # fmt: skip


def _unescaped(found: re.Match[str]) -> str:
    """What stands behind a backslash in a declaration, which escapes in any sql_mode; two quotes are one."""
    return "'" if found[1] is None else _CONTROLS.get(found[1], found[1])


def _set(raw: RawType, labels: tuple[str, ...]) -> Type:
    """A set with an empty label cannot be told from one without labels: its text is the same."""
    if "" in labels:
        return Type("unsupported", raw.column_type, "set", labels=labels)
    return Type(
        "set", raw.column_type, f"set:{raw.charset}", labels=labels, charset=raw.charset, collation=raw.collation
    )
