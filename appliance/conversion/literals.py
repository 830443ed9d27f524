"""Constants of one engine as constants of another: by what they are worth, in the target's own escapes.

A constant is a text or bytes in quotes, with the casts around it that its column's type makes anyway. What a literal
of the same spelling would mean on the target never counts: `'c:\\new'` is eight characters long in MariaDB's words.
"""

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from kora.comparison.mapping import Rule

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_UTC = re.compile(r"(?P<clock>\d{1,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?)\+00(:00)?", re.ASCII)
_BLOB = re.compile(r"\\x([0-9A-Fa-f]{2})")
_NUMERIC = frozenset({"integer", "decimal", "float"})
_QUOTED = frozenset({"text", "enum", "set", "uuid", "json", "date", "time", "timestamp", "instant"})
_CASTS = (exp.Cast, exp.Paren)


def constant(text: str, dialect: str) -> str | bytes | None:
    """What a default is worth that is a text or bytes in quotes; None for any other expression."""
    try:
        tree: exp.Expr = sqlglot.parse_one(text, read=dialect)
    except (SqlglotError, RecursionError):
        return None
    while isinstance(tree, _CASTS):
        inside: exp.Expr = tree.this
        tree = inside
    if isinstance(tree, exp.HexString):
        try:
            return bytes.fromhex(tree.name)
        except ValueError:
            return None
    return tree.name if isinstance(tree, exp.Literal) and tree.is_string else None


def spelled(value: str | bytes, kind: str, source: str, target: str, rule: Rule | None) -> str | None:
    """The constant for a column of this kind, held under this representation; None where this room knows no words.

    Args:
        value: What the default is worth.
        kind: The logical kind of the column.
        source: The engine whose spelling of the kind a text is in.
        target: The engine to write for.
        rule: How the target holds the kind, where it has no type for it.
    """
    if kind == "bytes":
        held = value if isinstance(value, bytes) else _bytes(value, source)
        return None if held is None else bytes_literal(held, target)
    if isinstance(value, bytes):
        return None
    if kind in _NUMERIC:
        return value if _NUMBER.fullmatch(value) and rule is None else None
    if kind == "instant":
        return text_literal(_instant(value, target, rule), target)
    return text_literal(value, target) if kind in _QUOTED else None


def text_literal(text: str, target: str) -> str:
    """A text in quotes. MariaDB's backslash escapes, whatever stands behind it."""
    escaped = text.replace("\\", "\\\\") if target == "mariadb" else text
    return "'" + escaped.replace("'", "''") + "'"


def bytes_literal(value: bytes, target: str) -> str:
    """Bytes in the target's words."""
    if target == "postgresql":
        return f"'\\x{value.hex()}'::bytea"
    if target == "duckdb":
        return "'" + "".join(f"\\x{byte:02X}" for byte in value) + "'::BLOB"
    return f"x'{value.hex()}'"


def _bytes(text: str, source: str) -> bytes | None:
    """Bytes that an engine wrote as a text."""
    if source == "postgresql":
        digits = text.removeprefix("\\x")
        whole = len(digits) < len(text) and re.fullmatch(r"([0-9A-Fa-f]{2})*", digits)
        return bytes.fromhex(digits) if whole else None
    if source == "duckdb":
        return b"".join(
            bytes.fromhex(part) if number % 2 else part.encode() for number, part in enumerate(_BLOB.split(text))
        )
    return text.encode() if source == "mariadb" else None


def _instant(text: str, target: str, rule: Rule | None) -> str:
    """A moment as PostgreSQL and DuckDB write it under UTC, in the form of the representation that the target has."""
    found = _UTC.fullmatch(text)
    if found is None or (rule is None and target in ("postgresql", "duckdb")):
        return text
    return found["clock"] + ("Z" if rule and rule.rule == "text_date" else "")
