"""Spellings of one engine that another has other words for: PostgreSQL's lists and casts, truths that were numbers.

Each function takes one node of an expression and gives what stands in its place; the same node where there is nothing
to change. What is meant stays: a spelling that might mean something else on the target is left as it is.
"""

from collections.abc import Set

from sqlglot import exp


def plain_list(node: exp.Expr) -> exp.Expr:
    """PostgreSQL keeps `x IN ('a', 'b')` as `x = ANY (ARRAY['a', 'b'])`, and NOT IN as `x <> ALL (ARRAY[…])`."""
    if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Any):
        values = _listed(node.expression.this)
        return node if values is None else exp.In(this=node.this, expressions=values)
    if isinstance(node, exp.NEQ) and isinstance(node.expression, exp.Anonymous):
        called = node.expression
        values = _listed(called.expressions[0]) if called.name.upper() == "ALL" and called.expressions else None
        return node if values is None else exp.Not(this=exp.In(this=node.this, expressions=values))
    return node


def _listed(node: exp.Expr) -> list[exp.Expr] | None:
    """The members of an array that stands in the expression; a cast of the whole array is one of each member."""
    inner = node.unnest()
    if isinstance(inner, exp.Cast) and inner.to.this == exp.DataType.Type.ARRAY and inner.to.expressions:
        array, member = inner.this.unnest(), inner.to.expressions[0]
        if not isinstance(array, exp.Array) or not array.expressions:
            return None
        textual = member.this in exp.DataType.TEXT_TYPES
        return [value if textual else exp.cast(value, member.copy()) for value in array.expressions]
    return list(inner.expressions) if isinstance(inner, exp.Array) and inner.expressions else None


def without_casts(node: exp.Expr, texts: Set[str]) -> exp.Expr:
    """PostgreSQL's casts that say nothing: of a text to text, and of a literal to a type that a user made.

    Args:
        node: Any node.
        texts: Lower-cased names of the columns that hold text.
    """
    if not isinstance(node, exp.Cast):
        return node
    inner, kind = node.this.unnest(), node.to.this
    literal = isinstance(inner, exp.Literal) and inner.is_string
    if kind == exp.DataType.Type.USERDEFINED:
        return inner if literal else node
    textual = kind in exp.DataType.TEXT_TYPES and not node.to.expressions
    column = isinstance(inner, exp.Column) and inner.name.lower() in texts
    return inner if textual and (literal or column) else node


def without_decimal_casts(node: exp.Expr) -> exp.Expr:
    """`x::numeric` keeps every digit, but MariaDB's `CAST(x AS DECIMAL)` rounds to whole numbers."""
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.DECIMAL and not node.to.expressions:
        inside: exp.Expr = node.this
        return inside
    return node


def truth(node: exp.Expr, booleans: Set[str]) -> exp.Expr:
    """`paid = 0` and `paid = 1` of a column that became BOOLEAN: the column is the condition itself.

    Args:
        node: Any node.
        booleans: Lower-cased names of such columns.
    """
    if not isinstance(node, (exp.EQ, exp.NEQ)):
        return node
    column, number = node.left.unnest(), node.right.unnest()
    if isinstance(column, exp.Literal):
        column, number = number, column
    known = isinstance(column, exp.Column) and column.name.lower() in booleans
    if not known or not isinstance(number, exp.Literal) or number.is_string or number.name not in ("0", "1"):
        return node
    above = node.parent
    while isinstance(above, exp.Paren):
        above = above.parent
    if isinstance(above, exp.Binary) and not isinstance(above, exp.Connector):
        return node  # its answer is a number that goes on being compared
    holds = (number.name == "1") == isinstance(node, exp.EQ)
    return column.copy() if holds else exp.Not(this=column.copy())
