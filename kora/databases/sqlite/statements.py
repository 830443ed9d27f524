"""Reads the CREATE TABLE texts that SQLite keeps, for what its PRAGMAs do not tell.

That is: checks, collations, generated expressions, AUTOINCREMENT, names of constraints, deferrable foreign keys.
Grammar: sqlite.org/lang_createtable.html.
"""

from dataclasses import dataclass, field

from kora.catalog import Check
from kora.databases.sql_text import Statement, read_statement

_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})


@dataclass(slots=True)
class ColumnClauses:
    """What a column's definition says beyond what PRAGMA table_xinfo shows."""

    collation: str | None = None
    expression: str | None = None
    stored: bool = False
    autoincrement: bool = False


@dataclass(slots=True)
class ForeignKeyClause:
    """A REFERENCES in the order of the text."""

    name: str = ""
    deferrable: bool = False
    initially_deferred: bool = False


@dataclass(slots=True)
class CreateTable:
    """What the text of a CREATE TABLE adds. Column names are keys in lower case."""

    columns: dict[str, ColumnClauses] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    foreign_keys: list[ForeignKeyClause] = field(default_factory=list)
    primary_key_name: str = ""
    unique_names: dict[tuple[str, ...], str] = field(default_factory=dict)


def read_create_table(text: str) -> CreateTable:
    """Reads a CREATE TABLE as sqlite_schema keeps it."""
    statement = read_statement(text)
    table = CreateTable()
    opening = statement.find("(")
    if opening is None:
        return table
    for start, stop in statement.parts(opening + 1, statement.closing(opening)):
        if statement.tokens[start].keyword in _TABLE_CONSTRAINTS:
            _read_constraints(statement, start, stop, table, None)
        else:
            column = statement.tokens[start].name
            table.columns[column.lower()] = ColumnClauses()
            _read_constraints(statement, start + 1, stop, table, column)
    return table


def _read_constraints(statement: Statement, start: int, stop: int, table: CreateTable, column: str | None) -> None:
    """Walks one definition's tokens at its own depth and notes each clause in `table`."""
    pending_name = ""
    index = start
    while index < stop:
        keyword = statement.tokens[index].keyword
        if keyword == "CONSTRAINT" and index + 1 < stop:
            pending_name = statement.tokens[index + 1].name
            index += 2
            continue
        if keyword in _CLAUSES:
            index = _read_clause(statement, index, stop, table, column, pending_name)
            pending_name = ""
            continue
        if keyword == "NULL":
            pending_name = ""
        index = statement.closing(index) + 1 if statement.tokens[index].text == "(" else index + 1


_CLAUSES = frozenset(
    {"CHECK", "COLLATE", "DEFAULT", "AS", "PRIMARY", "UNIQUE", "REFERENCES", "AUTOINCREMENT", "DEFERRABLE", "INITIALLY"}
)


def _read_clause(statement: Statement, index: int, stop: int, table: CreateTable, column: str | None, name: str) -> int:
    """Notes the clause at `index`; returns the index behind it."""
    tokens = statement.tokens
    clauses = table.columns.get((column or "").lower(), ColumnClauses())
    following = index + 1
    closing = statement.closing(following) if following < stop and tokens[following].text == "(" else None
    match tokens[index].keyword:
        case "CHECK" if closing is not None:
            table.checks.append(Check(name, statement.between(following + 1, closing).strip()))
        case "AS" if closing is not None:
            clauses.expression = statement.between(following + 1, closing).strip()
            clauses.stored = closing + 1 < stop and tokens[closing + 1].keyword == "STORED"
        case "COLLATE" if following < stop:
            clauses.collation = tokens[following].name.upper()
            return following + 1
        case "DEFAULT" if closing is None and tokens[index - 1].keyword != "SET":
            return following + (2 if following < stop and tokens[following].text in "+-" else 1)
        case "PRIMARY":
            table.primary_key_name = name or table.primary_key_name
        case "UNIQUE":
            columns = (column,) if column is not None else _column_names(statement, following, closing)
            table.unique_names[tuple(part.lower() for part in columns)] = name
        case "REFERENCES":
            table.foreign_keys.append(ForeignKeyClause(name))
        case "AUTOINCREMENT":
            clauses.autoincrement = True
        case "DEFERRABLE" if table.foreign_keys:
            table.foreign_keys[-1].deferrable = tokens[index - 1].keyword != "NOT"
        case "INITIALLY" if table.foreign_keys and following < stop:
            deferred = tokens[following].keyword == "DEFERRED"
            table.foreign_keys[-1].initially_deferred = deferred and table.foreign_keys[-1].deferrable
    return following if closing is None else closing + 1


def _column_names(statement: Statement, opening: int, closing: int | None) -> tuple[str, ...]:
    if closing is None:
        return ()
    return tuple(statement.tokens[start].name for start, _ in statement.parts(opening + 1, closing))
