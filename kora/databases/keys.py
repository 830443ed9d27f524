"""WHERE clauses over keys: the same row comparisons for every engine, each with its own way to write a value."""

from collections.abc import Callable, Sequence

from kora.databases.base import KeyRange, KeyTuple
from kora.errors import InvalidRequest

KEYS_PER_CALL = 1000


def range_condition(key_range: KeyRange, columns: Sequence[str], values: Callable[[KeyTuple], list[str]]) -> str:
    """`WHERE (a, b) > (…) AND (a, b) <= (…)`; empty where both ends are open.

    Args:
        key_range: The rows wanted.
        columns: Its columns, quoted.
        values: Writes a key's values as SQL, one text per column.
    """
    left = row_of(columns)
    parts = [f"{left} > {row_of(values(key_range.after))}"] if key_range.after is not None else []
    parts += [f"{left} <= {row_of(values(key_range.upto))}"] if key_range.upto is not None else []
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def spelled_out_range(key_range: KeyRange, columns: Sequence[str], values: Callable[[KeyTuple], list[str]]) -> str:
    """The same without row comparisons, for an engine that cannot bound a row on both sides.

    Each bound also limits the first column by itself, which is what an engine can skip blocks by.
    """
    parts = []
    for sign, bound in ((">", key_range.after), ("<", key_range.upto)):
        if bound is not None:
            written = values(bound)
            parts += [f"{columns[0]} {sign}= {written[0]}", _beyond(columns, written, sign, sign == "<")]
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def _beyond(columns: Sequence[str], written: Sequence[str], sign: str, or_equal: bool) -> str:
    """`(a > x OR (a = x AND (b > y …)))`."""
    if len(columns) == 1:
        return f"({columns[0]} {sign}{'=' if or_equal else ''} {written[0]})"
    rest = _beyond(columns[1:], written[1:], sign, or_equal)
    return f"({columns[0]} {sign} {written[0]} OR ({columns[0]} = {written[0]} AND {rest}))"


def row_of(parts: Sequence[str]) -> str:
    """`a` or `(a, b)`."""
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def check_keys(key: Sequence[str], keys: Sequence[KeyTuple]) -> None:
    """Refuses more than 1,000 keys, none at all, or a key of another width."""
    if not key or not keys or len(keys) > KEYS_PER_CALL:
        raise InvalidRequest(f"1 to {KEYS_PER_CALL} keys of at least one column are read at once, not {len(keys)}")
    if any(len(values) != len(key) for values in keys):
        raise InvalidRequest(f"a key of {len(key)} columns was given a value of another width")
