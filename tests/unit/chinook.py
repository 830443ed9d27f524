"""Chinook with its catalog from the adapter and a survey made in Python."""

import os
import sqlite3
from pathlib import Path

from appliance.conversion.survey import ColumnSurvey
from kora.catalog import Catalog, Name
from kora.databases.registry import open_database
from tests.unit.surveyed import survey_of

DATA = Path(os.environ.get("SENSEI_TEST_DATA") or Path(__file__).resolve().parents[2] / ".." / "shared" / "data")
CHINOOK = DATA / "chinook" / "chinook.sqlite"


def chinook() -> tuple[Catalog, dict[Name, dict[str, ColumnSurvey]]]:
    assert CHINOOK.exists(), f"{CHINOOK} is missing; set SENSEI_TEST_DATA to the folder with the development data"
    database = open_database(f"sqlite:///{CHINOOK.resolve()}")
    catalog = database.catalog()
    database.close()
    return catalog, surveys_of(CHINOOK, catalog)


def surveys_of(path: Path, catalog: Catalog) -> dict[Name, dict[str, ColumnSurvey]]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    surveys = {}
    for table in catalog.tables:
        names = [column.name for column in table.columns]
        quoted = ", ".join(f'"{name}"' for name in names)
        rows = connection.execute(f'SELECT {quoted} FROM "{table.name.name}"').fetchall()
        surveys[table.name] = {name: survey_of([row[index] for row in rows]) for index, name in enumerate(names)}
    connection.close()
    return surveys
