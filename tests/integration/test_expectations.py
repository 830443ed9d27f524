"""`kora expect`: a suite from one database, held against another. The run itself is in the slow lane."""

import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from kora import cli
from kora.errors import InvalidRequest
from kora.expectations.running import Judged, SuiteReport, require_all_judged
from tests.unit.repository import ROOT

OWN = {
    "expect_row_digest_to_equal",
    "expect_sequence_beyond_max_key",
    "expect_no_new_orphan",
    "expect_loss_within_ledger",
    "expect_semantic_type_kept",
}
SCRIPT = """
CREATE TABLE "a colon: and blanks" (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE ward (id INTEGER PRIMARY KEY);
CREATE TABLE visit (id INTEGER PRIMARY KEY AUTOINCREMENT, note TEXT, born TEXT, ward INTEGER REFERENCES ward(id));
INSERT INTO ward VALUES (1);
INSERT INTO visit (note, born, ward) VALUES ('secret word', '2024-02-29', 1), (NULL, '0000-00-00', 1);
INSERT INTO "a colon: and blanks" VALUES (1, 'x');
"""
RULES = [
    {"source": "id", "target": "id"},
    {"source": "note", "target": "note"},
    {"source": "born", "target": "born", "policies": [{"rule": "zero_date_is_null"}]},
    {"source": "ward", "target": "ward"},
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    return tmp_path


def database(path: Path, *more: str) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(SCRIPT)
    for statement in more:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def profiled(home: Path, url: str, *options: str) -> dict[str, Any]:
    assert cli.run(["expect", "profile", url, "-o", str(home / "suite.json"), *options]) == 0
    loaded: dict[str, Any] = json.loads((home / "suite.json").read_text())
    return loaded


def map_of_visits(home: Path) -> str:
    table = {"schema": "", "name": "visit"}
    path = home / "map.json"
    path.write_text(json.dumps({"tables": [{"source": table, "target": table, "columns": RULES}]}))
    return str(path)


def test_a_suite_expects_what_was_measured_and_holds_no_values_of_rows(home: Path) -> None:
    suite = profiled(home, database(home / "a.db"))
    expected = {item["kwargs"]["column"]: item for item in suite["expectations"]}
    assert expected["visit: rows"]["kwargs"]["value_set"] == [2]
    assert expected["visit.note: nulls"]["kwargs"]["value_set"] == [1]
    assert expected["visit.id: counter ahead"]["type"] == "expect_sequence_beyond_max_key"
    assert expected["visit.id: kind"]["kwargs"]["value_set"] == ["decimal", "integer"]
    assert expected["visit: orphans"]["kwargs"]["max_value"] == 0
    assert expected["a colon: and blanks: row digest"]["type"] == "expect_row_digest_to_equal"
    assert expected["a colon: and blanks.v: kind"]["type"] == "expect_semantic_type_kept"
    assert "secret word" not in (home / "suite.json").read_text()


def test_a_lossy_rule_without_approval_may_lose_nothing(home: Path) -> None:
    suite = profiled(home, database(home / "a.db"), "--map", map_of_visits(home))
    (loss,) = (item for item in suite["expectations"] if item["type"] == "expect_loss_within_ledger")
    assert loss["kwargs"] == {"column": "visit.born: zero_date_is_null", "min_value": 0, "max_value": 0}
    assert {item["type"] for item in suite["expectations"]} >= OWN


def test_without_the_extra_the_error_says_what_to_install(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = home / "python-without-packages"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setenv("SENSEI_EXPECTATIONS_PYTHON", str(bare))
    url = database(home / "a.db")
    profiled(home, url)
    assert cli.run(["expect", "run", str(home / "suite.json"), url]) == 2
    told = capsys.readouterr().err
    assert "Great Expectations is not installed" in told
    assert "sensei-appliance[expectations]" in told


@pytest.mark.parametrize("text", ["", "[]", '{"expectations": []}', '{"expectations": [], "meta": {}}', "[" * 100_000])
def test_what_is_no_suite_of_ours_is_refused(home: Path, text: str) -> None:
    (home / "suite.json").write_text(text)
    assert cli.run(["expect", "run", str(home / "suite.json"), database(home / "a.db")]) == 2


def test_a_suite_whose_key_is_elsewhere_is_refused_with_the_way_out(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = database(home / "a.db")
    profiled(home, url)
    monkeypatch.setenv("SENSEI_HOME", str(home / "another"))
    assert cli.run(["expect", "run", str(home / "suite.json"), url]) == 2
    assert "--key-file" in capsys.readouterr().err


OLDEST, NEWEST = "great-expectations==1.7.1", "great-expectations>=1.7.1"


@pytest.fixture(scope="session", params=[OLDEST, NEWEST], ids=["oldest", "newest"])
def great_expectations(request: pytest.FixtureRequest) -> Path:
    """A Python of its own that has the oldest release that is promised, or the newest there is; kept between runs."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "sensei"
    cache = caches / ("expectations" if request.param == NEWEST else "expectations-oldest")
    python = cache / "bin" / "python"
    if not (cache / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", str(cache)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", request.param], check=True)
        (cache / "ready").touch()
    return python


def test_a_suite_that_expects_nothing_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = database(home / "a.db")
    suite = profiled(home, url)
    (home / "suite.json").write_text(json.dumps({**suite, "expectations": []}))
    assert cli.run(["expect", "run", str(home / "suite.json"), url]) == 2
    assert "expects nothing" in capsys.readouterr().err


def test_a_profile_of_no_table_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = database(home / "a.db")
    assert cli.run(["expect", "profile", url, "-o", str(home / "none.json"), "--tables", "nop*"]) == 2
    assert "nothing to expect" in capsys.readouterr().err
    assert not (home / "none.json").exists()


@pytest.mark.parametrize(("unknown", "judged"), [(("expect_row_digest_to_equall",), 0), ((), 1)])
def test_what_was_not_judged_is_not_called_a_success(unknown: tuple[str, ...], judged: int) -> None:
    results = (Judged(type="expect_no_new_orphan", column="visit: orphans", success=True),) * judged
    report = SuiteReport(version="1.7.1", results=results, unknown=unknown)
    with pytest.raises(InvalidRequest, match=r"knows no expectation called|judged 1 of 2"):
        require_all_judged(Path("suite.json"), report, 2)


def test_the_oldest_release_that_is_tested_is_the_one_that_is_promised() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras["expectations"] == [OLDEST.replace("==", ">=")]


@pytest.mark.slow
def test_great_expectations_holds_another_database_against_the_suite(
    home: Path, great_expectations: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SENSEI_EXPECTATIONS_PYTHON", str(great_expectations))
    profiled(home, database(home / "a.db"), "--map", map_of_visits(home))
    same = database(home / "b.db", "UPDATE visit SET born = NULL WHERE id = 2")
    capsys.readouterr()
    assert failed(home, same, capsys) == {"visit.born: nulls"}, "the zero date, read as NULL, is the same row"
    other = database(
        home / "c.db",
        "UPDATE visit SET note = 'x', ward = 7 WHERE id = 1",
        "UPDATE sqlite_sequence SET seq = 1",
    )
    assert failed(home, other, capsys) == {
        "visit: row digest", "visit: orphans", "visit.id: counter ahead", "visit.born: zero_date_is_null",
    }  # fmt: skip
    whole = (home / "suite.json").read_text()
    (home / "suite.json").write_text(whole.replace("expect_row_digest_to_equal", "expect_row_digest_to_equall"))
    assert cli.run(["expect", "run", str(home / "suite.json"), other]) == 2
    assert "knows no expectation called expect_row_digest_to_equall" in capsys.readouterr().err
    (home / "suite.json").write_text(whole)
    (home / "d.db").unlink(missing_ok=True)
    empty = sqlite3.connect(home / "d.db")
    empty.execute("CREATE TABLE visit (id TEXT)")
    empty.close()
    assert {"visit.id: kind", "visit: row digest", "visit.note: nulls"} <= failed(
        home, f"sqlite:///{home / 'd.db'}", capsys
    )


def failed(home: Path, url: str, capsys: pytest.CaptureFixture[str]) -> set[str]:
    code = cli.run(["expect", "run", str(home / "suite.json"), url, "--json"])
    results = json.loads(capsys.readouterr().out)["results"]
    found = {result["column"] for result in results if not result["success"]}
    assert code == (1 if found else 0)
    return found
