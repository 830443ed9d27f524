"""From what was found to what may be said: one pure function, and the exit code that follows from it.

Precedence, strongest first:

1. a difference that nobody declared                          `different`                        1
2. something not compared, still moving, or counted twice
   with two results                                           `not_proven`                       3
3. declared losses or quarantined rows, some unapproved       `equivalent_with_declared_loss`    5
4. declared losses or quarantined rows, each approved         `equivalent_with_declared_loss`    0
5. nothing of all this                                        `equivalent`                       0

It fails closed: a result that contradicts itself (a `match` with unequal counts) is `different`, and a comparison of
no table at all is `not_proven`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kora.comparison.mapping import Loss
from kora.comparison.result import NotChecked, Quarantined, Recount, TableResult, Verdict, VerificationResult
from kora.exit_codes import ExitCode

_UNDECIDED = frozenset({"in_flight", "not_comparable", "not_run"})


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with the sentences that lead to it: what stands against it, worst first, losses left out."""

    verdict: Verdict
    exit_code: ExitCode
    reasons: tuple[str, ...]
    decisions_needed: tuple[str, ...] = ()
    """What a person must approve before the exit code becomes 0."""


def decide(
    tables: Sequence[TableResult],
    *,
    losses: Sequence[Loss] = (),
    quarantined: Sequence[Quarantined] = (),
    not_checked: Sequence[NotChecked] = (),
    recounts: Sequence[Recount] = (),
) -> Decision:
    """Say what the results amount to. `losses` is the whole ledger; a table's own losses are added if it lacks them."""
    ledger = _whole_ledger(tables, losses)
    held_back = _rows_held_back(quarantined)
    different = [reason for table in tables for reason in _undeclared(table, held_back[table.source or ""])]
    undecided = [*_undecided(tables, held_back), *_blocked(not_checked), *_disagreeing(recounts)]
    declared = [_loss_text(loss) for loss in ledger] + [_quarantine_text(entry) for entry in quarantined]
    unapproved = [_loss_text(loss) for loss in ledger if not loss.approved_by]
    unapproved += [_quarantine_text(entry) for entry in quarantined if not entry.approved_by]
    reasons = tuple(different + undecided)
    if different:
        return Decision("different", ExitCode.DIFFERENT, reasons, tuple(unapproved))
    if undecided:
        return Decision("not_proven", ExitCode.NOT_PROVEN, reasons, tuple(unapproved))
    if unapproved:
        return Decision("equivalent_with_declared_loss", ExitCode.NEEDS_DECISION, reasons, tuple(unapproved))
    if declared:
        return Decision("equivalent_with_declared_loss", ExitCode.EQUIVALENT, reasons)
    return Decision("equivalent", ExitCode.EQUIVALENT, ())


def decide_result(result: VerificationResult) -> Decision:
    """Decide about a whole result anew, whatever verdict it carries."""
    return decide(
        result.tables,
        losses=result.losses,
        quarantined=result.quarantined,
        not_checked=result.not_checked,
        recounts=result.recounts,
    )


def _whole_ledger(tables: Iterable[TableResult], losses: Sequence[Loss]) -> list[Loss]:
    """Losses that cost something, each rule and subject once; the ledger's line wins, since it holds the approval."""
    known = {(loss.rule, loss.subject) for loss in losses}
    own = [loss for table in tables for loss in table.losses if (loss.rule, loss.subject) not in known]
    return [loss for loss in [*losses, *own] if loss.count]


def _rows_held_back(quarantined: Iterable[Quarantined]) -> Counter[str]:
    rows: Counter[str] = Counter()
    for entry in quarantined:
        rows[entry.table] += entry.count
    return rows


def _undeclared(table: TableResult, held_back: int) -> list[str]:
    """What differs in a table beyond the rows that quarantine accounts for."""
    missing = max(0, table.missing_in_target - held_back)
    if table.mismatch or missing or table.extra_in_target:
        parts = [
            _rows(table.mismatch, "changed"),
            _rows(missing, "missing in the target"),
            _rows(table.extra_in_target, "only in the target"),
        ]
        return [f"{table.name}: " + ", ".join(part for part in parts if part)]
    if table.source is None or (table.target is None and table.outcome not in _UNDECIDED):
        return [f"{table.name}: the table stands on one side only"]
    if table.outcome == "match" and (table.missing_in_target or table.source_rows != table.target_rows):
        return [f"{table.name}: called equal, yet the counts differ"]
    if table.outcome not in _UNDECIDED and table.outcome != "match" and not table.missing_in_target:
        return [f"{table.name}: {table.outcome.replace('_', ' ')}"]
    return []


def _undecided(tables: Sequence[TableResult], held_back: Counter[str]) -> list[str]:
    if not tables:
        return ["no table was compared"]
    reasons = []
    for table in tables:
        if table.in_flight or table.outcome == "in_flight":
            reasons.append(f"{table.name}: rows were changing while they were read ({table.in_flight:,})")
        if table.outcome in {"not_comparable", "not_run"}:
            reasons.append(f"{table.name}: {'not comparable' if table.outcome == 'not_comparable' else 'not run'}")
        reasons += [
            f"{table.name}.{column.column}: not comparable, {column.reason}" for column in table.not_comparable_columns
        ]
        if table.missing_in_target < held_back[table.source or ""] and table.outcome not in _UNDECIDED:
            reasons.append(f"{table.name}: more rows in quarantine than are missing in the target")
    known = {table.source for table in tables}
    reasons += [
        f"{name}: rows in quarantine, but the table was not compared" for name in held_back if name not in known
    ]
    return reasons


def _blocked(not_checked: Iterable[NotChecked]) -> list[str]:
    return [
        f"{item.what} {item.name}: {item.detail or f'not read, {item.side}'}" for item in not_checked if item.blocking
    ]


def _disagreeing(recounts: Iterable[Recount]) -> list[str]:
    return [
        f"{item.subject}: {item.rule} was declared {item.declared:,} times and recounted {item.recounted:,} times"
        for item in recounts
        if item.declared != item.recounted
    ]


def _rows(count: int, what: str) -> str:
    return f"{count:,} {'row' if count == 1 else 'rows'} {what}" if count else ""


def _loss_text(loss: Loss) -> str:
    return f"{loss.subject}: {loss.rule} ({loss.count:,})"


def _quarantine_text(entry: Quarantined) -> str:
    where = f"{entry.table}.{entry.column}" if entry.column else entry.table
    return f"{where}: {_rows(entry.count, 'in quarantine')}, {entry.reason}"
