"""Lines to MariaDB that are cut and servers that are restarted, on either side: the run stops, `resume` goes on."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import MakeTarget
from tests.faults.cut_line import CutLine
from tests.faults.sensei import KILLED, Finished, MariadbTarget, Running, Sensei
from tests.faults.test_crash import CHUNK_SIZE_BYTES
from tests.mariadb_server import MariadbDatabase, MariadbServer, numbers
from tests.servers import PASSWORD

ROWS = 60_000
CHUNKED = ("--chunk-size-bytes", CHUNK_SIZE_BYTES, "--accept-loss", "collation", "--yes", "--json")
IN_MID_LOAD = "load.commit.after"


def fill(database: MariadbDatabase) -> None:
    """A table of many chunks, one with a text key, one without a key."""
    database.execute(
        "CREATE TABLE visit (id INT PRIMARY KEY, reason VARCHAR(80) NOT NULL)",
        f"INSERT INTO visit SELECT n, concat('reason ', left(sha2(n, 256), 32)) FROM {numbers(ROWS)}",
        "CREATE TABLE word (word VARCHAR(40) PRIMARY KEY, n INT)",
        f"INSERT INTO word SELECT left(sha2(n, 256), 32), n FROM {numbers(3000)}",
        "CREATE TABLE line (said TEXT)",
        "INSERT INTO line VALUES ('same'), ('same'), ('other')",
    )


@pytest.fixture
def server() -> Iterator[MariadbServer]:
    with MariadbServer() as made:
        yield made


@pytest.fixture
def source(mariadb_database: MariadbDatabase) -> MariadbDatabase:
    fill(mariadb_database)
    return mariadb_database


@pytest.fixture
def line(source: MariadbDatabase) -> Iterator[CutLine]:
    with CutLine(source.port) as made:
        yield made


def opening(folder: Path) -> Sensei:
    """Commands that know the source's password when they resume."""
    return Sensei(folder, environment={"SENSEI_SOURCE_PASSWORD": PASSWORD})


def through(line: CutLine, database: MariadbDatabase) -> str:
    """The database's URL over the line."""
    return database.url.replace(f":{database.port}/", f":{line.port}/")


def while_stopped(running: Running, happens: Callable[[], None]) -> Finished:
    """Lets something happen in mid-load, while the process stands still."""
    running.wait_for(IN_MID_LOAD, 4)
    os.kill(running.pid, signal.SIGSTOP)
    happens()
    os.kill(running.pid, signal.SIGCONT)
    return running.finish()


def stopped_and_resumed(sensei: Sensei, stopped: Finished) -> Finished:
    """The error of the first, and the result of the second."""
    assert stopped.code == 4, stopped.err
    assert "Traceback" not in stopped.err
    assert "sensei resume" in stopped.err.split("hint: ", 1)[1]
    resumed = sensei.run("resume", sensei.only_run, "--json")
    assert resumed.code == 0, resumed.err
    assert {table["source"].rpartition(".")[2]: table["target_rows"] for table in resumed.body["tables"]} == {
        "visit": ROWS, "word": 3000, "line": 3,
    }  # fmt: skip
    return resumed


@pytest.mark.parametrize("engine", ["sqlite", "mariadb"])
def test_a_line_to_the_source_that_is_cut_stops_the_run_and_resume_goes_on(
    engine, source, line, make_target: MakeTarget, tmp_path
):
    target, sensei = make_target(engine, tmp_path), opening(tmp_path)
    running = sensei.start("migrate", through(line, source), target.url, *CHUNKED)
    stopped_and_resumed(sensei, while_stopped(running, line.cut))
    assert target.leftovers() == []


def test_a_line_to_the_target_that_is_cut_stops_the_run_and_resume_goes_on(
    source, line, mariadb_server: MariadbServer, tmp_path
):
    target, sensei = MariadbTarget(mariadb_server.create_database()), opening(tmp_path)
    running = sensei.start("migrate", source.url, through(line, target.database), *CHUNKED)
    stopped_and_resumed(sensei, while_stopped(running, line.cut))
    assert target.leftovers() == []


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_source_restarted_in_mid_load_stops_the_run_and_resume_goes_on(
    mode, server, make_target: MakeTarget, tmp_path
):
    database = server.create_database()
    fill(database)
    target, sensei = make_target("duckdb", tmp_path), opening(tmp_path)
    running = sensei.start("migrate", database.url, target.url, *CHUNKED)
    running.wait_for(IN_MID_LOAD, 4)
    os.kill(running.pid, signal.SIGSTOP)
    server.stop(mode)
    os.kill(running.pid, signal.SIGCONT)
    stopped = running.finish()
    server.start()
    stopped_and_resumed(sensei, stopped)
    assert target.leftovers() == []


def test_a_source_that_changed_between_a_kill_and_its_resume_is_loaded_anew_and_recheck_sees_the_next_change(
    source, make_target: MakeTarget, tmp_path
):
    target, sensei = make_target("duckdb", tmp_path), opening(tmp_path)
    killed = sensei.run("migrate", source.url, target.url, *CHUNKED, fault="journal.finish_load.before_commit")
    assert killed.code == KILLED
    source.execute(
        "UPDATE visit SET reason = 'changed' WHERE id = 7",
        "INSERT INTO visit VALUES (-5, 'early')",
        "UPDATE word SET word = 'zzz' WHERE n = 1",
        "DELETE FROM line WHERE said = 'other'",
    )
    resumed = sensei.run("resume", sensei.only_run, "--json")
    assert resumed.code == 0, resumed.err
    told = {note.split(":")[0] for note in resumed.notes if "had changed in the source" in note}
    assert told == {"visit", "word", "line"}
    assert target.row_counts() == {"visit": ROWS + 1, "word": 3000, "line": 2}
    assert sensei.run("recheck", sensei.only_run).code == 0
    source.execute("UPDATE word SET n = 0 WHERE word = 'zzz'")
    changed = sensei.run("recheck", sensei.only_run, "--json")
    assert changed.code == 1
    assert changed.body["tables"] == [{"table": "word", "what": "rows", "rows_then": 3000, "rows_now": 3000}]
