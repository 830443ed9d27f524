"""How each table of one side is digested for a fingerprint: which columns, in which order, under which profile.

A lone fingerprint takes each column as it is. A second one takes the first one's profiles, or both take a map, so that
their digests compare.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from kora.catalog import Catalog, Name, Table
from kora.comparison.fingerprint import FingerprintTable
from kora.comparison.mapping import ColumnMapping, Mapping, Side, TableMapping
from kora.comparison.matching import match_catalogs, match_tables
from kora.databases.base import Selection, readable_type
from kora.errors import InvalidRequest, MalformedInput


@dataclass(frozen=True, slots=True)
class Recipe:
    """One table. `columns` are its own names in the profile's order; empty where its rows cannot be digested."""

    table: Table
    columns: tuple[str, ...]
    profile: str
    unique: bool = False
    not_comparable: dict[str, str] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def own_mapping(table: Table) -> TableMapping:
    """A table compared with itself: each readable column as it is, no representation, no policy."""
    readable = [column.name for column in table.columns if readable_type(column.type)]
    key = table.stable_key if set(table.stable_key) <= set(readable) else ()
    return TableMapping(
        source=table.name,
        target=table.name,
        columns=tuple(ColumnMapping(source=name, target=name) for name in readable),
        key=key,
        unique=bool(key),
        not_comparable=_unreadable(table, [column.name for column in table.columns]),
    )


def own_recipe(table: Table) -> Recipe:
    """Exact, own precision."""
    mapping = own_mapping(table)
    names = tuple(column.source for column in mapping.columns)
    return Recipe(table, names, mapping.profile(), mapping.unique, mapping.not_comparable)


def recipes_under(tables: Sequence[FingerprintTable], other: Catalog, own: Catalog) -> list[Recipe]:
    """Under another file's profiles, whose tables and columns are found here by name; what it has not, as it is.

    Args:
        tables: The other file's.
        other: The other side's catalog, as its file holds it.
        own: This side's.
    """
    profiled = {table.name: table for table in tables if table.profile and not table.unreadable}
    pairs = {pair.target: pair.source for pair in match_catalogs(other, own)[0].tables}
    recipes = []
    for table in own.tables:
        there = pairs.get(table.name)
        entry = profiled.get(str(there)) if there else None
        if there is None or entry is None:
            recipes.append(own_recipe(table))
        else:
            recipes.append(_recipe_under(entry, other.table(there), table))
    return recipes


def recipes_of_map(mapping: Mapping, own: Catalog, side: Side, selection: Selection) -> list[Recipe]:
    """Under a map that both sides' fingerprints are made with; tables that it does not name, as they are.

    Nobody sees both catalogs here, so the rows of a table are paired by the key that the map names, if it does.

    Raises:
        InvalidRequest: The map names a source table that is not there, or a key of columns that it does not pair.
    """
    _refuse_unknown(mapping, own, side, selection)
    named: dict[Name, TableMapping] = {
        (pair.source if side == "source" else pair.target): pair for pair in mapping.tables
    }
    return [_recipe_of(named[table.name], table, side) if table.name in named else own_recipe(table)
            for table in own.tables]  # fmt: skip


def _refuse_unknown(mapping: Mapping, own: Catalog, side: Side, selection: Selection) -> None:
    there = {table.name for table in own.tables}
    for pair in mapping.tables:
        if side == "source" and selection.includes(pair.source) and pair.source not in there:
            raise InvalidRequest(
                f"the map names a source table {pair.source} that does not exist",
                hint="correct the map, or leave the table out with --exclude",
            )
        strange = sorted(set(pair.key) - {column.source for column in pair.columns})
        if strange:
            raise InvalidRequest(
                f"the map's key of {pair.source} names {strange[0]}, which is no source column of its pairs",
                hint="name the source's columns, and pair each of them",
            )


def key_positions(profile: str, columns: int) -> list[int]:
    """Positions of a profile's key columns, of so many columns. Raises `MalformedInput`: a file may hold anything."""
    try:
        body = json.loads(profile)
    except (ValueError, RecursionError) as error:
        raise MalformedInput("a profile is not JSON", hint="take the file from its maker again") from error
    key = body.get("key") if isinstance(body, dict) else None
    if not isinstance(key, list) or not all(type(place) is int and 0 <= place < columns for place in key):
        raise MalformedInput("a profile's key is none of its columns", hint="take the file from its maker again")
    return key


def _recipe_under(entry: FingerprintTable, there: Table, here: Table) -> Recipe:
    names = {pair.source: pair.target for pair in match_tables(there, here).columns}
    by_fold = {column.name.casefold(): column.name for column in here.columns}
    wanted = [column.name for column in entry.columns]
    columns = [names.get(name) or by_fold.get(name.casefold(), "") for name in wanted]
    lacking = tuple(name for name, found in zip(wanted, columns, strict=True) if not found)
    return _recipe(here, columns, entry.profile or "", lacking)


def _recipe_of(mapping: TableMapping, table: Table, side: Side) -> Recipe:
    columns = [column.source if side == "source" else column.target for column in mapping.columns]
    known = {column.name for column in table.columns}
    recipe = _recipe(table, columns, mapping.profile(), tuple(name for name in columns if name not in known))
    return Recipe(recipe.table, recipe.columns, recipe.profile, recipe.unique,
                  {**mapping.not_comparable, **recipe.not_comparable}, recipe.lacking, recipe.left_out)  # fmt: skip


def _recipe(table: Table, columns: Sequence[str], profile: str, lacking: tuple[str, ...]) -> Recipe:
    """Rows are digested only where every column of the profile is there and can be read."""
    unreadable = _unreadable(table, columns)
    key = {columns[position] for position in key_positions(profile, len(columns))}
    stable = set(table.stable_key)
    return Recipe(
        table=table,
        columns=() if lacking or unreadable else tuple(columns),
        profile=profile,
        unique=bool(stable) and stable <= key,
        not_comparable=unreadable,
        lacking=lacking,
        left_out=tuple(column.name for column in table.columns if column.name not in columns),
    )


def _unreadable(table: Table, names: Sequence[str]) -> dict[str, str]:
    return {
        column.name: f"the type {column.type.declared} is not known to KORA"
        for column in table.columns
        if column.name in names and not readable_type(column.type)
    }
