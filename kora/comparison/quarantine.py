"""Rows that a load set aside: read from the file that it left, and approved by what a plan or an operator says.

The file is the seam between whoever loads and KORA: `docs/formats/quarantine.md`. Nothing in it is believed; each row
must be missing in the target indeed, key by key (`kora.verify`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from kora.comparison.mapping import Loss
from kora.comparison.result import NotChecked, Quarantined, TableResult
from kora.errors import FileProblem, InvalidRequest, LimitExceeded

QUARANTINE_NAME = "quarantine.jsonl"
"""Where a run leaves it, beside the plan that was carried out."""
_LINE_LIMIT_BYTES = 64 << 20
_ROWS_LIMIT = 1_000_000


class _Line(BaseModel):
    """One refused row; its values and whatever else a line holds are not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    table: str
    key: str
    column: str
    reason: str


def read_quarantine(path: Path) -> tuple[Quarantined, ...]:
    """The rows of a quarantine file, none of them approved.

    Raises:
        FileProblem: It cannot be read.
        InvalidRequest: A line is not as the format says; the message names it.
        LimitExceeded: More than a million rows, or a line of more than 64 MiB.
    """
    try:
        with path.open("rb") as file:
            return tuple(_entry(path, number, line) for number, line in enumerate(_lines(path, file), start=1))
    except OSError as error:
        raise FileProblem(
            f"{path} cannot be read: {error.strerror}", hint="check the path behind --quarantine"
        ) from error


def approved(
    quarantined: Iterable[Quarantined], losses: Sequence[Loss], approver: str | None = None
) -> tuple[Quarantined, ...]:
    """The same rows with their approvals.

    Args:
        quarantined: Rows in the order in which they were refused.
        losses: A plan's; one with rule `quarantined` and an approval covers, of its table or column, as many rows as
            it counts.
        approver: Who accepted all of them, if somebody did.
    """
    approvals = {loss.subject: loss for loss in losses if loss.rule == "quarantined" and loss.approved_by}
    seen = Counter[str]()
    made = []
    for row in quarantined:
        seen[row.table] += row.count
        loss = approvals.get(row.table) or approvals.get(f"{row.table}.{row.column}")
        by = approver or (loss.approved_by if loss and seen[row.table] <= loss.count else None)
        made.append(row.model_copy(update={"approved_by": by}))
    return tuple(made)


def _lines(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    rows = 0
    while line := file.readline(_LINE_LIMIT_BYTES + 1):
        rows += 1
        if len(line) > _LINE_LIMIT_BYTES:
            raise LimitExceeded(f"{path}: line {rows} has more than {_LINE_LIMIT_BYTES:,} bytes")
        if rows > _ROWS_LIMIT:
            raise LimitExceeded(f"{path}: more than {_ROWS_LIMIT:,} rows in quarantine")
        yield line


def _entry(path: Path, number: int, line: bytes) -> Quarantined:
    try:
        row = _Line.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidRequest(
            f"{path}: line {number}: {f'{place}: ' if place else ''}{first['msg']}",
            hint="see docs/formats/quarantine.md",
        ) from error
    return Quarantined(table=row.table, key=row.key, column=row.column, reason=row.reason)


def believed(
    quarantined: Sequence[Quarantined], results: Sequence[TableResult]
) -> tuple[tuple[Quarantined, ...], tuple[NotChecked, ...]]:
    """Entries whose row is missing indeed, matched by key; for each of the others, a reason to prove nothing.

    So a quarantined row that the target has all the same cannot cover for another that was lost. Rows of a table
    without a key have only their number, which the verdict compares; so has a table with more differences than were
    listed, which differs in any case, since more are listed than rows were quarantined.
    """
    missing = {result.source: _missing_keys(result) for result in results if not result.findings_omitted}
    kept, unfounded = [], []
    for entry in quarantined:
        keys = missing.get(entry.table)
        if keys is None or not entry.key or keys[entry.key] >= entry.count:
            kept.append(entry)
            if keys is not None:
                keys[entry.key] -= entry.count
            continue
        unfounded.append(
            NotChecked(
                what="row in quarantine", name=f"{entry.table}: {entry.key}", count=entry.count, side="target",
                detail="no row of that key is missing in the target", blocking=True,
            )
        )  # fmt: skip
    return tuple(kept), tuple(unfounded)


def _missing_keys(result: TableResult) -> Counter[str]:
    return Counter(finding.key for finding in result.findings if finding.outcome == "missing_in_target")
