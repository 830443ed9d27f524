"""What every database that is opened for reading does: one suite, run by each adapter."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

from kora._core import RowStream
from kora.catalog import Name, Table
from kora.databases.base import Database, KeyRange, Lanes, Selection
from kora.databases.registry import open_database
from kora.errors import EngineError, InvalidRequest, MalformedInput, SenseiError
from tests.contracts.databases import (
    LOG,
    PEOPLE,
    VISITS,
    Sample,
    csv_sample,
    duckdb_sample,
    mariadb_sample,
    parquet_sample,
    postgresql_sample,
    sqlite_sample,
)
from tests.servers import PostgresServer


@pytest.fixture(
    params=["sqlite", "duckdb", "postgresql", "postgresql 16", "postgresql 18", "mariadb", "csv", "parquet"]
)
def sample(request: pytest.FixtureRequest, tmp_path: Path) -> Sample:
    match request.param:
        case "sqlite":
            return sqlite_sample(tmp_path)
        case "duckdb":
            return duckdb_sample(tmp_path)
        case "csv":
            return csv_sample(tmp_path)
        case "parquet":
            return parquet_sample(tmp_path)
        case "mariadb":
            return mariadb_sample(request.getfixturevalue("mariadb_database"))
        case "postgresql":
            return postgresql_sample(request.getfixturevalue("postgres_database"))
        case other:
            server: PostgresServer = request.getfixturevalue(other.replace("postgresql ", "postgres_"))
            return postgresql_sample(server.create_database())


@pytest.fixture
def database(sample: Sample) -> Iterator[Database]:
    opened = open_database(sample.url)
    yield opened
    opened.close()


def table(database: Database, sample: Sample, name: str) -> Table:
    return database.catalog().table(Name(sample.schema, name))


def texts(stream: RowStream) -> list[tuple[str | None, ...]]:
    return [tuple(text for _, text in row) for row in stream.shown(1000)]


def as_text(rows: list[tuple[object, ...]]) -> list[tuple[str | None, ...]]:
    return [tuple(None if value is None else str(value) for value in row) for row in rows]


def test_the_catalog_names_the_tables_in_order_and_never_the_checkpoints_of_sensei(
    database: Database, sample: Sample
) -> None:
    catalog = database.catalog()
    assert catalog.engine == sample.engine
    assert catalog.version
    assert [str(found.name) for found in catalog.tables] == [
        str(Name(sample.schema, name)) for name in ("log", "people", "visit")
    ]
    assert [found.unreadable for found in catalog.tables] == [None, None, None]
    assert [column.name for column in catalog.tables[1].columns] == ["id", "name", "city"]
    assert catalog == database.catalog()


def test_a_selection_takes_exact_names_and_patterns_and_leaves_out_what_is_excluded(
    database: Database, sample: Sample
) -> None:
    def chosen(selection: Selection) -> list[str]:
        return [found.name.name for found in database.catalog(selection).tables]

    assert chosen(Selection(tables=("people",))) == ["people"]
    assert chosen(Selection(tables=("p*", "l?g"))) == ["log", "people"]
    assert chosen(Selection(exclude=("*i*",))) == ["log", "people"]
    assert chosen(Selection(tables=("_sensei*",))) == []
    assert chosen(Selection(schemas=("elsewhere",))) == []
    if sample.schema:
        assert chosen(Selection(tables=(f"{sample.schema}.log",), schemas=(sample.schema,))) == ["log"]


def test_rows_bring_the_named_columns_in_the_order_asked_for(database: Database, sample: Sample) -> None:
    people = table(database, sample, "people")
    expected = as_text([(city, number, name) for number, name, city in PEOPLE])
    assert sorted(texts(database.rows(people, ["city", "id", "name"])), key=str) == sorted(expected, key=str)
    log = table(database, sample, "log")
    assert sorted(texts(database.rows(log, ["line"]))) == sorted((line,) for line in LOG)


@pytest.mark.parametrize("most", [1, 2, 5])
def test_lanes_bring_every_row_once_however_many_are_asked_for(database: Database, sample: Sample, most: int) -> None:
    expected: dict[str, list[tuple[object, ...]]] = {
        "people": [*PEOPLE],
        "visit": [*VISITS],
        "log": [(line,) for line in LOG],
    }
    for name, rows in expected.items():
        found = table(database, sample, name)
        columns = [column.name for column in found.columns]
        lanes = database.rows_in_lanes(found, columns, Lanes(most, fewest_rows=1)).lanes()
        assert 1 <= len(lanes) <= most
        read = [row for lane in reversed(lanes) for row in texts(lane)]
        assert sorted(read, key=str) == sorted(as_text(rows), key=str)
    with pytest.raises(InvalidRequest, match="people has no column 'nobody'"):
        database.rows_in_lanes(table(database, sample, "people"), ["nobody"], Lanes(most, fewest_rows=1))


def test_the_count_of_rows_is_exact(database: Database, sample: Sample) -> None:
    counts = {found.name.name: database.row_count(found) for found in database.catalog().tables}
    assert counts == {"people": len(PEOPLE), "visit": len(VISITS), "log": len(LOG)}


def test_a_column_that_is_not_there_is_refused_by_name(database: Database, sample: Sample) -> None:
    people = table(database, sample, "people")
    with pytest.raises(InvalidRequest, match="people has no column 'nobody'"):
        database.rows(people, ["nobody"])
    with pytest.raises(InvalidRequest, match="no column of"):
        database.rows(people, [])


@pytest.mark.parametrize("rows_per_chunk", [1, 2, 3, 4, 5, 12, 13])
def test_key_ranges_between_the_boundaries_hold_every_row_once_and_in_key_order(
    database: Database, sample: Sample, rows_per_chunk: int
) -> None:
    if not sample.has_keys:
        with pytest.raises(InvalidRequest, match="without a key"):
            database.key_boundaries(table(database, sample, "visit"), (), rows_per_chunk)
        return
    visit = table(database, sample, "visit")
    assert visit.stable_key == ("person", "place")
    boundaries = database.key_boundaries(visit, visit.stable_key, rows_per_chunk)
    assert len(boundaries) == (len(VISITS) - 1) // rows_per_chunk
    ends = [None, *boundaries, None]
    chunks = [
        texts(database.rows(visit, ["person", "place", "cost"], KeyRange(visit.stable_key, after, upto)))
        for after, upto in pairwise(ends)
    ]
    assert {len(chunk) for chunk in chunks[:-1]} <= {rows_per_chunk}
    assert 0 < len(chunks[-1]) <= rows_per_chunk
    whole = [row for chunk in chunks for row in chunk]
    assert sorted(whole, key=str) == sorted(as_text(VISITS), key=str)
    assert whole == texts(database.rows(visit, ["person", "place", "cost"], KeyRange(visit.stable_key)))


def test_rows_are_found_by_their_keys_whatever_characters_these_hold(database: Database, sample: Sample) -> None:
    if not sample.has_keys:
        with pytest.raises(InvalidRequest, match="without a key"):
            database.rows_by_key(table(database, sample, "people"), ["id"], ("id",), [(1,)])
        return
    visit = table(database, sample, "visit")
    keys = database.key_boundaries(visit, visit.stable_key, 1)[:5]
    found = texts(database.rows_by_key(visit, ["person", "place"], visit.stable_key, [*keys, keys[0]]))
    assert sorted(found) == sorted(as_text([tuple(key) for key in keys]))
    people = table(database, sample, "people")
    assert texts(database.rows_by_key(people, ["name"], ("id",), [(2,), (99,)])) == [(PEOPLE[1][1],)]


def test_more_than_a_thousand_keys_at_once_are_refused(database: Database, sample: Sample) -> None:
    people = table(database, sample, "people")
    with pytest.raises(InvalidRequest):
        database.rows_by_key(people, ["id"], ("id",), [(number,) for number in range(1001)])
    with pytest.raises(InvalidRequest):
        database.rows_by_key(people, ["id"], ("id",), [(1, 2)])


def test_several_streams_are_read_side_by_side(database: Database, sample: Sample) -> None:
    people, visit = table(database, sample, "people"), table(database, sample, "visit")
    streams = [database.rows(people, ["id"]), database.rows(visit, ["person"]), database.rows(people, ["name"])]
    assert [stream.count() for stream in reversed(streams)] == [len(PEOPLE), len(VISITS), len(PEOPLE)]


def test_a_small_query_runs_within_the_snapshot_and_a_wrong_one_harms_nothing(
    database: Database, sample: Sample
) -> None:
    if not sample.has_keys:
        with pytest.raises(InvalidRequest, match="answer no SQL"):
            database.scalar_query("SELECT 1")
        return
    people = database.dialect.qualify(table(database, sample, "people").name)
    with pytest.raises(EngineError):
        database.scalar_query(f"SELECT nothing_of_this FROM {people}")
    assert database.scalar_query(
        f"SELECT count(*), max(name), NULL, CAST(1.5 AS FLOAT) FROM {people} WHERE id = 1"
    ) == [(1, "Ada", None, 1.5)]
    with pytest.raises(SenseiError):
        database.scalar_query(f"DELETE FROM {people}")
    assert database.row_count(table(database, sample, "people")) == len(PEOPLE)


def test_what_is_written_after_opening_is_not_seen(database: Database, sample: Sample) -> None:
    people = table(database, sample, "people")
    insert = f"INSERT INTO {people.name} VALUES (8, 'late', NULL)"
    if sample.engine == "duckdb":
        with pytest.raises(duckdb.Error):
            sample.write(insert)
    else:
        sample.write(insert)
    if sample.engine in ("csv", "parquet"):
        with pytest.raises(MalformedInput, match="changed"):
            database.row_count(people)
        return
    assert database.row_count(people) == len(PEOPLE)
    assert len(texts(database.rows(people, ["id"]))) == len(PEOPLE)


def test_its_identity_says_what_was_read_in_texts_and_without_a_password(database: Database, sample: Sample) -> None:
    identity = database.identity()
    assert identity["engine"] == sample.engine
    assert identity["version"]
    assert identity["snapshot"]
    assert all(isinstance(value, str) for value in identity.values())
    assert any(name in identity for name in ("sha256", "sha256 people", "sha256 people.csv", "system_identifier"))
    assert "open sesame" not in repr(identity) + repr(database.catalog())


def test_closing_twice_is_allowed(database: Database) -> None:
    database.close()
    database.close()
