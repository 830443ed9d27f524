"""Rows that the target cannot take are set aside with key, values and reason; nothing is dropped in silence."""

import json
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

from tests.servers import Database


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
