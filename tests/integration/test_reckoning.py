"""What `--strategy auto` reckons with: the line's speed, and how fast the server was seen to digest."""

from contextlib import closing

from kora.comparison.reckoning import Reckoned, reckoned
from kora.databases.pushdown import LineSpeed, PushesDown, PushRequest
from kora.databases.registry import open_database
from tests.mariadb_server import MariadbDatabase, numbers
from tests.servers import Database as PostgresDatabase

SATELLITE = LineSpeed(round_trip_seconds=0.6, bytes_per_second=32_000)
LOOPBACK = LineSpeed(round_trip_seconds=0.0001, bytes_per_second=1e9)
MADE = "CREATE TABLE visit (id int PRIMARY KEY, v varchar(200), w varchar(9))"


def asked(url: str, speed: LineSpeed, rows: int, beside: tuple[str, ...] = ()) -> Reckoned:
    with closing(open_database(url)) as database:
        assert isinstance(database, PushesDown)
        (table,) = database.catalog().tables
        request = PushRequest(table, ("id", "v", "w"), ("id",), "0" * 64, beside)
        return reckoned(database, table, request, speed, rows)


def test_a_slow_line_is_worth_the_server_s_work_and_a_fast_one_is_not(
    postgres_database: PostgresDatabase, mariadb_database: MariadbDatabase
) -> None:
    rows = "SELECT n, repeat('x', 150), NULL FROM generate_series(1, 40000) n"
    postgres_database.execute(MADE, f"INSERT INTO visit {rows}")
    mariadb_database.execute(MADE, f"INSERT INTO visit SELECT n, REPEAT('x', 150), NULL FROM {numbers(40_000)}")
    for url in (postgres_database.url, mariadb_database.url):
        slow, fast = asked(url, SATELLITE, 40_000), asked(url, LOOPBACK, 40_000)
        assert slow.digesting < slow.streaming
        assert fast.streaming < fast.digesting
        assert "32 kB/s and 600 ms" in slow.said
        assert "rows/s digested, by " in slow.said
        assert "40,000 rows of 1" in slow.said


def test_columns_that_travel_are_reckoned_with_their_bytes(postgres_database: PostgresDatabase) -> None:
    postgres_database.execute(MADE, "INSERT INTO visit SELECT n, repeat('x', 150) FROM generate_series(1, 9000) n")
    little, much = (asked(postgres_database.url, SATELLITE, 9000, beside) for beside in (("w",), ("v",)))
    assert little.digesting < little.streaming
    assert much.streaming < much.digesting


def test_a_table_that_streams_within_a_few_round_trips_is_not_tried(postgres_database: PostgresDatabase) -> None:
    postgres_database.execute(MADE, "INSERT INTO visit VALUES (1, 'a', 'b')")
    told = asked(postgres_database.url, SATELLITE, 1)
    assert told.streaming < told.digesting
    assert "sooner than asking" in told.said


def test_a_table_that_turns_out_to_be_empty_is_streamed(postgres_database: PostgresDatabase) -> None:
    postgres_database.execute(MADE)
    assert "no row was there to try" in asked(postgres_database.url, SATELLITE, 90_000).said
