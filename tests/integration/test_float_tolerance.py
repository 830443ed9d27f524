"""`float_tolerance`: floats that may differ a little, forgiven one by one in a second pass, and counted."""

import json
import math
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kora import cli, library

MAKE = "CREATE TABLE m (id INTEGER PRIMARY KEY, x DOUBLE, y DOUBLE, note VARCHAR)"
ROWS = [(1, 0.1, 1.0, "a"), (2, 1e300, 2.0, "b"), (3, -0.5, 3.0, "c"), (4, None, 4.0, "d"), (5, math.inf, 5.0, "e")]


def folder(path: Path, name: str, rows: list[tuple[Any, ...]]) -> str:
    with duckdb.connect(str(path / name)) as connection:
        connection.execute(MAKE)
        connection.executemany("INSERT INTO m VALUES (?, ?, ?, ?)", rows)
    return f"duckdb:///{path / name}"


def changed(**cells: float | str | None) -> list[tuple[Any, ...]]:
    """`ROWS` with cells replaced: `x1` is column x of row 1."""
    rows = [list(row) for row in ROWS]
    for place, value in cells.items():
        rows[int(place[1:]) - 1]["_xyn".index(place[0])] = value
    return [tuple(row) for row in rows]


class Asked:
    """`kora verify` of `ROWS` and altered ones, under a tolerance on x (and maybe on the key)."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.path, self.capsys = path, capsys
        self.source = folder(path, "a.duckdb", ROWS)

    def __call__(self, rows: list[tuple[Any, ...]], argument: str, *options: str, column: str = "x") -> tuple[int, Any]:
        (self.path / "b.duckdb").unlink(missing_ok=True)
        target = folder(self.path, "b.duckdb", rows)
        name = {"schema": "main", "name": "m"}
        rule = [{"rule": "float_tolerance", "argument": argument}]
        columns = [
            {"source": item, "target": item, "policies": rule if item == column else []}
            for item in ("id", "x", "y", "note")
        ]
        (self.path / "map.json").write_text(
            json.dumps({"tables": [{"source": name, "target": name, "columns": columns}]})
        )
        code = cli.run(["verify", self.source, target, "--map", str(self.path / "map.json"), "--json", *options])
        out = self.capsys.readouterr()
        return code, json.loads(out.out) if out.out else out.err


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    return Asked(tmp_path, capsys)


def test_a_float_one_place_further_is_forgiven_counted_and_needs_approval(asked: Asked) -> None:
    rows = changed(x1=math.nextafter(0.1, 1), x3=math.nextafter(math.nextafter(-0.5, 0), 0))
    code, told = asked(rows, "ulps,2")
    assert (code, told["verdict"], told["tables"][0]["outcome"]) == (5, "equivalent_with_declared_loss", "match")
    (loss,) = told["tables"][0]["losses"]
    assert (loss["rule"], loss["subject"], loss["count"]) == ("float_tolerance", "main.m.x", 2)
    code, told = asked(rows, "ulps,2", "--accept-loss", "float_tolerance")
    assert (code, told["verdict"]) == (0, "equivalent_with_declared_loss")
    code, told = asked(rows, "ulps,1")
    assert (code, told["verdict"], told["tables"][0]["mismatch"]) == (1, "different", 1)


def test_a_relative_tolerance_is_a_share_of_the_greater_magnitude(asked: Asked) -> None:
    code, told = asked(changed(x1=0.1 * (1 + 1e-10), x2=1e300 * (1 - 1e-10)), "relative,1e-9")
    assert (code, told["tables"][0]["losses"][0]["count"]) == (5, 2)
    code, told = asked(changed(x1=0.1 * (1 + 1e-8)), "relative,1e-9")
    assert (code, told["tables"][0]["mismatch"]) == (1, 1)


@pytest.mark.parametrize(
    "rows",
    [
        changed(x1=math.nextafter(0.1, 1), y1=math.nextafter(1.0, 2)),
        changed(x1=math.nextafter(0.1, 1), n1="A"),
        changed(y2=math.nextafter(2.0, 3)),
        changed(x4=0.0),
        changed(x1=None),
        changed(x5=1.7976931348623157e308),
        changed(x1=math.nan),
        changed()[:4],
    ],
    ids=[
        "another float too",
        "a text too",
        "another column",
        "NULL there",
        "NULL here",
        "infinity",
        "NaN",
        "a row gone",
    ],
)
def test_nothing_else_is_forgiven(asked: Asked, rows: list[tuple[Any, ...]]) -> None:
    code, told = asked(rows, "ulps,1000000")
    table = told["tables"][0]
    assert (code, told["verdict"], table["mismatch"] + table["missing_in_target"]) == (1, "different", 1)
    assert table["losses"] == []


def test_equal_tables_cost_nothing_under_a_tolerance(asked: Asked) -> None:
    code, told = asked(changed(), "ulps,4")
    assert (code, told["verdict"]) == (0, "equivalent")


@pytest.mark.parametrize("argument", ["", "4", "ulps", "ulps,0", "ulps,-1", "relative,0", "relative,1", "relative,nan"])
def test_what_is_no_tolerance_is_refused(asked: Asked, argument: str) -> None:
    code, told = asked(changed(), argument)
    assert code == 2
    assert "float_tolerance(ulps,4)" in told


def test_a_tolerance_on_the_key_is_refused(asked: Asked) -> None:
    code, told = asked(changed(), "ulps,4", column="id")
    assert code == 2
    assert "part of the key" in told


def test_a_source_with_a_forgiven_float_has_no_root_of_the_target(asked: Asked) -> None:
    out = asked.path / "out"
    asked(changed(x1=math.nextafter(0.1, 1)), "ulps,2", "--out", str(out))
    roots = {}
    for side in ("source", "target"):
        (file,) = out.glob(f"*{side}*.kfp")
        assert cli.run(["show", str(file), "--json"]) in {0, 2}
        told = asked.capsys.readouterr().out
        roots[side] = json.loads(told)["tables"][0]["root"] if told else None
    assert roots["source"] is None
    assert roots["target"] is not None


def test_the_command_and_the_library_take_a_tolerance_without_a_map(asked: Asked) -> None:
    target = folder(asked.path, "b.duckdb", changed(x1=math.nextafter(0.1, 1), y1=1.0 + 1e-12))
    bounds = {"main.m.x": "ulps,1", "main.m.y": "relative,1e-9"}
    options = [word for column, bound in bounds.items() for word in ("--float-tolerance", f"{column}={bound}")]
    code = cli.run(["verify", asked.source, target, *options, "--json"])
    told = json.loads(asked.capsys.readouterr().out)
    assert (code, told["verdict"]) == (5, "equivalent_with_declared_loss")
    assert {loss["subject"]: loss["count"] for loss in told["losses"]} == {"main.m.x": 1, "main.m.y": 1}
    result, files = library.verify(asked.source, target, float_tolerance=bounds, provable=True)
    assert (result.verdict, [loss.count for loss in result.losses]) == ("equivalent_with_declared_loss", [1, 1])
    assert result.tables[0].tree is not None
    assert files.certificate.exists()
    assert library.verify(asked.source, target)[0].verdict == "different"


def test_an_asked_tolerance_takes_the_place_of_the_maps(asked: Asked) -> None:
    rows = changed(x1=math.nextafter(math.nextafter(0.1, 1), 1))
    assert asked(rows, "ulps,1")[0] == 1
    assert asked(rows, "ulps,1", "--float-tolerance", "main.m.x=ulps,2")[0] == 5


@pytest.mark.parametrize("option", ["main.m.z=ulps,1", "m.x=ulps,1", "main.m.x=4", "main.m.x", "=ulps,1"])
def test_a_tolerance_that_cannot_be_meant_is_refused(asked: Asked, option: str) -> None:
    assert asked(changed(), "ulps,1", "--float-tolerance", option)[0] == 2


@pytest.mark.parametrize("column", ["note", "id"])
def test_a_tolerance_that_can_forgive_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], column: str
) -> None:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    pair = folder(tmp_path, "a.duckdb", ROWS), folder(tmp_path, "b.duckdb", ROWS)
    assert cli.run(["verify", *pair, "--float-tolerance", f"main.m.{column}=ulps,3"]) == 2
    assert f"main.m.{column} holds no floats" in capsys.readouterr().err


def test_a_rule_that_lost_nothing_is_named_where_it_was_approved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    pair = folder(tmp_path, "a.duckdb", ROWS), folder(tmp_path, "b.duckdb", changed(x1=math.nextafter(0.1, 1)))
    accepted = ["--accept-loss", "float_tolerance", "--accept-loss", "float_tolerence"]
    assert cli.run(["verify", *pair, "--float-tolerance", "main.m.x=ulps,3", *accepted, "--json"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]
    assert [line.split(" approved nothing")[0] for line in notes] == ["note: --accept-loss float_tolerence"]
