"""Whether the target's constraints do what they declare, and what the source's declare: rows accepted, rows refused.

First a row is written as it is, which must be accepted; then with one value that breaks the constraint, which must be
refused. A constraint of the target must refuse it for that reason; one that only the source has, for any. Which value
breaks a CHECK, each engine says of its own expression; the source is only asked, never written to.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from kora.behavior.origins import Origin, keys_of
from kora.behavior.trials import Bench, Trial
from kora.catalog import Check, Column, ForeignKey, Table
from kora.comparison.behavior import ConstraintProbe
from kora.databases.base import Database
from kora.errors import SenseiError

_NUMBERS = ("integer", "decimal", "float")
_NO_PARENT = "kora: no such"
Values = dict[str, str]
Made = tuple[Values, str]
"""What columns become, and which row."""


@dataclass(frozen=True, slots=True)
class _Vector:
    """A row that must be refused. `declared`: by the target; else the source alone declares it."""

    name: str
    breach: str
    make: Callable[[Bench], Made]
    declared: bool = True


def try_constraints(trial: Trial, origin: Origin | None) -> Iterator[ConstraintProbe]:
    """Every constraint of one table of the target, and those of the source's that the target does not declare."""
    for vector in _vectors(trial, origin):
        bench = trial.bench(references=vector.breach == "foreign key")
        if isinstance(bench, str):
            undecidable = "triggers" in bench or "rollback" in bench
            yield probe(trial, vector.name, "not_decidable" if undecidable else "not_run", bench)
        else:
            yield probe(trial, vector.name, *_judged(trial, bench, vector))


def probe(trial: Trial, name: str, outcome: str, detail: str = "") -> ConstraintProbe:
    """What became of one constraint, default, limit or counter of a table."""
    return ConstraintProbe.model_validate(
        {"table": str(trial.table.name), "constraint": name[:200], "outcome": outcome, "detail": detail[:300]}
    )


def _judged(trial: Trial, bench: Bench, vector: _Vector) -> tuple[str, str]:
    values, row = vector.make(bench)
    if not values:
        return "not_run", "no value is known that it would refuse"
    unready = trial.unready(bench, list(values), row)
    if unready:
        return "not_run", unready
    told = trial.refusal(bench, values, row)
    if told is None:
        return ("broken", "accepts what it forbids") if vector.declared else ("lost", "accepts what the source refuses")
    if told == vector.breach:
        return "kept", ""
    return ("not_run", f"something else refuses the row first ({told})") if vector.declared else ("kept", f"as {told}")


def _vectors(trial: Trial, origin: Origin | None) -> Iterator[_Vector]:
    table, key = trial.table, trial.table.stable_key
    usable = {column.name for column in table.columns if column.generated is None and column.name not in key}
    mine = [column.name for column in table.columns if not column.nullable and column.name in usable]
    theirs = [name for name in (origin.required() if origin else ()) if name in usable and name not in mine]
    for name in (*mine, *theirs):
        yield _Vector(f"NOT NULL {name}", "not null", partial(_missing, trial, name), name in mine)
    for word, columns, declared in _keys(table, origin):
        yield _Vector(f"{word} ({', '.join(columns)})", "unique", partial(_duplicate, trial, columns), declared)
    for foreign, declared in _references(table, origin):
        name = f"FOREIGN KEY ({', '.join(foreign.columns)})"
        yield _Vector(name, "foreign key", partial(_orphan, trial, foreign), declared)
    for check in table.checks:
        yield _Vector(f"CHECK {check.name or check.expression[:80]}", "check", partial(_offending, trial, check))
    if origin is not None:
        for check in origin.table.checks:
            name = f"CHECK {check.name or check.expression[:80]} of the source"
            yield _Vector(name, "check", partial(_carried, trial, origin, check), False)


def _missing(trial: Trial, column: str, bench: Bench) -> Made:
    return {column: "NULL"}, trial.row(bench)


def _offending(trial: Trial, check: Check, bench: Bench) -> Made:
    return _Expressions(trial.database, trial.table).offence(check), trial.row(bench)


def _keys(table: Table, origin: Origin | None) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    """Word, columns, and whether the target declares it; each set of columns once."""
    seen: set[frozenset[str]] = set()
    for word, columns, declared in (
        *((word, columns, True) for word, columns in keys_of(table)),
        *((word, columns, False) for word, columns in (origin.keys() if origin else ())),
    ):
        if frozenset(columns) not in seen:
            seen.add(frozenset(columns))
            yield word, columns, declared


def _references(table: Table, origin: Origin | None) -> Iterator[tuple[ForeignKey, bool]]:
    yield from ((foreign, True) for foreign in table.foreign_keys)
    known = {(foreign.columns, foreign.parent) for foreign in table.foreign_keys}
    for foreign in origin.references() if origin else ():
        if (foreign.columns, foreign.parent) not in known:
            yield foreign, False


def _duplicate(trial: Trial, columns: Sequence[str], bench: Bench) -> Made:
    """A second row takes the first one's values."""
    names = trial.quoted(columns)
    filled = " WHERE " + " AND ".join(f"{name} IS NOT NULL" for name in names)
    model = f"FROM {bench.name}{filled} ORDER BY {trial.key} LIMIT 1"
    values = {
        column: f"(SELECT {name} FROM (SELECT {name} {model}) AS kora_model)"
        for column, name in zip(columns, names, strict=True)
    }
    others = f" WHERE ({trial.key}) NOT IN ({trial.row(bench, filled)})"
    return values, trial.row(bench, others)


def _orphan(trial: Trial, foreign: ForeignKey, bench: Bench) -> Made:
    """A row whose first column names a parent that does not exist; the engine finds a number beyond them all."""
    filled = " WHERE " + " AND ".join(f"{name} IS NOT NULL" for name in trial.quoted(foreign.columns))
    column = trial.table.column(foreign.columns[0])
    values: Values = {}
    if column.type.kind in ("integer", "decimal") and foreign.parent_columns:
        parent, name = trial.dialect.qualify(foreign.parent), trial.dialect.quote(foreign.parent_columns[0])
        beyond = f"SELECT max({name}) + 1 AS kora_next FROM {parent}"
        values = {column.name: f"(SELECT kora_next FROM ({beyond}) AS kora_top)"}
    elif column.type.kind == "text" and (column.type.length or 1000) >= len(_NO_PARENT):
        values = {column.name: f"'{_NO_PARENT}'"}
    elif column.type.kind == "uuid":
        values = {column.name: "'6b6f7261-0000-4000-8000-6e6f73756368'"}
    if foreign.initially_deferred and trial.dialect.engine == "sqlite":
        values = {}
    return values, trial.row(bench, filled)


def _carried(trial: Trial, origin: Origin, check: Check, bench: Bench) -> Made:
    """A value that the source's check refuses, for the target's column; none where values are read through a rule."""
    broken = _Expressions(origin.database, origin.table).offence(check)
    there = {
        origin.columns[name]: value
        for name, value in broken.items()
        if name in origin.columns and origin.columns[name] not in origin.ruled
    }
    return there, trial.row(bench)


class _Expressions:
    """Asks an engine for which values its own checks are false."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database, self._table, self._dialect = database, table, database.dialect

    def offence(self, check: Check) -> Values:
        """A value of one column for which the engine itself says that the check's expression is false."""
        spoken = {word.casefold() for word in re.findall(r"\w+", check.expression)}
        for column in self._table.columns:
            if column.name.casefold() in spoken and column.generated is None:
                for value in _candidates(check, column):
                    if self._breaks(check, column, value):
                        return {column.name: value}
        return {}

    def _breaks(self, check: Check, column: Column, value: str) -> bool:
        quote = self._dialect.quote
        cast = typed(self._dialect.engine, value, column)
        shown = ", ".join(
            f"{cast} AS {quote(item.name)}" if item.name == column.name else quote(item.name)
            for item in self._table.columns
        )
        key = ", ".join(quote(name) for name in self._table.stable_key)
        order = f" ORDER BY {key}" if key else ""
        row = f"SELECT {shown} FROM {self._dialect.qualify(self._table.name)}{order} LIMIT 1"
        sql = f"SELECT 1 FROM ({row}) AS kora_probe WHERE NOT ({check.expression})"
        try:
            return bool(self._database.scalar_query(sql))
        except SenseiError:
            return False  # no value of that type, or an expression that names the table itself


def typed(engine: str, value: str, column: Column) -> str:
    """A literal as the column's type in an expression; MariaDB's CAST knows other names, and converts by itself."""
    known = column.type.declared and engine != "mariadb"
    return f"CAST({value} AS {column.type.declared})" if known else value


def _candidates(check: Check, column: Column) -> list[str]:
    """Values to try, as literals: around the numbers that the expression names, and odd ones."""
    if column.type.kind in _NUMBERS:
        named = [int(text) for text in re.findall(r"(?<![\w.])-?\d{1,15}(?![\w.])", check.expression)]
        numbers = dict.fromkeys([n + step for n in named for step in (-1, 1)] + [-1, 0, 1_000_000])
        return [str(number) for number in numbers]
    if column.type.kind in ("text", "enum"):
        return ["'kora'", "''", "'" + "k" * min(300, column.type.length or 300) + "'"]
    if column.type.kind in ("date", "timestamp", "instant"):
        return ["'1000-01-01'", "'9999-12-31'"]
    return ["TRUE", "FALSE"] if column.type.kind == "boolean" else []
