"""What -o names is written, and nothing that a command reads, no device and no link is destroyed by it."""

import itertools
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.planning.files import load_plan
from kora import cli
from kora.comparison.declared import read_declared
from kora.errors import LimitExceeded
from kora.evidence import artifacts
from kora.evidence.certificate import check_subjects, load, read
from kora.evidence.signing import KeyStore, make_migration_key
from kora.expectations.suite import read_suite
from tests.unit.evidence import samples
from tests.unit.repository import ROOT


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two equal databases, a key, and a provable certificate of them; it is the working folder."""
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("s.db") as connection:
        connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);")
        connection.executescript("CREATE VIEW v AS SELECT id FROM t;")
    shutil.copy("s.db", "t.db")
    (tmp_path / "w.sql").write_text("select id from t;")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv" / "t.csv").write_text("id\n1\n")
    make_migration_key(tmp_path / "K")
    (tmp_path / "link").symlink_to("s.db")
    return tmp_path


FINGERPRINT = ("fingerprint", "sqlite:///s.db", "--key-file", "K", "-o")
RECORD = ("behave", "record", "sqlite:///s.db", "--workload", "w.sql", "--key-file", "K", "-o")
EXPECT = ("expect", "profile", "sqlite:///s.db", "--key-file", "K", "-o")


@pytest.mark.parametrize("command", [FINGERPRINT, RECORD, EXPECT], ids=lambda words: words[0])
@pytest.mark.parametrize("output", ["s.db", "./s.db", "link", "K", "s.db-wal"])
def test_what_a_command_reads_is_no_output(home, capsys, command, output):
    before = {path: path.read_bytes() for path in home.iterdir() if path.is_file()}
    assert cli.run([*command, output]) == 2
    assert "is what this command itself needs" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in home.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "words",
    [
        ("fingerprint", "sqlite:///s.db", "--new-key-file", "K3", "-o", "K3"),
        ("fingerprint", "csv:///csv", "--key-file", "K", "-o", "csv/t.csv"),
        ("fingerprint", "csv:///csv", "--key-file", "K", "-o", "csv"),
        ("behave", "record", "sqlite:///s.db", "--workload", "w.sql", "--key-file", "K", "-o", "w.sql"),
    ],
    ids=" ".join,
)
def test_a_key_that_is_drawn_now_a_workload_and_a_folders_tables_are_no_outputs(home, words):
    assert cli.run([*words]) == 2
    assert not (home / "K3").exists()
    assert (home / "csv" / "t.csv").read_text() == "id\n1\n"
    assert (home / "w.sql").read_text() == "select id from t;"


def test_a_proof_replaces_neither_its_certificate_nor_a_database(home):
    assert cli.run(["verify", "sqlite:///s.db", "sqlite:///t.db", "--provable", "--out", "ev"]) == 0
    certificate = (home / "ev" / "certificate.json").read_bytes()
    proving = ["prove", "sqlite:///t.db", "--table", "t", "--key", "1", "--cert", "ev/certificate.json"]
    for output in ("ev/certificate.json", "t.db"):
        assert cli.run([*proving, "-o", output]) == 2
        assert cli.run([*proving, "-o", "row.proof", "--auditor-key", output]) == 2
    assert cli.run([*proving, "-o", "row.proof", "--auditor-key", "row.proof"]) == 2
    assert (home / "ev" / "certificate.json").read_bytes() == certificate
    assert cli.run([*proving, "-o", "row.proof"]) == 0


@pytest.mark.parametrize(
    "words", [("-o", "s.db"), ("-o", "p.yaml", "--ddl", "p.yaml"), ("-o", "p.yaml", "--ddl", "s.db")]
)
def test_a_plan_replaces_neither_database_nor_ddl(home, words):
    before = (home / "s.db").read_bytes()
    command = [sys.executable, "-m", "appliance.cli", "plan", "sqlite:///s.db", "duckdb:///n.duckdb", *words]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, "is what this command itself needs" in done.stderr) == (2, True)
    assert (home / "s.db").read_bytes() == before


@pytest.mark.parametrize("command", [FINGERPRINT, RECORD, EXPECT], ids=lambda words: words[0])
def test_a_link_is_followed_and_a_pipe_stays_one(home, capsys, command):
    (home / "elsewhere").mkdir()
    (home / "out").symlink_to("elsewhere/out")
    for _ in range(2):
        assert cli.run([*command, "out"]) == 0
        assert (home / "out").is_symlink()
        assert (home / "elsewhere" / "out").stat().st_size
    os.mkfifo("pipe")
    capsys.readouterr()
    for place in ("pipe", "/dev/null"):
        assert cli.run([*command, place]) == 2
        assert "is no file" in capsys.readouterr().err
    assert stat.S_ISFIFO((home / "pipe").stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


READERS: dict[str, Callable[[Path], object]] = {
    "map": lambda path: read_declared(path, None),
    "plan": lambda path: read_declared(None, path),
    "plan of a migration": load_plan,
    "suite": read_suite,
}


@pytest.mark.parametrize("reader", READERS)
def test_what_has_no_end_is_read_up_to_the_limit(reader):
    with pytest.raises(LimitExceeded):
        READERS[reader](Path("/dev/zero"))


def test_several_results_into_one_folder_at_once_are_written_one_after_the_other(tmp_path, monkeypatch):
    keys, out, order = KeyStore(tmp_path / "home"), tmp_path / "out", []
    keys.signing_key()
    write = artifacts.write_atomically

    def watched(path: Path, data: bytes) -> None:
        order.append(threading.get_ident())
        time.sleep(0.002)  # whoever may write beside this one does it now
        write(path, data)

    monkeypatch.setattr(artifacts, "write_atomically", watched)
    with ThreadPoolExecutor(4) as pool:
        together = threading.Barrier(4)

        def certified(name: str) -> None:
            together.wait(30)
            artifacts.certify(samples.ALL[name](), out, keys, None)

        list(pool.map(certified, ["equivalent", "approved", "different", "not_proven"]))
    assert len([writer for writer, _ in itertools.groupby(order)]) == 4
    statement = read(load(out / "certificate.json"), "certificate").statement
    assert statement is not None
    assert all(check_subjects(statement, out).values())
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
