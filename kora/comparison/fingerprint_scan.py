"""One pass over a database for its fingerprint, at any tier, under its own or somebody else's profiles."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from kora import _core
from kora.catalog import Catalog, Table
from kora.comparison.fingerprint import OWN_PRECISION, Fingerprint, FingerprintColumn, FingerprintTable, Tier
from kora.comparison.fingerprint_body import BodyWriter, pack_catalog
from kora.comparison.mapping import Side
from kora.comparison.recipes import Recipe, own_recipe
from kora.databases.base import Database, Lanes, Selection
from kora.errors import InvalidRequest

ScanProgress: TypeAlias = Callable[[str, int], None]
"""Told a stage's name and the rows that it has read so far."""
Role: TypeAlias = Side | Literal["unassigned"]
ProfileSource: TypeAlias = Literal["exact, own precision", "under another file's profiles", "under a map"]


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """What a fingerprint is to hold.

    `symbols` are those of each sketch. `buckets`: table → buckets whose rows tier 3 lists; all where it is not named.
    `every_choice`: each pattern must be that of a table.
    """

    key: _core.DigestKey
    run_id: str
    role: Role = "unassigned"
    tier: Tier = 0
    symbols: int = _core.CARRIED_SYMBOLS
    buckets: Mapping[str, Sequence[int]] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    every_choice: bool = False
    profile: ProfileSource = OWN_PRECISION
    lanes: Lanes = field(default_factory=Lanes)
    spill_directory: Path | None = None
    progress: ScanProgress | None = None


def take_fingerprint(
    database: Database, url: str, body: BodyWriter, options: ScanOptions, recipes: Sequence[Recipe] | None = None
) -> Fingerprint:
    """Read every table once and keep what the tier asks for.

    Args:
        database: Opened for reading; its snapshot is what the fingerprint speaks of. It is not closed.
        url: Its URL without password.
        body: Takes the sections.
        options: The migration's key, of which only the id stands in the fingerprint, and the rest.
        recipes: How tables are digested; each column as it is where None.

    Raises:
        AccessDenied, ConnectionLost, EngineError: As the database's own methods.
        InvalidRequest: The selection chooses no table.
        FileProblem: The body cannot be written.
    """
    catalog, names_left_out = chosen_tables(database, options)
    packed = body.add(pack_catalog(catalog))
    tables = []
    for recipe in recipes if recipes is not None else [own_recipe(table) for table in catalog.tables]:
        if options.progress:
            options.progress(f"reading {recipe.table.name}", 0)
        tables.append(_table_fingerprint(database, recipe, body, options))
    return Fingerprint(
        tier=options.tier,
        role=options.role,
        url=url,
        engine=catalog.engine,
        identity=database.identity(),
        profile=options.profile,
        tables=tuple(tables),
        key_id=options.key.key_id,
        run_id=options.run_id,
        claimed_time=datetime.now(UTC).isoformat(timespec="seconds"),
        selection=options.selection.tables,
        exclude=options.selection.exclude,
        tables_left_out=names_left_out,
        catalog=packed,
    )


def chosen_tables(database: Database, options: ScanOptions) -> tuple[Catalog, tuple[str, ...]]:
    """What the selection asks for, and the names of the tables that it leaves out.

    Raises:
        InvalidRequest: `every_choice` is set, and a pattern or a table of `buckets` is that of no table.
    """
    selection = options.selection
    catalog = database.catalog(selection)
    if selection == Selection() and not options.buckets:
        return catalog, ()
    everything = database.catalog().tables
    if options.every_choice:
        _refuse_no_choice(catalog.tables, everything, options)
    chosen = {table.name for table in catalog.tables}
    return catalog, tuple(str(table.name) for table in everything if table.name not in chosen)


def _refuse_no_choice(chosen: Sequence[Table], everything: Sequence[Table], options: ScanOptions) -> None:
    there = ", ".join([*(str(table.name) for table in everything[:5]), *(["…"] if len(everything) > 5 else [])])
    for pattern in options.selection.tables:
        if not any(Selection(tables=(pattern,)).includes(table.name) for table in everything):
            raise InvalidRequest(
                f"no table is called {pattern}",
                hint=f"there are {there}" if there else "the database has no table",
            )
    if everything and not chosen:
        raise InvalidRequest("--exclude leaves no table", hint=f"there are {there}")
    for name in options.buckets.keys() - {str(table.name) for table in chosen}:
        named = ", ".join(str(table.name) for table in chosen[:5])
        raise InvalidRequest(f"--buckets names {name}, which is no chosen table", hint=f"written in full: {named}")


def _table_fingerprint(database: Database, recipe: Recipe, body: BodyWriter, options: ScanOptions) -> FingerprintTable:
    table = recipe.table
    if table.unreadable:
        return FingerprintTable(name=str(table.name), row_count=None, root=None, unreadable=table.unreadable)
    entry = FingerprintTable(
        name=str(table.name),
        columns=_columns(recipe),
        row_count=None,
        root=None,
        not_comparable=recipe.not_comparable,
        profile=recipe.profile,
        lacking=recipe.lacking,
        left_out=recipe.left_out,
    )
    if not recipe.columns:
        return entry.model_copy(update={"row_count": database.row_count(table)})
    digest = _core.carry_rows(
        database.rows_in_lanes(table, recipe.columns, options.lanes),
        recipe.profile,
        "target" if options.role == "target" else "source",
        options.key,
        tier=options.tier,
        symbols=options.symbols,
        unique=recipe.unique,
        spill_directory=str(options.spill_directory) if options.spill_directory else None,
    )
    found = {"row_count": digest.row_count, "root": digest.root.hex(), "policies": _policies(digest.tallies)}
    return entry.model_copy(update={**found, **_sections(entry.name, digest, body, options)})


def _columns(recipe: Recipe) -> tuple[FingerprintColumn, ...]:
    types = {column.name: column.type for column in recipe.table.columns}
    return tuple(
        FingerprintColumn(name=name, kind=types[name].kind, declared=types[name].declared) for name in recipe.columns
    )


def _sections(name: str, digest: _core.CarriedDigest, body: BodyWriter, options: ScanOptions) -> dict[str, object]:
    sections: dict[str, object] = {}
    for part, data in (("buckets", digest.bucket_section()), ("sketch", digest.sketch_section())):
        if data is not None:
            sections[part] = body.add(data)
    if options.tier >= 3:
        buckets = options.buckets.get(name)
        sections["row_buckets"] = None if buckets is None else tuple(sorted(set(buckets)))
        sections["rows"] = body.appended(digest.append_list(str(body.path), buckets))
    return sections


def _policies(tallies: str) -> dict[str, dict[str, int]]:
    """Values that lossy rules changed, per column pair; only where there are any."""
    counted = {
        tally["pair"]: {rule: count for rule, count in tally["policies"].items() if count}
        for tally in json.loads(tallies)
    }
    return {pair: rules for pair, rules in counted.items() if rules}
