"""A workload: SELECT statements in a file, or all views of a catalog. Whatever is no SELECT is refused by its name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kora import _core
from kora.catalog import Catalog, View
from kora.comparison.behavior import ANSWERS_LIMIT
from kora.databases.base import Dialect
from kora.errors import FileProblem, InvalidRequest, LimitExceeded
from kora.evidence.files import read_bounded

if TYPE_CHECKING:
    from sqlglot import exp

_FILE_LIMIT_BYTES = 16 << 20
_NAME = re.compile(r"--[ \t]*name:[ \t]*([\w.:-]{1,200})")
DIALECTS = {"sqlite": "sqlite", "duckdb": "duckdb", "postgresql": "postgres", "mariadb": "mysql"}
"""Engines by their names here, and what sqlglot calls their SQL."""


@dataclass(frozen=True, slots=True)
class Query:
    """One statement as it was written. `tree` is None where sqlglot could not read it: of views only."""

    name: str
    text: str
    tree: "exp.Expr | None"
    view: View | None = None

    @property
    def digest(self) -> str:
        """16 hex digits of the SHA-256 of its text."""
        return _core.sha256(self.text.encode("utf-8", "backslashreplace"))[:16]


@dataclass(frozen=True, slots=True)
class Workload:
    """Queries in the SQL of one engine. `sha256` is the file's; None for views."""

    queries: tuple[Query, ...]
    dialect: str
    sha256: str | None


def read_workload(path: Path, dialect: str) -> Workload:
    """The statements of a file, separated by semicolons; a comment `-- name: …` names one, else its number does.

    Args:
        path: At most 16 MiB of UTF-8.
        dialect: What sqlglot calls the SQL that it is written in.

    Raises:
        InvalidRequest: A statement is no SELECT, is not understood, or two have one name.
        LimitExceeded: More than 10,000 statements, or bytes.
        FileProblem: It cannot be read.
    """
    data = read_bounded(path, _FILE_LIMIT_BYTES)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileProblem(f"{path} is not UTF-8", hint="save the workload as UTF-8") from error
    queries = tuple(_named(number, piece, dialect) for number, piece in enumerate(_statements(text, dialect, path), 1))
    if not queries:
        raise InvalidRequest(f"{path} holds no statement", hint="write SELECT statements, each ended by a semicolon")
    names = [query.name for query in queries]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice:
        raise InvalidRequest(f"two statements of {path} are named {twice}", hint="answers pair by name: rename one")
    return Workload(queries, dialect, _core.sha256(data))


def _statements(text: str, dialect: str, path: Path) -> Iterator[str]:
    """The pieces between semicolons that stand outside of quotes and comments, empty ones left out."""
    import sqlglot
    from sqlglot import TokenType
    from sqlglot.errors import SqlglotError

    try:
        tokens = sqlglot.tokenize(text, read=dialect)
    except SqlglotError as error:
        raise InvalidRequest(
            f"{path} is not understood as {dialect}: {str(error).splitlines()[0]}",
            hint="look for a quote or comment that is not closed; --dialect names the SQL that it is written in",
        ) from error
    ends = [token.start for token in tokens if token.token_type == TokenType.SEMICOLON] + [len(text)]
    if len(ends) > ANSWERS_LIMIT + 1:
        raise LimitExceeded(f"{path} has more than {ANSWERS_LIMIT:,} statements")
    begin, held = 0, {token.start for token in tokens if token.token_type != TokenType.SEMICOLON}
    starts = sorted(held)
    position = 0
    for end in ends:
        count = position
        while position < len(starts) and starts[position] < end:
            position += 1
        if position > count:
            yield text[begin:end].strip()
        begin = end + 1


def _named(number: int, text: str, dialect: str) -> Query:
    found = _NAME.search(text)
    name = found[1] if found else f"q{number}"
    tree = parse(text, dialect)
    if tree is None:
        raise InvalidRequest(
            f"statement {name} is not understood as {dialect}",
            hint="--dialect names the SQL that the workload is written in; leave out what sqlglot cannot read",
        )
    offence = offending(tree)
    if offence:
        raise InvalidRequest(
            f"statement {name} is no SELECT: it holds {offence}", hint="a workload only reads: leave it out"
        )
    return Query(name, text, tree)


def parse(text: str, dialect: str) -> "exp.Expr | None":
    """The statement's tree; None where sqlglot does not understand it."""
    import sqlglot
    from sqlglot.errors import ErrorLevel, SqlglotError

    try:
        return sqlglot.parse_one(text, read=dialect, error_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError):
        return None


@cache
def _writing() -> "tuple[type[exp.Expr], ...]":
    from sqlglot import exp

    names = ("Command", "Into", "Lock", "Copy", "Set", "Pragma", "Use", "Transaction", "Commit",
             "Rollback", "Attach", "Detach", "Drop", "Alter", "TruncateTable", "Kill", "Analyze")  # fmt: skip
    known = (getattr(exp, name) for name in names if hasattr(exp, name))
    return (*known, exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Create)


def offending(tree: "exp.Expr") -> str | None:
    """What makes a statement more than a reading one, as a word; None for a SELECT, a set operation or VALUES."""
    from sqlglot import exp

    root = tree.unnest() if isinstance(tree, exp.Subquery) else tree
    if not isinstance(root, exp.Query | exp.Values):
        word = root.this if isinstance(root, exp.Command) else type(root).__name__
        return str(word).upper()
    found = next((node for node in tree.walk() if isinstance(node, _writing())), None)
    return type(found).__name__.upper() if found is not None else None


def views_of(catalog: Catalog, dialect: Dialect) -> Workload:
    """A query for each view: all that it shows, in any order. They pair by the view's bare name, without its case."""
    names = [view.name.name.casefold() for view in catalog.views]
    queries = []
    for view in catalog.views:
        bare = view.name.name.casefold()
        name = f"view:{bare if names.count(bare) == 1 else view.name}"
        queries.append(
            Query(name, f"SELECT * FROM {dialect.qualify(view.name)}", parse(view.query, dialect.sqlglot), view)
        )
    return Workload(tuple(queries), dialect.sqlglot, None)
