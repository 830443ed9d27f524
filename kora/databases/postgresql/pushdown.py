"""Push-down forms in PostgreSQL's SQL, and the statements around them. Specification: docs/formats/pushdown.md.

Forms stand on the session's pins: UTC, `DateStyle` ISO, and texts in UTF-8. `OFFSET 0` keeps the planner from computing
a digest once for each place that names it.
"""

from kora.catalog import Column, Table
from kora.databases.base import Dialect
from kora.databases.pushdown import (
    WORD_DIGITS,
    WORDS,
    PushedSums,
    PushRequest,
    ShownRow,
    Within,
    text_list,
    whole,
)

_AS_TEXT = {
    "int2": "n", "int4": "n", "int8": "n", "oid": "n", "xid": "n", "cid": "n", "xid8": "n",
    "text": "t", "varchar": "t", "bpchar": "t", "name": "t", "citext": "t", "jsonpath": "t",
    "uuid": "u", "bit": "a", "varbit": "a", "date": "d", "time": "c", "timetz": "k", "timestamp": "s",
    "timestamptz": "i", "json": "j", "jsonb": "j", "enum": "e",
}  # fmt: skip
"""Types whose text is the form's text, and the kind's letter."""
_ARGUMENTS = 90
"""Of one function call; the server takes 100. One call joins texts without copying all of them for each."""
_LAST_MOMENT = "294247-01-10 04:00:54.775807"
_HALF = 1 << 62
SUM_TYPES = ("int4", "int8", "int8")


def refusal(column: Column) -> str | None:
    """Why a column has no form here; None where it has one."""
    wire = column.type.wire
    if wire in _AS_TEXT or wire in ("numeric", "bool", "float4", "float8", "bytea", "interval", "interval17", "pg_lsn"):
        return None
    return f"PostgreSQL has no exact rendering of {column.type.declared} for push-down"


def form(column: Column, quoted: str) -> str:
    """The SQL of a column's form, as text."""
    match column.type.wire:
        case "numeric":
            return _form("n", f"trim_scale({quoted})::text")
        case "bool":
            return _form("b", f"({quoted})::int::text")
        case "float4" | "float8":
            bits = f"encode(float8send(({quoted})::float8), 'hex')"
            return _form("f", f"CASE WHEN {quoted} = 'NaN' THEN 'NaN' ELSE {bits} END")
        case "bytea":
            return _form("x", f"encode({quoted}, 'hex')")
        case "pg_lsn":
            return _form("n", f"({quoted} - '0/0')::text")
        case "interval":
            return _form("v", f"encode(interval_send({quoted}), 'hex')")
        case "interval17":
            bits = f"encode(interval_send({quoted}), 'hex')"
            return _form("v", f"CASE WHEN isfinite({quoted}) THEN {bits} ELSE {quoted}::text END")
        case "timestamp" | "timestamptz" as wire:
            return f"CASE WHEN {_beyond(wire, quoted)} ELSE {_form(_AS_TEXT[wire], f'({quoted})::text')} END"
        case wire:
            return _form(_AS_TEXT[wire], f"({quoted})::text")


def _beyond(wire: str, quoted: str) -> str:
    """The last thirty years, which the core's microseconds since 1970 do not reach: it keeps day and clock apart."""
    local, zone = (quoted, "") if wire == "timestamp" else (f"({quoted} AT TIME ZONE 'UTC')", "+00")
    last = f"isfinite({quoted}) AND {quoted} > '{_LAST_MOMENT}{zone}'::{wire}"
    return f"{last} THEN {_form('z', f'{local}::text')}"


def _form(letter: str, text: str) -> str:
    return f"coalesce('{letter}' || octet_length({text}) || ':' || ({text}), 'N')"


def sums_sql(dialect: Dialect, place: str, request: PushRequest, digits: int, within: Within | None) -> str:
    """Rows of (bucket, rows, first word modulo 2⁶³), and for all rows together two halves of each word below zero."""
    words = ", ".join(
        f"('x' || substr(kora_r, {1 + WORD_DIGITS * word}, {WORD_DIGITS}))::bit(64)::int8 AS w{word}"
        for word in range(WORDS)
    )
    bucket = f"('x' || lpad(substr(kora_k, 1, {digits}), 8, '0'))::bit(32)::int4"
    added = ", ".join(f"sum(w{word}) AS s{word}" for word in range(WORDS))
    halves = " UNION ALL ".join(
        f"SELECT {-1 - 2 * word}, coalesce(sum(n), 0)::int8, coalesce(div(sum(s{word}), {_HALF}), 0)::int8 FROM b"
        f" UNION ALL SELECT {-2 - 2 * word}, 0, coalesce(mod(sum(s{word}), {_HALF}), 0)::int8 FROM b"
        for word in range(WORDS)
    )
    return (
        f"WITH b AS MATERIALIZED (SELECT bucket, count(*) AS n, {added} FROM (SELECT {bucket} AS bucket, {words}"
        f" FROM {_digested(dialect, place, request)}{_where(within)}) AS words GROUP BY bucket)"
        f" SELECT bucket, n::int8, mod(s0, {_HALF * 2})::int8 FROM b UNION ALL {halves}"
    )


def read_sums(rows: list[ShownRow]) -> PushedSums:
    """What `sums_sql` answered."""
    total, halves = 0, dict[int, int]()
    buckets: dict[int, tuple[int, int]] = {}
    for bucket, count, word in rows:
        number = whole(bucket)
        if number >= 0:
            buckets[number] = whole(count), whole(word) % (2 * _HALF)
            continue
        halves[number] = whole(word)
        total = max(total, whole(count))
    words = tuple(halves[-1 - 2 * word] * _HALF + halves[-2 - 2 * word] for word in range(WORDS))
    return PushedSums(total, words, buckets)


def digests_sql(dialect: Dialect, place: str, request: PushRequest, within: Within, limit: int) -> str:
    """One bytea of 32 bytes a row."""
    listed = "decode(substr(kora_k, 1, 32) || substr(kora_r, 1, 32), 'hex')"
    return f"SELECT {listed} FROM {_digested(dialect, place, request)}{_where(within)} LIMIT {limit + 1}"


def rows_condition(dialect: Dialect, request: PushRequest, keys: list[str]) -> str:
    """The WHERE clause of the rows whose key's digest begins with one of these, in hex."""
    return f" WHERE substr({_digest(dialect, request, 'k')}, 1, 32) IN ({text_list(keys)})"


def _digested(dialect: Dialect, place: str, request: PushRequest) -> str:
    key, row = _digest(dialect, request, "k"), _digest(dialect, request, "r")
    return f"(SELECT {key} AS kora_k, {row} AS kora_r FROM {place} OFFSET 0) AS digests"


def _digest(dialect: Dialect, request: PushRequest, letter: str) -> str:
    names = request.key if letter == "k" and request.key else request.columns
    forms = [form(request.table.column(name), dialect.quote(name)) for name in names]
    joined = " || ".join(f"concat({', '.join(part)})" for part in _parts(forms, _ARGUMENTS))
    return f"encode(sha256(convert_to('{letter}{request.salt}' || {joined}, 'UTF8')), 'hex')"


def _parts(items: list[str], size: int) -> list[list[str]]:
    """Consecutive parts of at most so many."""
    return [items[at : at + size] for at in range(0, len(items), size)]


def _where(within: Within | None) -> str:
    if within is None:
        return ""
    return f" WHERE substr(kora_k, 1, {within.digits}) IN ({text_list(within.prefixes())})"


def refusals(table: Table, columns: list[str], encoding: str) -> dict[str, str]:
    """Column → why it has no form here. Lengths are of bytes in UTF-8, so the database must be in it."""
    if encoding != "UTF8":
        return dict.fromkeys(columns, f"the database is in {encoding}; push-down reads UTF8 alone")
    found = {name: refusal(table.column(name)) for name in columns}
    return {name: reason for name, reason in found.items() if reason}
