"""`sensei migrate --behavior`: the appliance passes KORA a session on its own target, where rows are tried."""

from pathlib import Path

import pytest

from tests.e2e.migrating import migrate
from tests.integration.test_behavior import duckdb_url, sqlite_url
from tests.integration.test_behavior_probes import ROWS, TOWN, VISIT, state
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

SOURCE = (
    TOWN,
    VISIT.format(more=""),
    *ROWS,
    "CREATE TABLE note (id INTEGER PRIMARY KEY AUTOINCREMENT, a TEXT NOT NULL)",
    "INSERT INTO note (a) VALUES ('x'), ('y')",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "duckdb"])
def test_rows_are_tried_on_the_target_after_the_load_and_leave_it_as_it_is(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source = sqlite_url(tmp_path / "a.db", *SOURCE)
    if engine == "duckdb":
        url = f"duckdb:///{tmp_path / 'b.duckdb'}"
    else:
        made: Database | MariadbDatabase = request.getfixturevalue(
            "postgres_database" if engine == "postgresql" else "mariadb_database"
        )
        url = made.url
    (tmp_path / "w.sql").write_text("-- name: fees\nSELECT id, fee FROM visit ORDER BY id;\n")
    accepted = [word for rule in ("check", "default", "collation", "trigger") for word in ("--accept-loss", rule)]
    said = migrate(source, url, "--behavior", "--workload", tmp_path / "w.sql", *accepted)
    assert "rows are tried on" in said.err
    behavior = said.body["behavior"]
    probes = {(item["table"].split(".")[-1], item["constraint"]): item["outcome"] for item in behavior["constraints"]}
    assert probes["visit", "NOT NULL fee"] == "kept"
    assert probes["town", "UNIQUE (name)"] == "kept"
    if engine != "duckdb":
        assert probes["note", "COUNTER id"] == "kept"
    assert {query["name"]: query["outcome"] for query in behavior["queries"]}["fees"] == "equal"
    before = state(url)
    again = migrate(source, url, "--behavior")
    assert again.code != 0  # it is not empty any more
    assert state(url) == before


def test_a_workload_needs_behavior(tmp_path: Path) -> None:
    source = sqlite_url(tmp_path / "a.db", *SOURCE)
    said = migrate(source, duckdb_url(tmp_path / "b.duckdb", "SELECT 1"), "--workload", tmp_path / "w.sql")
    assert said.code == 2
    assert "--behavior" in said.err


def test_a_migration_calls_the_routines_of_both_sides_and_certifies_what_they_answer(
    postgres_database: Database, mariadb_database: MariadbDatabase, tmp_path: Path
) -> None:
    mariadb_database.execute(
        "CREATE TABLE visit (id INTEGER PRIMARY KEY, fee DECIMAL(8,2) NOT NULL)", "INSERT INTO visit VALUES (1, 2.5)",
        "CREATE FUNCTION total() RETURNS DECIMAL(10,2) READS SQL DATA RETURN (SELECT sum(fee) FROM visit)",
        "CREATE FUNCTION doubled(n INTEGER) RETURNS BIGINT DETERMINISTIC RETURN n * 2",
        "CREATE FUNCTION gone() RETURNS INTEGER DETERMINISTIC RETURN 1",
    )  # fmt: skip
    postgres_database.execute(
        "CREATE FUNCTION total() RETURNS numeric LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN (SELECT sum(fee) FROM visit); END $$",
        "CREATE FUNCTION doubled(n integer) RETURNS bigint LANGUAGE sql AS $$ SELECT n * 2::bigint $$",
    )
    (tmp_path / "in.jsonl").write_text('{"routine": "doubled", "arguments": [77]}\n')
    said = migrate(mariadb_database.url, postgres_database.url, "--behavior", "--routines", "--routine-inputs",
                   tmp_path / "in.jsonl", "--accept-loss", "routine", "--accept-loss", "collation")  # fmt: skip
    told = {call["name"]: call["outcome"] for call in said.body["behavior"]["routines"]}
    assert {outcome for name, outcome in told.items() if name.startswith("routine:doubled#")} == {"equal"}
    assert told["routine:total#0"] == "equal"
    assert told["routine:gone"] == "different"
    assert said.body["behavior"]["outcome"] == "different"
    assert said.body["behavior"]["seed"]
    assert said.verdict.startswith("equivalent")


def test_routines_need_behavior_and_servers_on_both_sides_before_anything_is_loaded(
    postgres_database: Database, tmp_path: Path
) -> None:
    source = sqlite_url(tmp_path / "a.db", *SOURCE)
    for more, word in ((["--routines"], "--behavior"), (["--behavior", "--routine-inputs", "x"], "--routines"),
                       (["--behavior", "--routines"], "servers keep")):  # fmt: skip
        said = migrate(source, postgres_database.url, *more)
        assert said.code == 2
        assert word in said.err
    with postgres_database.connect() as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
