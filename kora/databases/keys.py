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


def row_of(parts: Sequence[str]) -> str:
    """`a` or `(a, b)`."""
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


def check_keys(key: Sequence[str], keys: Sequence[KeyTuple]) -> None:
    """Refuses more than 1,000 keys, none at all, or a key of another width."""
    if not key or not keys or len(keys) > KEYS_PER_CALL:
        raise InvalidRequest(f"1 to {KEYS_PER_CALL} keys of at least one column are read at once, not {len(keys)}")
    if any(len(values) != len(key) for values in keys):
        raise InvalidRequest(f"a key of {len(key)} columns was given a value of another width")
