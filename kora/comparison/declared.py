"""What somebody claims about a migration: the mapping, the losses with their approvals, and the loader's own counts.

Read from a map or plan file, or handed over by the loader. KORA believes none of the counts: it makes its own.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kora.catalog import Name
from kora.comparison.mapping import Loss, Mapping, Verification
from kora.comparison.quarantine import QUARANTINE_NAME, approved, read_quarantine
from kora.comparison.result import NotChecked, Quarantined
from kora.comparison.source_log import SourceLog
from kora.errors import InvalidRequest

ONLY_DECLARED = frozenset({"collation"})
"""Losses that no catalog or value shows and that stand on the plan's word."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Claims, all optional. `loader_counts` is None where nobody loaded: then there is nothing to recount."""

    mapping: Mapping | None = None
    losses: tuple[Loss, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    loader_counts: dict[tuple[str, str], int] | None = None
    dropped: frozenset[tuple[Name, str]] = frozenset()
    """(source table, column) pairs that the plan leaves behind by name."""
    not_checked: tuple[tuple[str, str, str], ...] = ()
    left_out: tuple[NotChecked, ...] = ()
    """What is there and was not asked for, by name and side: see `kora.comparison.left_out`."""
    only_declared: frozenset[str] = ONLY_DECLARED
    source_log: SourceLog | None = None
    """The source's fingerprint, logged before the load."""
    source_log_sha256: str = ""
    """Of the log's file, as it was named when it was written."""
    settle_seconds: float | None = None
    """What a plan says of databases that are written meanwhile: how long to wait before a row that differs is read
    again; None where it says nothing."""


def read_declared(mapping_file: Path | None, plan_file: Path | None, quarantine_file: Path | None = None) -> Declared:
    """Reads a map, or the mapping and the approvals of a plan, and the rows that a load set aside.

    Nothing else of a plan is looked at. Without `quarantine_file`, the one that a run left beside its plan is read.

    Raises:
        FileProblem: The file cannot be read.
        InvalidRequest: It is not YAML, or not a map or plan; the message names the place.
    """
    if mapping_file and plan_file:
        raise InvalidRequest("--map and --plan exclude each other", hint="a plan contains its map: give one of them")
    declared = Declared()
    if mapping_file:
        declared = Declared(mapping=_parse(mapping_file, _load_yaml(mapping_file)))
    if plan_file:
        declared = _from_plan(plan_file, _load_yaml(plan_file))
        beside = plan_file.with_name(QUARANTINE_NAME)
        quarantine_file = quarantine_file or (beside if beside.exists() else None)
    if quarantine_file is None:
        return declared
    return replace(declared, quarantined=approved(read_quarantine(quarantine_file), declared.losses))


def _load_yaml(path: Path) -> object:
    from kora.databases.yaml_text import read_yaml  # here: most verifications have neither map nor plan

    return read_yaml(path, hint="mend the file at that place")


def _parse(path: Path, body: object) -> Mapping:
    try:
        return Mapping.model_validate(body)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{path}: {place}: {first['msg']}", hint="see docs/formats/map.md") from error


def _from_plan(path: Path, body: object) -> Declared:
    if not isinstance(body, dict) or body.get("format") != "sensei-plan-1":
        raise InvalidRequest(f"{path}: not a plan (format sensei-plan-1)", hint="`sensei plan` writes one")
    try:
        tables = [_table(entry) for entry in body.get("tables", [])]
        losses = tuple(Loss.model_validate(entry) for entry in body.get("losses", []))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{path}: losses: {place}: {first['msg']}", hint="correct the plan there") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRequest(
            f"{path}: a table of the plan is not complete: {error}", hint="`sensei plan` writes a complete one"
        ) from error
    return Declared(
        mapping=_parse(path, {"tables": tables}), losses=losses, settle_seconds=_settle(path, body.get("verification"))
    )


def _settle(path: Path, body: object) -> float | None:
    """What a plan says under `verification`."""
    if body is None:
        return None
    try:
        return Verification.model_validate(body).settling
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(f"{path}: verification: {place}: {first['msg']}", hint="see docs/plan.md") from error


def _table(entry: dict[str, Any]) -> dict[str, object]:
    """A plan's table as a map's table."""
    columns: list[object] = []
    excluded = dict(entry.get("left_out") or {})
    listed = entry["columns"]
    if not isinstance(listed, list):
        raise TypeError("columns is no list")
    for column in listed:
        if column.get("not_comparable"):
            excluded[column["source"]] = column["not_comparable"]
            continue
        mapped: dict[str, object] = {"source": column["source"], "target": column["target"]}
        for side in ("source_representation", "target_representation"):
            if column.get(side):
                mapped[side] = _rule(column[side])
        mapped["policies"] = [_rule(rule) for rule in column.get("policies", [])]
        columns.append(mapped)
    return {
        "source": _name(entry["source"]),
        "target": _name(entry["target"]),
        "columns": columns,
        "key": list(entry.get("stable_key") or ()),
        "not_comparable": excluded,
    }


def _name(value: object) -> object:
    if not isinstance(value, str):
        return value
    schema, dot, name = value.partition(".")
    return {"schema": schema, "name": name} if dot else {"schema": "", "name": value}


def _rule(value: str) -> dict[str, str]:
    rule, parenthesis, rest = value.partition("(")
    return {"rule": rule, "argument": rest.removesuffix(")")} if parenthesis else {"rule": rule}
