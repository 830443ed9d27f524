"""Passwords from the keyring and from a person at a terminal: found, used, and written nowhere."""

import os
import pty
import select
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend

from kora.databases.secrets import KEYRING_SERVICE
from tests.e2e.migrating import Said, file_url, migrate, run_kora
from tests.servers import PASSWORD, Database

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 120


class HeldInMemory(KeyringBackend):
    """A keyring of this process."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(username)
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.entries[service, username]


@pytest.fixture
def ring() -> Iterator[HeldInMemory]:
    before = keyring.get_keyring()
    made = HeldInMemory()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.fixture
def source(tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'x');")
    return file_url("sqlite", tmp_path / "s.db")


@pytest.fixture
def nobody_knows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable and no file holds a password."""
    for name in ("PGPASSWORD", "SENSEI_SOURCE_PASSWORD", "SENSEI_TARGET_PASSWORD", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def bare_url(database: Database) -> str:
    """The URL without a password."""
    return "postgresql://{user}@{host}:{port}/{dbname}".format(**database.settings)


def account(database: Database) -> str:
    return "{user}@{host}:{port}/{dbname}".format(**database.settings)


def written(folder: Path) -> list[Path]:
    """Files in which the password stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if PASSWORD.encode() in path.read_bytes()]


@pytest.mark.parametrize("suffix", ["", "?password=keyring"], ids=["on demand", "asked for"])
def test_the_keyrings_password_opens_source_and_target_and_is_written_nowhere(
    suffix, sensei_home, nobody_knows, ring, source, postgres_database, tmp_path
):
    keyring.set_password(KEYRING_SERVICE, account(postgres_database), PASSWORD)
    target = bare_url(postgres_database) + suffix
    moved = migrate(source, target, "--out", tmp_path / "proof")
    assert (moved.code, moved.verdict) == (0, "equivalent"), moved.err
    back = migrate(target, file_url("duckdb", tmp_path / "back.duckdb"))
    assert back.code == 0, back.err
    verified = run_kora("verify", source, target, "--json")
    assert verified.code == 0, verified.err
    assert set(ring.asked) == {account(postgres_database)}
    assert written(sensei_home) == written(tmp_path / "proof") == []


def test_a_wrong_password_in_the_keyring_is_refused_without_being_shown(
    sensei_home, nobody_knows, ring, source, postgres_database
):
    keyring.set_password(KEYRING_SERVICE, account(postgres_database), "not the one")
    said = migrate(source, bare_url(postgres_database))
    assert said.code == 2
    assert "password" in said.err
    assert "not the one" not in said.err


def test_the_entry_of_another_account_is_not_used(sensei_home, nobody_knows, ring, source, postgres_database):
    keyring.set_password(KEYRING_SERVICE, account(postgres_database) + "_other", PASSWORD)
    assert migrate(source, bare_url(postgres_database)).code == 2


def at_a_terminal(home: Path, answers: list[str], *command: str) -> tuple[Said, str]:
    """Runs a command whose input and messages are a terminal; types an answer whenever it is asked."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "SENSEI_HOME": str(home), "PYTHONPATH": str(ROOT), "TERM": "dumb"}
    environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    os.close(theirs)
    shown, deadline = "", time.monotonic() + LIMIT_SECONDS
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.05)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                shown += os.read(ours, 4096).decode(errors="replace")
            except OSError:  # the terminal's other end is closed
                break
            if answers and shown.count("Password for") > shown.count("\0answered"):
                os.write(ours, f"{answers.pop(0)}\n".encode())
                shown += "\0answered"
        out, _ = process.communicate(timeout=LIMIT_SECONDS)
    finally:
        process.kill()
        os.close(ours)
    return Said(process.returncode, out, shown), shown


def test_a_person_is_asked_once_and_the_answer_is_not_echoed(
    sensei_home, nobody_knows, source, postgres_database, tmp_path
):
    url = bare_url(postgres_database)
    said, shown = at_a_terminal(sensei_home, [PASSWORD], "appliance.cli", "migrate", source, url, "--yes", "--json")
    assert (said.code, said.verdict) == (0, "equivalent"), shown
    assert shown.count(f"Password for target {account(postgres_database)}: ") == 1
    assert PASSWORD not in shown
    assert written(sensei_home) == []


def test_both_sides_are_asked_for_one_after_the_other(sensei_home, nobody_knows, postgres_database):
    postgres_database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    url = bare_url(postgres_database)
    said, shown = at_a_terminal(sensei_home, [PASSWORD, PASSWORD], "kora.cli", "verify", url, url, "--json")
    assert said.code == 0, shown
    assert {role for role in ("source", "target") if f"Password for {role} " in shown} == {"source", "target"}
    assert PASSWORD not in shown


def test_a_wrong_answer_is_refused_and_not_shown(sensei_home, nobody_knows, source, postgres_database):
    command = ("appliance.cli", "migrate", source, bare_url(postgres_database), "--yes", "--json")
    said, shown = at_a_terminal(sensei_home, ["a guess"], *command)
    assert said.code == 2
    assert "a guess" not in shown
