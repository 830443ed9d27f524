"""`kill -9` at every moment at which files of a certificate and its log are written: the log holds one entry."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kora import _core
from kora.evidence.artifacts import certify
from kora.evidence.certificate import check, check_subjects
from kora.evidence.signing import KeyStore
from kora.evidence.transparency import check_log, check_proof, create_log, read_log_key
from tests.faults.sensei import KILLED
from tests.unit.evidence import samples

_SHIM = Path(__file__).with_name("counted_syncs.c")


@dataclass(frozen=True)
class Box:
    """A home, a log and a folder for the evidence."""

    folder: Path
    shim: Path

    @property
    def log(self) -> Path:
        return self.folder / "out" / "log"

    @property
    def evidence(self) -> Path:
        return self.folder / "out" / "evidence"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def sensei(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return self.python("from appliance.cli import main; main()", *arguments, **environment)

    def python(self, code: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        settings = {
            "SENSEI_HOME": str(self.home),
            "SENSEI_TRANSPARENCY_LOG": str(self.log),
            "LD_PRELOAD": str(self.shim),
            "SYNCS_BELOW": str(self.folder / "out"),
            "PYTHONPATH": os.pathsep.join(sys.path),
            **environment,
        }
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)

    def certify(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Certifies the one result that stands, as the last step of a migration does."""
        return self.python(
            f"from tests.faults.test_certified_once import certify_in as f; f({str(self.folder)!r})", **environment
        )

    def resume(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        [run] = (self.folder / "home" / "runs").iterdir()
        return self.sensei("resume", run.name, "--json", **environment)

    def is_logged_once(self) -> bool:
        key = read_log_key(self.log / "log.pub")
        place = check_proof(self.evidence / "certificate.json", key)
        certificate = check((self.evidence / "certificate.json").read_bytes(), KeyStore(self.home).own_keys(), "c")
        assert certificate.statement is not None
        there = check_subjects(certificate.statement, self.evidence)
        return place.index == 0 and check_log(self.log, key).size == 1 and all(there.values())


def certify_in(folder: str) -> None:
    """The child's part; the parent may kill it."""
    box = Box(Path(folder), _SHIM)
    certify(samples.ALL["equivalent"](), box.evidence, KeyStore(box.home), box.log)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "syncs.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, _SHIM, "-ldl"], check=True)
    return library


@pytest.fixture
def box(tmp_path: Path, shim: Path) -> Box:
    made = Box(tmp_path / "box", shim)
    create_log(made.log, "clinic.example/log", KeyStore(made.home))
    return made


def syncs_of_files(box: Box) -> list[tuple[int, str]]:
    """Number and name of each sync of a file that is to be renamed, and of the very last one, behind all of them."""
    trace = box.folder.with_name("trace")
    done = box.certify(SYNCS_TRACE=str(trace))
    assert done.returncode == 0, done.stderr
    paths = trace.read_text().splitlines()
    files = [(number, path) for number, path in enumerate(paths, start=1) if not Path(path).is_dir()]
    return [*files, (len(paths), "the end")]


def test_a_kill_at_any_moment_leaves_one_entry_of_the_certificate_in_the_log(box: Box) -> None:
    empty = box.folder.with_name("empty")
    shutil.copytree(box.folder, empty)
    moments = syncs_of_files(box)
    assert len(moments) >= 11, "six files of evidence, three of the log, the proof, the end"
    for number, path in moments:
        shutil.rmtree(box.folder)
        shutil.copytree(empty, box.folder)
        killed, repeated = box.certify(SYNCS_FATAL=str(number)), box.certify()
        assert (killed.returncode, repeated.returncode) == (KILLED, 0), f"{path}: {killed.stderr}{repeated.stderr}"
        assert box.is_logged_once(), path


def test_a_resumed_run_finishes_the_certificate_that_was_entered_before_the_kill(box: Box) -> None:
    connection = _core.SqliteConnection(str(box.folder / "a.db"), "create")
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (3);")
    connection.close()
    urls, trace = [f"sqlite:///{box.folder / name}" for name in ("a.db", "b.db")], box.folder / "trace"
    migrate = ("migrate", *urls, "--yes", "--out", str(box.evidence))
    assert box.sensei(*migrate, SENSEI_FAULT="certify.after", SYNCS_TRACE=str(trace)).returncode == KILLED
    before = {file.name: file.read_bytes() for file in box.evidence.iterdir()}
    (box.evidence / "certificate.json.tlog-proof").unlink()
    for _ in range(2):
        resumed = box.resume()
        assert resumed.returncode == 0, resumed.stderr
        assert {file.name: file.read_bytes() for file in box.evidence.iterdir()} == before
        assert box.is_logged_once()


def test_files_that_were_altered_since_are_made_anew_with_their_certificate(box: Box) -> None:
    assert box.certify().returncode == 0
    (box.evidence / "report.html").write_bytes(b"altered")
    assert box.certify().returncode == 0
    certificate = check((box.evidence / "certificate.json").read_bytes(), KeyStore(box.home).own_keys(), "c")
    assert certificate.statement is not None
    assert all(check_subjects(certificate.statement, box.evidence).values())
