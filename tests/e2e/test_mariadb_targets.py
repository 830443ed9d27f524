"""MariaDB as a target: what arrives from each engine, what is lost by name, and what it says to bad input."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.demo.clinic import build_clinic
from tests.e2e.migrating import DATA, Said, file_url, migrate, run_kora, run_sensei
from tests.e2e.rich_postgresql import RICH
from tests.mariadb_server import MariadbDatabase, MariadbServer, numbers
from tests.servers import PASSWORD, Database

CHINOOK = file_url("sqlite", DATA / "chinook" / "chinook.sqlite")
pytestmark = pytest.mark.usefixtures("sensei_home")


def sqlite_file(path: Path, script: str) -> str:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return file_url("sqlite", path)


def losses_of(said: Said) -> set[tuple[str, str]]:
    return set(said.losses)


def test_chinook_goes_to_mariadb_to_another_and_comes_back_the_same(tmp_path, mariadb_server: MariadbServer):
    first, second = mariadb_server.create_database(), mariadb_server.create_database()
    for source, target in ((CHINOOK, first.url), (first.url, second.url)):
        said = migrate(source, target)
        assert (said.code, said.verdict, said.losses) == (0, "equivalent", [])
        assert (len(said.tables), said.rows) == (11, 15_607)
    returned = file_url("sqlite", tmp_path / "returned.sqlite")
    assert migrate(second.url, returned).rows == 15_607
    assert second.query("SELECT Name, UnitPrice FROM Track WHERE TrackId = 2819") == [
        ("Battlestar Galactica: The Story So Far", "1.99")
    ]
    verified = run_kora("verify", CHINOOK, returned, "--json", "--out", tmp_path / "proof")
    assert (verified.code, verified.verdict) == (0, "equivalent")


def test_the_clinic_loses_what_mariadb_has_not_by_name_and_not_a_row(tmp_path, mariadb_database: MariadbDatabase):
    build_clinic(tmp_path / "clinic.db", scale=0.02)
    said = migrate(file_url("sqlite", tmp_path / "clinic.db"), mariadb_database.url)
    assert (said.code, said.verdict) == (5, "equivalent_with_declared_loss")
    assert {table["outcome"] for table in said.tables.values()} == {"match"}
    # An index over the column of a foreign key serves for the partial one, which MariaDB has not.
    assert losses_of(said) == {
        ("index", "index patient.patient_by_name"),
        ("trigger", "trigger patient_renamed"),
        ("trigger", "trigger stock_taken"),
        ("view", "view visits_of_last_month"),
    }
    [(following,)] = mariadb_database.query(
        "SELECT AUTO_INCREMENT FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name = 'patient'"
    )
    [(largest,)] = mariadb_database.query("SELECT max(id) FROM patient")
    assert int(str(following)) > int(str(largest))
    with pytest.raises(RuntimeError, match="foreign key constraint fails"):
        mariadb_database.execute("INSERT INTO prescription VALUES (-1, 1, 1, 1, 1)")


def test_a_postgresql_database_arrives_with_its_schemas_in_the_names(
    postgres_database: Database, mariadb_database: MariadbDatabase
):
    postgres_database.execute(*RICH)
    postgres_database.execute(
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.line (id int PRIMARY KEY, code char(5), big numeric, rate numeric(70,5), at timestamptz)",
        "INSERT INTO sales.line VALUES (1, 'ab', 12345678901234567890.5, 1.5, '2200-01-01 00:00:00.000001+02'),"
        " (2, '', -0.1, NULL, NULL)",
    )
    said = migrate(postgres_database.url, mariadb_database.url)
    assert said.code == 5
    assert {name: table["outcome"] for name, table in said.tables.items() if name != "public.child"} == dict.fromkeys(
        ["public.Order", "public.parent", "public.part", "public.a", "public.b", "sales.line"], "match"
    )
    assert mariadb_database.query("SELECT id, code, big, rate, at FROM sales_line ORDER BY id") == [
        ("1", "ab", "12345678901234567890.5", "1.5", "2199-12-31 22:00:00.000001"),
        ("2", "", "-0.1", None, None),
    ]
    # Its rows hold NaN, infinity and -0.0, none of which MariaDB has.
    lines = [line.split('"reason": ')[1] for line in (said.run_folder / "quarantine.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    assert "NaN or infinity" in lines[0]
    assert "-0.0" in lines[1]
    declared = {loss["subject"]: loss["count"] for loss in said.plan["losses"] if loss["rule"] == "quarantined"}
    assert declared == {"public.child.g": 2, "public.child.f": 1}


def test_names_that_mariadb_reserves_folds_or_cuts_are_settled_in_the_plan(tmp_path, mariadb_database):
    long = "a_name_" + "x" * 70
    source = sqlite_file(
        tmp_path / "names.db",
        f'CREATE TABLE "select" ("group" INTEGER PRIMARY KEY, "tick`ed" TEXT, "{long}" TEXT, "per%cent" TEXT);'
        "INSERT INTO \"select\" VALUES (1, 'a', 'b', 'c'), (2, '', NULL, '%s');"
        f'CREATE TABLE "{long}" (a INTEGER REFERENCES "select"); INSERT INTO "{long}" VALUES (2);',
    )
    said = migrate(source, mariadb_database.url)
    assert (said.code, said.verdict) == (0, "equivalent")
    names = {table["target"] for table in said.plan["tables"]}
    assert all(len(name) <= 64 for name in names)
    assert any("its own name is longer than 64 characters" in note for note in said.plan["notes"])
    assert mariadb_database.query("SELECT `group`, `tick``ed`, `per%cent` FROM `select` ORDER BY 1") == [
        ("1", "a", "c"),
        ("2", "", "%s"),
    ]


def test_notes_say_why_a_name_became_another_and_what_a_comment_lost(mariadb_server: MariadbServer, postgres_database):
    postgres_database.execute(
        'CREATE TABLE "t" (id int PRIMARY KEY, "c😀" int, "trail " int, "same" int, "Same" int)',
        'COMMENT ON TABLE t IS \'a😀b\'', "COMMENT ON COLUMN t.same IS 'é'", "COMMENT ON COLUMN t.id IS '😀'",
    )  # fmt: skip
    said = migrate(postgres_database.url, mariadb_server.create_database().url)
    assert (said.code, said.verdict) == (0, "equivalent"), said.err
    notes = {note.split(" becomes ")[0]: note.split("its own name ")[-1] for note in said.plan["notes"]}
    assert notes["column public.t.c😀"] == notes["column public.t.trail "]
    assert notes["column public.t.c😀"].startswith("holds characters, or blanks at its end")
    assert notes["column public.t.Same"].startswith("is taken (names that differ in case alone")
    lost = [note for note in said.plan["notes"] if note.startswith("the comment of")]
    assert [note.split(" holds")[0] for note in lost] == [
        "the comment of table public.t", "the comment of column public.t.id",
    ]  # fmt: skip


def test_rows_too_wide_and_keys_too_long_for_innodb_are_planned_around(tmp_path, mariadb_database):
    wide = ", ".join(f"c{number} VARCHAR(255)" for number in range(120))
    source = sqlite_file(
        tmp_path / "wide.db",
        f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {wide}); INSERT INTO wide (id, c0, c119) VALUES (1, 'a', 'ż');"
        "CREATE TABLE keyed (a TEXT, b TEXT, n INTEGER, PRIMARY KEY (a, b));"
        "INSERT INTO keyed VALUES ('k', 'x', 1), ('K', 'x', 2), ('k ', 'x', 3), ('k', 'x ', 4);"
        "CREATE TABLE endless (k TEXT PRIMARY KEY); CREATE INDEX by_text ON keyed (b);",
    )
    with closing(sqlite3.connect(tmp_path / "wide.db")) as connection:
        connection.execute("INSERT INTO endless VALUES (?)", ("y" * 5000,))
        connection.commit()
    said = migrate(source, mariadb_database.url)
    assert {table["outcome"] for table in said.tables.values()} == {"match"}
    assert {rule for rule, _ in said.losses} == {"primary_key"}
    assert said.column("keyed", "a")["target_type"] == "varchar(384)"
    assert mariadb_database.query("SELECT count(*) FROM keyed WHERE a = 'k'") == [("2",)]


def test_columns_that_mariadb_computes_and_rounds_are_no_fault_of_their_rows(
    mariadb_server: MariadbServer, postgres_database: Database
):
    source, target, other = (mariadb_server.create_database() for _ in range(3))
    source.execute(
        "CREATE TABLE o (id int PRIMARY KEY AUTO_INCREMENT, price decimal(10,2), rate decimal(6,4),"
        " vat decimal(10,2) AS (price * rate) STORED, share decimal(10,2) AS (price / 3) STORED)",
        f"INSERT INTO o (price, rate) SELECT n * 0.37, 0.1975 FROM {numbers(1200)}",
    )
    postgres_database.execute(
        "CREATE TABLE o (id int PRIMARY KEY, price numeric(10,2), rate numeric(6,4),"
        " vat numeric(10,2) GENERATED ALWAYS AS (price * rate) STORED)",
        "INSERT INTO o SELECT n, n * 0.37, 0.1975 FROM generate_series(1, 1200) n",
    )
    for place, into in ((source, target), (postgres_database, other)):
        said = migrate(place.url, into.url)
        assert (said.code, said.verdict, said.rows, said.losses) == (0, "equivalent", 1200, []), said.err


def test_a_wrong_password_and_a_database_that_is_not_there_exit_2_before_anything_is_read(mariadb_database):
    refused = migrate(CHINOOK, mariadb_database.url_as("nobody", "secret-word"))
    assert (refused.code, refused.out) == (2, "")
    assert "secret-word" not in refused.err
    missing = migrate(CHINOOK, mariadb_database.url.replace(mariadb_database.name, "no_such_database"))
    assert (missing.code, missing.out) == (2, "")
    assert "no_such_database" in missing.err


def test_a_target_that_holds_something_is_refused(mariadb_database):
    mariadb_database.execute("CREATE TABLE older (a INT)")
    said = migrate(CHINOOK, mariadb_database.url)
    assert (said.code, "is not empty" in said.err) == (2, True)
    beside = migrate(CHINOOK, mariadb_database.url, "--into-existing")
    assert (beside.code, beside.verdict) == (0, "equivalent")


def test_an_unfriendly_server_is_told_of_and_goes_on_once_it_was_mended(tmp_path, monkeypatch):
    source = sqlite_file(
        tmp_path / "large.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, body BLOB);INSERT INTO t VALUES (1, x'00ff'), (2, zeroblob(1500000));",
    )
    monkeypatch.setenv("SENSEI_TARGET_PASSWORD", PASSWORD)
    settings = {"sql_mode": "", "local_infile": "OFF", "max_allowed_packet": "1M"}
    with MariadbServer(settings) as server:
        database = server.create_database()
        stopped = migrate(source, database.url)
        assert (stopped.code, stopped.out) == (4, "")
        assert "SET GLOBAL max_allowed_packet = 4194304" in stopped.err
        server.execute("SET GLOBAL max_allowed_packet = 4194304")
        [run] = run_sensei("runs", "--json").body
        resumed = run_sensei("resume", run["run"], "--json")
        assert (resumed.code, resumed.verdict) == (0, "equivalent")
        assert any("local_infile=OFF" in note for note in resumed.body["notes"])
        assert database.query("SELECT id, length(body) FROM t ORDER BY id") == [("1", "2"), ("2", "1500000")]


def test_a_discard_takes_back_tables_views_and_foreign_keys(monkeypatch, mariadb_database):
    monkeypatch.setenv("SENSEI_TARGET_PASSWORD", PASSWORD)
    said = migrate(CHINOOK, mariadb_database.url)
    assert run_sensei("discard", said.body["run"]).code == 0
    assert mariadb_database.query("SHOW TABLES") == []
