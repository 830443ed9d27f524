"""`kora behave record --routines`: stored functions and procedures called on both sides with the same inputs."""

import json
from pathlib import Path
from typing import Any

import pytest

from kora import cli
from kora.evidence.kbh import read_recording
from kora.evidence.signing import read_public_key
from tests.integration.test_behavior import record, run, sqlite_url
from tests.integration.test_behavior_probes import state
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

POSTGRES = (
    "CREATE TABLE visit (id integer PRIMARY KEY, fee numeric(8,2) NOT NULL)",
    "INSERT INTO visit VALUES (1, 10.50), (2, 0.25)",
    "CREATE FUNCTION doubled(n integer) RETURNS bigint LANGUAGE sql AS $$ SELECT n * 2::bigint $$",
    "CREATE FUNCTION total() RETURNS numeric LANGUAGE sql AS $$ SELECT sum(fee) FROM visit $$",
    "CREATE FUNCTION greeting(who varchar) RETURNS varchar LANGUAGE sql AS $$ SELECT concat('hello ', who) $$",
    "CREATE FUNCTION any_day() RETURNS timestamptz LANGUAGE sql AS $$ SELECT now() $$",
)
MARIADB = (
    "CREATE TABLE visit (id INTEGER PRIMARY KEY, fee DECIMAL(8,2) NOT NULL)",
    "INSERT INTO visit VALUES (1, 10.50), (2, 0.25)",
    "CREATE FUNCTION doubled(n INTEGER) RETURNS BIGINT DETERMINISTIC RETURN n * 2",
    "CREATE FUNCTION total() RETURNS DECIMAL(10,2) READS SQL DATA RETURN (SELECT sum(fee) FROM visit)",
    "CREATE FUNCTION greeting(who VARCHAR(40)) RETURNS VARCHAR(60) DETERMINISTIC"
    " RETURN CONCAT('hello ', COALESCE(who, ''))",
    "CREATE FUNCTION any_day() RETURNS DATETIME NO SQL RETURN NOW()",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    return tmp_path


def calls(capsys: pytest.CaptureFixture[str], home: Path, first: str, second: str, *more: str) -> tuple[int, Any]:
    """Exit code and outcome → names of calls, after both sides were recorded."""
    record(capsys, home, first, "a.kbh", "--routines", *more)
    record(capsys, home, second, "b.kbh", "--routines", *more)
    code, told = run(capsys, "compare", str(home / "a.kbh"), str(home / "b.kbh"))
    return code, {item["name"]: (item["outcome"], item["detail"]) for item in told["routines"]}


def outcomes(told: dict[str, tuple[str, str]], routine: str) -> set[str]:
    return {outcome for name, (outcome, _) in told.items() if name.partition("#")[0] == f"routine:{routine}"}


def test_routines_of_two_engines_that_mean_the_same_are_equal_and_a_clock_is_not_decidable(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute(*POSTGRES)
    mariadb_database.execute(*MARIADB)
    code, told = calls(capsys, home, mariadb_database.url, postgres_database.url)
    assert code == 0, told
    assert outcomes(told, "doubled") == outcomes(told, "total") == {"equal"}
    assert outcomes(told, "greeting") == {"equal"}
    assert told["routine:any_day"][0] == "not_decidable"
    assert len([name for name in told if name.startswith("routine:doubled#")]) > 10


def test_a_function_that_rounds_otherwise_is_seen_in_the_inputs_where_it_does(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute("CREATE FUNCTION net(a numeric) RETURNS numeric LANGUAGE sql AS 'SELECT round(a, 2)'")
    mariadb_database.execute(
        "CREATE FUNCTION net(a DECIMAL(12,4)) RETURNS DECIMAL(12,2) DETERMINISTIC RETURN TRUNCATE(a, 2)"
    )
    code, told = calls(capsys, home, mariadb_database.url, postgres_database.url)
    assert code == 1
    different = [name for name, (outcome, _) in told.items() if outcome == "different"]
    assert 1 <= len(different) <= 6
    assert "equal" in outcomes(told, "net")


def test_a_routine_that_one_side_lacks_is_told_once(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute(POSTGRES[2], "CREATE FUNCTION fresh() RETURNS integer LANGUAGE sql AS 'SELECT 1'")
    mariadb_database.execute(MARIADB[2], "CREATE FUNCTION gone(n INTEGER) RETURNS INTEGER DETERMINISTIC RETURN n")
    code, told = calls(capsys, home, mariadb_database.url, postgres_database.url)
    assert code == 1
    assert told["routine:gone"] == ("different", "the target has no such routine")
    assert told["routine:fresh"] == ("not_run", "the source has no such routine")
    assert "routine:gone#0" not in told


def test_what_a_routine_changes_is_compared_and_rolled_back(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    raised = "CREATE FUNCTION raise_fees(n integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN"
    postgres_database.execute(*POSTGRES[:2], f"{raised} UPDATE visit SET fee = fee + 2; RETURN n; END $$")
    body = "BEGIN UPDATE visit SET fee = fee + 2; RETURN n; END"
    mariadb_database.execute(
        *MARIADB[:2], "DELIMITER //\n"
        f"CREATE FUNCTION raise_fees(n INTEGER) RETURNS INTEGER DETERMINISTIC MODIFIES SQL DATA {body}//\nDELIMITER ;"
    )  # fmt: skip
    first, second = mariadb_database.url, postgres_database.url
    _, told = calls(capsys, home, first, second)
    assert told["routine:raise_fees#0"][0] == "not_decidable"
    assert "it writes" in told["routine:raise_fees#0"][1]
    before = state(first), state(second)
    record(capsys, home, first, "a.kbh", "--routines", "--probe-target", first)
    record(capsys, home, second, "b.kbh", "--routines", "--probe-target", second)
    code, compared_ = run(capsys, "compare", str(home / "a.kbh"), str(home / "b.kbh"))
    changes = {item["name"]: item["outcome"] for item in compared_["routines"] if item["name"].endswith(" changes")}
    assert code == 0
    assert changes
    assert set(changes.values()) <= {"equal", "equal_but_kinds"}
    assert (state(first), state(second)) == before
    postgres_database.execute(f"{raised.replace('CREATE', 'CREATE OR REPLACE')} RETURN n; END $$")
    record(capsys, home, second, "b.kbh", "--routines", "--probe-target", second)
    code, compared_ = run(capsys, "compare", str(home / "a.kbh"), str(home / "b.kbh"))
    assert code == 1
    assert {item["detail"] for item in compared_["routines"] if item["outcome"] == "different"} == {
        "the target changes nothing"
    }


def test_a_sequence_that_a_function_draws_from_stands_where_it_stood(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database
) -> None:
    postgres_database.execute(
        "CREATE TABLE t (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, a text)", "CREATE SEQUENCE s",
        "SELECT nextval('s')", "INSERT INTO t (a) VALUES ('x')",
        "CREATE FUNCTION add(a text) RETURNS bigint LANGUAGE sql AS"
        " $$ INSERT INTO t (a) VALUES (a) RETURNING id + (SELECT nextval('s')) $$",
    )  # fmt: skip
    before = state(postgres_database.url)
    made = record(capsys, home, postgres_database.url, "a.kbh", "--routines", "--probe-target", postgres_database.url)
    assert {(answer["state"], answer.get("reason")) for answer in made["answers"]} == {("answered", "")}
    assert any(answer["name"].endswith(" changes") for answer in made["answers"])
    assert state(postgres_database.url) == before


def test_what_no_rollback_takes_back_is_called_on_a_copy_or_not_at_all(
    home: Path, capsys: pytest.CaptureFixture[str], mariadb_database: MariadbDatabase
) -> None:
    mariadb_database.execute(
        "CREATE TABLE t (id INTEGER AUTO_INCREMENT PRIMARY KEY, a TEXT)",
        "CREATE TABLE m (a TEXT) ENGINE=MyISAM",
        "CREATE PROCEDURE add_row(a TEXT) INSERT INTO t (a) VALUES (a)",
        "CREATE PROCEDURE note(a TEXT) INSERT INTO m VALUES (a)",
        "CREATE PROCEDURE wide() CREATE TABLE w (a INTEGER)",
        "CREATE PROCEDURE outer_one(a TEXT) CALL add_row(a)",
    )
    url = mariadb_database.url
    before = state(url)
    made = record(capsys, home, url, "a.kbh", "--routines", "--probe-target", url)
    told = {answer["name"]: (answer["state"], answer["reason"]) for answer in made["answers"]}
    assert told.pop("routine:wide") == ("not_decidable", "CREATE T does what no rollback takes back")
    assert {state for state, _ in told.values()} == {"answered"}  # on a copy
    assert state(url) == before
    made = record(capsys, home, url, "b.kbh", "--routines")
    told = {answer["name"]: (answer["state"], answer["reason"]) for answer in made["answers"]}
    assert {state for state, _ in told.values()} == {"not_decidable"}
    assert "AUTO_INCREMENT" in told["routine:add_row"][1]
    assert "AUTO_INCREMENT" in told["routine:outer_one"][1]
    assert "knows no rollback" in told["routine:note"][1]
    assert state(url) == before


def test_procedures_give_results_and_overloads_are_told_apart(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    postgres_database.execute(
        "CREATE PROCEDURE half(n numeric, OUT h numeric) LANGUAGE plpgsql AS $$ BEGIN h := n / 2; END $$",
        "CREATE FUNCTION f(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n'",
        "CREATE FUNCTION f(t text) RETURNS text LANGUAGE sql AS 'SELECT t'",
    )
    mariadb_database.execute("CREATE PROCEDURE half(n DECIMAL(20,6), OUT h DECIMAL(20,6)) SET h = n / 2")
    _, told = calls(capsys, home, mariadb_database.url, postgres_database.url)
    assert outcomes(told, "half") == {"equal"}
    assert "routine:f(integer)" in told
    assert "routine:f(text)" in told


def test_a_function_that_answers_otherwise_the_second_time_is_not_decidable(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database
) -> None:
    postgres_database.execute(
        "CREATE FUNCTION moment() RETURNS timestamptz LANGUAGE sql AS $$ SELECT 'now'::text::timestamptz $$",
    )
    made = record(capsys, home, postgres_database.url, "a.kbh", "--routines")
    told = {answer["name"]: (answer["state"], answer["reason"]) for answer in made["answers"]}
    assert told["routine:moment#0"] == ("not_decidable", "it answers otherwise the second time")


def test_recorded_inputs_and_another_seed(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database
) -> None:
    postgres_database.execute(
        POSTGRES[2], "CREATE FUNCTION spread(r int4range) RETURNS integer LANGUAGE sql AS 'SELECT upper(r)'"
    )
    lines = [{"routine": "doubled", "arguments": [77]}, {"routine": "spread", "arguments": ["[1,5)"]}]
    (home / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    url = postgres_database.url
    made = record(capsys, home, url, "a.kbh", "--routines", "--routine-inputs", str(home / "in.jsonl"),
                  "--seed", "00000000000000ff")  # fmt: skip
    assert made["seed"] == "00000000000000ff"
    told = {answer["name"]: answer["state"] for answer in made["answers"]}
    assert told["routine:spread#0"] == "answered"
    again = record(capsys, home, url, "b.kbh", "--routines")
    assert {answer["name"]: answer["state"] for answer in again["answers"]}["routine:spread"] == "not_decidable"
    assert cli.run(["behave", "compare", str(home / "a.kbh"), str(home / "b.kbh")]) == 2
    assert "other seeds or files" in capsys.readouterr().err
    (home / "in.jsonl").write_text("{}")
    assert cli.run(["behave", "record", url, "-o", str(home / "c.kbh"), "--routines", "--key-file", str(home / "K"),
                    "--routine-inputs", str(home / "in.jsonl")]) == 2  # fmt: skip
    assert "line 1" in capsys.readouterr().err


def test_a_file_has_no_routines_and_the_seed_stands_in_the_signed_file(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database
) -> None:
    url = sqlite_url(home / "a.db")
    assert cli.run(["behave", "record", url, "-o", str(home / "a.kbh"), "--routines", "--run", "x"]) == 2
    assert "keeps no routines" in capsys.readouterr().err
    postgres_database.execute(POSTGRES[2])
    record(capsys, home, postgres_database.url, "a.kbh", "--routines")
    public = read_public_key(home / "home" / "keys" / "signing.pub")
    recording = read_recording(home / "a.kbh", [public])
    assert recording.seed is not None
    assert recording.asked == "routines"
    assert cli.run(["check", str(home / "a.kbh"), "--key", str(home / "home" / "keys" / "signing.pub")]) == 3
    shown = capsys.readouterr().out
    assert "authentic" in shown
    assert recording.seed in shown
