"""A MariaDB server that goes away in mid-load, and a rehearsal that was killed: `resume` and `discard` make it good."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.sensei import KILLED, MariadbTarget, Sensei
from tests.faults.test_crash import migrate
from tests.mariadb_server import MariadbServer


@pytest.fixture
def server() -> Iterator[MariadbServer]:
    with MariadbServer() as made:
        yield made


@pytest.mark.parametrize("mode", ["immediate", "fast"])
def test_a_server_restarted_in_mid_load_stops_the_run_and_resume_goes_on(mode, server, clinic: Path, tmp_path):
    target, sensei = MariadbTarget(server.create_database()), Sensei(tmp_path)
    running = sensei.start(*migrate(clinic, target))
    running.wait_for("load.commit.after", 4)
    server.stop(mode)
    stopped = running.finish()
    server.start()
    assert stopped.code == 4, stopped.err
    assert "sensei resume" in stopped.err
    resumed = sensei.run("resume", sensei.only_run, "--json")
    assert resumed.code == 5, resumed.err
    assert {table["outcome"] for table in resumed.body["tables"]} == {"match"}
    assert target.leftovers() == []


def test_what_a_killed_rehearsal_left_goes_with_the_next_command(server, clinic: Path, tmp_path):
    target, sensei = MariadbTarget(server.create_database()), Sensei(tmp_path)
    running = sensei.start(*migrate(clinic, target))
    like = "SHOW DATABASES LIKE '\\_sensei%'"
    while not target.database.query(like):
        assert running.is_alive(), running.err.read_text()
    running.kill()
    assert running.finish().code == KILLED
    assert sensei.run("discard", sensei.only_run).code == 0
    assert target.database.query(like) == []
