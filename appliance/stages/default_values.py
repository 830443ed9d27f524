"""Defaults proven by execution: both engines are asked what a default is worth, and the answers are compared.

The source evaluates its expression; on a scratch target a row without values is inserted and read back. Both values
are compared as rows are, under the column's own rules. A default that gives something else is not carried, and is a
loss by name. What hangs on a clock, on chance or on a session is not tried: there is nothing to compare.
"""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from appliance.conversion.expressions import SQLGLOT_DIALECTS
from appliance.engines.base import TargetEngine
from appliance.engines.registry import target_engine
from appliance.loading.scratch import Scratch, sqlite_scratch
from appliance.planning.model import ColumnPlan, Plan, RefusedObject, TablePlan
from kora import _core
from kora.catalog import Catalog, Column, Name
from kora.comparison.mapping import ColumnMapping, Loss, Side, TableMapping
from kora.databases.base import AnswersQueries, Database
from kora.errors import EngineError, SenseiError

_UNTRIED = re.compile(r"Current|Rand|Uuid|Anonymous|Local|Session|Utc|NextValue|Now|User|Version", re.ASCII)
_MOVING = frozenset({"now", "today", "tomorrow", "yesterday"})
"""Texts that engines read as moments."""
_SHOWN = 60
_SECONDS = 60
_EMPTY = {"mariadb": "() VALUES ()"}
_MARIADB_CASTS = {
    "text": "char", "enum": "char", "set": "char", "json": "char", "uuid": "char", "bytes": "binary", "float": "double",
    "date": "date", "time": "time(6)", "timestamp": "datetime(6)", "instant": "datetime(6)",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Default:
    """A default to try: the source's expression for one column of the plan."""

    column: Column
    expression: str
    planned: ColumnPlan

    def mapping(self) -> ColumnMapping:
        """How its values compare."""
        return self.planned.mapping()


@dataclass(frozen=True, slots=True)
class _Value:
    """What one side says: canonical bytes and words, or why it says nothing."""

    canonical: bytes = b""
    stored: tuple[str, str | None] = ("", None)
    problem: str = ""
    refused: str = ""
    """Why no row takes it; only of a target."""

    @property
    def shown(self) -> str:
        """Kind and text, not too long of it."""
        kind, text = self.stored
        if text is None:
            return "NULL"
        return f"{kind} {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"

    def equals(self, other: "_Value") -> bool:
        """Whether both are one value. A label is its text: not every engine's answer to a query says which it is."""
        label = {self.stored[0], other.stored[0]} == {"text", "enum"}
        return self.canonical == other.canonical or (label and self.stored[1] == other.stored[1])


def prove_defaults(plan: Plan, source: Database, catalog: Catalog, scratch: Scratch) -> Plan:
    """The plan without the defaults that are worth something else on the target.

    Args:
        plan: Rehearsed on `scratch`, so that its schemas and types are there.
        source: Open for reading.
        catalog: What the source holds.
        scratch: Where probes may be made.
    """
    engine = target_engine(plan.target.engine)
    if not isinstance(source, AnswersQueries) or plan.target.engine == "parquet":
        return plan
    wanted = {table.source: list(_tried(catalog, plan, table)) for table in plan.tables}
    probes: dict[Name, tuple[Name, dict[str, str]]] = {}
    for number, (name, defaults) in enumerate(wanted.items()):
        if defaults:
            probe = Name(plan.table(name).target.schema, f"_sensei_default_{number}")
            probes[name] = (probe, _make_probe(engine, plan, scratch, probe, defaults))
    for name, (probe, unmade) in probes.items():
        defaults = wanted[name]
        # A session that reads takes no backslash for an escape; the texts of MariaDB's defaults are full of them.
        with source.asking(_SECONDS) if catalog.engine == "mariadb" else nullcontext(), ExitStack() as stack:
            ask = partial(_ask_source, source, catalog.engine, plan.target.engine)
            if catalog.engine == "sqlite":
                ask = partial(_ask_sqlite, stack.enter_context(sqlite_scratch()))
            theirs = _values(defaults, "source", ask)
        mine = _values([item for item in defaults if item.column.name not in unmade], "target",
                       partial(_ask_target, engine, scratch, probe))  # fmt: skip
        mine |= {column: _Value(refused=reason) for column, reason in unmade.items()}
        for item in defaults:
            plan = _judged(plan, name, item, theirs[item.column.name], mine[item.column.name])
    return plan


def _tried(catalog: Catalog, plan: Plan, table: TablePlan) -> Iterator[_Default]:
    known = {column.name: column for column in catalog.table(table.source).columns}
    domains = {str(domain.name): domain.default for domain in catalog.domains}
    for planned in table.columns:
        column = known[planned.source]
        text = column.default or domains.get(column.type.domain or "")
        carried = planned.default is not None and planned.identity is None and planned.generated is None
        if carried and text and _is_constant(text, catalog.engine, at_home=catalog.engine == plan.target.engine):
            yield _Default(column, text, planned)


def _is_constant(text: str, engine: str, *, at_home: bool) -> bool:
    """Whether an expression is worth the same whenever it is asked. At home a function is the same function."""
    try:
        tree = sqlglot.parse_one(text, read=SQLGLOT_DIALECTS[engine])
    except (SqlglotError, RecursionError):
        return False
    if tree.find(exp.Column, exp.Command, exp.Query):
        return False
    if any(node.is_string and node.name.lower() in _MOVING for node in tree.find_all(exp.Literal)):
        return False
    called = [node for node in tree.find_all(exp.Func) if not isinstance(node, (exp.Cast, exp.Array, exp.Connector))]
    return not any(at_home or _UNTRIED.search(type(node).__name__) for node in called)


def _make_probe(
    engine: TargetEngine, plan: Plan, scratch: Scratch, probe: Name, defaults: list[_Default]
) -> dict[str, str]:
    """A table with one row of defaults alone; per column that does not take its own, why."""
    refused: dict[str, str] = {}
    if not _made(engine, plan, scratch, probe, defaults):
        return refused
    for item in defaults:
        reason = _made(engine, plan, scratch, probe, [item])
        if reason:
            refused[item.column.name] = reason
        else:
            scratch(f"DROP TABLE {engine.dialect.qualify(probe)}")
    rest = [item for item in defaults if item.column.name not in refused]
    problem = _made(engine, plan, scratch, probe, rest) if rest else ""
    return refused | ({item.column.name: problem for item in rest} if problem else {})


def _made(engine: TargetEngine, plan: Plan, scratch: Scratch, probe: Name, defaults: Sequence[_Default]) -> str:
    """Why the table cannot be made or its row not inserted; then there is no table. Empty where both went well."""
    bare = {"comment": None, "hidden": False, "nullable": True}
    columns = tuple(item.planned.model_copy(update=bare) for item in defaults)
    made, name = False, engine.dialect.qualify(probe)
    try:
        scratch(engine.create_table(plan, TablePlan(source=probe, target=probe, columns=columns)).sql)
        made = True
        scratch(f"INSERT INTO {name} {_EMPTY.get(engine.name, 'DEFAULT VALUES')}")
    except EngineError as error:
        if made:
            scratch(f"DROP TABLE {name}")
        return error.message.splitlines()[0] if error.message else "the engine gave no reason"
    return ""


def _values(
    defaults: Sequence[_Default], side: Side, ask: Callable[[Sequence[_Default]], _core.RowStream]
) -> dict[str, _Value]:
    """What each default is worth on one side; asked together, and each by itself where that fails."""
    if not defaults:
        return {}
    try:
        return _read(defaults, side, ask)
    except SenseiError as error:
        if len(defaults) == 1:
            problem = error.message.splitlines()[0] if error.message else "the engine gave no reason"
            return {defaults[0].column.name: _Value(problem=problem)}
    found: dict[str, _Value] = {}
    for item in defaults:
        found |= _values([item], side, ask)
    return found


def _read(
    defaults: Sequence[_Default], side: Side, ask: Callable[[Sequence[_Default]], _core.RowStream]
) -> dict[str, _Value]:
    name = Name("", "defaults")
    mapping = TableMapping(source=name, target=name, columns=tuple(item.mapping() for item in defaults))
    (row,) = _core.collect_rows(ask(defaults), mapping.profile(), side, _core.DigestKey.random())
    return {item.column.name: _Value(row.cells[place], row.stored[place]) for place, item in enumerate(defaults)}


def _ask_source(source: AnswersQueries, engine: str, target: str, defaults: Sequence[_Default]) -> _core.RowStream:
    return source.query_rows("SELECT " + ", ".join(_cast(engine, target, item) for item in defaults))


def _ask_sqlite(place: Scratch, defaults: Sequence[_Default]) -> _core.RowStream:
    """SQLite gives a value the column's affinity when it is inserted: so it is, in a file that goes again."""
    quoted = ('"' + item.column.name.replace('"', '""') + '"' for item in defaults)
    columns = ", ".join(
        f"{name} {item.column.type.declared} DEFAULT ({item.expression})"
        for name, item in zip(quoted, defaults, strict=True)
    )
    table = f"probe_{secrets.token_hex(8)}"
    place(f"CREATE TABLE {table} ({columns})")
    place(f"INSERT INTO {table} DEFAULT VALUES")
    return place.answer(f"SELECT * FROM {table}")


def _cast(engine: str, target: str, item: _Default) -> str:
    """The expression as a value of its column's type, as far as the engine has a cast to it.

    On PostgreSQL a type that somebody made stands only in the rehearsal's transaction, and is read as text.
    """
    kind = item.column.type
    if engine != "mariadb":
        text = f"CAST(({item.expression}) AS {kind.declared})"
        made = kind.kind == "enum" or kind.created is not None or kind.domain is not None
        return f"CAST({text} AS text)" if made and target == "postgresql" else text
    word = _MARIADB_CASTS.get(kind.kind)
    if kind.kind == "decimal" and kind.precision is not None:
        word = f"decimal({kind.precision},{kind.scale or 0})"
    if kind.kind == "integer":
        word = "unsigned" if kind.minimum == 0 else "signed"
    if word is None:
        raise EngineError(f"{engine} has no cast to {kind.declared}")
    return f"CAST(({item.expression}) AS {word})"


def _ask_target(engine: TargetEngine, scratch: Scratch, probe: Name, defaults: Sequence[_Default]) -> _core.RowStream:
    names = ", ".join(engine.dialect.quote(item.planned.target) for item in defaults)
    return scratch.answer(f"SELECT {names} FROM {engine.dialect.qualify(probe)}")


def _judged(plan: Plan, table: Name, item: _Default, theirs: _Value, mine: _Value) -> Plan:
    subject = f"{table}.{item.column.name}"
    if mine.refused:
        return _refused(plan, table, item, f"on the target no row takes it: {mine.refused}")
    if theirs.problem or mine.problem:
        said = f"the source says {theirs.problem}" if theirs.problem else f"the target says {mine.problem}"
        note = f"the default of {subject} was translated and not compared: {said}"
        return plan.model_copy(update={"notes": (*plan.notes, note)})
    if theirs.equals(mine):
        return plan
    return _refused(plan, table, item, f"it is {theirs.shown} on the source, and would be {mine.shown} on the target")


def _refused(plan: Plan, table: Name, item: _Default, reason: str) -> Plan:
    subject = f"{table}.{item.column.name}"
    entry = RefusedObject(kind="default", name=subject, reason=reason, text=item.expression)
    loss = Loss(rule="default", subject=f"default {subject}", count=1, reason=reason)
    tables = tuple(_without(other, item) if other.source == table else other for other in plan.tables)
    return plan.model_copy(update={"tables": tables, "refused": (*plan.refused, entry), "losses": (*plan.losses, loss)})


def _without(table: TablePlan, item: _Default) -> TablePlan:
    columns = tuple(
        column.model_copy(update={"default": None}) if column.source == item.column.name else column
        for column in table.columns
    )
    return table.model_copy(update={"columns": columns})
