"""Reads the CREATE statements that SQLite keeps as text, for what its PRAGMAs do not tell.

That is: checks, collations, generated expressions, AUTOINCREMENT, names of constraints, deferrable foreign keys, the
expressions and the WHERE of an index, the SELECT of a view. The text was accepted by SQLite once, so this is a reader
of valid statements and no validator: what it does not recognise it passes over.

Grammar: sqlite.org/lang_createtable.html, lang_createindex.html, lang_createview.html.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from kora.catalog import Check

TokenKind: TypeAlias = Literal["word", "quoted", "string", "other"]

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
      | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<string>[xX]?'(?:[^']|'')*')
      | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
      | (?P<other>[0-9][0-9A-Za-z_.]*|.)""",
    re.VERBOSE | re.DOTALL,
)
_TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})


@dataclass(frozen=True, slots=True)
class Token:
    """One word, quoted name, string or sign, with where it stands in the text without comments."""

    kind: TokenKind
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word in capitals; empty for anything quoted."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def name(self) -> str:
        """The identifier that it spells, without its quotes."""
        if self.kind == "word" or not self.text:
            return self.text
        quote = self.text[-1]
        inner = self.text[1:-1]
        return inner if quote == "]" else inner.replace(quote * 2, quote)


@dataclass(frozen=True, slots=True)
class Statement:
    """A text without its comments, and its tokens."""

    text: str
    tokens: tuple[Token, ...]

    def between(self, start: int, stop: int) -> str:
        """The source text from token `start` to before token `stop`."""
        return self.text[self.tokens[start].start : self.tokens[stop - 1].end] if start < stop else ""

    def closing(self, opening: int) -> int:
        """Where the parenthesis at `opening` closes: a token index, or the end."""
        depth = 0
        for index in range(opening, len(self.tokens)):
            depth += {"(": 1, ")": -1}.get(self.tokens[index].text, 0)
            if depth == 0:
                return index
        return len(self.tokens)

    def parts(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Token ranges between commas that stand in no parenthesis."""
        begin = index = start
        while index < stop:
            if self.tokens[index].text == "(":
                index = self.closing(index)
            elif self.tokens[index].text == ",":
                yield begin, index
                begin = index + 1
            index += 1
        if begin < stop:
            yield begin, stop

    def find(self, keyword: str, start: int = 0) -> int | None:
        """The first token that is this keyword (or sign) outside parentheses."""
        index = start
        while index < len(self.tokens):
            token = self.tokens[index]
            if token.keyword == keyword or (token.kind == "other" and token.text == keyword):
                return index
            index = self.closing(index) + 1 if token.text == "(" else index + 1
        return None


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


@dataclass(frozen=True, slots=True)
class CreateIndex:
    """The parts of an index as written, without collation and direction, and its WHERE."""

    parts: tuple[str, ...]
    where: str | None


def read_statement(text: str) -> Statement:
    """Splits a text into tokens; each comment becomes one blank."""
    clean: list[str] = []
    tokens: list[Token] = []
    position = 0
    for match in _TOKEN.finditer(text):
        piece = match.group()
        if match.lastgroup == "space":
            piece = " " if piece.startswith(("--", "/*")) else piece
        else:
            tokens.append(Token(_kind(match.lastgroup), piece, position, position + len(piece)))
        clean.append(piece)
        position += len(piece)
    return Statement("".join(clean), tuple(tokens))


def _kind(group: str | None) -> TokenKind:
    match group:
        case "word" | "quoted" | "string":
            return group
        case _:
            return "other"


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


def _read_clause(  # noqa: PLR0913  one clause needs where it stands, whose it is and what it is called
    statement: Statement, index: int, stop: int, table: CreateTable, column: str | None, name: str
) -> int:
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


def read_create_index(text: str) -> CreateIndex:
    """Reads a CREATE INDEX as sqlite_schema keeps it."""
    statement = read_statement(text)
    opening = statement.find("(")
    if opening is None:
        return CreateIndex((), None)
    closing = statement.closing(opening)
    parts = tuple(_index_part(statement, start, stop) for start, stop in statement.parts(opening + 1, closing))
    where = statement.find("WHERE", closing + 1)
    end = len(statement.tokens)
    if end and statement.tokens[end - 1].text == ";":
        end -= 1
    return CreateIndex(parts, None if where is None else statement.between(where + 1, end).strip())


def _index_part(statement: Statement, start: int, stop: int) -> str:
    """An index part's expression, without the ASC, DESC and COLLATE at its end."""
    if statement.tokens[stop - 1].keyword in {"ASC", "DESC"}:
        stop -= 1
    if stop - start > 2 and statement.tokens[stop - 2].keyword == "COLLATE":
        stop -= 2
    return statement.between(start, stop).strip()


def read_create_view(text: str) -> str:
    """The SELECT of a CREATE VIEW."""
    statement = read_statement(text)
    behind_as = statement.find("AS")
    if behind_as is None:
        return text
    start = statement.tokens[behind_as].end
    return text_without_end(statement.text[start:])


def text_without_end(text: str) -> str:
    """A statement without blanks around it and without the semicolon at its end."""
    return text.strip().removesuffix(";").rstrip()
