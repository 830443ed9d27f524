"""What the target puts into a column by itself, defaults and generated values; and how long a text it takes.

The target is made to do it, in a trial that is taken back, and the stored value is read. The source is only asked what
its own expression comes to. Values are compared as a person reads them: two engines hold one value as two kinds.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from kora.behavior.constraints import probe
from kora.behavior.decidable import changes_each_time
from kora.behavior.lengths import try_length
from kora.behavior.making import typed
from kora.behavior.origins import Origin
from kora.behavior.trials import REFUSALS, Bench, Made, Trial, breach
from kora.behavior.workload import parse
from kora.catalog import Column, Table
from kora.comparison.behavior import ConstraintProbe
from kora.databases.base import AnswersQueries, Database
from kora.errors import SenseiError

_COUNTERS = ("nextval", "next value", "lastval")
_NUMBERS = ("integer", "decimal", "float")
_COMPARED = (*_NUMBERS, "boolean", "text", "enum", "date", "time", "timestamp", "instant", "uuid", "json", "dynamic")
_INPUTS = {
    "integer": ("0", "7", "-3"),
    "decimal": ("0", "7.25", "-2.5"),
    "float": ("0", "7.25", "-2.5"),
    "text": ("''", "'aB '", "'Kisumu'"),
    "date": ("'2024-02-29'", "'1999-12-31'", "'2023-01-01'"),
    "timestamp": ("'2024-02-29 23:59:59'", "'1999-12-31 00:00:00'", "'2023-01-01 12:30:00'"),
    "boolean": ("TRUE", "FALSE", "TRUE"),
}


def try_values(trial: Trial, origin: Origin | None) -> Iterator[ConstraintProbe]:
    """Defaults, generated columns and length limits of one table. Those that the source has are compared with it."""
    for column in trial.table.columns:
        before = origin.column(column.name) if origin else None
        if column.generated is not None:
            yield from _generated(trial, origin, column)
            continue
        if column.type.kind == "text":
            yield from try_length(trial, origin, column)
        if column.name in trial.table.stable_key:
            continue
        if column.default or (before is not None and before.default):
            yield _default(trial, origin, column, before)


def _default(trial: Trial, origin: Origin | None, column: Column, before: Column | None) -> ConstraintProbe:
    name = f"DEFAULT {column.name}"
    texts = [(trial.database, column), *([(origin.database, before)] if origin and before else [])]
    if any(word in (item.default or "").casefold() for _, item in texts for word in _COUNTERS):
        return probe(trial, name, "not_decidable", "a counter gives it: its position is compared instead")
    if column.type.kind not in _COMPARED:
        return probe(trial, name, "not_run", f"values of {column.type.declared} are not compared here")
    if before is None or origin is None:
        return probe(trial, name, "not_run", "the source has no such column")
    moving = [_moves(database, item) for database, item in texts]
    if all(moving):
        return probe(trial, name, "not_decidable", "both sides fill it with another value each time")
    if column.name in origin.ruled:
        return probe(trial, name, "not_decidable", "its values are read through a rule")
    told = _asked_default(origin, before, column)
    if told is None:
        return probe(trial, name, "not_decidable", "the source does not say what it fills in")
    there, why = _filled(trial, column)
    if there is None:
        return probe(trial, name, "not_decidable", why or "the target does not say what it fills in")
    if moving[0] == moving[1] and told == there:
        return probe(trial, name, "kept")
    source, target = ("another value each time" if moves else value for moves, value in zip(
        (moving[1], moving[0]), (told, there), strict=True))  # fmt: skip
    return probe(trial, name, "differs", f"the source fills in {source}, the target {target}")


def _moves(database: Database, column: Column) -> bool:
    tree = parse(f"SELECT {column.default}", database.dialect.sqlglot) if column.default else None
    return tree is not None and bool(changes_each_time(tree))


def _asked_default(origin: Origin, before: Column, column: Column) -> str | None:
    """What the source's expression comes to; None where it does not say."""
    if not before.default:
        return "nothing" if before.nullable else "a refusal"
    value = typed(origin.database.dialect.engine, f"({before.default})", before)
    return _asked(origin.database, f"SELECT {value}", column)


def _asked(database: Database, sql: str, column: Column) -> str | None:
    if not isinstance(database, AnswersQueries):
        return None
    try:
        rows = database.query_rows(sql).shown(1)
    except SenseiError:
        return None
    return as_read(column.type.kind, rows[0][0][1]) if rows else None


def _filled(trial: Trial, column: Column) -> tuple[str | None, str]:
    """What stands in the column after a row was written without it; None with why where the engine does not tell."""
    if not column.default:
        return ("nothing" if column.nullable else "a refusal"), ""
    bench = trial.bench()
    if isinstance(bench, str):
        return None, bench
    row = trial.row(bench)
    unready = trial.unready(bench, [column.name], row)
    made = trial.made() if unready else None
    if isinstance(made, str):
        return None, f"{unready}; {made}"
    try:
        if made is not None:
            found = trial.inserted(made, _text_of(trial, column), {}, column.name)
        else:
            statements, chosen = _without_it(trial, bench, column, row)
            look = f"SELECT {_text_of(trial, column)} FROM {bench.name} WHERE {chosen}"
            found = trial.writer.look(look, *bench.prepare, *statements)
    except REFUSALS as problem:
        return None, f"a row without it is refused ({breach(problem)})"
    return (as_read(column.type.kind, found[0][0]), "") if found else (None, "")


def _without_it(trial: Trial, bench: Bench, column: Column, row: str) -> tuple[list[str], str]:
    """The statements that make the engine fill a column of the row, and the condition that finds it again."""
    if trial.dialect.engine != "sqlite":
        return [trial.update(bench, {column.name: "DEFAULT"}, row)], trial.chosen(row)
    others = [item.name for item in trial.table.columns if item.generated is None and item.name != column.name]
    listed = ", ".join(trial.quoted(others))
    again = f"({trial.key}) IN (SELECT {trial.key} FROM temp.kora_row)"
    return [
        "PRAGMA defer_foreign_keys = ON",
        f"CREATE TEMP TABLE kora_row AS SELECT * FROM {bench.name} WHERE {trial.chosen(row)}",
        f"DELETE FROM {bench.name} WHERE {again}",
        f"INSERT INTO {bench.name} ({listed}) SELECT {listed} FROM temp.kora_row",
    ], again


def _text_of(trial: Trial, column: Column) -> str:
    name = trial.dialect.quote(column.name)
    if trial.dialect.engine == "mariadb":
        return name
    return f"CAST({name} AS {'VARCHAR' if trial.dialect.engine == 'duckdb' else 'TEXT'})"


def _generated(trial: Trial, origin: Origin | None, column: Column) -> Iterator[ConstraintProbe]:
    before = origin.column(column.name) if origin else None
    if origin is None or before is None or before.generated is None:
        return
    name = f"GENERATED {column.name}"
    inputs = _named_in(before.generated.expression, origin.table)
    unknown = [item.name for item in inputs if item.name not in origin.columns or item.type.kind not in _INPUTS]
    if unknown or not inputs or any(origin.columns[item.name] in trial.table.stable_key for item in inputs):
        yield probe(trial, name, "not_decidable", "what it is made of cannot be varied")
    elif column.name in origin.ruled or any(origin.columns[item.name] in origin.ruled for item in inputs):
        yield probe(trial, name, "not_decidable", "its values are read through a rule")
    else:
        place = trial.place([origin.columns[item.name] for item in inputs])
        if isinstance(place, str):
            yield probe(trial, name, "not_decidable", place)
        else:
            yield _computed(trial, place, origin, column, before, inputs)


def _computed(
    trial: Trial, place: Bench | Made, origin: Origin, column: Column, before: Column, inputs: list[Column]
) -> ConstraintProbe:
    """The same inputs on both sides."""
    name, engine, tried = f"GENERATED {column.name}", origin.database.dialect.engine, 0
    expression = before.generated.expression if before.generated else ""
    for turn in (*range(3), None):
        given = {item.name: "NULL" if turn is None else _INPUTS[item.type.kind][turn] for item in inputs}
        quote = origin.database.dialect.quote
        shown = ", ".join(f"{typed(engine, given[item.name], item)} AS {quote(item.name)}" for item in inputs)
        asked = typed(engine, f"({expression})", before)
        told = _asked(origin.database, f"SELECT {asked} FROM (SELECT {shown}) AS kora_inputs", column)
        values = {origin.columns[key]: value for key, value in given.items()}
        try:
            found = trial.written(place, _text_of(trial, column), values)
        except REFUSALS:
            continue
        if told is None or not found:
            continue
        tried += 1
        there = as_read(column.type.kind, found[0][0])
        if told != there:
            listed = ", ".join(f"{key} = {value}" for key, value in given.items())
            return probe(trial, name, "differs", f"for {listed} the source has {told}, the target {there}")
    return (
        probe(trial, name, "kept") if tried else probe(trial, name, "not_decidable", "no value could be tried on both")
    )


def _named_in(expression: str, table: Table) -> list[Column]:
    words = {word.casefold() for word in re.findall(r"\w+", expression)}
    return [item for item in table.columns if item.name.casefold() in words and item.generated is None]


def as_read(kind: str, text: str | None) -> str:
    """A value as a person reads it, so that two engines' spellings of one value are one."""
    if text is None:
        return "nothing"
    if kind == "boolean":
        return {"t": "1", "true": "1", "1": "1", "f": "0", "false": "0", "0": "0"}.get(text.casefold(), text)
    if kind in (*_NUMBERS, "dynamic"):
        try:
            value = Decimal(text)
        except InvalidOperation:
            return f"'{text}'"
        return format(value.normalize(), "f") if value.is_finite() else text
    if kind in ("timestamp", "instant"):
        moment = text.replace("T", " ").removesuffix("Z").removesuffix("+00")
        moment = moment.rstrip("0").rstrip(".") if "." in moment else moment
        return moment if " " in moment else f"{moment} 00:00:00"
    if kind == "json":
        try:
            return json.dumps(json.loads(text), sort_keys=True)
        except ValueError:
            return text
    return f"'{text}'"
