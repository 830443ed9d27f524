"""One run per target, whatever the target is called and whichever home a run belongs to."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.sensei import KILLED, Finished, Sensei
from tests.faults.test_crash import CHUNK_SIZE_BYTES
from tests.servers import Database


def command(source: Path, target: str) -> tuple[str, ...]:
    return ("migrate", f"sqlite:///{source}", target, "--chunk-size-bytes", CHUNK_SIZE_BYTES, "--yes", "--json")


@contextmanager
def loading(sensei: Sensei, source: Path, target: str) -> Iterator[None]:
    """A run that stands still in the middle of its load; at the end it goes on and must succeed."""
    running = sensei.start(*command(source, target))
    running.wait_for("load.commit.after", 3)
    os.kill(running.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(running.pid, signal.SIGCONT)
    finished = running.finish()
    assert finished.code == 5, finished.err


def refused(finished: Finished) -> None:
    assert finished.code == 4, finished.err
    assert "another run is writing to" in finished.err
    assert "wait for it to end" in finished.err


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_other_spellings_of_a_file_meet_the_lock_from_another_home_too(engine, clinic, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "file-link").symlink_to(folder / "t.db")
    spellings = (
        f"{engine}:///{os.path.relpath(folder / 't.db')}",
        f"{engine}:///{tmp_path}/data/../link/t.db",
        f"{engine}:///{tmp_path}/file-link",
    )
    with loading(Sensei(tmp_path / "a"), clinic, f"{engine}:///{folder}/t.db"):
        for number, spelling in enumerate(spellings):
            other = Sensei(tmp_path / str(number))
            refused(other.run(*command(clinic, spelling)))
            assert not (other.home / "runs").exists()
    assert [path.name for path in folder.iterdir()] == ["t.db"]


def test_other_spellings_of_a_server_meet_the_lock_from_another_home_too(clinic, postgres_server, tmp_path):
    database = postgres_server.create_database()
    same = (
        Database({**database.settings, "host": "localhost"}).url,
        f"{database.url}?application_name=other&connect_timeout=9",
    )
    with loading(Sensei(tmp_path / "a"), clinic, database.url):
        for number, spelling in enumerate(same):
            refused(Sensei(tmp_path / str(number)).run(*command(clinic, spelling)))
        elsewhere = Sensei(tmp_path / "elsewhere").run(*command(clinic, postgres_server.create_database().url))
        assert elsewhere.code == 5, elsewhere.err


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_resume_and_discard_wait_for_nobody_and_are_refused_while_another_run_writes(
    engine, clinic, make_target, tmp_path
):
    target = make_target(engine, tmp_path / "t")
    stopped = Sensei(tmp_path / "a")
    assert stopped.run(*command(clinic, target.url), fault="before_data.statement.before:1").code == KILLED
    with loading(Sensei(tmp_path / "b"), clinic, target.url):
        refused(stopped.run("resume", stopped.only_run))
        refused(stopped.run("discard", stopped.only_run, "--yes"))


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "postgresql"])
def test_a_killed_run_holds_no_lock(engine, clinic, make_target, tmp_path):
    target, sensei = make_target(engine, tmp_path / "t"), Sensei(tmp_path / "a")
    assert sensei.run(*command(clinic, target.url), fault="load.commit.after:3").code == KILLED
    resumed = sensei.run("resume", sensei.only_run, "--json")
    assert resumed.code == 5, resumed.err
    assert not list((tmp_path / "t").glob(".*lock"))


def test_the_hint_after_a_stop_names_the_run(clinic, tmp_path):
    source = Path(shutil.copy(clinic, tmp_path / "clinic.db"))
    sensei = Sensei(tmp_path / "a")
    target = tmp_path / "t.db"
    running = sensei.start(*command(source, f"sqlite:///{target}"))
    running.wait_for("load.commit.after", 3)
    os.kill(running.pid, signal.SIGINT)
    stopped = running.finish()
    assert stopped.code == 4
    assert f"`sensei resume {sensei.only_run}`" in stopped.err


def test_a_target_that_another_program_locks_hints_at_the_run(clinic, tmp_path):
    sensei = Sensei(tmp_path / "a")
    target = tmp_path / "t.db"
    assert sensei.run(*command(clinic, f"sqlite:///{target}"), fault="load.commit.after:3").code == KILLED
    with closing(sqlite3.connect(target)) as other:
        other.execute("BEGIN IMMEDIATE")
        resumed = sensei.run("resume", sensei.only_run)
        other.rollback()
    assert resumed.code == 4
    assert f"`sensei resume {sensei.only_run}`" in resumed.err
