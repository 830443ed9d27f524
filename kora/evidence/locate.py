"""`kora locate`: from the differing digests of a comparison to the keys of rows, with one scan of one side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kora import _core
from kora.catalog import Table
from kora.comparison.carried_diff import CarriedDiff, CarriedSide, CarriedTable, RowDigests
from kora.comparison.fingerprint_scan import ScanProgress
from kora.comparison.mapping import Outcome, Side
from kora.comparison.recipes import key_positions
from kora.databases.address import parse_address
from kora.databases.base import Database
from kora.databases.secrets import Prompt
from kora.errors import InvalidRequest, MalformedInput
from kora.evidence.carried import migration_key_of, open_side
from kora.evidence.files import read_bounded
from kora.evidence.signing import KeyStore
from kora.settings import Settings

DIFF_SIZE_LIMIT_BYTES = 256 << 20
LOCATED_FORMAT: Literal["kora-located-1"] = "kora-located-1"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class LocatedRow(_Frozen):
    """A row of this side whose digest the comparison named. `key` is `name=value, …` as stored."""

    outcome: Outcome
    key: str
    key_tag: str
    copies: Annotated[int, Field(ge=0)]


class LocatedTable(_Frozen):
    """The rows of one table. `not_found`: digests that no row has any more, so the data changed since.

    `complete`: these are all the rows of this side that differ.
    """

    table: str
    rows: tuple[LocatedRow, ...]
    not_found: Annotated[int, Field(ge=0)]
    complete: bool


class LocatedRows(_Frozen):
    """What one scan found."""

    format: Literal["kora-located-1"] = LOCATED_FORMAT
    side: Side
    url: str
    tables: tuple[LocatedTable, ...]


def read_diff(path: Path) -> CarriedDiff:
    """What `kora compare --json` wrote. Raises `FileProblem`, `LimitExceeded`, `MalformedInput`."""
    data = read_bounded(path, DIFF_SIZE_LIMIT_BYTES)
    try:
        return CarriedDiff.model_validate_json(data)
    except ValidationError as error:
        raise MalformedInput(
            f"{path} is not what `kora compare` writes: {error.errors()[0]['msg']}",
            hint="kora compare a.kfp b.kfp --json > diff.json",
        ) from error


def locate_rows(
    diff: CarriedDiff,
    url: str,
    *,
    side: Side | None,
    key_file: Path | None,
    settings: Settings,
    progress: ScanProgress | None = None,
    prompt: Prompt | None = None,
) -> LocatedRows:
    """Reads each differing table of one side once and gives the keys of the rows that the comparison named.

    Args:
        diff: The comparison.
        url: The side's database, in the state that was fingerprinted.
        side: Which side it is; found by its URL if None.
        key_file: The migration's key; the one kept under the run's name if None.
        settings: Where keys lie.
        progress: Told what is being read.
        prompt: Asks a person for a password; None where nobody is there.

    Raises:
        InvalidRequest: Which side it is cannot be told, the key is not there, or a table is not.
        SenseiError: As opening and reading the database.
    """
    which = side or _side_of(diff, url)
    key = migration_key_of(diff.key_id, diff.run_id, key_file, KeyStore(settings.home_directory))
    with open_side(url, which, prompt) as (database, shown):
        tables = {str(table.name): table for table in database.catalog().tables}
        found = []
        for table in diff.tables:
            own = table.source if which == "source" else table.target
            if own is None or not table.keys:
                continue
            if progress:
                progress(f"reading {own.table}", 0)
            if own.table not in tables:
                raise InvalidRequest(f"{shown} has no table {own.table}", hint="say which side it is: --side source")
            found.append(_locate(database, tables[own.table], table, own, which, key))
    return LocatedRows(side=which, url=shown, tables=tuple(found))


def _side_of(diff: CarriedDiff, url: str) -> Side:
    shown = str(parse_address(url))
    sides: list[Side] = [name for name, facts in _facts(diff) if facts == shown]
    if len(sides) != 1:
        raise InvalidRequest(
            f"which side {shown} is cannot be told: the files speak of {diff.source.url} and {diff.target.url}",
            hint="say it: --side source or --side target",
        )
    return sides[0]


def _facts(diff: CarriedDiff) -> tuple[tuple[Side, str], tuple[Side, str]]:
    return ("source", diff.source.url), ("target", diff.target.url)


def _locate(
    database: Database, table: Table, difference: CarriedTable, own: CarriedSide, side: Side, key: _core.DigestKey
) -> LocatedTable:
    wanted, profile = _wanted(difference, side), difference.profile or ""
    rows = _core.collect_rows(
        database.rows(table, own.columns),
        profile,
        side,
        key,
        carried_tags={bytes.fromhex(item.key_tag) for item in difference.keys},
        limit=len(wanted) + _core.CARRIED_SYMBOLS_LIMIT,
    )
    located = []
    for row in rows:
        place = row.key_tag[:8].hex(), row.digest[:16].hex()
        if place in wanted:
            outcome = wanted.pop(place)
            located.append(
                LocatedRow(
                    outcome=outcome, key=_key_text(row, own.columns, profile), key_tag=place[0], copies=row.copies
                )
            )
    complete = difference.counted and not difference.keys_omitted
    return LocatedTable(table=own.table, rows=tuple(located), not_found=len(wanted), complete=complete and not wanted)


def _wanted(difference: CarriedTable, side: Side) -> dict[tuple[str, str], Outcome]:
    """(key tag, half digest) of this side's rows → what they are: a row of a key that both sides have is a mismatch."""
    wanted: dict[tuple[str, str], Outcome] = {}
    for key in difference.keys:
        own, other = (key.source, key.target) if side == "source" else (key.target, key.source)
        alone: Outcome = "missing_in_target" if side == "source" else "extra_in_target"
        paired = _copies(other)
        for digest, copies in own:
            wanted[key.key_tag, digest] = "mismatch" if paired > 0 else alone
            paired -= copies
    return wanted


def _copies(rows: RowDigests) -> int:
    return sum(copies for _, copies in rows)


def _key_text(row: _core.Row, columns: Sequence[str], profile: str) -> str:
    """`name=value, …` of the key's columns as stored; a row without a key is called by its digest."""
    positions = key_positions(profile, len(columns))
    if not positions:
        return f"row {row.digest.hex()[:16]}"
    stored = ((columns[position], row.stored[position][1]) for position in positions)
    return ", ".join(f"{name}={'NULL' if text is None else text}" for name, text in stored)
