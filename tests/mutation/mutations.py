"""Which alterations are made to a table, and what a verification must say about each."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.mutation.clients import exact_text
from tests.mutation.kinds import Kind

Expected = tuple[str, str | None, frozenset[str]]
"""Outcome, key text (None where the table has no key), columns named."""

PLACES = (
    ("Kenya", 1, "Nairobi"), ("Kenya", 2, "Kisumu"), ("kenya", 1, "lower case"), ("T\u00fcrkiye", 1, "\u0130zmir"),
    ("T\u00fcrkiye ", 1, "trailing"), ("a", 12, "3"), ("a1", 2, "3"), ("", 0, ""),
    ("a country with a name longer than any sketch holds", 7, "long"),
)  # fmt: skip
EVENTS = (
    *[("2020-01-01", "started", 1)] * 3, *[("2020-01-01", "stopped", 1)] * 2, ("2020-01-02", "failed", 2),
    ("2020-01-03", "mended", 3), ("2020-01-04", "", 4), ("2020-01-05", "failed again", 5),
)  # fmt: skip
TEXTUAL = {"duckdb": "VARCHAR", "parquet": "VARCHAR", "mariadb": "VARCHAR(200)"}
"""A text type that may stand in a key."""


@dataclass(frozen=True)
class Mutation:
    """One alteration: statements in the target's SQL, a query that shows whether they changed what is stored."""

    table: str
    title: str
    probe: str
    statements: tuple[str, ...]
    expected: tuple[Expected, ...]

    def count(self, outcome: str) -> int:
        """How many rows of this outcome a verification must count."""
        return sum(1 for found, _, _ in self.expected if found == outcome)


def text(value: object) -> str:
    """A literal that all engines understand."""
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def statements(engine: str, kinds: tuple[Kind, ...], side: str) -> list[str]:
    """What makes one side's database."""
    textual = TEXTUAL.get(engine, "TEXT")
    made = []
    for kind in kinds:
        declared = kind.source_type if side == "source" else kind.target_type or kind.source_type
        made.append(
            f"CREATE TABLE {kind.name} (id INTEGER NOT NULL PRIMARY KEY, v {declared}, note {textual} NOT NULL)"
        )
        for number, (left, right) in enumerate(kind.rows, 1):
            value = left if side == "source" else right
            made.append(f"INSERT INTO {kind.name} VALUES ({number}, {value}, 'note {number}')")
    made.append(
        f"CREATE TABLE places (country {textual} NOT NULL, number INTEGER NOT NULL, v {textual},"
        " PRIMARY KEY (country, number))"
    )
    made += [f"INSERT INTO places VALUES ({', '.join(map(text, row))})" for row in PLACES]
    made.append(f"CREATE TABLE events (day {textual}, line {textual}, level INTEGER)")
    made += [f"INSERT INTO events VALUES ({', '.join(map(text, row))})" for row in EVENTS]
    return made


def mutations(
    engine: str, kinds: tuple[Kind, ...], seed: int, per_table: int | None = None
) -> dict[str, list[Mutation]]:
    """All mutations by table, in the order in which they are applied; at most so many per table, drawn by the seed."""
    draw = random.Random(seed)
    made = {kind.name: list(_of_kind(engine, kind, draw)) for kind in kinds}
    made["places"] = list(_of_places(draw))
    made["events"] = list(_of_events(_one_event(engine)))
    if per_table is None:
        return made
    return {table: draw.sample(listed, min(per_table, len(listed))) for table, listed in made.items()}


def _one_event(engine: str) -> str:
    """A condition that one row with the line `%s` fulfils, at the end of a statement."""
    if engine == "mariadb":
        return "line = '%s' LIMIT 1"
    row_id = "ctid" if engine == "postgresql" else "rowid"
    return f"{row_id} = (SELECT {row_id} FROM events WHERE line = '%s' LIMIT 1)"


def _of_kind(engine: str, kind: Kind, draw: random.Random) -> Iterator[Mutation]:
    table, targets = kind.name, [value for _, value in kind.rows]
    probe = f"SELECT id, {exact_text(engine, 'v', kind)}, note FROM {table} ORDER BY id"

    def altered(title: str, number: int, column: str, value: str) -> Mutation:
        made: tuple[str, ...]
        made = (f"UPDATE {table} SET {column} = {value} WHERE id = {number}",)
        if engine in ("duckdb", "parquet") and column == "v":
            # It leaves a cell as it is where the new value equals it under =, as 1 month does 30 days.
            made = (f"DELETE FROM {table} WHERE id = {number}",
                    f"INSERT INTO {table} VALUES ({number}, {value}, 'note {number}')")  # fmt: skip
        return Mutation(table, title, probe, made, (("mismatch", f"id={number}", frozenset({column})),))

    for before, after in kind.close:
        yield altered(f"{before} → {after}", targets.index(before) + 1, "v", after)
    numbers = range(1, len(targets) + 1)
    for number in draw.sample(numbers, 3):
        other = draw.choice([value for value in kind.on_target if value != targets[number - 1]] or ["NULL"])
        yield altered(f"cell {targets[number - 1]} → {other}", number, "v", other)
    yield altered("cell → NULL", draw.choice(numbers[:-1]), "v", "NULL")
    yield altered("trailing blank of another column", draw.choice(numbers), "note", "note || ' '")
    yield _values_swapped(engine, table, probe, *draw.sample(numbers, 2))
    yield _swapped(table, probe, "note", *draw.sample(numbers, 2))
    gone, moved = draw.sample(numbers, 2)
    yield Mutation(
        table, "row dropped", probe, (f"DELETE FROM {table} WHERE id = {gone}",),
        (("missing_in_target", f"id={gone}", frozenset()),),
    )  # fmt: skip
    yield Mutation(
        table, "row added", probe, (f"INSERT INTO {table} SELECT 1000, v, note FROM {table} WHERE id = {gone}",),
        (("extra_in_target", "id=1000", frozenset()),),
    )  # fmt: skip
    yield Mutation(
        table, "key changed", probe, (f"UPDATE {table} SET id = 2000 WHERE id = {moved}",),
        (("missing_in_target", f"id={moved}", frozenset()), ("extra_in_target", "id=2000", frozenset())),
    )  # fmt: skip


def _swapped(table: str, probe: str, column: str, one: int, two: int) -> Mutation:
    """Through a copy, since an UPDATE of SQLite sees its own changes."""
    swap = (
        f"CREATE TEMPORARY TABLE kept AS SELECT id, {column} AS old FROM {table} WHERE id IN ({one}, {two})",
        f"UPDATE {table} SET {column} = (SELECT old FROM kept WHERE id = {two}) WHERE id = {one}",
        f"UPDATE {table} SET {column} = (SELECT old FROM kept WHERE id = {one}) WHERE id = {two}",
        "DROP TABLE kept",
    )
    expected = tuple(("mismatch", f"id={number}", frozenset({column})) for number in (one, two))
    return Mutation(table, f"{column} swapped between {one} and {two}", probe, swap, expected)


def _values_swapped(engine: str, table: str, probe: str, one: int, two: int) -> Mutation:
    """In MariaDB rows trade their keys and then all but the value: an ENUM's invalid value does not outlive a copy."""
    mutation = _swapped(table, probe, "v", one, two)
    if engine != "mariadb":
        return mutation
    numbers = ((one, -1), (two, one), (-1, two))
    traded = tuple(f"UPDATE {table} SET id = {new} WHERE id = {old}" for old, new in numbers)
    return replace(mutation, statements=(*traded, *_swapped(table, probe, "note", one, two).statements))


def _of_places(draw: random.Random) -> Iterator[Mutation]:
    probe = "SELECT country, number, v FROM places ORDER BY country, number"

    def where(row: tuple[str, int, str]) -> str:
        return f"country = {text(row[0])} AND number = {row[1]}"

    for row in PLACES:
        yield Mutation(
            "places", f"cell of {row[:2]}", probe, (f"UPDATE places SET v = v || '.' WHERE {where(row)}",),
            (("mismatch", _place(*row[:2]), frozenset({"v"})),),
        )  # fmt: skip
    for row in draw.sample(PLACES, 3):
        yield Mutation(
            "places", f"row {row[:2]} dropped", probe, (f"DELETE FROM places WHERE {where(row)}",),
            (("missing_in_target", _place(*row[:2]), frozenset()),),
        )  # fmt: skip
    for row, changed in (
        (PLACES[1], ("Kenya ", 2)), (PLACES[1], ("kenya", 2)), (PLACES[6], ("a12", 2)),
        (PLACES[3], ("Tu\u0308rkiye", 1)),
        (PLACES[8], (PLACES[8][0] + ".", 7)), (PLACES[5], ("a", -12)),
    ):  # fmt: skip
        yield Mutation(
            "places", f"key {row[:2]} → {changed}", probe,
            (f"UPDATE places SET country = {text(changed[0])}, number = {changed[1]} WHERE {where(row)}",),
            (("missing_in_target", _place(*row[:2]), frozenset()), ("extra_in_target", _place(*changed), frozenset())),
        )  # fmt: skip


def _place(country: str, number: int) -> str:
    return f"country={country}, number={number}"


def _of_events(one: str) -> Iterator[Mutation]:
    probe = "SELECT day, line, level FROM events ORDER BY day, line, level"
    missing, extra = ("missing_in_target", None), ("extra_in_target", None)
    nothing, line = frozenset[str](), frozenset({"line"})
    for word in ("started", "failed", ""):
        yield Mutation(
            "events", f"row {word!r} duplicated", probe,
            (f"INSERT INTO events SELECT * FROM events WHERE {one % word}",), ((*extra, nothing),),
        )  # fmt: skip
    for word in ("started", "stopped", "failed"):
        yield Mutation(
            "events", f"one row {word!r} dropped", probe, (f"DELETE FROM events WHERE {one % word}",),
            ((*missing, nothing),),
        )  # fmt: skip
    for word in ("started", "mended", ""):
        for change in ("line || ' '", "'other'", "NULL"):
            yield Mutation(
                "events", f"one row {word!r}: {change}", probe,
                (f"UPDATE events SET line = {change} WHERE {one % word}",), ((*missing, line), (*extra, line)),
            )  # fmt: skip
    yield Mutation(
        "events", "both copies of a row turned into copies of another", probe,
        ("UPDATE events SET line = 'started' WHERE line = 'stopped'",), ((*missing, line), (*extra, line)) * 2,
    )  # fmt: skip
    yield Mutation(
        "events", "cells swapped between two rows", probe,
        ("UPDATE events SET level = 8 - level WHERE level IN (3, 5)",),
        ((*missing, frozenset({"level"})), (*extra, frozenset({"level"}))) * 2,
    )  # fmt: skip
