"""`kora fingerprint --map`: both sides digested under one map, and fingerprint files with sections in the log."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kora.errors import SenseiError
from kora.evidence import transparency
from kora.evidence.transparency import check_proof, proof_path, read_log_key
from tests.e2e.migrating import Said, run_kora

pytestmark = pytest.mark.usefixtures("sensei_home")

OLD = """
    CREATE TABLE patient (id INTEGER PRIMARY KEY, born TEXT, paid REAL, note TEXT);
    INSERT INTO patient VALUES (1, '07/02/1980', 0.99, ''), (2, '0000-00-00', 12.5, 'x'), (3, '31/12/1999', NULL, NULL);
"""
NEW = """
    CREATE TABLE person (id INTEGER PRIMARY KEY, birthday TEXT, amount TEXT, remark TEXT);
    INSERT INTO person VALUES (1, '1980-02-07', '0.99', NULL), (2, '0000-00-00', '12.5', 'x'),
        (3, '1999-12-31', NULL, NULL);
"""
MAP = {
    "tables": [
        {
            "source": {"schema": "", "name": "patient"},
            "target": {"schema": "", "name": "person"},
            "key": ["id"],
            "columns": [
                {"source": "id", "target": "id"},
                {
                    "source": "born",
                    "target": "birthday",
                    "source_representation": {"rule": "text_date", "argument": "%d/%m/%Y"},
                    "target_representation": {"rule": "text_date", "argument": "%Y-%m-%d"},
                },
                {
                    "source": "paid",
                    "target": "amount",
                    "source_representation": {"rule": "real_decimal"},
                    "target_representation": {"rule": "text_number"},
                },
                {"source": "note", "target": "remark", "policies": [{"rule": "empty_is_null"}]},
            ],
        }
    ]
}


class Sides:
    """Two databases whose tables share neither names nor forms, one map, one key."""

    def __init__(self, path: Path) -> None:
        self.path, self.map = path, path / "map.json"
        self.write(MAP)
        for name, script in (("old", OLD), ("new", NEW)):
            self.change(name, script)

    def write(self, body: dict[str, Any]) -> None:
        self.map.write_text(json.dumps(body))

    def change(self, name: str, script: str) -> None:
        with closing(sqlite3.connect(self.path / f"{name}.db")) as connection:
            connection.executescript(script)

    def fingerprint(self, name: str, role: str, *options: object) -> Said:
        key = self.path / "K"
        drawn = ["--key-file", key] if key.exists() else ["--new-key-file", key]
        output = self.path / f"{name}.kfp"
        asked = ["--role", role, "--map", self.map, *drawn, "-o", output, *options]
        return run_kora("fingerprint", f"sqlite:///{self.path / f'{name}.db'}", *asked)

    def compared(self, tier: int, *options: object) -> Said:
        for name, role in (("old", "source"), ("new", "target")):
            said = self.fingerprint(name, role, "--tier", tier)
            assert said.code == 0, said.err
        return run_kora("compare", self.path / "old.kfp", self.path / "new.kfp", "--json", *options)


@pytest.fixture
def sides(tmp_path: Path) -> Sides:
    return Sides(tmp_path)


@pytest.mark.parametrize("tier", [0, 1, 2, 3])
def test_sides_of_other_names_and_forms_are_equal_under_a_map_and_its_losses_are_counted(sides: Sides, tier: int):
    said = sides.compared(tier)
    (loss,) = said.body["losses"]
    assert (loss["rule"], loss["subject"], loss["count"]) == ("empty_is_null", "patient.note", 1)
    assert (said.code, said.verdict) == (5, "equivalent_with_declared_loss")
    assert sides.compared(tier, "--accept-loss", "empty_is_null").code == 0


def test_altered_rows_are_named_under_a_map_and_found_on_either_side(sides: Sides):
    sides.change("new", "UPDATE person SET amount = '12.51' WHERE id = 2; DELETE FROM person WHERE id = 3")
    said = sides.compared(2, "--accept-loss", "empty_is_null")
    (table,) = said.body["tables"]
    assert (said.code, table["mismatch"], table["missing_in_target"], table["located_by"]) == (1, 1, 1, "sketch")
    (sides.path / "diff.json").write_text(said.out)
    for name, side, keys in (("old", "source", {"id=2", "id=3"}), ("new", "target", {"id=2"})):
        url, key = f"sqlite:///{sides.path / f'{name}.db'}", ["--key-file", sides.path / "K"]
        found = run_kora("locate", sides.path / "diff.json", url, "--side", side, *key, "--json")
        assert found.code == 0, found.err
        assert {row["key"] for table in found.body["tables"] for row in table["rows"]} == keys


def test_a_file_under_a_map_compares_with_a_database_of_the_other_side(sides: Sides):
    assert sides.fingerprint("old", "source", "--tier", "2").code == 0
    new, key = f"sqlite:///{sides.path / 'new.db'}", ["--key-file", sides.path / "K"]
    live = run_kora("compare", sides.path / "old.kfp", new, *key, "--json")
    assert live.code in {0, 1, 5}, live.err


def test_without_a_key_in_the_map_an_altered_row_is_one_missing_and_one_extra(sides: Sides):
    body = json.loads(json.dumps(MAP))
    del body["tables"][0]["key"]
    sides.write(body)
    sides.change("new", "UPDATE person SET amount = '12.51' WHERE id = 2")
    (table,) = sides.compared(2).body["tables"]
    assert (table["mismatch"], table["missing_in_target"], table["extra_in_target"]) == (0, 1, 1)


def test_a_map_without_a_side_is_refused(sides: Sides):
    refused = sides.fingerprint("old", "unassigned")
    assert refused.code == 2
    assert "--role source or --role target" in refused.err


def test_a_map_and_a_profile_exclude_each_other(sides: Sides):
    assert sides.fingerprint("old", "source").code == 0
    refused = sides.fingerprint("new", "target", "--profile", sides.path / "old.kfp")
    assert refused.code == 2
    assert "excludes --profile" in refused.err


def test_another_map_on_the_other_side_is_refused_and_not_called_different(sides: Sides):
    assert sides.fingerprint("old", "source").code == 0
    body = json.loads(json.dumps(MAP))
    body["tables"][0]["columns"][3]["policies"] = []
    sides.write(body)
    assert sides.fingerprint("new", "target").code == 0
    said = run_kora("compare", sides.path / "old.kfp", sides.path / "new.kfp", "--json")
    assert (said.code, said.out) != (0, "")
    assert said.code in {1, 2}


def test_a_column_that_the_map_names_and_a_side_lacks_is_said(sides: Sides):
    sides.change("new", "ALTER TABLE person RENAME COLUMN remark TO other")
    said = sides.compared(1)
    (table,) = said.body["tables"]
    assert (said.code, said.verdict) == (1, "different")
    assert "remark" in table["detail"]


def test_a_table_that_the_target_lacks_is_missing_and_one_that_the_source_lacks_is_refused(sides: Sides):
    sides.change("new", "DROP TABLE person; CREATE TABLE other (id INTEGER)")
    assert {table["outcome"] for table in sides.compared(1).body["tables"]} == {"missing_in_target", "extra_in_target"}
    sides.change("old", "DROP TABLE patient; CREATE TABLE other (id INTEGER)")
    refused = sides.fingerprint("old", "source")
    assert refused.code == 2
    assert "source table patient that does not exist" in refused.err
    assert sides.fingerprint("old", "source", "--exclude", "patient").code == 0


def test_a_key_of_columns_that_the_map_does_not_pair_is_refused(sides: Sides):
    body = json.loads(json.dumps(MAP))
    body["tables"][0]["key"] = ["number"]
    sides.write(body)
    for name, role in (("old", "source"), ("new", "target")):
        refused = sides.fingerprint(name, role)
        assert refused.code == 2
        assert "names number" in refused.err


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    assert run_kora("log", "init", folder, "--origin", "clinic.example/log").code == 0
    return folder


@pytest.fixture(params=[1, 2, 3])
def logged(request: pytest.FixtureRequest, sides: Sides, log: Path) -> Iterator[Path]:
    """A fingerprint with sections that stands in the log behind another entry."""
    assert sides.fingerprint("old", "source", "--tier", request.param).code == 0
    assert sides.fingerprint("new", "target", "--tier", request.param).code == 0
    file = sides.path / "old.kfp"
    assert run_kora("log", "append", log, sides.path / "new.kfp", file).code == 0
    yield file


def checked(file: Path, log: Path) -> Said:
    public = file.parent / "sensei-home" / "keys" / "signing.pub"
    return run_kora("check", file, "--key", public, "--log-key", log / "log.pub")


def test_a_fingerprint_with_sections_ships_with_its_proof(logged: Path, log: Path):
    said = checked(logged, log)
    assert said.code == 3, said.err  # authentic, and no verdict in it
    assert "logged: entry 1 of 2 in clinic.example/log" in said.out


def test_every_flipped_byte_of_a_logged_fingerprint_is_told_by_its_proof(logged: Path, log: Path):
    key, data = read_log_key(log / "log.pub"), logged.read_bytes()
    assert check_proof(logged, key).index == 1
    head = data.index(b"\n")
    places = [*range(0, head, 97), *range(head, len(data), max((len(data) - head) // 200, 1)), len(data) - 1]
    for place in places:
        altered = bytearray(data)
        altered[place] ^= 1
        logged.write_bytes(altered)
        with pytest.raises(SenseiError) as refusal:
            check_proof(logged, key)
        assert refusal.value.exit_code == 2
    logged.write_bytes(data + b"\0")
    assert checked(logged, log).code == 2
    logged.write_bytes(data[:-1])
    assert checked(logged, log).code == 2


def test_the_proof_of_another_fingerprint_does_not_hold(logged: Path, log: Path):
    shutil.copy(proof_path(logged.with_name("new.kfp")), proof_path(logged))
    assert checked(logged, log).code == 2


def test_a_fingerprint_larger_than_any_certificate_is_entered(tmp_path: Path, log: Path):
    large = tmp_path / "large.kfp"
    with large.open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert run_kora("log", "append", log, large).code == 0
    assert check_proof(large, transparency.read_log_key(log / "log.pub")).index == 0
