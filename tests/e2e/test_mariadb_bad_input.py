"""What goes wrong between a user's hands and MariaDB, as a source and as a target: messages, hints and exit codes."""

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pymysql
import pytest

from tests.e2e.migrating import Said, file_url, migrate, run_kora, run_sensei
from tests.faults.sensei import Sensei
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import PASSWORD, free_port

pytestmark = pytest.mark.usefixtures("sensei_home")
LOOSE, STRICT = "''", "'ANSI,TRADITIONAL,NO_ZERO_DATE,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'"
SHOP = (
    "SET sql_mode = ''",
    "CREATE TABLE customer (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40) NOT NULL, code CHAR(5))",
    "INSERT INTO customer VALUES (1, 'Ada', 'ab'), (2, 'it''s \"odd\" \\\\ back', ''), (7, 'Ω 🙂', NULL)",
    "CREATE TABLE item (id BIGINT UNSIGNED PRIMARY KEY, customer_id INT NULL REFERENCES customer (id), born DATE,"
    " price DECIMAL(10,2) NOT NULL DEFAULT 1.5, size ENUM('small','large'))",
    "INSERT INTO item VALUES (1, 1, '2020-02-29', 0.99, 'small'), (18446744073709551615, 7, NULL, -1, 'large')",
)


@pytest.fixture
def shop(mariadb_database: MariadbDatabase) -> MariadbDatabase:
    """A small, harmless source."""
    mariadb_database.execute(*SHOP)
    return mariadb_database


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A small source elsewhere."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(
            "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
            "INSERT INTO customer VALUES (0, ''), (1, 'it''s \"odd\" \\ back'), (2, 'trailing ');"
            "CREATE TABLE item (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), born TEXT);"
            "INSERT INTO item VALUES (1, 1, '2020-02-29'), (2, 2, '2021-01-01');"
        )
    return file_url("sqlite", tmp_path / "shop.db")


@pytest.fixture(scope="module")
def own_server() -> Iterator[MariadbServer]:
    """A server whose settings a test may change for all sessions; each puts them back."""
    with MariadbServer() as server:
        yield server


def login(server: MariadbServer, user: str, *grants: str) -> None:
    """A fresh account; its password is its name."""
    server.login(user, user, *grants)


def refused(said: Said, code: int, message: str, hint: str) -> None:
    """One error and its hint, nothing on stdout."""
    assert (said.code, said.out) == (code, ""), said.err
    assert said.err.count("error: ") == 1
    assert message in said.err
    assert hint in said.err.split("hint: ", 1)[1]


# --- logins ----------------------------------------------------------------------------------------------------------


def test_a_source_that_refuses_the_login_is_told_of_without_the_password(shop, tmp_path):
    target = file_url("duckdb", tmp_path / "t.duckdb")
    said = migrate(shop.url_as(shop.user, "guessed wrong"), target)
    refused(said, 2, "Access denied for user", "check user, password")
    assert "guessed" not in said.err
    assert not (tmp_path / "t.duckdb").exists()


def test_a_source_database_that_is_not_there_is_named(shop, tmp_path):
    nowhere = shop.url.replace(shop.name, "no_such_database")
    refused(migrate(nowhere, file_url("duckdb", tmp_path / "t")), 2, "no_such_database", "SHOW DATABASES")


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_server_that_is_down_is_an_operational_error(file, tmp_path, side):
    down = f"mariadb://me:x@127.0.0.1:{free_port()}/db"
    said = migrate(down, file_url("duckdb", tmp_path / "t")) if side == "source" else migrate(file, down)
    refused(said, 4, "127.0.0.1", "check ")


def test_each_missing_right_is_named_with_a_grant_that_mends_it_as_it_stands(file, mariadb_server, mariadb_database):
    login(mariadb_server, "clerk", f"SELECT ON {mariadb_database.name}.*")
    url = mariadb_database.url_as("clerk", "clerk")
    hints = []
    for _ in range(3):
        said = migrate(file, url)
        if said.code == 0:
            break
        assert (said.code, said.out) == (2, ""), said.err
        hint = said.err.split("hint: ", 1)[1].strip()
        assert hint.startswith("GRANT "), said.err
        mariadb_server.execute(hint)
        hints.append(hint)
    assert (said.code, said.verdict) == (0, "equivalent")
    assert len(hints) == 2
    assert f"ON `{mariadb_database.name}`.* TO 'clerk'@'%';" in "".join(hints)


def test_a_read_only_server_is_refused_before_anything_is_read(file, own_server):
    database = own_server.create_database()
    login(own_server, "writer", f"ALL ON {database.name}.*", "ALL ON `\\_sensei\\_scratch\\_%`.*")
    own_server.execute("SET GLOBAL read_only = ON")
    try:
        said = migrate(file, database.url_as("writer", "writer"))
    finally:
        own_server.execute("SET GLOBAL read_only = OFF")
    refused(said, 2, "read-only", "read_only = OFF")
    assert "profile" not in said.err
    assert migrate(file, database.url_as("writer", "writer")).code == 0


# --- what a source's login may not do --------------------------------------------------------------------------------


SEES_ALL = "SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE"


def test_a_login_that_sees_everything_of_the_database_moves_it_all(shop, mariadb_server, tmp_path):
    login(mariadb_server, "looker", f"{SEES_ALL} ON {shop.name}.*")
    said = migrate(shop.url_as("looker", "looker"), file_url("duckdb", tmp_path / "t.duckdb"))
    assert (said.code, said.verdict, said.rows) == (0, "equivalent", 5), said.err


def test_a_login_that_may_only_select_is_told_what_it_does_not_see_and_nothing_is_proven(
    shop, mariadb_server, tmp_path
):
    shop.execute("CREATE PROCEDURE nightly() SELECT 1", "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1")
    login(mariadb_server, "looker", f"SELECT ON {shop.name}.*")
    target = file_url("duckdb", tmp_path / "t.duckdb")
    said = migrate(shop.url_as("looker", "looker"), target)
    assert (said.code, said.verdict, said.rows) == (3, "not_proven", 5), said.err
    assert hidden(said) == ["events", "routines", "triggers, foreign keys, checks", "views"]
    proof = run_kora("verify", shop.url_as("looker", "looker"), target, "--json")
    assert (proof.code, hidden(proof)) == (3, hidden(said))


def test_tables_and_columns_that_a_login_has_no_right_to_are_never_called_equal(shop, mariadb_server, tmp_path):
    login(mariadb_server, "part", f"SELECT (id) ON {shop.name}.customer", f"SELECT (id) ON {shop.name}.item")
    url = shop.url_as("part", "part")
    said = migrate(url, file_url("duckdb", tmp_path / "t.duckdb"))
    assert (said.code, said.verdict) == (3, "not_proven"), said.err
    assert "tables and columns" in hidden(said)
    whole = file_url("duckdb", tmp_path / "whole.duckdb")
    assert migrate(shop.url, whole).code == 0
    for pair in ((url, whole), (whole, url)):
        proof = run_kora("verify", *pair, "--json")
        assert proof.verdict != "equivalent"
        assert "tables and columns" in hidden(proof)


def hidden(said: Said) -> list[str]:
    """What the login was said not to see, where that stands in the verdict's way."""
    return sorted(
        item["name"]
        for item in said.body["not_checked"]
        if item["what"] == "hidden from this login" and item["blocking"]
    )


def test_a_table_that_the_login_may_not_read_is_named_and_never_equal(shop, mariadb_server, tmp_path):
    login(mariadb_server, "half", f"SELECT ON {shop.name}.customer", f"INSERT ON {shop.name}.item")
    said = migrate(shop.url_as("half", "half"), file_url("duckdb", tmp_path / "t.duckdb"))
    assert (said.code, said.verdict, said.losses) == (3, "not_proven", [("table", "table item")]), said.err
    assert "SELECT command denied" in said.body["losses"][0]["reason"]
    assert said.tables["customer"]["outcome"] == "match"


@pytest.mark.parametrize("engine", ["MyISAM", pytest.param("Aria", marks=pytest.mark.only_on("MariaDB"))])
def test_a_table_without_transactions_is_locked_while_it_is_read_or_proves_nothing(
    shop, mariadb_server, tmp_path, engine
):
    shop.execute(f"CREATE TABLE loose (id INT PRIMARY KEY) ENGINE = {engine}", "INSERT INTO loose VALUES (1), (2)")
    whole = migrate(shop.url, file_url("duckdb", tmp_path / "whole.duckdb"))
    assert (whole.code, whole.verdict, whole.rows) == (0, "equivalent", 7), whole.err
    login(mariadb_server, "looker", f"SELECT ON {shop.name}.*")
    weak = shop.url_as("looker", "looker")
    proof = run_kora("verify", weak, file_url("duckdb", tmp_path / "whole.duckdb"), "--json")
    assert (proof.code, proof.verdict) == (3, "not_proven")
    moved = migrate(weak, file_url("duckdb", tmp_path / "part.duckdb"))
    assert (moved.code, moved.verdict, moved.losses) == (3, "not_proven", [("table", "table loose")]), moved.err


def test_a_table_that_another_session_has_locked_is_waited_for_and_then_named(shop, monkeypatch, tmp_path):
    for patience in ("LOCK_PATIENCE_SECONDS", "READ_PATIENCE_SECONDS"):
        monkeypatch.setattr(f"kora.databases.mariadb.session.{patience}", 1)
    held, done = threading.Event(), threading.Event()

    def lock() -> None:
        with closing(
            pymysql.connect(host=shop.host, port=shop.port, user=shop.user, password=shop.password, database=shop.name)
        ) as connection:
            connection.cursor().execute("LOCK TABLES item WRITE")
            held.set()
            done.wait(60)

    locking = threading.Thread(target=lock)
    locking.start()
    assert held.wait(60)
    said = migrate(shop.url, file_url("duckdb", tmp_path / "t.duckdb"))
    done.set()
    locking.join()
    assert (said.code, said.out) == (4, ""), said.err
    assert "Lock wait timeout" in said.err


# --- servers with a will of their own --------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [LOOSE, STRICT], ids=["loose", "strict"])
def test_the_servers_sql_mode_changes_neither_what_is_read_nor_what_is_written(file, own_server, tmp_path, mode):
    source = own_server.create_database()
    source.execute(*SHOP, "CREATE TABLE odd (id INT PRIMARY KEY, d DATE, t VARCHAR(9))",
                   "INSERT INTO odd VALUES (0, '0000-00-00', 'a\\\\b'), (1, '2020-01-00', '')")  # fmt: skip
    before = own_server.create_database().query("SELECT @@GLOBAL.sql_mode")[0][0]
    own_server.execute(f"SET GLOBAL sql_mode = {mode}")
    try:
        targets = [own_server.create_database() for _ in range(2)]
        copied, written = migrate(source.url, targets[0].url), migrate(file, targets[1].url)
    finally:
        own_server.execute(f"SET GLOBAL sql_mode = '{before}'")
    assert (copied.code, copied.verdict, copied.losses) == (0, "equivalent", []), copied.err
    assert (written.code, written.verdict, written.losses) == (0, "equivalent", []), written.err
    assert targets[0].query("SELECT id, d, t FROM odd") == [
        ("0", "0000-00-00", "a\\\\b"), ("1", "2020-01-00", ""),
    ]  # fmt: skip
    assert targets[0].query("SELECT id, name, hex(code) FROM customer") == source.query(
        "SELECT id, name, hex(code) FROM customer"
    )
    assert targets[1].query("SELECT id, hex(name) FROM customer WHERE id = 2") == [("2", b"trailing ".hex().upper())]


def test_a_small_packet_at_the_source_is_no_obstacle_to_large_values(own_server, tmp_path):
    database = own_server.create_database()
    database.execute("CREATE TABLE t (id INT PRIMARY KEY, body LONGTEXT)",
                     "INSERT INTO t VALUES (1, repeat('x', 3000000)), (2, 'small')")  # fmt: skip
    before = database.query("SELECT @@GLOBAL.max_allowed_packet")[0][0]
    own_server.execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        said = migrate(database.url, file_url("duckdb", tmp_path / "t.duckdb"))
    finally:
        own_server.execute(f"SET GLOBAL max_allowed_packet = {before}")
    assert (said.code, said.verdict, said.rows) == (0, "equivalent", 2), said.err


@pytest.mark.parametrize("packet_bytes", [65_536, 16_384])
def test_a_small_packet_at_the_target_takes_thousands_of_small_rows(own_server, tmp_path, packet_bytes):
    with closing(sqlite3.connect(tmp_path / "many.db")) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", ((number, "x" * 40) for number in range(5_000)))
        connection.commit()
    database = own_server.create_database()
    before = database.query("SELECT @@GLOBAL.max_allowed_packet")[0][0]
    own_server.execute(f"SET GLOBAL net_buffer_length = 1024; SET GLOBAL max_allowed_packet = {packet_bytes}")
    try:
        said = migrate(file_url("sqlite", tmp_path / "many.db"), database.url)
    finally:
        own_server.execute(f"SET GLOBAL max_allowed_packet = {before}; SET GLOBAL net_buffer_length = DEFAULT")
    assert (said.code, said.verdict, said.rows) == (0, "equivalent", 5_000), said.err


# --- passwords -------------------------------------------------------------------------------------------------------


def test_no_password_stands_in_a_log_a_plan_or_the_list_of_processes(mariadb_server, mariadb_database, tmp_path):
    """Both sides are MariaDB, with a blank in the password, which a URL writes as %20."""
    mariadb_database.execute(*SHOP)
    target = mariadb_server.create_database()
    password = f"open {secrets.token_hex(8)}"
    mariadb_server.login("keeper", password, "ALL ON *.*")
    sensei, out, seen = Sensei(tmp_path / "sensei"), tmp_path / "proof", list[bytes]()
    urls = [database.url_as("keeper", password) for database in (mariadb_database, target)]
    running = sensei.start("migrate", *urls, "--yes", "--out", str(out))
    while running.is_alive():
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.append(process.read_bytes())
            except OSError:  # it has ended meanwhile
                continue
    result = running.finish()
    assert result.code == 0, result.err
    [(statements,)] = mariadb_database.query(
        "SELECT coalesce(group_concat(info), '') FROM information_schema.processlist"
    )
    files = [path for path in [*sensei.home.rglob("*"), *out.rglob("*")] if path.is_file()]
    assert len(files) > 5
    for form in (password.encode(), password.replace(" ", "%20").encode(), password.replace(" ", "+").encode()):
        assert not [line for line in seen if form in line]
        assert form not in result.out.encode() + result.err.encode() + str(statements).encode()
        assert not [file for file in files if form in file.read_bytes()]
    shown = run_sensei("plan", urls[0], file_url("duckdb", tmp_path / "p.duckdb"), "-o", tmp_path / "plan.yaml")
    assert shown.code == 0, shown.err
    assert password.split()[1] not in (tmp_path / "plan.yaml").read_text() + shown.out + shown.err
    assert PASSWORD not in (tmp_path / "plan.yaml").read_text()
