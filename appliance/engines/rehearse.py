"""The rehearsal: a plan's DDL executed on a scratch target. What does not run there is refused by name.

Translations of expressions are proposals; this is where they are believed or not. A table that cannot be created even
without defaults, checks, references and generated columns is an error of the planner and stops everything.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from appliance.engines.base import Statement, TargetEngine
from appliance.engines.ddl import index_object
from appliance.engines.own_types import NEWER, type_name
from appliance.engines.registry import target_engine
from appliance.planning.model import Plan, RefusedObject, TablePlan
from kora.catalog import Name
from kora.comparison.mapping import Loss
from kora.errors import EngineError


class TypeRefused(EngineError):
    """The target has no place for a type or an extension of the plan, which another plan does without.

    Attributes:
        made: The object's words in the plan's statements, as `type public.mood`.
        reason: The engine's own.
    """

    def __init__(self, made: str, reason: str) -> None:
        super().__init__(f"{made} cannot be created: {reason}", hint="name another target, or create it yourself")
        self.made, self.reason = made, reason


class TableRefused(TypeRefused):
    """The target cannot have a table at all, not even bare; another plan leaves it behind by name."""


_NOT_THE_TABLES = ("42501", "08", "25", "53", "57")
"""States in which a server refuses any table, or any statement."""
_PROBE = Name("", "_sensei_type")
Execute: TypeAlias = Callable[[str], None]
"""Executes one statement on the scratch target; raises `EngineError` and leaves no trace of a failed one."""


@dataclass(frozen=True, slots=True)
class _Option:
    """Something of a table that the table can do without."""

    kind: str
    name: str
    text: str
    without: Callable[[TablePlan, str], TablePlan]
    """The table without it, and why."""


def rehearse(plan: Plan, execute: Execute) -> Plan:
    """The plan with everything refused that the engine refused.

    Args:
        plan: What is to be tried.
        execute: The scratch target. It must be empty, and is thrown away by the caller.

    Raises:
        TypeRefused: A type or an extension cannot be created, or (`TableRefused`) a table.
        EngineError: A schema or sequence cannot be created at all.
    """
    engine = target_engine(plan.target.engine)
    for statement in engine.create_statements(plan.model_copy(update={"tables": (), "views": ()})):
        _create_before_tables(execute, statement)
    _try_newer_types(engine, plan, execute)
    for table in plan.tables:
        plan = _rehearse_table(engine, plan, table, execute)
    for statement in engine.create_statements(plan):
        if statement.phase == "after_data" and not statement.object.startswith("comment "):
            refusal = _try(execute, statement)
            if refusal:
                plan = _refuse_after_data(plan, statement, refusal)
    return _rehearse_views(engine, plan, execute)


def _try_newer_types(engine: TargetEngine, plan: Plan, execute: Execute) -> None:
    """A table of one column for each type that an older version of the engine may lack."""
    columns = {type_name(column.target_type): column for table in plan.tables for column in table.columns}
    for name in NEWER:
        if name not in columns:
            continue
        bare = columns[name].model_copy(update={"default": None, "generated": None, "comment": None})
        table = TablePlan(source=_PROBE, target=_PROBE, columns=(bare,))
        reason = _create(engine, plan, table, execute)
        if reason:
            raise TypeRefused(f"type {name}", reason)
        execute(f"DROP TABLE {engine.dialect.qualify(_PROBE)}")


def _create_before_tables(execute: Execute, statement: Statement) -> None:
    """Schemas, sequences and types; of an extension's type, that it answers to its name."""
    word, _, name = statement.object.partition(" ")
    if word not in ("type", "extension"):
        execute(statement.sql)
        return
    reason = _try(execute, statement)
    if word == "extension" and not reason:
        reason = _try(execute, Statement(f"SELECT NULL::{name}", statement.object, statement.phase))
    if reason:
        raise TypeRefused(statement.object, reason)


def _try(execute: Execute, statement: Statement) -> str:
    """The engine's reason, empty if it agreed."""
    try:
        execute(statement.sql)
    except EngineError as error:
        return error.message.splitlines()[0] if error.message else "the engine gave no reason"
    return ""


def _rehearse_table(engine: TargetEngine, plan: Plan, table: TablePlan, execute: Execute) -> Plan:
    """Creates the table; where that fails, without each option that the engine refuses by itself."""
    reason = _create(engine, plan, table, execute)
    if not reason:
        return plan
    options = list(_options(table))
    bare = _without(table, options)
    _create_bare(engine, plan, bare, execute)
    for option in options:
        execute(f"DROP TABLE {engine.dialect.qualify(table.target)}")
        refusal = _create(engine, plan, _without(table, [other for other in options if other is not option]), execute)
        if refusal:
            plan, table = _refuse_option(plan, table, option, refusal)
            _must(_create(engine, plan, bare, execute), table)
    execute(f"DROP TABLE {engine.dialect.qualify(table.target)}")
    _must(_create(engine, plan, table, execute), table)
    return plan


def _create_bare(engine: TargetEngine, plan: Plan, bare: TablePlan, execute: Execute) -> None:
    """Raises `TableRefused` where the table itself is refused; what the server refuses anybody is raised as it is."""
    statement = engine.create_table(plan, bare)
    try:
        execute(statement.sql)
    except EngineError as error:
        if error.sqlstate.startswith(_NOT_THE_TABLES):
            raise
        reason = error.message.splitlines()[0] if error.message else "the engine gave no reason"
        raise TableRefused(f"table {bare.source}", reason) from error


def _must(reason: str, table: TablePlan) -> None:
    if reason:
        raise EngineError(
            f"{table.target} cannot be created: {reason}", hint="refuse one of its constraints in the plan"
        )


def _create(engine: TargetEngine, plan: Plan, table: TablePlan, execute: Execute) -> str:
    """Creates a table and compiles an insert into it, which is when SQLite looks at defaults and checks."""
    statement = engine.create_table(plan, table)
    reason = _try(execute, statement)
    if reason or engine.name != "sqlite":
        return reason
    name = engine.dialect.qualify(table.target)
    reason = _try(execute, Statement(f"EXPLAIN INSERT INTO {name} DEFAULT VALUES", statement.object, "before_data"))
    if reason:
        execute(f"DROP TABLE {name}")
    return reason


def _options(table: TablePlan) -> Iterator[_Option]:
    """Defaults, generated columns, checks and references of a table."""
    for column in table.columns:
        if column.default is not None:
            subject = f"{table.source}.{column.source}"
            yield _Option("default", subject, column.default, _without_column_field(column.source, "default"))
        if column.generated is not None:
            subject, text = f"{table.source}.{column.source}", column.generated.expression
            yield _Option("generated column", subject, text, _without_column_field(column.source, "generated"))
    for check in table.checks:
        if check.carried:
            subject = f"{table.source}.{check.source or check.name}"
            yield _Option("check", subject, check.expression, _without_constraint("checks", check.name))
    for key in table.foreign_keys:
        if key.carried:
            yield _Option("foreign key", key.source or key.name, "", _without_constraint("foreign_keys", key.name))


def _without_column_field(source: str, field: str) -> Callable[[TablePlan, str], TablePlan]:
    def change(table: TablePlan, reason: str) -> TablePlan:
        columns = tuple(
            column.model_copy(update={field: None}) if column.source == source else column for column in table.columns
        )
        return table.model_copy(update={"columns": columns})

    return change


def _without_constraint(field: str, name: str) -> Callable[[TablePlan, str], TablePlan]:
    def change(table: TablePlan, reason: str) -> TablePlan:
        update = {"decision": "refused", "reason": reason}
        items = tuple(item.model_copy(update=update) if item.name == name else item for item in getattr(table, field))
        return table.model_copy(update={field: items})

    return change


def _without(table: TablePlan, options: list[_Option]) -> TablePlan:
    for option in options:
        table = option.without(table, "tried without it")
    return table


def _refuse_option(plan: Plan, table: TablePlan, option: _Option, reason: str) -> tuple[Plan, TablePlan]:
    changed = option.without(table, reason)
    plan = _replace_table(plan, changed)
    return _refused(plan, option.kind, option.name, reason, option.text), changed


def _replace_table(plan: Plan, table: TablePlan) -> Plan:
    tables = tuple(table if other.source == table.source else other for other in plan.tables)
    return plan.model_copy(update={"tables": tables})


def _refused(plan: Plan, kind: str, name: str, reason: str, text: str) -> Plan:
    entry = RefusedObject(kind=kind, name=name, reason=reason, text=text)
    loss = Loss(rule=kind.replace(" ", "_"), subject=f"{kind} {name}", count=1, reason=reason)
    return plan.model_copy(update={"refused": (*plan.refused, entry), "losses": (*plan.losses, loss)})


def _refuse_after_data(plan: Plan, statement: Statement, reason: str) -> Plan:
    """Refuses the key, index, check or reference that a statement was to make."""
    for table in plan.tables:
        for kind, field in (
            ("index", "indexes"),
            ("check", "checks"),
            ("unique key", "unique_keys"),
            ("foreign key", "foreign_keys"),
            ("exclusion constraint", "exclusions"),
        ):
            for item in getattr(table, field):
                made = index_object(table, item) if kind == "index" else f"{kind} {table.target}.{item.name}"
                if made == statement.object:
                    plan = _replace_table(plan, _without_constraint(field, item.name)(table, reason))
                    own = item.source or item.name
                    subject = f"{table.source}.{own}" if kind in ("index", "check", "exclusion constraint") else own
                    return _refused(plan, kind, subject, reason, statement.sql)
    raise EngineError(f"{statement.object} cannot be created: {reason}", hint="edit the plan")


def _rehearse_views(engine: TargetEngine, plan: Plan, execute: Execute) -> Plan:
    """Creates each view and reads from it, which is when SQLite looks at its body."""
    for statement in [item for item in engine.create_statements(plan) if item.phase == "views"]:
        view = next(item for item in plan.views if f"view {item.target}" == statement.object)
        reason = _try(execute, statement)
        if not reason:
            name = engine.dialect.qualify(view.target)
            reason = _try(execute, Statement(f"SELECT * FROM {name} LIMIT 0", statement.object, "views"))
            if reason:
                execute(f"DROP VIEW {name}")
        if reason:
            changed = view.model_copy(update={"decision": "refused", "reason": reason})
            views = tuple(changed if item is view else item for item in plan.views)
            plan = plan.model_copy(update={"views": views})
            plan = _refused(plan, "view", str(view.source), reason, view.query)
    return plan
