"""What was left out of a comparison stands in everything that speaks of it: nobody relies on what nobody read."""

import base64
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import sensei
from kora import cli

LEFT_OUT = "table left out"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def fill(path: Path, name: str) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE patient (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE room (id INTEGER PRIMARY KEY);"
        "CREATE TABLE bed (id INTEGER PRIMARY KEY); CREATE VIEW patients AS SELECT name FROM patient;"
    )
    connection.execute("INSERT INTO patient VALUES (1, ?)", (name,))
    connection.execute("INSERT INTO room VALUES (1)")
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


@pytest.fixture
def pair(tmp_path) -> tuple[str, str]:
    return fill(tmp_path / "old.db", "Anna"), fill(tmp_path / "new.db", "Berta")


def predicate(folder: Path) -> dict[str, Any]:
    envelope = json.loads((folder / "certificate.json").read_text())
    found: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    return found


def payload(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(path.read_bytes().split(b"\n")[0])["payload"]))
    return found


def named(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(item["side"], item["name"]) for item in items if item["what"] == LEFT_OUT]


@pytest.mark.parametrize(
    ("option", "names"),
    [
        (["--exclude", "patient"], ["patient"]),
        (["--tables", "room"], ["bed", "patient"]),
    ],
)
def test_what_a_verification_leaves_out_is_named_wherever_its_result_is(pair, tmp_path, capsys, option, names):
    assert cli.run(["verify", *pair, *option, "--out", "proof"]) == 0
    out = capsys.readouterr().out
    expected = [(side, name) for side in ("source", "target") for name in names]
    assert sorted(named(predicate(tmp_path / "proof")["not_checked"])) == expected
    for name in names:
        assert f"table left out {name}, source" in out and f"table left out {name}, target" in out
        assert name in (tmp_path / "proof" / "report.html").read_text()
    for side in ("source", "target"):
        assert payload(tmp_path / "proof" / f"{side}.kfp")["tables_left_out"] == names
    assert cli.run(["verify", *pair, *option, "--json"]) == 0
    assert sorted(named(json.loads(capsys.readouterr().out)["not_checked"])) == expected
    assert cli.run(["check", "proof/certificate.json", "--key", "proof/signer.pub"]) == 0
    assert f"table left out {names[0]}, source" in capsys.readouterr().out


def test_a_view_that_is_left_out_is_named_too(pair, tmp_path):
    assert cli.run(["verify", *pair, "--tables", "room", "--out", "proof"]) == 0
    views = [item for item in predicate(tmp_path / "proof")["not_checked"] if item["what"] == "view left out"]
    assert [item["name"] for item in views] == ["patients"]


def test_the_summary_calls_only_the_compared_tables_ready(pair, tmp_path, capsys):
    cli.run(["verify", *pair, "--exclude", "patient", "--out", "proof"])
    report = (tmp_path / "proof" / "report.html").read_text()
    for text in (capsys.readouterr().out, report):
        assert "The data are ready for cutover" not in text
        assert "only the tables that were compared are ready for cutover" in text
        assert "1 table of the source and 1 table of the target were left out" in text


def test_a_whole_verification_names_nothing_as_left_out(tmp_path, capsys):
    pair = fill(tmp_path / "a.db", "Anna"), fill(tmp_path / "b.db", "Anna")
    assert cli.run(["verify", *pair, "--out", "proof"]) == 0
    assert LEFT_OUT not in capsys.readouterr().out
    assert not named(predicate(tmp_path / "proof")["not_checked"])


def test_a_partner_of_another_name_is_named_as_left_out_with_it(tmp_path):
    old = fill(tmp_path / "old.db", "Anna")
    with sqlite3.connect(tmp_path / "new.db") as connection:
        connection.executescript("CREATE TABLE room (id INTEGER PRIMARY KEY); CREATE TABLE PATIENT (id INTEGER);"
                                 "CREATE TABLE bed (id INTEGER PRIMARY KEY); INSERT INTO room VALUES (1)")  # fmt: skip
    connection.close()
    cli.run(["verify", old, "sqlite:///new.db", "--exclude", "patient", "--out", "proof"])
    told = predicate(tmp_path / "proof")["not_checked"]
    assert ("target", "PATIENT") in named(told)
    assert [item["detail"] for item in told if item["name"] == "PATIENT"] == ["its counterpart is left out"]


def test_a_migration_names_the_source_tables_that_it_left_behind(pair, tmp_path, capsys):
    code = cli.run_group(
        sensei, "sensei", ["migrate", pair[0], "sqlite:///moved.db", "--exclude", "patient*", "--out", "proof"]
    )
    out = capsys.readouterr().out
    assert code == 0, out
    assert named(predicate(tmp_path / "proof")["not_checked"]) == [("source", "patient")]
    assert "table left out patient, source: by --exclude patient*" in out
    assert "view left out patients" in out
    assert "The data are ready for cutover" not in out


def test_files_of_chosen_tables_say_at_their_comparison_what_they_lack(pair, capsys):
    first = ["fingerprint", pair[0], "--exclude", "patient", "--new-key-file", "K", "-o", "a.kfp"]
    second = ["fingerprint", pair[1], "--exclude", "patient", "--key-file", "K", "--profile", "a.kfp", "-o", "b.kfp"]
    assert (cli.run(first), cli.run(second)) == (0, 0)
    capsys.readouterr()
    assert cli.run(["compare", "a.kfp", "b.kfp"]) == 0
    out = capsys.readouterr().out
    assert "table left out patient, source" in out and "table left out patient, target" in out
    assert "Not all was compared" in out
    assert cli.run(["compare", "a.kfp", "b.kfp", "--json"]) == 0
    assert named(json.loads(capsys.readouterr().out)["not_checked"]) == [("source", "patient"), ("target", "patient")]


def test_a_database_is_read_without_what_the_file_was_made_without(pair, capsys):
    cli.run(["fingerprint", pair[0], "--exclude", "patient", "--new-key-file", "K", "-o", "a.kfp"])
    capsys.readouterr()
    assert cli.run(["compare", "a.kfp", pair[1], "--key-file", "K", "--json"]) == 0
    diff = json.loads(capsys.readouterr().out)
    assert [table["source"]["table"] for table in diff["tables"]] == ["bed", "room"]
    assert named(diff["not_checked"]) == [("source", "patient"), ("target", "patient")]


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--tables", "nop*"], "no table is called nop*"),
        (["--tables", "room", "--tables", "romo"], "no table is called romo"),
        (["--exclude", "*"], "--exclude leaves no table"),
        (["--tier", "3", "--buckets", "nope=5"], "no table is called nope"),
        (["--tier", "3", "--tables", "room", "--buckets", "patient=5"], "--buckets names patient"),
    ],
)
def test_a_fingerprint_of_no_such_table_is_refused(pair, tmp_path, capsys, option, said):
    assert cli.run(["fingerprint", pair[0], "-o", "a.kfp", *option]) == 2
    error = capsys.readouterr().err
    assert said in error and "room" in error
    assert not (tmp_path / "a.kfp").exists()


def test_a_table_left_out_is_no_new_one_when_the_target_is_checked_again(pair, tmp_path, capsys):
    cli.run(["verify", *pair, "--exclude", "patient", "--out", "proof"])
    capsys.readouterr()
    again = ["verify", pair[1], "--against", "proof/certificate.json", "--json"]
    assert cli.run(again) == 3
    states = {table["name"]: table["state"] for table in json.loads(capsys.readouterr().out)["tables"]}
    assert states == {"bed": "unchanged", "room": "unchanged", "patient": "not_certified"}
    with sqlite3.connect(tmp_path / "new.db") as connection:
        connection.execute("CREATE TABLE stranger (id INTEGER)")
    connection.close()
    assert cli.run(again) == 1


def test_a_run_into_a_filled_target_names_the_tables_that_it_did_not_touch(pair, tmp_path, capsys):
    with sqlite3.connect(tmp_path / "moved.db") as connection:
        connection.execute("CREATE TABLE older (id INTEGER)")
    connection.close()
    arguments = ["migrate", pair[0], "sqlite:///moved.db", "--into-existing", "--exclude", "patient*", "--out", "proof"]
    assert cli.run_group(sensei, "sensei", arguments) == 0
    told = predicate(tmp_path / "proof")["not_checked"]
    assert [(item["side"], item["name"]) for item in told if item["what"] == "table beside this run's"] == [
        ("target", "older")
    ]
    assert named(told) == [("source", "patient")]
