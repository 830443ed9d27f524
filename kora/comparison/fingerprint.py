"""One side of a comparison as a value that can be carried: what is signed of a fingerprint file. No values of rows.

Tier 0: per table a row count and a set hash. Higher tiers add sections, which lie behind the signed part and are
named in it with their digests; see `docs/formats/kfp.md`. Roots compare only under one migration key and one profile.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from kora.comparison.left_out import tables_left_out
from kora.comparison.mapping import SECOND_PASS, Side
from kora.comparison.result import VerificationResult

FINGERPRINT_FORMAT: Literal["kora-fingerprint-1"] = "kora-fingerprint-1"
OWN_PRECISION: Literal["exact, own precision"] = "exact, own precision"
AS_COMPARED: Literal["as compared"] = "as compared"
UNDER_ANOTHER: Literal["under another file's profiles"] = "under another file's profiles"
UNDER_A_MAP: Literal["under a map"] = "under a map"

Tier: TypeAlias = Literal[0, 1, 2, 3]
Sha256: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Section(_Frozen):
    """Bytes behind the signed part: where they begin there, how many they are, and their SHA-256."""

    offset: Annotated[int, Field(ge=0, lt=1 << 53)]
    length: Annotated[int, Field(gt=0, lt=1 << 53)]
    sha256: Sha256


class FingerprintColumn(_Frozen):
    """A column that is part of the row digests, in the profile's order: its kind here and its type as declared."""

    name: str
    kind: str
    declared: str


class FingerprintTable(_Frozen):
    """A table. `root` is None where this side has no set hash of its own; `unreadable` says why there is no count.

    `profile` is what its rows were digested under (canonical JSON); `lacking` names the profile's columns that this
    table has not, `left_out` its own that the profile has not. `policies` counts the values that each lossy rule
    changed, per column pair. `row_buckets` are the buckets whose rows the list holds; None is all of them.
    """

    name: str
    columns: tuple[FingerprintColumn, ...] = ()
    row_count: Annotated[int, Field(ge=0)] | None
    root: Sha256 | None
    not_comparable: dict[str, str] = Field(default_factory=dict)
    unreadable: str | None = None
    profile: str | None = None
    lacking: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    policies: dict[str, dict[str, int]] = Field(default_factory=dict)
    buckets: Section | None = None
    sketch: Section | None = None
    rows: Section | None = None
    row_buckets: tuple[Annotated[int, Field(ge=0, lt=4096)], ...] | None = None

    @property
    def sections(self) -> tuple[Section, ...]:
        """Those that it has."""
        return tuple(section for section in (self.buckets, self.sketch, self.rows) if section)


class Fingerprint(_Frozen):
    """One side. `role` is what its signer asserts; `profile` under which rule set rows were digested.

    `selection` holds the patterns of the tables that were asked for, empty for all; `exclude` those of tables that were
    not; `tables_left_out` names the tables that are there and are not in the file because of these,
    None where nobody wrote them down.
    """

    format: Literal["kora-fingerprint-1"] = FINGERPRINT_FORMAT
    tier: Tier = 0
    role: Side | Literal["unassigned"]
    url: str
    engine: str
    identity: dict[str, str]
    profile: Literal["exact, own precision", "as compared", "under another file's profiles", "under a map"]
    tables: tuple[FingerprintTable, ...]
    key_id: str
    run_id: str
    claimed_time: str
    selection: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    tables_left_out: tuple[str, ...] | None = None
    catalog: Section | None = None

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections, in the order of the file."""
        own = (self.catalog,) if self.catalog else ()
        return own + tuple(section for table in self.tables for section in table.sections)


def side_of(result: VerificationResult, side: Side) -> Fingerprint:
    """One side of a finished verification. The source's roots are known only of tables that matched."""
    facts = result.source if side == "source" else result.target
    tables = []
    for table in result.tables:
        name = table.source if side == "source" else table.target
        if name is None:
            continue
        rows = table.source_rows if side == "source" else table.target_rows
        exact = table.outcome == "match" and not any(loss.rule in SECOND_PASS for loss in table.losses)
        root = table.root if side == "target" or exact else None
        left_out = {column.column: column.reason for column in table.not_comparable_columns}
        tables.append(FingerprintTable(name=name, row_count=rows, root=root, not_comparable=left_out))
    return Fingerprint(
        role=side,
        url=facts.url,
        engine=facts.identity.get("engine", ""),
        identity=facts.identity,
        profile=AS_COMPARED,
        tables=tuple(tables),
        key_id=result.key_id,
        run_id=result.run_id,
        claimed_time=result.ended,
        tables_left_out=tables_left_out(result.not_checked, side),
    )
