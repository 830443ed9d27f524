"""A killed client's session may live on in PostgreSQL with a unit's rows uncommitted: `resume` waits, never doubles."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import MakeTarget
from tests.faults.sensei import KILLED, LIMIT_SECONDS, PostgresqlTarget, Sensei
from tests.faults.slow_line import SlowLine
from tests.faults.test_crash import Undisturbed, migrate, undisturbed
from tests.servers import Database


@pytest.fixture
def line(postgres_database: Database) -> Iterator[SlowLine]:
    with SlowLine(int(postgres_database.settings["port"]), held_commit=3) as made:
        yield made


@pytest.fixture
def expected(clinic: Path, make_target: MakeTarget, tmp_path: Path) -> Undisturbed:
    return undisturbed(clinic, make_target("postgresql", tmp_path), tmp_path / "whole")


def wait_until_blocked(database: Database) -> None:
    """Until a session waits for another's lock."""
    deadline = time.monotonic() + LIMIT_SECONDS
    with database.connect() as connection:
        while True:
            found = connection.execute(
                "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchall()
            if found:
                assert "checkpoint" in str(found[0][0])
                return
            assert time.monotonic() < deadline, "resume did not wait for the surviving session"
            time.sleep(0.01)


def killed_before_its_commit_arrived(sensei: Sensei, source: Path, target: PostgresqlTarget, line: SlowLine) -> None:
    running = sensei.start(*migrate(source, target))
    assert line.holding.wait(LIMIT_SECONDS)
    running.kill()
    assert running.finish().code == KILLED
    assert not sensei.is_cleaned()


@pytest.mark.parametrize("late_commit", [False, True], ids=["gone", "committed late"])
def test_resume_waits_for_a_session_that_outlived_its_client(
    late_commit, clinic, expected, line, postgres_database, tmp_path
):
    target = PostgresqlTarget(postgres_database)
    through_line = PostgresqlTarget(Database({**postgres_database.settings, "port": str(line.port)}))
    sensei = Sensei(tmp_path / "a")
    killed_before_its_commit_arrived(sensei, clinic, through_line, line)
    resuming = sensei.start("resume", sensei.only_run, "--json")
    wait_until_blocked(postgres_database)
    if late_commit:
        line.deliver()
        refused = resuming.finish()
        assert refused.code == 4, refused.err
        assert "was committed meanwhile" in refused.err
        assert f"`sensei resume {sensei.only_run}` once more" in refused.err
        resuming = sensei.start("resume", sensei.only_run, "--json")
    else:
        line.drop()
    resumed = resuming.finish()
    assert resumed.code == expected.result.code, resumed.err
    assert resumed.outcome == expected.result.outcome
    assert target.row_counts() == expected.row_counts
    assert target.leftovers() == []
