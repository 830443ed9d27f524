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
_LONGEST_SQL_KEY_BYTES = 1 << 16
"""A row whose key takes more is named by its beginning, but by no SQL."""


@dataclass(frozen=True, slots=True)
class Located:
    """Exact counts, and the differing rows to list as (source row, target row) with None where there is none."""

    mismatch: int = 0
    missing_in_target: int = 0
    extra_in_target: int = 0
    differing: tuple[tuple[_core.Row | None, _core.Row | None], ...] = ()
    in_flight: int = 0
    """Rows that differed and were found changed or healed when they were read again."""

    @property
    def outcome(self) -> Outcome:
        """The table's outcome; a mismatch outranks a missing row, which outranks an extra one."""
        if self.mismatch:
            return "mismatch"
        if self.missing_in_target:
            return "missing_in_target"
        if self.extra_in_target:
            return "extra_in_target"
        return "in_flight" if self.in_flight else "match"

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


def pair_rows(
    source: Sequence[_core.Row], target: Sequence[_core.Row], limit: int | None = None
) -> tuple[list[_core.Row], list[_core.Row]]:
    """Takes away what stands on both sides, with multiplicity, and returns what is left of each.

    A row that is left several times is listed as often, but at most `limit` times.
    """
    return _surplus(source, target, limit), _surplus(target, source, limit)


def _surplus(rows: Sequence[_core.Row], others: Sequence[_core.Row], limit: int | None) -> list[_core.Row]:
    there = Counter[bytes]()
    for row in others:
        there[row.digest] += row.copies
    left: list[_core.Row] = []
    for row in rows:
        surplus = max(row.copies - there[row.digest], 0)
        left += [row] * (surplus if limit is None else min(surplus, limit))
    return left


def describe(pair: "Pair", located: Located, *, show_values: bool, limit: int) -> tuple[Finding, ...]:
    """Findings for at most `limit` rows, mismatches first. Values are left out unless asked for."""
    first = sorted(located.differing, key=_rank)[:limit]
    findings = [_finding(pair, source, target, show_values) for source, target in first]
    return tuple(findings if pair.mapping.key else _name_similar_columns(pair, located, findings, show_values))


def _rank(differing: tuple[_core.Row | None, _core.Row | None]) -> int:
    """Mismatches, then rows that are missing in the target, then those that are extra there."""
    source, target = differing
    return 0 if source and target else 1 if source else 2


def _finding(pair: "Pair", source: _core.Row | None, target: _core.Row | None, show_values: bool) -> Finding:
    outcome: Outcome = "mismatch"
    if target is None:
        outcome = "missing_in_target"
    elif source is None:
        outcome = "extra_in_target"
    columns = _column_differences(pair, source, target, show_values) if source and target else ()
    return Finding(
        outcome=outcome,
        key=_key_text(pair, source, target),
        columns=columns,
        source_sql=_row_sql(pair, source, target, "source"),
        target_sql=_row_sql(pair, source, target, "target"),
    )


def _column_differences(
    pair: "Pair", source: _core.Row, target: _core.Row, show_values: bool
) -> tuple[ColumnDifference, ...]:
    differences = []
    source_stored, target_stored = source.stored, target.stored
    cells = zip(source.cells, target.cells, strict=True)
    for index, (column, (here, there)) in enumerate(zip(pair.mapping.columns, cells, strict=True)):
        if here == there:
            continue
        differences.append(
            ColumnDifference(
                column=column.source,
                source_kind=source_stored[index][0],
                source_value=_shown(source, index) if show_values else None,
                target_kind=target_stored[index][0],
                target_value=_shown(target, index) if show_values else None,
                rule=_rule(_common(source, index), _common(target, index)),
            )
        )
    return tuple(differences)


def _shown(row: _core.Row, index: int) -> str | None:
    """A value's text; of a long one its beginning, its length and the digest by which the whole can be told."""
    text, cut = row.stored[index][1], row.cut[index]
    if text is None or cut is None:
        return text
    size_bytes, sha256 = cut
    return f"{text} ({size_bytes:,} bytes, SHA-256 {sha256.hex()})"


def _common(row: _core.Row, index: int) -> tuple[str, str | None]:
    """Kind and text of a cell after its rules; no text where it is long."""
    long = row.long[index]
    return (long, None) if long else _core.decode_cells(row.cells[index])[0]


def _rule(source: tuple[str, str | None], target: tuple[str, str | None]) -> str:
    """The canonical-row rule under which two cells differ, in a few words."""
    (source_kind, source_text), (target_kind, target_text) = source, target
    if source_kind != target_kind:
        if "null" in (source_kind, target_kind):
            return "NULL is a value of its own and equals nothing else"
        return f"{source_kind} and {target_kind} are different kinds"
    if source_kind == "text":
        if source_text is None or target_text is None:
            return "text is compared byte by byte"
        if source_text.rstrip(" ") == target_text.rstrip(" "):
            return "text is compared byte by byte: trailing blanks count"
        if source_text.casefold() == target_text.casefold():
            return "text is compared byte by byte: letter case counts"
        return "text is compared byte by byte"
    return f"{source_kind} is compared exactly"


def _key_text(pair: "Pair", source: _core.Row | None, target: _core.Row | None) -> str:
    """`name=value, …` as stored in the source (in the target where only it has the row), as the loader spells it."""
    row = source or target
    if row is None:
        return ""
    if not pair.mapping.key:
        return f"row {row.digest.hex()[:16]}"
    stored = row.stored
    texts = (stored[position][1] for position in _key_positions(pair))
    values = ("NULL" if text is None else text for text in texts)
    return ", ".join(f"{name}={value}" for name, value in zip(pair.mapping.key, values, strict=True))


def _key_positions(pair: "Pair") -> list[int]:
    columns = [column.source for column in pair.mapping.columns]
    return [columns.index(name) for name in pair.mapping.key]


def _row_sql(pair: "Pair", source: _core.Row | None, target: _core.Row | None, side: str) -> str:
    """A SELECT that shows the row on one side, or that it is not there; empty for a table without a key
    or a key that no statement takes.

    Where a rule stands between a key and what is stored, each side is asked for what it stores; a side without the
    row is asked for the canonical key.
    """
    shown = source or target
    if not pair.mapping.key or shown is None or len(shown.key) > _LONGEST_SQL_KEY_BYTES:
        return ""
    own = source if side == "source" else target
    database: Database = pair.source if side == "source" else pair.target
    table = pair.source_table if side == "source" else pair.target_table
    canonical = _core.decode_cells(shown.key)
    conditions = []
    for position, cell in zip(_key_positions(pair), canonical, strict=True):
        column = pair.mapping.columns[position]
        ruled = column.source_representation or column.target_representation or column.policies
        kind, text = own.stored[position] if ruled and own is not None else cell
        quoted = database.dialect.quote(column.source if side == "source" else column.target)
        literal = None if text is None else _literal(kind, text, database.dialect.engine)
        conditions.append(f"{quoted} IS NULL" if literal is None else f"{quoted} = {literal}")
    return f"SELECT * FROM {database.dialect.qualify(table.name)} WHERE {' AND '.join(conditions)}"


def _literal(kind: str, text: str, engine: str) -> str:
    if kind in ("integer", "decimal"):
        return text
    if kind == "bytes" and engine == "postgresql":
        return f"'\\x{text}'::bytea"
    if kind == "bytes":
        return f"from_hex('{text}')" if engine in ("duckdb", "parquet") else f"X'{text}'"
    return "'" + text.replace("'", "''") + "'"


def _name_similar_columns(pair: "Pair", located: Located, findings: list[Finding], show_values: bool) -> list[Finding]:
    """For a table without a key: names the columns in which a missing row differs from the likeliest extra one.

    The counts stay missing and extra: that the two rows belong together is a guess, and the rule says so.
    """
    missing = list({row.digest: row for row, other in located.differing if row is not None and other is None}.values())
    extra = list({row.digest: row for other, row in located.differing if row is not None and other is None}.values())
    if len(missing) * len(extra) > _SIMILAR_ROWS_LIMIT**2:
        return findings
    named: dict[str, tuple[ColumnDifference, ...]] = {}
    unpaired = [(row, row.cells) for row in extra]
    for row in missing:
        if not unpaired:
            break
        cells = row.cells
        place = max(
            range(len(unpaired)), key=lambda index: sum(a == b for a, b in zip(cells, unpaired[index][1], strict=True))
        )
        best, _ = unpaired.pop(place)
        columns = tuple(
            difference.model_copy(update={"rule": f"{difference.rule} (beside the most similar extra row)"})
            for difference in _column_differences(pair, row, best, show_values)
        )
        named[_key_text(pair, row, None)] = columns
        named[_key_text(pair, None, best)] = columns
    return [finding.model_copy(update={"columns": named.get(finding.key, ())}) for finding in findings]
