"""What happens to stdout changes no verdict: pipes that close, disks that are full, terminals of few characters."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from kora.evidence.artifacts import Artifacts, write_artifacts
from kora.evidence.signing import KeyStore
from tests.unit.evidence import samples

ROOT = Path(__file__).parents[2]
KORA = [sys.executable, "-m", "kora.cli"]


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    folder = tmp_path_factory.mktemp("evidence")
    return write_artifacts(samples.ALL["equivalent"](), folder, KeyStore(folder / "home").signing_key())


def check(files: Artifacts) -> list[str]:
    return [*KORA, "check", str(files.certificate), "--key", str(files.public_key)]


def run(command: list[str], **streams: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, cwd=ROOT, timeout=60, **{"stderr": subprocess.PIPE, **streams})


def closed_pipe() -> int:
    """The writing end of a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize("command", ["check", "show", "check --json", "--help"])
def test_a_reader_who_went_away_leaves_the_verdicts_code(certified, command):
    words = {
        "check": check(certified),
        "check --json": [*check(certified), "--json"],
        "show": [*KORA, "show", str(certified.certificate)],
        "--help": [*KORA, "--help"],
    }[command]
    pipe = closed_pipe()
    done = run(words, stdout=pipe)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_closed_stderr_leaves_the_code_of_a_refusal():
    pipe = closed_pipe()
    assert run([*KORA, "show", "nowhere.json"], stdout=subprocess.PIPE, stderr=pipe).returncode == 2
    os.close(pipe)


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_a_report_that_found_no_room_was_not_given(certified, option):
    with Path("/dev/full").open("wb") as full:
        done = run([*check(certified), *option], stdout=full)
    assert done.returncode == 4
    assert done.stderr.startswith(b"error: the report could not be printed: the disk under stdout is full\nhint: ")


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_are_silent(certified, closing):
    done = run(["sh", "-c", f'"$@" {closing}', "sh", *check(certified)], stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
)
def test_an_encoding_without_our_signs_gets_plain_ones(certified, environment):
    done = run(check(certified), stdout=subprocess.PIPE, env=os.environ | environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"+ authentic: signed by ")
    assert b"?" not in done.stdout


def test_ctrl_c_while_the_program_loads_is_two_lines_and_code_4():
    probe = (
        "import os, signal, sys; from kora.cli import main;"
        "sys.addaudithook(lambda name, facts: name == 'import' and facts[0] == 'click' and"
        " os.kill(os.getpid(), signal.SIGINT)); main()"
    )
    done = run(["env", "--default-signal=INT", sys.executable, "-c", probe], stdout=subprocess.PIPE)
    assert done.returncode == 4
    assert done.stderr.splitlines()[0] == b"error: stopped before it was done"
    assert b"Traceback" not in done.stderr


def test_a_database_of_duckdb_leaves_no_words_of_its_library_on_stderr(tmp_path):
    for name in ("a.duckdb", "b.duckdb"):
        with duckdb.connect(str(tmp_path / name)) as connection:
            connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v VARCHAR); INSERT INTO t VALUES (1, 'x')")
    urls = [f"duckdb:///{tmp_path / name}" for name in ("a.duckdb", "b.duckdb")]
    environment = os.environ | {"SENSEI_HOME": str(tmp_path / "home")}
    done = run([*KORA, "verify", *urls], stdout=subprocess.PIPE, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
