"""From rows that stand on one side only to findings a person can follow: which row, which column, which rule."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kora import _core
from kora.comparison.mapping import Outcome
from kora.comparison.result import ColumnDifference, Finding
from kora.databases.base import Database

if TYPE_CHECKING:
    from kora.comparison.compare import Pair

_REDACTED = "null"
_SIMILAR_ROWS_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Located:
    """Exact counts, and the differing rows to list as (source row, target row) with None where there is none."""

    mismatch: int = 0
    missing_in_target: int = 0
    extra_in_target: int = 0
    differing: tuple[tuple[_core.Row | None, _core.Row | None], ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The table's outcome; a mismatch outranks a missing row, which outranks an extra one."""
        if self.mismatch:
            return "mismatch"
        if self.missing_in_target:
            return "missing_in_target"
        return "extra_in_target" if self.extra_in_target else "match"

    @classmethod
    def from_rows(cls, only_source: Sequence[_core.Row], only_target: Sequence[_core.Row], *, keyed: bool) -> "Located":
        """Pairs rows of the same key: min(a, b) mismatches and the rest missing or extra.

        Rows of a table without a key are missing and extra: which of them belong together nobody can know.
        """
        if not keyed:
            rest: list[tuple[_core.Row | None, _core.Row | None]] = [(row, None) for row in only_source]
            rest += [(None, row) for row in only_target]
            return cls(0, len(only_source), len(only_target), tuple(rest))
        by_key: dict[bytes, tuple[list[_core.Row], list[_core.Row]]] = defaultdict(lambda: ([], []))
        for row in only_source:
            by_key[row.key][0].append(row)
        for row in only_target:
            by_key[row.key][1].append(row)
        pairs: list[tuple[_core.Row | None, _core.Row | None]] = []
        for left, right in by_key.values():
            shared = min(len(left), len(right))
            pairs += list(zip(left[:shared], right[:shared], strict=True))
            pairs += [(row, None) for row in left[shared:]] + [(None, row) for row in right[shared:]]
        mismatch = sum(1 for left_row, right_row in pairs if left_row and right_row)
        missing = sum(1 for _, right_row in pairs if right_row is None)
        return cls(mismatch, missing, len(pairs) - mismatch - missing, tuple(pairs))


def pair_rows(source: Sequence[_core.Row], target: Sequence[_core.Row]) -> tuple[list[_core.Row], list[_core.Row]]:
    """Takes away what stands on both sides, with multiplicity, and returns what is left of each."""
    common = Counter(row.digest for row in source) & Counter(row.digest for row in target)
    return _without(source, Counter(common)), _without(target, Counter(common))


def _without(rows: Sequence[_core.Row], taken: Counter[bytes]) -> list[_core.Row]:
    left = []
    for row in rows:
        if taken[row.digest]:
            taken[row.digest] -= 1
        else:
            left.append(row)
    return left


def describe(pair: "Pair", located: Located, *, show_values: bool, limit: int) -> tuple[Finding, ...]:
    """Findings for at most `limit` rows, mismatches first. Values are left out unless asked for."""
    order = {"mismatch": 0, "missing_in_target": 1, "extra_in_target": 2}
    findings = [_finding(pair, source, target, show_values) for source, target in located.differing]
    if not pair.mapping.key:
        findings = _name_similar_columns(pair, located, findings, show_values)
    findings.sort(key=lambda finding: order[finding.outcome])
    return tuple(findings[:limit])


def _finding(pair: "Pair", source: _core.Row | None, target: _core.Row | None, show_values: bool) -> Finding:
    shown = source or target
    outcome: Outcome = "mismatch"
    if target is None:
        outcome = "missing_in_target"
    elif source is None:
        outcome = "extra_in_target"
    columns = _column_differences(pair, source, target, show_values) if source and target else ()
    return Finding(
        outcome=outcome,
        key=_key_text(pair, shown) if shown else "",
        columns=columns,
        source_sql=_row_sql(pair, shown, "source") if shown else "",
        target_sql=_row_sql(pair, shown, "target") if shown else "",
    )


def _column_differences(
    pair: "Pair", source: _core.Row, target: _core.Row, show_values: bool
) -> tuple[ColumnDifference, ...]:
    differences = []
    for index, column in enumerate(pair.mapping.columns):
        if source.cells[index] == target.cells[index]:
            continue
        source_kind, source_value = source.stored[index]
        target_kind, target_value = target.stored[index]
        differences.append(
            ColumnDifference(
                column=column.source,
                source_kind=source_kind,
                source_value=source_value if show_values else None,
                target_kind=target_kind,
                target_value=target_value if show_values else None,
                rule=_rule(source.cells[index], target.cells[index]),
            )
        )
    return tuple(differences)


def _rule(source: bytes, target: bytes) -> str:
    """The canonical-row rule under which two cells differ, in a few words."""
    source_kind, source_text = _core.decode_cells(source)[0]
    target_kind, target_text = _core.decode_cells(target)[0]
    if source_kind != target_kind:
        if "null" in (source_kind, target_kind):
            return "NULL is a value of its own and equals nothing else"
        return f"{source_kind} and {target_kind} are different kinds"
    if source_kind == "text" and source_text is not None and target_text is not None:
        if source_text.rstrip(" ") == target_text.rstrip(" "):
            return "text is compared byte by byte: trailing blanks count"
        if source_text.casefold() == target_text.casefold():
            return "text is compared byte by byte: letter case counts"
        return "text is compared byte by byte"
    return f"{source_kind} is compared exactly"


def _key_text(pair: "Pair", row: _core.Row) -> str:
    if not pair.mapping.key:
        return f"row {row.digest.hex()[:16]}"
    texts = [text if text is not None else "NULL" for _, text in _core.decode_cells(row.key)]
    return ", ".join(f"{name}={text}" for name, text in zip(pair.mapping.key, texts, strict=True))


def _row_sql(pair: "Pair", row: _core.Row, side: str) -> str:
    """A SELECT that shows the row on one side; empty for a table without a key."""
    if not pair.mapping.key:
        return ""
    names = {column.source: column.target for column in pair.mapping.columns}
    database: Database = pair.source if side == "source" else pair.target
    table = pair.source_table if side == "source" else pair.target_table
    dialect = database.dialect
    conditions = []
    for name, (kind, text) in zip(pair.mapping.key, _core.decode_cells(row.key), strict=True):
        quoted = dialect.quote(name if side == "source" else names[name])
        conditions.append(f"{quoted} IS NULL" if text is None else f"{quoted} = {_literal(kind, text)}")
    return f"SELECT * FROM {dialect.qualify(table.name)} WHERE {' AND '.join(conditions)}"


def _literal(kind: str, text: str) -> str:
    if kind in ("integer", "number", "decimal"):
        return text
    if kind == "bytes":
        return f"X'{text}'"
    return "'" + text.replace("'", "''") + "'"


def _name_similar_columns(pair: "Pair", located: Located, findings: list[Finding], show_values: bool) -> list[Finding]:
    """For a table without a key: names the columns in which a missing row differs from the likeliest extra one.

    The counts stay missing and extra: that the two rows belong together is a guess, and the rule says so.
    """
    missing = [row for row, other in located.differing if row is not None and other is None]
    extra = [row for other, row in located.differing if row is not None and other is None]
    if not missing or not extra or len(missing) * len(extra) > _SIMILAR_ROWS_LIMIT**2:
        return findings
    by_source = {row.digest: row for row in missing}
    named: dict[str, tuple[ColumnDifference, ...]] = {}
    unpaired = list(extra)
    for row in by_source.values():
        if not unpaired:
            break
        best = max(unpaired, key=lambda other: sum(a == b for a, b in zip(row.cells, other.cells, strict=True)))
        unpaired.remove(best)
        columns = tuple(
            difference.model_copy(update={"rule": f"{difference.rule} (beside the most similar extra row)"})
            for difference in _column_differences(pair, row, best, show_values)
        )
        named[_key_text(pair, row)] = columns
        named[_key_text(pair, best)] = columns
    return [finding.model_copy(update={"columns": named.get(finding.key, ())}) for finding in findings]
