"""`kora-check`, the verifier without Python: what it says of the same files that `kora check` judges."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from kora import _core
from kora.cli import run
from kora.evidence.artifacts import write_artifacts
from kora.evidence.signing import KeyStore
from tests.unit.evidence import samples
from tests.unit.repository import ROOT

VECTORS = ROOT / "tests" / "vectors" / "certificates"
SIGNER = ["--key", str(VECTORS / "signer.pub")]


@pytest.fixture(scope="session")
def program() -> Path:
    """Built as any crate is; `make kora-check` builds the static one from the same sources."""
    build = ["cargo", "build", "--quiet", "-p", "kora-check", "--message-format", "json"]
    done = subprocess.run(build, cwd=ROOT / "kora", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = [json.loads(line).get("executable") for line in done.stdout.splitlines()]
    return next(Path(path) for path in made if path)


def kora_check(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60, env={})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize("path", sorted(VECTORS.glob("*.json")), ids=lambda path: path.stem)
def test_published_files_get_the_exit_code_that_kora_check_gives(program, path, capsys):
    done = kora_check(program, path, *SIGNER)
    assert done.returncode == run(["check", str(path), *SIGNER]) == (0 if path.stem == "valid" else 2)
    assert done.stderr.startswith("error: ") == (path.stem != "valid")


@pytest.mark.parametrize("name", samples.ALL)
def test_every_verdict_has_its_exit_code_and_files_beside_it_are_looked_at(program, home, tmp_path, name):
    files = write_artifacts(samples.ALL[name](), tmp_path / "evidence", KeyStore(home).signing_key())
    arguments = [files.certificate, "--key", files.public_key]
    done = kora_check(program, *arguments)
    assert done.returncode == run(["check", *map(str, arguments)])
    assert "report.html: as certified" in done.stdout
    files.report.write_bytes(files.report.read_bytes() + b" ")
    altered = kora_check(program, *arguments)
    assert (altered.returncode, altered.stdout) == (2, "")
    assert "report.html is not the file that was certified" in altered.stderr
    files.report.unlink()
    assert "report.html: not here" in kora_check(program, *arguments).stdout


@pytest.mark.parametrize("what", ["folder", "pipe", "device", "dangling"])
def test_what_stands_in_a_files_place_and_is_none_is_refused(program, home, tmp_path, capsys, what):
    files = write_artifacts(samples.ALL["equivalent"](), tmp_path / "evidence", KeyStore(home).signing_key())
    files.report.unlink()
    {
        "folder": files.report.mkdir,
        "pipe": lambda: os.mkfifo(files.report),
        "device": lambda: files.report.symlink_to("/dev/null"),
        "dangling": lambda: files.report.symlink_to(tmp_path / "nowhere"),
    }[what]()
    arguments = [files.certificate, "--key", files.public_key]
    done = kora_check(program, *arguments)
    code = run(["check", *map(str, arguments)])
    assert done.returncode == code == (0 if what == "dangling" else 2)
    said = (done.stdout, capsys.readouterr().out) if what == "dangling" else (done.stderr, capsys.readouterr().err)
    assert all(("report.html: not here" if what == "dangling" else "it is no file at all") in text for text in said)


def test_what_becomes_of_the_report_says_nothing_of_the_certificate(program):
    """A reader who went away leaves the verdict's code; no room for the report is a failed operation."""
    command = [program, VECTORS / "valid.json", *SIGNER]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe, Path("/dev/full").open("wb") as full:
        assert subprocess.run(command, stdout=pipe, timeout=60).returncode == 0
        crowded = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert crowded.returncode == 4
    assert crowded.stderr.startswith("error: the report could not be printed: ")


def test_a_file_whose_name_is_not_utf8_is_looked_at_too(program, home, tmp_path):
    name = os.fsdecode(b"caf\xe9.txt")
    (tmp_path / name).write_bytes(b"as it was")
    from kora.evidence.certificate import issue

    key = KeyStore(home).signing_key()
    certificate = tmp_path / "certificate.json"
    certificate.write_bytes(issue(samples.result(), {name: _core.sha256(b"as it was")}, [key]))
    arguments = [certificate, "--key", KeyStore(home).public_path]
    assert kora_check(program, *arguments).returncode == run(["check", *map(str, arguments)]) == 0
    (tmp_path / name).write_bytes(b"altered")
    assert kora_check(program, *arguments).returncode == run(["check", *map(str, arguments)]) == 2


def test_row_proofs_and_log_proofs_are_checked_without_python(program, home, tmp_path, capsys):
    connection = _core.SqliteConnection(str(tmp_path / "a.db"), "create")
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (3);")
    connection.close()
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    urls = [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
    evidence, auditor, log = tmp_path / "evidence", tmp_path / "auditor.key", tmp_path / "log"
    certificate = evidence / "certificate.json"
    assert run(["verify", *urls, "--provable", "--out", str(evidence)]) == 0
    for key, proof in (("3", "there.proof"), ("2", "absent.proof")):
        made = ["--key", key, "--cert", str(certificate), "-o", str(tmp_path / proof), "--auditor-key", str(auditor)]
        assert run(["prove", urls[1], "--table", "t", *made]) == 0
    assert run(["log", "init", str(log), "--origin", "clinic.example/log"]) == 0
    assert run(["log", "append", str(log), str(certificate)]) == 0
    signed = [certificate, "--key", evidence / "signer.pub"]
    assert "logged: entry 0 of 1" in kora_check(program, *signed, "--log-key", log / "log.pub").stdout
    assert kora_check(program, *signed, "--row-proof", tmp_path / "there.proof").returncode == 0
    absent = [*signed, "--row-proof", tmp_path / "absent.proof"]
    assert kora_check(program, *absent).returncode == 2
    assert "had no row" in kora_check(program, *absent, "--auditor-key", auditor).stdout
    damaged = (tmp_path / "there.proof").read_text().replace('"size":2', '"size":3')
    (tmp_path / "there.proof").write_text(damaged)
    assert kora_check(program, *signed, "--row-proof", tmp_path / "there.proof").returncode == 2
    (evidence / "certificate.json.tlog-proof").unlink()
    assert kora_check(program, *signed, "--log-key", log / "log.pub").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["x"],
        ["--key"],
        ["a", "b", "--key", "k"],
        ["a", "--what", "k"],
        ["a", "--key", "/nowhere"],
        ["a", "--threshold", "x"],
    ],
)
def test_what_is_not_asked_well_is_refused_with_a_reason(program, arguments):
    done = kora_check(program, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")


def test_the_rate_is_told_as_json(program):
    done = kora_check(program, VECTORS / "valid.json", *SIGNER, "--bench", 3)
    assert json.loads(done.stdout)["checks"] == 3


@pytest.mark.parametrize("tier", ["0", "1", "2", "3"])
def test_a_fingerprints_sections_are_checked_without_python(program, home, tmp_path, tier):
    connection = _core.SqliteConnection(str(tmp_path / "a.db"), "create")
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (3);")
    connection.close()
    file, log = tmp_path / "a.kfp", tmp_path / "log"
    assert run(["fingerprint", f"sqlite:///{tmp_path / 'a.db'}", "--tier", tier, "-o", str(file)]) == 0
    assert run(["log", "init", str(log), "--origin", "clinic.example/log"]) == 0
    assert run(["log", "append", str(log), str(file)]) == 0
    arguments = [file, "--key", KeyStore(home).public_path, "--log-key", log / "log.pub"]
    whole = kora_check(program, *arguments)
    assert (whole.returncode, whole.stderr) == (3, "")
    assert "logged: entry 0 of 1 in clinic.example/log; root " in whole.stdout
    assert "none: the file holds no verdict" in whole.stdout
    data = file.read_bytes()
    head = data.index(b"\n") + 1
    places = [*range(head, len(data), max((len(data) - head) // 40, 1)), len(data) - 1]
    for altered in [*(_flipped(data, place) for place in places), data + b"\0", data[:-1]]:
        file.write_bytes(altered)
        done = kora_check(program, *arguments[:3])
        assert (done.returncode, done.stdout) == (2, "")
        assert "after it was signed" in done.stderr


def _flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
