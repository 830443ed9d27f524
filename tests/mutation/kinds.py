"""One table per kind of value: what stands in it, and which values are close enough to be confused.

All values are SQL literals of their engine. A `Kind` describes both sides of a table; where source and target are
the same engine they are equal.
"""

from dataclasses import dataclass

LONG = "'" + "long text that passes many a buffer, " * 40
ROWS = 24
COMPOSED, DECOMPOSED = "'Zo\u00eb'", "'Zoe\u0308'"


@dataclass(frozen=True)
class Kind:
    """A table's value column. `close`: (value that stands there, value that replaces it), in the target's words."""

    name: str
    source_type: str
    values: tuple[str, ...]
    target_type: str = ""
    target_values: tuple[str, ...] = ()
    representation: tuple[str, str | None] | None = None
    close: tuple[tuple[str, str], ...] = ()
    by_value: bool = False
    """Decimals are told apart without their display scale: 1.0 and 1.00 are one number."""
    one_nan: bool = False
    """NaNs are not told apart: a row's canonical form knows one only."""
    on_target_as: tuple[str, str | None] | None = None
    """The representation of the target's values; `representation` is the source's."""
    probe: str = ""
    """What shows the stored value `v` in the target, where the engine's usual way cannot."""

    @property
    def on_target(self) -> tuple[str, ...]:
        """The target's values, one for each of the source's."""
        return self.target_values or self.values

    @property
    def rows(self) -> tuple[tuple[str, str], ...]:
        """(source value, target value) of every row, row ids counting from 1; the close pairs' first values too.

        Values come again until the table has some rows.
        """
        pairs = list(zip(self.values, self.on_target, strict=True))
        if not self.target_values:
            pairs += [(before, before) for before, _ in self.close]
        pairs.append(("NULL", "NULL"))
        return tuple(pairs * max(1, ROWS // len(pairs)))


TEXT_PAIRS = (
    ("'trailing'", "'trailing '"),
    ("'trailing '", "'trailing'"),
    ("''", "NULL"),
    ("NULL", "''"),
    ("' '", "''"),
    ("'NULL'", "NULL"),
    ("NULL", "'NULL'"),
    ("'Case'", "'case'"),
    (COMPOSED, DECOMPOSED),
    (DECOMPOSED, COMPOSED),
    ("'a|b'", "'a,b'"),
    ("'tab\there'", "'tab here'"),
    ("'1'", "'1.0'"),
    ("'1e2'", "'100'"),
    ("'\u212b'", "'\u00c5'"),
    ("'\ufb01'", "'fi'"),
    ("'\U0001f642'", "'?'"),
    ("'na\u00efve'", "'na\u00c3\u00afve'"),
    ("'line\n'", "'line\r\n'"),
    ("'zero\u200bwidth'", "'zerowidth'"),
    (f"{LONG}x'", f"{LONG}y'"),
    ("'\u0391'", "'A'"),
)
TEXT = ("'Ada'", "'Bob'", "'\u041c\u043e\u0441\u043a\u0432\u0430'", "'it''s'", "'0'", "'-'")
INTEGERS = ("1", "-1", "0", "42", "2147483647", "-2147483648")
INTEGER_PAIRS = (("7", "-7"), ("0", "NULL"), ("NULL", "0"), ("1000", "1001"), ("-2147483647", "-2147483646"))

SQLITE = (
    Kind("texts", "TEXT", TEXT, close=TEXT_PAIRS),
    Kind("integers", "INTEGER", INTEGERS, close=(
        *INTEGER_PAIRS, ("9223372036854775807", "9223372036854775806"), ("9007199254740993", "9007199254740992"),
        ("5", "'5x'"), ("6", "6.5"), ("8", "'8'"), ("9", "9.0"), ("11", "x'3131'"),
    )),
    Kind("reals", "REAL", ("1.5", "-2.25", "1e300", "3.0"), close=(
        ("0.1", "0.10000000000000002"), ("0.3", "0.1 + 0.2"), ("2.5", "-2.5"), ("1e-300", "0.0"), ("0.0", "-0.0"),
        ("4.5", "'4.5x'"), ("9e999", "-9e999"), ("9e999", "NULL"), ("1e16", "10000000000000002.0"), ("6.0", "6"),
    )),
    Kind("classes", "", ("1", "'1'", "1.0", "x'31'", "NULL"), close=(
        ("12", "'12'"), ("12", "12.0"), ("'13'", "13"), ("14.0", "14"), ("14.0", "'14.0'"), ("'15'", "x'3135'"),
        ("x'3136'", "'16'"), ("''", "x''"), ("x''", "NULL"), ("NULL", "x''"), ("0", "''"), ("1", "'true'"),
        ("0.0", "-0.0"), ("'a'", "'a' || char(0)"), ("'b' || char(0) || 'c'", "'b' || char(0) || 'd'"),
        ("CAST(x'ff41' AS TEXT)", "CAST(x'fe41' AS TEXT)"), ("CAST(x'ff' AS TEXT)", "x'ff'"),
    )),
    Kind("numerics", "NUMERIC", ("1", "2.5", "'n/a'"), close=(
        ("3", "'3'"), ("3", "3.0"), ("0.99", "0.990000000000001"), ("17.5", "'17,5'"), ("1e15", "1000000000000000"),
    )),
    Kind("blobs", "BLOB", ("x'00'", "x'deadbeef'", "x'0102030405060708'"), close=(
        ("x'00ff00'", "x'00fe00'"), ("x'0000'", "x'000000'"), ("x''", "NULL"), ("x'6162'", "'ab'"),
        ("zeroblob(5000)", "zeroblob(5001)"), ("x'ff'", "x'ef'"),
    )),
    Kind("dates", "DATE", ("'2020-01-31'", "'0000-00-00'", "1577836800"), close=(
        ("'2020-02-29'", "'2020-02-28'"), ("'2021-01-01'", "'2021-01-01 00:00:00'"), ("'2021-1-2'", "'2021-01-02'"),
        ("'2020-01-01 00:00:00.000001'", "'2020-01-01 00:00:00.000002'"), ("1577836801", "1577836801.5"),
    )),
)  # fmt: skip

DUCKDB = (
    Kind("texts", "VARCHAR", TEXT, close=TEXT_PAIRS),
    Kind("integers", "BIGINT", INTEGERS, close=(
        *INTEGER_PAIRS, ("9223372036854775807", "9223372036854775806"), ("9007199254740993", "9007199254740992"),
    )),
    Kind("huge", "HUGEINT", ("1", "-1", "170141183460469231731687303715884105727"), close=(
        ("18446744073709551615", "18446744073709551616"),
        ("-170141183460469231731687303715884105727", "-170141183460469231731687303715884105726"), ("2", "-2"),
    )),
    Kind("doubles", "DOUBLE", ("1.5::DOUBLE", "-2.25::DOUBLE", "1e300::DOUBLE"), one_nan=True, close=(
        ("0.1::DOUBLE", "0.10000000000000002::DOUBLE"), ("0.3::DOUBLE", "0.1::DOUBLE + 0.2::DOUBLE"),
        ("0.0::DOUBLE", "'-0.0'::DOUBLE"), ("2.5::DOUBLE", "-2.5::DOUBLE"), ("'nan'::DOUBLE", "NULL"),
        ("'nan'::DOUBLE", "-'nan'::DOUBLE"), ("'inf'::DOUBLE", "'-inf'::DOUBLE"), ("'inf'::DOUBLE", "'nan'::DOUBLE"),
        ("5e-324::DOUBLE", "0.0::DOUBLE"),
    )),
    Kind("singles", "FLOAT", ("1.5::FLOAT", "2.25::FLOAT"), close=(
        ("0.1::FLOAT", "0.10000001::FLOAT"), ("16777216::FLOAT", "16777218::FLOAT"), ("0.0::FLOAT", "'-0.0'::FLOAT"),
        ("0.2::FLOAT", "0.20000000000000001::DOUBLE"),
    )),
    Kind("decimals", "DECIMAL(38,10)", ("1", "2.5", "-0.99"), close=(
        ("1.0000000001", "1.0000000002"), ("3.10", "3.1"), ("4.5", "-4.5"), ("0", "NULL"),
        ("1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456788"), ("5", "5.5"),
    )),
    Kind("booleans", "BOOLEAN", ("true", "false"), close=(("true", "false"), ("false", "NULL"), ("NULL", "false"))),
    Kind("dates", "DATE", ("DATE '2020-01-31'", "DATE '1900-01-01'"), close=(
        ("DATE '2020-02-29'", "DATE '2020-02-28'"), ("NULL", "DATE '1900-01-01'"),
        ("DATE 'infinity'", "DATE '-infinity'"), ("DATE 'infinity'", "NULL"),
        ("DATE '0044-03-15 (BC)'", "DATE '0044-03-15'"), ("DATE '5000-01-01'", "DATE '1970-01-01'"),
    )),
    Kind("timestamps", "TIMESTAMP", ("TIMESTAMP '2020-01-31 10:00:00'", "TIMESTAMP '1969-12-31 23:59:59.999999'"),
         close=(
        ("TIMESTAMP '2020-01-01 00:00:00.000001'", "TIMESTAMP '2020-01-01 00:00:00.000002'"),
        ("TIMESTAMP '2020-01-01 00:00:00.5'", "TIMESTAMP '2020-01-01 00:00:00'"),
        ("TIMESTAMP '2020-01-01 00:00:00'", "TIMESTAMP '2020-01-01 00:00:00.000001'"),
        ("TIMESTAMP 'infinity'", "TIMESTAMP '-infinity'"),
        ("TIMESTAMP '2020-03-29 02:30:00'", "TIMESTAMP '2020-03-29 03:30:00'"),
    )),
    Kind("nanoseconds", "TIMESTAMP_NS", ("'2020-01-31 10:00:00'::TIMESTAMP_NS",), close=(
        ("'2020-01-01 00:00:00.000000001'::TIMESTAMP_NS", "'2020-01-01 00:00:00.000000002'::TIMESTAMP_NS"),
        ("'2020-01-01 00:00:00.000001'::TIMESTAMP_NS", "'2020-01-01 00:00:00.000001001'::TIMESTAMP_NS"),
    )),
    Kind("instants", "TIMESTAMPTZ", ("TIMESTAMPTZ '2020-01-31 10:00:00+00'",), close=(
        ("TIMESTAMPTZ '2020-01-01 00:00:00+00'", "TIMESTAMPTZ '2020-01-01 01:00:00+01'"),
        ("TIMESTAMPTZ '2020-01-01 00:00:00+00'", "TIMESTAMPTZ '2020-01-01 00:00:00+01'"),
        ("TIMESTAMPTZ '2020-01-01 00:00:00+00'", "TIMESTAMPTZ '2020-01-01 00:00:00.000001+00'"),
    )),
    Kind("times", "TIME", ("TIME '10:00:00'",), close=(
        ("TIME '23:59:59.999999'", "TIME '23:59:59.999998'"), ("TIME '24:00:00'", "TIME '00:00:00'"),
    )),
    Kind("intervals", "INTERVAL", ("INTERVAL 1 DAY",), close=(
        ("INTERVAL 1 MONTH", "INTERVAL 30 DAYS"), ("INTERVAL 24 HOURS", "INTERVAL 1 DAY"),
        ("INTERVAL 1 MICROSECOND", "INTERVAL 2 MICROSECONDS"), ("INTERVAL 1 YEAR", "INTERVAL 12 MONTHS"),
    )),
    Kind("blobs", "BLOB", ("'\\x00'::BLOB", "'\\xDE\\xAD'::BLOB"), close=(
        ("'\\x00\\xFF'::BLOB", "'\\x00\\xFE'::BLOB"), ("''::BLOB", "NULL"), ("'\\x00\\x00'::BLOB", "'\\x00'::BLOB"),
    )),
    Kind("uuids", "UUID", ("'00000000-0000-0000-0000-000000000001'::UUID",), close=(
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'::UUID"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13'::UUID", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A13'::UUID"),
    )),
    Kind("bits", "BIT", ("'1'::BIT", "'0101'::BIT"), close=(("'01'::BIT", "'001'::BIT"), ("'11'::BIT", "'10'::BIT"))),
    Kind("labels", "ENUM('red', 'green', 'Red')", ("'red'", "'green'"), close=(
        ("'red'", "'Red'"), ("'green'", "NULL"),
    )),
    Kind("documents", "JSON", ("'{}'", "'[1]'"), close=(
        ("'{\"a\": 1}'", "'{\"a\":1}'"), ("'{\"a\": 2}'", "'{\"a\": 2.0}'"), ("'null'", "NULL"), ("'[]'", "'{}'"),
    )),
)  # fmt: skip

POSTGRESQL = (
    Kind("texts", "text", TEXT, close=TEXT_PAIRS),
    Kind("shorts", "varchar(12)", ("'Ada'", "'Bob'"), close=(
        ("'trailing'", "'trailing '"), ("''", "' '"), ("''", "NULL"), (COMPOSED, DECOMPOSED), ("'Case'", "'case'"),
    )),
    Kind("padded", "char(10)", ("'Ada'", "'Bob'"), close=(
        ("'blank'", "'blank '"), ("'Case'", "'case'"), ("''", "NULL"), ("' a'", "'a'"),
    )),
    Kind("integers", "bigint", INTEGERS, close=(
        *INTEGER_PAIRS, ("9223372036854775807", "9223372036854775806"), ("9007199254740993", "9007199254740992"),
    )),
    Kind("smalls", "smallint", ("1", "-1", "32767"), close=(("2", "-2"), ("0", "NULL"), ("3", "3.0"))),
    Kind("decimals", "numeric", ("1", "2.5", "-0.99"), by_value=True, close=(
        ("1.0000000001", "1.0000000002"), ("3.10", "3.1"), ("4.5", "-4.5"), ("0", "NULL"), ("'NaN'", "NULL"),
        ("'NaN'", "0"), ("'Infinity'", "'-Infinity'"), ("1e-100", "0"), ("1e130", "1e130 + 1"), ("5", "5.5"),
        ("12345678901234567890.123456789012345678901", "12345678901234567890.123456789012345678902"),
    )),
    Kind("money_like", "numeric(12,2)", ("1", "2.5"), by_value=True, close=(
        ("0.99", "0.98"), ("0.71", "0.7100"), ("10.00", "10"), ("7.01", "7.014"),
    )),
    Kind("doubles", "float8", ("1.5", "-2.25", "1e300"), close=(
        ("0.1", "0.10000000000000002"), ("0.3", "0.1::float8 + 0.2::float8"), ("'0.0'", "'-0.0'"), ("2.5", "-2.5"),
        ("'NaN'", "NULL"), ("'NaN'", "'Infinity'"), ("'NaN'", "-'NaN'::float8"), ("'Infinity'", "'-Infinity'"),
        ("5e-324", "0"),
    )),
    Kind("singles", "float4", ("1.5", "2.25"), close=(
        ("0.1", "0.10000001"), ("16777216", "16777218"), ("'0.0'", "'-0.0'"), ("0.2", "0.20000000000000001"),
    )),
    Kind("booleans", "boolean", ("true", "false"), close=(("true", "false"), ("false", "NULL"), ("NULL", "false"))),
    Kind("dates", "date", ("'2020-01-31'", "'1900-01-01'"), close=(
        ("'2020-02-29'", "'2020-02-28'"), ("NULL", "'1900-01-01'"),
        ("'infinity'", "'-infinity'"), ("'infinity'", "NULL"), ("'0044-03-15 BC'", "'0044-03-15'"),
        ("'0001-01-01 BC'", "'0001-01-01'"),
    )),
    Kind("timestamps", "timestamp", ("'2020-01-31 10:00:00'", "'1969-12-31 23:59:59.999999'"), close=(
        ("'2020-01-01 00:00:00.000001'", "'2020-01-01 00:00:00.000002'"),
        ("'2020-01-01 00:00:00.5'", "'2020-01-01 00:00:00'"),
        ("'2020-01-02 00:00:00'", "'2020-01-01 24:00:00'"), ("'infinity'", "'-infinity'"),
        ("'2020-03-29 02:30:00'", "'2020-03-29 03:30:00'"),
    )),
    Kind("instants", "timestamptz", ("'2020-01-31 10:00:00+00'",), close=(
        ("'2020-01-01 00:00:00+00'", "'2020-01-01 01:00:00+01'"),
        ("'2020-01-01 00:00:00+00'", "'2020-01-01 00:00:00+01'"),
        ("'2020-01-01 00:00:00+00'", "'2020-01-01 00:00:00.000001+00'"),
    )),
    Kind("times", "time", ("'10:00:00'",), close=(
        ("'23:59:59.999999'", "'23:59:59.999998'"), ("'24:00:00'", "'00:00:00'"),
    )),
    Kind("zoned_times", "timetz", ("'10:00:00+00'",), close=(
        ("'12:00:00+00'", "'13:00:00+01'"), ("'12:00:00+00'", "'12:00:00.000001+00'"),
    )),
    Kind("intervals", "interval", ("'1 day'",), close=(
        ("'1 month'", "'30 days'"), ("'24 hours'", "'1 day'"), ("'1 microsecond'", "'2 microseconds'"),
        ("'1 year'", "'12 months'"),
    )),
    Kind("blobs", "bytea", ("'\\x00'", "'\\xdead'"), close=(
        ("'\\x00ff'", "'\\x00fe'"), ("''", "NULL"), ("'\\x0000'", "'\\x00'"), ("'\\x41'", "'\\x61'"),
    )),
    Kind("uuids", "uuid", ("'00000000-0000-0000-0000-000000000001'",), close=(
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"),
        ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A13'"),
    )),
    Kind("bits", "varbit", ("'1'", "'0101'"), close=(("'01'", "'001'"), ("'11'", "'10'"), ("''", "NULL"))),
    Kind("documents", "json", ("'{}'", "'[1]'"), close=(
        ("'{\"a\": 1}'", "'{\"a\":1}'"), ("'{\"a\": 2}'", "'{\"a\": 2.0}'"), ("'null'", "NULL"),
        ("'{\"a\":1,\"a\":2}'", "'{\"a\":2}'"),
    )),
    Kind("parsed", "jsonb", ("'{}'", "'[1]'"), close=(
        ("'{\"a\": 1}'", "'{\"a\":1}'"), ("'{\"a\": 2}'", "'{\"a\": 3}'"), ("'null'", "NULL"),
        ("'{\"b\": 1, \"a\": 1}'", "'{\"a\": 1, \"b\": 1}'"),
    )),
)  # fmt: skip

FROM_SQLITE_TO_DUCKDB = (
    Kind("texts", "TEXT", TEXT + tuple(before for before, _ in TEXT_PAIRS), "VARCHAR",
         TEXT + tuple(before for before, _ in TEXT_PAIRS), close=TEXT_PAIRS),
    Kind("counts", "INTEGER", INTEGERS, "BIGINT", INTEGERS, close=(("42", "43"), ("1", "-1"), ("0", "NULL"))),
    Kind("prices", "REAL", ("0.99", "1.99", "-3.5", "0.0"), "DECIMAL(10,2)", ("0.99", "1.99", "-3.5", "0"),
         ("real_decimal", None), close=(("0.99", "0.98"), ("1.99", "-1.99"), ("0", "NULL"), ("-3.5", "-3.51"))),
    Kind("days", "TEXT", ("'2020-02-29'", "'1999-12-31'"), "DATE", ("DATE '2020-02-29'", "DATE '1999-12-31'"),
         ("text_date", "%Y-%m-%d"), close=(("DATE '2020-02-29'", "DATE '2020-03-01'"), ("DATE '1999-12-31'", "NULL"))),
    Kind("moments", "INTEGER", ("0", "1577836800"), "TIMESTAMPTZ",
         ("TIMESTAMPTZ '1970-01-01 00:00:00+00'", "TIMESTAMPTZ '2020-01-01 00:00:00+00'"), ("epoch", "s"), close=(
        ("TIMESTAMPTZ '2020-01-01 00:00:00+00'", "TIMESTAMPTZ '2020-01-01 00:00:00.000001+00'"),
        ("TIMESTAMPTZ '1970-01-01 00:00:00+00'", "NULL"),
    )),
    Kind("flags", "INTEGER", ("1", "0"), "BOOLEAN", ("true", "false"), ("bool01", None),
         close=(("true", "false"), ("false", "NULL"))),
    Kind("tokens", "TEXT", ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",), "UUID",
         ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",), ("uuid_text", None),
         close=(("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'::UUID"),)),
    Kind("bytes", "BLOB", ("x'00ff'", "x''"), "BLOB", ("'\\x00\\xFF'::BLOB", "''::BLOB"),
         close=(("'\\x00\\xFF'::BLOB", "'\\x00\\xFE'::BLOB"), ("''::BLOB", "NULL"))),
)  # fmt: skip

FROM_SQLITE_TO_POSTGRESQL = (
    Kind("texts", "TEXT", TEXT + tuple(before for before, _ in TEXT_PAIRS), "text",
         TEXT + tuple(before for before, _ in TEXT_PAIRS), close=TEXT_PAIRS),
    Kind("counts", "INTEGER", INTEGERS, "integer", INTEGERS, close=(("42", "43"), ("1", "-1"), ("0", "NULL"))),
    Kind("prices", "REAL", ("0.99", "1.99", "-3.5", "0.0"), "numeric", ("0.99", "1.99", "-3.50", "0"),
         ("real_decimal", None), by_value=True,
         close=(("0.99", "0.990000001"), ("1.99", "-1.99"), ("0", "NULL"), ("-3.50", "-3.5"))),
    Kind("moments", "TEXT", ("'2020-02-29 12:30:00'", "'1999-12-31 23:59:59'"), "timestamp",
         ("'2020-02-29 12:30:00'", "'1999-12-31 23:59:59'"), ("text_date", "%Y-%m-%d %H:%M:%S"), close=(
        ("'2020-02-29 12:30:00'", "'2020-02-29 12:30:00.000001'"), ("'1999-12-31 23:59:59'", "'2000-01-01 00:00:00'"),
    )),
    Kind("flags", "INTEGER", ("1", "0"), "boolean", ("true", "false"), ("bool01", None),
         close=(("true", "false"), ("false", "NULL"))),
    Kind("tokens", "TEXT", ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",), "uuid",
         ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",), ("uuid_text", None),
         close=(("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"),)),
    Kind("documents", "TEXT", ("'{\"a\": 1}'", "'[]'"), "json", ("'{\"a\": 1}'", "'[]'"), ("json_text", None),
         close=(("'{\"a\": 1}'", "'{\"a\":1}'"), ("'[]'", "'{}'"))),
    Kind("bytes", "BLOB", ("x'00ff'", "x''"), "bytea", ("'\\x00ff'", "''"),
         close=(("'\\x00ff'", "'\\x00fe'"), ("''", "NULL"))),
)  # fmt: skip

FROM_POSTGRESQL_TO_DUCKDB = (
    Kind("texts", "text", TEXT + tuple(before for before, _ in TEXT_PAIRS), "VARCHAR",
         TEXT + tuple(before for before, _ in TEXT_PAIRS), close=TEXT_PAIRS),
    Kind("counts", "integer", INTEGERS, "HUGEINT", INTEGERS, close=(("42", "43"), ("1", "-1"), ("0", "NULL"))),
    Kind("prices", "numeric(10,2)", ("0.99", "1.99"), "DECIMAL(38,10)", ("0.99", "1.99"),
         close=(("0.99", "0.9900000001"), ("1.99", "-1.99"))),
    Kind("doubles", "float8", ("0.1", "'-0.0'", "'NaN'"), "DOUBLE", ("0.1", "'-0.0'::DOUBLE", "'nan'::DOUBLE"),
         close=(("0.1", "0.10000000000000002"), ("'-0.0'::DOUBLE", "0.0::DOUBLE"), ("'nan'::DOUBLE", "NULL"))),
    Kind("moments", "timestamp", ("'2020-02-29 12:30:00.000001'", "'infinity'"), "TIMESTAMP",
         ("TIMESTAMP '2020-02-29 12:30:00.000001'", "TIMESTAMP 'infinity'"), close=(
        ("TIMESTAMP '2020-02-29 12:30:00.000001'", "TIMESTAMP '2020-02-29 12:30:00'"),
        ("TIMESTAMP 'infinity'", "NULL"),
    )),
    Kind("flags", "boolean", ("true", "false"), "BOOLEAN", ("true", "false"),
         close=(("true", "false"), ("false", "NULL"))),
    Kind("tokens", "uuid", ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",), "UUID",
         ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",),
         close=(("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'::UUID"),)),
    Kind("bytes", "bytea", ("'\\x00ff'", "''"), "BLOB", ("'\\x00\\xFF'::BLOB", "''::BLOB"),
         close=(("'\\x00\\xFF'::BLOB", "'\\x00\\xFE'::BLOB"), ("''::BLOB", "NULL"))),
)  # fmt: skip
