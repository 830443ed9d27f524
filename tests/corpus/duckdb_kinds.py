"""DuckDB's kinds. Source: the engine's own documentation, "Data Types"."""

from tests.corpus.kinds import JSONS, UUIDS, Kind, blobs, decimals, doubles, integers, quoted, singles, texts

_DATES = ("0001-01-01", "1582-10-10", "1969-12-31", "2000-02-29", "9999-12-31")
_MOMENTS = (
    "0001-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "2000-02-29 12:30:00.000001",
    "9999-12-31 23:59:59.999999",
)


def _typed(kind: str, values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"CAST({value} AS {kind})" for value in values)


def _blob(value: bytes) -> str:
    return f"from_hex('{value.hex()}')"


def _texts(*values: str) -> tuple[str, ...]:
    return quoted(values)


_INTEGERS = tuple(
    Kind(name.lower(), name, _typed(name, quoted(integers(low, high))), "number")
    for name, low, high in (
        ("TINYINT", -(2**7), 2**7 - 1), ("SMALLINT", -(2**15), 2**15 - 1), ("INTEGER", -(2**31), 2**31 - 1),
        ("BIGINT", -(2**63), 2**63 - 1), ("HUGEINT", -(2**127), 2**127 - 1), ("UTINYINT", 0, 2**8 - 1),
        ("USMALLINT", 0, 2**16 - 1), ("UINTEGER", 0, 2**32 - 1), ("UBIGINT", 0, 2**64 - 1),
        ("UHUGEINT", 0, 2**128 - 1),
    )
)  # fmt: skip

KINDS = (
    *_INTEGERS,
    Kind("hugeint_small", "HUGEINT", ("1", "-1", "9223372036854775808"), "number"),
    Kind("boolean", "BOOLEAN", ("true", "false"), "boolean"),
    Kind("float", "FLOAT", _typed("FLOAT", quoted(singles())), "float"),
    Kind("float_special", "FLOAT", _typed("FLOAT", _texts("nan", "inf", "-inf", "-0.0", "0.0", "2.5")), "float"),
    Kind("double", "DOUBLE", _typed("DOUBLE", quoted(doubles())), "float"),
    Kind("double_special", "DOUBLE", _typed("DOUBLE", _texts("nan", "inf", "-inf", "-0.0", "0.0", "2.5")), "float"),
    *(
        Kind(f"decimal_{p}_{s}", f"DECIMAL({p},{s})", _typed(f"DECIMAL({p},{s})", quoted(decimals(p, s))), "number")
        for p, s in ((4, 1), (9, 9), (18, 3), (38, 0), (38, 10), (38, 38))
    ),
    Kind("varchar", "VARCHAR", quoted(texts()), "text"),
    Kind("varchar_with_nul", "VARCHAR", ("'a' || chr(0) || 'b'", "chr(0)", "'plain'"), "text"),
    Kind("blob", "BLOB", tuple(_blob(value) for value in blobs()), "bytes"),
    Kind("date", "DATE", quoted(_DATES), "date"),
    Kind("date_far", "DATE", _texts("infinity", "-infinity", "0044-03-15 (BC)", "5877642-06-25 (BC)", "5881580-07-10",
                                    "2020-01-01"), "date"),
    Kind("time", "TIME", _texts("00:00:00", "23:59:59.999999", "24:00:00", "12:00:00.000001"), "time"),
    Kind("time_ns", "TIME_NS", _texts("00:00:00", "23:59:59.999999999", "12:00:00.000000001"), "time"),
    Kind("timetz", "TIMETZ", _texts("00:00:00+00", "12:30:00+02", "12:30:00.000001-15:59:59", "10:30:00+00"), "timetz"),
    Kind("timestamp", "TIMESTAMP", quoted(_MOMENTS), "timestamp"),
    Kind("timestamp_far", "TIMESTAMP", _texts("infinity", "-infinity", "0044-03-15 (BC) 12:00:00",
                                              "290309-12-22 (BC) 00:00:00", "294247-01-10 04:00:54.775806"),
         "timestamp"),
    Kind("timestamp_s", "TIMESTAMP_S", _texts("0001-01-01 00:00:00", "1969-12-31 23:59:59", "9999-12-31 23:59:59"),
         "timestamp"),
    Kind("timestamp_ms", "TIMESTAMP_MS", _texts("0001-01-01 00:00:00", "1969-12-31 23:59:59.999"), "timestamp"),
    Kind("timestamp_ns", "TIMESTAMP_NS", _texts("1677-09-21 00:12:44", "2020-01-01 00:00:00.000000001",
                                                "2262-04-11 23:47:16.854775806"), "timestamp"),
    Kind("timestamptz", "TIMESTAMPTZ", quoted(tuple(f"{moment}+00" for moment in _MOMENTS)), "instant"),
    Kind("timestamptz_far", "TIMESTAMPTZ", _texts("infinity", "-infinity", "0044-03-15 (BC) 12:00:00+00",
                                                  "2020-01-01 00:00:00+05:30"), "instant"),
    Kind("interval", "INTERVAL", _texts("0 days", "1 month", "30 days", "24 hours", "1 microsecond",
                                        "-1 year 2 months -3 days 04:05:06.789", "2147483647 months"), "interval"),
    Kind("uuid", "UUID", quoted(UUIDS), "uuid"),
    Kind("bit", "BIT", _typed("BIT", _texts("0", "1", "0101", "00101", "1" * 65, "0" * 8)), "bit"),
    Kind("enum", "ENUM('red', '', 'it''s', 'Red', 'é ')", _texts("red", "", "it's", "Red", "é "), "text"),
    Kind("json", "JSON", quoted(value for value in JSONS if value != "1e400"), "json"),
    Kind("list", "INTEGER[]", ("[1, NULL, -2147483648]", "[]", "[NULL]"), "nested"),
    Kind("list_of_text", "VARCHAR[]", ("['a', 'it''s', '', NULL, '\"q\"', 'NULL']", "[]"), "nested"),
    Kind("list_of_lists", "INTEGER[][]", ("[[1], [], NULL, [2, 3]]", "[]", "[[]]"), "nested"),
    Kind("array", "INTEGER[3]", ("[1, 2, 3]", "[NULL, 0, -1]"), "nested"),
    Kind("struct", "STRUCT(a INTEGER, \"b c\" VARCHAR)", ("{'a': 1, 'b c': 'x'}", "{'a': NULL, 'b c': ''}"), "nested"),
    Kind("struct_of_list", "STRUCT(l STRUCT(n BIGINT)[])", ("{'l': [{'n': 9007199254740993}, NULL]}", "{'l': []}"),
         "nested"),
    Kind("map", "MAP(VARCHAR, INTEGER)", ("MAP {'a': 1, '': NULL}", "MAP {}"), "map"),
    Kind("union", "UNION(n INTEGER, t VARCHAR)", ("union_value(n := 1)", "union_value(t := '1')"), "union",
         show="union_tag(v)::VARCHAR || ' ' || v::VARCHAR"),
)  # fmt: skip
