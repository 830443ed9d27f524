"""The `kora` command as a user meets it: output, hints, exit codes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kora import cli
from kora.evidence.artifacts import Artifacts, write_artifacts
from kora.evidence.signing import KeyStore
from tests.unit.evidence import samples

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(cli.cli.commands)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def certified(home: Path, name: str) -> Artifacts:
    return write_artifacts(samples.ALL[name](), home.parent / name, KeyStore(home).signing_key())


def kora(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kora.cli", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


def test_the_version_is_printed_without_loading_what_it_does_not_need():
    probe = (
        "import sys; from kora.cli import run; run(['--version']);"
        "print(sorted({'pydantic', 'rich', 'jinja2', 'duckdb', 'psycopg', 'sqlglot'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("kora ")
    assert done.stdout.endswith("[]\n")


def test_the_version_comes_at_once():
    def seconds() -> float:
        before = os.times()
        assert kora("--version").returncode == 0
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.3


@pytest.mark.parametrize("command", COMMANDS)
def test_every_commands_help_has_an_example(command, capsys):
    assert cli.run([command, "--help"]) == 0
    assert "\n  Example:\n    " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "code"), [("equivalent", 0), ("approved", 0), ("unapproved", 5), ("different", 1), ("not_proven", 3)]
)
def test_check_exits_with_the_certified_verdicts_code(home, capsys, name, code):
    files = certified(home, name)
    assert cli.run(["check", str(files.certificate), "--key", str(files.public_key)]) == code
    out = capsys.readouterr().out
    assert "authentic" in out
    assert f"exit code {code}" in out


def test_check_as_json_is_one_object(home, capsys):
    files = certified(home, "different")
    assert cli.run(["check", str(files.certificate), "--key", str(files.public_key), "--json"]) == 1
    made = json.loads(capsys.readouterr().out)
    assert made["authentic"] is True
    assert made["verdict"] == "different"
    assert made["files_present"]["report.html"] is True


def test_an_altered_certificate_exits_2_with_a_hint_and_says_nothing_on_stdout(home, capsys):
    files = certified(home, "different")
    files.certificate.write_bytes(files.certificate.read_bytes().replace(b'"payload":"e', b'"payload":"f'))
    assert cli.run(["check", str(files.certificate), "--key", str(files.public_key)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert "\nhint: " in captured.err


def test_an_altered_report_beside_its_certificate_exits_2(home, capsys):
    files = certified(home, "different")
    files.report.write_text(files.report.read_text().replace("Do not cut over", "Do cut over"))
    assert cli.run(["check", str(files.certificate), "--key", str(files.public_key)]) == 2
    assert "report.html is not the file that was certified" in capsys.readouterr().err


def test_show_says_that_it_checked_nothing(home, capsys):
    files = certified(home, "approved")
    assert cli.run(["show", str(files.certificate)]) == 0
    out = capsys.readouterr().out
    assert "not checked" in out
    assert "zero_date_is_null" in out
    assert cli.run(["show", str(files.certificate), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predicate"]["verdict"] == "equivalent_with_declared_loss"


def test_keygen_makes_a_key_once_and_keeps_it(home, capsys):
    assert cli.run(["keygen", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert cli.run(["keygen", "--json"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert (first["made"], second["made"]) == (True, False)
    assert first["key_id"] == second["key_id"]
    assert Path(first["public_key"]).read_text().startswith("sensei-public-key-1 ed25519 ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "No such command"),
        (["check", "nowhere.json"], "Missing option '--key'"),
        (["check", "nowhere.json", "--key", "nowhere.pub"], "nowhere.pub cannot be read"),
        (["show", "nowhere.json"], "nowhere.json cannot be read"),
        (["show", "."], "is a folder"),
        (["verify", "sqlite:///a.db"], "name SOURCE and TARGET"),
        (["verify", "a", "b", "--map", "m", "--plan", "p"], "exclude each other"),
        (["fingerprint", "sqlite:///a.db", "--tier", "4", "-o", "x"], "--tier"),
        (["fingerprint", "oracle://x/y", "-o", "x.kfp"], "oracle"),
        (["fingerprint", "sqlite:///nowhere.db", "-o", "x.kfp"], "nowhere.db"),
    ],
)
def test_bad_usage_exits_2_with_error_and_hint(home, capsys, arguments, message):
    assert cli.run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.startswith("error: ")
    assert "hint: " in captured.err


def test_a_setting_that_cannot_be_is_named(home, monkeypatch, capsys):
    monkeypatch.setenv("SENSEI_FINDINGS_PER_TABLE", "many")
    assert cli.run(["keygen"]) == 2
    assert "SENSEI_FINDINGS_PER_TABLE" in capsys.readouterr().err


def test_an_interruption_exits_4_with_a_hint(home):
    fifo = home.parent / "waits"
    os.mkfifo(fifo)
    # A test run in a shell's background is deaf to Ctrl-C, and so would be its children.
    hearing = ["env", "--default-signal=INT"]
    process = subprocess.Popen(
        [*hearing, sys.executable, "-m", "kora.cli", "show", str(fifo)], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    writer = _opened_by_reader(fifo)
    # A signal that arrives just before the read blocks is seen only after it: so it is sent until it is heard.
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(2)
        time.sleep(0.2)
    error = process.communicate(timeout=30)[1]
    os.close(writer)
    assert process.returncode == 4
    assert "error: stopped" in error
    assert "Traceback" not in error
    assert "hint: " in error


def _opened_by_reader(fifo: Path) -> int:
    """Open the writing end once the command holds the reading one: then it stands in its read."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.02)
    raise TimeoutError("the command never opened its file")


def test_logs_are_json_lines_with_the_runs_id_and_no_values(tmp_path):
    import logging

    from kora.logs import configure_logs, current_run_id

    path = tmp_path / "logs" / "kora.log"
    configure_logs(path)
    current_run_id.set("run-7")
    logger = logging.getLogger("kora.test")
    logger.info("table read", extra={"facts": {"table": "t", "rows": 3}})
    try:
        int("a value of a row")
    except ValueError:
        logger.exception("failed")
    configure_logs(None)
    text = path.read_text()
    first, second = map(json.loads, text.splitlines())
    assert (first["event"], first["run"], first["facts"]["rows"]) == ("table read", "run-7", 3)
    assert second["error"]["type"] == "ValueError"
    assert "a value of a row" not in text
    assert path.stat().st_mode & 0o077 == 0
