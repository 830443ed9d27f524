"""Whether two check constraints say the same in two engines' words: their expressions as trees, brought to one form.

Engines store a check in a spelling of their own (PostgreSQL keeps `x IN ('a')` as `x = ANY (ARRAY['a'::text])`). What
spellings add is taken away: parentheses, casts that say nothing, BETWEEN and IN in their long forms, quotes and case of
names. Two expressions that then are one tree say the same; of two others nothing is claimed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kora.catalog import Check, Table

if TYPE_CHECKING:
    from sqlglot import exp

_DIALECTS = {"postgresql": "postgres", "csv": "duckdb"}
_NUMERIC_CASTS = frozenset({"DECIMAL", "DOUBLE", "INT", "BIGINT", "SMALLINT"})


@dataclass(frozen=True, slots=True)
class CheckedTable:
    """A table whose checks are compared, and the engine that wrote them."""

    table: Table
    engine: str


@dataclass(frozen=True, slots=True)
class ComparedChecks:
    """`unmatched`: source checks without an equal tree on the target; so many of the target's have none either."""

    unmatched: tuple[tuple[int, Check], ...]
    spare: int

    @property
    def by_number(self) -> int:
        """Checks that stand on both sides by their number alone."""
        return min(len(self.unmatched), self.spare)


def compare_checks(source: CheckedTable, target: CheckedTable, names: Mapping[str, str]) -> ComparedChecks:
    """Pairs checks whose trees are equal once source columns are called as on the target.

    Args:
        source: Its checks are numbered from 1 as the catalog lists them.
        target: Its counterpart.
        names: Source column → target column.
    """
    numbered = list(enumerate(source.table.checks, start=1))
    if not numbered or not target.table.checks:
        return ComparedChecks(tuple(numbered), len(target.table.checks))
    renamed = {left.casefold(): right.casefold() for left, right in names.items()}
    there = [_tree(check, target, lambda name: name) for check in target.table.checks]
    unmatched = []
    for number, check in numbered:
        tree = _tree(check, source, lambda name: renamed.get(name, name))
        if tree is not None and tree in there:
            there.remove(tree)
        else:
            unmatched.append((number, check))
    return ComparedChecks(tuple(unmatched), len(there))


def _tree(check: Check, side: CheckedTable, rename: Callable[[str], str]) -> str | None:
    """The expression's one spelling; None where it cannot be parsed."""
    import sqlglot  # here, since it costs a tenth of a second and most pairs have no checks
    from sqlglot import exp
    from sqlglot.errors import ErrorLevel, SqlglotError

    texts = {column.name.casefold() for column in side.table.columns if column.type.kind == "text"}

    def simplified(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Paren) or (isinstance(node, exp.Cast) and _says_nothing(node, texts)):
            inner: exp.Expr = node.this
            return inner
        if isinstance(node, exp.Between):
            low = exp.GTE(this=node.this.copy(), expression=node.args["low"])
            return exp.And(this=low, expression=exp.LTE(this=node.this, expression=node.args["high"]))
        if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Any):
            listed = _array(node.expression.this)
            return exp.In(this=node.this, expressions=listed.expressions) if isinstance(listed, exp.Array) else node
        if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
            return exp.column(exp.to_identifier(rename(node.name.casefold()), quoted=True))
        return node

    try:
        dialect = _DIALECTS.get(side.engine, side.engine)
        tree = sqlglot.parse_one(check.expression, read=dialect, error_level=ErrorLevel.RAISE)
        if tree.find(exp.Command, exp.Placeholder, exp.Parameter, exp.Query):
            return None
        return _spelled(_bottom_up(tree, simplified))
    except (SqlglotError, RecursionError, ValueError):
        return None


def _array(node: "exp.Expr") -> "exp.Expr":
    """An array of texts without the cast that calls it one."""
    from sqlglot import exp

    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.ARRAY and isinstance(node.this, exp.Array):
        members = node.to.expressions
        if len(members) == 1 and members[0].this in exp.DataType.TEXT_TYPES:
            inner: exp.Expr = node.this
            return inner
    return node


def _bottom_up(node: "exp.Expr", change: "Callable[[exp.Expr], exp.Expr]") -> "exp.Expr":
    """Changes the leaves first, so that a cast around parentheses around a literal is seen as a cast of a literal."""
    for key, value in list(node.args.items()):
        if isinstance(value, list):
            node.set(key, [_bottom_up(item, change) if hasattr(item, "args") else item for item in value])
        elif hasattr(value, "args"):
            node.set(key, _bottom_up(value, change))
    return change(node)


def _spelled(node: object) -> str:
    """The tree in full brackets; a chain of ANDs or ORs is one, however it was nested."""
    from sqlglot import exp

    if isinstance(node, list):
        return f"[{', '.join(_spelled(item) for item in node)}]"
    if not isinstance(node, exp.Expr):
        return repr(node)
    if isinstance(node, (exp.And, exp.Or)):
        return f"{type(node).__name__}({', '.join(_spelled(item) for item in node.flatten())})"
    parts = [f"{key}={_spelled(value)}" for key, value in sorted(node.args.items()) if value not in (None, False, [])]
    return f"{type(node).__name__}({', '.join(parts)})"


def _says_nothing(cast: "exp.Cast", texts: set[str]) -> bool:
    """A cast of a text to text, or of a number to a numeric type that holds all of its digits."""
    from sqlglot import exp

    inner, kind = cast.this, cast.to.this
    if kind in exp.DataType.TEXT_TYPES and not cast.to.expressions:
        literal = isinstance(inner, exp.Literal) and inner.is_string
        return literal or (isinstance(inner, exp.Column) and inner.name.casefold() in texts)
    number = inner.this if isinstance(inner, exp.Neg) else inner
    if not isinstance(number, exp.Literal) or number.is_string or kind.name not in _NUMERIC_CASTS:
        return False
    fraction = len(number.name.partition(".")[2])
    digits = [int(part.name) for part in cast.to.expressions if part.name.isdigit()]
    if digits:
        return fraction <= (digits[1] if len(digits) > 1 else 0)
    return fraction == 0 or kind.name in ("DECIMAL", "DOUBLE")
