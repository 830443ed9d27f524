"""What KORA certified is computed again by an implementation that shares nothing with it but the documents."""

import ast
import csv
import json
import random
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.migrating import migrate, run_kora
from tests.independent import checker
from tests.unit.repository import ROOT

COLUMNS = "id INTEGER PRIMARY KEY, price REAL, born TEXT, note TEXT, photo BLOB, count NUMERIC"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def rows(count: int = 300) -> list[tuple[Any, ...]]:
    """Seeded values at the ends of their ranges and in between, NULLs among them."""
    chance = random.Random(11)
    reals = [0.1, -0.0, 1e-300, 1.7976931348623157e308, 2.5, -1 / 3, None, float("inf")]
    texts = ["", " ", "naïve ", "a|b\x00c", "\U0001f600" * 40, "x" * 3000, None, "12"]
    whole = [0, -1, 127, 128, 2**63 - 1, -(2**63), 10**15, None, 1000]
    return [
        (
            number,
            chance.choice(reals),
            chance.choice(["1969-12-31", "2024-02-29", "0001-01-01", "2023-02-29", "", None]),
            chance.choice(texts),
            chance.choice([b"", b"\x00\xff", bytes(range(256)), None]),
            chance.choice(whole),
        )
        for number in range(1, count + 1)
    ]


def fill(path: Path, values: list[tuple[Any, ...]], columns: str = COLUMNS) -> str:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"CREATE TABLE t ({columns})")
        connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(values[0]))})", values)
    return f"sqlite:///{path}"


def stored(path: Path, names: list[str], table: str = "t") -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()


def kept_key(home: Path) -> bytes:
    (path,) = (home / "keys" / "migrations").iterdir()
    return checker.migration_key(path)


def test_the_checker_shares_nothing_with_kora() -> None:
    tree = ast.parse((ROOT / "tests" / "independent" / "checker.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not [name for name in imported if name.partition(".")[0] in {"kora", "appliance", "tests"}]


def test_the_published_roots_are_computed_from_the_documents() -> None:
    key = bytes(range(32))
    assert checker.key_id(key) == "540d0e486e26eb018d73dc8257512dc6"
    page = (ROOT / "docs" / "formats" / "digests.md").read_text(encoding="utf-8")
    profile = {"columns": [{"pair": "id", "policies": []}, {"pair": "name", "policies": []}],
               "format": "kora-profile-1", "key": [0], "pair": "t", "unicode": "18.0"}  # fmt: skip
    for values in ([], [(1, "a")], [(1, "a"), (2, None)], [(2, None), (2, None)]):
        assert f"`{checker.table(profile, 'source', values).root(key)}`" in page


@pytest.mark.parametrize("columns", [COLUMNS, COLUMNS.replace(" PRIMARY KEY", "")], ids=["a key", "no key"])
def test_root_and_tree_of_a_verification_are_computed_again_from_the_target(
    home: Path, tmp_path: Path, columns: str
) -> None:
    values = rows() if "PRIMARY" in columns else rows() * 2
    urls = [fill(tmp_path / name, values, columns) for name in ("a.db", "b.db")]
    assert run_kora("verify", *urls, "--provable", "--out", tmp_path / "out").code == 0
    evidence = checker.Evidence.of(tmp_path / "out")
    certified, profile = evidence.certified("t"), evidence.profiles["t~t"]
    names = [column["pair"] for column in profile["columns"]]
    again = checker.table(profile, "target", stored(tmp_path / "b.db", names))
    key = kept_key(home)
    assert checker.key_id(key) == evidence.predicate["migration_key_id"]
    assert again.root(key) == certified["root"]
    made = again.tree(key, by_key=certified["tree"]["keyed"])
    assert made == {name: certified["tree"][name] for name in made}
    assert again.root(bytes(32)) != certified["root"]


def test_a_root_under_representations_and_policies_of_a_map_is_computed_again(home: Path, tmp_path: Path) -> None:
    source = fill(tmp_path / "a.db", rows())
    target = fill(tmp_path / "b.db", [(row[0], row[1], row[2], row[3] or None, row[4], row[5]) for row in rows()],
                  COLUMNS.replace("note", "remark"))  # fmt: skip
    name = {"schema": "", "name": "t"}
    rules: dict[str, dict[str, Any]] = {
        "price": {side: {"rule": "real_decimal"} for side in ("source_representation", "target_representation")},
        "born": {
            "source_representation": {"rule": "text_date", "argument": "%Y-%m-%d"},
            "target_representation": {"rule": "text_date", "argument": "%Y-%m-%d"},
            "policies": [{"rule": "empty_is_null"}],
        },
        "note": {"target": "remark", "policies": [{"rule": "rtrim_char"}, {"rule": "empty_is_null"}]},
    }
    columns = [
        {"source": column, "target": column, **rules.get(column, {})}
        for column in ("id", "price", "born", "note", "photo", "count")
    ]
    (tmp_path / "map.json").write_text(json.dumps({"tables": [{"source": name, "target": name, "columns": columns}]}))
    said = run_kora("verify", source, target, "--map", tmp_path / "map.json", "--out", tmp_path / "out")
    assert said.code == 5, said.err
    evidence = checker.Evidence.of(tmp_path / "out")
    profile = evidence.profiles["t~t"]
    shipped = json.loads((tmp_path / "out" / "certified-map.yaml").read_text())
    targets = {column["source"]: column["target"] for column in shipped["tables"][0]["columns"]}
    names = [targets[column["pair"]] for column in profile["columns"]]
    again = checker.table(profile, "target", stored(tmp_path / "b.db", names))
    assert again.root(kept_key(home)) == evidence.certified("t")["root"]


def test_a_migrations_root_is_computed_again_with_the_plan_beside_the_certificate(home: Path, tmp_path: Path) -> None:
    source = fill(tmp_path / "a.db", [(1, 0.5, "2024-02-29", "x", b"y", 7), (2, None, None, "", None, -3)])
    assert migrate(source, f"sqlite:///{tmp_path / 'b.db'}", "--out", tmp_path / "out").code == 0
    evidence = checker.Evidence.of(tmp_path / "out")
    certified = evidence.certified("t")
    (profile,) = evidence.profiles.values()
    names = [column["pair"] for column in profile["columns"]]
    again = checker.table(profile, "target", stored(tmp_path / "b.db", names))
    assert again.root(kept_key(home)) == certified["root"]


def test_a_fingerprint_of_csv_files_is_computed_again(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    lines = [["id", "name", "paid", "since"], ["1", "Achieng", "0.99", "2024-02-29"], ["2", "", "12.50", "1969-12-31"]]
    with (folder / "patient.csv").open("w", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(lines)
    output, key = tmp_path / "a.kfp", tmp_path / "K"
    assert run_kora("fingerprint", f"csv:///{folder}", "--new-key-file", key, "-o", output).code == 0
    entry = checker.payload(output.read_bytes().partition(b"\n")[0])["tables"][0]
    kinds = {"integer": int, "decimal": Decimal, "date": date.fromisoformat, "text": str}
    convert = [kinds[column["kind"]] for column in entry["columns"]]
    places = [lines[0].index(column["name"]) for column in entry["columns"]]
    values = [[make(line[place]) for make, place in zip(convert, places, strict=True)] for line in lines[1:]]
    again = checker.table(json.loads(entry["profile"]), "source", values)
    assert again.root(checker.migration_key(key)) == entry["root"]


@pytest.mark.parametrize("change", ["UPDATE t SET note = 'other' WHERE id = 7", "DELETE FROM t WHERE id = 7"])
def test_an_altered_target_has_another_root(home: Path, tmp_path: Path, change: str) -> None:
    urls = [fill(tmp_path / name, rows()) for name in ("a.db", "b.db")]
    assert run_kora("verify", *urls, "--out", tmp_path / "out").code == 0
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection, connection:
        connection.execute(change)
    evidence = checker.Evidence.of(tmp_path / "out")
    profile = evidence.profiles["t~t"]
    again = checker.table(profile, "target", stored(tmp_path / "b.db", [item["pair"] for item in profile["columns"]]))
    assert again.root(kept_key(home)) != evidence.certified("t")["root"]
