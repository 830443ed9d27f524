"""Procedures of MariaDB that give back rows: every result set of a call is read and compared with the other side's."""

from pathlib import Path
from typing import Any

import pytest

from kora._core import MysqlConnection
from kora.errors import InvalidRequest
from tests.integration.test_behavior import record, run
from tests.integration.test_behavior_probes import state
from tests.integration.test_behavior_routine_copies import answers
from tests.integration.test_behavior_routines import calls, home, outcomes
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

__all__ = ["home"]
TABLE = (
    "CREATE TABLE visit (id INTEGER PRIMARY KEY, fee DECIMAL(8,2) NOT NULL, town VARCHAR(20), since DATE)",
    "INSERT INTO visit VALUES (1, 10.50, 'Kisumu', '2024-02-29'), (2, 0.25, NULL, NULL), (3, 7, 'é', '1999-12-31')",
)


def procedure(name: str, parameters: str, body: str) -> str:
    return f"DELIMITER //\nCREATE PROCEDURE {name}({parameters}) READS SQL DATA BEGIN {body} END//\nDELIMITER ;"


def test_a_procedure_that_shows_rows_agrees_with_a_function_that_returns_them(
    home: Path, capsys: pytest.CaptureFixture[str], postgres_database: Database, mariadb_database: MariadbDatabase
) -> None:
    shown = "SELECT id, fee, town, since FROM visit WHERE fee > least_fee"
    columns = "id integer, fee numeric, town varchar, since date"
    mariadb_database.execute(
        *TABLE, procedure("dear", "least_fee INTEGER", f"{shown} ORDER BY id DESC;"),
        procedure("nothing", "", "SELECT id, fee, town, since FROM visit WHERE id < 0;"),
        procedure("off", "least_fee INTEGER", f"{shown};"),
    )  # fmt: skip
    made = "CREATE FUNCTION {}({}) RETURNS TABLE ({}) LANGUAGE sql AS $$ {} $$"
    told = shown.replace("id, fee, town, since", "v.id, v.fee, v.town, v.since").replace("visit", "visit v")
    told = told.replace("WHERE fee", "WHERE v.fee")
    postgres_database.execute(
        *TABLE, made.format("dear", "least_fee integer", columns, told),
        made.format("nothing", "", columns, told.replace("v.fee > least_fee", "v.id < 0")),
        made.format("off", "least_fee integer", columns, told.replace(">", ">=").replace("least_fee", "least_fee + 1")),
    )  # fmt: skip
    before = state(mariadb_database.url), state(postgres_database.url)
    code, compared = calls(capsys, home, mariadb_database.url, postgres_database.url)
    assert outcomes(compared, "dear") == outcomes(compared, "nothing") == {"equal"}
    assert "different" in outcomes(compared, "off")
    assert code == 1
    assert (state(mariadb_database.url), state(postgres_database.url)) == before


def test_several_results_are_compared_one_by_one_and_what_is_given_out_beside_them(
    home: Path, capsys: pytest.CaptureFixture[str], mariadb_database: MariadbDatabase
) -> None:
    first, second, third = "SELECT id FROM visit;", "SELECT town FROM visit;", "SELECT 'é', CAST(1.50 AS DECIMAL(4,2));"
    mariadb_database.execute(
        *TABLE, procedure("several", "", f"{first} {second} {third}"),
        procedure("mixed", "OUT n INTEGER, OUT t VARCHAR(9) CHARACTER SET latin1", f"{first} SET n = 3, t = 'é';"),
    )  # fmt: skip
    url = mariadb_database.url
    made = record(capsys, home, url, "a.kbh", "--routines")
    told = {str(item["name"]): item["row_count"] for item in made["answers"]}
    assert told == {
        "routine:mixed#0": 1, "routine:mixed#0 result 1": 3,
        "routine:several#0": 3, "routine:several#0 result 2": 3, "routine:several#0 result 3": 1,
    }  # fmt: skip
    _, same = calls(capsys, home, url, url)
    assert {outcome for outcome, _ in same.values()} == {"equal"}
    other = "SELECT concat(town, '') AS town FROM visit WHERE id > 1;"
    mariadb_database.execute("DROP PROCEDURE several", procedure("several", "", f"{first} {other}"))
    record(capsys, home, url, "c.kbh", "--routines")
    compared = compared_files(home, capsys, "a.kbh", "c.kbh")
    assert compared["routine:several#0"][0] == "equal"
    assert compared["routine:several#0 result 2"] == ("different", "3 rows in the source, 2 in the target")
    assert compared["routine:several#0 result 3"] == ("different", "the target gives back no result 3")
    assert compared_files(home, capsys, "c.kbh", "a.kbh")["routine:several#0 result 3"] == (
        "different", "the source gives back no result 3"
    )  # fmt: skip


def compared_files(home: Path, capsys: pytest.CaptureFixture[str], first: str, second: str) -> dict[str, Any]:
    _, told = run(capsys, "compare", str(home / first), str(home / second))
    return {item["name"]: (item["outcome"], item["detail"]) for item in told["routines"]}


def test_a_procedure_that_refuses_or_never_stops_showing_leaves_a_session_that_goes_on(
    home: Path, capsys: pytest.CaptureFixture[str], mariadb_database: MariadbDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kora.behavior.servers.STATEMENT_SECONDS", 1)
    mariadb_database.execute(
        *TABLE, procedure("fails", "", "SELECT id FROM visit; SIGNAL SQLSTATE '45000'; SELECT 2;"),
        procedure("forever", "", "DECLARE n INTEGER DEFAULT 0; WHILE n >= 0 DO SELECT n; END WHILE;"),
        procedure("many", "", "DECLARE n INTEGER DEFAULT 0; WHILE n < 40 DO SELECT n; SET n = n + 1; END WHILE;"),
        procedure("quiet", "", "DO 1;"), procedure("shapes", "", "SELECT POINT(1, 2); SELECT 1;"),
        procedure("telling", "", "SELECT town FROM visit;"),
    )  # fmt: skip
    made = record(capsys, home, mariadb_database.url, "a.kbh", "--routines")
    told = {name: (item["state"], str(item["reason"]), item["row_count"]) for name in
            ("fails", "forever", "many", "quiet", "telling") for item in answers(made, name)}  # fmt: skip
    assert told["fails"] == ("error", "refused", None)
    assert (told["many"][0], "more than 32 results" in told["many"][1]) == ("not_comparable", True)
    assert told["forever"][0] in ("not_comparable", "not_decidable")
    assert told["quiet"] == ("answered", "", 1)
    assert told["telling"] == ("answered", "", 3)


def test_several_statements_in_one_are_still_refused_and_a_stale_result_is_never_another_ones(
    mariadb_database: MariadbDatabase,
) -> None:
    mariadb_database.execute(*TABLE, procedure("two", "", "SELECT id FROM visit; SELECT 'b';"))
    session = MysqlConnection(mariadb_database.settings)
    with pytest.raises(Exception, match="1064"):
        session.query("SELECT 1; SELECT 2")
    first = session.results("CALL two()")
    assert first is not None
    assert session.query("SELECT 'mine'") == [("mine",)]
    with pytest.raises(InvalidRequest, match="a later statement"):
        session.results()
    with pytest.raises(InvalidRequest, match="a later statement"):
        first.count()
    counted, stream = [], session.results("CALL two()")
    while stream is not None:
        counted.append(stream.count())
        stream = session.results()
    assert counted == [3, 1]
    assert session.query("CALL two()") == [("b",)]
    session.close()
