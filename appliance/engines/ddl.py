"""Pieces of DDL that every engine writes alike, from the plan's target names. All identifiers are quoted."""

from collections.abc import Iterable

from appliance.engines.base import Statement
from appliance.planning.model import (
    CheckPlan,
    ForeignKeyPlan,
    IndexPlan,
    KeyPlan,
    Plan,
    SequencePlan,
    TablePlan,
    ViewPlan,
)
from kora.catalog import Action
from kora.databases.base import Dialect

ACTIONS: dict[Action, str] = {
    "no_action": "NO ACTION",
    "restrict": "RESTRICT",
    "cascade": "CASCADE",
    "set_null": "SET NULL",
    "set_default": "SET DEFAULT",
}


def literal(text: str) -> str:
    """A string literal of standard SQL."""
    return "'" + text.replace("'", "''") + "'"


def column_list(dialect: Dialect, columns: Iterable[str]) -> str:
    """Quoted names in parentheses."""
    return "(" + ", ".join(dialect.quote(column) for column in columns) + ")"


def constraint_name(dialect: Dialect, name: str) -> str:
    """`CONSTRAINT "name" `, or nothing for one that the engine shall name."""
    return f"CONSTRAINT {dialect.quote(name)} " if name else ""


def key_clause(dialect: Dialect, key: KeyPlan, kind: str) -> str:
    """A PRIMARY KEY or UNIQUE clause."""
    nulls = " NULLS NOT DISTINCT" if kind == "UNIQUE" and not key.nulls_distinct else ""
    deferrable = " DEFERRABLE" if key.deferrable else ""
    return f"{constraint_name(dialect, key.name)}{kind}{nulls} {column_list(dialect, key.columns)}{deferrable}"


def foreign_key_clause(dialect: Dialect, key: ForeignKeyPlan) -> str:
    """A FOREIGN KEY clause with its actions; the default action is left unsaid."""
    text = (
        f"{constraint_name(dialect, key.name)}FOREIGN KEY {column_list(dialect, key.columns)}"
        f" REFERENCES {dialect.qualify(key.parent)} {column_list(dialect, key.parent_columns)}"
    )
    text += " MATCH FULL" if key.match_full else ""
    text += f" ON DELETE {ACTIONS[key.on_delete]}" if key.on_delete != "no_action" else ""
    text += f" {column_list(dialect, key.set_columns)}" if key.set_columns else ""
    text += f" ON UPDATE {ACTIONS[key.on_update]}" if key.on_update != "no_action" else ""
    if key.deferrable:
        text += " DEFERRABLE INITIALLY DEFERRED" if key.initially_deferred else " DEFERRABLE"
    return text


def check_clause(dialect: Dialect, check: CheckPlan) -> str:
    """A CHECK clause."""
    return f"{constraint_name(dialect, check.name)}CHECK ({check.expression})"


def inline_constraints(dialect: Dialect, table: TablePlan) -> list[str]:
    """Every carried constraint, for engines where all of them stand in CREATE TABLE."""
    clauses = []
    if table.primary_key and table.primary_key.carried:
        clauses.append(key_clause(dialect, table.primary_key, "PRIMARY KEY"))
    clauses += [key_clause(dialect, key, "UNIQUE") for key in table.unique_keys if key.carried]
    clauses += [check_clause(dialect, check) for check in table.checks if check.carried]
    clauses += [foreign_key_clause(dialect, key) for key in table.foreign_keys if key.carried]
    return clauses


def table_statement(dialect: Dialect, table: TablePlan, clauses: list[str]) -> Statement:
    """CREATE TABLE over the given column and constraint clauses."""
    body = ",\n    ".join(clauses)
    return Statement(
        f"CREATE TABLE {dialect.qualify(table.target)} (\n    {body}\n)", f"table {table.target}", "before_data"
    )


def index_statement(dialect: Dialect, table: TablePlan, index: IndexPlan, name: str) -> Statement:
    """CREATE INDEX; `name` is quoted and qualified as the engine wants it."""
    parts = []
    for part in index.parts:
        text = dialect.quote(part.column) if part.column is not None else f"({part.expression})"
        text += f" COLLATE {dialect.quote(part.collation)}" if part.collation else ""
        text += " DESC" if part.descending else ""
        if part.nulls_first is not None:
            text += " NULLS FIRST" if part.nulls_first else " NULLS LAST"
        parts.append(text)
    unique = "UNIQUE " if index.unique else ""
    sql = f"CREATE {unique}INDEX {name} ON {dialect.qualify(table.target)} ({', '.join(parts)})"
    sql += f" INCLUDE {column_list(dialect, index.included)}" if index.included else ""
    sql += f" WHERE {index.where}" if index.where else ""
    return Statement(sql, index_object(table, index), "after_data")


def index_object(table: TablePlan, index: IndexPlan) -> str:
    """How an index is called in statements, rehearsals and losses."""
    return f"index {table.target}.{index.name}"


def sequence_statement(dialect: Dialect, sequence: SequencePlan) -> Statement:
    """CREATE SEQUENCE that goes on behind the last value."""
    start = sequence.start if sequence.last_value is None else sequence.last_value + sequence.increment
    sql = f"CREATE SEQUENCE {dialect.qualify(sequence.name)} INCREMENT BY {sequence.increment}"
    # Both engines take 1 for the least value of a rising sequence; keys of zero and below are older than that rule.
    minimum = start if sequence.minimum is None and sequence.increment > 0 and start < 1 else sequence.minimum
    sql += f" MINVALUE {minimum}" if minimum is not None else ""
    sql += f" MAXVALUE {sequence.maximum}" if sequence.maximum is not None else ""
    sql += f" START WITH {start}"
    sql += " CYCLE" if sequence.cycle else ""
    return Statement(sql, f"sequence {sequence.name}", "before_data")


def view_statement(dialect: Dialect, view: ViewPlan) -> Statement:
    """CREATE VIEW."""
    columns = " " + column_list(dialect, view.columns) if view.columns else ""
    return Statement(
        f"CREATE VIEW {dialect.qualify(view.target)}{columns} AS {view.query}", f"view {view.target}", "views"
    )


def comment_statements(dialect: Dialect, plan: Plan) -> list[Statement]:
    """COMMENT ON for tables and columns that have one."""
    statements = []
    for table in plan.tables:
        name = dialect.qualify(table.target)
        if table.comment:
            sql = f"COMMENT ON TABLE {name} IS {literal(table.comment)}"
            statements.append(Statement(sql, f"comment {table.target}", "after_data"))
        for column in table.columns:
            if column.comment:
                sql = f"COMMENT ON COLUMN {name}.{dialect.quote(column.target)} IS {literal(column.comment)}"
                statements.append(Statement(sql, f"comment {table.target}.{column.target}", "after_data"))
    return statements


def drop_tables_and_views(dialect: Dialect, plan: Plan) -> list[Statement]:
    """DROP of views, last first, then of tables, children before parents."""
    drops = [
        Statement(f"DROP VIEW IF EXISTS {dialect.qualify(view.target)}", f"view {view.target}", "views")
        for view in reversed(plan.views)
        if view.carried
    ]
    drops += [
        Statement(f"DROP TABLE IF EXISTS {dialect.qualify(table.target)}", f"table {table.target}", "before_data")
        for table in reversed(plan.tables)
    ]
    return drops
