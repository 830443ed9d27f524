"""Push-down forms in PostgreSQL's SQL, and the statements around them. Specification: docs/formats/pushdown.md.

Forms stand on the session's pins: UTC, `DateStyle` ISO, and texts in UTF-8. `OFFSET 0` keeps the planner from computing
a digest once for each place that names it.
"""

from kora.catalog import Column, Table, Type
from kora.databases.base import Dialect
from kora.databases.postgresql.structured_forms import is_structured, structured_form
from kora.databases.pushdown import (
    WORD_DIGITS,
    WORDS,
    DigestOf,
    PushedSample,
    PushedSums,
    PushRequest,
    ShownRow,
    Within,
    letter,
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
_DEEPEST = 4
"""Structures within each other that are rendered: each makes the statement some times longer."""
_ARGUMENTS = 90
"""Of one function call; the server takes 100. One call joins texts without copying all of them for each."""
_LAST_MOMENT = "294247-01-10 04:00:54.775807"
_HALF = 1 << 62
_SENT = {
    "bytea": ("x", ""), "char": ("x", "charsend"), "money": ("M", "cash_send"), "interval": ("v", "interval_send"),
    "tsvector": ("x", "tsvectorsend"), "tsquery": ("x", "tsquerysend"), "pg_snapshot": ("x", "pg_snapshot_send"),
}  # fmt: skip
"""Types whose form is the bytes in hex that the server sends of them: the kind's letter, and the function."""
_ADDRESSES = {"inet": "inet", "cidr": "cidr", "macaddr": "macaddr", "macaddr8": "macaddr"}
_OTHERS = ("numeric", "bool", "float4", "float8", "interval17", "pg_lsn")
_ADDRESS_HEAD_DIGITS = 8
"""Hex digits of an address before its bytes, as the server sends it: family, prefix, which kind, length."""
SAMPLE_TYPES = ("int8", "int8", "int8")
SUM_TYPES = ("int4", "int8", "int8")


def refusal(column: Column) -> str | None:
    """Why a column has no form here; None where it has one."""
    if _has_form(column.type, 0):
        return None
    return f"PostgreSQL has no exact rendering of {column.type.declared} for push-down"


def _has_form(kind: Type, depth: int) -> bool:
    wire = kind.wire
    if is_structured(kind):
        return depth < _DEEPEST and all(_has_form(part, depth + 1) for part in kind.elements)
    return wire in _AS_TEXT or wire in _SENT or wire in _ADDRESSES or wire in _OTHERS


def form(kind: Type, value: str, depth: int = 0) -> str:
    """The SQL of a value's form, as text. `depth`: in how many structures it stands."""
    if is_structured(kind):
        return structured_form(kind, value, depth, form)
    match kind.wire:
        case "numeric":
            return _form("n", f"trim_scale({value})::text")
        case "bool":
            return _form("b", f"({value})::int::text")
        case "float4" | "float8":
            bits = f"encode(float8send(({value})::float8), 'hex')"
            return _form("f", f"CASE WHEN {value} = 'NaN' THEN 'NaN' ELSE {bits} END")
        case wire if wire in _SENT:
            letter, send = _SENT[wire]
            return _form(letter, f"encode({send}({value}), 'hex')")
        case wire if wire in _ADDRESSES:
            return _form("A", _address(wire, value))
        case "pg_lsn":
            return _form("n", f"({value} - '0/0')::text")
        case "interval17":
            bits = f"encode(interval_send({value}), 'hex')"
            return _form("v", f"CASE WHEN isfinite({value}) THEN {bits} ELSE {value}::text END")
        case "timestamp" | "timestamptz" as wire:
            return f"CASE WHEN {_beyond(wire, value)} ELSE {_form(_AS_TEXT[wire], f'({value})::text')} END"
        case wire:
            return _form(_AS_TEXT[wire], f"({value})::text")


def _beyond(wire: str, quoted: str) -> str:
    """The last thirty years, which the core's microseconds since 1970 do not reach: it keeps day and clock apart."""
    local, zone = (quoted, "") if wire == "timestamp" else (f"({quoted} AT TIME ZONE 'UTC')", "+00")
    last = f"isfinite({quoted}) AND {quoted} > '{_LAST_MOMENT}{zone}'::{wire}"
    return f"{last} THEN {_form('z', f'{local}::text')}"


def _address(wire: str, quoted: str) -> str:
    """Kind, length of the prefix, bytes."""
    kind = _ADDRESSES[wire]
    if kind == "macaddr":
        return f"'macaddr:0:' || encode({wire}_send({quoted}), 'hex')"
    sent = f"substr(encode({wire}_send({quoted}), 'hex'), {_ADDRESS_HEAD_DIGITS + 1})"
    return f"'{kind}:' || masklen({quoted}) || ':' || {sent}"


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
    """One bytea of 32 bytes a row; without a key, one for all equal rows, and how many they are."""
    listed = "decode(substr(kora_k, 1, 32) || substr(kora_r, 1, 32), 'hex')"
    source = f"FROM {_digested(dialect, place, request)}{_where(within)}"
    if request.key:
        return f"SELECT {listed} {source} LIMIT {limit + 1}"
    return f"SELECT {listed}, count(*) {source} GROUP BY 1 LIMIT {limit + 1}"


def beside_columns(dialect: Dialect, request: PushRequest, key_bytes: int) -> str:
    """What `push_beside` selects in front of the columns beside: one bytea a row."""
    row, key = f"substr({_digest(dialect, request, 'row')}, 1, 32)", _digest(dialect, request, "key")
    return f"decode({row} || substr({key}, 1, {2 * key_bytes}), 'hex')" if key_bytes else f"decode({row}, 'hex')"


def within_condition(dialect: Dialect, request: PushRequest, within: Within | None) -> str:
    """The WHERE clause of the rows within, where no inner query names their digests."""
    return "" if within is None else _where(within).replace("kora_k", _digest(dialect, request, "key"))


def rows_condition(dialect: Dialect, request: PushRequest, digests: list[str], of: DigestOf) -> str:
    """The WHERE clause of the rows whose digest, or whose key's, begins with one of these, in hex."""
    return f" WHERE substr({_digest(dialect, request, of)}, 1, 32) IN ({text_list(digests)})"


def sample_sql(dialect: Dialect, place: str, request: PushRequest, rows: int) -> str:
    """One row of (rows, bytes of all values, bytes of those beside), after digesting so many rows."""
    sizes = [_size(dialect, request.columns), _size(dialect, request.beside)]
    more = f", {sizes[0]} AS kora_all, {sizes[1]} AS kora_beside"
    digested = _digested(dialect, place, request, more, f"LIMIT {rows}")
    counted = "greatest(count(kora_k), count(kora_r))"
    return f"SELECT {counted}, coalesce(sum(kora_all), 0)::int8, coalesce(sum(kora_beside), 0)::int8 FROM {digested}"


def read_sample(rows: list[ShownRow]) -> PushedSample:
    """What `sample_sql` answered."""
    return PushedSample(*map(whole, rows[0]))


def _size(dialect: Dialect, names: tuple[str, ...]) -> str:
    return " + ".join([f"coalesce(pg_column_size({dialect.quote(name)}), 0)" for name in names] or ["0"])


def _digested(dialect: Dialect, place: str, request: PushRequest, more: str = "", end: str = "OFFSET 0") -> str:
    key, row = _digest(dialect, request, "key"), _digest(dialect, request, "row")
    return f"(SELECT {key} AS kora_k, {row} AS kora_r{more} FROM {place} {end}) AS digests"


def _digest(dialect: Dialect, request: PushRequest, of: DigestOf) -> str:
    forms = [form(request.table.column(name).type, dialect.quote(name)) for name in request.digested(of)]
    joined = " || ".join(f"concat({', '.join(part)})" for part in _parts(forms, _ARGUMENTS))
    return f"encode(sha256(convert_to('{letter(of)}{request.salt}' || {joined}, 'UTF8')), 'hex')"


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
