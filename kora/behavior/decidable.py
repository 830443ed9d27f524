"""What a query promises: whether two right answers must be equal, and in which order rows come.

`reason`: nothing can be said (a clock, chance, a LIMIT whose rows nobody ordered). `fragile`: equal answers are equal,
unequal ones prove nothing (rows that tie under a window, an aggregate in no order). The rules read a query's text; they
know sqlglot's trees and the catalog's keys, and of functions that users wrote nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from kora.catalog import Catalog, Table

if TYPE_CHECKING:
    from sqlglot import exp

_VOLATILE_NAMES = """
    random randomblob rand random_normal setseed now clock_timestamp statement_timestamp
    transaction_timestamp timeofday current_timestamp current_date current_time current_datetime
    localtime localtimestamp sysdate curdate curtime utc_date utc_time utc_timestamp getdate today
    get_current_timestamp get_current_time current_localtimestamp nextval currval lastval setval uuid
    gen_random_uuid uuid_generate_v1 uuid_generate_v4 uuid_short sys_guid uuidv4 uuidv7 connection_id
    last_insert_id row_count found_rows last_insert_rowid changes total_changes pg_backend_pid
    txid_current pg_current_xact_id version sqlite_version sqlite_source_id database schema user
    current_user session_user system_user current_role current_schema current_database current_catalog
    current_setting set_config sleep pg_sleep benchmark get_lock release_lock load_file load_extension
    pg_read_file pg_ls_dir lo_import lo_export dblink pg_advisory_lock pg_try_advisory_lock getvariable
    getenv read_text read_csv read_csv_auto read_parquet read_json read_json_auto read_blob
    inet_server_addr pg_database_size pg_relation_size pg_table_size pg_total_relation_size
"""
_VOLATILE_CLASSES = """
    CurrentTimestamp CurrentDate CurrentTime CurrentDatetime CurrentUser CurrentSchema CurrentDatabase
    CurrentCatalog CurrentRole SessionUser CurrentTimestampLTZ Localtime Localtimestamp UtcDate UtcTime
    UtcTimestamp Rand Randn Randstr Uuid NextValueFor TableSample ReadCSV ReadParquet SessionParameter
    Version Sysdate
"""
_CLOCK_WORDS = frozenset({"now", "today", "tomorrow", "yesterday"})
_CLOCK_FUNCTIONS = frozenset({"date", "time", "datetime", "julianday", "unixepoch", "unix_timestamp", "strftime"})
_PHYSICAL = frozenset({"rowid", "_rowid_", "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"})
_TIED_WINDOWS = """
    RowNumber Lag Lead FirstValue LastValue NthValue Ntile CumeDist
"""
_ORDERED_AGGREGATES = """
    GroupConcat ArrayAgg ArrayConcatAgg StringAgg JSONArrayAgg JSONObjectAgg First Last AnyValue
    ArrayUniqueAgg
"""

_SUMMING = "Sum Avg Stddev StddevPop StddevSamp Variance VariancePop Corr CovarPop CovarSamp"


@dataclass(frozen=True, slots=True)
class Promise:
    """`order`: positions of the columns that ORDER BY names at the top, None without one; `ties`: it names more."""

    reason: str = ""
    fragile: str = ""
    order: tuple[int, ...] | None = None
    ties: bool = False


@cache
def _classes(names: str) -> "tuple[type[exp.Expr], ...]":
    """Sqlglot's classes of these names, as far as this version has them."""
    from sqlglot import exp

    return tuple(getattr(exp, name) for name in names.split() if hasattr(exp, name))


@cache
def _volatile_names() -> frozenset[str]:
    return frozenset(_VOLATILE_NAMES.split())


def promise_of(tree: "exp.Expr", catalog: Catalog, views: Mapping[str, Promise]) -> Promise:
    """What a query's text promises.

    Args:
        tree: The query, in the catalog's engine or another.
        catalog: Where its tables are, for their unique keys.
        views: What the catalog's views promise, by their bare names without case.
    """
    reason = _volatile(tree) or _unordered_limit(tree, catalog) or _of_views(tree, views, "reason")
    fragile = _fragile(tree) or _of_views(tree, views, "fragile")
    order, ties = _top_order(tree, catalog)
    return Promise(reason, fragile, order, ties)


def view_promises(catalog: Catalog, dialect: str) -> dict[str, Promise]:
    """What each view promises, through the views that it is made of. One whose text is not understood is fragile."""
    from kora.behavior.workload import parse

    trees = {view.name.name.casefold(): parse(view.query, dialect) for view in catalog.views}
    found = {
        name: Promise(fragile="its text is not understood") if tree is None else promise_of(tree, catalog, {})
        for name, tree in trees.items()
    }
    for _ in trees:  # at most as many rounds as views stand on each other
        known = dict(found)
        for name, tree in trees.items():
            if tree is not None:
                found[name] = promise_of(tree, catalog, known)
        if found == known:
            break
    return {name: Promise(promise.reason, promise.fragile) for name, promise in found.items()}


def changes_each_time(tree: "exp.Expr") -> str:
    """What in an expression gives another answer each time: a clock, chance, a counter. Empty where nothing does."""
    return _volatile(tree)


def sums_floats(tree: "exp.Expr", floats: frozenset[str], *, shown: bool) -> bool:
    """Whether a query adds up floating-point numbers: columns of these names, or whatever it adds if some are shown."""
    from sqlglot import exp

    for call in tree.find_all(*_classes(_SUMMING)):
        if shown or any(column.name.casefold() in floats for column in call.find_all(exp.Column)):
            return True
    return False


def _of_views(tree: "exp.Expr", views: Mapping[str, Promise], what: str) -> str:
    from sqlglot import exp

    for table in tree.find_all(exp.Table):
        promise = views.get(table.name.casefold())
        told = getattr(promise, what) if promise else ""
        if told:
            return told if told.startswith("through the view") else f"through the view {table.name}: {told}"
    return ""


def _volatile(tree: "exp.Expr") -> str:
    from sqlglot import exp

    for node in tree.walk():
        if isinstance(node, _classes(_VOLATILE_CLASSES)) or type(node).__name__.startswith(("Current", "Utc")):
            return f"{_word(node)} gives another answer each time"
        if isinstance(node, exp.Column) and node.name.casefold() in _PHYSICAL:
            return f"{node.name} is a place on a disk"
        name = node.name.casefold() if isinstance(node, exp.Column) and not node.table else ""
        if name.startswith(("current_", "local", "session_")) and name in _volatile_names():
            return f"{name} gives another answer each time"
        if isinstance(node, exp.Func):
            name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).casefold()
            bare = name in _CLOCK_FUNCTIONS and not any(True for _ in node.iter_expressions())
            if name in _volatile_names() or bare:
                return f"{name}() gives another answer each time"
        word = node.this.casefold().strip() if isinstance(node, exp.Literal) and node.is_string else ""
        if word in _CLOCK_WORDS and isinstance(node.parent, exp.Func):
            return f"'{word}' is read from a clock"
    return ""


def _word(node: "exp.Expr") -> str:
    """What a person would write for a function of sqlglot's."""
    from sqlglot import exp

    return node.sql_name() if isinstance(node, exp.Func) else type(node).__name__


def _fragile(tree: "exp.Expr") -> str:
    from sqlglot import exp

    for node in tree.find_all(exp.Window):
        if isinstance(node.this, _classes(_TIED_WINDOWS)) or node.args.get("spec") is not None:
            return "rows that tie under a window may come in any order"
    for call in tree.find_all(*_classes(_ORDERED_AGGREGATES)):
        if call.find(exp.Order) is None and not isinstance(call.parent, exp.WithinGroup):
            return f"{type(call).__name__} takes rows in any order"
    for select in tree.find_all(exp.Select):
        bare = _bare_column(select)
        if bare:
            return f"{bare} is neither grouped nor aggregated"
        distinct = select.args.get("distinct")
        if distinct is not None and distinct.args.get("on") is not None:
            return "DISTINCT ON keeps any of the rows that tie"
    return ""


def _bare_column(select: "exp.Select") -> str:
    """A column beside GROUP BY or an aggregate that neither holds: SQLite and MySQL take any row's."""
    from sqlglot import exp

    group = select.args.get("group")
    keys = group.expressions if group else []
    aggregated = any(_own(item, exp.AggFunc, select) for item in select.expressions)
    if not group and not aggregated:
        return ""
    names = {key.name.casefold() for key in keys if isinstance(key, exp.Column)}
    if len(names) < len(keys) or (group and not keys):
        return ""  # by an expression, a position or a rollup: the engine is left to judge
    for item in select.expressions:
        for column in item.find_all(exp.Column):
            inside = column.find_ancestor(exp.AggFunc, exp.Subquery, exp.Window)
            if inside is None and column.name.casefold() not in names and item.alias.casefold() not in names:
                return str(column.name)
    return ""


def _own(item: "exp.Expr", kind: "type[exp.Expr]", select: "exp.Select") -> bool:
    """Whether an expression holds such a node of its own: not under a subquery, not under a window."""
    from sqlglot import exp

    return any(
        node.find_ancestor(exp.Select) is select and not isinstance(node.parent, exp.Window)
        for node in item.find_all(kind)
    )


def _unordered_limit(tree: "exp.Expr", catalog: Catalog) -> str:
    from sqlglot import exp

    for query in tree.find_all(exp.Query):
        if isinstance(query, exp.Subquery | exp.Table):
            continue
        if any(query.args.get(part) is not None for part in ("limit", "offset")) and not _total(query, catalog):
            return "LIMIT or OFFSET without an order of all rows"
    return ""


def _total(query: "exp.Expr", catalog: Catalog) -> bool:
    """Whether ORDER BY leaves no two different rows undecided: each column, or a unique key of the only table."""
    from sqlglot import exp

    if isinstance(query, exp.Select) and not query.args.get("group"):
        items = query.expressions
        if items and all(_own(item, exp.AggFunc, query) for item in items):
            return True  # one row
    order, ties = _order(query, catalog)
    if order is None:
        return False
    width = _width(query, catalog)
    if not ties and width is not None and set(order) == set(range(width)):
        return True
    if not isinstance(query, exp.Select) or query.args.get("group") or query.args.get("distinct"):
        return False
    table = _only_table(query, catalog)
    columns = list(_shown(query, catalog))
    named = {columns[place][1] for place in order}
    named |= {
        item.this.name.casefold() for item in query.args["order"].expressions if isinstance(item.this, exp.Column)
    }
    key = {name.casefold() for name in table.stable_key} if table else set()
    return bool(key) and key <= named


def _only_table(query: "exp.Expr", catalog: Catalog) -> Table | None:
    from sqlglot import exp

    source = query.args.get("from") or query.args.get("from_")
    if source is None or query.args.get("joins") or not isinstance(source.this, exp.Table):
        return None
    if source.this.args.get("joins") or query.args.get("laterals"):
        return None
    found = [table for table in catalog.tables if table.name.name.casefold() == source.this.name.casefold()]
    return found[0] if len(found) == 1 else None


def _top_order(tree: "exp.Expr", catalog: Catalog) -> tuple[tuple[int, ...] | None, bool]:
    return _order(tree.unnest(), catalog)


def _order(query: "exp.Expr", catalog: Catalog) -> tuple[tuple[int, ...] | None, bool]:
    """Positions of the columns that ORDER BY names, and whether it names something that is no column of the answer."""
    clause = query.args.get("order")
    if clause is None:
        return None, False
    columns = list(_shown(query, catalog))
    places, ties = [], False
    for item in clause.expressions:
        place = _place(item.this, columns)
        if place is None:
            ties = True
        elif place not in places:
            places.append(place)
    return tuple(places), ties


def _shown(query: "exp.Expr", catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Name and text of each column of an answer, as far as they are known: up to a star of more than one table."""
    from sqlglot import exp

    select = query
    while isinstance(select, exp.SetOperation):
        select = select.left.unnest()
    for item in select.selects if isinstance(select, exp.Select) else ():
        if isinstance(item, exp.Star) or item.is_star:
            table = _only_table(select, catalog)
            if table is None:
                return
            yield from (
                (column.name.casefold(), column.name.casefold()) for column in table.columns if not column.hidden
            )
        else:
            inner = item.unalias()
            yield item.alias_or_name.casefold(), inner.sql().casefold()


def _width(query: "exp.Expr", catalog: Catalog) -> int | None:
    """Columns of the answer; None where a star hides them."""
    from sqlglot import exp

    select = query
    while isinstance(select, exp.SetOperation):
        select = select.left.unnest()
    if not isinstance(select, exp.Select):
        return None
    if any(item.is_star for item in select.selects) and _only_table(select, catalog) is None:
        return None
    return len(list(_shown(query, catalog)))


def _place(expression: "exp.Expr", columns: list[tuple[str, str]]) -> int | None:
    from sqlglot import exp

    while isinstance(expression, exp.Collate | exp.Paren):
        expression = expression.this
    if isinstance(expression, exp.Literal) and not expression.is_string:
        place = int(expression.this) - 1 if expression.this.isdigit() else -1
        return place if place >= 0 else None
    text = expression.sql().casefold()
    by_text = [place for place, (_, shown) in enumerate(columns) if shown == text]
    by_name = [place for place, (name, _) in enumerate(columns) if name == expression.name.casefold()]
    if by_text:
        return by_text[0]
    return by_name[0] if isinstance(expression, exp.Column) and by_name else None
