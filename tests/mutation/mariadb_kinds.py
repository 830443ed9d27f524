"""The tables of the pairs with MariaDB, as in `kinds.py`.

Literals are MariaDB's under the client's `sql_mode`: a backslash is a character like another, and impossible dates,
labels that no ENUM has and numbers that do not fit are taken as the engine takes them when nobody forbids it.
"""

from tests.mutation.kinds import (
    COMPOSED,
    DECOMPOSED,
    INTEGER_PAIRS,
    INTEGERS,
    LONG,
    TEXT,
    TEXT_PAIRS,
    Kind,
)

_FEW = 8
_DOUBLE_PAIRS = (
    ("0.1e0", "0.10000000000000002e0"), ("0.3e0", "0.1e0 + 0.2e0"), ("2.5e0", "-2.5e0"), ("0e0", "-0e0"),
    ("5e-324", "0e0"), ("1e16", "1.0000000000000002e16"), ("0e0", "NULL"),
)  # fmt: skip
_UUID, _OTHER_UUID = "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'"


def _texts(source: str, target: str = "") -> tuple[Kind, ...]:
    """The texts on several tables, so that a round alters more of them."""
    parts = [TEXT_PAIRS[start : start + _FEW] for start in range(0, len(TEXT_PAIRS), _FEW)]
    made = []
    for number, pairs in enumerate(parts, 1):
        values = TEXT + tuple(before for before, _ in pairs) if target else TEXT
        made.append(Kind(f"texts_{number}", source, values, target, values if target else (), close=pairs))
    return tuple(made)


MARIADB = (
    *_texts("longtext"),
    Kind("caseless", "varchar(80) COLLATE utf8mb4_general_ci", ("'Ada'", "'Bob'"), close=(
        ("'Case'", "'case'"), ("'padded'", "'padded '"), (COMPOSED, "'Zoe'"), (COMPOSED, DECOMPOSED), ("''", "' '"),
        ("'\u00df'", "'ss'"), ("'\U0001f642'", "'\U0001f643'"), ("''", "NULL"), ("'A\u00c5'", "'a\u00e5'"),
    )),
    Kind("western", "varchar(80) CHARACTER SET latin1 COLLATE latin1_bin", ("'Ada'", "'\u00e9t\u00e9'"), close=(
        ("'\u00e9'", "'e'"), ("'\u20ac'", "'?'"), ("'\u00fc'", "'\u00fb'"), ("'stays'", "'stays '"),
    )),
    Kind("padded", "char(8)", ("'Ada'", "'Bob'"), close=(
        ("'blank'", "'blank '"), ("'Case'", "'case'"), ("''", "NULL"), ("' a'", "'a'"),
    )),
    Kind("integers", "bigint", INTEGERS, close=(
        *INTEGER_PAIRS, ("9223372036854775807", "9223372036854775806"), ("9007199254740993", "9007199254740992"),
    )),
    Kind("unsigneds", "bigint unsigned", ("1", "42"), close=(
        ("18446744073709551615", "18446744073709551614"), ("9223372036854775808", "9223372036854775807"),
        ("9007199254740993", "9007199254740992"), ("0", "NULL"), ("7", "-7"),
    )),
    Kind("truths", "tinyint(1)", ("1", "0"), close=(("1", "2"), ("0", "-1"), ("1", "0"), ("0", "NULL"))),
    Kind("decimals", "decimal(65,30)", ("1", "2.5", "-0.99"), close=(
        ("0.000000000000000000000000000001", "0"), ("3.10", "3.1"), ("4.5", "-4.5"), ("0", "NULL"), ("0", "-0.0"),
        ("12345678901234567890123456789012345.5", "12345678901234567890123456789012345.500000000000000000000000000001"),
    )),
    Kind("doubles", "double", ("1.5e0", "-2.25e0", "1e300"), close=_DOUBLE_PAIRS),
    Kind("singles", "float", ("1.5e0", "2.25e0"), close=(
        ("0.1e0", "0.10000001e0"), ("16777216e0", "16777218e0"), ("0e0", "-0e0"), ("0.2e0", "0.20000000000000001e0"),
    )),
    Kind("bits", "bit(64)", ("b'1'", "b'0101'"), close=(
        ("b'11'", "b'10'"), ("18446744073709551615", "18446744073709551614"), ("0", "NULL"), ("1", "b'0001'"),
    )),
    Kind("labels", "ENUM('small', 'large', 'Large', '')", ("'small'", "'large'"), close=(
        ("'large'", "'Large'"), ("''", "0"), ("0", "''"), ("0", "NULL"), ("''", "NULL"), ("'small'", "'other'"),
    )),
    Kind("sets", "SET('a', 'b', 'c')", ("'a'", "'b,c'"), close=(
        ("'a,b'", "'a'"), ("'a,c'", "'c,a'"), ("''", "NULL"), ("'c'", "''"), ("'a,b,c'", "'a,b'"),
    )),
    Kind("years", "year", ("2024", "1901"), close=(("2000", "0"), ("0", "NULL"), ("2155", "2154"), ("1999", "99"))),
    Kind("dates", "date", ("'2020-01-31'", "'1900-01-01'"), close=(
        ("'2020-02-29'", "'2020-02-28'"), ("'0000-00-00'", "NULL"), ("NULL", "'0000-00-00'"),
        ("'2020-02-00'", "'2020-02-01'"), ("'2020-02-31'", "'2020-02-29'"), ("'0000-01-01'", "'0001-01-01'"),
        ("'2020-00-00'", "'0000-00-00'"),
    )),
    Kind("moments", "datetime(6)", ("'2020-01-31 10:00:00'", "'1969-12-31 23:59:59.999999'"), close=(
        ("'2020-01-01 00:00:00.000001'", "'2020-01-01 00:00:00.000002'"),
        ("'2020-01-01 00:00:00.5'", "'2020-01-01 00:00:00'"), ("'0000-00-00 00:00:00'", "NULL"),
        ("'2020-03-29 02:30:00'", "'2020-03-29 03:30:00'"), ("'2020-06-00 01:00:00'", "'2020-06-01 01:00:00'"),
        ("'2020-01-02 00:00:00'", "'2020-01-02'"),
    )),
    Kind("seconds", "datetime", ("'2020-01-31 10:00:00'",), close=(
        ("'2020-01-01 00:00:00'", "'2020-01-01 00:00:00.4'"), ("'9999-12-31 23:59:59'", "'9999-12-31 23:59:58'"),
    )),
    Kind("instants", "timestamp(6) NULL", ("'2020-01-31 10:00:00'",), close=(
        ("'2020-01-01 00:00:00'", "'2020-01-01 01:00:00'"), ("'1970-01-01 00:00:01'", "'1970-01-01 00:00:02'"),
        ("'0000-00-00 00:00:00'", "NULL"), ("'2020-03-29 01:30:00.000001'", "'2020-03-29 01:30:00'"),
    )),
    Kind("times", "time(6)", ("'10:00:00'",), close=(
        ("'838:59:59'", "'-838:59:59'"), ("'24:00:00'", "'00:00:00'"), ("'-00:00:01'", "'00:00:01'"),
        ("'23:59:59.999999'", "'23:59:59.999998'"), ("'25:00:00'", "'01:00:00'"),
    )),
    Kind("blobs", "longblob", ("x'00'", "x'deadbeef'"), close=(
        ("x'00ff00'", "x'00fe00'"), ("x''", "NULL"), ("x'0000'", "x'00'"), ("x'41'", "x'61'"), ("x'4120'", "x'41'"),
        ("repeat(x'07', 70000)", "repeat(x'07', 70001)"),
    )),
    Kind("fixed_bytes", "binary(4)", ("x'00000001'", "x'deadbeef'"), close=(
        ("x'01020304'", "x'01020305'"), ("x'41'", "x'41000000'"), ("x'00000000'", "NULL"), ("x'20'", "x'00'"),
    )),
    Kind("uuids", "uuid", probe="v", values=("'00000000-0000-0000-0000-000000000001'",), close=(
        (_UUID, _OTHER_UUID), ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a13'", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A13'"),
    )),
    Kind("addresses", "inet6", probe="v", values=("'::1'", "'2001:db8::1'"), close=(
        ("'2001:db8::2'", "'2001:db8:0::2'"), ("'2001:db8::3'", "'2001:db8::4'"), ("'::'", "NULL"),
    )),
    Kind("documents", "json", ("'{}'", "'[1]'"), close=(
        ("'{\"a\": 1}'", "'{\"a\":1}'"), ("'{\"a\": 2}'", "'{\"a\": 2.0}'"), ("'null'", "NULL"), ("'[]'", "'{}'"),
        ("'{\"a\":1,\"a\":2}'", "'{\"a\":2}'"),
    )),
    Kind("points", "point", ("ST_GeomFromText('POINT(1 2)')",), probe="hex(v)", close=(
        ("ST_GeomFromText('POINT(3 4)')", "ST_GeomFromText('POINT(4 3)')"),
        ("ST_GeomFromText('POINT(5 6)', 4326)", "ST_GeomFromText('POINT(5 6)')"),
        ("ST_GeomFromText('POINT(7 8)')", "NULL"),
    )),
)  # fmt: skip


def labels_without_an_empty_one() -> Kind:
    """An enumeration whose invalid value is no label's text."""
    return Kind("labels", "ENUM('small', 'large', 'Large')", ("'small'", "'large'"), close=(
        ("'large'", "'Large'"), ("0", "'small'"), ("0", "NULL"), ("'small'", "'other'"),
    ))  # fmt: skip


FROM_MARIADB_TO_POSTGRESQL = (
    *_texts("longtext", "text"),
    Kind("counts", "bigint unsigned", ("18446744073709551615", "0", "42"), "numeric",
         ("18446744073709551615", "0", "42"), by_value=True, close=(
        ("18446744073709551615", "18446744073709551614"), ("0", "NULL"), ("42", "-42"), ("42", "42.5"),
    )),
    Kind("prices", "decimal(10,2)", ("0.99", "1.90", "0.00"), "numeric", ("0.99", "1.90", "0"), by_value=True, close=(
        ("0.99", "0.990000001"), ("1.90", "1.9"), ("0", "NULL"),
    )),
    Kind("flags", "tinyint(1)", ("1", "0"), "boolean", ("true", "false"), ("bool01", None), close=(
        ("true", "false"), ("false", "NULL"),
    )),
    Kind("doubles", "double", ("0.1e0", "0e0", "5e-324"), "float8", ("0.1", "'0.0'", "5e-324"), close=(
        ("0.1", "0.10000000000000002"), ("'0.0'", "'-0.0'"), ("5e-324", "0"), ("0.1", "'NaN'"),
    )),
    Kind("days", "date", ("'2020-02-29'", "'1000-01-01'"), "date", ("'2020-02-29'", "'1000-01-01'"), close=(
        ("'2020-02-29'", "'2020-03-01'"), ("'1000-01-01'", "'1000-01-01 BC'"), ("'2020-02-29'", "'infinity'"),
    )),
    Kind("moments", "datetime(6)", ("'2020-03-29 02:30:00.000001'",), "timestamp", ("'2020-03-29 02:30:00.000001'",),
         close=(("'2020-03-29 02:30:00.000001'", "'2020-03-29 02:30:00'"),
                ("'2020-03-29 02:30:00.000001'", "'2020-03-29 03:30:00.000001'"))),
    Kind("instants", "timestamp(6) NULL", ("'2020-03-29 02:30:00'",), "timestamptz", ("'2020-03-29 02:30:00+00'",),
         close=(("'2020-03-29 02:30:00+00'", "'2020-03-29 04:30:00+02'"),
                ("'2020-03-29 02:30:00+00'", "'2020-03-29 02:30:00+02'"))),
    Kind("labels", "ENUM('small', 'large', '')", ("'small'", "'large'", "''"), "text", ("'small'", "'large'", "''"),
         on_target_as=("enum_label", None), close=(("'small'", "'Small'"), ("''", "NULL"), ("'large'", "'large '"))),
    Kind("bytes", "longblob", ("x'00ff'", "x''"), "bytea", ("'\\x00ff'", "''"),
         close=(("'\\x00ff'", "'\\x00fe'"), ("''", "NULL"), ("'\\x00ff'", "'\\x00ff00'"))),
    Kind("bits", "bit(6)", ("b'000101'", "b'111111'"), "bit(6)", ("B'000101'", "B'111111'"),
         close=(("B'000101'", "B'000111'"), ("B'111111'", "NULL"))),
    Kind("tokens", "uuid", (_UUID,), "uuid", (_UUID,), close=((_UUID, _OTHER_UUID), (_UUID, _UUID.upper()))),
    Kind("documents", "json", ("'{\"a\": 1}'", "'[]'"), "json", ("'{\"a\": 1}'", "'[]'"),
         close=(("'{\"a\": 1}'", "'{\"a\":1}'"), ("'[]'", "'{}'"), ("'[]'", "NULL"))),
)  # fmt: skip

FROM_POSTGRESQL_TO_MARIADB = (
    *_texts("text", "longtext"),
    Kind("prices", "numeric", ("0.990", "-12345678901234567890.5"), "decimal(40,10)",
         ("0.99", "-12345678901234567890.5"),
         close=(("0.99", "0.9900000001"), ("-12345678901234567890.5", "12345678901234567890.5"), ("0.99", "0.990"))),
    Kind("flags", "boolean", ("true", "false"), "tinyint(1)", ("1", "0"), on_target_as=("bool01", None),
         close=(("1", "0"), ("0", "NULL"), ("1", "2"))),
    Kind("doubles", "float8", ("0.1", "1e300"), "double", ("0.1e0", "1e300"),
         close=(("0.1e0", "0.10000000000000002e0"), ("1e300", "NULL"))),
    Kind("moments", "timestamp", ("'2020-02-29 12:30:00.000001'",), "datetime(6)", ("'2020-02-29 12:30:00.000001'",),
         close=(("'2020-02-29 12:30:00.000001'", "'2020-02-29 12:30:00'"),
                ("'2020-02-29 12:30:00.000001'", "'0000-00-00 00:00:00'"))),
    Kind("instants", "timestamptz", ("'2200-01-01 02:00:00+02'",), "datetime(6)", ("'2200-01-01 00:00:00'",),
         on_target_as=("utc_clock", None),
         close=(("'2200-01-01 00:00:00'", "'2200-01-01 02:00:00'"), ("'2200-01-01 00:00:00'", "NULL"))),
    Kind("intervals", "interval", ("'1 month'", "'30 days'"), "varchar(40)", ("'P1M'", "'P30D'"),
         on_target_as=("interval_iso", None), close=(("'P1M'", "'P30D'"), ("'P30D'", "'P31D'"), ("'P1M'", "'P1M '"))),
    Kind("numbers", "int[]", ("'{1,NULL,3}'", "'{}'"), "longtext", ("'[1,null,3]'", "'[]'"),
         on_target_as=("structured_json", "array<number>"), close=(("'[1,null,3]'", "'[1,2,3]'"), ("'[]'", "NULL"))),
    Kind("bytes", "bytea", ("'\\x00ff'", "''"), "longblob", ("x'00ff'", "x''"),
         close=(("x'00ff'", "x'00fe'"), ("x''", "NULL"), ("x'00ff'", "x'00ff00'"))),
    Kind("tokens", "uuid", (_UUID,), "uuid", (_UUID,), probe="v", close=((_UUID, _OTHER_UUID), (_UUID, _UUID.upper()))),
    Kind("labels", "text", ("'small'", "'large'"), "ENUM('small', 'large', 'Large')", ("'small'", "'large'"),
         ("enum_label", None), close=(("'large'", "'Large'"), ("'small'", "0"), ("'small'", "NULL"))),
)  # fmt: skip

FROM_SQLITE_TO_MARIADB = (
    *_texts("TEXT", "longtext"),
    Kind("counts", "INTEGER", INTEGERS, "bigint", INTEGERS, close=(("42", "43"), ("1", "-1"), ("0", "NULL"))),
    Kind("prices", "REAL", ("0.99", "1.99", "-3.5", "0.0"), "decimal(12,4)", ("0.99", "1.99", "-3.5", "0"),
         ("real_decimal", None), close=(("0.99", "0.9901"), ("1.99", "-1.99"), ("0", "NULL"), ("-3.5", "-3.50"))),
    Kind("days", "TEXT", ("'2020-02-29'", "'1999-12-31'"), "date", ("'2020-02-29'", "'1999-12-31'"),
         ("text_date", "%Y-%m-%d"), close=(("'2020-02-29'", "'2020-03-01'"), ("'1999-12-31'", "'0000-00-00'"))),
    Kind("moments", "INTEGER", ("0", "1577836800"), "datetime(6)", ("'1970-01-01'", "'2020-01-01'"), ("epoch", "s"),
         on_target_as=("utc_clock", None),
         close=(("'1970-01-01'", "'1970-01-01 00:00:00.000001'"), ("'2020-01-01'", "'2020-01-01 01:00:00'"))),
    Kind("reals", "REAL", ("0.1", "1e300"), "double", ("0.1e0", "1e300"),
         close=(("0.1e0", "0.10000000000000002e0"), ("1e300", "NULL"))),
    Kind("flags", "INTEGER", ("1", "0"), "tinyint(1)", ("1", "0"), close=(("1", "2"), ("0", "NULL"), ("1", "0"))),
    Kind("bytes", "BLOB", ("x'00ff'", "x''"), "longblob", ("x'00ff'", "x''"),
         close=(("x'00ff'", "x'00fe'"), ("x''", "NULL"))),
)  # fmt: skip

FROM_MARIADB_TO_SQLITE = (
    *_texts("longtext", "TEXT"),
    Kind("counts", "int unsigned", ("4294967295", "0"), "INTEGER", ("4294967295", "0"),
         close=(("4294967295", "-1"), ("0", "'0'"), ("0", "0.0"), ("4294967295", "4294967295.0"))),
    Kind("prices", "decimal(20,4)", ("0.9900", "1234567890123456.7891"), "TEXT",
         ("'0.9900'", "'1234567890123456.7891'"), on_target_as=("text_number", "4"),
         close=(("'0.9900'", "'0.99'"), ("'1234567890123456.7891'", "'1234567890123456.7890'"), ("'0.9900'", "NULL"))),
    Kind("days", "date", ("'2020-02-29'", "'1999-12-31'"), "TEXT", ("'2020-02-29'", "'1999-12-31'"),
         on_target_as=("text_date", "%Y-%m-%d"),
         close=(("'2020-02-29'", "'2020-2-29'"), ("'1999-12-31'", "'1999-12-31 00:00:00'"), ("'2020-02-29'", "''"))),
    Kind("flags", "tinyint(1)", ("1", "0"), "INTEGER", ("1", "0"), close=(("1", "'1'"), ("0", "NULL"), ("1", "2"))),
    Kind("labels", "ENUM('small', 'large')", ("'small'", "'large'"), "TEXT", ("'small'", "'large'"),
         on_target_as=("enum_label", None), close=(("'small'", "'Small'"), ("'large'", "x'6c61726765'"))),
    Kind("doubles", "double", ("0.1e0", "5e-324"), "REAL", ("0.1", "5e-324"),
         close=(("0.1", "0.10000000000000002"), ("5e-324", "0.0"), ("0.1", "'0.1x'"))),
    Kind("bytes", "longblob", ("x'00ff'", "x''"), "BLOB", ("x'00ff'", "x''"),
         close=(("x'00ff'", "x'00fe'"), ("x''", "NULL"), ("x''", "''"))),
)  # fmt: skip

FROM_DUCKDB_TO_MARIADB = (
    *_texts("VARCHAR", "longtext"),
    Kind("huge", "HUGEINT", ("170141183460469231731687303715884105727", "-1"), "decimal(39,0)",
         ("170141183460469231731687303715884105727", "-1"),
         close=(("170141183460469231731687303715884105727", "170141183460469231731687303715884105726"), ("-1", "1"))),
    Kind("flags", "BOOLEAN", ("true", "false"), "tinyint(1)", ("1", "0"), on_target_as=("bool01", None),
         close=(("1", "0"), ("0", "NULL"), ("1", "-1"))),
    Kind("prices", "DECIMAL(38,10)", ("0.99", "1.5"), "decimal(38,10)", ("0.99", "1.5"),
         close=(("0.99", "0.9900000001"), ("1.5", "1.50"))),
    Kind("times", "TIME", ("TIME '10:00:00.000001'", "TIME '00:00:00'"), "time(6)", ("'10:00:00.000001'", "'00:00:00'"),
         close=(("'10:00:00.000001'", "'10:00:00'"), ("'00:00:00'", "'24:00:00'"), ("'00:00:00'", "'-00:00:01'"))),
    Kind("days", "DATE", ("DATE '2020-02-29'",), "date", ("'2020-02-29'",),
         close=(("'2020-02-29'", "'2020-02-28'"), ("'2020-02-29'", "'0000-00-00'"))),
    Kind("lists", "INTEGER[]", ("[1, NULL, 3]",), "longtext", ("'[1,null,3]'",),
         on_target_as=("structured_json", "list<number>"),
         close=(("'[1,null,3]'", "'[1,3,null]'"), ("'[1,null,3]'", "NULL"))),
    Kind("bytes", "BLOB", ("'\\x00\\xFF'::BLOB", "''::BLOB"), "longblob", ("x'00ff'", "x''"),
         close=(("x'00ff'", "x'00fe'"), ("x''", "NULL"))),
)  # fmt: skip

FROM_MARIADB_TO_DUCKDB = (
    *_texts("longtext", "VARCHAR"),
    Kind("counts", "bigint unsigned", ("18446744073709551615", "0"), "UBIGINT", ("18446744073709551615", "0"),
         close=(("18446744073709551615", "18446744073709551614"), ("0", "NULL"))),
    Kind("flags", "tinyint(1)", ("1", "0"), "BOOLEAN", ("true", "false"), ("bool01", None),
         close=(("true", "false"), ("false", "NULL"))),
    Kind("doubles", "double", ("0.1e0", "0e0"), "DOUBLE", ("0.1::DOUBLE", "0.0::DOUBLE"),
         close=(("0.1::DOUBLE", "0.10000000000000002::DOUBLE"), ("0.0::DOUBLE", "'-0.0'::DOUBLE"),
                ("0.1::DOUBLE", "'nan'::DOUBLE"))),
    Kind("moments", "datetime(6)", ("'2020-03-29 02:30:00.000001'",), "TIMESTAMP",
         ("TIMESTAMP '2020-03-29 02:30:00.000001'",),
         close=(("TIMESTAMP '2020-03-29 02:30:00.000001'", "TIMESTAMP '2020-03-29 02:30:00'"),
                ("TIMESTAMP '2020-03-29 02:30:00.000001'", "TIMESTAMP 'infinity'"))),
    Kind("instants", "timestamp NULL", ("'2020-03-29 02:30:00'",), "TIMESTAMPTZ",
         ("TIMESTAMPTZ '2020-03-29 02:30:00+00'",),
         close=(("TIMESTAMPTZ '2020-03-29 02:30:00+00'", "TIMESTAMPTZ '2020-03-29 04:30:00+02'"),
                ("TIMESTAMPTZ '2020-03-29 02:30:00+00'", "TIMESTAMPTZ '2020-03-29 02:30:00+02'"))),
    Kind("prices", "decimal(20,4)", ("0.9900", "-1.5"), "DECIMAL(20,4)", ("0.99", "-1.5"),
         close=(("0.99", "0.9901"), ("-1.5", "1.5"))),
    Kind("labels", "ENUM('small', 'large')", ("'small'", "'large'"), "VARCHAR", ("'small'", "'large'"),
         on_target_as=("enum_label", None), close=(("'small'", "'Small'"), ("'large'", "'large '"))),
    Kind("bytes", "longblob", (f"CAST({LONG}x' AS BINARY)", "x''"), "BLOB", (f"{LONG}x'::BLOB", "''::BLOB"),
         close=((f"{LONG}x'::BLOB", f"{LONG}y'::BLOB"), ("''::BLOB", "NULL"))),
)  # fmt: skip
