"""Rows into MariaDB: what arrives is what was sent, what cannot is named, and no server's mood changes that."""

import json
import struct
import threading
from collections.abc import Iterator
from contextlib import closing

import pymysql
import pytest

from appliance.loading.base import Checkpoint, Unit
from appliance.loading.checkpoints import create_statements
from appliance.loading.mariadb import NO_LOCAL_FILES, MariadbWriter
from appliance.loading.mariadb_session import MariadbSession
from appliance.loading.mariadb_target import SCRATCH_PREFIX, MariadbTarget
from kora import _core
from kora.catalog import Name
from kora.databases.address import Address
from kora.databases.secrets import Secret
from kora.errors import AccessDenied, Busy, ConnectionLost, EngineError, InvalidRequest
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import PASSWORD

KEY = _core.DigestKey(bytes(range(32)))
TABLE = Name("", "t")


@pytest.fixture(scope="module")
def unfriendly_server() -> Iterator[MariadbServer]:
    """Loose, without local files, with small packets: as somebody else's server may be."""
    settings = {"sql_mode": "", "local_infile": "OFF", "max_allowed_packet": "1M"}
    with MariadbServer(settings) as server:
        yield server


@pytest.fixture(params=["strict, by LOAD DATA", "loose, by INSERT"])
def database(request: pytest.FixtureRequest, mariadb_server: MariadbServer) -> MariadbDatabase:
    if request.param.startswith("strict"):
        return mariadb_server.create_database()
    made: MariadbServer = request.getfixturevalue("unfriendly_server")
    return made.create_database()


def target(database: MariadbDatabase, user: str = "", password: str = PASSWORD) -> MariadbTarget:
    address = Address(
        "mariadb", host=database.host, port=database.port, user=user or database.user, database=database.name
    )
    return MariadbTarget(address, Secret(password))


def connect(database: MariadbDatabase) -> pymysql.Connection:
    return pymysql.connect(
        host=database.host, port=database.port, user=database.user, password=database.password,
        database=database.name, autocommit=True,
    )  # fmt: skip


def prepared(database: MariadbDatabase, ddl: str) -> MariadbWriter:
    writer = target(database).writer()
    assert isinstance(writer, MariadbWriter)
    for _, sql, _ in create_statements("mariadb"):
        writer.execute(sql)
    writer.execute(
        f"CREATE TABLE t ({ddl}) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {database.build.byte_collation}"
    )
    return writer


def batch_of(rows: list[list[object]], types: list[str]) -> _core.Batch:
    columns = [{"pair": f"c{index}", "policies": []} for index in range(len(types))]
    body = {"format": "kora-profile-1", "pair": "t~t", "columns": columns, "key": [0], "unicode": "16.0"}
    loader = _core.Loader(_core.memory_rows(rows), json.dumps(body), "mysql_load_data", types, KEY)
    batch = loader.next_batch()
    assert batch is not None
    return batch


def unit(columns: int) -> Unit:
    return Unit("run", TABLE, 0, tuple(f"c{index}" for index in range(columns)))


def load(writer: MariadbWriter, rows: list[list[object]], types: list[str]) -> list[tuple[int, str, str]]:
    """Loads and commits; position, column and reason of what was refused."""
    made = unit(len(types))
    writer.begin(made)
    batch = batch_of(rows, types)
    refused = writer.write(batch, set())
    writer.commit(made, Checkpoint("t", 0, len(rows), "00"))
    return [(row.ordinal, row.column, row.reason) for row in refused]


ODD_TEXTS = ["", "\\N", "NULL", "a\tb\nc\r\\", "'\"`\0\x1a\b", "ż😀", "trailing ", "\\", "\\t", "%s %"]


def test_texts_and_bytes_arrive_as_they_are(database):
    rows = [[index, text, text.encode() + b"\xff\xfe\x00"] for index, text in enumerate(ODD_TEXTS)]
    rows.append([len(rows), None, None])
    with closing(prepared(database, "c0 INT PRIMARY KEY, c1 LONGTEXT, c2 LONGBLOB")) as writer:
        assert load(writer, rows, ["int", "longtext", "longblob"]) == []
    with closing(connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT c0, hex(c1), hex(c2) FROM t ORDER BY c0")
        found = [[number, *(None if part is None else bytes.fromhex(part) for part in rest)]
                 for number, *rest in cursor.fetchall()]  # fmt: skip
    assert found == [[n, text if text is None else text.encode(), data] for n, text, data in rows]


def test_doubles_arrive_bit_for_bit_and_zero_does_not_count_itself_up(database):
    doubles = [0.1, 5e-324, 1.7976931348623157e308, -2.2250738585072011e-308, 1 / 3, 123456789012345680.0]
    rows = [[index, value] for index, value in enumerate(doubles)]
    with closing(prepared(database, "c0 INT AUTO_INCREMENT PRIMARY KEY, c1 DOUBLE")) as writer:
        assert load(writer, rows, ["int", "double"]) == []
    with closing(connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT c0, c1 FROM t ORDER BY c0")
        found = [(number, struct.pack("<d", value)) for number, value in cursor.fetchall()]
    assert found == [(index, struct.pack("<d", value)) for index, value in enumerate(doubles)]


def test_uuids_bits_and_labels_arrive_as_themselves(database):
    uuid = "0b2f5b0e-8d5e-4b7b-9f57-0f3a2a3f8f10"
    ddl = (
        "c0 INT PRIMARY KEY, c1 /*M! UUID *//*!80000 CHAR(36) CHARACTER SET ascii */,"
        " c2 ENUM('a','','it''s','2'), c3 /*M! JSON *//*!80000 LONGTEXT */"
    )
    rows = [[1, uuid, "it's", '{"a": "\\u00e9\\n"}'], [2, None, "", "[1.0]"], [3, uuid, "2", None]]
    with closing(prepared(database, ddl)) as writer:
        assert load(writer, rows, ["int", "uuid", "enum('a','','it''s','2')", "json"]) == []
    assert database.query("SELECT c0, c1, c2, c2 + 0, hex(c3) FROM t ORDER BY c0") == [
        ("1", uuid, "it's", "3", b'{"a": "\\u00e9\\n"}'.hex().upper()),
        ("2", None, "", "2", b"[1.0]".hex().upper()),
        ("3", uuid, "2", "4", None),
    ]


def test_rows_that_the_server_refuses_are_named_and_all_others_are_in(database):
    rows: list[list[object]] = [[index, index, f"n{index}"] for index in range(300)]
    rows[7][1] = -5
    rows[150][0] = 149
    rows[299][2] = None
    ddl = "c0 INT PRIMARY KEY, c1 INT, c2 VARCHAR(10) NOT NULL, CONSTRAINT positive CHECK (c1 >= 0)"
    with closing(prepared(database, ddl)) as writer:
        refused = load(writer, rows, ["int", "int", "varchar(10)"])
    assert [(ordinal, column) for ordinal, column, _ in refused] == [(7, ""), (150, ""), (299, "c2")]
    assert "positive" in refused[0][2]
    assert "Duplicate entry '149'" in refused[1][2]
    assert database.query("SELECT count(*) FROM t") == [("297",)]


def test_keys_that_differ_in_case_or_blanks_alone_are_different_keys(database):
    ddl = "c0 VARCHAR(5) PRIMARY KEY"
    with closing(prepared(database, ddl)) as writer:
        assert load(writer, [["a"], ["A"], ["a "], ["á"]], ["varchar(5)"]) == []


def test_impossible_dates_arrive_under_every_sql_mode(database):
    with closing(prepared(database, "c0 INT PRIMARY KEY, c1 DATE")) as writer:
        writer.execute("INSERT INTO t VALUES (1, '0000-00-00'), (2, '2020-02-31')")
    assert database.query("SELECT c1 FROM t ORDER BY c0") == [("0000-00-00",), ("2020-02-31",)]


def test_a_rolled_back_unit_leaves_neither_rows_nor_checkpoint(database):
    with closing(prepared(database, "c0 INT PRIMARY KEY")) as writer:
        writer.begin(unit(1))
        writer.write(batch_of([[1], [2]], ["int"]), set())
        writer.rollback()
        assert writer.checkpoints("run") == {}
        assert load(writer, [[3], [4]], ["int"]) == []
        assert writer.checkpoints("run") == {("t", 0): Checkpoint("t", 0, 2, "00", (), "[]")}
    assert database.query("SELECT c0 FROM t") == [("3",), ("4",)]


def test_a_row_larger_than_a_packet_says_which_setting_to_raise(unfriendly_server):
    database = unfriendly_server.create_database()
    with closing(prepared(database, "c0 INT PRIMARY KEY, c1 LONGTEXT")) as writer:
        with pytest.raises(Busy, match="max_allowed_packet is 1,048,576") as caught:
            load(writer, [[1, "x" * (1 << 20)]], ["int", "longtext"])
        assert "SET GLOBAL max_allowed_packet = 2097152" in caught.value.hint
        writer.rollback()


def test_a_server_without_local_files_is_told_of_before_the_load(unfriendly_server, mariadb_database):
    assert target(unfriendly_server.create_database()).preflight(0, ()) == (NO_LOCAL_FILES,)
    assert target(mariadb_database).preflight(0, ()) == ()


def test_a_server_that_asks_for_a_file_gets_none(mariadb_database, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("1\n")
    with closing(prepared(mariadb_database, "c0 INT")) as writer, pytest.raises(EngineError, match="asked for a file"):
        writer.execute(f"LOAD DATA LOCAL INFILE '{secret}' INTO TABLE t")
    assert mariadb_database.query("SELECT count(*) FROM t") == [("0",)]


def test_a_foreign_key_that_is_not_there_can_be_dropped_and_anything_else_cannot(mariadb_database):
    ours = "ALTER TABLE /*M! IF EXISTS */ `{}` DROP FOREIGN KEY /*M! IF EXISTS */ `k`"
    with closing(prepared(mariadb_database, "c0 INT PRIMARY KEY, c1 INT")) as writer:
        writer.execute(ours.format("t"))
        writer.execute(ours.format("nowhere"))
        writer.execute("ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (c1) REFERENCES t (c0)")
        writer.execute(ours.format("t"))
        with pytest.raises(EngineError):
            writer.execute("ALTER TABLE t DROP KEY k2")
    keys = "SELECT count(*) FROM information_schema.referential_constraints WHERE constraint_schema = DATABASE()"
    assert mariadb_database.query(keys) == [("0",)]


def test_a_lock_that_another_session_holds_is_busy(mariadb_database):
    with (
        closing(prepared(mariadb_database, "c0 INT PRIMARY KEY")) as writer,
        closing(connect(mariadb_database)) as other,
    ):
        other.begin()
        other.cursor().execute("INSERT INTO t VALUES (1)")
        writer.execute("SET SESSION innodb_lock_wait_timeout = 1")
        with pytest.raises(Busy, match="Lock wait timeout") as caught:
            load(writer, [[1], [2]], ["int"])
        assert "sensei resume" in caught.value.hint
        writer.rollback()
        assert writer.checkpoints("run") == {}


def test_a_unit_that_a_surviving_session_holds_is_waited_for_and_not_doubled(mariadb_database):
    with (
        closing(prepared(mariadb_database, "c0 INT PRIMARY KEY")) as first,
        closing(target(mariadb_database).writer()) as second,
    ):
        first.begin(unit(1))
        first.write(batch_of([[1]], ["int"]), set())
        commits = threading.Timer(0.2, lambda: first.commit(unit(1), Checkpoint("t", 0, 1, "00")))
        commits.start()
        with pytest.raises(Busy, match="was committed meanwhile"):
            second.begin(unit(1))
        commits.join()
        second.rollback()
    assert mariadb_database.query("SELECT c0 FROM t") == [("1",)]


def test_a_cut_line_is_a_lost_connection_and_nothing_of_the_unit_remains(mariadb_database):
    with closing(prepared(mariadb_database, "c0 INT PRIMARY KEY")) as writer:
        writer.begin(unit(1))
        writer.write(batch_of([[1], [2]], ["int"]), set())
        [(session,)] = mariadb_database.query(
            f"SELECT id FROM information_schema.processlist WHERE db = '{mariadb_database.name}' AND command = 'Sleep'"
        )
        mariadb_database.execute(f"KILL {session}")
        with pytest.raises(ConnectionLost) as caught:
            writer.commit(unit(1), Checkpoint("t", 0, 2, "00"))
        assert caught.value.exit_code == 4
        writer.rollback()
    assert mariadb_database.query("SELECT count(*) FROM t") == [("0",)]


def test_a_rehearsal_leaves_nothing_behind_and_sweeps_what_a_killed_one_left(mariadb_database):
    ours = target(mariadb_database)
    left, somebody_elses = f"{SCRATCH_PREFIX}0123456789ab", f"{SCRATCH_PREFIX}notes"
    mariadb_database.execute(f"CREATE DATABASE {left}", f"CREATE DATABASE {somebody_elses}")
    like = "SHOW DATABASES LIKE '\\_sensei%'"
    with ours.scratch() as execute:
        execute("CREATE TABLE t (a INT)")
        [(running,)] = set(mariadb_database.query(like)) - {(somebody_elses,)}
        assert running != left
        target(mariadb_database).sweep()
        execute("INSERT INTO t VALUES (1)")
    assert mariadb_database.query(like) == [(somebody_elses,)]
    mariadb_database.execute(f"DROP DATABASE {somebody_elses}")


def test_missing_rights_are_named_with_the_grant(mariadb_server, mariadb_database):
    name = mariadb_database.name
    mariadb_server.execute(f"CREATE USER reader@'%' IDENTIFIED BY 'r'; GRANT SELECT ON {name}.* TO reader@'%'")
    with pytest.raises(AccessDenied, match="lacks INSERT, UPDATE") as caught:
        target(mariadb_database, "reader", "r").preflight(0, ())
    assert f"ON `{name}`.* TO 'reader'@'%'" in caught.value.hint
    mariadb_server.execute(f"GRANT ALL ON {name}.* TO reader@'%'")
    assert target(mariadb_database, "reader", "r").preflight(0, ()) == ()
    with pytest.raises(AccessDenied) as caught, target(mariadb_database, "reader", "r").scratch():
        pass
    assert r"GRANT ALL ON `\_sensei\_scratch\_%`.* TO 'reader'@'%'" in caught.value.hint
    mariadb_server.execute(caught.value.hint)
    with target(mariadb_database, "reader", "r").scratch() as execute:
        execute("CREATE TABLE t (a INT)")
    mariadb_server.execute("DROP USER reader@'%'")


@pytest.mark.parametrize(
    ("changed", "error"), [({"password": "wrong"}, AccessDenied), ({"user": "nobody"}, AccessDenied)]
)
def test_a_login_that_is_refused_says_so_without_the_password(mariadb_database, changed, error):
    with pytest.raises(error) as caught:
        target(mariadb_database, **changed).preflight(0, ())
    assert "wrong" not in caught.value.message


def test_a_database_that_is_not_there_and_a_server_that_is_not(mariadb_server):
    nowhere = MariadbDatabase("127.0.0.1", mariadb_server.port, mariadb_server.socket, "nowhere")
    with pytest.raises(InvalidRequest, match="nowhere"):
        target(nowhere).preflight(0, ())
    with pytest.raises(ConnectionLost):
        target(MariadbDatabase("127.0.0.1", 1, mariadb_server.socket, "x")).preflight(0, ())


def test_the_settings_of_a_session_are_ours_whatever_the_server_says(unfriendly_server):
    with closing(MariadbSession(target(unfriendly_server.create_database())._connect)) as session:
        [(mode, zone, checks)] = session.query("SELECT @@sql_mode, @@time_zone, @@foreign_key_checks")
    assert "STRICT_ALL_TABLES" in mode
    assert "NO_AUTO_VALUE_ON_ZERO" in mode
    assert (zone, int(checks)) == ("+00:00", 1)
