"""The source's fingerprint is written down before the load, and the verification holds the source against it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance import pipeline
from appliance.progress import Event
from appliance.run import Request
from kora._core import sha256
from kora.errors import FileProblem
from kora.settings import Settings
from tests.e2e.migrating import Said, file_url, migrate, run_kora, run_sensei


@pytest.fixture
def source(sensei_home: Path, tmp_path: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "source.db")) as connection:
        connection.executescript(
            "CREATE TABLE visit (id INTEGER PRIMARY KEY, paid REAL, note TEXT, twice AS (paid * 2));"
            "CREATE TABLE log (line TEXT);"
            "INSERT INTO visit VALUES (1, 0.99, 'a'), (2, 12.5, ''), (3, NULL, NULL);"
            "INSERT INTO log VALUES ('x'), ('x');"
        )
    return file_url("sqlite", tmp_path / "source.db")


def journal(said: Said) -> list[dict[str, str]]:
    with closing(sqlite3.connect(said.run_folder / "journal.db")) as connection:
        [(text,)] = connection.execute("SELECT value FROM fact WHERE name = 'source_logs'")
    return json.loads(text)


def test_the_certificate_names_the_log_whose_hash_the_journal_held_before_the_load(source, tmp_path):
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"), "--out", tmp_path / "out")
    logged = said.predicate()["logged_source"]
    file = (tmp_path / "out" / "source-log.json").read_bytes()
    assert logged["agrees"] is True
    assert (logged["tables"], logged["rows"]) == (2, 5)
    assert [entry["sha256"] for entry in journal(said)] == [logged["sha256"]] == [sha256(file)]
    with closing(sqlite3.connect(said.run_folder / "journal.db")) as connection:
        order = dict(connection.execute("SELECT name, ordinal FROM stage"))
    assert order["log"] < order["load"]
    assert "Source logged before the load" in (tmp_path / "out" / "report.html").read_text()


def test_the_log_holds_no_value(source, tmp_path):
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"))
    log = json.loads((said.run_folder / "source-log.json").read_text())
    assert sorted(table["name"] for table in log["tables"]) == ["log", "visit"]
    for table in log["tables"]:
        assert sorted(table) == ["columns", "name", "raw_digest", "row_count"]


def test_the_log_agrees_too_where_a_plan_leaves_the_survey_out_and_drops_columns(source, tmp_path):
    plan = tmp_path / "plan.yaml"
    assert run_sensei("plan", source, file_url("duckdb", tmp_path / "t.duckdb"), "-o", plan).code == 0
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"), "--plan", plan)
    assert (said.verdict, said.predicate()["logged_source"]["agrees"]) == ("equivalent", True)


def test_an_altered_log_beside_the_certificate_is_refused(source, tmp_path):
    out = tmp_path / "out"
    said = migrate(source, file_url("duckdb", tmp_path / "t.duckdb"), "--out", out)
    (out / "source-log.json").write_bytes(
        (out / "source-log.json").read_bytes().replace(b'"row_count":3', b'"row_count":2')
    )
    assert run_kora("check", said.body["certificate"], "--key", out / "signer.pub").code == 2


def test_a_log_that_was_swapped_during_the_load_is_refused(sensei_home, source, tmp_path):
    def swap_the_log(event: Event) -> None:
        if (event.kind, event.text) == ("stage", "verify"):
            [log] = (sensei_home / "runs").glob("*/source-log.json")
            log.write_bytes(log.read_bytes().replace(b'"row_count":3', b'"row_count":4'))

    request = Request(source=source, target=file_url("duckdb", tmp_path / "t.duckdb"))
    with pytest.raises(FileProblem, match="not what was logged before the load"):
        pipeline.migrate(request, None, pipeline.Environment(Settings(home=sensei_home), swap_the_log))
