"""Push-down forms in MariaDB's and MySQL's SQL, and the statements around them: docs/formats/pushdown.md.

A LIMIT beyond all rows keeps the optimiser from merging the inner query, which would compute a digest once for each
place that names it. What would be longer than `max_allowed_packet` becomes NULL in these servers, silently: such rows
are counted, and the caller refuses the table.
"""

from kora.catalog import Column, Table
from kora.databases.base import Dialect
from kora.databases.mariadb.session import quoted
from kora.databases.pushdown import (
    WORD_DIGITS,
    WORD_MODULUS,
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
from kora.errors import LimitExceeded

_MOMENTS = {"date": "d", "datetime": "s", "timestamp": "i"}
_PLAIN = ("integer", "decimal", "float", "bytes", "uuid", "time", "geometry", "inet")
_ALL_ROWS = (1 << 64) - 1
_WKB_HEAD_BYTES = 5
"""Of a point: the order of bytes, and its type."""
INET_BYTES = {"inet4": 4, "inet6": 16}
_CHECKED_SETS = ("utf8mb4", "utf8mb3", "utf8", "ascii")
"""Character sets whose valid bytes are UTF-8 as they stand."""


def refusal(column: Column) -> str | None:
    """Why a column has no form here; None where it has one."""
    wire, declared = column.type.wire, column.type.declared
    charset = _charset(column)
    if charset is not None:
        known = charset in _CHECKED_SETS or charset == "latin1"
        return None if known else f"texts in {charset} are not rendered by the server for push-down"
    if wire in _PLAIN or wire in _MOMENTS or wire.startswith("bit("):
        return None
    return f"MariaDB has no exact rendering of {declared} for push-down"


def _charset(column: Column) -> str | None:
    kind, _, charset = column.type.wire.removeprefix("marked ").partition(":")
    return charset if kind in ("text", "json", "enum", "set") else None


def form(column: Column) -> str:
    """The SQL of a column's form, as bytes. NULL for a value that is too long for the server, never `N`."""
    name = quoted(column.name)
    return f"IF({name} IS NULL, 'N', {_value_form(column, name)})"


def _value_form(column: Column, name: str) -> str:
    wire = column.type.wire
    if _charset(column) is not None:
        return _text_form(column, name)
    if wire in _MOMENTS:
        return _moment_form(column, name)
    if wire.startswith("bit("):
        return _spelled("a", f"LPAD(BIN({name} + 0), {column.type.length}, '0')")
    match wire:
        case "integer":
            return _spelled("n", f"({name} + 0)")
        case "decimal":
            return _spelled("n", _shortest(name, column.type.scale or 0, column.type.declared))
        case "float":
            return _spelled("f", _float_bits(name))
        case "geometry":
            return _spelled("G", f"LOWER(HEX(CAST({name} AS BINARY)))")
        case "inet":
            bits = 8 * INET_BYTES[column.type.declared]
            return _spelled("A", f"CONCAT('inet:{bits}:', LOWER(HEX({name})))")
        case "bytes":
            return _spelled("x", f"LOWER(HEX({name}))")
        case "uuid":
            return _spelled("u", f"LOWER(CAST({name} AS CHAR))")
        case _:
            return _spelled("c", _shortest(name, column.type.fraction_digits or 0))


def _float_bits(name: str) -> str:
    """A double's bits, which no function gives: a point's well-known binary has them, lowest byte first.

    A single is widened exactly. Neither server stores NaN or an infinity. Of a FLOAT that holds a negative zero, which
    underflow makes, MariaDB tells a positive one, in texts as in rows; MySQL tells what it holds.
    """
    bits = f"LOWER(HEX(REVERSE(SUBSTR(ST_AsWKB(POINT({name}, 0)), {_WKB_HEAD_BYTES + 1}, 8))))"
    zero = f"IF(LEFT(CAST({name} AS CHAR), 1) = '-', '{1 << 63:016x}', '{0:016x}')"
    return f"IF({name} = 0, {zero}, {bits})"


def _spelled(letter: str, text: str) -> str:
    return f"CONCAT('{letter}', LENGTH({text}), ':', {text})"


def _shortest(name: str, fraction_digits: int, declared: str = "") -> str:
    """A value's text without the zeros at the end of its fraction, and without those that ZEROFILL puts in front."""
    plain = f"CAST({f'({name} + 0)' if 'zerofill' in declared else name} AS CHAR)"
    if not fraction_digits:
        return plain
    return f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {plain}))"


def _text_form(column: Column, name: str) -> str:
    """Text that its character set cannot decode has a form of its own. An ENUM's invalid value is the number 0."""
    kind, _, charset = column.type.wire.removeprefix("marked ").partition(":")
    if kind == "set":
        return _spelled("S", f"CONCAT('set:', CAST(CONVERT({name} USING utf8mb4) AS BINARY))")
    letter = kind[0]
    stored = f"CAST({name} AS BINARY)"
    if charset == "latin1":
        found = _spelled(letter, f"CAST(CONVERT({name} USING utf8mb4) AS BINARY)")
    else:
        decoded_as, called = ("ascii", "ascii") if charset == "ascii" else ("utf8mb4", "utf8")
        broken = _spelled("q", f"CONCAT('{called}:', LOWER(HEX({stored})))")
        valid = f"CAST(CONVERT({stored} USING {decoded_as}) AS BINARY) = {stored}"
        found = f"IF({valid}, {_spelled(letter, stored)}, {broken})"
    return f"IF({name} + 0 = 0, 'n1:0', {found})" if kind == "enum" else found


def _moment_form(column: Column, name: str) -> str:
    """Days that no calendar has stand under a letter of their own; the year 0 is the first one before Christ.

    These servers take the year 0 for a common one, so its 29 February is the only day of it that they hold impossible.
    """
    text = _shortest(name, column.type.fraction_digits or 0)
    zone = "+00" if column.type.wire == "timestamp" else ""
    last = f"LAST_DAY({name})"
    leap_day = f"(YEAR({name}) = 0 AND MONTH({name}) = 2 AND DAYOFMONTH({name}) = 29)"
    impossible = f"{last} IS NULL OR (DAYOFMONTH({name}) > DAYOFMONTH({last}) AND NOT {leap_day})"
    letter = _MOMENTS[column.type.wire]
    before_christ = _spelled(letter, f"CONCAT('0001', SUBSTR({text}, 5), '{zone} BC')")
    usual = _spelled(letter, f"CONCAT({text}, '{zone}')" if zone else text)
    return (
        f"CASE WHEN {impossible} THEN {_spelled('z', text)} WHEN YEAR({name}) = 0 THEN {before_christ} ELSE {usual} END"
    )


def sums_sql(dialect: Dialect, request: PushRequest, digits: int, within: Within | None) -> str:
    """Rows of (bucket in hex, rows, first word); the last one of all rows, with every word and the rows it lacks."""
    words = ", ".join(
        f"CAST(CONV(SUBSTR(kora_r, {1 + WORD_DIGITS * word}, {WORD_DIGITS}), 16, -10) AS SIGNED) AS w{word}"
        for word in range(WORDS)
    )
    added = ", ".join(f"SUM(w{word}) AS s{word}" for word in range(WORDS))
    rest = ", ".join(f"IF(bucket IS NULL, s{word}, NULL)" for word in range(1, WORDS))
    return (
        f"SELECT bucket, n, s0, {rest}, IF(bucket IS NULL, lost, NULL) FROM (SELECT bucket, COUNT(*) AS n, {added},"
        f" SUM(w0 IS NULL) AS lost FROM (SELECT IFNULL(LEFT(kora_k, {digits}), 'lost') AS bucket, {words}"
        f" FROM {_digested(dialect, request)}{_where(within)}) AS words GROUP BY bucket WITH ROLLUP) AS sums"
    )


def read_sums(rows: list[ShownRow]) -> PushedSums:
    """What `sums_sql` answered.

    Raises:
        LimitExceeded: A row was longer than the server puts together.
    """
    buckets: dict[int, tuple[int, int]] = {}
    total = PushedSums(0, (0,) * WORDS, buckets)
    for bucket, count, word, *rest, lost in rows:
        if bucket[1] is None:
            total = PushedSums(whole(count), (whole(word), *map(whole, rest)), buckets)
        if bucket[1] == "lost" or whole(lost):
            raise LimitExceeded(
                "a row is longer than the server's max_allowed_packet, so it cannot digest it",
                hint="raise max_allowed_packet on the server, or verify with --strategy stream",
            )
        if bucket[1] is not None:
            buckets[int(bucket[1], 16)] = whole(count), whole(word) % WORD_MODULUS
    return total


def digests_sql(dialect: Dialect, request: PushRequest, within: Within, limit: int) -> str:
    """One binary string of 32 bytes a row; without a key, one for all equal rows, and how many they are."""
    listed = "UNHEX(CONCAT(LEFT(kora_k, 32), LEFT(kora_r, 32)))"
    source = f"FROM {_digested(dialect, request)}{_where(within)}"
    if request.key:
        return f"SELECT {listed} {source} LIMIT {limit + 1}"
    return f"SELECT {listed} AS listed, COUNT(*) {source} GROUP BY listed LIMIT {limit + 1}"


def beside_columns(request: PushRequest, key_bytes: int) -> str:
    """What `push_beside` selects in front of the columns beside: one binary string a row."""
    row, key = f"LEFT({_digest(request, 'row')}, 32)", f"LEFT({_digest(request, 'key')}, {2 * key_bytes})"
    return f"UNHEX(CONCAT({row}, {key}))" if key_bytes else f"UNHEX({row})"


def within_condition(request: PushRequest, within: Within | None) -> str:
    """The WHERE clause of the rows within, where no inner query names their digests."""
    return "" if within is None else _where(within).replace("kora_k", _digest(request, "key"))


def rows_condition(request: PushRequest, digests: list[str], of: DigestOf) -> str:
    """The WHERE clause of the rows whose digest, or whose key's, begins with one of these, in hex."""
    return f" WHERE LEFT({_digest(request, of)}, 32) IN ({text_list(digests)})"


def sample_sql(dialect: Dialect, request: PushRequest, rows: int) -> str:
    """One row of (rows, bytes of all values, bytes of those beside), after digesting so many rows."""
    sizes = [_size(request.columns), _size(request.beside)]
    digested = _digested(dialect, request, f", {sizes[0]} AS kora_all, {sizes[1]} AS kora_beside", rows)
    counted = "COUNT(kora_k) + COUNT(kora_r) - COUNT(kora_r)"
    return f"SELECT {counted}, IFNULL(SUM(kora_all), 0), IFNULL(SUM(kora_beside), 0) FROM {digested}"


def read_sample(rows: list[ShownRow]) -> PushedSample:
    """What `sample_sql` answered."""
    return PushedSample(*map(whole, rows[0]))


def _size(names: tuple[str, ...]) -> str:
    return " + ".join([f"IFNULL(LENGTH({quoted(name)}), 0)" for name in names] or ["0"])


def _digested(dialect: Dialect, request: PushRequest, more: str = "", rows: int = _ALL_ROWS) -> str:
    place = dialect.qualify(request.table.name)
    key, row = _digest(request, "key"), _digest(request, "row")
    return f"(SELECT {key} AS kora_k, {row} AS kora_r{more} FROM {place} LIMIT {rows}) AS digests"


def _digest(request: PushRequest, of: DigestOf) -> str:
    forms = ", ".join(form(request.table.column(name)) for name in request.digested(of))
    return f"SHA2(CONCAT('{letter(of)}{request.salt}', {forms}), 256)"


def _where(within: Within | None) -> str:
    if within is None:
        return ""
    return f" WHERE LEFT(kora_k, {within.digits}) IN ({text_list(within.prefixes())})"


def refusals(table: Table, columns: list[str]) -> dict[str, str]:
    """Column → why it has no form here."""
    found = {name: refusal(table.column(name)) for name in columns}
    return {name: reason for name, reason in found.items() if reason}
