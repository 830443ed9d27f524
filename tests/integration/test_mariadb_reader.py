"""The core's own session with MariaDB against a real server, its values beside what was written."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from kora._core import MysqlConnection, mysql_rows
from kora.errors import (
    AccessDenied,
    ConnectionLost,
    EngineError,
    InvalidRequest,
    SenseiError,
    UnsupportedType,
)
from tests.mariadb_server import MariadbDatabase, MariadbServer, numbers
from tests.servers import PASSWORD, Certificates, free_port

IN_TLS = "SHOW STATUS LIKE 'Ssl_version'"
LARGE_BYTES = 40_000_000


@pytest.fixture
def session(mariadb_database: MariadbDatabase) -> Iterator[MysqlConnection]:
    connection = MysqlConnection(mariadb_database.settings)
    for statement in ("SET NAMES utf8mb4", "SET character_set_results = NULL", "SET time_zone = '+00:00'"):
        connection.execute(statement)
    yield connection
    connection.close()


@pytest.mark.parametrize(
    ("declared", "wire", "written", "kind", "text"),
    [
        ("bigint unsigned", "integer", "18446744073709551615", "integer", "18446744073709551615"),
        ("tinyint", "integer", "-128", "integer", "-128"),
        ("mediumint unsigned zerofill", "integer", "7", "integer", "7"),
        ("year", "integer", "1901", "integer", "1901"),
        ("decimal(65,30)", "decimal", "-" + "9" * 35 + "." + "9" * 30, "decimal", "-" + "9" * 35 + "." + "9" * 30),
        ("float", "float", "0.1", "float", "0.10000000149011612"),
        ("double", "float", "1.7976931348623157e308", "float", "1.7976931348623157e308"),
        ("bit(10)", "bit(10)", "b'1000000001'", "bit", "1000000001"),
        ("bit(64)", "bit(64)", "x'ffffffffffffffff'", "bit", "1" * 64),
        ("date", "date", "'9999-12-31'", "date", "9999-12-31"),
        ("date", "date", "'0000-00-00'", "impossible date", "0000-00-00"),
        ("date", "date", "'2020-02-31'", "impossible date", "2020-02-31"),
        ("datetime(6)", "datetime", "'2020-02-29 10:11:12.000001'", "timestamp", "2020-02-29 10:11:12.000001"),
        ("datetime", "datetime", "'2020-02-31 10:11:12'", "impossible timestamp", "2020-02-31 10:11:12"),
        ("timestamp null", "timestamp", "'2038-01-19 03:14:07'", "instant", "2038-01-19 03:14:07+00"),
        ("timestamp null", "timestamp", "'0000-00-00 00:00:00'", "impossible timestamp", "0000-00-00 00:00:00"),
        ("time(6)", "time", "'-838:59:58.999999'", "time", "-838:59:58.999999"),
        pytest.param("time(6)", "time", "'-838:59:59.999999'", "time", "-838:59:59.999999",
                     marks=pytest.mark.only_on("MariaDB")),
        ("time", "time", "'00:00:00'", "time", "00:00:00"),
        ("enum('a','b')", "enum:utf8mb4", "'zzz'", "integer", "0"),
        ("enum('a','b')", "enum:utf8mb4", "'b'", "enum", "b"),
        ("set('é','b')", "set:utf8mb4", "'b,é'", "set", '["é","b"]'),
        ("set('é','b')", "set:utf8mb4", "''", "set", "[]"),
        ("json", "json:utf8mb4", "'{\"a\": 1.0}'", "json", '{"a": 1.0}'),
        ("varbinary(3)", "bytes", "x'00ff'", "bytes", "00ff"),
        pytest.param("uuid", "uuid", "'123E4567-e89b-12d3-a456-426655440000'", "uuid",
                     "123e4567-e89b-12d3-a456-426655440000", marks=pytest.mark.only_on("MariaDB")),
        pytest.param("inet6", "inet", "'::1'", "inet", "::1", marks=pytest.mark.only_on("MariaDB")),
        ("point", "geometry", "ST_GeomFromText('POINT(1 2)', 3857)", "geometry",
         "SRID=3857;0101000000000000000000f03f0000000000000040"),
        ("varchar(9) charset latin1", "text:latin1", "'café €'", "text", "café €"),
        ("varchar(9) charset utf16", "text:utf16", "'🙂'", "text", "🙂"),
        ("varchar(9) charset sjis", "text:sjis", "'ソ'", "text", "ソ"),
        ("char(5)", "text:utf8mb4", "'ab  '", "text", "ab"),
        ("varchar(5)", "text:utf8mb4", "'ab  '", "text", "ab  "),
    ],
)  # fmt: skip
def test_each_type_arrives_as_what_it_is(
    mariadb_database: MariadbDatabase, session: MysqlConnection, declared: str, wire: str, written: str, kind: str,
    text: str,
) -> None:  # fmt: skip
    mariadb_database.execute(
        "SET sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
        f"CREATE TABLE t (v {declared})",
        f"INSERT INTO t VALUES ({written}), (NULL)",
    )
    rows = mysql_rows(session, "SELECT v FROM t", [wire]).shown(3)
    assert rows == [[(kind, text)], [("null", None)]]


def test_every_byte_of_every_single_byte_set_is_what_the_server_takes_it_for(session: MysqlConnection) -> None:
    sets = [
        str(name)
        for (name,) in session.query(
            "SELECT CHARACTER_SET_NAME FROM information_schema.CHARACTER_SETS WHERE MAXLEN = 1"
            " AND CHARACTER_SET_NAME NOT IN ('binary', 'swe7')"
        )
    ]
    assert len(sets) > 20
    for charset in sets:
        each = {byte: f"_{charset} X'{byte:02x}'" for byte in range(256)}
        taken = {byte: one for byte, one in each.items() if takes(session, one)}
        assert len(taken) > 127
        asked = " UNION ALL ".join(f"SELECT {one}" for one in taken.values())
        found = mysql_rows(session, asked, [f"text:{charset}"]).shown(256)
        told = session.query(" UNION ALL ".join(f"SELECT HEX(CONVERT({one} USING utf8mb4))" for one in taken.values()))
        for byte, (((kind, text),), (expected,)) in zip(taken, zip(found, told, strict=True), strict=True):
            if kind == "text":
                assert (text or "").encode().hex().upper() == expected, (charset, byte)
            else:
                assert (kind, text) == ("undecodable text", f"{byte:02x}"), (charset, byte)


def takes(session: MysqlConnection, literal: str) -> bool:
    """MySQL takes no literal of bytes that its character set does not have; MariaDB takes any."""
    try:
        mysql_rows(session, f"SELECT {literal} UNION ALL SELECT {literal}", []).count()
    except EngineError:
        return False
    return True


def test_several_encodings_in_one_column_are_told_apart_value_by_value(
    mariadb_database: MariadbDatabase, session: MysqlConnection
) -> None:
    mariadb_database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v varbinary(20))",
        "INSERT INTO t VALUES (1, 'café'), (2, X'636166E9')",
        "ALTER TABLE t MODIFY v varchar(20) CHARACTER SET latin1",
    )
    rows = mysql_rows(session, "SELECT v FROM t ORDER BY id", ["text:latin1"]).shown(2)
    assert rows == [[("text", "cafÃ©")], [("text", "café")]]
    mixed = mysql_rows(session, "SELECT v FROM t ORDER BY id", ["text:utf8mb4"]).shown(2)
    assert mixed == [[("text", "café")], [("undecodable text", "636166e9")]]


def test_values_of_many_packets_arrive_whole_and_rows_behind_them_too(
    mariadb_database: MariadbDatabase, session: MysqlConnection
) -> None:
    full = 0xFFFFFF
    sizes = [LARGE_BYTES, full - 7, full - 6, full - 5, full, 1]
    mariadb_database.execute(
        "CREATE TABLE t (id int, v longblob)",
        *[f"INSERT INTO t VALUES ({size}, repeat('x', {size}))" for size in sizes],
    )
    rows = mysql_rows(session, "SELECT id, v FROM t", ["integer", "bytes"]).shown(10)
    assert [(int(row[0][1] or 0), len(row[1][1] or "") // 2) for row in rows] == [(size, size) for size in sizes]


@pytest.mark.parametrize(
    ("options", "encrypted"),
    [({}, True), ({"ssl-mode": "DISABLED"}, False), ({"ssl-mode": "REQUIRED"}, True)],
)
def test_the_line_is_encrypted_as_the_mode_says(
    mariadb_database: MariadbDatabase, options: dict[str, str], encrypted: bool
) -> None:
    connection = MysqlConnection({**mariadb_database.settings, **options})
    assert bool(connection.query(IN_TLS)[0][1]) is encrypted
    connection.close()


def test_a_certificate_is_checked_against_its_root_and_the_host(
    mariadb_server: MariadbServer, mariadb_database: MariadbDatabase, tmp_path: Path
) -> None:
    trusted = {"ssl-mode": "VERIFY_IDENTITY", "ssl-ca": str(mariadb_server.authority.root)}
    assert MysqlConnection({**mariadb_database.settings, **trusted}).query(IN_TLS)[0][1]
    stranger = Certificates(tmp_path / "stranger", "another authority")
    with pytest.raises(AccessDenied, match="UnknownIssuer"):
        MysqlConnection({**mariadb_database.settings, **trusted, "ssl-ca": str(stranger.root)})


def test_a_socket_needs_no_encryption(mariadb_database: MariadbDatabase) -> None:
    connection = MysqlConnection({**mariadb_database.settings, "socket": str(mariadb_database.socket)})
    assert connection.query("SELECT SUBSTRING_INDEX(USER(), '@', -1)") == [("localhost",)]


def test_logins_that_fail_say_why(mariadb_server: MariadbServer, mariadb_database: MariadbDatabase) -> None:
    settings = mariadb_database.settings
    with pytest.raises(AccessDenied, match="1045"):
        MysqlConnection({**settings, "password": "wrong"})
    with pytest.raises(EngineError, match="Unknown database"):
        MysqlConnection({**settings, "database": "nowhere"})
    with pytest.raises(ConnectionLost):
        MysqlConnection({**settings, "port": str(free_port())})


@pytest.mark.only_on("MariaDB")
def test_a_plugin_that_is_not_known_is_named(mariadb_server: MariadbServer, mariadb_database: MariadbDatabase) -> None:
    settings = mariadb_database.settings
    mariadb_server.execute(
        f"INSTALL SONAME 'auth_ed25519'; CREATE USER curve@'%' IDENTIFIED VIA ed25519 USING PASSWORD('{PASSWORD}')"
    )
    with pytest.raises(AccessDenied, match=r"client_ed25519.*not known here"):
        MysqlConnection({**settings, "user": "curve"})


def test_what_is_asked_wrongly_is_refused_and_the_session_lives_on(session: MysqlConnection) -> None:
    with pytest.raises(EngineError, match="1054") as refused:
        mysql_rows(session, "SELECT nobody", ["integer"])
    assert refused.value.sqlstate == "1054"
    with pytest.raises(InvalidRequest, match="2 types were named"):
        mysql_rows(session, "SELECT 1", ["integer", "integer"])
    with pytest.raises(InvalidRequest, match="protocol type"):
        mysql_rows(session, "SELECT 1", ["date"])
    with pytest.raises(UnsupportedType):
        mysql_rows(session, "SELECT 1", ["xml"])
    with pytest.raises(InvalidRequest, match="no rows"):
        mysql_rows(session, "DO 1", [])
    assert mysql_rows(session, "SELECT 1", ["integer"]).count() == 1


def test_a_statement_ends_the_stream_before_it_and_nothing_of_it_is_left(
    mariadb_database: MariadbDatabase, session: MysqlConnection
) -> None:
    mariadb_database.execute(f"CREATE TABLE t AS SELECT n FROM {numbers(200_000)}")
    stream = mysql_rows(session, "SELECT n FROM t ORDER BY n", ["integer"])
    assert session.query("SELECT 'here'") == [("here",)]
    with pytest.raises(InvalidRequest, match="ended this stream"):
        stream.count()
    left = mysql_rows(session, "SELECT n FROM t", ["integer"])
    assert not session.idle
    del left
    assert session.idle
    assert mysql_rows(session, "SELECT n FROM t", ["integer"]).count() == 200_000


def test_a_server_that_dies_in_mid_stream_is_a_lost_connection() -> None:
    with MariadbServer() as server:
        database = server.create_database()
        database.execute(f"CREATE TABLE t AS SELECT n, repeat('x', 1000) AS v FROM {numbers(100_000)}")
        session = MysqlConnection(database.settings)
        stream = mysql_rows(session, "SELECT n, v FROM t", ["integer", "text:utf8mb4"])
        server.stop("immediate")
        with pytest.raises(ConnectionLost):
            stream.count()
        with pytest.raises(SenseiError, match="no session"):
            session.query("SELECT 1")


def test_combinations_of_nulls_shift_no_value(mariadb_database: MariadbDatabase, session: MysqlConnection) -> None:
    """The NULL bitmap begins two bits in: nine columns cross its second byte."""
    columns = [f"c{number}" for number in range(9)]
    mariadb_database.execute(f"CREATE TABLE t ({', '.join(f'{name} int' for name in columns)})")
    patterns = list(product((True, False), repeat=9))[::7]
    rows = [[None if null else number for number, null in enumerate(pattern)] for pattern in patterns]
    values = ", ".join(f"({', '.join('NULL' if value is None else str(value) for value in row)})" for row in rows)
    mariadb_database.execute(f"INSERT INTO t VALUES {values}")
    found = mysql_rows(session, "SELECT * FROM t", ["integer"] * 9).shown(len(rows))
    texts = sorted([text for _, text in row] for row in found if all(text is not None for _, text in row))
    assert len(found) == len(rows)
    assert sorted(str([text for _, text in row]) for row in found) == sorted(
        str([None if value is None else str(value) for value in row]) for row in rows
    )
    assert texts == [[str(value) for value in row] for row in rows if None not in row]
