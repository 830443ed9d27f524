"""The seeded table that every tool gets: 8 columns, about 90 bytes a row, keys with gaps.

The same rows are written as a SQLite file, as a PostgreSQL database, and as a ready-made COPY BINARY file.
"""

import random
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

import psycopg

from tests.servers import Database

SEED = 20_260_115
TABLE = "visit"
CHANGES = 100
POSTGRESQL_COLUMNS = (
    "id bigint NOT NULL, site integer NOT NULL, amount numeric(12,2) NOT NULL, patient text NOT NULL, note text,"
    " seen_at timestamp NOT NULL, weight double precision, paid boolean NOT NULL"
)
SQLITE_COLUMNS = (
    "id INTEGER PRIMARY KEY NOT NULL, site INTEGER NOT NULL, amount DECIMAL(12,2) NOT NULL, patient TEXT NOT NULL,"
    " note TEXT, seen_at TIMESTAMP NOT NULL, weight DOUBLE, paid BOOLEAN NOT NULL"
)
_GIVEN = ("Amani", "Bahati", "Chiku", "Dalila", "Eshe", "Faraji", "Ghalib", "Hasina", "Imara", "Jabari", "Zoë", "Łucja")
_FAMILY = ("Kamau", "Mwangi", "Otieno", "Njoroge", "Wanjiru", "Odhiambo", "Achieng", "Kiplagat", "Müller", "Nowák")
_NOTES = (
    "follow-up in two weeks",
    "fever, given paracetamol",
    "no complaints",
    "referred to the county hospital",
    "blood pressure a little high; salt reduced",
    "",
)
_EPOCH = datetime(2015, 1, 1)
_BATCH_ROWS = 20_000

Row = tuple[int, int, float, str, str | None, str, float | None, int]


def rows(count: int) -> Iterator[Row]:
    """The table's rows in key order, as SQLite stores them. The same for the same count on every machine."""
    chance = random.Random(SEED)
    number, key = chance.random, 1000
    for _ in range(count):
        key += 1 + int(number() * 5)
        moment = _EPOCH + timedelta(microseconds=int(number() * 3.4e14))
        yield (
            key,
            int(number() * 400),
            round(number() * 10_000, 2),
            f"{_GIVEN[int(number() * 12)]} {_FAMILY[int(number() * 10)]} {int(number() * 100_000)}",
            None if number() < 0.05 else _NOTES[int(number() * 6)],
            moment.isoformat(" ", "microseconds"),
            None if number() < 0.02 else number() * 120,
            int(number() < 0.7),
        )


def write_sqlite(path: Path, count: int) -> None:
    """A SQLite file, with `id` as its rowid."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f"CREATE TABLE {TABLE} ({SQLITE_COLUMNS})")
        connection.executemany(f"INSERT INTO {TABLE} VALUES (?,?,?,?,?,?,?,?)", rows(count))
    connection.close()


def write_postgresql(database: Database, count: int) -> None:
    """A PostgreSQL table with its primary key, vacuumed and analysed."""
    with database.connect() as connection:
        connection.execute(f"CREATE TABLE {TABLE} ({POSTGRESQL_COLUMNS})".encode())
        made = rows(count)
        with connection.cursor().copy(f"COPY {TABLE} FROM STDIN".encode()) as copy:
            while batch := list(islice(made, _BATCH_ROWS)):
                copy.write("".join(map(_text_line, batch)))
        connection.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)".encode())
    settle(database)


def change(database: Database, count: int) -> None:
    """Alters one value in each of `CHANGES` rows, evenly scattered over the key order and the columns."""
    with database.connect() as connection:
        step = max(count // CHANGES, 1)
        found = connection.execute(
            f"SELECT id FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM {TABLE}) s WHERE n %% %s = 0"
            " ORDER BY id LIMIT %s".encode(),
            (step, CHANGES),
        ).fetchall()
        edits = ("amount = amount + 0.01", "patient = patient || ' '", "site = site + 1", "paid = NOT paid",
                 "seen_at = seen_at + interval '1 microsecond'")  # fmt: skip
        for index, (key,) in enumerate(found):
            connection.execute(f"UPDATE {TABLE} SET {edits[index % len(edits)]} WHERE id = %s".encode(), (key,))
    settle(database)


def settle(database: Database) -> None:
    """VACUUM ANALYZE and a checkpoint: no tool pays for what another left behind."""
    database.execute(f"VACUUM (ANALYZE) {TABLE}", "CHECKPOINT")


def write_copy_file(database: Database, path: Path) -> None:
    """The table as a COPY BINARY stream, ready-made."""
    with path.open("wb") as file, database.connect() as connection, _copy_out(connection) as copy:
        for block in copy:
            file.write(block)


def _copy_out(connection: psycopg.Connection[tuple[object, ...]]) -> "psycopg.Copy":
    return connection.cursor().copy(f"COPY {TABLE} TO STDOUT (FORMAT BINARY)".encode())  # type: ignore[return-value]


def _text_line(row: Row) -> str:
    """A line of COPY's text format. None of our texts holds a tab, a backslash or a newline."""
    return "\t".join("\\N" if value is None else str(value) for value in row) + "\n"
