"""A database that is compared with itself is told so: a URL given twice by mistake is always equal to itself."""

import base64
import json
import shutil
import sqlite3
from pathlib import Path

import duckdb
import pytest

from kora import cli
from kora.comparison.sameness import compared_with_itself, same_database

SAME = "the same database twice"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def database(tmp_path) -> Path:
    with sqlite3.connect(tmp_path / "s.db") as connection:
        connection.executescript("CREATE TABLE patient (id INTEGER PRIMARY KEY); INSERT INTO patient VALUES (1)")
    connection.close()
    return tmp_path / "s.db"


def named(folder: Path) -> list[str]:
    envelope = json.loads((folder / "certificate.json").read_text())
    items = json.loads(base64.b64decode(envelope["payload"]))["predicate"]["not_checked"]
    return [item["name"] for item in items if item["what"] == SAME]


def test_a_file_that_is_verified_against_itself_is_told_so_in_certificate_report_and_terminal(
    database, tmp_path, capsys
):
    (tmp_path / "link.db").symlink_to(database)
    assert cli.run(["verify", "sqlite:///s.db", "sqlite:///link.db", "--out", "proof"]) == 0
    report = (tmp_path / "proof" / "report.html").read_text()
    for text in (capsys.readouterr().out, report):
        assert "The same database stands on both sides" in text
        assert "ready for cutover" not in text
        assert SAME in text.lower()
    assert named(tmp_path / "proof") == ["s.db and link.db"]


def test_a_duckdb_file_is_recognised_too(tmp_path):
    with duckdb.connect(str(tmp_path / "d.duckdb")) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
    assert cli.run(["verify", "duckdb:///d.duckdb", "duckdb:///d.duckdb", "--out", "proof"]) == 0
    assert named(tmp_path / "proof") == ["d.duckdb"]


def test_two_folders_of_the_same_csv_files_are_recognised(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text("id,name\n1,Anna\n")
    assert cli.run(["verify", "csv:///a", "csv:///b", "--out", "proof"]) == 0
    assert named(tmp_path / "proof") == ["a and b"]


def test_a_file_of_other_bytes_is_another_database(database, tmp_path, capsys):
    shutil.copy(database, tmp_path / "t.db")
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    assert cli.run(["verify", "sqlite:///s.db", "sqlite:///t.db", "--out", "proof"]) == 0
    assert "ready for cutover" in capsys.readouterr().out
    assert named(tmp_path / "proof") == []


def test_a_fingerprint_compared_with_its_own_database_is_told_so(database, capsys):
    cli.run(["fingerprint", "sqlite:///s.db", "--role", "source", "--new-key-file", "K", "-o", "a.kfp"])
    cli.run(
        ["fingerprint", "sqlite:///s.db", "--role", "target", "--key-file", "K", "--profile", "a.kfp", "-o", "b.kfp"]
    )
    capsys.readouterr()
    for second in (["b.kfp"], ["sqlite:///s.db", "--key-file", "K"]):
        assert cli.run(["compare", "a.kfp", *second]) == 0
        out = capsys.readouterr().out
        assert "The same database stands on both sides" in out and SAME in out


def test_a_recording_is_not_compared_with_itself(database, capsys):
    Path("w.sql").write_text("SELECT id FROM patient;\n")
    cli.run(["behave", "record", "sqlite:///s.db", "--workload", "w.sql", "--new-key-file", "K", "-o", "a.kbh"])
    shutil.copy("a.kbh", "b.kbh")
    capsys.readouterr()
    for second in ("a.kbh", "b.kbh"):
        assert cli.run(["behave", "compare", "a.kbh", second]) == 2
        assert "the same recording" in capsys.readouterr().err


def postgresql(**changes: str) -> dict[str, str]:
    return {"engine": "postgresql", "database": "clinic", "system_identifier": "74", "database_oid": "5"} | changes


def test_a_database_of_one_server_is_recognised_by_the_servers_own_identifiers():
    assert "the server 74" in same_database(postgresql(snapshot="7:7:"), postgresql(snapshot="9:9:"))
    assert not same_database(postgresql(), postgresql(database_oid="6"))
    assert not same_database(postgresql(), postgresql(system_identifier="75"))


def test_a_server_that_does_not_say_who_it_is_is_recognised_by_two_urls_of_one_place():
    unknown = {name: value for name, value in postgresql().items() if name != "system_identifier"}
    pairs, here = [("public.patient", "public.patient")], "postgresql://a@db/clinic"
    assert compared_with_itself(unknown, unknown, pairs, (here, "postgresql://b@db:5432/clinic?sslmode=prefer"))
    assert not compared_with_itself(unknown, unknown, pairs, (here, "postgresql://a@db:5433/clinic"))
    assert not compared_with_itself(unknown, unknown, pairs, (here, "postgresql://a@db/other"))
    assert not compared_with_itself(unknown, unknown, pairs)


@pytest.mark.parametrize("server", ["postgres_server", "mariadb_server"])
def test_a_database_of_a_real_server_is_recognised(server, tmp_path, request):
    database, other = (request.getfixturevalue(server).create_database() for _ in range(2))
    for each in (database, other):
        each.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    assert cli.run(["verify", database.url, database.url, "--out", "proof"]) == 0
    assert len(named(tmp_path / "proof")) == 1
    assert cli.run(["verify", database.url, other.url, "--out", "proof"]) == 0
    assert named(tmp_path / "proof") == []


def test_a_server_that_does_not_say_who_it_is_proves_nothing():
    unknown = {name: value for name, value in postgresql().items() if name != "system_identifier"}
    assert not same_database(unknown, unknown)


def test_two_schemas_of_one_database_are_two_sides():
    both = postgresql(), postgresql()
    assert not compared_with_itself(*both, [("old.patient", "new.patient"), (None, "new.log")])
    assert compared_with_itself(*both, [("old.patient", "new.patient"), ("old.log", "old.log")])
