"""One side of a comparison as a value that can be carried. Tier 0: per table a row count and a set hash, no values.

Written canonically and signed by `kora.evidence.certificate`; see `docs/formats/certificate.md`. Roots of two
fingerprints compare only under one migration key and one profile.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kora.comparison.mapping import Side
from kora.comparison.result import VerificationResult

FINGERPRINT_FORMAT: Literal["kora-fingerprint-1"] = "kora-fingerprint-1"
OWN_PRECISION: Literal["exact, own precision"] = "exact, own precision"
AS_COMPARED: Literal["as compared"] = "as compared"


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FingerprintColumn(_Frozen):
    """A column that is part of the row digests: its kind here and its type as declared."""

    name: str
    kind: str
    declared: str


class FingerprintTable(_Frozen):
    """A table. `root` is None where this side has no set hash of its own; `unreadable` says why there is no count."""

    name: str
    columns: tuple[FingerprintColumn, ...] = ()
    row_count: Annotated[int, Field(ge=0)] | None
    root: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None
    not_comparable: dict[str, str] = Field(default_factory=dict)
    unreadable: str | None = None


class Fingerprint(_Frozen):
    """One side. `role` is what its signer asserts; `profile` under which rule set rows were digested."""

    format: Literal["kora-fingerprint-1"] = FINGERPRINT_FORMAT
    tier: Literal[0] = 0
    role: Side | Literal["unassigned"]
    url: str
    engine: str
    identity: dict[str, str]
    profile: Literal["exact, own precision", "as compared"]
    tables: tuple[FingerprintTable, ...]
    key_id: str
    run_id: str
    claimed_time: str


def side_of(result: VerificationResult, side: Side) -> Fingerprint:
    """One side of a finished verification. The source's roots are known only of tables that matched."""
    facts = result.source if side == "source" else result.target
    tables = []
    for table in result.tables:
        name = table.source if side == "source" else table.target
        if name is None:
            continue
        rows = table.source_rows if side == "source" else table.target_rows
        root = table.root if side == "target" or table.outcome == "match" else None
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
    )
