"""Two databases that never see each other: each side makes a file on its own machine, the files are compared."""

import base64
import json
import shlex
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kora import cli
from tests.servers import Database

ROWS = 3000


class Machine:
    """One side with a home of its own; what leaves it are the files that a test hands over."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._patch, self._capsys = folder, monkeypatch, capsys
        folder.mkdir()

    @property
    def public_key(self) -> str:
        return str(self.folder / "home" / "keys" / "signing.pub")

    def kora(self, *arguments: object) -> tuple[int, str, str]:
        self._patch.setenv("SENSEI_HOME", str(self.folder / "home"))
        self._patch.chdir(self.folder)
        self._capsys.readouterr()
        code = cli.run([str(argument) for argument in arguments])
        output = self._capsys.readouterr()
        return code, output.out, output.err

    def fingerprint(self, url: object, output: Path, *options: object) -> Path:
        code, _, error = self.kora("fingerprint", url, "-o", output, *options)
        assert code == 0, error
        return output

    def compare(self, *arguments: object) -> tuple[int, dict[str, Any]]:
        code, out, error = self.kora("compare", *arguments, "--json")
        assert out, error
        return code, json.loads(out)


@pytest.fixture
def here(tmp_path, monkeypatch, capsys) -> Machine:
    return Machine(tmp_path / "here", monkeypatch, capsys)


@pytest.fixture
def there(tmp_path, monkeypatch, capsys) -> Machine:
    return Machine(tmp_path / "there", monkeypatch, capsys)


def rows(count: int) -> list[tuple[int, str, int]]:
    return [(number, f"patient {number}", number * 37 % 1000) for number in range(count)]


def fill(path: Path, patients: Sequence[tuple[object, ...]], log: Sequence[str] = ("same", "same", "other")) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE patient (id INTEGER PRIMARY KEY, name TEXT, amount INTEGER); CREATE TABLE log (line TEXT);"
    )
    connection.executemany("INSERT INTO patient VALUES (?, ?, ?)", patients)
    connection.executemany("INSERT INTO log VALUES (?)", [(line,) for line in log])
    connection.commit()
    connection.close()
    return f"sqlite:///{path}"


def altered(patients: list[tuple[int, str, int]]) -> list[tuple[int, str, int]]:
    """Three changed, one missing, one extra."""
    changed = [(number, name + "!", amount) if number in (5, 50, 500) else (number, name, amount)
               for number, name, amount in patients if number != 700]  # fmt: skip
    return [*changed, (9_999_999, "stranger", 1)]


def both(here: Machine, there: Machine, tier: int, source: list[Any], target: list[Any]) -> tuple[Path, Path]:
    first = here.fingerprint(
        fill(here.folder / "old.db", source), here.folder / "a.kfp",
        "--role", "source", "--tier", tier, "--new-key-file", here.folder / "K",
    )  # fmt: skip
    second = there.fingerprint(
        fill(there.folder / "new.db", target), there.folder / "b.kfp",
        "--role", "target", "--tier", tier, "--key-file", here.folder / "K", "--profile", first,
    )  # fmt: skip
    return first, second


@pytest.mark.parametrize("tier", [0, 1, 2, 3])
def test_equal_databases_are_equal_at_every_tier(here, there, tier):
    first, second = both(here, there, tier, rows(200), list(reversed(rows(200))))
    code, diff = there.compare(first, second, "--key", here.public_key)
    assert (code, diff["verdict"]) == (0, "equivalent")
    assert [table["outcome"] for table in diff["tables"]] == ["match", "match"]


@pytest.mark.parametrize(("tier", "located"), [(2, "sketch"), (3, "sketch")])
def test_altered_missing_and_extra_rows_are_counted_exactly(here, there, tier, located):
    first, second = both(here, there, tier, rows(ROWS), altered(rows(ROWS)))
    code, diff = there.compare(first, second, "--key", here.public_key)
    patient = next(table for table in diff["tables"] if table["source"]["table"] == "patient")
    assert (code, diff["verdict"], patient["located_by"]) == (1, "different", located)
    assert (patient["mismatch"], patient["missing_in_target"], patient["extra_in_target"]) == (3, 1, 1)


def test_each_side_finds_its_own_rows_with_one_scan(here, there):
    first, second = both(here, there, 2, rows(ROWS), altered(rows(ROWS)))
    _, diff = there.compare(first, second, "--key", here.public_key)
    (there.folder / "diff.json").write_text(json.dumps(diff))
    found = {}
    for machine, database in ((here, "old.db"), (there, "new.db")):
        code, out, error = machine.kora(
            "locate", there.folder / "diff.json", f"sqlite:///{machine.folder / database}",
            "--key-file", here.folder / "K", "--json",
        )  # fmt: skip
        assert code == 0, error
        (table,) = json.loads(out)["tables"]
        assert table["complete"]
        found[machine] = {(row["outcome"], row["key"]) for row in table["rows"]}
    changed = {("mismatch", f"id={number}") for number in (5, 50, 500)}
    assert found[here] == changed | {("missing_in_target", "id=700")}
    assert found[there] == changed | {("extra_in_target", "id=9999999")}


def test_bucket_sums_say_where_and_ask_for_the_lists_of_just_those_buckets(here, there):
    first, second = both(here, there, 1, rows(ROWS), altered(rows(ROWS)))
    code, diff = there.compare(first, second, "--key", here.public_key)
    patient = next(table for table in diff["tables"] if table["source"]["table"] == "patient")
    assert (code, patient["located_by"], patient["mismatch"]) == (1, "bucket sums", None)
    assert 0 < len(patient["buckets"]) <= 5
    ask_source, ask_target = diff["hints"]
    assert "--tier 3 --buckets patient=" in ask_source
    again_source = follow(here, ask_source, here.folder / "K", [])
    again_target = follow(there, ask_target, here.folder / "K", [])
    code, diff = there.compare(again_source, again_target, "--key", here.public_key)
    (patient,) = diff["tables"]
    assert (patient["mismatch"], patient["missing_in_target"], patient["extra_in_target"]) == (3, 1, 1)
    assert code == 1


def follow(machine: Machine, hint: str, key_file: Path, more: list[str]) -> Path:
    """Runs a command that a hint gave, as a person would who puts the key file's name in."""
    words = shlex.split(hint.replace("--key-file KEY", f"--key-file {key_file}"))
    assert words[0] == "kora"
    output = machine.folder / words[words.index("-o") + 1]
    code, _, error = machine.kora(*words[1:], *more)
    assert code == 0, error
    return output


def test_a_sketch_that_is_too_short_says_so_and_the_lists_count_all_the_same(here, there):
    source = fill(here.folder / "old.db", rows(ROWS))
    target = fill(there.folder / "new.db", [(number, name + "!", amount) for number, name, amount in rows(ROWS)])
    common = ("--expect-differences", "20", "--key-file", here.folder / "K")
    here.fingerprint(source, here.folder / "k.kfp", "--new-key-file", here.folder / "K")
    for tier, located, count in ((2, "bucket sums", None), (3, "list of rows", ROWS)):
        first = here.fingerprint(source, here.folder / "a.kfp", "--tier", tier, *common)
        second = there.fingerprint(target, there.folder / "b.kfp", "--tier", tier, *common, "--profile", first)
        code, diff = there.compare(first, second, "--key", here.public_key)
        patient = next(table for table in diff["tables"] if table["source"]["table"] == "patient")
        assert (code, patient["located_by"], patient["mismatch"]) == (1, located, count)
        assert patient["partial"] is (tier == 2)


def test_rows_of_a_table_without_a_key_are_counted_with_their_copies(here, there):
    source = fill(here.folder / "old.db", [], ["same"] * 70_000)
    target = fill(there.folder / "new.db", [], ["same"] * (70_000 - 65_536) + ["new"])
    first = here.fingerprint(source, here.folder / "a.kfp", "--tier", 2, "--new-key-file", here.folder / "K")
    second = there.fingerprint(
        target, there.folder / "b.kfp", "--tier", 2, "--key-file", here.folder / "K", "--profile", first
    )
    code, diff = there.compare(first, second, "--key", here.public_key)
    log = next(table for table in diff["tables"] if table["source"]["table"] == "log")
    assert (code, log["missing_in_target"], log["extra_in_target"]) == (1, 65_536, 1)


def test_a_file_compares_with_a_database_that_is_read_now(here, there):
    first, _ = both(here, there, 2, rows(ROWS), altered(rows(ROWS)))
    options = ("--key", here.public_key, "--key-file", here.folder / "K")
    code, diff = there.compare(first, f"sqlite:///{there.folder / 'new.db'}", *options)
    assert (code, diff["tables"][1]["mismatch"]) == (1, 3)
    code, diff = there.compare(first, f"sqlite:///{here.folder / 'old.db'}", *options)
    assert (code, diff["verdict"]) == (0, "equivalent")
    code, _, error = there.kora("compare", first, f"sqlite:///{here.folder / 'old.db'}", "--key", here.public_key)
    assert code == 2
    assert "--key-file" in error


def test_a_table_that_one_side_lacks_is_a_difference(here, there):
    first, second = both(here, there, 0, rows(5), rows(5))
    with sqlite3.connect(here.folder / "old.db") as connection:
        connection.execute("CREATE TABLE forgotten (id INTEGER PRIMARY KEY)")
    first = here.fingerprint(
        f"sqlite:///{here.folder / 'old.db'}", here.folder / "more.kfp", "--key-file", here.folder / "K"
    )
    code, diff = there.compare(first, second, "--key", here.public_key)
    assert (code, diff["tables"][0]["outcome"]) == (1, "missing_in_target")


def test_a_column_that_one_side_lacks_is_a_difference(here, there):
    source = fill(here.folder / "old.db", rows(5))
    target = fill(there.folder / "new.db", rows(5))
    with sqlite3.connect(there.folder / "new.db") as connection:
        connection.execute("ALTER TABLE patient DROP COLUMN amount")
    first = here.fingerprint(source, here.folder / "a.kfp", "--new-key-file", here.folder / "K")
    second = there.fingerprint(target, there.folder / "b.kfp", "--key-file", here.folder / "K", "--profile", first)
    code, diff = there.compare(first, second, "--key", here.public_key)
    patient = next(table for table in diff["tables"] if table["source"]["table"] == "patient")
    assert (code, patient["outcome"]) == (1, "mismatch")
    assert "amount" in patient["detail"]


def refused(machine: Machine, *arguments: object) -> str:
    code, out, error = machine.kora("compare", *arguments)
    assert (code, out) == (2, "")
    return error


def test_files_that_say_nothing_of_each_other_are_refused_with_the_command_that_mends_it(here, there):
    first, second = both(here, there, 0, rows(5), rows(5))
    key = ("--key", here.public_key)
    assert "the same fingerprint" in refused(there, first, first, *key)
    assert f"kora compare {first} {second}" in refused(there, second, first, *key)
    other = there.fingerprint(f"sqlite:///{there.folder / 'new.db'}", there.folder / "other.kfp")
    assert f"--profile {first}" in refused(there, first, other, *key)
    with sqlite3.connect(there.folder / "new.db") as connection:
        connection.execute("ALTER TABLE patient RENAME COLUMN name TO label")
    lone = there.fingerprint(
        f"sqlite:///{there.folder / 'new.db'}", there.folder / "lone.kfp", "--key-file", here.folder / "K"
    )
    error = refused(there, first, lone, *key)
    assert "different profiles" in error
    assert f"--profile {first}" in error


def test_a_signer_that_is_not_known_is_refused(here, there):
    first, second = both(here, there, 0, rows(5), rows(5))
    assert "--key FILE.pub" in refused(there, first, second)
    assert "--key FILE.pub" in refused(here, first, second, "--key", here.public_key)


def test_the_migrations_key_is_in_no_file_and_only_its_owner_may_read_it(here, there):
    first, second = both(here, there, 3, rows(50), rows(50))
    key_file = here.folder / "K"
    assert key_file.stat().st_mode & 0o777 == 0o600
    secret = base64.b64decode(key_file.read_text().split()[-1])
    for path in (first, second):
        data = path.read_bytes()
        payload = base64.b64decode(json.loads(data.splitlines()[0])["payload"])
        assert secret not in data
        assert key_file.read_text().split()[-1].encode() not in data + payload
        assert b"patient 7" not in data + payload
    key_file.chmod(0o644)
    code, _, error = there.kora(
        "fingerprint", f"sqlite:///{there.folder / 'new.db'}", "-o", "x.kfp", "--key-file", key_file
    )
    assert (code, "may be read by others" in error) == (2, True)


def test_an_old_key_file_is_never_overwritten(here):
    url = fill(here.folder / "old.db", rows(5))
    here.fingerprint(url, here.folder / "a.kfp", "--new-key-file", here.folder / "K")
    before = (here.folder / "K").read_bytes()
    code, _, error = here.kora("fingerprint", url, "-o", "b.kfp", "--new-key-file", here.folder / "K")
    assert (code, (here.folder / "K").read_bytes()) == (2, before)
    assert "--key-file" in error


def test_sqlite_and_postgresql_settle_their_difference_by_two_small_files(here, there, postgres_database):
    count, altered_count = 20_000, 100
    first, second = two_engines(here, there, postgres_database, count, altered_count)
    assert max(first.stat().st_size, second.stat().st_size) < 1_000_000
    code, diff = there.compare(first, second, "--key", here.public_key)
    (table,) = diff["tables"]
    assert (code, table["mismatch"], table["located_by"]) == (1, altered_count, "sketch")
    assert table["missing_in_target"] == table["extra_in_target"] == 0


@pytest.mark.slow
def test_a_million_rows_with_five_hundred_altered_are_settled_by_two_files_under_a_megabyte(
    here, there, postgres_database
):
    first, second = two_engines(here, there, postgres_database, 1_000_000, 500)
    assert max(first.stat().st_size, second.stat().st_size) < 1_000_000
    code, diff = there.compare(first, second, "--key", here.public_key)
    (table,) = diff["tables"]
    assert (code, table["mismatch"], table["located_by"]) == (1, 500, "sketch")
    (there.folder / "diff.json").write_text(json.dumps(diff))
    located = []
    for machine, url in ((here, f"sqlite:///{here.folder / 'old.db'}"), (there, postgres_database.url)):
        code, out, error = machine.kora(
            "locate", there.folder / "diff.json", url, "--key-file", here.folder / "K", "--json"
        )
        assert code == 0, error
        (found,) = json.loads(out)["tables"]
        located.append({row["key"] for row in found["rows"]})
    assert located[0] == located[1] == {f"id={number}" for number in range(0, 1_000_000, 2000)}


def two_engines(here: Machine, there: Machine, server: Database, count: int, altered_count: int) -> tuple[Path, Path]:
    """The same table in both; every so-manieth row altered in PostgreSQL."""
    connection = sqlite3.connect(here.folder / "old.db")
    connection.execute("CREATE TABLE visit (id INTEGER PRIMARY KEY, note TEXT, amount INTEGER, seen TEXT)")
    source = ((number, f"visit of patient {number % 977}", number * 37 % 100_003, None) for number in range(count))
    connection.executemany("INSERT INTO visit VALUES (?, ?, ?, ?)", source)
    connection.commit()
    connection.close()
    server.execute(
        "CREATE TABLE visit (id BIGINT PRIMARY KEY, note TEXT, amount INTEGER, seen TEXT)",
        "INSERT INTO visit SELECT n, 'visit of patient ' || n % 977, n * 37::bigint % 100003, NULL"
        f" FROM generate_series(0, {count - 1}) AS n",
        f"UPDATE visit SET amount = amount + 1 WHERE id % {count // altered_count} = 0",
    )
    first = here.fingerprint(
        f"sqlite:///{here.folder / 'old.db'}", here.folder / "a.kfp",
        "--role", "source", "--tier", 2, "--new-key-file", here.folder / "K",
    )  # fmt: skip
    second = there.fingerprint(
        server.url, there.folder / "b.kfp",
        "--role", "target", "--tier", 2, "--key-file", here.folder / "K", "--profile", first,
    )  # fmt: skip
    return first, second


def test_what_is_not_listed_is_said_to_be_where_it_is(here, there):
    first, second = both(here, there, 2, rows(200), [(number, "other", 0) for number, _, _ in rows(200)])
    _, diff = there.compare(first, second, "--key", here.public_key)
    (there.folder / "diff.json").write_text(json.dumps(diff))
    asked = ["locate", there.folder / "diff.json", f"sqlite:///{there.folder / 'new.db'}", "--key-file"]
    code, out, _ = there.kora(*asked, here.folder / "K", "--side", "target")
    assert code == 0 and "and 180 more, with --json" in out and "in the report" not in out
    code, out, _ = there.kora(*asked, here.folder / "K", "--side", "target", "--json")
    assert code == 0 and len(json.loads(out)["tables"][0]["rows"]) == 200


def test_a_file_of_before_a_rotation_is_refused_with_the_old_key_named(here, there):
    first, second = both(here, there, 0, rows(3), rows(3))
    code, out, _ = there.kora("keygen", "--rotate", "--json")
    kept = json.loads(out)["retired_public_key"]
    code, _, error = there.kora("compare", first, second, "--key", here.public_key)
    assert code == 2 and f"--key {kept}" in error and "keys/retired/" in kept
    assert there.kora("compare", first, second, "--key", here.public_key, "--key", kept)[0] == 0


def test_a_recording_of_before_a_rotation_is_refused_with_the_old_key_named(here, there):
    (there.folder / "w.sql").write_text("SELECT id FROM patient;\n")
    fill(there.folder / "old.db", rows(3))
    fill(there.folder / "new.db", rows(4))
    for name, option in (("old", "--new-key-file"), ("new", "--key-file")):
        there.kora("behave", "record", f"sqlite:///{name}.db", "--workload", "w.sql", option, "K", "-o", f"{name}.kbh")
    _, out, _ = there.kora("keygen", "--rotate", "--json")
    code, _, error = there.kora("behave", "compare", "old.kbh", "new.kbh")
    assert code == 2 and f"--key {json.loads(out)['retired_public_key']}" in error
