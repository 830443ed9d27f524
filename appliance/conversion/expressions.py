"""Expressions of one engine in the words of another: defaults, checks, predicates, generated columns, view bodies.

sqlglot parses and writes; this room renames, mends what became of the columns' types, and refuses whatever sqlglot
did not understand. A translation is a proposal: the rehearsal executes it on the target before anybody believes it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from appliance.conversion.division import Numbers, UnknownDivision, divided
from appliance.conversion.patterns import UnknownPattern, like
from appliance.conversion.spellings import plain_list, truth, without_casts, without_decimal_casts

SQLGLOT_DIALECTS = {
    "sqlite": "sqlite",
    "duckdb": "duckdb",
    "postgresql": "postgres",
    "mariadb": "mysql",
    "csv": "duckdb",
    "parquet": "duckdb",
}
_WITHOUT_SQL = frozenset({"parquet"})
"""Targets that are files: they compute nothing."""
_Found = TypeVar("_Found")
_NOT_UNDERSTOOD = (exp.Command, exp.Placeholder, exp.Parameter)


class NotTranslated(Exception):
    """An expression that cannot be carried, and why. It never leaves the planner."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may name.

    `columns`: source column → target column, of the one table or of all tables of a view. `relations`: source table
    or view → target name and schema. `booleans`: source columns that were 0/1 and became BOOLEAN. `ambiguous`:
    source columns that have several target names. `other` names anything else (aliases).
    """

    columns: Mapping[str, str]
    relations: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    booleans: frozenset[str] = frozenset()
    ambiguous: frozenset[str] = frozenset()
    opaque: frozenset[str] = frozenset()
    """Source columns that the target keeps as text which its operators do not understand: they are handed on, or
    asked for NULL, and nothing else."""
    texts: frozenset[str] = frozenset()
    """Lower-cased source columns that hold text, so that a cast of one to text says nothing."""
    numbers: Numbers = field(default_factory=Numbers)
    """Which source columns hold whole numbers, as far as that is known."""
    other: Callable[[str], str] = str


def translate_expression(text: str, source: str, target: str, scope: Scope) -> str:
    """One scalar expression. Raises `NotTranslated`."""
    require_sql(target)
    tree = _parse(text, source)
    if isinstance(tree, (exp.Query, exp.DDL)):
        raise NotTranslated("it is a statement, not an expression")
    if tree.find(exp.Query):
        raise NotTranslated("it holds a subquery")
    return _write(_converted(tree, source, target, scope), source, target)


def translate_query(text: str, source: str, target: str, scope: Scope) -> str:
    """The SELECT of a view. Raises `NotTranslated`."""
    require_sql(target)
    tree = _parse(text, source)
    if not isinstance(tree, exp.Query):
        raise NotTranslated("it is not a SELECT that the translator understands")
    for table in tree.find_all(exp.Table):
        _rename_table(table, scope, {cte.alias for cte in tree.find_all(exp.CTE)})
    return _write(_converted(tree, source, target, scope), source, target)


def require_sql(target: str) -> None:
    """Raises `NotTranslated` for a target that evaluates nothing."""
    if target in _WITHOUT_SQL:
        raise NotTranslated(f"{target} files compute and check nothing")


def relations_of(text: str, source: str) -> frozenset[str]:
    """Lower-cased names of all relations that a query reads; empty if it cannot be parsed."""
    try:
        tree = _parse(text, source)
    except NotTranslated:
        return frozenset()
    return frozenset(table.name.lower() for table in tree.find_all(exp.Table))


def _parse(text: str, source: str) -> exp.Expr:
    try:
        tree = sqlglot.parse_one(text, read=SQLGLOT_DIALECTS[source], error_level=ErrorLevel.RAISE)
    except SqlglotError as error:
        raise NotTranslated(f"it cannot be parsed: {_first_line(error)}") from error
    except RecursionError as error:
        raise NotTranslated("it is nested too deeply") from error
    found = tree.find(*_NOT_UNDERSTOOD)
    if found is not None:
        raise NotTranslated(f"the translator does not understand `{found.sql()[:60]}`")
    return tree


def _converted(tree: exp.Expr, source: str, target: str, scope: Scope) -> exp.Expr:
    if source != target:
        tree = _respelled(tree, source, scope)
        _refuse_unknown_functions(tree)
        tree = _with_own_operators(tree, source, target, scope)
    if source == "sqlite":
        tree = tree.transform(lambda node: _double_quoted_text(node, scope))
    tree = tree.transform(lambda node: _rename_column(node, scope))
    if source != target == "mariadb":
        tree = tree.transform(without_decimal_casts)
    return tree


def _respelled(tree: exp.Expr, source: str, scope: Scope) -> exp.Expr:
    """In words that every engine has, while columns are still called as on the source."""
    booleans = frozenset(name.lower() for name in scope.booleans)
    tree = tree.transform(lambda node: truth(node, booleans))
    if source != "postgresql":
        return tree
    return tree.transform(plain_list).transform(lambda node: without_casts(node, scope.texts))


def _with_own_operators(tree: exp.Expr, source: str, target: str, scope: Scope) -> exp.Expr:
    """Operators that both engines spell alike and mean otherwise: divisions and patterns."""
    try:
        tree = divided(tree, source, target, scope.numbers)
        tree = tree.transform(lambda node: like(node, source, target))
    except (UnknownDivision, UnknownPattern) as unknown:
        raise NotTranslated(str(unknown)) from unknown
    return tree


def _refuse_unknown_functions(tree: exp.Expr) -> None:
    """A function of the same name may mean something else on another engine, so unknown ones are not carried."""
    unknown = tree.find(exp.Anonymous)
    if unknown is not None:
        raise NotTranslated(f"the function {unknown.name}() is not known to mean the same on both engines")
    for node in tree.find_all(exp.Glob, exp.RegexpLike):
        raise NotTranslated(f"{type(node).__name__.upper()} patterns differ between the engines")


def _double_quoted_text(node: exp.Expr, scope: Scope) -> exp.Expr:
    """SQLite takes "x" for the text x where no column is called so."""
    if not isinstance(node, exp.Column) or node.table or not isinstance(node.this, exp.Identifier):
        return node
    if not node.this.quoted or _lookup(node.name, scope.columns) is not None or scope.relations:
        return node
    return exp.Literal.string(node.name)


def _rename_column(node: exp.Expr, scope: Scope) -> exp.Expr:
    if isinstance(node, (exp.TableAlias, exp.Alias)):
        _rename_alias(node, scope)
        return node
    if not isinstance(node, exp.Column) or isinstance(node.this, exp.Star):
        return node
    source_name = node.name
    if source_name.lower() in scope.ambiguous:
        raise NotTranslated(f"column {source_name} has different names on the target, table by table")
    if source_name.lower() in scope.opaque and not _is_handed_on(node):
        raise NotTranslated(f"it computes with {source_name}, which the target keeps as text")
    target_name = _lookup(source_name, scope.columns)
    if target_name is None and not scope.relations:
        raise NotTranslated(f"it names {source_name}, which is no column of the table")
    node.set("this", exp.to_identifier(target_name or scope.other(source_name), quoted=True))
    if node.table:
        relation = _lookup(node.table, scope.relations)
        node.set("table", exp.to_identifier(relation[0] if relation else scope.other(node.table), quoted=True))
        node.set("db", None)
    boolean = source_name.lower() in {name.lower() for name in scope.booleans} and _wants_number(node.parent)
    return exp.cast(node.copy(), "int") if boolean else node


def _is_handed_on(node: exp.Expr) -> bool:
    """Whether a column is a result by itself, or only asked for NULL."""
    if isinstance(node.parent, exp.Is):
        return isinstance(node.parent.expression, exp.Null)
    return isinstance(node.parent, (exp.Select, exp.Alias))


def _wants_number(parent: exp.Expr | None) -> bool:
    """Whether a 0/1 is compared, computed with or summed there; as a condition or a result a boolean will do."""
    if isinstance(parent, (exp.In, exp.Between, exp.AggFunc)):
        return True
    return isinstance(parent, exp.Binary) and not isinstance(parent, exp.Connector)


def _rename_alias(node: exp.TableAlias | exp.Alias, scope: Scope) -> None:
    for key in ("this", "alias"):
        identifier = node.args.get(key)
        if isinstance(identifier, exp.Identifier):
            renamed = _lookup(identifier.name, scope.columns) or scope.other(identifier.name)
            node.set(key, exp.to_identifier(renamed, quoted=True))


def _rename_table(table: exp.Table, scope: Scope, own: set[str]) -> None:
    if not isinstance(table.this, exp.Identifier):
        raise NotTranslated(f"it reads {table.sql()[:60]}, which is not a table")
    if table.name in own:
        table.set("this", exp.to_identifier(scope.other(table.name), quoted=True))
        return
    relation = _lookup(table.name, scope.relations)
    if relation is None:
        raise NotTranslated(f"it reads {table.name}, which is not on the target")
    name, schema = relation
    table.set("this", exp.to_identifier(name, quoted=True))
    table.set("db", exp.to_identifier(schema, quoted=True) if schema else None)
    table.set("catalog", None)


def _write(tree: exp.Expr, source: str, target: str) -> str:
    try:
        return tree.sql(dialect=SQLGLOT_DIALECTS[target], identify=True, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, ValueError) as error:
        raise NotTranslated(f"it has no equal on {target}: {_first_line(error)}") from error


def _lookup(name: str, names: Mapping[str, _Found]) -> _Found | None:
    """Exact, else the only one that differs in case alone."""
    if name in names:
        return names[name]
    found = [value for key, value in names.items() if key.lower() == name.lower()]
    return found[0] if len(found) == 1 else None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
