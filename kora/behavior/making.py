"""Rows made from a catalog alone, with the parents that they need: for tables that hold none that could be tried.

A made row names every column that no default of its own has to fill, counters too: so no counter gives out a number.
In MariaDB a number above the counter would move it, and no rollback takes that back: there a counted column gets a
number below. What the engine's own checks refuse is not proposed: they are asked of their own expressions first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice, product

from kora.behavior.samples import samples
from kora.catalog import Catalog, Column, ForeignKey, Table
from kora.databases.base import Database, Dialect
from kora.errors import SenseiError

DEPTH_LIMIT = 8
"""Parents of parents."""
CHOICES_LIMIT = 300
"""Combinations of values that are held against checks, for each group of columns that checks tie together."""
_NUMBERS = ("integer", "decimal", "float")
_AUTO_BELOW = "its numbers are counted, have no sign, and a larger one would move the counter"


class CannotMake(Exception):
    """No row can be made; the message says why. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class MadeRow:
    """`values`: column → SQL; a column that is not there fills itself. `before`: the parents' INSERTs, in order."""

    table: Table
    values: Mapping[str, str]
    before: tuple[str, ...] = ()


@dataclass(slots=True)
class Maker:
    """Makes rows of one database's tables.

    Args:
        database: Open for reading: its largest keys, its parents, and what its checks say.
        catalog: What it holds.
        guarded: Tables in which no row may be made, and why: their triggers would run.
    """

    database: Database
    catalog: Catalog
    guarded: Mapping[str, str] = field(default_factory=dict)
    _largest: dict[tuple[str, str], int | None] = field(default_factory=dict)

    def row(self, table: Table, turn: int, *, fresh: bool = False, copied: bool = False,
            extra: Sequence[str] = ()) -> MadeRow:  # fmt: skip
        """A row that ought to be accepted.

        Args:
            table: Of the catalog.
            turn: Rows of different turns have different values.
            fresh: Whether its parents are made too where there are some.
            copied: Whether it goes into a copy, where counters are nobody's and references not kept.
            extra: Expressions that shall hold besides the table's own checks.

        Raises:
            CannotMake: The message says why not.
        """
        return self._row(table, turn, fresh, copied, tuple(extra), ())

    def _row(
        self, table: Table, turn: int, fresh: bool, copied: bool, extra: tuple[str, ...], path: tuple[str, ...]
    ) -> MadeRow:
        if str(table.name) in self.guarded and path:
            raise CannotMake(f"its parent {table.name} would need a row: {self.guarded[str(table.name)]}")
        if str(table.name) in path or len(path) > DEPTH_LIMIT:
            raise CannotMake("its references go round in a circle")
        checks = [check.expression for check in table.checks] + list(extra)
        options: dict[str, list[str]] = {}
        for column in table.columns:
            found = self._options(table, column, turn, copied, checks)
            if found:
                options[column.name] = found
        before: dict[str, None] = {}
        for foreign in table.foreign_keys if not copied else ():
            told = self._parent(table, foreign, turn, fresh, (*path, str(table.name)), options)
            for statement in told:
                before[statement] = None
        return MadeRow(table, self._chosen(table, options, checks), tuple(before))

    def _options(self, table: Table, column: Column, turn: int, copied: bool, checks: Sequence[str]) -> list[str]:
        """The values to choose from, NULL last; none where the column fills itself."""
        if column.generated is not None:
            return []
        engine = self.database.dialect.engine
        if column.identity is not None and engine == "mariadb" and not copied:
            return [self._below(column, turn)]
        spoken = [text for text in checks if _names(text, column)] + self._of_domain(column)
        found = samples(engine, column, turn, spoken)
        if column.type.kind in _NUMBERS and _is_key(table, column):
            found = [*self._beyond(table, column, turn), *found]
        if column.nullable:
            found.append("NULL")
        if not found and not column.default:
            raise CannotMake(f"no value of {column.name} ({column.type.declared}) is known")
        return found

    def _below(self, column: Column, turn: int) -> str:
        if column.type.minimum is not None and column.type.minimum < 0:
            return str(-1 - turn)
        if turn:
            raise CannotMake(_AUTO_BELOW)
        return "0"

    def _of_domain(self, column: Column) -> list[str]:
        return [
            check.expression
            for domain in self.catalog.domains
            if column.type.domain in (domain.name.name, str(domain.name))
            for check in domain.checks
        ]

    def _beyond(self, table: Table, column: Column, turn: int) -> list[str]:
        """A number above all that are there."""
        place = str(table.name), column.name
        if place not in self._largest:
            self._largest[place] = self._ask_largest(table, column)
        largest, limit = self._largest[place], column.type.maximum
        number = None if largest is None else largest + 1 + turn
        return [] if number is None or (limit is not None and number > limit) else [str(number)]

    def _ask_largest(self, table: Table, column: Column) -> int | None:
        dialect = self.database.dialect
        try:
            sql = f"SELECT max({dialect.quote(column.name)}) FROM {dialect.qualify(table.name)}"
            largest = self.database.scalar_query(sql)[0][0]
            return None if largest is None else int(Decimal(str(largest)))
        except (SenseiError, ValueError, ArithmeticError):
            return None

    def _parent(
        self, table: Table, foreign: ForeignKey, turn: int, fresh: bool, path: tuple[str, ...],
        options: dict[str, list[str]],
    ) -> tuple[str, ...]:  # fmt: skip
        """Sets the columns of a reference; what has to be inserted before."""
        nullable = [name for name in foreign.columns if table.column(name).nullable]
        if foreign.parent == table.name:
            for name, there in zip(foreign.columns, foreign.parent_columns, strict=True):
                options[name] = ["NULL"] if name in nullable else options.get(there, [])[:1]
            return ()
        parent = next((item for item in self.catalog.tables if item.name == foreign.parent), None)
        if parent is None:
            raise CannotMake(f"its parent {foreign.parent} is not known here")
        if not fresh and self._has(parent, foreign.parent_columns, turn):
            for name, there in zip(foreign.columns, foreign.parent_columns, strict=True):
                options[name] = [self._of_parent(parent, foreign.parent_columns, there, turn)]
            return ()
        try:
            made = self._made_parent(parent, turn, fresh, path)
        except CannotMake:
            if not nullable:
                raise
            options[nullable[0]] = ["NULL"]
            return ()
        for name, there in zip(foreign.columns, foreign.parent_columns, strict=True):
            if there not in made.values:
                raise CannotMake(f"what {foreign.parent} puts into {there} is not known before")
            options[name] = [made.values[there]]
        dialect = self.database.dialect
        return (*made.before, insertion(dialect, dialect.qualify(parent.name), made))

    def _made_parent(self, parent: Table, turn: int, fresh: bool, path: tuple[str, ...]) -> MadeRow:
        """A row of the parent; the first turn's where a second one has no number left to count with."""
        try:
            return self._row(parent, turn, fresh, False, (), path)
        except CannotMake as problem:
            if turn % 2 and str(problem) == _AUTO_BELOW:
                return self._row(parent, turn - 1, fresh, False, (), path)
            raise

    def _has(self, parent: Table, columns: Sequence[str], turn: int) -> bool:
        sql = f"SELECT 1 FROM {self._filled(parent, columns)} LIMIT 1 OFFSET {turn}"
        try:
            return bool(self.database.scalar_query(sql))
        except SenseiError:
            return False

    def _filled(self, parent: Table, columns: Sequence[str]) -> str:
        quote = self.database.dialect.quote
        filled = " AND ".join(f"{quote(name)} IS NOT NULL" for name in columns)
        return f"{self.database.dialect.qualify(parent.name)} WHERE {filled}"

    def _of_parent(self, parent: Table, columns: Sequence[str], column: str, turn: int) -> str:
        quote = self.database.dialect.quote
        order = ", ".join(map(quote, columns))
        inner = f"SELECT {quote(column)} FROM {self._filled(parent, columns)} ORDER BY {order} LIMIT 1 OFFSET {turn}"
        return f"(SELECT {quote(column)} FROM ({inner}) AS kora_parent)"

    def _chosen(self, table: Table, options: Mapping[str, list[str]], checks: Sequence[str]) -> dict[str, str]:
        """For each column the first value with which all checks hold."""
        chosen = {name: values[0] for name, values in options.items()}
        for group, spoken in _tied(table, options, checks):
            for values in islice(product(*(options[name] for name in group)), CHOICES_LIMIT):
                tried = {**chosen, **dict(zip(group, values, strict=True))}
                if self.holds(table, tried, spoken):
                    chosen = tried
                    break
            else:
                raise CannotMake(f"no values are known under which {spoken[0][:80]} holds")
        for column in table.columns:
            if column.type.domain and column.name in chosen and chosen[column.name] != "NULL":
                chosen[column.name] = self._within_domain(column, options[column.name])
        return chosen

    def _within_domain(self, column: Column, values: Sequence[str]) -> str:
        """The first value that the domain takes."""
        names = {text: item.name for item in self.catalog.domains for text in (item.name.name, str(item.name))}
        domain = names.get(column.type.domain or "")
        called = self.database.dialect.qualify(domain) if domain else column.type.declared
        for value in values:
            try:
                self.database.scalar_query(f"SELECT CAST({value} AS {called}) IS NULL")
            except SenseiError:
                continue
            return value
        raise CannotMake(f"no value of {column.name} ({column.type.declared}) is known")

    def holds(self, table: Table, values: Mapping[str, str], checks: Sequence[str]) -> bool:
        """Whether the engine can read the values as the columns' types, and none of the expressions is false."""
        broken = " OR ".join(f"NOT ({text})" for text in checks) or "1 = 0"
        sql = f"SELECT 1 FROM ({self.shown(table, values)}) AS kora_made WHERE {broken}"
        try:
            return not self.database.scalar_query(sql)
        except SenseiError:
            return False

    def breaks(self, table: Table, values: Mapping[str, str], check: str) -> bool:
        """Whether the engine says that the expression is false for these values."""
        sql = f"SELECT 1 FROM ({self.shown(table, values)}) AS kora_made WHERE NOT ({check})"
        try:
            return bool(self.database.scalar_query(sql))
        except SenseiError:
            return False

    def shown(self, table: Table, values: Mapping[str, str]) -> str:
        """A SELECT of one row: the values under their columns' names and types, NULL where none is given."""
        dialect = self.database.dialect
        pieces = (
            f"{typed(dialect.engine, values.get(column.name, 'NULL'), column)} AS {dialect.quote(column.name)}"
            for column in table.columns
        )
        return f"SELECT {', '.join(pieces)}"


def typed(engine: str, value: str, column: Column) -> str:
    """A literal as the column's type in an expression. MariaDB's CAST knows other names, and converts by itself;
    SQLite's makes a number of a date.
    """
    plain = engine == "mariadb" or (engine == "sqlite" and column.type.kind not in (*_NUMBERS, "text"))
    return value if plain or not column.type.declared else f"CAST({value} AS {column.type.declared})"


def insertion(
    dialect: Dialect, name: str, row: MadeRow, changes: Mapping[str, str] | None = None, without: str = ""
) -> str:
    """The INSERT of a row into the table of that name in SQL, some values changed, one column left to itself."""
    engine = dialect.engine
    values = {column: value for column, value in {**row.values, **(changes or {})}.items() if column != without}
    always = any(column.identity is not None and column.identity.always for column in row.table.columns)
    overriding = " OVERRIDING SYSTEM VALUE" if always and engine == "postgresql" else ""
    if not values:
        return f"INSERT INTO {name} () VALUES ()" if engine == "mariadb" else f"INSERT INTO {name} DEFAULT VALUES"
    columns, told = ", ".join(map(dialect.quote, values)), ", ".join(values.values())
    return f"INSERT INTO {name} ({columns}){overriding} VALUES ({told})"


def _names(expression: str, column: Column) -> bool:
    return column.name.casefold() in {word.casefold() for word in re.findall(r"\w+", expression)} or (
        column.name.casefold() in expression.casefold() and not re.fullmatch(r"\w+", column.name)
    )


def _is_key(table: Table, column: Column) -> bool:
    keys = [*([table.primary_key] if table.primary_key else []), *table.unique_keys]
    indexed = any(index.unique and any(part.column == column.name for part in index.parts) for index in table.indexes)
    return indexed or any(column.name in key.columns for key in keys)


def _tied(
    table: Table, options: Mapping[str, list[str]], checks: Sequence[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """Columns that checks tie together, with those checks. Each column stands in one group."""
    groups: list[tuple[set[str], list[str]]] = []
    for check in checks:
        named = {column.name for column in table.columns if column.name in options and _names(check, column)}
        spoken = [check]
        for other in [group for group in groups if group[0] & named]:
            groups.remove(other)
            named |= other[0]
            spoken += other[1]
        groups.append((named, spoken))
    yield from ((sorted(names), spoken) for names, spoken in groups if names)
