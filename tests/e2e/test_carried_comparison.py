"""Two databases that never see each other: each side makes a file on its own machine, the files are compared."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kora import cli

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
