"""Rows tried on one table of the target, through a writer that somebody passed in and that takes everything back.

Every trial is an UPDATE of a row that is there: no counter gives out a number. Where that is not safe (triggers, tables
that know no rollback) the engine's own copy of the table takes its place, with a few of its rows; where that would not
say anything (references, which no copy keeps), the trial is not decidable.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kora.behavior.answers import error_class
from kora.catalog import Catalog, Table
from kora.databases.base import Database, Dialect
from kora.errors import AccessDenied, Busy, EngineError, Stopped

Texts = list[tuple[str | None, ...]]
REFUSALS = (EngineError, AccessDenied, Busy, Stopped)
"""What an engine says no with."""
_BREACHES = (
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


class Trial:
    """One table of the target and the statements that try it."""

    def __init__(self, database: Database, catalog: Catalog, table: Table, writer: TrialWriter) -> None:
        self.database, self.table, self.writer = database, table, writer
        self.dialect: Dialect = database.dialect
        self._triggers = runs_something(catalog, table)
        self.key = ", ".join(self.quoted(table.stable_key))

    def bench(self, *, references: bool = False) -> Bench | str:
        """Where to try, or why not."""
        if not self.table.stable_key:
            return "a table without a key"
        return self.writer.bench(self.table, triggers=self._triggers, references=references)

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
