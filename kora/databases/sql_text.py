"""The words of a CREATE statement, and the parts of indexes and views that engines keep only as text.

The text was accepted by its engine once, so this reads valid statements and validates none: what it does not recognise
it passes over. Comments and quotes of SQLite, DuckDB and standard SQL.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

TokenKind: TypeAlias = Literal["word", "quoted", "string", "other"]

# A word begins with a letter, `_` or what is not ASCII, and goes on with those, digits and `$`: written as what it is
# not, since a set that reaches to U+10FFFF takes 6 ms to compile.
_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))
      | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<string>[xX]?'(?:[^']|'')*')
      | (?P<word>[^\x00-@\[-^`{-\x7f][^\x00-\#%-/:-@\[-^`{-\x7f]*)
      | (?P<other>[0-9][0-9A-Za-z_.]*|.)""",
    re.VERBOSE | re.DOTALL,
)


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
