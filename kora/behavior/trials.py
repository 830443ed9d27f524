"""Rows tried on one table of the target, through a writer that somebody passed in and that takes everything back.

A trial is an UPDATE of a row that is there, or where there is none, or it says nothing, an INSERT of a row that is made
up: either way no counter gives out a number. Where that is not safe (triggers, tables that know no rollback) the
engine's own copy of the table takes its place, with a few of its rows; where that would not say anything (references,
which no copy keeps), the trial is not decidable.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kora.behavior.answers import error_class
from kora.behavior.making import CannotMake, MadeRow, Maker, insertion
from kora.catalog import Catalog, Table
from kora.databases.base import Database, Dialect
from kora.errors import AccessDenied, Busy, EngineError, Stopped

Texts = list[tuple[str | None, ...]]
REFUSALS = (EngineError, AccessDenied, Busy, Stopped)
"""What an engine says no with."""
_ATTEMPTS = (((0, 1), False), ((2, 3), False), ((4, 5), True))
"""Turns of two made rows, and whether their parents are made too where there are some."""
_ALONE = (((0, 0), False), ((4, 4), True))
_BREACHES = (
    ("exclusion", r"23P01|exclusion constraint"),
    ("unique", r"23505|1062|unique constraint|duplicate key|primary key"),
    ("foreign key", r"23503|1452|foreign key"),
    ("not null", r"23502|1048|not null|not-null"),
    ("check", r"23514|4025|3819|check constraint"),
    ("too long", r"22001|1406|too long"),
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a table's trials happen: its name in SQL, and what is to be executed first within each trial."""

    name: str
    prepare: tuple[str, ...] = ()


class TrialWriter(Protocol):
    """Writes to the target, or to a copy of it, and takes everything back."""

    place: str
    """Where it writes, for a person: `a copy of clinic.db`."""
    logged: str
    """What of it a server's log keeps, as the end of a sentence for a person; empty where none does."""

    def bench(self, table: Table, *, triggers: bool, references: bool) -> Bench | str:
        """Where a table can be tried without harm, or why nowhere.

        Args:
            table: As the catalog has it.
            triggers: Whether triggers or rules of its own would run.
            references: Whether the trial is about references, which a copy of the table does not keep.
        """
        ...

    def attempt(self, *statements: str) -> None:
        """Executes statements as one transaction, deferred constraints checked at once, and rolls back.

        Raises one of `REFUSALS` where the engine refuses.
        """
        ...

    def look(self, query: str, *statements: str) -> Texts:
        """As `attempt`, then the rows of a query, every value as the engine's text of it, before all is rolled back."""
        ...

    def positions(self) -> dict[str, str]:
        """Where each counter stands: sequences, AUTO_INCREMENT, AUTOINCREMENT."""
        ...


@dataclass(frozen=True, slots=True)
class Made:
    """Made rows on a bench that the engine accepts. `model` is already there when `row` comes; None: one alone."""

    bench: Bench
    row: MadeRow
    model: MadeRow | None

    def statements(self, dialect: Dialect) -> tuple[str, ...]:
        """What comes before the INSERT of `row`."""
        before = dict.fromkeys((*(self.model.before if self.model else ()), *self.row.before))
        model = (insertion(dialect, self.bench.name, self.model),) if self.model else ()
        return (*self.bench.prepare, *before, *model)


class Trial:
    """One table of the target and the statements that try it."""

    def __init__(self, database: Database, catalog: Catalog, table: Table, writer: TrialWriter) -> None:
        self.database, self.table, self.writer = database, table, writer
        self.dialect: Dialect = database.dialect
        self._triggers = runs_something(catalog, table)
        self.key = ", ".join(self.quoted(table.stable_key))
        self._on_file = self.dialect.engine in ("sqlite", "duckdb")
        self.maker = Maker(database, catalog, {} if self._on_file else _guarded(catalog))
        self._found: dict[tuple[bool, tuple[str, ...]], Made | str] = {}

    def bench(self, *, references: bool = False) -> Bench | str:
        """Where to try, or why not."""
        return self.writer.bench(self.table, triggers=self._triggers, references=references)

    def made(self, *, references: bool = False, extra: tuple[str, ...] = ()) -> Made | str:
        """Made rows that the engine accepts, or why there are none. `extra`: expressions that shall hold besides."""
        if (references, extra) not in self._found:
            bench = self._emptied(references)
            self._found[references, extra] = bench if isinstance(bench, str) else self._made(bench, extra)
        return self._found[references, extra]

    def _emptied(self, references: bool) -> Bench | str:
        """A bench where made rows are found again: all there are, unless they have a key or nobody looks for them."""
        counted = self.dialect.engine == "mariadb" and any(column.identity for column in self.table.columns)
        alone = not self.table.stable_key and not references
        bench = self.writer.bench(
            self.table, triggers=self._triggers or (not references and (alone or counted)), references=references
        )
        if isinstance(bench, Bench) and alone and self._on_file:
            return Bench(bench.name, (*bench.prepare, f"DELETE FROM {bench.name}"))
        return bench

    def _made(self, bench: Bench, extra: tuple[str, ...]) -> Made | str:
        copied, problem = bench.name != self.dialect.qualify(self.table.name), ""
        for (first, second), fresh in (*_ATTEMPTS, *_ALONE):
            try:
                model = None
                if first != second:
                    model = self.maker.row(self.table, first, fresh=fresh, copied=copied, extra=extra)
                found = Made(bench, self.maker.row(self.table, second, fresh=fresh, copied=copied, extra=extra), model)
            except CannotMake as why:
                problem = problem or f"no row can be made: {why}"
                continue
            refused = self.insertion_refused(found, {})
            if refused is None:
                return found
            problem = f"no row can be made that is accepted ({refused})"
        return problem

    def insertion_refused(self, made: Made, values: Mapping[str, str]) -> str | None:
        """What the engine refuses the made row with, some values changed; None where it accepts."""
        inserted = insertion(self.dialect, made.bench.name, made.row, values)
        try:
            self.writer.attempt(*made.statements(self.dialect), inserted)
        except REFUSALS as problem:
            return breach(problem)
        return None

    def place(self, columns: Sequence[str]) -> Bench | Made | str:
        """A bench with a row that is there and can be written, else made rows, or why there is neither."""
        bench = self.bench()
        if isinstance(bench, str):
            return bench
        unready = self.unready(bench, columns, self.row(bench))
        if not unready:
            return bench
        made = self.made()
        return f"{unready}; {made}" if isinstance(made, str) else made

    def written(self, place: Bench | Made, shown: str, values: Mapping[str, str]) -> Texts:
        """What an expression is in a row after some of its values were changed. Raises one of `REFUSALS`."""
        if isinstance(place, Made):
            return self.inserted(place, shown, values)
        row = self.row(place)
        look = f"SELECT {shown} FROM {place.name} WHERE {self.chosen(row)}"
        return self.writer.look(look, *place.prepare, self.update(place, values, row))

    def inserted(self, made: Made, shown: str, values: Mapping[str, str], without: str = "") -> Texts:
        """What an expression is in the made row, some values changed, one column left to itself.

        Raises one of `REFUSALS` where the engine refuses the row.
        """
        alone = Made(made.bench, made.row, None)
        there = {**made.row.values, **values}
        key = [(name, there.get(name, "NULL")) for name in self.table.stable_key]
        where = " AND ".join(f"{self.dialect.quote(name)} = {value}" for name, value in key)
        look = f"SELECT {shown} FROM {made.bench.name}" + (f" WHERE {where}" if where else "")
        inserted = insertion(self.dialect, made.bench.name, made.row, values, without)
        return self.writer.look(look, *alone.statements(self.dialect), inserted)

    def row(self, bench: Bench, where: str = "") -> str:
        """A query for the key of the first row, of those that obey a condition."""
        found = f"SELECT {self.key} FROM {bench.name}{where} ORDER BY {self.key} LIMIT 1"
        return f"SELECT {self.key} FROM ({found}) AS kora_row"  # MariaDB takes no LIMIT right behind IN

    def update(self, bench: Bench, values: Mapping[str, str], row: str) -> str:
        """An UPDATE of that row: column → SQL."""
        assigned = ", ".join(f"{self.dialect.quote(name)} = {value}" for name, value in values.items())
        return f"UPDATE {bench.name} SET {assigned} WHERE {self.chosen(row)}"

    def chosen(self, row: str) -> str:
        """The condition under which a row is the one of `row`."""
        return f"({self.key}) IN ({row})"

    def unready(self, bench: Bench, columns: Sequence[str], row: str) -> str:
        """Why a trial of these columns would say nothing: no such row, or one that is refused unchanged."""
        if not self.key:
            return "a table without a key"
        try:
            found = self.writer.look(f"SELECT count(*) FROM {bench.name} WHERE {self.chosen(row)}", *bench.prepare)
            if found[0][0] == "0":
                return "there is no row to try it with"
            same = {name: self.dialect.quote(name) for name in columns}
            self.writer.attempt(*bench.prepare, self.update(bench, same, row))
        except REFUSALS as problem:
            return f"an unchanged row is refused too ({breach(problem)})"
        return ""

    def refusal(self, bench: Bench, values: Mapping[str, str], row: str) -> str | None:
        """What the engine refuses an UPDATE with; None where it accepts."""
        try:
            self.writer.attempt(*bench.prepare, self.update(bench, values, row))
        except REFUSALS as problem:
            return breach(problem)
        return None

    def quoted(self, columns: Sequence[str]) -> list[str]:
        """Names in the engine's quotes."""
        return [self.dialect.quote(name) for name in columns]


def runs_something(catalog: Catalog, table: Table) -> bool:
    """Whether a trigger or a rule hangs on the table."""
    rules = {item.name.rpartition(".")[0] for item in catalog.not_modelled if item.what == "rule"}
    return any(trigger.table == table.name for trigger in catalog.triggers) or str(table.name) in rules


def _guarded(catalog: Catalog) -> dict[str, str]:
    """Tables in which no row is made on a server."""
    names = [table for table in catalog.tables if runs_something(catalog, table)]
    return {str(table.name): "its triggers would run" for table in names}


def breach(problem: Exception) -> str:
    """Which constraint a refusal speaks of; else its class."""
    state, message = getattr(problem, "sqlstate", ""), str(getattr(problem, "message", problem))
    for word, pattern in _BREACHES:
        if state and state in pattern.split("|"):
            return word
    for word, pattern in _BREACHES:
        words = "|".join(part for part in pattern.split("|") if not part[0].isdigit())
        if re.search(words, message, re.IGNORECASE):
            return word
    return error_class(EngineError(message, state))
