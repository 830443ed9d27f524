"""PostgreSQL's kinds. Source: the PostgreSQL 15 manual, chapter 8."""

from tests.corpus.kinds import JSONS, UUIDS, Kind, blobs, decimals, doubles, integers, quoted, singles, texts

_SPECIAL = quoted(("NaN", "Infinity", "-Infinity", "-0", "0", "2.5"))
_MOMENTS = (
    "0001-01-01 00:00:00",
    "1969-12-31 23:59:59.999999",
    "2000-02-29 12:30:00.000001",
    "9999-12-31 23:59:59.999999",
)


def _texts(*values: str) -> tuple[str, ...]:
    return quoted(values)


_NUMBERS = (
    Kind("smallint", "smallint", integers(-(2**15), 2**15 - 1), "number"),
    Kind("integer", "integer", integers(-(2**31), 2**31 - 1), "number"),
    Kind("bigint", "bigint", integers(-(2**63), 2**63 - 1), "number"),
    Kind("oid", "oid", integers(0, 2**32 - 1), "number"),
    Kind("xid8", "xid8", _texts("0", "18446744073709551615"), "number"),
    Kind("pg_lsn", "pg_lsn", _texts("0/0", "FFFFFFFF/FFFFFFFF"), "number", show="(v - '0/0'::pg_lsn)::text"),
    Kind("snapshot", "pg_snapshot", _texts("10:20:10,14,15", "1:1:"), "raw"),
    Kind("int2vector", "int2vector", _texts("1 -2 3", "0"), "vector"),
    Kind("boolean", "boolean", ("true", "false"), "boolean"),
    Kind("real", "real", quoted(singles()), "float"),
    Kind("real_special", "real", _SPECIAL, "float"),
    Kind("double", "double precision", quoted(doubles()), "float"),
    Kind("double_special", "double precision", _SPECIAL, "float"),
    Kind("numeric_12_2", "numeric(12,2)", decimals(12, 2), "number"),
    Kind("numeric_38_10", "numeric(38,10)", decimals(38, 10), "number"),
    Kind("numeric_65_30", "numeric(65,30)", decimals(65, 30), "number"),
    Kind("numeric_negative_scale", "numeric(5,-2)", ("1200", "-9999900", "0"), "number"),
    Kind("numeric_nan", "numeric(12,2)", ("'NaN'", "1.5"), "number"),
    Kind("numeric", "numeric", ("0", "1.10", "-0.000", "12345678901234567890.123456789", "1e-20"), "number"),
    Kind("numeric_vast", "numeric", ("1e130", "1e-130", "1e130 + 1", "9" * 70), "number"),
    Kind("numeric_special", "numeric", _texts("NaN", "Infinity", "-Infinity", "1.5"), "number"),
    Kind("money", "money", _texts("-92233720368547758.08", "92233720368547758.07", "0.01", "0"), "number",
         show="v::numeric::text"),
)  # fmt: skip

_STRINGS = (
    Kind("text", "text", quoted(texts()), "text"),
    Kind("varchar", "varchar(40)", quoted(value for value in texts() if len(value) <= 40), "text"),
    Kind("char", "char(4)", _texts("", "a", "ab  ", "abcd", "é", " a"), "text", show="v::text"),
    Kind("name", "name", _texts("", "a name", "é" * 31), "text"),
    Kind("one_byte_char", '"char"', ("'a'", "''", "'\\303'", "'\\377'"), "bytes",
         show="set_byte('\\x00'::bytea, 0, (v::int + 256) % 256)"),
    Kind("citext", "citext", _texts("Case", "case", "É"), "text", setup=("CREATE EXTENSION IF NOT EXISTS citext",)),
    Kind("xml", "xml", _texts("<a/>", '<a b="1">ß &amp; c</a>', "text only"), "text"),
    Kind("enum", "corpus_mood", _texts("sad", "it's", "", "Sad", "é "), "text",
         setup=("CREATE TYPE corpus_mood AS ENUM ('sad', 'it''s', '', 'Sad', 'é ')",)),
    Kind("enum_plain", "corpus_size", _texts("small", "large"), "text",
         setup=("CREATE TYPE corpus_size AS ENUM ('small', 'medium', 'large')",)),
    Kind("domain", "corpus_mail", _texts("a@b", "@"), "text",
         setup=("CREATE DOMAIN corpus_mail AS text CHECK (value LIKE '%@%')",)),
    Kind("bytea", "bytea", tuple(f"decode('{value.hex()}', 'hex')" for value in blobs()), "bytes"),
    Kind("bit", "bit(3)", ("B'101'", "B'000'"), "bit"),
    Kind("bit_long", "bit(80)", (f"B'{'10' * 40}'", f"B'{'0' * 80}'"), "bit"),
    Kind("varbit_9", "bit varying(9)", ("B''", "B'010'"), "bit"),
    Kind("varbit", "bit varying", ("B''", "B'0'", "B'00'", "B'0000000011'"), "bit"),
    Kind("uuid", "uuid", quoted(UUIDS), "uuid"),
    Kind("json", "json", quoted(JSONS), "json"),
    Kind("jsonb", "jsonb", quoted(value for value in JSONS if value != "1e400"), "json"),
    Kind("hstore", "hstore", _texts("a=>1, b=>NULL", "", '"k ""q"=>"v, w"'.replace('""', '\\"')), "nested",
         show="hstore_to_json(v)::text", setup=("CREATE EXTENSION IF NOT EXISTS hstore",)),
    Kind("tsvector", "tsvector", _texts("a:1A,2B b:2 'it''s'", ""), "raw"),
    Kind("tsquery", "tsquery", _texts("!(a & b:*A) <2> c", "x"), "raw"),
    Kind("jsonpath", "jsonpath", _texts("$.a[*] ? (@.b > 1)"), "text"),
    Kind("regclass", "regclass", _texts("pg_class"), "raw"),
)  # fmt: skip

_MOMENT_KINDS = (
    Kind("date", "date", _texts("0001-01-01", "1582-10-10", "1969-12-31", "2000-02-29", "9999-12-31"), "date"),
    Kind("date_far", "date", _texts("infinity", "-infinity", "0044-03-15 BC", "4714-11-24 BC", "5874897-12-31"),
         "date"),
    Kind("time", "time", _texts("00:00:00", "23:59:59.999999", "24:00:00", "12:00:00.000001"), "time"),
    Kind("timetz", "timetz", _texts("12:34:56.789+02", "24:00:00-15:59:59", "00:00:00+00:00:01", "10:34:56.789+00"),
         "timetz"),
    Kind("timestamp", "timestamp", quoted(_MOMENTS), "timestamp"),
    Kind("timestamp_3", "timestamp(3)", _texts("2000-02-29 12:30:00.001", "1969-12-31 23:59:59.999"), "timestamp"),
    Kind("interval_months", "interval year to month", _texts("3 years 2 mons", "-1 mon"), "interval"),
    Kind("timestamp_far", "timestamp", _texts("infinity", "-infinity", "4713-01-01 00:00:00 BC",
                                              "294246-12-31 23:59:59.999999"), "timestamp"),
    Kind("timestamp_last", "timestamp", _texts("294247-01-10 04:00:54.775806", "294247-01-10 04:00:54.775808",
                                               "294276-12-31 23:59:59.999999", "2020-01-01 00:00:00"), "timestamp"),
    Kind("timestamptz_last", "timestamptz", _texts("294270-02-28 23:59:59.5+00", "2020-01-01 00:00:00+00"), "instant"),
    Kind("timestamptz", "timestamptz", quoted(tuple(f"{moment}+00" for moment in _MOMENTS)), "instant"),
    Kind("timestamptz_far", "timestamptz", _texts("infinity", "-infinity", "0044-03-15 12:00:00+00 BC",
                                                  "20000-01-01 00:00:00+00"), "instant"),
    Kind("interval", "interval", _texts("0", "1 month", "30 days", "24 hours", "1 microsecond",
                                        "-1 year 2 mons -3 days 04:05:06.789"), "interval"),
    Kind("interval_vast", "interval", _texts("2147483647 mons -2147483648 days", "1 day"), "interval"),
)  # fmt: skip

_STRUCTURED = (
    Kind("inet", "inet", _texts("192.168.0.1/24", "0.0.0.0/0", "::ffff:1.2.3.4", "10.0.0.1", "2001:db8::1/64"),
         "network"),
    Kind("cidr", "cidr", _texts("10.0.0.0/8", "::/0", "10.0.0.1/32", "2001:db8::/32"), "network"),
    Kind("macaddr", "macaddr", _texts("08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"), "text"),
    Kind("macaddr8", "macaddr8", _texts("08:00:2b:01:02:03:04:05"), "text"),
    Kind("integer_array", "int[]", _texts("{1,NULL,-2147483648}", "{}", "{NULL}"), "nested", show="to_json(v)::text"),
    Kind("text_array", "text[]", _texts('{"a\\"b",NULL,"","NULL",ß}', "{}"), "nested", show="to_json(v)::text"),
    Kind("numeric_array", "numeric[]", _texts("{1.1,12345678901234567890123456789012345678901}", "{}"), "nested",
         show="to_json(v)::text"),
    Kind("array_of_arrays", "int[]", _texts("{{1,2},{3,4}}", "{}"), "nested", show="to_json(v)::text"),
    Kind("array_from_0", "int[]", _texts("[0:1]={7,8}", "{7,8}"), "bounded", show="v::text"),
    Kind("int4range", "int4range", _texts("[1,10]", "empty", "(,5)"), "range"),
    Kind("numrange", "numrange", _texts("(0.1,1.5]", "empty", "(,)"), "range"),
    Kind("daterange", "daterange", _texts("[2020-01-01,2020-12-31)", "[2020-01-01,infinity)"), "range"),
    Kind("int4multirange", "int4multirange", _texts("{[1,3),[7,)}", "{}"), "multirange"),
    Kind("composite", "corpus_place", ("ROW('High \"St\"', 5, 1.10)", "ROW('', NULL, NULL)"), "nested",
         setup=('CREATE TYPE corpus_place AS (street text, "the number" int, height numeric)',),
         show="to_json(v)::text"),
    Kind("composite_of_types", "corpus_stay", (
             "ROW('a@b', 'sad', ARRAY[1,2], ROW('Rue', 1, 2.50)::corpus_place, '[1.5,2)')",
             "ROW(NULL, 'it''s', '{}', NULL, 'empty')"), "nested",
         setup=("CREATE TYPE corpus_span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)",
                "CREATE TYPE corpus_stay AS (mail corpus_mail, mood corpus_mood, days int[], place corpus_place,"
                " span corpus_span)"),
         show="to_json(v)::text"),
    Kind("domain_not_null", "corpus_count", ("1", "7"), "number", nullable=False,
         setup=("CREATE DOMAIN corpus_count AS integer DEFAULT 7 NOT NULL CHECK (value > 0)",)),
    Kind("own_range", "corpus_span", _texts("[1.5,2)", "empty", "(,0.1]"), "range"),
    Kind("own_multirange", "corpus_multirange", _texts("{[1.5,2),[3,4)}", "{}"), "multirange",
         setup=("CREATE TYPE corpus_gap AS RANGE (SUBTYPE = numeric, MULTIRANGE_TYPE_NAME = corpus_multirange)",)),
    Kind("array_of_composites", "corpus_place[]", ("ARRAY[ROW('x', 1, 1.5)::corpus_place, NULL]", "'{}'"), "nested",
         show="to_json(v)::text"),
    Kind("point", "point", _texts("(1.5,-2)", "(1e300,0.1)"), "point"),
    Kind("polygon", "polygon", _texts("((0,0),(1,1))", "((1e300,0.1))"), "points"),
    Kind("path", "path", _texts("((0,0),(1,1))", "[(0,0),(1,1),(-2.5,3)]"), "points"),
    Kind("box", "box", _texts("(1,1),(0,0)"), "points"),
    Kind("circle", "circle", _texts("<(1,1),0.5>"), "points"),
)  # fmt: skip

KINDS = (*_NUMBERS, *_STRINGS, *_MOMENT_KINDS, *_STRUCTURED)
