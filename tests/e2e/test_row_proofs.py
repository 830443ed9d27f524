"""`kora verify --provable`, `kora prove`, `kora check-proof`: a row shown without the database."""

import json
import stat
from pathlib import Path

import pytest

from kora import _core
from kora.cli import run
from kora.errors import SenseiError
from kora.evidence.certificate import load, read
from kora.evidence.signing import read_proof_key
from tests.e2e.migrating import run_sensei

ROWS = [(1, "Otieno"), (2, "Wanjiru"), (5, "Achieng")]


def database(path: Path, rows: list[tuple[int, str]], *, names: tuple[str, str] = ("id", "surname")) -> str:
    connection = _core.SqliteConnection(str(path), "create")
    connection.executescript(
        f"CREATE TABLE patient ({names[0]} INTEGER PRIMARY KEY, {names[1]} TEXT NOT NULL);"
        "CREATE TABLE visit (day TEXT, room INTEGER); CREATE TABLE empty (id INTEGER PRIMARY KEY);"
        "INSERT INTO visit VALUES ('mon', 1), ('mon', 1), ('tue', 2);"
    )
    for row in rows:
        connection.execute("INSERT INTO patient VALUES (?, ?)", row)
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def certified(tmp_path: Path, sensei_home: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A folder with two equal databases and their certificate."""
    left, right = database(tmp_path / "old.db", ROWS), database(tmp_path / "new.db", ROWS[::-1])
    assert run(["verify", left, right, "--provable", "--out", str(tmp_path / "evidence")]) == 0
    capsys.readouterr()
    return tmp_path


def prove(folder: Path, *more: str, table: str = "patient", side: str = "new.db") -> int:
    certificate = str(folder / "evidence" / "certificate.json")
    url, proof = f"sqlite:///{folder / side}", str(folder / "row.proof")
    return run(["prove", url, "--table", table, "--cert", certificate, "-o", proof, *more])


def check(folder: Path, *more: str) -> int:
    evidence = folder / "evidence"
    key = ["--key", str(evidence / "signer.pub")]
    return run(["check-proof", str(folder / "row.proof"), str(evidence / "certificate.json"), *key, *more])


def test_a_row_is_shown_with_the_certificate_alone(certified, capsys):
    assert prove(certified, "--key", "2") == 0
    for name in ("old.db", "new.db"):
        (certified / name).unlink()
    capsys.readouterr()
    assert check(certified, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["kind"] == "inclusion"
    assert [cell["value"] for cell in shown["cells"]] == ["2", "Wanjiru"]
    proof = (certified / "row.proof").read_text()
    for other in ("Otieno", "Achieng"):
        assert other not in proof


def test_the_newest_certificate_of_the_home_is_taken_where_none_is_named(certified, capsys):
    old, new = (f"sqlite:///{certified / name}" for name in ("old.db", "new.db"))
    asked = ["prove", new, "--table", "patient", "--key", "2", "-o", str(certified / "row.proof")]
    assert run(asked) == 2
    assert "--cert" in capsys.readouterr().err
    assert run(["verify", old, new, "--provable"]) == 0
    assert run(asked) == 0
    (made,) = (certified / "sensei-home" / "verifications").glob("*/certificate.json")
    checked = [str(certified / "row.proof"), str(made), "--key", str(made.with_name("signer.pub"))]
    assert run(["check-proof", *checked]) == 0


def test_the_source_proves_as_well_as_the_target(certified):
    assert prove(certified, "--key", "5", "--side", "source", side="old.db") == 0
    first = (certified / "row.proof").read_bytes()
    assert prove(certified, "--key", "5") == 0
    assert (certified / "row.proof").read_bytes() == first


@pytest.mark.parametrize("key", ["0", "3", "4", "99", "-1"])
def test_that_no_row_has_a_key_is_shown_to_who_holds_the_proof_key(certified, capsys, key):
    auditor = certified / "auditor.key"
    assert prove(certified, "--key", key, "--auditor-key", str(auditor)) == 0
    assert stat.S_IMODE(auditor.stat().st_mode) == 0o600
    assert check(certified) == 2
    assert "proof key, which was not given" in capsys.readouterr().err
    assert check(certified, "--auditor-key", str(auditor), "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["kind"], shown["cells"]) == ("absence", [{"kind": "integer", "value": key}])


def test_an_empty_table_holds_no_row(certified):
    auditor = str(certified / "auditor.key")
    assert prove(certified, "--key", "1", "--auditor-key", auditor, table="empty") == 0
    assert check(certified, "--auditor-key", auditor) == 0


def test_rows_without_a_key_are_shown_with_their_number(certified, capsys):
    assert prove(certified, "--key", "mon", "--key", "1", table="visit") == 0
    capsys.readouterr()
    assert check(certified, "--json") == 0
    assert json.loads(capsys.readouterr().out)["copies"] == 2


def test_a_database_that_changed_since_proves_nothing(certified, capsys):
    connection = _core.SqliteConnection(str(certified / "new.db"), "rw")
    connection.execute("UPDATE patient SET surname = 'X' WHERE id = 1")
    connection.close()
    assert prove(certified, "--key", "2") == 2
    assert "not in the state that was certified" in capsys.readouterr().err
    assert not (certified / "row.proof").exists()


def test_every_flipped_byte_of_a_proof_is_refused(certified):
    auditor = certified / "auditor.key"
    statement = read(load(certified / "evidence" / "certificate.json"), "c").statement
    assert statement is not None
    trees = [
        (str(table.source), str(table.target), table.tree.size, table.tree.root, table.tree.key_commitment)
        for table in statement.predicate.tables
        if table.tree
    ]
    for key in ("2", "3"):
        assert prove(certified, "--key", key, "--auditor-key", str(auditor)) == 0
        proof = (certified / "row.proof").read_bytes()
        secret = read_proof_key(auditor)
        _core.check_row_proof(proof, "p", trees, secret)
        for position in range(len(proof)):
            altered = bytearray(proof)
            altered[position] ^= 1
            with pytest.raises(SenseiError) as refusal:
                _core.check_row_proof(bytes(altered), "p", trees, secret)
            assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--key", "1", "--key", "2"], "is asked for by id"),
        (["--key", "x"], "cannot be read as a key"),
    ],
)
def test_a_key_that_does_not_fit_is_refused_with_what_does(certified, capsys, arguments, words):
    assert prove(certified, *arguments) == 2
    assert words in capsys.readouterr().err


def test_a_table_that_is_not_certified_or_has_no_tree_is_refused(certified, capsys):
    assert prove(certified, "--key", "1", table="nobody") == 2
    assert "speaks of no table" in capsys.readouterr().err
    old, new = (f"sqlite:///{certified / name}" for name in ("old.db", "new.db"))
    assert run(["verify", old, new, "--out", str(certified / "evidence")]) == 0
    assert prove(certified, "--key", "1") == 2
    assert "--provable" in capsys.readouterr().err


def test_another_boxs_home_cannot_prove(certified, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "elsewhere"))
    assert prove(certified, "--key", "1") == 2
    assert "SENSEI_HOME" in capsys.readouterr().err


def test_a_migration_is_provable_too(tmp_path, sensei_home):
    source, target = database(tmp_path / "old.db", ROWS), f"duckdb:///{tmp_path / 'new.duckdb'}"
    out = str(tmp_path / "evidence")
    run_sensei("migrate", source, target, "--provable", "--yes", "--out", out)
    certificate = str(tmp_path / "evidence" / "certificate.json")
    proof = str(tmp_path / "row.proof")
    assert run(["prove", target, "--table", "patient", "--key", "5", "--cert", certificate, "-o", proof]) == 0
    assert check(tmp_path) == 0
