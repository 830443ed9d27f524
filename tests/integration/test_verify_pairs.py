"""`kora verify` on pairs of real databases: what pairs up, what is said about each table, and how it exits."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from kora import _core, cli
from kora.catalog import Name
from kora.comparison.declared import Declared
from kora.comparison.mapping import ColumnMapping, Mapping, TableMapping
from kora.comparison.result import Quarantined, TableResult, VerificationResult
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.verify import VerifyOptions, verify_sides
from tests.servers import PASSWORD, Database, PostgresServer
from tests.unit.chinook import CHINOOK


@dataclass
class Kora:
    """The command, run in this process, its output read as a program would."""

    home: Path
    capsys: pytest.CaptureFixture[str]
    out: Path = field(init=False)

    def __post_init__(self) -> None:
        self.out = self.home / "out"

    def verify(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        code = cli.run(["verify", *arguments, "--out", str(self.out), "--json"])
        captured = self.capsys.readouterr()
        assert captured.out, captured.err
        told = json.loads(captured.out)
        assert isinstance(told, dict)
        return code, told

    def refused(self, *arguments: str) -> tuple[int, str]:
        code = cli.run(["verify", *arguments, "--out", str(self.out), "--json"])
        captured = self.capsys.readouterr()
        assert captured.out == ""
        return code, captured.err


@pytest.fixture
def kora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kora:
    monkeypatch.setenv("SENSEI_HOME", str(tmp_path / "home"))
    return Kora(tmp_path, capsys)


def sqlite_file(path: Path, script: str) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return f"sqlite:///{path}"


def duckdb_file(path: Path, *statements: str) -> str:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return f"duckdb:///{path}"


def map_file(path: Path, *tables: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump({"tables": list(tables)}), encoding="utf-8")
    return str(path)


def table_map(source: str, target: str, columns: dict[str, str], *, schema: str = "") -> dict[str, Any]:
    return {
        "source": {"schema": "", "name": source},
        "target": {"schema": schema, "name": target},
        "columns": [{"source": left, "target": right} for left, right in columns.items()],
    }


def named(told: dict[str, Any], source: str) -> dict[str, Any]:
    return next(table for table in told["tables"] if table["source"] == source)


def result_of(source: str, target: str, declared: Declared | None = None) -> VerificationResult:
    left, right = open_database(source), open_database(target)
    try:
        given = VerifyOptions(migration_key=_core.DigestKey(bytes(32)), run_id="test")
        sides = OpenSide(left, left.catalog(), source), OpenSide(right, right.catalog(), target)
        return verify_sides(*sides, declared or Declared(), given).result
    finally:
        left.close()
        right.close()


def only_table(result: VerificationResult) -> TableResult:
    assert len(result.tables) == 1
    return result.tables[0]


def test_chinook_is_equivalent_to_itself_and_to_a_copy_and_says_all_that_json_promises(kora: Kora) -> None:
    copy = kora.home / "copy.sqlite"
    shutil.copyfile(CHINOOK, copy)
    for target in (CHINOOK.resolve(), copy):
        code, told = kora.verify(f"sqlite:///{CHINOOK.resolve()}", f"sqlite:///{target}")
        assert code == 0
        assert told["verdict"] == "equivalent"
        assert len(told["tables"]) == 11
        assert sum(table["source_rows"] for table in told["tables"]) == 15_607
    assert {"verdict", "certificate", "report", "tables", "orphans", "behavior", "not_checked", "seconds"} <= set(told)
    promised = {"source", "target", "outcome", "source_rows", "target_rows", "mismatch", "missing_in_target",
                "extra_in_target", "not_comparable_columns", "losses"}  # fmt: skip
    assert all(promised <= set(table) for table in told["tables"])
    assert Path(told["certificate"]).is_file()
    assert Path(told["report"]).is_file()


def test_a_duckdb_file_is_equivalent_to_itself(kora: Kora) -> None:
    url = duckdb_file(kora.home / "a.duckdb", "CREATE TABLE t (id INTEGER PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    code, told = kora.verify(url, url)
    assert (code, told["verdict"]) == (0, "equivalent")


def test_renamed_tables_and_columns_are_compared_through_a_map(kora: Kora) -> None:
    source = sqlite_file(kora.home / "a.db", "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT);"
                         "INSERT INTO person VALUES (1, 'Ada'), (2, 'Bob');")  # fmt: skip
    target = duckdb_file(kora.home / "b.duckdb", "CREATE TABLE people (number BIGINT PRIMARY KEY, called VARCHAR)",
                         "INSERT INTO people VALUES (1, 'Ada'), (2, 'bob')")  # fmt: skip
    path = map_file(
        kora.home / "map.yaml", table_map("person", "people", {"id": "number", "name": "called"}, schema="main")
    )
    code, told = kora.verify(source, target, "--map", path)
    table = named(told, "person")
    assert (code, table["outcome"], table["mismatch"]) == (1, "mismatch", 1)
    assert kora.verify(source, target)[0] == 1  # by name alone, neither has a partner


def test_names_match_by_unique_case_fold_and_ambiguous_ones_pair_with_nothing(kora: Kora) -> None:
    source = sqlite_file(kora.home / "a.db", "CREATE TABLE Person (Id INTEGER PRIMARY KEY, Name TEXT);")
    target = duckdb_file(kora.home / "b.duckdb", "CREATE TABLE person (id BIGINT PRIMARY KEY, NAME VARCHAR)")
    code, told = kora.verify(source, target)
    assert (code, named(told, "Person")["target"]) == (0, "main.person")
    twin = duckdb_file(kora.home / "c.duckdb", "CREATE TABLE person (id BIGINT PRIMARY KEY, NAME VARCHAR)",
                       "CREATE SCHEMA other", "CREATE TABLE other.person (id BIGINT, name VARCHAR)")  # fmt: skip
    code, told = kora.verify(source, twin)
    assert code == 1
    assert sorted(table["outcome"] for table in told["tables"]) == ["extra_in_target"] * 2 + ["missing_in_target"]


def test_tables_of_one_side_are_different_with_their_rows_counted(kora: Kora) -> None:
    source = sqlite_file(kora.home / "a.db", "CREATE TABLE a (x); CREATE TABLE b (x); INSERT INTO b VALUES (1), (2);")
    target = sqlite_file(kora.home / "b.db", "CREATE TABLE a (x); CREATE TABLE c (x); INSERT INTO c VALUES (1);")
    code, told = kora.verify(source, target)
    assert (code, told["verdict"]) == (1, "different")
    missing, extra = named(told, "b"), next(table for table in told["tables"] if table["source"] is None)
    assert (missing["outcome"], missing["missing_in_target"], missing["source_rows"]) == ("missing_in_target", 2, 2)
    assert (extra["target"], extra["outcome"], extra["extra_in_target"]) == ("c", "extra_in_target", 1)


def test_what_is_left_out_takes_its_partner_with_it(kora: Kora) -> None:
    source = sqlite_file(
        kora.home / "a.db", "CREATE TABLE a (x); CREATE TABLE Audit (x); INSERT INTO Audit VALUES (1);"
    )
    target = sqlite_file(kora.home / "b.db", "CREATE TABLE a (x); CREATE TABLE audit (x);")
    assert kora.verify(source, target)[0] == 1
    for left_out in ("Audit", "audit"):
        code, told = kora.verify(source, target, "--exclude", left_out)
        assert (code, [table["source"] for table in told["tables"]]) == (0, ["a"])
    code, told = kora.verify(source, target, "--tables", "a")
    assert (code, [table["source"] for table in told["tables"]]) == (0, ["a"])
    path = map_file(kora.home / "map.yaml", table_map("a", "a", {"x": "x"}), table_map("Audit", "audit", {"x": "x"}))
    code, told = kora.verify(source, target, "--map", path, "--exclude", "Audit")
    assert (code, [table["source"] for table in told["tables"]]) == (0, ["a"])


def test_a_map_that_names_no_table_of_the_source_is_refused(kora: Kora) -> None:
    source = sqlite_file(kora.home / "a.db", "CREATE TABLE a (x);")
    path = map_file(kora.home / "map.yaml", table_map("nowhere", "a", {"x": "x"}))
    code, error = kora.refused(source, source, "--map", path)
    assert code == 2
    assert "nowhere" in error


def test_a_table_that_the_login_may_not_read_is_not_proven(kora: Kora, postgres_database: Database) -> None:
    postgres_database.execute(
        "CREATE TABLE a (id int PRIMARY KEY)", "CREATE TABLE hidden (id int PRIMARY KEY)",
        f"CREATE ROLE reader_{postgres_database.settings['dbname']} LOGIN PASSWORD '{PASSWORD}'",
        f"GRANT SELECT ON a TO reader_{postgres_database.settings['dbname']}",
    )  # fmt: skip
    role = f"reader_{postgres_database.settings['dbname']}"
    limited = Database({**postgres_database.settings, "user": role})
    code, told = kora.verify(postgres_database.url, limited.url)
    assert (code, told["verdict"]) == (3, "not_proven")
    outcomes = {table["source"]: table["outcome"] for table in told["tables"]}
    assert outcomes == {"public.a": "match", "public.hidden": "not_run"}
    assert any(item["what"] == "unreadable table" and item["name"] == "public.hidden" for item in told["not_checked"])


def test_a_column_of_a_type_that_nobody_knows_is_not_comparable_whether_mapped_or_matched(
    kora: Kora, postgres_database: Database
) -> None:
    insert = "INSERT INTO t VALUES (1, makeaclitem(10, 10, 'SELECT', false))"
    postgres_database.execute("CREATE TABLE t (id int PRIMARY KEY, p aclitem)", insert)
    mapped = map_file(
        kora.home / "map.yaml",
        {**table_map("t", "t", {"id": "id", "p": "p"}, schema="public"), "source": {"schema": "public", "name": "t"}},
    )
    for arguments in ((), ("--map", mapped)):
        code, told = kora.verify(postgres_database.url, postgres_database.url, *arguments)
        assert (code, told["verdict"]) == (3, "not_proven")
        assert [column["column"] for column in named(told, "public.t")["not_comparable_columns"]] == ["p"]


def test_every_row_differing_is_counted_exactly_and_listed_up_to_the_bound(
    kora: Kora, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSEI_FINDINGS_PER_TABLE", "7")
    make = "CREATE TABLE t (id INTEGER PRIMARY KEY, v); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
    source = sqlite_file(kora.home / "a.db", f"{make} WHERE i < 50000) INSERT INTO t SELECT i, i FROM n;")
    target = sqlite_file(kora.home / "b.db", f"{make} WHERE i < 50000) INSERT INTO t SELECT i, -i FROM n;")
    code, told = kora.verify(source, target)
    assert (code, named(told, "t")["mismatch"]) == (1, 50_000)
    assert (kora.out / "report.html").read_text().count("SELECT * FROM &#34;t&#34;") in (7, 14)
    sqlite_file(kora.home / "b.db", "UPDATE t SET v = id WHERE id > 20000; DELETE FROM t WHERE id = 50000;")
    table = only_table(result_of(source, target))
    assert (table.mismatch, table.missing_in_target, table.extra_in_target) == (20_000, 1, 0)
    assert (len(table.findings), table.findings_omitted) == (100, 19_901)


@pytest.mark.parametrize("engine", ["sqlite", "duckdb", "postgresql"])
def test_rows_with_long_composite_keys_are_named(tmp_path: Path, postgres_server: PostgresServer, engine: str) -> None:
    make = "CREATE TABLE t (a VARCHAR(80) NOT NULL, b INTEGER NOT NULL, v VARCHAR(9), PRIMARY KEY (a, b))"
    word = "a key that is longer than the sketch can hold, "
    rows = [f"INSERT INTO t VALUES ('{word}{number}', {number % 3}, 'x')" for number in range(60)]
    change = [f"UPDATE t SET v = 'y' WHERE a = '{word}7'", f"DELETE FROM t WHERE a = '{word}8'"]
    if engine == "postgresql":
        databases = postgres_server.create_database(), postgres_server.create_database()
        databases[0].execute(make, *rows)
        databases[1].execute(make, *rows, *change)
        source, target = (database.url for database in databases)
    elif engine == "duckdb":
        source = duckdb_file(tmp_path / "a.duckdb", make, *rows)
        target = duckdb_file(tmp_path / "b.duckdb", make, *rows, *change)
    else:
        source = sqlite_file(tmp_path / "a.db", ";".join([make, *rows]))
        target = sqlite_file(tmp_path / "b.db", ";".join([make, *rows, *change]))
    table = only_table(result_of(source, target))
    assert [(finding.outcome, finding.key) for finding in table.findings] == [
        ("mismatch", f"a={word}7, b=1"), ("missing_in_target", f"a={word}8, b=2"),
    ]  # fmt: skip
    assert rows_found(target, table.findings[0].target_sql) == rows_found(source, table.findings[0].source_sql) == 1
    assert rows_found(source, table.findings[1].source_sql) == 1
    assert rows_found(target, table.findings[1].target_sql) == 0


def rows_found(url: str, sql: str) -> int:
    database = open_database(url)
    try:
        return int(str(database.scalar_query(f"SELECT count(*) FROM ({sql}) AS shown")[0][0]))
    finally:
        database.close()


@pytest.mark.parametrize(
    ("declared", "value"), [("bytea", "'\\x00ff27'"), ("date", "'0044-03-15 BC'"), ("float8", "'-0.5'"), ("uuid",
     "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"), ("timestamptz", "'2020-01-01 00:00:00.000001+00'"),
     ("numeric", "1e30"), ("text", "'it''s \\ odd'")],
)  # fmt: skip
def test_keys_of_any_type_are_found_again_and_the_sql_of_a_finding_shows_the_row(
    postgres_server: PostgresServer, declared: str, value: str
) -> None:
    databases = postgres_server.create_database(), postgres_server.create_database()
    for database, cell in zip(databases, ("one", "two"), strict=True):
        database.execute(f"CREATE TABLE t (k {declared} PRIMARY KEY, v text)",
                         f"INSERT INTO t VALUES ({value}, '{cell}')")  # fmt: skip
    source, target = (database.url for database in databases)
    finding = only_table(result_of(source, target)).findings[0]
    assert finding.outcome == "mismatch"
    assert rows_found(source, finding.source_sql) == rows_found(target, finding.target_sql) == 1


def test_a_key_that_the_other_engine_cannot_even_read_is_a_difference_and_no_failure(
    tmp_path: Path, postgres_database: Database
) -> None:
    source = sqlite_file(tmp_path / "a.db", "CREATE TABLE t (k TEXT NOT NULL PRIMARY KEY, v TEXT);"
                         "INSERT INTO t VALUES ('one', 'x'), ('2', 'y');")  # fmt: skip
    postgres_database.execute("CREATE TABLE t (k int PRIMARY KEY, v text)", "INSERT INTO t VALUES (2, 'y')")
    table = only_table(result_of(source, postgres_database.url))
    assert (table.missing_in_target, table.extra_in_target) == (2, 1)
    assert {finding.key for finding in table.findings} == {"k=one", "k=2"}


def test_65536_equal_rows_are_not_65536_of_another_and_are_held_once(tmp_path: Path) -> None:
    make = "CREATE TABLE t (v); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 65536)"
    source = sqlite_file(tmp_path / "a.db", f"{make} INSERT INTO t SELECT 'one' FROM n;")
    target = sqlite_file(tmp_path / "b.db", f"{make} INSERT INTO t SELECT 'two' FROM n;")
    table = only_table(result_of(source, target))
    assert (table.mismatch, table.missing_in_target, table.extra_in_target) == (0, 65_536, 65_536)
    assert len(table.findings) == 100
    assert table.findings_omitted == 2 * 65_536 - 100
    sqlite_file(tmp_path / "b.db", "DELETE FROM t; INSERT INTO t VALUES ('one');")
    table = only_table(result_of(source, target))
    assert (table.missing_in_target, table.extra_in_target) == (65_535, 0)


def test_values_are_shown_only_when_asked_for(kora: Kora) -> None:
    make = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
    source = sqlite_file(kora.home / "a.db", f"{make} INSERT INTO t VALUES (1, 'secret before');")
    target = sqlite_file(kora.home / "b.db", f"{make} INSERT INTO t VALUES (1, 'secret after');")
    _, told = kora.verify(source, target)
    assert "secret" not in json.dumps(told)
    assert not any(b"secret" in path.read_bytes() for path in kora.out.iterdir() if path.is_file())
    _, told = kora.verify(source, target, "--show-values")
    report = Path(told["report"]).read_text(encoding="utf-8")
    assert "secret before" in report
    assert "secret after" in report


def test_a_long_value_is_shown_by_its_beginning_its_length_and_its_digest(kora: Kora) -> None:
    make = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, b BLOB);"
    long, other = "ä" * 500_000 + "a", "ä" * 500_000 + "A"
    texts = [f"{make} INSERT INTO t VALUES (1, '{text}', CAST('{text}' AS BLOB));" for text in (long, other)]
    urls = [sqlite_file(kora.home / f"{place}.db", text) for place, text in enumerate(texts)]
    _, told = kora.verify(*urls, "--show-values")
    report = Path(told["report"]).read_text(encoding="utf-8")
    for text in (long, other):
        assert f"{'ä' * 256}… (1,000,001 bytes, SHA-256 {hashlib.sha256(text.encode()).hexdigest()})" in report
    assert "c3a4" * 64 + "… (1,000,001 bytes" in report
    assert "text is compared byte by byte" in report
    assert len(report) < 200_000


LOST = "CREATE VIEW w AS SELECT 1; CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END;"


def plan_file(path: Path, losses: Sequence[dict[str, object]]) -> str:
    table = {"source": "t", "target": "t", "columns": [{"source": "id", "target": "id"}]}
    path.write_text(yaml.safe_dump({"format": "sensei-plan-1", "tables": [table], "losses": list(losses)}))
    return str(path)


def test_losses_need_an_approval_from_the_plan_or_the_command_line(kora: Kora) -> None:
    source = sqlite_file(kora.home / "a.db", f"CREATE TABLE t (id INTEGER PRIMARY KEY); {LOST}")
    target = sqlite_file(kora.home / "b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY);")
    code, told = kora.verify(source, target)
    assert (code, told["verdict"]) == (5, "equivalent_with_declared_loss")
    assert kora.verify(source, target, "--accept-loss", "view")[0] == 5
    assert kora.verify(source, target, "--accept-loss", "view", "--accept-loss", "trigger")[0] == 0
    view = {"rule": "view", "subject": "view w", "count": 1, "reason": "not needed", "approved_by": "A. Person"}
    trigger = {"rule": "trigger", "subject": "trigger r", "count": 1, "reason": "rewritten"}
    path = plan_file(kora.home / "plan.yaml", [view, trigger])
    assert kora.verify(source, target, "--plan", path)[0] == 5
    path = plan_file(kora.home / "plan.yaml", [view, {**trigger, "approved_by": "A. Person"}])
    code, told = kora.verify(source, target, "--plan", path)
    assert (code, told["verdict"]) == (0, "equivalent_with_declared_loss")


@pytest.mark.parametrize(("left", "right"), [("a ", "a"), ("a", "a ")])
def test_a_policy_is_counted_on_whichever_side_it_changed_a_value(kora: Kora, left: str, right: str) -> None:
    make = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);"
    source = sqlite_file(kora.home / "a.db", f"{make} INSERT INTO t VALUES (1, '{left}');")
    target = sqlite_file(kora.home / "b.db", f"{make} INSERT INTO t VALUES (1, '{right}');")
    pair = table_map("t", "t", {"id": "id", "v": "v"})
    pair["columns"][1]["policies"] = [{"rule": "rtrim_char"}]
    code, told = kora.verify(source, target, "--map", map_file(kora.home / "map.yaml", pair))
    assert (code, told["verdict"]) == (5, "equivalent_with_declared_loss")
    assert [(loss["rule"], loss["count"]) for loss in named(told, "t")["losses"]] == [("rtrim_char", 1)]


def quarantine_case(folder: Path, missing: int) -> tuple[str, str]:
    make = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'z');"
    source = sqlite_file(folder / "a.db", make)
    return source, sqlite_file(folder / "b.db", f"{make} DELETE FROM t WHERE id = {missing};")


def entry(key: str) -> Quarantined:
    return Quarantined(table="t", key=key, column="v", reason="too long", approved_by="A. Person")


def test_a_quarantined_row_accounts_for_the_missing_row_of_its_key_and_for_no_other(tmp_path: Path) -> None:
    source, target = quarantine_case(tmp_path, missing=2)
    declared = result_of(source, target, Declared(quarantined=(entry("id=2"),)))
    assert declared.verdict == "equivalent_with_declared_loss"
    lied = result_of(source, target, Declared(quarantined=(entry("id=3"),)))
    assert lied.verdict == "different"
    assert [(item.what, item.name, item.blocking) for item in lied.not_checked if item.blocking] == [
        ("row in quarantine", "t: id=3", True)
    ]


def test_the_loader_and_the_findings_spell_a_key_alike(tmp_path: Path) -> None:
    long = "a" * 300
    script = (
        "CREATE TABLE t (a TEXT NOT NULL, b NOT NULL, v TEXT, PRIMARY KEY (a, b));"
        f"INSERT INTO t VALUES ('{long}', x'00ff', 'not a number'), ('it''s', 1.5, 'neither'), ('x', -7, '1');"
    )
    source = sqlite_file(tmp_path / "a.db", script)
    target = sqlite_file(tmp_path / "b.db", script + "DELETE FROM t WHERE v <> '1';")
    columns = tuple(ColumnMapping(source=name, target=name) for name in "abv")
    mapping = TableMapping(source=Name("", "t"), target=Name("", "t"), columns=columns, key=("a", "b"))
    connection = _core.SqliteConnection(str(tmp_path / "a.db"))
    rows = _core.sqlite_rows(connection, "SELECT a, b, v FROM t")
    types = ["text", "text", "int4"]
    batch = _core.Loader(rows, mapping.profile(), "postgres_copy", types, _core.DigestKey(bytes(32))).next_batch()
    assert batch is not None
    refused = {key for _, key, _, _ in batch.rejected}
    table = only_table(result_of(source, target, Declared(mapping=Mapping(tables=(mapping,)))))
    missing = {finding.key for finding in table.findings}
    assert missing <= refused
    assert missing == {f"a={'a' * 256}…, b=00ff", "a=it's, b=1.5"}


def test_a_dropped_column_makes_every_row_differ_once(tmp_path: Path) -> None:
    source = sqlite_file(
        tmp_path / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1,1),(2,2);"
    )
    target = sqlite_file(tmp_path / "b.db", "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);")
    table = only_table(result_of(source, target))
    assert (table.outcome, table.mismatch, table.missing_in_target) == ("mismatch", 1, 1)
    assert table.findings[0].columns[0].column == "v"


def test_a_password_is_asked_for_only_on_a_terminal(
    kora: Kora, postgres_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("PGPASSWORD", "SENSEI_SOURCE_PASSWORD", "SENSEI_TARGET_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    source = sqlite_file(kora.home / "a.db", "CREATE TABLE t (id INTEGER PRIMARY KEY);")
    postgres_database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    bare = postgres_database.url.replace(":open%20sesame@", "@")
    assert bare != postgres_database.url
    code, error = kora.refused(source, bare)
    assert code in (2, 4)
    assert "password" in error
    from kora.settings import Settings
    from kora.verification import VerifyRequest, verify_databases

    asked = list[str]()

    def prompt(question: str) -> str:
        asked.append(question)
        return PASSWORD

    request = VerifyRequest(source=source, target=bare, out=kora.out)
    result, _ = verify_databases(request, settings=Settings.from_environment(), prompt=prompt)
    assert result.verdict == "equivalent"
    assert len(asked) == 1
    assert PASSWORD not in asked[0]


def test_orphans_are_listed_by_keys_that_python_has_no_value_for(tmp_path: Path, postgres_database: Database) -> None:
    postgres_database.execute(
        "CREATE TABLE parent (d date PRIMARY KEY)",
        "CREATE TABLE child (id timestamptz PRIMARY KEY, d date)",
        "INSERT INTO child VALUES ('infinity', '0044-03-15 BC')",
        "ALTER TABLE child ADD FOREIGN KEY (d) REFERENCES parent (d) NOT VALID",
    )
    orphans = result_of(postgres_database.url, postgres_database.url).orphans
    assert [(item.count, item.keys) for item in orphans] == [(1, ("id=infinity",))]
