"""Files of comma-separated values, moved end to end: how they are read, which types they earn, what is refused."""

import datetime
import json
import zipfile
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.e2e.migrating import DATA, Said, file_url, migrate, run_sensei
from tests.servers import Database

SPECTRUM = DATA / "csv"

pytestmark = pytest.mark.usefixtures("sensei_home")


def to_duckdb(tmp_path: Path, source: Path, options: str = "") -> tuple[Said, Path]:
    target = tmp_path / "target.duckdb"
    return migrate(file_url("csv", source) + options, file_url("duckdb", target)), target


def load(tmp_path: Path, content: bytes | str, options: str = "") -> tuple[Said, list[tuple[object, ...]]]:
    """One file `t.csv` moved to DuckDB, and the rows that its own client finds there."""
    source = tmp_path / "t.csv"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    said, target = to_duckdb(tmp_path, source, options)
    assert (said.code, said.verdict) == (0, "equivalent"), said.err
    return said, stored(target, "t")


def stored(target: Path, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(target), read_only=True) as connection:
        return connection.execute(f'SELECT * FROM "{table}"').fetchall()


def types(said: Said, table: str = "t") -> dict[str, str]:
    planned = next(item for item in said.plan["tables"] if item["source"] == table)
    return {column["source"]: column["target_type"] for column in planned["columns"]}


def refusal(tmp_path: Path, content: bytes | str, options: str = "") -> str:
    source = tmp_path / "bad.csv"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    said, target = to_duckdb(tmp_path, source, options)
    assert (said.code, said.out) == (2, "")
    assert not target.exists()
    return said.err


def texts(rows: list[tuple[object, ...]]) -> list[list[str]]:
    return [["" if value is None else str(value) for value in row] for row in rows]


def test_the_corner_cases_hold_what_their_published_truth_says(tmp_path):
    said, target = to_duckdb(tmp_path, SPECTRUM / "csvs")
    assert (said.code, said.verdict, len(said.tables)) == (0, "equivalent", 12)
    for name in said.tables:
        content = (SPECTRUM / "json" / f"{name}.json").read_text()
        # The published files lost their carriage returns, their truth did not.
        has_returns = b"\r" in (SPECTRUM / "csvs" / f"{name}.csv").read_bytes()
        read = json.loads(content if has_returns else content.replace("\\r", ""))
        truth = read if isinstance(read, list) else [read]
        assert list(types(said, name)) == list(truth[0])
        # The published truth of this one speaks of another phone number.
        if name != "location_coordinates":
            assert texts(stored(target, name)) == [[str(value) for value in row.values()] for row in truth], name
    assert stored(target, "location_coordinates")[0][1] == "37\ufffd36'37.8\"N 121\ufffd2'17.9\"W"


def test_the_corner_cases_reach_postgresql_too(postgres_database: Database):
    said = migrate(file_url("csv", SPECTRUM / "csvs"), postgres_database.url)
    assert (said.code, said.verdict, len(said.tables)) == (0, "equivalent", 12)
    with postgres_database.connect() as connection:
        found = connection.execute("SELECT a, b, c FROM newlines ORDER BY b").fetchall()
    assert found == [("1", 2, 3), ("Once upon \na time", 5, 6), ("7", 8, 9)]


def test_a_line_break_within_quotes_keeps_its_bytes(tmp_path):
    _, rows = load(tmp_path, b'id,v\r\n1,"a\r\nb"\r\n2,"c\nd"\r\n3,"e\rf"\r\n')
    assert rows == [(1, "a\r\nb"), (2, "c\nd"), (3, "e\rf")]


def test_what_an_archive_carries_by_accident_is_passed_over_and_other_files_are_named(tmp_path):
    source = tmp_path / "export.zip"
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("export/people.csv", "id,name\n1,Ana\n")
        archive.writestr("export/.DS_Store", b"\x00\x00\x00\x01Bud1")
        archive.writestr("__MACOSX/export/._people.csv", b"\x00\x05\x16\x07")
        archive.writestr("export/README.txt", "written on Friday")
    said, target = to_duckdb(tmp_path, source)
    assert list(said.tables) == ["people"]
    assert stored(target, "people") == [(1, "Ana")]
    assert ("other file", "export/README.txt") in {(item["what"], item["name"]) for item in said.body["not_checked"]}
    assert said.code == 0


def test_an_unquoted_nothing_is_null_and_a_quoted_one_an_empty_text(tmp_path, postgres_database: Database):
    _, rows = load(tmp_path, 'id,a\n1,""\n2,\n3,x\n')
    assert rows == [(1, ""), (2, None), (3, "x")]
    migrate(file_url("csv", tmp_path / "t.csv"), postgres_database.url)
    with postgres_database.connect() as connection:
        assert connection.execute("SELECT id, a FROM t ORDER BY id").fetchall() == [(1, ""), (2, None), (3, "x")]


def test_a_type_is_earned_by_every_value_and_its_evidence_stands_in_the_plan(tmp_path):
    said, rows = load(
        tmp_path,
        "code,price,ratio,day,mixed_days,nothing,count,flag,uuid\n"
        "007,1.50,1.5,2020-02-29,2020-02-29,,12,true,0b2f5b0e-8d5e-4b7b-9f57-0f3a2a3f8f10\n"
        "012,-20.00,1.25,1999-12-31,31/12/1999,,-3,false,00000000-0000-4000-8000-000000000000\n",
    )
    assert types(said) == {
        "code": "VARCHAR", "price": "DECIMAL(4,2)", "ratio": "DECIMAL(3,2)", "day": "DATE", "mixed_days": "VARCHAR",
        "nothing": "VARCHAR", "count": "BIGINT", "flag": "BOOLEAN", "uuid": "UUID",
    }  # fmt: skip
    assert rows[0][:5] == ("007", Decimal("1.50"), Decimal("1.5"), datetime.date(2020, 2, 29), "2020-02-29")
    assert said.column("t", "price")["evidence"] == "2 values (2 text), 0 NULL; every value obeys text_number(2)"
    assert said.column("t", "code")["evidence"] == "2 values (2 text), 0 NULL"


@pytest.mark.parametrize(
    ("values", "target_type"),
    [
        (["1.50", "1.5"], "VARCHAR"),
        (["1.50", ".25"], "VARCHAR"),
        (["0", "-0"], "VARCHAR"),
        (["1e5", "2"], "VARCHAR"),
        (["+1", "2"], "VARCHAR"),
        (["1,5", "2,5"], "VARCHAR"),
        (["9223372036854775807", "1"], "DECIMAL(19,0)"),
        (["2020-02-30", "2020-02-28"], "VARCHAR"),
        (["2020-01-01 10:00:00", "2020-01-01 10:00:01"], "TIMESTAMP"),
        (["NaN", "1"], "VARCHAR"),
        ([" 1", "2"], "VARCHAR"),
    ],
)
def test_a_column_with_one_value_that_does_not_invert_stays_text(tmp_path, values, target_type):
    said, rows = load(tmp_path, "id;v\n" + "".join(f"{number};{value}\n" for number, value in enumerate(values)))
    assert types(said)["v"] == target_type
    if target_type == "VARCHAR":
        assert [row[1] for row in rows] == values


@pytest.mark.parametrize(
    ("content", "options", "rows", "read_as"),
    [
        (
            "id;city\n1;Köln\n2;€uro\n".encode("cp1252"),
            "",
            [(1, "Köln"), (2, "€uro")],
            "windows-1252, separated by semicolons",
        ),
        (
            "id;city\n1;Łódź\n".encode("iso-8859-2"),
            "?encoding=iso-8859-2",
            [(1, "Łódź")],
            "iso-8859-2, separated by semicolons",
        ),
        ("id,city\n1,Köln\n".encode("utf-8-sig"), "", [(1, "Köln")], "utf-8, separated by commas"),
        ("id,city\n1,日本\n".encode("utf-16"), "", [(1, "日本")], "utf-16le, separated by commas"),
        (b"id\tcity\r\n1\tRome\r\n", "", [(1, "Rome")], 'separated by tabs, quoted by ", lines end in CRLF'),
        (b"1|Rome\n2|Oslo\n", "", [(1, "Rome"), (2, "Oslo")], "no header (columns are numbered)"),
        (b"red,blue\n1,2\n", "?header=false", [("red", "blue"), ("1", "2")], "no header (columns are numbered)"),
    ],
)  # fmt: skip
def test_how_a_file_is_written_is_found_out_and_stated(tmp_path, content, options, rows, read_as):
    said, found = load(tmp_path, content, options)
    assert found == rows
    assert any(read_as in note for note in said.plan["notes"]), said.plan["notes"]
    assert read_as in said.predicate()["source"]["identity"]["dialect 1"]


def test_files_that_are_written_alike_share_one_line(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    for number in range(7):
        (folder / f"t{number}.csv").write_text("id,v\n1,x\n")
    (folder / "other.csv").write_text("id;v\n1;x\n")
    said, _ = to_duckdb(tmp_path, folder)
    assert len(said.plan["notes"]) == 2
    assert any(note.endswith("t0, t1, t2, t3, t4 and 2 more files") for note in said.plan["notes"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n3\n", "bad.csv: line 3: 1 fields where 2 are expected"),
        ("a,b\n1,2,3\n", "bad.csv: line 2: 3 fields where 2 are expected"),
        ('a,b\n1,"2\n3,4\n', "bad.csv: line 2: a quote is opened and never closed"),
        ('a,b\n1,2\n2,"p"q\n', "bad.csv: line 3: text stands behind a closing quote"),
        ("", "it holds only empty file bad.csv (no header, so a table without columns)"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_line(tmp_path, content, message):
    error = refusal(tmp_path, content)
    assert message in error
    assert "\nhint: " in error


def test_a_header_that_names_a_column_twice_is_read_as_a_row_unless_called_a_header(tmp_path):
    said, rows = load(tmp_path, "id,name,name\n1,a,b\n")
    assert rows == [("id", "name", "name"), ("1", "a", "b")]
    assert any("no header" in note for note in said.plan["notes"])
    assert "t.csv: line 1: two columns are named `name`" in refused_with_header(tmp_path)


def refused_with_header(tmp_path: Path) -> str:
    other = tmp_path / "other.duckdb"
    said = migrate(file_url("csv", tmp_path / "t.csv") + "?header=true", file_url("duckdb", other))
    assert (said.code, said.out, other.exists()) == (2, "", False)
    return said.err


def test_a_table_of_a_folder_that_cannot_be_read_leaves_the_verdict_open(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "good.csv").write_text("id,v\n1,x\n")
    (folder / "odd.csv").write_text("id,id\n1,x\n")
    said, _ = to_duckdb(tmp_path, folder, "?header=true")
    assert (said.code, said.verdict) == (3, "not_proven")
    assert (said.tables["odd"]["outcome"], said.tables["good"]["outcome"]) == ("not_run", "match")


def test_a_folder_without_tables_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    said = run_sensei("assess", file_url("csv", tmp_path))
    assert said.code == 2
    assert "holds no .csv and no .tsv file" in said.err


def test_a_schema_file_types_what_the_values_allow_and_what_has_none(tmp_path):
    (tmp_path / "types.yaml").write_text(
        "t: {id: integer, born: date, weight: 'decimal(8,3)', died: date, badge: text, code: integer}"
    )
    content = "id,born,weight,died,badge,code\n1,1999-02-28,71.5,,7,007\n2,2001-12-01,8.25,,8,2\n"
    said, rows = load(tmp_path, content, "?schema=types.yaml")
    assert types(said) == {
        "id": "BIGINT", "born": "DATE", "weight": "DECIMAL(8,3)", "died": "DATE", "badge": "VARCHAR", "code": "VARCHAR",
    }  # fmt: skip
    assert rows[0] == (1, datetime.date(1999, 2, 28), Decimal("71.500"), None, "7", "007")
    (code,) = (c for c in said.plan["tables"][0]["columns"] if c["source"] == "code")
    assert "stays text, as not every value prints back" in code["evidence"]


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ("bad: {id: number}", "bad.id: 'number' is not a type"),
        ("bad: {nobody: text}", "the schema file names bad.nobody, which bad.csv does not have"),
        ("u: {id: text}", "the schema file names a table u that"),
        ("- id", "not a schema file"),
    ],
)
def test_a_schema_file_that_makes_no_sense_is_refused_by_name(tmp_path, schema, message):
    (tmp_path / "types.yaml").write_text(schema)
    assert message in refusal(tmp_path, "id,a\n1,x\n", "?schema=types.yaml")
