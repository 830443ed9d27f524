"""Divisions: PostgreSQL and SQLite divide whole numbers into a whole number, MariaDB and DuckDB into a fraction.

Which of the two a `/` does is decided by the types of its operands. Where they are not known the expression is not
carried: both readings are numbers, and nobody would notice. MariaDB's `/` of exact numbers ends four digits behind the
dividend's (`div_precision_increment`, a setting of each session); no other engine's does, so it is not carried.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlglot import exp

WHOLE = frozenset({"postgresql", "sqlite"})
"""Engines whose `/` of two whole numbers is a whole number, cut towards zero."""
_Sort: TypeAlias = Literal["whole", "fraction"] | None
_WHOLE_RESULTS = (exp.Count, exp.Length)
_SAME_SORT = (exp.Paren, exp.Neg, exp.Abs, exp.Min, exp.Max)


@dataclass(frozen=True, slots=True)
class Numbers:
    """What is known of columns, by lower-cased names: those of whole numbers, of fractions, and of neither for sure."""

    whole: Set[str] = frozenset()
    fractions: Set[str] = frozenset()
    neither: Set[str] = frozenset()

    def without(self, names: Set[str]) -> "Numbers":
        """Nothing is known of these names any more."""
        return Numbers(self.whole - names, self.fractions - names)


def agreed(tables: Iterable[Numbers]) -> Numbers:
    """What several tables say of their columns where none says otherwise of one of the same name."""
    whole: frozenset[str] = frozenset()
    fractions: frozenset[str] = frozenset()
    neither: frozenset[str] = frozenset()
    for table in tables:
        whole, fractions, neither = whole | table.whole, fractions | table.fractions, neither | table.neither
    return Numbers(whole - fractions - neither, fractions - whole - neither)


class UnknownDivision(Exception):
    """A division of which nobody knows what it does. It never leaves the translator."""


def divided(tree: exp.Expr, source: str, target: str, numbers: Numbers) -> exp.Expr:
    """The tree with each division spelled so that the target gives what the source does.

    Raises `UnknownDivision` where the operands do not tell.
    """
    if target == source or (division := tree.find(exp.Div)) is None:
        return tree
    if source == "mariadb":
        raise UnknownDivision(
            f"`{division.sql()[:60]}` ends four digits behind the dividend's on MariaDB, and not on {target}"
        )
    if source not in WHOLE:
        return tree
    own = {alias.alias.lower() for alias in tree.find_all(exp.Alias, exp.TableAlias) if alias.alias}
    known = numbers.without(own)
    return tree.transform(lambda node: _spelled(node, source, target, known))


def _spelled(node: exp.Expr, source: str, target: str, numbers: Numbers) -> exp.Expr:
    if not isinstance(node, exp.Div):
        return node
    sort = _sort(node, numbers)
    if sort == "whole":
        return node if target in WHOLE else exp.IntDiv(this=node.this, expression=node.expression)
    if sort == "fraction":
        # SQLite keeps the number 5.00 as the whole number 5.
        return exp.Div(this=exp.cast(node.this, "double"), expression=node.expression) if target == "sqlite" else node
    if (source, target) == ("sqlite", "postgresql"):
        return node
    raise UnknownDivision(
        f"whether `{node.sql()[:60]}` divides whole numbers is not known, and {target} divides them otherwise"
    )


def _sort(node: exp.Expr, numbers: Numbers) -> _Sort:
    """Whether an expression gives whole numbers; None where nobody knows."""
    if isinstance(node, exp.Literal):
        return None if node.is_string else "whole" if node.name.isdigit() else "fraction"
    if isinstance(node, exp.Column):
        name = node.name.lower()
        return "whole" if name in numbers.whole else "fraction" if name in numbers.fractions else None
    if isinstance(node, exp.Cast):
        return _sort_of_type(node.to)
    if isinstance(node, _WHOLE_RESULTS):
        return "whole"
    if isinstance(node, _SAME_SORT):
        return _sort(node.this, numbers)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)):
        both = {_sort(node.left, numbers), _sort(node.right, numbers)}
        return "fraction" if "fraction" in both else "whole" if both == {"whole"} else None
    return "whole" if isinstance(node, exp.IntDiv) else None


def _sort_of_type(kind: exp.DataType) -> _Sort:
    if kind.this in exp.DataType.INTEGER_TYPES:
        return "whole"
    return "fraction" if kind.this in (*exp.DataType.REAL_TYPES, exp.DataType.Type.DECIMAL) else None
