"""From facts to a suite that Great Expectations (1.7.1 or later) reads, and back to what KORA needs to run it.

The five expectations that are Sensei's own are classes of `worker.py`; the others are built-in.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kora.comparison.mapping import Loss
from kora.errors import FileProblem, InvalidRequest, LimitExceeded, MalformedInput
from kora.expectations.facts import Fact, ProfiledTable

SUITE_LIMIT_BYTES = 64 << 20
_KINDS_READ = {
    "text_date": ("date", "time", "timestamp", "instant"),
    "epoch": ("timestamp", "instant"),
    "utc_clock": ("instant",),
    "bool01": ("boolean",),
    "bool_text": ("boolean",),
    "uuid_text": ("uuid",),
    "real_decimal": ("decimal", "integer"),
    "text_number": ("decimal", "integer"),
    "enum_label": ("enum",),
    "json_text": ("json",),
}
"""What a column may be on the other side once a representation has read it."""
_ALIKE = (frozenset({"integer", "decimal"}), frozenset({"timestamp", "instant"}))


class SuiteNotes(BaseModel):
    """KORA's own part of a suite: under which key and profiles the digests in it were made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["kora-expectations-1"] = "kora-expectations-1"
    url: str
    key_id: str
    run_id: str
    tables: Annotated[tuple[ProfiledTable, ...], Field(max_length=100_000)]


def write_suite(facts: Mapping[str, Fact], notes: SuiteNotes, losses: Sequence[Loss]) -> dict[str, Any]:
    """The suite as JSON: what holds of the profiled database is expected of the other.

    Args:
        facts: Measured on the profiled side.
        notes: What a run needs.
        losses: The ledger; what it approves may be lost.
    """
    approved = {f"{loss.subject}: {loss.rule}": loss.count for loss in losses if loss.approved_by}
    readings = {
        f"{table.source}.{name}": _readings(column)
        for table in notes.tables
        for name, column in zip(table.source_columns, json.loads(table.profile)["columns"], strict=True)
    }
    expectations = [_expectation(name, value, approved, readings) for name, value in facts.items()]
    return {
        "name": "sensei",
        "expectations": expectations,
        "meta": {"kora": notes.model_dump(mode="json")},
    }


def read_suite(path: Path) -> tuple[dict[str, Any], SuiteNotes]:
    """A suite that `write_suite` made, whatever expectations somebody has added since.

    Raises:
        FileProblem, LimitExceeded: It cannot be read, or is too large.
        MalformedInput: It is no suite.
        InvalidRequest: It is somebody else's: there is nothing in it by which KORA could measure.
    """
    try:
        if path.stat().st_size > SUITE_LIMIT_BYTES:
            raise LimitExceeded(f"{path} has more than {SUITE_LIMIT_BYTES:,} bytes")
        body = json.loads(path.read_bytes())
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise MalformedInput(f"{path} is not JSON") from error
    meta = body.get("meta") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(body.get("expectations"), list) or not isinstance(meta, dict):
        raise MalformedInput(f"{path} is no suite of Great Expectations")
    if not all(isinstance(expectation, dict) for expectation in body["expectations"]):
        raise MalformedInput(f"{path}: an expectation is no object", hint="mend what was added to the suite")
    try:
        return body, SuiteNotes.model_validate(meta.get("kora"))
    except ValidationError as error:
        raise InvalidRequest(
            f"{path} was not written by KORA, or its meta.kora was altered",
            hint="kora expect profile URL -o suite.json",
        ) from error


def _readings(column: Mapping[str, Any]) -> tuple[str, ...]:
    rules = [column[side]["rule"] for side in ("source", "target") if side in column]
    return tuple(kind for rule in rules for kind in _KINDS_READ.get(rule, ()))


def _expectation(
    name: str, value: Fact, approved: Mapping[str, int], readings: Mapping[str, tuple[str, ...]]
) -> dict[str, Any]:
    subject, _, measured = name.rpartition(": ")
    kwargs: dict[str, Any] = {"column": name, "value_set": [value]}
    kind = "expect_column_values_to_be_in_set"
    if measured == "row digest":
        kind = "expect_row_digest_to_equal"
    elif measured == "kind":
        kind, kwargs["value_set"] = "expect_semantic_type_kept", _kinds(str(value), readings.get(subject, ()))
    elif measured == "counter ahead":
        kind, kwargs = "expect_sequence_beyond_max_key", {"column": name, "min_value": 0}
    elif measured == "orphans":
        kind, kwargs = "expect_no_new_orphan", {"column": name, "min_value": 0, "max_value": value}
    elif measured not in {"rows", "nulls"}:
        kind = "expect_loss_within_ledger"
        kwargs = {"column": name, "min_value": 0, "max_value": approved.get(name, 0)}
    return {"type": kind, "kwargs": kwargs, "meta": {}}


def _kinds(kind: str, read: Sequence[str]) -> list[str]:
    alike = next((group for group in _ALIKE if kind in group), frozenset({kind}))
    return sorted({*alike, *read})
