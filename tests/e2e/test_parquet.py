"""Exports to Parquet and back, end to end: whole databases, every kind of value, damage, and other people's files."""

import json
import sqlite3
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import DATA, file_url, migrate, run_kora, run_sensei
from tests.servers import Database

CHINOOK = file_url("sqlite", DATA / "chinook" / "chinook.sqlite")

pytestmark = pytest.mark.usefixtures("sensei_home")


def shop(path: Path, rows: int) -> str:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE visit (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO visit SELECT i, 'visit number ' || i FROM n",
            (rows,),
        )
    connection.close()
    return file_url("sqlite", path)


@pytest.mark.parametrize("engine", ["duckdb", "postgresql"])
def test_chinook_goes_through_parquet_and_first_and_last_are_the_same(tmp_path, engine, request) -> None:
    parquet = file_url("parquet", tmp_path / "out")
    there = migrate(CHINOOK, parquet, "--accept-loss", "index")
    assert (there.code, {rule for rule, _ in there.losses}) == (0, {"index"})
    assert (len(there.tables), there.rows) == (11, 15_607)
    assert {table["outcome"] for table in there.body["tables"]} == {"match"}

    last = file_url("duckdb", tmp_path / "last.duckdb")
    if engine == "postgresql":
        last = request.getfixturevalue("postgres_database").url
    plan = tmp_path / "plan.yaml"
    assert run_sensei("plan", CHINOOK, last, "-o", plan).code in (0, 5)
    back = migrate(parquet, last)
    assert (back.code, back.verdict, back.losses, back.rows) == (0, "equivalent", [], 15_607)
    (key,) = [table["primary_key"]["columns"] for table in back.plan["tables"] if table["source"] == "Album"]
    assert [name.lower() for name in key] == ["albumid"]

    verified = run_kora(
        "verify", CHINOOK, last, "--plan", plan, "--json", "--accept-loss", "index", "--out", tmp_path / "p"
    )
    assert {table["outcome"] for table in verified.body["tables"]} == {"match"}
    assert (verified.code, verified.rows, {rule for rule, _ in verified.losses}) == (0, 15_607, {"index"})


def test_the_certificate_says_that_recorded_keys_are_not_enforced(tmp_path) -> None:
    said = migrate(shop(tmp_path / "shop.db", 10), file_url("parquet", tmp_path / "out"))
    assert (said.code, said.verdict) == (0, "equivalent")
    assert any("enforced by nobody" in note for note in said.plan["notes"])
    unchecked = {entry["what"]: entry for entry in said.predicate()["not_checked"]}
    assert (unchecked["recorded keys"]["count"], unchecked["recorded keys"]["side"]) == (1, "target")


VALUES = """
    SELECT 1 AS id, true AS flag, (-128)::TINYINT AS tiny, 18446744073709551615::UBIGINT AS big,
        12345678901234567890123456789012345678::HUGEINT AS huge, 1.50::DECIMAL(20, 2) AS price,
        'b'::ENUM ('a', 'b') AS label, '-0'::DOUBLE AS real, 'nan'::FLOAT AS single,
        '2020-02-29 23:59:59.123456789'::TIMESTAMP_NS AS nanos, '0044-03-15 (BC)'::DATE AS ides,
        '1969-12-31 23:59:59.999999+00'::TIMESTAMPTZ AS moment, '24:00:00'::TIME AS midnight,
        '{"a":  1}'::JSON AS doc, '0c5fa1d0-0000-4000-8000-000000000000'::UUID AS uuid, '\\xFF\\x00'::BLOB AS bytes,
        'nul' || chr(0) || 'é🙂' AS words, '' AS nothing, TIMESTAMP '290000-01-01' AS far
    UNION ALL SELECT 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
        NULL, NULL
"""


def test_every_kind_of_value_arrives_and_is_read_back_equal(tmp_path) -> None:
    source = tmp_path / "kinds.duckdb"
    with duckdb.connect(str(source)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"CREATE TABLE kinds AS {VALUES}")
        theirs = connection.execute("SELECT COLUMNS(*)::VARCHAR FROM kinds ORDER BY id").fetchall()
    out = tmp_path / "out"
    said = migrate(file_url("duckdb", source), file_url("parquet", out))
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        files = f"read_parquet('{out}/kinds/*.parquet')"
        ours = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {files} ORDER BY id").fetchall()
    assert ours == theirs


def test_kinds_that_files_cannot_hold_arrive_as_their_exact_text(tmp_path) -> None:
    source = tmp_path / "odd.duckdb"
    with duckdb.connect(str(source)) as connection:
        connection.execute(
            "CREATE TABLE odd AS SELECT 1 AS id, '101'::BIT AS bits, INTERVAL '1 month' AS span,"
            " '12:00:00+02'::TIMETZ AS zoned, 'infinity'::DATE AS never, [1] AS many"
        )
    said = migrate(file_url("duckdb", source), file_url("parquet", tmp_path / "out"))
    assert (said.code, said.verdict) == (0, "equivalent"), said.err
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT id, bits, zoned, never FROM '{tmp_path}/out/odd/*.parquet'").fetchall()
    assert rows == [(1, "101", "12:00:00+02", "infinity")]


def test_a_table_is_cut_into_files_that_carry_their_checkpoints(tmp_path) -> None:
    out = tmp_path / "out"
    said = migrate(shop(tmp_path / "shop.db", 15_000), file_url("parquet", out), "--chunk-size-bytes", 65536)
    assert said.code == 0, said.err
    files = sorted(path.name for path in (out / "visit").iterdir())
    assert files == [f"part-{number:06d}.parquet" for number in range(1, 6)]
    assert sorted(path.name for path in out.iterdir()) == ["_sensei.json", "visit"]
    with duckdb.connect() as connection:
        told = connection.execute(
            f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{out}/visit/part-000002.parquet')"
        ).fetchall()
        assert dict(told)["sensei.number"] == "1"
        held = connection.execute(f"SELECT count(*)::VARCHAR FROM '{out}/visit/part-000002.parquet'").fetchone()
        assert held == (dict(told)["sensei.row_count"],)
        assert dict(told)["sensei.run"] == said.body["run"]
        codecs = connection.execute(
            f"SELECT DISTINCT compression FROM parquet_metadata('{out}/visit/part-000002.parquet')"
        ).fetchall()
        assert codecs == [("ZSTD",)]


def test_a_change_in_a_file_of_the_export_is_found_by_verify_and_named_by_fingerprint(tmp_path) -> None:
    source, out = shop(tmp_path / "shop.db", 100), tmp_path / "out"
    assert migrate(source, file_url("parquet", out)).code == 0
    printed = run_kora("fingerprint", file_url("parquet", out), "-o", tmp_path / "fingerprint.json")
    assert printed.code == 0, printed.err
    part = out / "visit" / "part-000001.parquet"
    data = bytearray(part.read_bytes())
    data[len(data) // 3] ^= 4
    part.write_bytes(data)
    verified = run_kora("verify", source, file_url("parquet", out), "--json", "--out", tmp_path / "proof")
    assert (verified.code, verified.verdict) == (3, "not_proven")
    reasons = [entry["detail"] for entry in verified.body["not_checked"] if entry["what"] == "unreadable table"]
    assert len(reasons) == 1
    assert "part-000001.parquet: damaged or changed" in reasons[0]


def test_rows_that_are_missing_or_changed_in_plain_files_are_found(tmp_path) -> None:
    source, out = shop(tmp_path / "shop.db", 100), tmp_path / "plain"
    out.mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT i AS id, CASE WHEN i = 7 THEN 'another' ELSE 'visit number ' || i END AS name"
            f" FROM range(1, 100) r(i)) TO '{out}/visit.parquet'"
        )
    verified = run_kora("verify", source, file_url("parquet", out), "--json", "--out", tmp_path / "proof")
    (table,) = verified.body["tables"]
    assert (verified.code, table["mismatch"], table["missing_in_target"], table["extra_in_target"]) == (1, 1, 1, 0)


def test_a_changed_source_folder_is_found_by_recheck(tmp_path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS id) TO '{folder}/visit.parquet'")
        said = migrate(file_url("parquet", folder), file_url("duckdb", tmp_path / "t.duckdb"))
        assert said.code == 0, said.err
        assert run_sensei("recheck", said.body["run"]).code == 0
        connection.execute(f"COPY (SELECT 2 AS id) TO '{folder}/visit.parquet'")
    again = run_sensei("recheck", said.body["run"])
    assert again.code == 1
    assert "visit" in again.out


def test_assess_and_plan_name_what_parquet_does_to_types(tmp_path) -> None:
    assessed = run_sensei("assess", file_url("parquet", DATA / "parquet"), "--json")
    assert assessed.code == 0, assessed.err
    planned = run_sensei(
        "plan",
        file_url("parquet", DATA / "parquet"),
        file_url("duckdb", tmp_path / "t.duckdb"),
        "-o",
        tmp_path / "p.yaml",
    )
    assert planned.code in (0, 5), planned.err
    assert "INT96 timestamp, whose nanoseconds the reader drops" in (tmp_path / "p.yaml").read_text()


def test_files_of_others_are_neither_replaced_nor_removed(tmp_path) -> None:
    source, out = shop(tmp_path / "shop.db", 10), tmp_path / "out"
    (out / "visit").mkdir(parents=True)
    theirs = {out / "README": b"mine", out / "visit" / "notes.txt": b"mine too", out / "visit" / "part-1.csv": b"a"}
    for path, content in theirs.items():
        path.write_bytes(content)
    said = migrate(source, file_url("parquet", out))
    assert said.code == 0, said.err
    assert sorted(entry["name"] for entry in said.body["not_checked"] if entry["what"] == "other file") == [
        "README",
        "visit/notes.txt",
        "visit/part-1.csv",
    ]
    discarded = run_sensei("discard", said.body["run"])
    assert discarded.code == 0, discarded.err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == theirs


def test_a_folder_that_holds_tables_is_refused_and_left_as_it_is(tmp_path) -> None:
    source, out = shop(tmp_path / "shop.db", 10), tmp_path / "out"
    out.mkdir()
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS id) TO '{out}/visit.parquet'")
        connection.execute(f"COPY (SELECT 1 AS id) TO '{out}/other.parquet'")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    full = migrate(source, file_url("parquet", out))
    assert (full.code, "is not empty" in full.err) == (2, True)
    taken = migrate(source, file_url("parquet", out), "--into-existing")
    assert (taken.code, "already has table visit" in taken.err) == (2, True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    (out / "visit.parquet").unlink()
    beside = migrate(source, file_url("parquet", out), "--into-existing")
    assert beside.code == 0, beside.err
    assert run_sensei("discard", beside.body["run"]).code == 0
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"other.parquet": before["other.parquet"]}


def test_a_discarded_export_takes_its_own_folder_with_it(tmp_path) -> None:
    source, out = shop(tmp_path / "shop.db", 10), tmp_path / "out"
    said = migrate(source, file_url("parquet", out))
    assert "discarded" not in run_sensei("discard", said.body["run"]).err
    assert not out.exists()


def test_a_file_as_target_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    said = migrate(shop(tmp_path / "shop.db", 1), file_url("parquet", tmp_path / "file"))
    assert (said.code, "is a file, not a folder" in said.err) == (2, True)


def test_rows_that_break_not_null_are_quarantined_one_by_one(tmp_path) -> None:
    """A plan that a person tightened: two rows of a thousand hold NULL where none may stand."""
    source = tmp_path / "shop.db"
    url = shop(source, 1000)
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("INSERT INTO note SELECT id, CASE WHEN id IN (5, 900) THEN NULL ELSE name END FROM visit")
    connection.close()
    out = file_url("parquet", tmp_path / "out")
    plan = tmp_path / "plan.yaml"
    assert run_sensei("plan", url, out, "-o", plan).code == 0
    text = plan.read_text()
    place = text.index("source: text")
    plan.write_text(text[:place] + "source: text\n        nullable: false" + text[place + len("source: text") :])
    said = migrate(url, out, "--plan", plan)
    assert said.code == 5, said.err
    lines = [json.loads(line) for line in (said.run_folder / "quarantine.jsonl").read_text().splitlines()]
    assert [line["key"] for line in lines] == ["id=5", "id=900"]
    assert said.tables["note"]["missing_in_target"] == 2


def test_a_postgresql_database_arrives_with_its_schemas_in_the_names(tmp_path, postgres_database: Database) -> None:
    postgres_database.execute(
        "CREATE SCHEMA sales",
        "CREATE TYPE mood AS ENUM ('glad', 'sad')",
        "CREATE TABLE person (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood, worth numeric,"
        " seen timestamptz, doc jsonb, token uuid, span interval, at timetz, never date)",
        "CREATE TABLE sales.visit (id bigint PRIMARY KEY, person integer REFERENCES person (id) ON DELETE CASCADE)",
        "INSERT INTO person (mood, worth, seen, doc, token, span, at, never) VALUES ('sad', 1e-30,"
        " '2020-01-01 00:00+02', '{\"a\": [1]}', '0c5fa1d0-0000-4000-8000-000000000000', '1 day',"
        " '12:00+02', 'infinity'),"
        " (NULL, 12345678901234567890.5, NULL, NULL, NULL, NULL, NULL, '2020-01-01')",
        "INSERT INTO sales.visit VALUES (9007199254740993, 1)",
    )
    out = tmp_path / "out"
    said = migrate(postgres_database.url, file_url("parquet", out), "--accept-loss", "column")
    assert "refused" not in said.plan
    assert sorted(path.name for path in out.iterdir()) == ["_sensei.json", "person", "sales_visit"]
    assert {table["outcome"] for table in said.body["tables"]} == {"match"}, said.err
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT id, mood, worth::VARCHAR, never FROM '{out}/person/*.parquet' ORDER BY id"
        ).fetchall()
        assert rows == [
            (1, "sad", "0.000000000000000000000000000001", "infinity"),
            (2, None, "12345678901234567890.5", "2020-01-01"),
        ]
    back = migrate(file_url("parquet", out), file_url("duckdb", tmp_path / "back.duckdb"))
    assert (back.code, back.losses) == (5, [("foreign_key_action", back.losses[0][1])])
