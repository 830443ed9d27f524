"""What goes wrong at a user's hands: each case with its message, its hint and its exit code."""

import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from tests.faults.sensei import KILLED, Finished, Sensei
from tests.full_disk import fill, small_disk
from tests.servers import Database, PostgresServer, free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sensei(tmp_path: Path) -> Sensei:
    return Sensei(tmp_path / "sensei")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small, harmless source."""
    return make_shop(tmp_path / "shop.db")


def make_shop(file: Path, items: int = 20) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
            "CREATE TABLE item (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer (id), note TEXT);"
            "CREATE VIEW named AS SELECT name FROM customer;"
        )
        connection.executemany("INSERT INTO customer VALUES (?, ?)", [(n, f"customer {n}") for n in range(1, 6)])
        rows = [(n, 1 + n % 5, f"note {n}") for n in range(items)]
        connection.executemany("INSERT INTO item VALUES (?, ?, ?)", rows)
        connection.commit()
    return file


def refused(result: Finished, code: int, message: str, hint: str) -> None:
    """Two lines on stderr, nothing on stdout."""
    assert result.code == code, result.err
    assert result.out == ""
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, result.err
    assert message in result.err
    assert hint in result.err.split("hint: ", 1)[1]
    assert "Traceback" not in result.err


def migrate(sensei: Sensei, source: object, target: object, *more: str) -> Finished:
    return sensei.run("migrate", str(source), str(target), "--yes", *more)


def sqlite_url(file: Path) -> str:
    return f"sqlite:///{file}"


def duckdb_url(file: Path) -> str:
    return f"duckdb:///{file}"


# --- sources ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda file: None, "source.db", "check"),
        (lambda file: file.mkdir(), "source.db is a folder", "check that the path"),
        (lambda file: file.write_bytes(os.urandom(40_960)), "or an encrypted one", "take a good copy"),
        (lambda file: (make_shop(file, 20_000), os.truncate(file, 20_480)), "source.db", "good copy"),
        (lambda file: file.write_bytes(b""), "source.db", "check"),
    ],
    ids=["missing", "folder", "encrypted", "truncated", "empty"],
)
def test_a_source_file_that_is_none_is_refused_by_name(sensei, tmp_path, make, message, hint):
    source, target = tmp_path / "source.db", tmp_path / "t.duckdb"
    make(source)
    refused(migrate(sensei, sqlite_url(source), duckdb_url(target)), 2, message, hint)
    assert not target.exists()


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("oracle://scott@host/orcl", "unknown scheme oracle://", "sqlite://"),
        ("nonsense", "names no database", "ENGINE:///PATH"),
        ("postgresql://host:seven/db", "is not a port", "1 to 65535"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(sensei, tmp_path, source, message, hint):
    refused(migrate(sensei, source, duckdb_url(tmp_path / "t.duckdb")), 2, message, hint)


def test_a_selection_that_matches_nothing_is_refused(sensei, shop, tmp_path):
    result = migrate(sensei, sqlite_url(shop), duckdb_url(tmp_path / "t.duckdb"), "--tables", "nothing*")
    refused(result, 2, "has no table to migrate", "sensei assess")


# --- servers ---------------------------------------------------------------------------------------------------------


def test_a_wrong_password_is_refused_and_not_repeated(sensei, shop, postgres_database: Database):
    url = Database({**postgres_database.settings, "password": "guessed wrong"}).url
    result = migrate(sensei, sqlite_url(shop), url)
    refused(result, 2, "password authentication failed", "check user, password")
    assert "guessed" not in result.err


def test_a_server_that_is_down_is_an_operational_error(sensei, shop):
    url = f"postgresql://me:{'x'}@127.0.0.1:{free_port()}/db"
    refused(migrate(sensei, sqlite_url(shop), url), 4, "127.0.0.1", "check that the server runs")


def test_a_missing_right_is_named_with_the_exact_grant(sensei, shop, postgres_database: Database):
    postgres_database.execute("DROP ROLE IF EXISTS clerk", "CREATE ROLE clerk LOGIN PASSWORD 'pencil'")
    name = postgres_database.settings["dbname"]
    clerk = Database({**postgres_database.settings, "user": "clerk", "password": "pencil"})
    result = migrate(sensei, sqlite_url(shop), clerk.url)
    refused(result, 2, f"clerk may not create schemas in {name}", f'GRANT CREATE ON DATABASE "{name}" TO "clerk";')
    postgres_database.execute(f'GRANT CREATE ON DATABASE "{name}" TO "clerk"')
    result = migrate(sensei, sqlite_url(shop), clerk.url)
    refused(result, 2, 'may not create tables in schema "public"', 'GRANT CREATE ON SCHEMA "public" TO "clerk";')
    postgres_database.execute('GRANT CREATE ON SCHEMA public TO "clerk"')
    assert migrate(sensei, sqlite_url(shop), clerk.url).code == 0


def test_a_read_only_server_is_refused_before_anything_is_read(sensei, shop, postgres_database: Database):
    name = postgres_database.settings["dbname"]
    postgres_database.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    result = migrate(sensei, sqlite_url(shop), postgres_database.url)
    refused(result, 2, f"{name} is read-only", "default_transaction_read_only = off")
    assert "profile" not in result.err


def test_the_password_stands_nowhere_but_in_the_url_as_typed(sensei, shop, postgres_database: Database, tmp_path):
    out, password = tmp_path / "proof", f"open {secrets.token_hex(8)}"
    postgres_database.execute("DROP ROLE IF EXISTS keeper", f"CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '{password}'")
    url = Database({**postgres_database.settings, "user": "keeper", "password": password}).url
    running = sensei.start("migrate", sqlite_url(shop), url, "--yes", "--out", str(out))
    seen = []
    while running.process.is_alive():
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = process.read_bytes()
            except OSError:  # it has ended meanwhile
                continue
            seen.append(line)
    result = running.finish()
    assert result.code == 0, result.err
    for form in (password.encode(), password.replace(" ", "%20").encode()):
        assert not [line for line in seen if form in line]
        assert form not in result.out.encode() + result.err.encode()
        for file in [*sensei.home.rglob("*"), *out.rglob("*")]:
            assert not file.is_file() or form not in file.read_bytes(), file


# --- targets ---------------------------------------------------------------------------------------------------------


def test_a_target_that_is_not_empty_is_refused_unless_told_otherwise(sensei, shop, tmp_path):
    target = tmp_path / "t.duckdb"
    with closing(duckdb.connect(str(target))) as connection:
        connection.execute("CREATE TABLE older AS SELECT 7 AS answer")
    result = migrate(sensei, sqlite_url(shop), duckdb_url(target))
    refused(result, 2, "is not empty: 1 objects, first table main.older", "--into-existing")
    assert migrate(sensei, sqlite_url(shop), duckdb_url(target), "--into-existing").code == 0
    with closing(duckdb.connect(str(target), read_only=True)) as connection:
        assert connection.execute("SELECT answer FROM older").fetchall() == [(7,)]
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (20,)


def test_a_name_that_is_taken_is_refused_always(sensei, shop, tmp_path):
    target = tmp_path / "t.db"
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("CREATE TABLE Item (other TEXT)")
    refused(migrate(sensei, sqlite_url(shop), sqlite_url(target)), 2, "is not empty", "--into-existing")
    result = migrate(sensei, sqlite_url(shop), sqlite_url(target), "--into-existing")
    refused(result, 2, "already has table item", "rename")
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT count(*) FROM Item").fetchone() == (0,)


def test_a_run_killed_before_it_looked_still_refuses_a_taken_name(sensei, shop, tmp_path):
    target = tmp_path / "t.db"
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("CREATE TABLE item (id INTEGER, customer_id INTEGER, note TEXT)")
    fault = "journal.finish_plan.after_commit"
    killed = sensei.run("migrate", sqlite_url(shop), sqlite_url(target), "--into-existing", fault=fault)
    assert killed.code == KILLED
    refused(sensei.run("resume", sensei.only_run), 2, "already has table item", "rename")
    assert sensei.run("discard", sensei.only_run).code == 0
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT count(*) FROM item").fetchone() == (0,)


@pytest.mark.parametrize("url", [sqlite_url, duckdb_url])
def test_a_target_in_no_folder_is_refused(sensei, shop, tmp_path, url):
    refused(migrate(sensei, sqlite_url(shop), url(tmp_path / "no" / "t.db")), 2, "no such folder", "mkdir -p")


@pytest.mark.parametrize("url", [sqlite_url, duckdb_url])
def test_a_target_that_is_a_folder_is_refused(sensei, shop, tmp_path, url):
    (tmp_path / "folder").mkdir()
    refused(migrate(sensei, sqlite_url(shop), url(tmp_path / "folder")), 2, "folder", "name")


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "parquet"])
def test_a_target_that_this_user_may_not_write_is_refused(shop, tmp_path, engine):
    tmp_path.chmod(0o755)
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    home = tmp_path / "home"
    home.mkdir()
    arguments = ["migrate", sqlite_url(shop), f"{engine}:///{folder}/t.db", "--yes"]
    command = [sys.executable, "-m", "appliance.cli", *arguments]
    if os.geteuid() == 0:
        reachable = Path("/tmp/sensei-bad-input") / tmp_path.name
        reachable.mkdir(parents=True, exist_ok=True)
        shutil.copy(shop, reachable / "shop.db")
        (reachable / "locked").mkdir(mode=0o555, exist_ok=True)
        home = reachable / "home"
        home.mkdir(exist_ok=True)
        for path in (reachable, home):
            path.chmod(0o777)
        arguments = ["migrate", f"sqlite:///{reachable}/shop.db", f"{engine}:///{reachable}/locked/t.db", "--yes"]
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        command += [sys.executable, "-m", "appliance.cli", *arguments]
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60,
            env={**os.environ, "SENSEI_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    finally:
        shutil.rmtree(Path("/tmp/sensei-bad-input") / tmp_path.name, ignore_errors=True)
    refused(Finished(done.returncode, done.stdout, done.stderr), 2, "read-only for this user", "choose another target")


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "parquet"])
def test_a_target_on_a_read_only_mount_is_refused(sensei, shop, tmp_path, engine):
    with small_disk(tmp_path / "disk", 32) as disk:
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True, capture_output=True)
        result = migrate(sensei, sqlite_url(shop), f"{engine}:///{disk}/t.db")
        refused(result, 2, "read-only for this user", "choose another target")
        assert "profile" not in result.err


def test_two_runs_into_one_target_do_not_meet(sensei, shop, tmp_path):
    target = duckdb_url(tmp_path / "t.duckdb")
    first = sensei.start("migrate", sqlite_url(shop), target, "--yes")
    first.wait_for("journal.start_load.after_commit")
    os.kill(first.pid, signal.SIGSTOP)
    try:
        refused(migrate(sensei, sqlite_url(shop), target), 4, "another run is writing to", "wait for it to end")
    finally:
        os.kill(first.pid, signal.SIGCONT)
    assert first.finish().code == 0


# --- full disks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "parquet"])
def test_a_target_disk_that_fills_up_stops_the_run_and_resume_goes_on(sensei, tmp_path, engine):
    source = make_shop(tmp_path / "shop.db", 60_000)
    with small_disk(tmp_path / "disk", 64) as disk:
        target = f"{engine}:///{disk}/t.db"
        running = sensei.start("migrate", sqlite_url(source), target, "--yes", "--chunk-size-bytes", "65536")
        running.wait_for("load.commit.after", 2)
        os.kill(running.pid, signal.SIGSTOP)
        ballast = fill(disk)
        os.kill(running.pid, signal.SIGCONT)
        refused(running.finish(), 4, "full", "sensei resume")
        refused(sensei.run("resume", sensei.only_run), 4, "MiB needed", "free some disk space")
        ballast.unlink()
        resumed = sensei.run("resume", sensei.only_run)
        # Files have no indexes and checks: that is a loss, which nobody has approved here.
        assert resumed.code == (5 if engine == "parquet" else 0), resumed.err


def test_a_full_state_folder_stops_the_run_and_resume_goes_on(tmp_path):
    source = make_shop(tmp_path / "shop.db", 60_000)
    with small_disk(tmp_path / "sensei", 16) as disk:
        sensei = Sensei(disk)
        target = duckdb_url(tmp_path / "t.duckdb")
        running = sensei.start("migrate", sqlite_url(source), target, "--yes", "--chunk-size-bytes", "65536")
        running.wait_for("journal.created.after_commit")
        os.kill(running.pid, signal.SIGSTOP)
        ballast = fill(disk / "home")
        os.kill(running.pid, signal.SIGCONT)
        running.process.join()
        ballast.unlink()
        assert running.process.exitcode == 4
        resumed = sensei.run("resume", sensei.only_run)
        assert resumed.code == 0, resumed.err


# --- plans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tables:", "tables: 7\nother:", ":"),
        ("target_type: ", "target_tpye: ", "target_tpye"),
        ("format: ", "format: [", "line"),
    ],
)
def test_a_plan_edited_into_nonsense_is_refused_with_line_and_column(sensei, shop, tmp_path, old, new, message):
    plan = tmp_path / "plan.yaml"
    target = duckdb_url(tmp_path / "t.duckdb")
    assert sensei.run("plan", sqlite_url(shop), target, "-o", str(plan)).code == 0
    text = plan.read_text()
    assert f"\n{old}" in text or old in text
    plan.write_text(text.replace(old, new, 1))
    result = migrate(sensei, sqlite_url(shop), target, "--plan", str(plan))
    refused(result, 2, f"{plan}", "")
    assert message in result.err
    first = result.err.split("error: ", 1)[1].split(":")
    assert first[1].strip().isdigit() or "line" in result.err


# --- runs ------------------------------------------------------------------------------------------------------------


def test_an_unknown_run_is_refused(sensei):
    for command in ("resume", "recheck", "discard", "show"):
        refused(sensei.run(command, "2020"), 2, "no run called '2020'", "sensei runs")


def test_discard_removes_what_the_run_made_and_nothing_else(sensei, shop, postgres_database: Database):
    postgres_database.execute("CREATE TABLE older (answer int)", "CREATE SEQUENCE counter", "CREATE SCHEMA others")
    fault = "views.statement.before"
    arguments = ("migrate", sqlite_url(shop), postgres_database.url, "--yes", "--into-existing")
    assert sensei.run(*arguments, fault=fault).code == KILLED
    assert sensei.run("discard", sensei.only_run).code == 0
    with postgres_database.connect() as connection:
        left = connection.execute(
            "SELECT relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1"
        ).fetchall()
        schemas = connection.execute(
            "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_|information_schema' ORDER BY 1"
        ).fetchall()
    assert left == [("counter",), ("older",)]
    assert schemas == [("others",), ("public",)]
    refused(sensei.run("resume", sensei.only_run), 2, "was discarded", "sensei migrate")


def test_discard_removes_an_extension_that_the_run_made_and_none_that_stood_or_is_needed(
    sensei, postgres_server: PostgresServer
):
    def made(target: Database) -> list[str]:
        with target.connect() as connection:
            rows = connection.execute("SELECT extname::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1")
            return [str(row[0]) for row in rows.fetchall()]

    source = postgres_server.create_database()
    source.execute(
        "CREATE EXTENSION citext", "CREATE EXTENSION hstore",
        "CREATE TABLE person (id int PRIMARY KEY, mail citext, facts hstore)",
        "INSERT INTO person VALUES (1, 'A@b', 'a=>1')",
    )  # fmt: skip
    known: set[str] = set()
    for before, after_load, left in (
        ((), (), []),
        (("CREATE EXTENSION hstore",), (), ["hstore"]),
        ((), ("CREATE TABLE others (v citext)",), ["citext"]),
    ):
        target = postgres_server.create_database()
        target.execute(*before)
        assert sensei.run("migrate", source.url, target.url, "--yes").code == 0
        assert made(target) == ["citext", "hstore"]
        target.execute(*after_load)
        (run,) = {str(entry["run"]) for entry in sensei.run("runs", "--json").body} - known
        known.add(run)
        discarded = sensei.run("discard", run)
        assert discarded.code == 0, discarded.err
        assert made(target) == left
        kept = "extension citext is kept: it is needed by objects that this run did not make"
        assert (kept in discarded.out) == bool(after_load)


def test_a_finished_runs_discard_leaves_another_runs_checkpoints(sensei, shop, tmp_path, postgres_database: Database):
    other = make_shop(tmp_path / "other.db")
    with closing(sqlite3.connect(other)) as connection:
        connection.executescript(
            "DROP VIEW named; ALTER TABLE item RENAME TO thing; ALTER TABLE customer RENAME TO buyer"
        )
    url = postgres_database.url
    assert sensei.run("migrate", sqlite_url(shop), url, "--yes", fault="load.commit.after:1").code == KILLED
    stopped = sensei.only_run
    assert migrate(sensei, sqlite_url(other), url, "--into-existing").code == 0
    resumed = sensei.run("resume", stopped)
    assert resumed.code == 1, "the tables of the other run were not there when this one began"
    with postgres_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM customer").fetchone() == (5,)


def test_recheck_tells_whether_the_source_has_changed(sensei, shop, tmp_path):
    assert migrate(sensei, sqlite_url(shop), duckdb_url(tmp_path / "t.duckdb")).code == 0
    same = sensei.run("recheck", sensei.only_run)
    assert same.code == 0
    assert "nothing has changed" in same.out
    with closing(sqlite3.connect(shop)) as connection:
        connection.execute("UPDATE item SET note = 'later' WHERE id = 3")
        connection.commit()
    changed = sensei.run("recheck", sensei.only_run, "--json")
    assert changed.code == 1
    assert changed.body == {
        "changed": True,
        "tables": [{"table": "item", "what": "rows", "rows_then": 20, "rows_now": 20}],
    }


def test_recheck_of_a_run_that_is_not_verified_is_refused(sensei, shop, tmp_path):
    target = duckdb_url(tmp_path / "t.duckdb")
    assert sensei.run("migrate", sqlite_url(shop), target, "--yes", fault="load.commit.after").code == KILLED
    refused(sensei.run("recheck", sensei.only_run), 2, "has not been verified yet", "sensei resume")


def test_runs_and_show_tell_what_became_of_a_run(sensei, shop, tmp_path):
    assert sensei.run("runs").out.strip() == "no run yet"
    target = duckdb_url(tmp_path / "t.duckdb")
    assert sensei.run("migrate", sqlite_url(shop), target, "--yes", fault="load.commit.after").code == KILLED
    run = sensei.only_run
    assert [entry["state"] for entry in sensei.run("runs", "--json").body] == ["unfinished"]
    assert sensei.run("resume", run).code == 0
    shown = sensei.run("show", run, "--json").body
    assert (shown["state"], shown["verdict"], shown["source"]) == ("finished", "equivalent", sqlite_url(shop))
    assert sensei.run("discard", run).code == 0
    assert [entry["state"] for entry in sensei.run("runs", "--json").body] == ["discarded"]
    assert not (tmp_path / "t.duckdb").exists()


# --- exit codes of migrate -------------------------------------------------------------------------------------------


def test_an_unapproved_loss_exits_5_and_an_accepted_one_0(sensei, shop, tmp_path):
    with closing(sqlite3.connect(shop)) as connection:
        connection.execute("CREATE TRIGGER t AFTER DELETE ON item BEGIN SELECT 1; END")
    result = migrate(sensei, sqlite_url(shop), duckdb_url(tmp_path / "a.duckdb"))
    assert result.code == 5
    assert "trigger t" in result.out
    accepted = migrate(sensei, sqlite_url(shop), duckdb_url(tmp_path / "b.duckdb"), "--accept-loss", "trigger")
    assert accepted.code == 0


def test_a_column_that_cannot_be_compared_exits_3(sensei, shop, tmp_path):
    plan = tmp_path / "plan.yaml"
    target = duckdb_url(tmp_path / "t.duckdb")
    assert sensei.run("plan", sqlite_url(shop), target, "-o", str(plan)).code == 0
    lines = plan.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.strip().lstrip("- ") == "source: note")
    indent = " " * (len(lines[at]) - len(lines[at].lstrip(" -")))
    lines.insert(at + 1, f"{indent}not_comparable: edited by hand")
    plan.write_text("\n".join(lines))
    result = migrate(sensei, sqlite_url(shop), target, "--plan", str(plan))
    assert result.code == 3, result.out + result.err
