"""Values that psycopg writes as SQL literals, read by the core and shown as they are stored."""

import json

import pytest

from kora._core import DigestKey, PostgresConnection, collect_rows, postgres_rows, raw_digest
from kora.errors import InvalidRequest
from tests.servers import Database

LONG = "-" + "1234567890" * 6 + ".5"
LITERALS: dict[str, dict[str, tuple[str, str | None]]] = {
    "bool": {"true": ("boolean", "true"), "NULL": ("null", None)},
    "int2": {"-32768": ("integer", "-32768"), "32767": ("integer", "32767")},
    "int4": {"-2147483648": ("integer", "-2147483648"), "2147483647": ("integer", "2147483647")},
    "int8": {str(value): ("integer", str(value)) for value in (-(2**63), 2**63 - 1)},
    "numeric": {
        "0.10": ("decimal", "0.1"),
        "-0.001": ("decimal", "-0.001"),
        "1e-30": ("decimal", "0." + "0" * 29 + "1"),
        "9" * 38: ("decimal", "9" * 38),
        LONG: ("decimal", LONG),
        "'NaN'": ("decimal", "NaN"),
        "'-Infinity'": ("decimal", "-Infinity"),
    },
    "text": {"''": ("text", ""), "'ß'": ("text", "ß"), "'日本 '": ("text", "日本 "), "NULL": ("null", None)},
    "bpchar(6)": {"'ab  '": ("text", "ab")},
    "bytea": {"'\\x00ff'": ("bytes", "00ff")},
    "uuid": {"'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'": ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")},
    "date": {
        "'0001-01-01'": ("date", "0001-01-01"),
        "'4713-01-01 BC'": ("date", "4713-01-01 BC"),
        "'infinity'": ("temporal infinity", "infinity"),
    },
    "time": {"'24:00'": ("time", "24:00:00")},
    "timestamp": {
        "'1969-12-31 23:59:59.999999'": ("timestamp", "1969-12-31 23:59:59.999999"),
        "'-infinity'": ("temporal infinity", "-infinity"),
    },
    "timestamptz": {"'2024-02-29 12:00:00+05:30'": ("instant", "2024-02-29 06:30:00+00")},
    "json": {"'{\"b\":  1}'": ("json", '{"b":  1}')},
    "jsonb": {"'{\"b\":  1}'": ("json", '{"b": 1}')},
}


def profile(columns: int) -> str:
    pairs = [{"pair": f"c{index}", "policies": []} for index in range(columns)]
    body = {"format": "kora-profile-1", "pair": "a~b", "columns": pairs, "key": [0], "unicode": "16.0"}
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


def stored(database: Database, query: str, types: list[str]) -> list[list[tuple[str, str | None]]]:
    stream = postgres_rows(PostgresConnection(database.settings), query, types)
    return [row.stored for row in collect_rows(stream, profile(len(types)), "target", DigestKey.random())]


@pytest.mark.parametrize("name", LITERALS)
def test_what_is_shown_of_a_value_is_what_was_written(postgres_database: Database, name: str) -> None:
    rows = ", ".join(f"({ordinal}, {literal})" for ordinal, literal in enumerate(LITERALS[name]))
    postgres_database.execute(f"CREATE TABLE written (i int4, v {name})", f"INSERT INTO written VALUES {rows}")
    read = stored(postgres_database, "SELECT i, v FROM written ORDER BY i", ["int4", name.split("(")[0]])
    assert [row[1] for row in read] == list(LITERALS[name].values())


def test_a_moment_that_the_core_cannot_count_to_is_kept_as_its_day_and_its_clock(postgres_database: Database) -> None:
    (row,) = stored(postgres_database, "SELECT '294276-12-31 01:02:03.5'::timestamp", ["timestamp"])
    assert row == [("impossible timestamp", "294276-12-31 01:02:03.5")]


def test_a_later_stream_ends_an_earlier_one_of_the_same_session(postgres_database: Database) -> None:
    connection = PostgresConnection(postgres_database.settings)
    query = "SELECT generate_series(1, 50000)"
    earlier = postgres_rows(connection, query, ["int4"])
    later = postgres_rows(connection, query, ["int4"])
    key = DigestKey.random()
    assert raw_digest(later, key)[0] == 50000
    with pytest.raises(InvalidRequest, match="later statement"):
        raw_digest(earlier, key)
