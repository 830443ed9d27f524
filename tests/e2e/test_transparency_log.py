"""`kora log` and `kora check --log-key`: certificates in a folder that only grows."""

import fcntl
import html
import json
import re
import shutil
from pathlib import Path

import pytest

from kora import _core
from kora.cli import run
from kora.errors import SenseiError
from kora.evidence.artifacts import Artifacts, write_artifacts
from kora.evidence.signing import KeyStore
from tests.e2e.migrating import run_sensei
from tests.unit.evidence import samples


@pytest.fixture
def log(tmp_path: Path, sensei_home: Path) -> Path:
    folder = tmp_path / "log"
    assert run(["log", "init", str(folder), "--origin", "clinic.example/log"]) == 0
    return folder


def certified(home: Path, folder: Path, name: str = "equivalent") -> Artifacts:
    return write_artifacts(samples.ALL[name](), folder, KeyStore(home).signing_key())


def append(log: Path, *files: Path) -> int:
    return run(["log", "append", str(log), *map(str, files)])


def check(files: Artifacts, log_key: Path) -> int:
    return run(["check", str(files.certificate), "--key", str(files.public_key), "--log-key", str(log_key)])


def test_a_certificate_ships_with_its_proof_and_checks_without_the_log(log, sensei_home, tmp_path, capsys):
    files = certified(sensei_home, tmp_path / "evidence")
    assert append(log, files.certificate) == 0
    key = tmp_path / "log.pub"
    shutil.copy(log / "log.pub", key)
    shutil.rmtree(log)
    capsys.readouterr()
    assert check(files, key) == 0
    assert "logged: entry 0 of 1 in clinic.example/log" in capsys.readouterr().out


def test_a_new_certificate_in_the_same_folder_leaves_no_proof_of_the_old_one_behind(log, sensei_home, tmp_path, capsys):
    files = certified(sensei_home, tmp_path / "evidence")
    assert append(log, files.certificate) == 0
    certified(sensei_home, tmp_path / "evidence", "different")
    assert not list((tmp_path / "evidence").glob("*.tlog-proof"))
    assert check(files, log / "log.pub") == 2
    assert "tlog-proof is missing" in capsys.readouterr().err


def test_a_certificate_without_its_proof_or_with_anothers_is_refused(log, sensei_home, tmp_path, capsys):
    files, others = certified(sensei_home, tmp_path / "a"), certified(sensei_home, tmp_path / "b", "different")
    assert check(files, log / "log.pub") == 2
    assert "tlog-proof is missing" in capsys.readouterr().err
    assert append(log, files.certificate, others.certificate) == 0
    shutil.copy(f"{others.certificate}.tlog-proof", f"{files.certificate}.tlog-proof")
    assert check(files, log / "log.pub") == 2
    assert check(others, log / "log.pub") == 1


def test_every_flipped_byte_of_a_log_proof_is_refused(log, sensei_home, tmp_path):
    files = certified(sensei_home, tmp_path / "evidence")
    append(log, files.certificate)
    key, entry = (log / "log.pub").read_text(), _core.log_entry(_core.sha256_file(str(files.certificate)))
    proof = Path(f"{files.certificate}.tlog-proof").read_bytes()
    assert _core.check_log_proof(proof, "p", entry, key)[0] == 0
    for position in range(len(proof)):
        altered = bytearray(proof)
        altered[position] ^= 1
        with pytest.raises(SenseiError) as refusal:
            _core.check_log_proof(bytes(altered), "p", entry, key)
        assert refusal.value.exit_code == 2


def test_where_a_log_is_configured_every_certificate_is_appended(log, sensei_home, tmp_path, monkeypatch, capsys):
    connection = _core.SqliteConnection(str(tmp_path / "a.db"), "create")
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (3);")
    connection.close()
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    monkeypatch.setenv("SENSEI_TRANSPARENCY_LOG", str(log))
    urls = [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
    out = tmp_path / "evidence"
    assert run(["verify", *urls, "--out", str(out)]) == 0
    run_sensei("migrate", urls[0], f"duckdb:///{tmp_path / 'c.duckdb'}", "--yes", "--out", str(tmp_path / "moved"))
    for number, folder in enumerate((out, tmp_path / "moved")):
        capsys.readouterr()
        files = Artifacts(folder / "certificate.json", folder / "report.html", folder / "signer.pub")
        assert check(files, log / "log.pub") == 0
        assert f"logged: entry {number} of {number + 1} in" in capsys.readouterr().out


def test_the_checkpoint_is_printed_on_the_report_on_the_terminal_and_by_check(log, tmp_path, monkeypatch, capsys):
    connection = _core.SqliteConnection(str(tmp_path / "a.db"), "create")
    connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (3);")
    connection.close()
    monkeypatch.setenv("SENSEI_TRANSPARENCY_LOG", str(log))
    url, out, key = f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "evidence", (log / "log.pub").read_text()
    shutil.copy(tmp_path / "a.db", tmp_path / "b.db")
    states = [(log / "checkpoint").read_bytes()]
    capsys.readouterr()
    assert run(["verify", url, f"sqlite:///{tmp_path / 'b.db'}", "--out", str(out)]) == 0
    states.append((log / "checkpoint").read_bytes())
    (_, empty, before), (origin, size, after) = (_core.log_checkpoint(note, "c", key) for note in states)
    assert (origin, empty, size) == ("clinic.example/log", 0, 1)
    page, told = html.unescape((out / "report.html").read_text()), capsys.readouterr().out
    for text, root in ((page, before), (told, after)):
        assert origin in text
        assert root in text
        assert "--since CHECKPOINT" in re.sub("<[^>]*>", "", text)
    assert states[0].decode().strip() in page
    assert check(Artifacts(out / "certificate.json", out / "report.html", out / "signer.pub"), log / "log.pub") == 0
    assert f"size 1, root {after}" in capsys.readouterr().out
    arguments = ["--key", str(out / "signer.pub"), "--log-key", str(log / "log.pub"), "--json"]
    assert run(["check", str(out / "certificate.json"), *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["log"] == {"origin": origin, "index": 0, "size": 1, "root": after}


def test_a_report_without_a_log_speaks_of_none(sensei_home, tmp_path):
    assert "transparency log" not in certified(sensei_home, tmp_path).report.read_text()


def test_a_damaged_log_is_said_and_the_certificate_stands(log, tmp_path, monkeypatch, capsys):
    for name in ("a.db", "b.db"):
        connection = _core.SqliteConnection(str(tmp_path / name), "create")
        connection.executescript("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (3);")
        connection.close()
    monkeypatch.setenv("SENSEI_TRANSPARENCY_LOG", str(log))
    (log / "checkpoint").write_bytes(b"altered")
    out = tmp_path / "evidence"
    urls = [f"sqlite:///{tmp_path / name}" for name in ("a.db", "b.db")]
    assert run(["verify", *urls, "--out", str(out)]) == 2
    assert "checkpoint" in capsys.readouterr().err
    assert run(["check", str(out / "certificate.json"), "--key", str(out / "signer.pub")]) == 0


def test_a_file_is_entered_once(log, sensei_home, tmp_path, capsys):
    files = certified(sensei_home, tmp_path / "evidence")
    for _ in range(2):
        assert append(log, files.certificate, files.certificate) == 0
    assert "was there already" in capsys.readouterr().out
    assert run(["log", "check", str(log), "--log-key", str(log / "log.pub"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 1


def test_a_proof_is_made_again_under_the_newest_checkpoint(log, sensei_home, tmp_path, capsys):
    first, second = certified(sensei_home, tmp_path / "a"), certified(sensei_home, tmp_path / "b", "different")
    append(log, first.certificate)
    append(log, second.certificate)
    capsys.readouterr()
    assert check(first, log / "log.pub") == 0
    assert "entry 0 of 1 " in capsys.readouterr().out
    assert run(["log", "prove", str(log), str(first.certificate)]) == 0
    assert check(first, log / "log.pub") == 0
    assert "entry 0 of 2 " in capsys.readouterr().out
    assert run(["log", "prove", str(log), str(first.report)]) == 2


def test_a_log_that_was_written_anew_is_told_by_a_kept_checkpoint(log, sensei_home, tmp_path, capsys):
    first, second = certified(sensei_home, tmp_path / "a"), certified(sensei_home, tmp_path / "b", "different")
    append(log, first.certificate)
    kept = tmp_path / "kept"
    shutil.copy(log / "checkpoint", kept)
    append(log, second.certificate)
    checked = ["log", "check", str(log), "--log-key", str(log / "log.pub"), "--since", str(kept)]
    kept_proof = [*checked[:-1], str(shutil.copy(f"{first.certificate}.tlog-proof", tmp_path / "kept-proof"))]
    assert run(checked) == run(kept_proof) == 0
    shutil.rmtree(log)
    assert run(["log", "init", str(log), "--origin", "clinic.example/log"]) == 0
    append(log, second.certificate, first.certificate)
    assert run(kept_proof) == 2
    assert run(checked) == 2
    assert "its old tree is not the new one's beginning" in capsys.readouterr().err


def test_a_log_is_begun_once(log, capsys):
    assert run(["log", "init", str(log), "--origin", "other.example/log"]) == 2
    assert "a log stands there already" in capsys.readouterr().err


def test_two_writers_do_not_meet(log, sensei_home, tmp_path, capsys):
    files = certified(sensei_home, tmp_path / "evidence")
    with (log / ".lock").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert append(log, files.certificate) == 4
    assert append(log, files.certificate) == 0


def test_an_altered_log_is_not_appended_to(log, sensei_home, tmp_path, capsys):
    files = certified(sensei_home, tmp_path / "evidence")
    append(log, files.certificate)
    tile = log / "tile" / "0" / "000.p" / "1"
    tile.write_bytes(bytes(32))
    assert append(log, files.report) == 2
    assert run(["log", "check", str(log), "--log-key", str(log / "log.pub")]) == 2


def test_countersigning_and_rotation_work_from_the_command_line(sensei_home, tmp_path, monkeypatch, capsys):
    files = certified(sensei_home, tmp_path / "evidence")
    auditor = tmp_path / "auditor"
    monkeypatch.setenv("SENSEI_HOME", str(auditor))
    assert run(["keygen"]) == 0
    assert run(["sign", str(files.certificate), "--key-dir", str(auditor)]) == 0
    keys = ["--key", str(files.public_key), "--key", str(auditor / "keys" / "signing.pub")]
    assert run(["check", str(files.certificate), *keys, "--threshold", "2"]) == 0
    assert run(["check", str(files.certificate), *keys[:2]]) == 2
    monkeypatch.setenv("SENSEI_HOME", str(sensei_home))
    capsys.readouterr()
    assert run(["keygen", "--rotate", "--json"]) == 0
    rotated = json.loads(capsys.readouterr().out)
    assert Path(rotated["retired_public_key"]).read_bytes() == files.public_key.read_bytes()
