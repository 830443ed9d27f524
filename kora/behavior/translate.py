"""A query in another engine's words. sqlglot proposes; what it proposes is executed and compared, never believed.

Names are spelled as the other side spells them and quoted, since engines fold unquoted ones differently.
"""

from collections.abc import Mapping as Lookup
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from kora.catalog import Catalog, Name
from kora.comparison.mapping import Mapping

if TYPE_CHECKING:
    from sqlglot import exp


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spellings:
    """How tables and columns are spelled where a query is going, by their old bare names without case."""

    tables: Lookup[str, Name] = field(default_factory=dict)
    columns: Lookup[str, str] = field(default_factory=dict)


def spellings_of(mapping: Mapping, target: Catalog) -> Spellings:
    """From a mapping's sources to its targets. A name that would become two stays as it is."""
    tables: dict[str, set[Name]] = {}
    columns: dict[str, set[str]] = {}
    for pair in mapping.tables:
        tables.setdefault(pair.source.name.casefold(), set()).add(pair.target)
        for column in pair.columns:
            columns.setdefault(column.source.casefold(), set()).add(column.target)
    for view in target.views:
        tables.setdefault(view.name.name.casefold(), set()).add(view.name)
    return Spellings(_single(tables), _single(columns))


def own_spellings(catalog: Catalog) -> Spellings:
    """A database's own tables, views and columns: for a workload that was written elsewhere."""
    tables: dict[str, set[Name]] = {}
    columns: dict[str, set[str]] = {}
    for table in catalog.tables:
        tables.setdefault(table.name.name.casefold(), set()).add(table.name)
        for column in table.columns:
            columns.setdefault(column.name.casefold(), set()).add(column.name)
    for view in catalog.views:
        tables.setdefault(view.name.name.casefold(), set()).add(view.name)
        for name in view.columns:
            columns.setdefault(name.casefold(), set()).add(name)
    return Spellings(_single(tables), _single(columns))


def _single(found: dict[str, set[T]]) -> dict[str, T]:
    return {key: next(iter(values)) for key, values in found.items() if len(values) == 1}


def translate(tree: "exp.Expr", written_in: str, dialect: str, spellings: Spellings) -> str:
    """The query in another dialect, its names respelled.

    Raises:
        ValueError: sqlglot has no words for it there; the message says why.
    """
    from sqlglot.errors import ErrorLevel, SqlglotError

    try:
        text = _respelled(tree.copy(), spellings).sql(dialect=dialect, unsupported_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError) as error:
        raise ValueError(f"no translation from {written_in} to {dialect}: {str(error).splitlines()[0]}") from error
    return str(text)


def _respelled(tree: "exp.Expr", spellings: Spellings) -> "exp.Expr":
    from sqlglot import exp

    own = {cte.alias.casefold() for cte in tree.find_all(exp.CTE)}
    aliases = {alias.name.casefold() for alias in tree.find_all(exp.TableAlias)}
    for table in list(tree.find_all(exp.Table)):
        name = spellings.tables.get(table.name.casefold())
        if name is None or table.name.casefold() in own or not isinstance(table.this, exp.Identifier):
            continue
        table.set("this", exp.to_identifier(name.name, quoted=True))
        table.set("db", exp.to_identifier(name.schema, quoted=True) if name.schema else None)
        table.set("catalog", None)
    for identifier in list(tree.find_all(exp.Identifier)):
        if isinstance(identifier.parent, exp.Table | exp.TableAlias | exp.CTE):
            continue
        folded = identifier.name.casefold()
        if identifier.arg_key == "table":
            there = spellings.tables.get(folded)
            if there is not None and folded not in aliases and folded not in own:
                identifier.replace(exp.to_identifier(there.name, quoted=True))
        elif folded in spellings.columns:
            identifier.replace(exp.to_identifier(spellings.columns[folded], quoted=True))
    return tree
