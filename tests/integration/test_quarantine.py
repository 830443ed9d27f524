"""Rows that the target cannot take are set aside with key, values and reason; nothing is dropped in silence."""

import hashlib
import json
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from tests.e2e.migrating import Said, run_kora
from tests.servers import Database


@pytest.fixture
def sensei_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State and keys of the later verification."""
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "verifying"))
    return tmp_path / "verifying"


def migrate(home: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    command = [sys.executable, "-m", "appliance.cli", "migrate", *arguments, "--json", "--out", str(home / "proof")]
    environment = {"SENSEI_HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def notes_with_a_nul(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)")
        connection.executemany("INSERT INTO note VALUES (?, ?)", [(number, f"text {number}") for number in range(500)])
        connection.execute("UPDATE note SET body = 'a' || char(0) || 'b' WHERE id IN (7, 311)")
    connection.close()


def test_a_text_that_postgresql_cannot_store_is_quarantined_and_needs_a_decision(
    tmp_path: Path, postgres_database: Database
) -> None:
    source = tmp_path / "notes.db"
    notes_with_a_nul(source)
    code, result = migrate(tmp_path / "home", f"sqlite:///{source}", postgres_database.url)
    assert code == 5
    table = result["tables"][0]  # type: ignore[index]
    assert (table["source_rows"], table["target_rows"], table["missing_in_target"]) == (500, 498, 2)
    (file,) = (tmp_path / "home" / "runs").glob("*/quarantine.jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["key"] for line in lines] == ["id=7", "id=311"]
    assert {line["column"] for line in lines} == {"body"}
    assert lines[0]["values"] == {"id": "7", "body": "a\0b"}
    assert "NUL" in lines[0]["reason"]


def test_accepting_the_quarantined_rows_ends_with_zero(tmp_path: Path, postgres_database: Database) -> None:
    source = tmp_path / "notes.db"
    notes_with_a_nul(source)
    code, result = migrate(
        tmp_path / "home", f"sqlite:///{source}", postgres_database.url, "--accept-loss", "quarantined"
    )
    assert (code, result["verdict"]) == (0, "equivalent_with_declared_loss")


@pytest.fixture
def moved(tmp_path: Path, postgres_database: Database) -> tuple[str, str, Path]:
    """Source, target and run folder of a migration that set two of 500 rows aside."""
    source = tmp_path / "notes.db"
    notes_with_a_nul(source)
    code, _ = migrate(tmp_path / "home", f"sqlite:///{source}", postgres_database.url)
    assert code == 5
    (folder,) = (tmp_path / "home" / "runs").iterdir()
    return f"sqlite:///{source}", postgres_database.url, folder


def verify(folder: Path, source: str, target: str, *options: str) -> Said:
    return run_kora("verify", source, target, "--plan", str(folder / "plan.yaml"), "--json", *options)


def test_a_later_verification_finds_the_quarantine_beside_the_plan_and_asks_for_the_same_decision(
    sensei_home: Path, moved: tuple[str, str, Path]
) -> None:
    source, target, folder = moved
    said = verify(folder, source, target)
    assert (said.code, said.verdict) == (5, "equivalent_with_declared_loss")
    [aside] = said.predicate()["quarantined"]
    assert (aside["table"], aside["column"], aside["count"], aside["approved"]) == ("note", "body", 2, False)
    assert verify(folder, source, target, "--accept-loss", "quarantined").code == 0


def test_an_approval_in_the_plan_covers_as_many_rows_as_it_counts(
    sensei_home: Path, moved: tuple[str, str, Path]
) -> None:
    source, target, folder = moved
    plan = yaml.safe_load((folder / "plan.yaml").read_text())
    for count, code in ((1, 5), (2, 0)):
        approval = {"rule": "quarantined", "subject": "note.body", "count": count, "approved_by": "Eshe", "reason": ""}
        plan["losses"] = [approval]
        (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
        assert verify(folder, source, target).code == code


def test_a_row_that_is_missing_beside_those_in_quarantine_stays_a_difference(
    sensei_home: Path, moved: tuple[str, str, Path], postgres_database: Database
) -> None:
    source, target, folder = moved
    postgres_database.execute("DELETE FROM note WHERE id = 8")
    said = verify(folder, source, target, "--accept-loss", "quarantined")
    assert (said.code, said.tables["note"]["missing_in_target"]) == (1, 3)


def test_a_quarantined_row_cannot_stand_for_another_that_was_lost(
    sensei_home: Path, moved: tuple[str, str, Path], postgres_database: Database
) -> None:
    source, target, folder = moved
    file = folder / "quarantine.jsonl"
    file.write_text(file.read_text().replace('"id=7"', '"id=9"'))
    said = verify(folder, source, target, "--accept-loss", "quarantined")
    assert said.code == 1
    assert "note: id=9" in {item["name"] for item in said.body["not_checked"] if item["what"] == "row in quarantine"}


def test_without_the_quarantine_its_rows_are_missing(
    sensei_home: Path, moved: tuple[str, str, Path], tmp_path: Path
) -> None:
    source, target, folder = moved
    file = (folder / "quarantine.jsonl").rename(tmp_path / "elsewhere.jsonl")
    assert verify(folder, source, target).code == 1
    assert verify(folder, source, target, "--quarantine", str(file)).code == 5


def test_a_table_that_is_left_out_takes_its_quarantine_with_it(
    sensei_home: Path, moved: tuple[str, str, Path], tmp_path: Path, postgres_database: Database
) -> None:
    source, target, folder = moved
    with sqlite3.connect(tmp_path / "notes.db") as connection:
        connection.execute("CREATE TABLE other (id INTEGER PRIMARY KEY)")
    connection.close()
    postgres_database.execute("CREATE TABLE other (id bigint PRIMARY KEY)")
    options = ("--quarantine", str(folder / "quarantine.jsonl"), "--tables", "other", "--json")
    assert run_kora("verify", source, target, *options).code == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: Invalid JSON"),
        ('{"table": "note", "key": 7, "column": "", "reason": ""}', "line 2: key: Input should be a valid string"),
        ('{"table": "note"}', "line 2: key: Field required"),
    ],
)
def test_a_line_that_is_no_refused_row_is_named(
    sensei_home: Path, moved: tuple[str, str, Path], line: str, said: str
) -> None:
    source, target, folder = moved
    file = folder / "quarantine.jsonl"
    file.write_text(file.read_text().splitlines()[0] + "\n" + line + "\n")
    refused = verify(folder, source, target)
    assert refused.code == 2
    assert said in refused.err


def test_a_long_value_of_a_quarantined_row_has_a_file_of_its_own(tmp_path: Path, postgres_database: Database) -> None:
    source = tmp_path / "notes.db"
    long = "a\0" + "é" * (1 << 20)
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT, scan BLOB)")
        connection.execute("INSERT INTO note VALUES (1, 'whole', x'00')")
        connection.execute("INSERT INTO note VALUES (2, ?, x'00ff')", (long,))
        connection.commit()
    code, result = migrate(tmp_path / "home", f"sqlite:///{source}", postgres_database.url)
    assert code == 5
    assert result["tables"][0]["missing_in_target"] == 1  # type: ignore[index]
    (file,) = (tmp_path / "home" / "runs").glob("*/quarantine.jsonl")
    (line,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert (line["values"]["id"], line["values"]["scan"]) == ("2", "00ff")
    aside = line["values"]["body"]
    written = file.parent / aside["file"]
    assert written.read_bytes() == long.encode()
    assert (aside["bytes"], aside["sha256"]) == (len(long.encode()), hashlib.sha256(long.encode()).hexdigest())
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
