"""CSV files as tables: folders, archives, junk, empty and damaged files."""

import os
import zipfile
from pathlib import Path

import pytest

from kora.databases.registry import open_database
from kora.errors import FileProblem, InvalidRequest, MalformedInput

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SENSEI_TEST_DATA", ROOT / "../shared/data"))


def test_the_synthea_archive_has_thirty_nine_tables_and_every_row() -> None:
    database = open_database(f"csv:///{DATA / 'synthea/Synthea27Nj_5.4_csv.zip'}")
    catalog = database.catalog()
    assert len(catalog.tables) == 39
    assert sum(database.row_count(table) for table in catalog.tables) == 294_203
    assert not [entry for entry in catalog.not_modelled if "MACOSX" in entry.name]
    assert database.identity()["sha256"]
    database.close()


def test_every_small_file_of_the_csv_suite_is_a_table() -> None:
    folder = DATA / "csv/csvs"
    database = open_database(f"csv:///{folder}")
    catalog = database.catalog()
    assert [str(table.name) for table in catalog.tables] == sorted(file.stem for file in folder.glob("*.csv"))
    assert catalog.facts["utf8.encoding"] == "utf-8"
    assert all({column.type.kind for column in table.columns} == {"text"} for table in catalog.tables)
    database.close()


def test_junk_is_passed_over_and_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("__MACOSX/._a.csv", ".hidden.csv", "data/a.csv", "data/b.TSV", "more/a.csv", "data/schema.json"):
            archive.writestr(name, "x\ty\n1\t2\n" if name.endswith("TSV") else "x,y\n1,2\n")
        archive.writestr("data/nothing.csv", "")
    database = open_database(f"csv:///{path}")
    catalog = database.catalog()
    assert [str(table.name) for table in catalog.tables] == ["b", "data/a", "more/a"]
    assert [(entry.what, entry.name) for entry in catalog.not_modelled] == [
        ("other file", "data/schema.json"), ("empty file", "data/nothing.csv"),
    ]  # fmt: skip
    assert [column.name for column in catalog.tables[0].columns] == ["x", "y"]
    assert catalog.facts["b.delimiter"] == "\t"
    database.close()


def test_the_dialect_of_the_url_comes_before_what_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("1;2,5\n3;4,5\n")
    database = open_database(f"csv:///{path}?delimiter=%3B&header=false")
    table = database.catalog().tables[0]
    assert len(table.columns) == 2
    names = [column.name for column in table.columns]
    assert database.rows(table, names).shown(9) == [
        [("text", "1"), ("text", "2,5")], [("text", "3"), ("text", "4,5")],
    ]  # fmt: skip
    with pytest.raises(InvalidRequest, match="header=maybe"):
        open_database(f"csv:///{path}?header=maybe")


def test_what_holds_no_csv_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(FileProblem, match=r"holds no \.csv"):
        open_database(f"csv:///{tmp_path}")
    with pytest.raises(FileProblem, match="does not exist"):
        open_database(f"csv:///{tmp_path}/none.csv")
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\x03\x04 and then nothing of it")
    with pytest.raises(MalformedInput, match=r"broken\.zip"):
        open_database(f"csv:///{broken}")
