"""MariaDB's kinds. Source: MariaDB documentation, "Data Types". The session that builds them has a loose `sql_mode`."""

from tests.corpus.kinds import JSONS, UUIDS, Kind, blobs, decimals, doubles, integers, singles, texts

_DATES = ("0001-01-01", "1582-10-10", "1969-12-31", "2000-02-29", "9999-12-31")


def _utf8(values: tuple[str, ...]) -> tuple[str, ...]:
    """As hexadecimal digits, so that no mode of quoting changes them."""
    return tuple(f"_utf8mb4 x'{value.encode().hex()}'" if value else "''" for value in values)


def _bytes(values: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple(f"x'{value.hex()}'" for value in values)


def _texts(*values: str) -> tuple[str, ...]:
    return _utf8(values)


_INTEGERS = tuple(
    Kind(f"{name}{suffix}", f"{name}{' unsigned' if suffix else ''}", integers(low, high), "number")
    for name, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64))
    for suffix, low, high in (("", -(2 ** (bits - 1)), 2 ** (bits - 1) - 1), ("_unsigned", 0, 2**bits - 1))
)

_NUMBERS = (
    *_INTEGERS,
    Kind("zerofill", "int(6) unsigned zerofill", ("7", "123456789"), "number"),
    Kind("boolean", "tinyint(1)", ("0", "1"), "boolean"),
    Kind("tinyint_1_of_more", "tinyint(1)", ("0", "1", "2", "-128"), "number"),
    Kind("decimal_12_2", "decimal(12,2)", decimals(12, 2), "number"),
    Kind("decimal_65_30", "decimal(65,30)", decimals(65, 30), "number"),
    Kind("decimal_65_0", "decimal(65,0)", decimals(65, 0), "number"),
    Kind("decimal_unsigned", "decimal(5,2) unsigned", decimals(5, 2, signed=False), "number"),
    Kind("float", "float", tuple(value for value in singles() if not value.endswith("e38")), "float"),
    Kind("float_7_4", "float(7,4)", ("0.1", "123.4567", "-999.9999"), "float"),
    Kind("double", "double", doubles(), "float"),
    Kind("double_9_3", "double(9,3) unsigned", ("0.125", "123456.789"), "float"),
    Kind("double_negative_zero", "double", ("-0e0", "0e0", "2.5"), "float"),
    Kind("bit_1", "bit(1)", ("b'0'", "b'1'"), "bit"),
    Kind("bit_64", "bit(64)", (f"b'{'10' * 32}'", "b'0'", f"b'{'1' * 64}'"), "bit"),
    Kind("year", "year", ("1901", "2155", "0"), "number"),
)

_STRINGS = (
    Kind("longtext", "longtext", _utf8(texts()), "text"),
    Kind("varchar", "varchar(40)", _utf8(tuple(value for value in texts() if len(value) <= 40)), "text"),
    Kind("char", "char(4)", _texts("", "a", "abcd", "é", " a"), "text"),
    Kind("text_with_nul", "text", ("concat('a', char(0), 'b')", "'plain'"), "text"),
    Kind("latin1", "varchar(20) character set latin1", _texts("", "é€", "plain", "ÿ"), "text"),
    Kind("utf8mb3", "varchar(20) character set utf8mb3", _texts("漢字", "é", ""), "text"),
    Kind("ucs2", "varchar(20) character set ucs2", _texts("漢字", "é", ""), "text"),
    Kind("cp1251", "varchar(20) character set cp1251", _texts("Москва", ""), "text"),
    Kind("tinytext", "tinytext", _texts("", "x" * 255), "text"),
    Kind("text_own_size", "text", _texts("", "é" * 300), "text"),
    Kind("mediumtext", "mediumtext", _texts("", "é" * 200), "text"),
    Kind("tinyblob", "tinyblob", _bytes((b"", b"\x00" * 255)), "bytes"),
    Kind("mediumblob", "mediumblob", _bytes((b"", b"\xff" * 300)), "bytes"),
    Kind("longblob", "longblob", _bytes(blobs()), "bytes"),
    Kind("binary", "binary(4)", _bytes((b"", b"a", b"a\x00", b"abcd", b"\xff\xfe\xfd\xfc")), "bytes"),
    Kind("varbinary", "varbinary(300)", _bytes(tuple(value for value in blobs() if len(value) <= 300)), "bytes"),
    Kind("enum", "enum('red','','it''s','é x')", _texts("red", "", "it's", "é x"), "text"),
    Kind("enum_index_0", "enum('red','green')", ("'red'", "'no such label'", "'green'"), "text"),
    Kind("enum_label_0", "enum('red','0')", ("'red'", "'0'", "'no such label'"), "text"),
    Kind("enum_long", f"enum('short','{'long ' * 14}end')", _texts("short", "long " * 14 + "end"), "text"),
    Kind("set", "set('a','b','c d')", _texts("", "a", "a,c d", "a,b,c d"), "set"),
    Kind("json", "json", _utf8(tuple(value for value in JSONS if value != "1e400")), "json"),
    Kind("uuid", "uuid", tuple(f"'{value}'" for value in UUIDS), "uuid"),
    Kind("inet4", "inet4", _texts("0.0.0.0", "255.255.255.255", "10.0.0.1"), "network"),
    Kind("inet6", "inet6", _texts("::", "2001:db8::1", "::ffff:1.2.3.4"), "network"),
    Kind("point", "point", ("ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 2)', 4326)"), "geometry"),
    Kind("geometry", "geometry", ("ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')",
                                  "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))', 4326)"), "geometry"),
)  # fmt: skip

_MOMENTS = (
    Kind("date", "date", _texts(*_DATES), "date"),
    Kind("date_with_zero", "date", _texts("2020-01-31", "0000-00-00"), "date"),
    Kind("date_impossible", "date", _texts("2020-01-31", "0000-00-00", "2020-02-31", "2020-00-00", "0000-01-01"),
         "date"),
    Kind("datetime", "datetime", _texts("0001-01-01 00:00:00", "1969-12-31 23:59:59", "9999-12-31 23:59:59"),
         "timestamp"),
    Kind("datetime_6", "datetime(6)", _texts("1969-12-31 23:59:59.999999", "2000-02-29 12:30:00.000001"), "timestamp"),
    Kind("datetime_with_zero", "datetime", _texts("2020-01-31 10:00:00", "0000-00-00 00:00:00"), "timestamp"),
    Kind("datetime_impossible", "datetime(3)", _texts("2020-01-31 10:00:00.125", "2020-02-31 10:00:00.5",
                                                      "2020-00-00 00:00:00", "0000-01-01 23:59:59"), "timestamp"),
    Kind("timestamp_zero", "timestamp null", _texts("2020-01-01 00:00:00", "0000-00-00 00:00:00"), "instant"),
    Kind("timestamp", "timestamp null", _texts("1970-01-01 00:00:01", "2038-01-19 03:14:07"), "instant"),
    Kind("timestamp_6", "timestamp(6) null", _texts("2020-01-01 00:00:00.000001"), "instant"),
    Kind("time", "time", _texts("00:00:00", "23:59:59", "-00:00:01"), "time"),
    Kind("time_long", "time(6)", _texts("838:59:59.999999", "-838:59:59.999999", "24:00:00", "12:00:00"), "time"),
)  # fmt: skip

KINDS = (*_NUMBERS, *_STRINGS, *_MOMENTS)
