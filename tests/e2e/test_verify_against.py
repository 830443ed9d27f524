"""`kora verify URL --against CERT`: a third party with the migration's key holds a target against its certificate."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import Said, file_url, migrate, run_kora
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

SCRIPT = """
    CREATE TABLE patient (id INTEGER PRIMARY KEY, name TEXT NOT NULL, born TEXT, weight REAL, photo BLOB);
    INSERT INTO patient VALUES (1, 'Achieng', '2024-02-29', 61.5, x'00ff'), (2, 'Otieno', NULL, NULL, NULL);
    CREATE TABLE visit (patient INTEGER, note TEXT);
    INSERT INTO visit VALUES (1, 'a'), (1, 'a'), (2, 'b');
"""
CHANGE = "UPDATE patient SET name = 'Otiemo' WHERE id = 2"


@dataclass(frozen=True)
class Target:
    """One engine's database, and what changes a row of it."""

    url: str
    change: Callable[[], object]


def _sqlite(path: Path) -> Target:
    def change() -> None:
        with closing(sqlite3.connect(path / "t.db")) as connection, connection:
            connection.execute(CHANGE)

    return Target(file_url("sqlite", path / "t.db"), change)


def _duckdb(path: Path) -> Target:
    def change() -> None:
        with closing(duckdb.connect(str(path / "t.duckdb"))) as connection:
            connection.execute(CHANGE)

    return Target(file_url("duckdb", path / "t.duckdb"), change)


@pytest.fixture(params=["sqlite", "duckdb", "postgresql", "mariadb"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        database = server.create_database()
        return Target(database.url, lambda: database.execute(CHANGE))
    if request.param == "mariadb":
        mariadb: MariadbServer = request.getfixturevalue("mariadb_server")
        there = mariadb.create_database()
        return Target(there.url, lambda: there.execute(CHANGE))
    return {"sqlite": _sqlite, "duckdb": _duckdb}[request.param](tmp_path)


@pytest.fixture
def source(tmp_path: Path, sensei_home: Path) -> str:
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        connection.executescript(SCRIPT)
    return file_url("sqlite", tmp_path / "s.db")


@dataclass(frozen=True)
class Third:
    """Another machine: it has the evidence with the signer's public key, and the migration's key."""

    evidence: Path
    key_file: Path

    def against(self, url: str, *options: object) -> Said:
        asked = ["--against", self.evidence / "certificate.json", "--key-file", self.key_file]
        return run_kora("verify", url, *asked, "--key", self.evidence / "signer.pub", "--json", *options)


def third(home: Path, evidence: Path, monkeypatch: pytest.MonkeyPatch) -> Third:
    (kept,) = (home / "keys" / "migrations").iterdir()
    key_file = Path(shutil.copy(kept, evidence.parent / "K"))
    key_file.chmod(0o600)
    monkeypatch.setenv("SENSEI_HOME", str(evidence.parent / "elsewhere"))
    return Third(evidence, key_file)


def states(said: Said) -> dict[str, str]:
    return {table["name"].rpartition(".")[2]: table["state"] for table in said.body["tables"]}


def test_an_unchanged_target_is_what_was_certified_and_one_changed_row_is_told(
    target: Target, source: str, sensei_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = migrate(source, target.url, "--out", tmp_path / "out")
    assert moved.code == 0, moved.err
    auditor = third(sensei_home, tmp_path / "out", monkeypatch)
    same = auditor.against(target.url)
    assert (same.code, states(same)) == (0, {"patient": "unchanged", "visit": "unchanged"}), same.err
    assert same.body["certified_verdict"] == "equivalent"
    target.change()
    changed = auditor.against(target.url)
    assert (changed.code, states(changed)) == (1, {"patient": "changed", "visit": "unchanged"})


def test_parquet_files_are_held_against_their_certificate(
    source: str, sensei_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = file_url("parquet", tmp_path / "lake")
    assert migrate(source, url, "--out", tmp_path / "out").code == 0
    auditor = third(sensei_home, tmp_path / "out", monkeypatch)
    assert auditor.against(url).code == 0
    (file,) = [path for path in (tmp_path / "lake").rglob("*.parquet") if "patient" in str(path.relative_to(tmp_path))]
    with closing(duckdb.connect()) as connection:
        connection.execute(f"CREATE TABLE t AS SELECT * REPLACE ('x' AS name) FROM '{file}'")
        connection.execute(f"COPY t TO '{file}' (FORMAT parquet)")
    assert auditor.against(url).code in {1, 2}


def test_csv_files_are_held_against_their_certificate(
    sensei_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "t.csv").write_text("id,name\n1,x\n2,y\n")
    urls = [file_url("csv", tmp_path / name) for name in ("a", "b")]
    assert run_kora("verify", *urls, "--out", tmp_path / "out").code == 0
    auditor = third(sensei_home, tmp_path / "out", monkeypatch)
    assert auditor.against(urls[1]).code == 0
    (tmp_path / "b" / "t.csv").write_text("id,name\n1,x\n2,z\n")
    assert auditor.against(urls[1]).code == 1


def test_renamed_columns_are_found_by_the_map_beside_the_certificate(
    sensei_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, column in (("a", "name"), ("b", "called")):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            connection.executescript(
                f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column} TEXT); INSERT INTO t VALUES (1, 'x')"
            )
    table = {"schema": "", "name": "t"}
    columns = [{"source": "id", "target": "id"}, {"source": "name", "target": "called"}]
    (tmp_path / "map.json").write_text(json.dumps({"tables": [{"source": table, "target": table, "columns": columns}]}))
    urls = [file_url("sqlite", tmp_path / f"{name}.db") for name in ("a", "b")]
    assert run_kora("verify", *urls, "--map", tmp_path / "map.json", "--out", tmp_path / "out").code == 0
    auditor = third(sensei_home, tmp_path / "out", monkeypatch)
    assert auditor.against(urls[1]).code == 0
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        connection.execute("ALTER TABLE t RENAME COLUMN called TO named")
    lost = auditor.against(urls[1])
    assert (lost.code, lost.body["tables"][0]["detail"]) == (1, "column called can no longer be read")


@pytest.fixture
def moved(source: str, sensei_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Third, str, Path]:
    url = file_url("sqlite", tmp_path / "t.db")
    assert migrate(source, url, "--out", tmp_path / "out").code == 0
    return third(sensei_home, tmp_path / "out", monkeypatch), url, tmp_path / "t.db"


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("DELETE FROM visit WHERE note = 'b'", {"patient": "unchanged", "visit": "changed"}),
        ("INSERT INTO visit VALUES (1, 'a')", {"patient": "unchanged", "visit": "changed"}),
        ("DROP TABLE visit", {"patient": "unchanged", "visit": "missing"}),
        ("CREATE TABLE other (id INTEGER)", {"patient": "unchanged", "visit": "unchanged", "other": "extra"}),
    ],
    ids=["a row fewer", "an equal row more", "a table fewer", "a table more"],
)
def test_what_changed_since_is_named(moved: tuple[Third, str, Path], script: str, found: dict[str, str]) -> None:
    auditor, url, path = moved
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(script)
    said = auditor.against(url)
    assert (said.code, states(said)) == (1, found)


def test_what_cannot_be_believed_is_refused(moved: tuple[Third, str, Path], tmp_path: Path) -> None:
    auditor, url, _ = moved
    certificate, profiles = auditor.evidence / "certificate.json", auditor.evidence / "profiles.json"
    plain = ["verify", url, "--against", certificate]
    signer, key = ["--key", auditor.evidence / "signer.pub"], ["--key-file", auditor.key_file]
    assert "a key that is not known" in run_kora(*plain, *key).err
    assert "not kept on this machine" in run_kora(*plain, *signer).err
    (tmp_path / "other").write_text("sensei-migration-key-1 " + "A" * 43 + "=\n")
    (tmp_path / "other").chmod(0o600)
    assert "and this is" in run_kora(*plain, *signer, "--key-file", tmp_path / "other").err
    whole = profiles.read_bytes()
    profiles.write_bytes(whole.replace(b"patient", b"patienT"))
    assert (run_kora(*plain, *signer, *key).code, auditor.against(url).code) == (2, 2)
    profiles.unlink()
    assert "profiles.json is missing" in auditor.against(url).err
    profiles.write_bytes(whole)
    data = bytearray(certificate.read_bytes())
    data[200] ^= 1
    certificate.write_bytes(data)
    assert auditor.against(url).code == 2


def test_the_command_line_says_what_belongs_together(moved: tuple[Third, str, Path], source: str) -> None:
    auditor, url, _ = moved
    assert auditor.against(url, source).code == 2
    assert run_kora("verify", url).code == 2
    assert run_kora("verify", url, source, "--key-file", auditor.key_file).code == 2
    shown = run_kora("verify", url, "--against", auditor.evidence / "certificate.json",
                     "--key", auditor.evidence / "signer.pub", "--key-file", auditor.key_file)  # fmt: skip
    assert shown.code == 0
    assert "Every table is as it was certified." in shown.out
