"""SQLite: what its loose columns hold, by storage class and by what people keep in them."""

from tests.corpus.kinds import JSONS, UUIDS, Kind, blobs, decimals, doubles, integers, quoted, texts


def _hex(values: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(f"x'{value.hex()}'" for value in values)


_DOUBLES = tuple(value if "." in value or "e" in value else f"{value}.0" for value in doubles())

KINDS = (
    Kind("integer", "INTEGER", integers(-(2**63), 2**63 - 1)),
    Kind("small_integer", "SMALLINT", integers(-(2**15), 2**15 - 1)),
    Kind("unsigned_beyond", "BIGINT UNSIGNED", ("0", "9223372036854775807", "18446744073709551615")),
    Kind("boolean", "BOOLEAN", ("0", "1")),
    Kind("boolean_of_more", "BOOLEAN", ("0", "1", "2", "-1")),
    Kind("real", "REAL", _DOUBLES),
    Kind("real_special", "REAL", ("9e999", "-9e999", "-0.0", "0.0", "1.5")),
    Kind("numeric", "NUMERIC", ("1", "2.5", "0.1", "1e15", "9007199254740993", "-0.5")),
    Kind("numeric_and_text", "NUMERIC", ("1", "2.5", "'n/a'", "''", "'17,5'")),
    Kind("decimal", "DECIMAL(12,2)", tuple(value for value in decimals(12, 2))),
    Kind("text", "TEXT", quoted(texts())),
    Kind("text_with_nul", "TEXT", ("'a' || char(0) || 'b'", "char(0)", "'plain'")),
    Kind("text_broken", "TEXT", ("CAST(x'ff41' AS TEXT)", "CAST(x'c3' AS TEXT)", "'plain'", "'\u00e9'")),
    Kind("short_text", "VARCHAR(5)", quoted(("", "ab", "abcde", "abc  ", "longer than five", "🙂🙂🙂🙂🙂"))),
    Kind("padded", "CHAR(4)", quoted(("", "ab", "ab  ", "abcd", "abcde"))),
    Kind("blob", "BLOB", _hex(blobs())),
    Kind("blob_and_text", "BLOB", ("x'6162'", "'ab'", "x''", "''")),
    Kind("any_class", "", ("1", "'one'", "1.5", "x'31'", "'1.5x'")),
    Kind("any_class_alike", "", ("1", "'1'", "1.0", "x'31'", "'1.0'")),
    Kind("date", "DATE", quoted(("0001-01-01", "1582-10-10", "1969-12-31", "1970-01-01", "2000-02-29", "9999-12-31"))),
    Kind("date_with_zero", "DATE", quoted(("2020-01-31", "0000-00-00", "1900-01-01"))),
    Kind("date_odd", "DATE", (*quoted(("2020-01-31", "2020-1-31", "31.01.2020", "2020-02-30", "")), "20200131")),
    Kind("datetime", "DATETIME", quoted(("0001-01-01 00:00:00", "1969-12-31 23:59:59", "9999-12-31 23:59:59"))),
    Kind("datetime_mixed", "DATETIME", quoted(("2020-01-01 00:00:00", "2020-01-01 00:00:00.5", "2020-01-01"))),
    Kind("time", "TIME", quoted(("00:00:00", "23:59:59", "12:30:00"))),
    Kind("epoch", "TIMESTAMP", ("0", "1577836800", "1700000000", "1600000001")),
    Kind("uuid", "UUID", quoted(UUIDS)),
    Kind("json", "JSON", quoted(JSONS)),
)  # fmt: skip
"""`unsigned_beyond` holds a double where 64 bits end, as SQLite itself decides."""
