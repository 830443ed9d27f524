"""`kora fingerprint`: one side as a small signed file."""

import json
import sqlite3
from pathlib import Path

import pytest

from kora import cli
from kora.evidence.certificate import check, load
from kora.evidence.signing import KeyStore


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    path = tmp_path / "clinic.db"
    fill(path, "Achieng Otieno")
    return path


def fill(path: Path, name: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE patient (id INTEGER PRIMARY KEY, name TEXT);"
        "CREATE TABLE log (line TEXT);"
        f"INSERT INTO patient VALUES (1, '{name}'), (2, NULL);"
        "INSERT INTO log VALUES ('same'), ('same');"
    )
    connection.close()


def tables_of(path: Path, output: Path, run: str, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[int, str]]:
    assert cli.run(["fingerprint", f"sqlite:///{path}", "-o", str(output), "--run", run, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    return {table["name"]: (table["row_count"], table["root"]) for table in made["tables"]}


def test_a_fingerprint_is_signed_small_and_holds_no_value(database, tmp_path, capsys):
    output = tmp_path / "clinic.kfp"
    tables = tables_of(database, output, "r1", capsys)
    assert {name: count for name, (count, _) in tables.items()} == {"patient": 2, "log": 2}
    data = load(output)
    made = check(data, [KeyStore(tmp_path / "home").signing_key().public], "clinic.kfp").fingerprint
    assert made is not None
    assert made.profile == "exact, own precision"
    assert [column.kind for column in made.tables[0].columns] != []
    assert len(data) < 4096
    assert b"Achieng" not in check_payload(data)


def check_payload(data: bytes) -> bytes:
    from kora.evidence.envelope import read_envelope

    return read_envelope(data, "clinic.kfp").payload


def test_roots_agree_for_equal_data_and_differ_for_one_changed_letter(database, tmp_path, capsys):
    twin, other = tmp_path / "twin.db", tmp_path / "other.db"
    fill(twin, "Achieng Otieno")
    fill(other, "Achieng Otiemo")
    first, second, third = (tables_of(path, tmp_path / "x.kfp", "r1", capsys) for path in (database, twin, other))
    assert first == second
    assert third["log"] == first["log"]
    assert third["patient"] != first["patient"]


def test_another_migrations_key_gives_other_roots(database, tmp_path, capsys):
    first = tables_of(database, tmp_path / "x.kfp", "r1", capsys)
    second = tables_of(database, tmp_path / "x.kfp", "r2", capsys)
    assert first["patient"][1] != second["patient"][1]


def test_a_failed_fingerprint_leaves_the_old_file(database, tmp_path, capsys):
    output = tmp_path / "x.kfp"
    tables_of(database, output, "r1", capsys)
    before = output.read_bytes()
    database.write_bytes(b"not a database at all, and long enough to be looked at" * 40)
    assert cli.run(["fingerprint", f"sqlite:///{database}", "-o", str(output)]) == 2
    assert output.read_bytes() == before
