"""LIKE: which character escapes, and whether case counts, is another matter on each engine.

PostgreSQL and MariaDB take a backslash for the escape character where no ESCAPE names one; SQLite and DuckDB take none.
SQLite's LIKE is blind to the case of ASCII letters, the others' is not (MariaDB's is the column's collation).
"""

import re

from sqlglot import exp

_ESCAPES = frozenset({"postgresql", "mariadb"})
"""Engines on which a backslash escapes by itself."""
_LETTER = re.compile("[A-Za-z]", re.ASCII)
_GLOB = {"%": "*", "_": "?"}


class UnknownPattern(Exception):
    """A pattern that the target would match otherwise. It never leaves the translator."""


def like(node: exp.Expr, source: str, target: str) -> exp.Expr:
    """What stands in place of one `LIKE`, with its ESCAPE; the node itself where there is nothing to change.

    Raises `UnknownPattern` where the target has no words for it.
    """
    if not isinstance(node, exp.Like) or isinstance(node.parent, exp.Escape) or source == target:
        return _escaped_by_name(node, source, target)
    if source in ("postgresql", "duckdb") and target == "sqlite":
        return _sensitive(node, "\\" if source in _ESCAPES else "")
    node = _of_any_case(node, target) if source == "sqlite" else node
    if source in _ESCAPES and target not in _ESCAPES:
        pattern = _literal(node.expression)
        plain = pattern is not None and "\\" not in pattern
        return node if plain else exp.Escape(this=node, expression=exp.Literal.string("\\"))
    if source not in _ESCAPES and target in _ESCAPES:
        pattern = _literal(node.expression)
        if pattern is None:
            raise UnknownPattern(f"a backslash in a pattern that is no constant would escape on {target}")
        node.set("expression", exp.Literal.string(pattern.replace("\\", "\\\\")))
    return node


def _escaped_by_name(node: exp.Expr, source: str, target: str) -> exp.Expr:
    inner = node.this if isinstance(node, exp.Escape) else None
    if not isinstance(inner, exp.Like) or source == target:
        return node
    if source in ("postgresql", "duckdb") and target == "sqlite":
        escape = _literal(node.expression)
        if escape is None:
            raise UnknownPattern("its escape character is no constant")
        return _sensitive(inner, escape)
    return exp.Escape(this=_of_any_case(inner, target), expression=node.expression) if source == "sqlite" else node


def _sensitive(node: exp.Like, escape: str) -> exp.Expr:
    """SQLite's GLOB, where case counts; a LIKE without letters matches alike."""
    pattern = _literal(node.expression)
    if pattern is None:
        raise UnknownPattern("a LIKE whose pattern is no constant is blind to case on SQLite")
    if not _LETTER.search(pattern):
        return exp.Escape(this=node, expression=exp.Literal.string(escape)) if escape and escape in pattern else node
    glob, characters = "", iter(pattern)
    for character in characters:
        if escape and character == escape:
            taken = next(characters, "")
            glob += f"[{taken}]" if taken in "*?[" and taken else taken
        else:
            glob += _GLOB.get(character, f"[{character}]" if character in "*?[" else character)
    return exp.Glob(this=node.this, expression=exp.Literal.string(glob))


def _of_any_case(node: exp.Like, target: str) -> exp.Expr:
    """SQLite's LIKE on an engine where case counts."""
    pattern = _literal(node.expression)
    if pattern is not None and not _LETTER.search(pattern):
        return node
    if target not in ("postgresql", "duckdb"):
        raise UnknownPattern(f"SQLite's LIKE is blind to case, {target}'s is not")
    return exp.ILike(this=node.this, expression=node.expression)


def _literal(node: exp.Expr) -> str | None:
    """The text of a constant, whatever casts to text stand around it."""
    while isinstance(node, (exp.Cast, exp.Paren)):
        inside: exp.Expr = node.this
        node = inside
    return node.name if isinstance(node, exp.Literal) and node.is_string else None
