"""`kora verify --behavior`: queries, views and habits beside the verdict, in certificate, report and `--json`."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from kora import _core, cli
from kora.evidence.canonical import parse_canonical
from kora.evidence.certificate import load
from kora.evidence.envelope import read_envelope
from kora.evidence.signing import read_public_key
from tests.integration.test_behavior import TABLES, WORKLOAD, duckdb_url, sqlite_url
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

COPY = (
    'CREATE TABLE "visit" ("id" INTEGER NOT NULL PRIMARY KEY, "town" VARCHAR(40), "fee" DECIMAL(8,2),'
    ' "weight" DOUBLE PRECISION)',
    *TABLES[1:],
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    (tmp_path / "w.sql").write_text(WORKLOAD)
    return tmp_path


def verify(capsys: pytest.CaptureFixture[str], home: Path, source: str, target: str, *more: str) -> tuple[int, Any]:
    arguments = ["verify", source, target, "--out", str(home / "out"), "--json", *more]
    code = cli.run(arguments)
    captured = capsys.readouterr()
    assert captured.out, captured.err
    return code, json.loads(captured.out)


def outcomes(told: Any) -> dict[str, str]:
    return {query["name"]: query["outcome"] for query in told["behavior"]["queries"]}


def test_behaviour_is_not_run_unless_it_is_asked_for(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = sqlite_url(home / "a.db")
    _, told = verify(capsys, home, url, sqlite_url(home / "b.db"))
    assert told["behavior"] == "not_run"
    assert any(item["what"] == "behaviour" and "queries" in item["name"] for item in told["not_checked"])


def test_it_stands_in_json_certificate_and_report_and_no_more_under_not_checked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = sqlite_url(home / "a.db"), sqlite_url(home / "b.db")
    code, told = verify(capsys, home, source, target, "--behavior", "--workload", str(home / "w.sql"))
    assert code == 0
    assert told["verdict"] == "equivalent"
    assert told["behavior"]["outcome"] == "equal"
    assert outcomes(told)["by-town"] == "equal"
    names = {item["name"] for item in told["not_checked"] if item["what"] == "behaviour"}
    assert {"view:lately", "any"} <= names
    assert not any("queries" in name for name in names)
    certificate = home / "out" / "certificate.json"
    assert cli.run(["check", str(certificate), "--key", str(home / "out" / "signer.pub")]) == 0
    shown = capsys.readouterr()
    assert "behaviour" in shown.out
    public = read_public_key(home / "out" / "signer.pub")
    assert _core.check_certificate(load(certificate), "it", [public.raw]) == ("equivalent", 0)
    report = next((home / "out").glob("*.html")).read_text()
    assert "the same answer" in report


def test_another_behaviour_of_equal_data_is_told_and_leaves_the_verdict(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view = "CREATE VIEW towns AS SELECT town, count(*) + 1 AS visits FROM visit GROUP BY town"
    target = sqlite_url(home / "b.db", *TABLES[:2], view, TABLES[3])
    code, told = verify(capsys, home, sqlite_url(home / "a.db"), target, "--behavior")
    plain_code, plain = verify(capsys, home, sqlite_url(home / "c.db"), target)
    assert (code, told["verdict"]) == (plain_code, plain["verdict"])
    assert told["behavior"]["outcome"] == "different"
    assert outcomes(told) == {"view:lately": "not_decidable", "view:towns": "different"}
    cli.run(["verify", f"sqlite:///{home / 'a.db'}", target, "--out", str(home / "out"), "--behavior"])
    assert "Behaviour differs" in capsys.readouterr().out
    assert "another answer" in next((home / "out").glob("*.html")).read_text()


def test_sqlite_and_duckdb_differ_in_the_habits_they_are_known_for(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = verify(capsys, home, sqlite_url(home / "a.db"), duckdb_url(home / "b.duckdb"), "--behavior",
                     "--workload", str(home / "w.sql"))  # fmt: skip
    habits = {probe["name"]: (probe["source"], probe["target"]) for probe in told["behavior"]["probes"]}
    assert habits["integer division"] == ("3", "3.5")
    assert habits["NULL order"] == ("NULL", "1")
    assert habits["a month later"] == ("2024-03-02", "2024-02-29")
    assert habits["overflow"] == ("9223372036854776000", "refuses (out of range)")
    assert set(outcomes(told).values()) <= {"equal", "equal_but_kinds", "not_decidable"}


def test_sqlite_against_postgresql_and_mariadb(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute(*COPY)
    mariadb_database.execute(*TABLES)
    source = sqlite_url(home / "a.db")
    asked = ("--behavior", "--workload", str(home / "w.sql"))
    _, told = verify(capsys, home, source, postgres_database.url, *asked)
    assert set(outcomes(told).values()) <= {"equal", "equal_but_kinds", "not_decidable"}, told["behavior"]["queries"]
    habits = {probe["name"]: (probe["source"], probe["target"]) for probe in told["behavior"]["probes"]}
    assert habits["division by zero"] == ("NULL", "refuses (division by zero)")
    assert habits["collation order"] == ("1", "1")
    assert habits["text as a number"] == ("0", "1")
    _, told = verify(capsys, home, source, mariadb_database.url, *asked)
    assert outcomes(told)["by-town"] == "order_differs"
    habits = {probe["name"]: (probe["source"], probe["target"]) for probe in told["behavior"]["probes"]}
    assert habits["case equality"] == ("0", "1")
    assert habits["collation order"] == ("1", "0")
    assert habits["text length"] == ("1", "2")
    assert habits["rounding"] == ("3", "3")
    assert not any("not known" in text or "not understood" in text for pair in habits.values() for text in pair)


def test_a_csv_source_is_said_not_to_answer(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "csv").mkdir()
    (home / "csv" / "t.csv").write_text("a,b\n1,x\n")
    target = sqlite_url(home / "b.db", "CREATE TABLE t (a TEXT, b TEXT)", "INSERT INTO t VALUES ('1', 'x')")
    _, told = verify(capsys, home, f"csv:///{home / 'csv'}", target, "--behavior")
    assert told["behavior"]["outcome"] == "undecided"
    assert any("files of rows" in item["detail"] for item in told["not_checked"])


def test_a_workload_needs_behavior(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = sqlite_url(home / "a.db")
    assert cli.run(["verify", url, url, "--workload", str(home / "w.sql")]) == 2
    assert "--behavior" in capsys.readouterr().err


def test_rows_are_tried_on_a_server_only_where_it_is_named_and_it_is_said_before(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database
) -> None:
    postgres_database.execute(*COPY)
    source = sqlite_url(home / "a.db")
    _, told = verify(capsys, home, source, postgres_database.url, "--behavior")
    assert told["behavior"]["place"] == ""
    assert any("--probe-target" in item["detail"] for item in told["not_checked"])
    arguments = ["verify", source, postgres_database.url, "--out", str(home / "out"), "--behavior",
                 "--probe-target", postgres_database.url]  # fmt: skip
    cli.run([*arguments, "--json"])
    captured = capsys.readouterr()
    assert "rows are tried on" in captured.err
    assert "rolled back" in captured.err
    behavior = json.loads(captured.out)["behavior"]
    assert behavior["place"]
    kept = [probe["constraint"] for probe in behavior["constraints"] if probe["outcome"] == "kept"]
    assert "PRIMARY KEY (id)" in kept
    assert behavior["claim"].startswith(f"behaviour equal on 1 queries, 0 calls of routines and {len(kept)} probes; ")
    public = read_public_key(home / "out" / "signer.pub")
    assert _core.check_certificate(load(home / "out" / "certificate.json"), "it", [public.raw])[0] == told["verdict"]
    cli.run(arguments)
    shown = capsys.readouterr().out
    assert "Rows tried on" in shown
    assert "rows were tried on" in next((home / "out").glob("*.html")).read_text()


def test_a_target_that_lost_a_check_is_told_and_keeps_its_verdict(
    home: Path, capsys: pytest.CaptureFixture[str], mariadb_database: MariadbDatabase
) -> None:
    table = "CREATE TABLE t (id INTEGER NOT NULL PRIMARY KEY, fee INTEGER{check})"
    source = sqlite_url(home / "a.db", table.format(check=" CHECK (fee >= 0)"), "INSERT INTO t VALUES (1, 5)")
    mariadb_database.execute(table.format(check=""), "INSERT INTO t VALUES (1, 5)")
    url = mariadb_database.url
    code, plain = verify(capsys, home, source, url)
    again, told = verify(capsys, home, source, url, "--behavior", "--probe-target", url)
    assert (code, plain["verdict"]) == (again, told["verdict"])
    assert told["behavior"]["outcome"] == "different"
    lost = [probe for probe in told["behavior"]["constraints"] if probe["outcome"] == "lost"]
    assert [probe["detail"] for probe in lost] == ["accepts what the source refuses"]


def test_routines_of_both_sides_are_called_and_the_seed_is_certified(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute("CREATE FUNCTION tax(a numeric) RETURNS numeric LANGUAGE sql AS 'SELECT round(a * 2, 1)'")
    mariadb_database.execute(
        "CREATE FUNCTION tax(a DECIMAL(20,4)) RETURNS DECIMAL(20,1) DETERMINISTIC RETURN ROUND(a * 2, 1)",
        "CREATE FUNCTION chance() RETURNS DOUBLE NOT DETERMINISTIC NO SQL RETURN RAND()",
    )
    postgres_database.execute("CREATE FUNCTION chance() RETURNS float8 LANGUAGE sql AS 'SELECT random()'")
    sides = (mariadb_database.url, postgres_database.url)
    _, told = verify(capsys, home, *sides, "--behavior", "--routines")
    behavior = told["behavior"]
    calls = {item["name"]: item["outcome"] for item in behavior["routines"]}
    assert calls["routine:chance"] == "not_decidable"
    assert {outcome for name, outcome in calls.items() if name.startswith("routine:tax")} == {"equal"}
    assert len(behavior["seed"]) == 16
    payload = parse_canonical(read_envelope(load(home / "out" / "certificate.json"), "it").payload, "it")
    assert payload["predicate"]["behavior"]["seed"] == behavior["seed"]  # type: ignore[index,call-overload]
    assert any(item["name"] == "routine:chance" for item in told["not_checked"])
    _, told = verify(capsys, home, *sides, "--behavior")
    assert told["behavior"]["routines"] == []
    assert any("not executed" in item["detail"] for item in told["not_checked"])


def test_probe_target_is_for_servers_and_for_behavior(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = sqlite_url(home / "a.db")
    assert cli.run(["verify", url, url, "--probe-target", url]) == 2
    assert cli.run(["verify", url, url, "--behavior", "--probe-target", url]) == 2
    assert "no server" in capsys.readouterr().err


def test_databases_without_views_are_told_apart_from_a_crash(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        with sqlite3.connect(home.parent / f"{name}.db") as connection:
            connection.execute("CREATE TABLE t (i INTEGER PRIMARY KEY)")
        connection.close()
    urls = [f"sqlite:///{home.parent}/{name}.db" for name in ("a", "b")]
    with sqlite3.connect(home.parent / "b.db") as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    assert cli.run(["verify", *urls, "--behavior"]) == 0
    assert "none was asked" in capsys.readouterr().out
    key, files = home.parent / "K", [home.parent / "a.kbh", home.parent / "b.kbh"]
    for url, file, option in zip(urls, files, ("--new-key-file", "--key-file"), strict=True):
        assert cli.run(["behave", "record", url, "--views", option, str(key), "-o", str(file)]) == 0
    capsys.readouterr()
    assert cli.run(["behave", "compare", *map(str, files)]) == 3
    assert "none was asked" in capsys.readouterr().out
