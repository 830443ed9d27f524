"""Whether the target's constraints do what they declare, and what the source's declare: rows accepted, rows refused.

First a row is written as it is, which must be accepted; then with one value that breaks the constraint, which must be
refused. It is a row that is there; where none is, or an unchanged one is refused too, one that is made up. A
constraint of the target must refuse it for that reason; one that only the source has, for any. Which value breaks a
CHECK, each engine says of its own expression; the source is only asked, never written to.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from kora.behavior.exclusions import exclusions_of, undecidable_exclusions
from kora.behavior.making import Maker, typed
from kora.behavior.origins import Origin, keys_of
from kora.behavior.samples import samples
from kora.behavior.trials import Bench, Made, Trial
from kora.catalog import Check, Column, ForeignKey, Index, Table
from kora.comparison.behavior import ConstraintProbe
from kora.errors import SenseiError

_NUMBERS = ("integer", "decimal", "float")
_NO_PARENT = "kora: no such"
_UNLIKE = (97, 83, 71)
"""Turns of values that no made parent has."""
Values = dict[str, str]
Altered = tuple[Values, str]
"""What columns become, and which row."""


@dataclass(frozen=True, slots=True)
class _Vector:
    """A row that must be refused. `declared`: by the target; else the source alone declares it.

    `make` alters a row that is there, `remake` one that is made up under the expressions `extra`.
    """

    name: str
    breach: str
    make: Callable[[Bench], Altered]
    remake: Callable[[Made], Values]
    declared: bool = True
    extra: tuple[str, ...] = ()


def try_constraints(trial: Trial, origin: Origin | None) -> Iterator[ConstraintProbe]:
    """Every constraint of one table of the target, and those of the source's that the target does not declare."""
    for vector in _vectors(trial, origin):
        bench = trial.bench(references=vector.breach == "foreign key")
        if isinstance(bench, str):
            yield probe(trial, vector.name, "not_decidable", bench)
        else:
            yield probe(trial, vector.name, *_judged(trial, bench, vector))
    yield from (probe(trial, *told) for told in undecidable_exclusions(trial.table))
    yield from _missing_twice(trial, origin)


def _missing_twice(trial: Trial, origin: Origin | None) -> Iterator[ConstraintProbe]:
    """Whether a unique key takes two rows that are equal but for a value that both lack, as the source's."""
    theirs = {} if origin is None else {
        tuple(origin.columns.get(name, "") for name in key.columns): key for key in origin.table.unique_keys
    }  # fmt: skip
    for key in trial.table.unique_keys:
        nullable = [name for name in key.columns if trial.table.column(name).nullable]
        if not nullable or key.columns not in theirs:
            continue
        name, several = f"NULL in UNIQUE ({', '.join(key.columns)})", theirs[key.columns].nulls_distinct
        made = trial.made()
        if isinstance(made, str) or made.model is None:
            yield probe(trial, name, "not_decidable", made if isinstance(made, str) else "one row alone can be made")
            continue
        values = {**{column: made.model.values.get(column, "NULL") for column in key.columns}, nullable[0]: "NULL"}
        first = replace(made, model=replace(made.model, values={**made.model.values, nullable[0]: "NULL"}))
        told = trial.insertion_refused(first, values)
        if told not in (None, "unique"):
            yield probe(trial, name, "not_decidable", f"something else refuses the row first ({told})")
        elif (told is None) == several:
            yield probe(trial, name, "kept")
        else:
            many = ("several rows without a value", "one")
            told = f"the source takes {many[not several]}, the target {many[several]}"
            yield probe(trial, name, "differs", told)


def probe(trial: Trial, name: str, outcome: str, detail: str = "") -> ConstraintProbe:
    """What became of one constraint, default, limit or counter of a table."""
    return ConstraintProbe.model_validate(
        {"table": str(trial.table.name), "constraint": name[:200], "outcome": outcome, "detail": detail[:300]}
    )


def _judged(trial: Trial, bench: Bench, vector: _Vector) -> tuple[str, str]:
    """By a row that is there, else by a made one."""
    values, row = vector.make(bench)
    unready = trial.unready(bench, list(values), row) if values else "no value is known that it would refuse"
    if not unready:
        refusal = trial.refusal(bench, values, row)
        if refusal in (None, vector.breach) or not vector.declared:
            return _told(vector, refusal)
        unready = f"something else refuses the row that is there first ({refusal})"
    made = trial.made(references=vector.breach == "foreign key", extra=vector.extra)
    if isinstance(made, str):
        return "not_decidable", f"{unready}; {made}"
    if made.model is None and vector.breach in ("unique", "exclusion"):
        return "not_decidable", f"{unready}; one row alone can be made"
    values = vector.remake(made)
    if not values:
        return "not_decidable", "no value is known that it would refuse"
    return _told(vector, trial.insertion_refused(made, values))


def _told(vector: _Vector, refusal: str | None) -> tuple[str, str]:
    if refusal is None:
        return ("broken", "accepts what it forbids") if vector.declared else ("lost", "accepts what the source refuses")
    if refusal == vector.breach:
        return "kept", ""
    if vector.declared:
        return "not_decidable", f"something else refuses the row first ({refusal})"
    return "kept", f"as {refusal}"


def _vectors(trial: Trial, origin: Origin | None) -> Iterator[_Vector]:
    table, key = trial.table, trial.table.stable_key
    usable = {column.name for column in table.columns if column.generated is None and column.name not in key}
    mine = [column.name for column in table.columns if not column.nullable and column.name in usable]
    theirs = [name for name in (origin.required() if origin else ()) if name in usable and name not in mine]
    for name in (*mine, *theirs):
        yield _Vector(f"NOT NULL {name}", "not null", partial(_missing, trial, name), partial(_emptied, name),
                      name in mine)  # fmt: skip
    for word, columns, declared in _keys(table, origin):
        yield _Vector(f"{word} ({', '.join(columns)})", "unique", partial(_duplicate, trial, columns, ()),
                      partial(_repeated, columns), declared)  # fmt: skip
    for index in table.indexes:
        partial_key = _of_index(table, index)
        if partial_key:
            columns, conditions = partial_key
            yield _Vector(f"UNIQUE INDEX {index.name}", "unique", partial(_duplicate, trial, columns, conditions),
                          partial(_repeated, columns), True, conditions)  # fmt: skip
    for exclusion, declared in exclusions_of(table, origin, trial.dialect):
        yield _Vector(f"EXCLUDE {exclusion.name}", "exclusion",
                      partial(_duplicate, trial, exclusion.columns, exclusion.conditions),
                      partial(_repeated, () if exclusion.rows_only else exclusion.columns), declared,
                      exclusion.conditions)  # fmt: skip
    for foreign, declared in _references(table, origin):
        name = f"FOREIGN KEY ({', '.join(foreign.columns)})"
        yield _Vector(name, "foreign key", partial(_orphan, trial, foreign),
                      partial(_unparented, trial, foreign), declared)  # fmt: skip
    for check in table.checks:
        yield _Vector(f"CHECK {check.name or check.expression[:80]}", "check", partial(_offending, trial, check),
                      partial(_offended, trial, check))  # fmt: skip
    if origin is not None:
        for check in origin.table.checks:
            name = f"CHECK {check.name or check.expression[:80]} of the source"
            yield _Vector(name, "check", partial(_carried, trial, origin, check),
                          partial(_brought, trial, origin, check), False)  # fmt: skip


def _of_index(table: Table, index: Index) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """What two rows must not both have under which condition, for a unique index over expressions or some rows."""
    plain = not index.where and all(part.column for part in index.parts)
    if not index.unique or plain:
        return None
    words = " ".join(part.column or part.expression or "" for part in index.parts)
    spoken = {word.casefold() for word in re.findall(r"\w+", words)} | {part.column for part in index.parts}
    named = [column for column in table.columns if column.name in spoken or column.name.casefold() in spoken]
    if not named or any(column.generated for column in named):
        return None
    return tuple(column.name for column in named), ((index.where,) if index.where else ())


def _missing(trial: Trial, column: str, bench: Bench) -> Altered:
    return {column: "NULL"}, trial.row(bench)


def _emptied(column: str, made: Made) -> Values:
    return {column: "NULL"}


def _offending(trial: Trial, check: Check, bench: Bench) -> Altered:
    return _Expressions(trial.maker, trial.table).offence(check), trial.row(bench)


def _offended(trial: Trial, check: Check, made: Made) -> Values:
    return _Expressions(trial.maker, trial.table, made.row.values).offence(check)


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


def _duplicate(trial: Trial, columns: Sequence[str], conditions: Sequence[str], bench: Bench) -> Altered:
    """A second row takes the first one's values, both under the conditions."""
    names = trial.quoted(columns)
    both = [*(f"{name} IS NOT NULL" for name in names), *(f"({text})" for text in conditions)]
    filled = " WHERE " + " AND ".join(both)
    model = f"FROM {bench.name}{filled} ORDER BY {trial.key} LIMIT 1"
    values = {
        column: f"(SELECT {name} FROM (SELECT {name} {model}) AS kora_model)"
        for column, name in zip(columns, names, strict=True)
    }
    others = f" WHERE ({trial.key}) NOT IN ({trial.row(bench, filled)})"
    return values, trial.row(bench, others + "".join(f" AND ({text})" for text in conditions))


def _repeated(columns: Sequence[str], made: Made) -> Values:
    """The model's values; none where it has NULL there, or fills one by itself."""
    there = made.model.values if made.model else {}
    values = {column: there[column] for column in columns if there.get(column, "NULL") != "NULL"}
    return values if len(values) == len(columns) else {}


def _orphan(trial: Trial, foreign: ForeignKey, bench: Bench) -> Altered:
    """A row whose first column names a parent that does not exist."""
    filled = " WHERE " + " AND ".join(f"{name} IS NOT NULL" for name in trial.quoted(foreign.columns))
    return _orphaned(trial, foreign), trial.row(bench, filled)


def _unparented(trial: Trial, foreign: ForeignKey, made: Made) -> Values:
    """None where another column of the reference is NULL: then nothing is referred to."""
    others = [made.row.values.get(name, "NULL") for name in foreign.columns[1:]]
    return {} if "NULL" in others else _orphaned(trial, foreign)


def _orphaned(trial: Trial, foreign: ForeignKey) -> Values:
    """A value for the first column that no parent has; the engine finds a number beyond them all."""
    column = trial.table.column(foreign.columns[0])
    if foreign.initially_deferred and trial.dialect.engine == "sqlite":
        return {}
    if column.type.kind in ("integer", "decimal") and foreign.parent_columns:
        parent, name = trial.dialect.qualify(foreign.parent), trial.dialect.quote(foreign.parent_columns[0])
        step = 9 if foreign.parent == trial.table.name else 1  # a made row must not be its own parent
        beyond = f"SELECT COALESCE(max({name}), 0) + {step} AS kora_next FROM {parent}"
        return {column.name: f"(SELECT kora_next FROM ({beyond}) AS kora_top)"}
    unlike = [value for turn in _UNLIKE for value in samples(trial.dialect.engine, column, turn)[:1]]
    if column.type.kind == "text" and (column.type.length or 1000) >= len(_NO_PARENT):
        unlike.insert(0, f"'{_NO_PARENT}'")
    found = next((value for value in unlike if not _is_parent(trial, foreign, value)), None)
    return {column.name: found} if found else {}


def _is_parent(trial: Trial, foreign: ForeignKey, value: str) -> bool:
    """Whether a parent may have the value; one that cannot be asked may."""
    if not foreign.parent_columns:
        return True
    parent, name = trial.dialect.qualify(foreign.parent), trial.dialect.quote(foreign.parent_columns[0])
    try:
        return bool(trial.database.scalar_query(f"SELECT 1 FROM {parent} WHERE {name} = {value} LIMIT 1"))
    except SenseiError:
        return True


def _carried(trial: Trial, origin: Origin, check: Check, bench: Bench) -> Altered:
    """A value that the source's check refuses, for the target's column; none where values are read through a rule."""
    broken = _Expressions(Maker(origin.database, origin.catalog), origin.table).offence(check)
    return _on_target(origin, broken), trial.row(bench)


def _brought(trial: Trial, origin: Origin, check: Check, made: Made) -> Values:
    """As `_carried`, beside the made row's other values."""
    rest = {
        name: made.row.values[there]
        for name, there in origin.columns.items()
        if there in made.row.values and there not in origin.ruled
    }
    broken = _Expressions(Maker(origin.database, origin.catalog), origin.table, rest).offence(check)
    return _on_target(origin, broken)


def _on_target(origin: Origin, values: Values) -> Values:
    return {
        origin.columns[name]: value
        for name, value in values.items()
        if name in origin.columns and origin.columns[name] not in origin.ruled
    }


class _Expressions:
    """Asks an engine for which values its own checks are false: in a row that is there, or in a made one."""

    def __init__(self, maker: Maker, table: Table, rest: Mapping[str, str] | None = None) -> None:
        self._maker, self._table, self._rest = maker, table, rest
        self._database, self._dialect = maker.database, maker.database.dialect

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
        if self._rest is not None:
            return self._maker.breaks(self._table, {**self._rest, column.name: value}, check.expression)
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


def _candidates(check: Check, column: Column) -> list[str]:
    """Values to try, as literals: around the numbers that the expression names, and odd ones."""
    if column.type.kind in _NUMBERS:
        named = [int(text) for text in re.findall(r"(?<![\w.])-?\d{1,15}(?![\w.])", check.expression)]
        numbers = dict.fromkeys([n + step for n in named for step in (-1, 1)] + [-1, 0, 1_000_000])
        return [str(number) for number in numbers]
    if column.type.kind in ("text", "enum"):
        room = column.type.length or 300
        return [f"'{'kora' if room > 3 else 'k' * room}'", "''", "'" + "k" * min(300, room) + "'"]
    if column.type.kind in ("date", "timestamp", "instant"):
        return ["'1000-01-01'", "'9999-12-31'"]
    return ["TRUE", "FALSE"] if column.type.kind == "boolean" else []
