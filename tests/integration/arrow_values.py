"""DuckDB literals at the edges of each type, with the kind and exact text that they must be read as."""

import json


def profile(columns: int, key: tuple[int, ...] = ()) -> str:
    """A comparison of `columns` columns without a rule."""
    pairs = [{"pair": f"p{index}", "policies": []} for index in range(columns)]
    body = {"format": "kora-profile-1", "pair": "t~t", "columns": pairs, "key": list(key), "unicode": "16.0"}
    return json.dumps(body)


EXTREMES = [
    ("BOOLEAN", "true", "boolean", "true"),
    ("BOOLEAN", "false", "boolean", "false"),
    ("TINYINT", "(-128)::TINYINT", "integer", "-128"),
    ("SMALLINT", "(-32768)::SMALLINT", "integer", "-32768"),
    ("INTEGER", "(-2147483648)::INTEGER", "integer", "-2147483648"),
    ("BIGINT", "'-9223372036854775808'::BIGINT", "integer", "-9223372036854775808"),
    ("UTINYINT", "255::UTINYINT", "integer", "255"),
    ("USMALLINT", "65535::USMALLINT", "integer", "65535"),
    ("UINTEGER", "4294967295::UINTEGER", "integer", "4294967295"),
    ("UBIGINT", "18446744073709551615::UBIGINT", "integer", "18446744073709551615"),
    (
        "HUGEINT",
        "'-170141183460469231731687303715884105728'::HUGEINT",
        "integer",
        "-170141183460469231731687303715884105728",
    ),
    (
        "HUGEINT",
        "170141183460469231731687303715884105727::HUGEINT",
        "integer",
        "170141183460469231731687303715884105727",
    ),
    (
        "UHUGEINT",
        "'340282366920938463463374607431768211455'::UHUGEINT",
        "decimal",
        "340282366920938463463374607431768211455",
    ),
    ("FLOAT", "0.1::FLOAT", "float", "0.10000000149011612"),
    ("FLOAT", "'-infinity'::FLOAT", "float", "-Infinity"),
    ("DOUBLE", "'nan'::DOUBLE", "float", "NaN"),
    ("DOUBLE", "'-0.0'::DOUBLE", "float", "-0.0"),
    ("DOUBLE", "'5e-324'::DOUBLE", "float", "5e-324"),
    ("DECIMAL(4,1)", "'-999.9'::DECIMAL(4,1)", "decimal", "-999.9"),
    ("DECIMAL(9,0)", "999999999::DECIMAL(9,0)", "decimal", "999999999"),
    ("DECIMAL(18,18)", "'0.999999999999999999'::DECIMAL(18,18)", "decimal", "0.999999999999999999"),
    (
        "DECIMAL(38,37)",
        "'-9.9999999999999999999999999999999999999'::DECIMAL(38,37)",
        "decimal",
        "-9.9999999999999999999999999999999999999",
    ),
    ("VARCHAR", "''", "text", ""),
    ("VARCHAR", "'a' || chr(0) || 'b'", "text", "a\0b"),
    ("VARCHAR", "repeat('żółw 🐢 ', 20)", "text", "żółw 🐢 " * 20),
    ("BLOB", "''::BLOB", "bytes", ""),
    ("BLOB", "'\\x00\\xFF'::BLOB", "bytes", "00ff"),
    ("DATE", "'infinity'::DATE", "temporal infinity", "infinity"),
    ("DATE", "'-infinity'::DATE", "temporal infinity", "-infinity"),
    ("DATE", "'0044-03-15 (BC)'::DATE", "date", "0044-03-15 BC"),
    ("DATE", "'5877642-06-25 (BC)'::DATE", "date", "5877642-06-25 BC"),
    ("DATE", "'5881580-07-10'::DATE", "date", "5881580-07-10"),
    ("TIME", "'24:00:00'::TIME", "time", "24:00:00"),
    ("TIME", "'23:59:59.999999'::TIME", "time", "23:59:59.999999"),
    ("TIME_NS", "'12:34:56.123456789'::TIME_NS", "time", "12:34:56.123456789"),
    ("TIME WITH TIME ZONE", "'24:00:00+15:59:59'::TIMETZ", "timetz", "24:00:00+15:59:59"),
    ("TIME WITH TIME ZONE", "'00:00:00.000001-15:59:59'::TIMETZ", "timetz", "00:00:00.000001-15:59:59"),
    ("TIMESTAMP", "'infinity'::TIMESTAMP", "temporal infinity", "infinity"),
    ("TIMESTAMP", "'-infinity'::TIMESTAMP", "temporal infinity", "-infinity"),
    ("TIMESTAMP", "'290309-12-22 (BC) 00:00:00'::TIMESTAMP", "timestamp", "290309-12-22 00:00:00 BC"),
    ("TIMESTAMP", "'1969-12-31 23:59:59.999999'::TIMESTAMP", "timestamp", "1969-12-31 23:59:59.999999"),
    ("TIMESTAMP_S", "'1969-12-31 23:59:59'::TIMESTAMP_S", "timestamp", "1969-12-31 23:59:59"),
    ("TIMESTAMP_S", "'infinity'::TIMESTAMP_S", "temporal infinity", "infinity"),
    ("TIMESTAMP_MS", "'1969-12-31 23:59:59.999'::TIMESTAMP_MS", "timestamp", "1969-12-31 23:59:59.999"),
    ("TIMESTAMP_NS", "'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS", "timestamp", "1969-12-31 23:59:59.999999999"),
    ("TIMESTAMP_NS", "'-infinity'::TIMESTAMP_NS", "temporal infinity", "-infinity"),
    ("TIMESTAMP WITH TIME ZONE", "'infinity'::TIMESTAMPTZ", "temporal infinity", "infinity"),
    ("TIMESTAMP WITH TIME ZONE", "'2020-02-29 12:00:00.5+02'::TIMESTAMPTZ", "instant", "2020-02-29 10:00:00.5+00"),
    ("INTERVAL", "INTERVAL '-1 month 2 days -0.000003 seconds'", "interval", "-1 mons 2 days -00:00:00.000003"),
    ("UUID", "'00112233-4455-6677-8899-aabbccddeeff'::UUID", "uuid", "00112233-4455-6677-8899-aabbccddeeff"),
    ("UUID", "'ffffffff-ffff-ffff-ffff-ffffffffffff'::UUID", "uuid", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("JSON", '\'{"b": 1,  "a": 1.0}\'::JSON', "json", '{"b": 1,  "a": 1.0}'),
    ("mood", "'łódź'::mood", "enum", "łódź"),
    ("mood", "''::mood", "enum", ""),
    ("BIT", "'10101'::BIT", "bit", "10101"),
    ("BIT", "'0000000011111111'::BIT", "bit", "0000000011111111"),
    ("BIT", "'011111111'::BIT", "bit", "011111111"),
]
