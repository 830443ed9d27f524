"""Whether the target's constraints do what they declare: rows that each must accept, and rows that it must refuse.

Every trial is an UPDATE of a row that is there, in a transaction that is always rolled back, through a writer that the
caller passes in. First the row is written as it is, which must be accepted; then with one value that breaks the
constraint, which must be refused, for that reason. UPDATEs, not INSERTs: no counter gives out a number.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from kora.behavior.answers import error_class
from kora.catalog import Catalog, Check, Column, ForeignKey, Key, Table
from kora.comparison.behavior import ConstraintProbe
from kora.databases.base import Database, Dialect
from kora.errors import EngineError, SenseiError

_BREACHES = (
    ("unique", r"23505|unique constraint|duplicate key|primary key"),
    ("foreign key", r"23503|foreign key"),
    ("not null", r"23502|not null|not-null"),
    ("check", r"23514|check constraint"),
)
_NUMBERS = ("integer", "decimal", "float")
_NO_PARENT = "kora: no such"


class TrialWriter(Protocol):
    """Writes to the target, or to a copy of it, and takes everything back."""

    place: str
    """Where it writes, for a person: `a copy of clinic.db`."""
    triggers_may_run: bool
    """Whether a trigger that fires does no harm: on a copy it does none."""

    def attempt(self, sql: str) -> int:
        """Executes a statement and rolls back, deferred constraints checked; the rows that it changed.

        Raises `EngineError` where the engine refuses it.
        """
        ...

    def positions(self) -> dict[str, str]:
        """Where each counter stands: sequences, AUTO_INCREMENT, AUTOINCREMENT."""
        ...


def try_constraints(database: Database, catalog: Catalog, writer: TrialWriter) -> tuple[ConstraintProbe, ...]:
    """Tries every constraint of every table.

    Args:
        database: The target, open for reading: it tells which value breaks a CHECK.
        catalog: What it holds.
        writer: See `TrialWriter`.

    Raises:
        EngineError: A counter moved although everything was rolled back.
    """
    before = writer.positions()
    harmful = set() if writer.triggers_may_run else {trigger.table for trigger in catalog.triggers}
    probes = [probe for table in catalog.tables for probe in _table(database, table, writer, table.name in harmful)]
    if writer.positions() != before:
        raise EngineError(
            f"a counter of {writer.place} moved while constraints were tried",
            hint="compare the sequences with the values in the report, and set them back",
        )
    return tuple(probes)


def _table(database: Database, table: Table, writer: TrialWriter, harmful: bool) -> Iterator[ConstraintProbe]:
    trial = _Trial(database, table, writer)
    reason = "its triggers would run" if harmful else "" if table.stable_key else "a table without a key"
    for name, made in trial.all():
        if reason:
            yield ConstraintProbe(table=str(table.name), constraint=name, outcome="not_run", detail=reason)
        else:
            yield trial.judge(name, *made)


class _Trial:
    """The constraints of one table, as statements."""

    def __init__(self, database: Database, table: Table, writer: TrialWriter) -> None:
        self._database, self._table, self._writer = database, table, writer
        self._dialect: Dialect = database.dialect
        self._name = self._dialect.qualify(table.name)
        self._key = ", ".join(self._quoted(table.stable_key))

    def all(self) -> Iterator[tuple[str, tuple[str, list[str], list[str], str]]]:
        """Name of each constraint; which breach it is, the columns it is about, what they become, and which row."""
        table = self._table
        first = self._row()
        for column in table.columns:
            if not column.nullable and column.generated is None and column.name not in table.stable_key:
                yield f"NOT NULL {column.name}", ("not null", [column.name], ["NULL"], first)
        keys = ([("PRIMARY KEY", table.primary_key)] if table.primary_key else []) + [
            ("UNIQUE", key) for key in table.unique_keys
        ]
        for word, key in keys:
            yield f"{word} ({', '.join(key.columns)})", self._duplicate(key)
        for foreign in table.foreign_keys:
            yield f"FOREIGN KEY ({', '.join(foreign.columns)})", self._orphan(foreign)
        for check in table.checks:
            yield f"CHECK {check.name or check.expression[:80]}", self._offence(check, first)

    def judge(self, name: str, breach: str, columns: list[str], values: list[str], row: str) -> ConstraintProbe:
        """Writes the row as it is, then broken."""
        outcome, detail = self._judged(breach, columns, values, row)
        return ConstraintProbe.model_validate(
            {"table": str(self._table.name), "constraint": name[:200], "outcome": outcome, "detail": detail}
        )

    def _judged(self, breach: str, columns: list[str], values: list[str], row: str) -> tuple[str, str]:
        if not values:
            return "not_run", "no value is known that it would refuse"
        names = self._quoted(columns)
        try:
            if not self._writer.attempt(self._update(names, names, row)):
                return "not_run", "there is no row to try it with"
        except EngineError as problem:
            return "not_run", f"an unchanged row is refused too ({_breach(problem)})"
        try:
            changed = self._writer.attempt(self._update(names, values, row))
        except EngineError as problem:
            told = _breach(problem)
            return ("kept", "") if told == breach else ("not_run", f"something else refuses the row first ({told})")
        return ("broken", "accepts what it forbids") if changed else ("not_run", "there is no row to try it with")

    def _update(self, names: Sequence[str], values: Sequence[str], row: str) -> str:
        assigned = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
        return f"UPDATE {self._name} SET {assigned} WHERE ({self._key}) IN ({row})"

    def _row(self, where: str = "") -> str:
        """The key of the first row, of those that obey a condition."""
        return f"SELECT {self._key} FROM {self._name}{where} ORDER BY {self._key} LIMIT 1"

    def _duplicate(self, key: Key) -> tuple[str, list[str], list[str], str]:
        """A second row takes the first one's values."""
        names = self._quoted(key.columns)
        filled = " WHERE " + " AND ".join(f"{name} IS NOT NULL" for name in names)
        model = f"FROM {self._name}{filled} ORDER BY {self._key} LIMIT 1"
        others = f" WHERE ({self._key}) NOT IN ({self._row(filled)})"
        return "unique", list(key.columns), [f"(SELECT {name} {model})" for name in names], self._row(others)

    def _orphan(self, foreign: ForeignKey) -> tuple[str, list[str], list[str], str]:
        """A row whose first column names a parent that does not exist; the engine finds a number beyond them all."""
        filled = " WHERE " + " AND ".join(f"{name} IS NOT NULL" for name in self._quoted(foreign.columns))
        column = self._table.column(foreign.columns[0])
        values: list[str] = []
        if column.type.kind == "integer" and foreign.parent_columns:
            parent, name = self._dialect.qualify(foreign.parent), self._dialect.quote(foreign.parent_columns[0])
            values = [f"(SELECT max({name}) + 1 FROM {parent})"]
        elif column.type.kind == "text" and (column.type.length or 1000) >= len(_NO_PARENT):
            values = [f"'{_NO_PARENT}'"]
        if foreign.initially_deferred and self._dialect.engine == "sqlite":
            values = []
        return "foreign key", [column.name], values, self._row(filled)

    def _offence(self, check: Check, row: str) -> tuple[str, list[str], list[str], str]:
        """A value of one column for which the engine itself says that the check's expression is false."""
        spoken = {word.casefold() for word in re.findall(r"\w+", check.expression)}
        for column in self._table.columns:
            if column.name.casefold() in spoken and column.generated is None:
                for value in _candidates(check, column):
                    if self._breaks(check, column, value):
                        return "check", [column.name], [value], row
        return "check", [], [], row

    def _breaks(self, check: Check, column: Column, value: str) -> bool:
        shown = ", ".join(
            f"{value} AS {name}" if name == self._dialect.quote(column.name) else name
            for name in self._quoted([item.name for item in self._table.columns])
        )
        first = f"({self._key}) IN ({self._row()})"
        sql = f"SELECT 1 FROM (SELECT {shown} FROM {self._name} WHERE {first}) AS probe WHERE NOT ({check.expression})"
        try:
            return bool(self._database.scalar_query(sql))
        except SenseiError:
            return False  # no value of that type, or an expression that names the table itself

    def _quoted(self, columns: Sequence[str]) -> list[str]:
        return [self._dialect.quote(name) for name in columns]


def _candidates(check: Check, column: Column) -> list[str]:
    """Values to try, as SQL of the column's own type: around the numbers that the expression names, and odd ones."""
    if column.type.kind in _NUMBERS:
        named = [int(text) for text in re.findall(r"(?<![\w.])-?\d{1,15}(?![\w.])", check.expression)]
        numbers = dict.fromkeys([n + step for n in named for step in (-1, 1)] + [-1, 0, 1_000_000])
        texts = [str(number) for number in numbers]
    elif column.type.kind == "text":
        texts = ["'kora'", "''", "'" + "k" * 300 + "'"]
    elif column.type.kind in ("date", "timestamp"):
        texts = ["'1000-01-01'", "'9999-12-31'"]
    else:
        texts = []
    return [f"CAST({text} AS {column.type.declared})" if column.type.declared else text for text in texts]


def _breach(problem: EngineError) -> str:
    """Which constraint a refusal speaks of; else its class."""
    for word, pattern in _BREACHES:
        if problem.sqlstate and problem.sqlstate == pattern.split("|", 1)[0]:
            return word
    for word, pattern in _BREACHES:
        if re.search(pattern.split("|", 1)[1], problem.message, re.IGNORECASE):
            return word
    return error_class(problem)
