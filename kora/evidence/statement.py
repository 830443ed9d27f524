"""What a certificate asserts, as a closed shape; `docs/formats/certificate.md` explains each field.

Whole numbers only. Row values, keys and an engine's messages about them are left to the report: a certificate goes to
people who may not see the data.
"""

import json
from collections import Counter
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kora import _core
from kora.comparison.behavior import Behavior
from kora.comparison.mapping import Outcome, Side
from kora.comparison.result import (
    LineUse,
    LoggedSource,
    NotChecked,
    NotComparableColumn,
    Quarantined,
    Reading,
    Recount,
    RowTree,
    Strategy,
    StrategyUsed,
    TableResult,
    Verdict,
    VerificationResult,
)
from kora.evidence.verdict import decide_result

PREDICATE_TYPE = "urn:sensei-appliance:kora-verification:1"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_FORMAT = "kora-certificate-1"
CANONICAL_ROWS = "KCF-1"
CLAIMS: dict[Verdict, str] = {
    "equivalent": "the stored data are equal under KCF-1; behaviour was not run",
    "equivalent_with_declared_loss": (
        "the stored data are equal under KCF-1 but for the declared losses; behaviour was not run"
    ),
    "different": "the stored data differ under KCF-1; behaviour was not run",
    "not_proven": "nothing is concluded: part of the data could not be compared; behaviour was not run",
}
BEHAVIOR_NOT_RUN, BEHAVIOR_RUN = "behaviour was not run", "behaviour was asked and is told apart"
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class CertifiedLoss(_Frozen):
    """A line of the loss ledger. `approved_by` None: nobody approved it."""

    rule: str
    subject: str
    count: Count
    reason: str
    approved_by: str | None


class CertifiedTable(_Frozen):
    """A pair of tables with its exact counts and the set hash under the migration's key."""

    source: str | None
    target: str | None
    outcome: Outcome
    source_rows: Count | None
    target_rows: Count | None
    mismatch: Count
    missing_in_target: Count
    extra_in_target: Count
    in_flight: Count
    not_comparable_columns: tuple[NotComparableColumn, ...]
    losses: tuple[CertifiedLoss, ...]
    readings: tuple[Reading, ...]
    root: Sha256 | None
    tree: RowTree | None = None
    strategy: Strategy = "stream"
    milliseconds: Count


class CertifiedDatabase(_Frozen):
    """One side: the role that the signer asserts, its URL without password, its identity."""

    role: Side
    url: str
    identity: dict[str, str]


class CertifiedOrphans(_Frozen):
    """Rows whose parent does not exist, per foreign key."""

    foreign_key: str
    table: str
    count: Count


class CertifiedQuarantine(_Frozen):
    """Rows held back from the target, per table and column, without their values."""

    table: str
    column: str
    count: Count
    approved: bool


class CertifiedTiming(_Frozen):
    """What one stage took."""

    stage: str
    milliseconds: Count
    rows: Count
    bytes: Count


class Tool(_Frozen):
    """What made the statement. `core_sha256` is the digest of the compiled core that read and digested the rows."""

    name: Literal["kora"]
    version: str
    core_sha256: Sha256


class Predicate(_Frozen):
    """All that is asserted."""

    format: Literal["kora-certificate-1"]
    verdict: Verdict
    exit_code: Annotated[int, Field(ge=0, le=5)]
    claim: str
    canonical_rows: Literal["KCF-1"]
    source: CertifiedDatabase
    target: CertifiedDatabase
    tables: tuple[CertifiedTable, ...]
    not_checked: tuple[NotChecked, ...]
    orphans: tuple[CertifiedOrphans, ...]
    losses: tuple[CertifiedLoss, ...]
    quarantined: tuple[CertifiedQuarantine, ...]
    recounts: tuple[Recount, ...]
    logged_source: LoggedSource | None = None
    behavior: Literal["not_run"] | Behavior
    strategy: StrategyUsed | None = None
    lines: tuple[LineUse, ...] = ()
    migration_key_id: str
    run_id: str
    challenge: str | None
    signature_threshold: Annotated[int, Field(ge=1)]
    claimed_start: str
    claimed_end: str
    milliseconds: Count
    timings: tuple[CertifiedTiming, ...]
    tool: Tool


class Digest(_Frozen):
    """A file's digest."""

    sha256: Sha256


class Subject(_Frozen):
    """A file that the statement is about, by its name beside the certificate."""

    name: str
    digest: Digest


class Statement(_Frozen):
    """An in-toto Statement v1 (https://in-toto.io/Statement/v1) whose predicate is KORA's."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: Annotated[tuple[Subject, ...], Field(min_length=1)]
    predicateType: Literal["urn:sensei-appliance:kora-verification:1"]  # noqa: N815
    predicate: Predicate


def predicate_of(result: VerificationResult, *, signature_threshold: int, challenge: str | None) -> Predicate:
    """What a certificate asserts of a result. The verdict is decided anew: a caller cannot certify one it made up."""
    decision = decide_result(result)
    return Predicate(
        format=PREDICATE_FORMAT,
        verdict=decision.verdict,
        exit_code=int(decision.exit_code),
        claim=claim_of(decision.verdict, result.behavior),
        canonical_rows=CANONICAL_ROWS,
        source=CertifiedDatabase(role="source", url=result.source.url, identity=result.source.identity),
        target=CertifiedDatabase(role="target", url=result.target.url, identity=result.target.identity),
        tables=tuple(_table(table) for table in result.tables),
        not_checked=result.not_checked,
        orphans=tuple(
            CertifiedOrphans(foreign_key=item.foreign_key, table=item.table, count=item.count)
            for item in result.orphans
        ),
        losses=tuple(CertifiedLoss(**loss.model_dump()) for loss in result.losses),
        quarantined=_quarantine(result.quarantined),
        recounts=result.recounts,
        logged_source=result.logged,
        behavior=result.behavior,
        strategy=result.strategy,
        lines=result.lines,
        migration_key_id=result.key_id,
        run_id=result.run_id,
        challenge=challenge,
        signature_threshold=signature_threshold,
        claimed_start=result.started,
        claimed_end=result.ended,
        milliseconds=_milliseconds(result.seconds),
        timings=tuple(
            CertifiedTiming(
                stage=item.stage, milliseconds=_milliseconds(item.seconds), rows=item.rows, bytes=item.bytes
            )
            for item in result.timings
        ),
        tool=this_tool(),
    )


def claim_of(verdict: Verdict, behavior: Literal["not_run"] | Behavior) -> str:
    """What a verdict claims, word for word. Behaviour never changes it: it stands in a section of its own."""
    claim = CLAIMS[verdict]
    return claim if behavior == "not_run" else claim.replace(BEHAVIOR_NOT_RUN, BEHAVIOR_RUN)


def this_tool() -> Tool:
    """The running KORA: its version and the digest of its compiled core."""
    return Tool(name="kora", version=_core.version(), core_sha256=_core.sha256_file(str(_core.__file__)))


def statement_schema() -> str:
    """The JSON Schema of a statement, as `certificate.schema.json` beside this module holds it."""
    schema = Statement.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _table(table: TableResult) -> CertifiedTable:
    return CertifiedTable(
        losses=tuple(CertifiedLoss(**loss.model_dump()) for loss in table.losses),
        milliseconds=_milliseconds(table.seconds),
        **table.model_dump(
            exclude={"losses", "findings", "findings_omitted", "seconds", "strategy_reason"},
        ),
    )


def _quarantine(entries: tuple[Quarantined, ...]) -> tuple[CertifiedQuarantine, ...]:
    rows: Counter[tuple[str, str, bool]] = Counter()
    for entry in entries:
        rows[entry.table, entry.column, entry.approved_by is not None] += entry.count
    return tuple(
        CertifiedQuarantine(table=table, column=column, count=count, approved=approved)
        for (table, column, approved), count in sorted(rows.items())
    )


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))
