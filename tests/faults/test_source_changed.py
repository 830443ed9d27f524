"""The source changes between a kill and its resume: what had arrived is replaced, and it says so."""

import json
import shutil
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from tests.faults.conftest import MakeTarget
from tests.faults.sensei import KILLED, Finished, Sensei, Target
from tests.faults.test_crash import ENGINES, migrate

EARLY = "journal.finish_load.before_commit"
CHANGES = (
    # A finished chunk, a gap between known keys, a deleted row.
    ("visit", "UPDATE visit SET reason = 'changed' WHERE id = 7"),
    ("visit", "INSERT INTO visit SELECT -5, patient_id, 1, 1, began, 'x', 1, 1 FROM visit LIMIT 1"),
    ("prescription", "DELETE FROM prescription WHERE rowid = 10"),
    # No key, a text key, a parent of many rows, rows that refer to their own table, a key that moved.
    ("access_log", "INSERT INTO access_log VALUES ('2024-01-01 00:00:00', 'late', 'login', NULL)"),
    ("diagnosis_code", "UPDATE diagnosis_code SET title = 'other' WHERE code = 'A03'"),
    ("patient", "UPDATE patient SET name = 'Somebody Else' WHERE id = 3"),
    ("ward", "UPDATE ward SET beds = 31 WHERE id = 9"),
    ("document", "UPDATE document SET id = 900 WHERE id = 12"),
)


def change(source: Path, statement: str) -> None:
    with closing(sqlite3.connect(source)) as connection:
        connection.execute(statement)
        connection.commit()


def in_finalize(engine: str) -> str:
    """Behind the load. Files have no views; the counters' place is where theirs are sealed."""
    return "counters.before" if engine == "parquet" else "views.statement.before"


def fresh(source: Path, target: Target, folder: Path) -> Finished:
    result = Sensei(folder).run(*migrate(source, target))
    assert result.code == 5, result.err
    return result


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("early", [True, False], ids=["while loading", "in finalize"])
def test_resume_replaces_what_changed_and_says_so(engine, early, clinic, make_target: MakeTarget, tmp_path):
    source = Path(shutil.copy(clinic, tmp_path / "clinic.db"))
    target, sensei = make_target(engine, tmp_path / "a"), Sensei(tmp_path / "a")
    assert sensei.run(*migrate(source, target), fault=EARLY if early else in_finalize(engine)).code == KILLED
    for _, statement in CHANGES:
        change(source, statement)
    resumed = sensei.run("resume", sensei.only_run, "--json")
    assert resumed.code == 5, resumed.err
    again = make_target(engine, tmp_path / "b")
    assert resumed.outcome == fresh(source, again, tmp_path / "b").outcome
    assert target.row_counts() == again.row_counts()
    assert target.leftovers() == []
    told = {note.split(":")[0] for note in resumed.notes if "had changed in the source" in note}
    assert told == {table for table, _ in CHANGES}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "point",
    ["load.remove.before:2", "load.remove.after:1", "journal.note.before_commit:1", "journal.note.after_commit"],
)
def test_a_kill_while_replacing_is_made_good_too(engine, point, clinic, make_target: MakeTarget, tmp_path):
    source = Path(shutil.copy(clinic, tmp_path / "clinic.db"))
    target, sensei = make_target(engine, tmp_path / "a"), Sensei(tmp_path / "a")
    assert sensei.run(*migrate(source, target), fault=in_finalize(engine)).code == KILLED
    for _, statement in CHANGES:
        change(source, statement)
    assert sensei.run("resume", sensei.only_run, "--json", fault=point).code == KILLED
    resumed = sensei.run("resume", sensei.only_run, "--json")
    assert resumed.code == 5, resumed.err
    assert {table["outcome"] for table in resumed.body["tables"]} == {"match"}
    assert target.leftovers() == []


def test_a_source_whose_columns_changed_is_not_resumed(clinic, make_target: MakeTarget, tmp_path):
    source = Path(shutil.copy(clinic, tmp_path / "clinic.db"))
    target, sensei = make_target("sqlite", tmp_path), Sensei(tmp_path / "a")
    assert sensei.run(*migrate(source, target), fault=EARLY).code == KILLED
    change(source, "ALTER TABLE visit ADD COLUMN added TEXT")
    resumed = sensei.run("resume", sensei.only_run)
    assert resumed.code == 2
    assert "the source's tables or columns changed since this run began" in resumed.err
    assert f"sensei discard {sensei.only_run}" in resumed.err


def test_a_resume_logs_the_source_anew_and_keeps_the_hash_of_the_first_log(clinic, make_target: MakeTarget, tmp_path):
    source = Path(shutil.copy(clinic, tmp_path / "clinic.db"))
    target, sensei = make_target("sqlite", tmp_path), Sensei(tmp_path / "a")
    assert sensei.run(*migrate(source, target), fault=EARLY).code == KILLED
    change(source, CHANGES[0][1])
    resumed = sensei.run("resume", sensei.only_run, "--json")
    assert resumed.code == 5, resumed.err
    with closing(sqlite3.connect(sensei.home / "runs" / sensei.only_run / "journal.db")) as journal:
        [(text,)] = journal.execute("SELECT value FROM fact WHERE name = 'source_logs'")
    first, second = (entry["sha256"] for entry in json.loads(text))
    assert first != second
    log = Path(resumed.body["certificate"]).parent / "source-log.json"
    assert sha256(log.read_bytes()).hexdigest() == second
