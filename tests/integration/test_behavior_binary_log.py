"""A server with a binary log: copies that routines are called on stay out of it, or it is said that they do not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kora import cli
from tests.integration.test_behavior_probes import state
from tests.integration.test_behavior_routine_copies import ROUTINES, TABLES, copies
from tests.integration.test_behavior_routines import home
from tests.mariadb_server import MariadbDatabase, MariadbServer

__all__ = ["home"]


@pytest.fixture(scope="module")
def logging_server() -> Iterator[MariadbServer]:
    settings = {"log_bin": "changes", "binlog_format": "STATEMENT", "log_bin_trust_function_creators": "ON"}
    with MariadbServer(settings) as server:
        yield server


def position(database: MariadbDatabase) -> tuple[str | None, ...]:
    """Where the log ends."""
    newer = database.build.product == "MySQL"
    return database.query("SHOW BINARY LOG STATUS" if newer else "SHOW MASTER STATUS")[0][:2]


def called(home: Path, capsys: pytest.CaptureFixture[str], url: str, login: str) -> str:
    """What was announced."""
    file, key = str(home / f"{login}.kbh"), str(home / f"{login}.key")
    arguments = ["behave", "record", url, "--routines", "--probe-target", url, "-o", file, "--new-key-file", key]
    assert cli.run(arguments) == 0
    return capsys.readouterr().err


def test_copies_stay_out_of_the_log_where_the_login_may_keep_them_out_and_else_it_is_said_before(
    home: Path, capsys: pytest.CaptureFixture[str], logging_server: MariadbServer
) -> None:
    database = logging_server.create_database()
    database.execute(*TABLES, *ROUTINES)
    before, end = state(database.url), position(database)
    told = called(home, capsys, database.url, "rich")
    assert "called on a copy" in told
    assert "binary log" not in told
    assert position(database) == end
    logging_server.login("poor", "open sesame", f"ALL ON {database.name}.*", "ALL ON `\\_sensei\\_copy\\_%`.*")
    told = called(home, capsys, database.url_as("poor", "open sesame"), "poor")
    assert "is written to the server's binary log and reaches its replicas: this login may not keep it out" in told
    assert position(database) != end
    assert copies(database) == []
    assert state(database.url) == before
