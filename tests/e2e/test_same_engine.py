"""Between two databases of one engine nothing is lost that both can hold: types, odd moments, labels, collations."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from appliance.engines.registry import target_engine
from appliance.planning.files import load_plan
from tests.e2e.migrating import file_url, migrate
from tests.mariadb_builds import product
from tests.mariadb_server import MariadbServer, numbers
from tests.servers import PostgresServer

pytestmark = pytest.mark.usefixtures("sensei_home")
_LOOSE = "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'"
LONGEST = "838:59:59.000" if product() == "MySQL" else "838:59:59.999"


def test_mariadb_keeps_zero_and_impossible_dates_and_long_times_in_keys_and_defaults_too(mariadb_server: MariadbServer):
    source, target = mariadb_server.create_database(), mariadb_server.create_database()
    source.execute(
        _LOOSE,
        "CREATE TABLE shift (day date NOT NULL DEFAULT '0000-00-00', number int NOT NULL,"
        " began datetime(3) NOT NULL DEFAULT '0000-00-00 00:00:00', lasted time(3), seen timestamp NULL,"
        " PRIMARY KEY (day, number), UNIQUE KEY shift_began (began, number))",
        "INSERT INTO shift SELECT '0000-00-00', n, '2020-02-31 10:00:00.125', '-838:59:59', '0000-00-00 00:00:00'"
        f" FROM {numbers(1500)}",
        f"INSERT INTO shift SELECT '2020-00-31', n, '0000-00-00 00:00:00', '{LONGEST}', NULL FROM {numbers(1500)}",
        "INSERT INTO shift SELECT '2020-01-31', n, '0000-01-01 00:00:00', '24:00:00', '2020-01-01 00:00:00'"
        f" FROM {numbers(1500)}",
    )
    said = migrate(source.url, target.url, "--chunk-size-bytes", "65536")
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    shown = "SELECT day, min(began), max(lasted), max(seen), count(*) FROM shift GROUP BY day ORDER BY day"
    assert target.query(shown) == source.query(shown)
    target.execute(_LOOSE, "INSERT INTO shift (number) VALUES (9999)")
    assert target.query("SELECT day, began FROM shift WHERE number = 9999") == [
        ("0000-00-00", "0000-00-00 00:00:00.000")
    ]


def test_sqlite_keeps_declared_types_storage_classes_and_collations(tmp_path: Path):
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript(
            """CREATE TABLE kind (code VARCHAR(8) COLLATE NOCASE PRIMARY KEY, label);
            CREATE TABLE thing (id INTEGER PRIMARY KEY AUTOINCREMENT, price NUMERIC, paid BOOLEAN DEFAULT 0,
                made DATETIME DEFAULT CURRENT_TIMESTAMP, notes JSON, of_kind NVARCHAR(9) REFERENCES kind (code),
                size MEDIUMINT CHECK (size >= 0), odd "a (strange) type");
            CREATE UNIQUE INDEX thing_notes ON thing (notes COLLATE NOCASE);
            CREATE INDEX thing_unpaid ON thing (price) WHERE paid = 0;
            INSERT INTO kind VALUES ('Book', 1), ('x', 1.5), ('y', x'31'), ('z', 'one');
            INSERT INTO thing VALUES (1, 2.5, 0, '0000-00-00', '{}', 'book', 1, 7),
                (2, 'n/a', 'yes', 20200101, '[1]', 'x', 2.5, 'text'), (9, 1e15, 1, NULL, NULL, NULL, NULL, x'00');
            DELETE FROM thing WHERE id = 9;
            INSERT INTO thing (price, notes) VALUES (9007199254740993, 'null');"""
        )
    said = migrate(file_url("sqlite", tmp_path / "a.db"), file_url("sqlite", tmp_path / "b.db"))
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    asked = (
        "SELECT name, type FROM pragma_table_info('thing') WHERE name <> 'odd'",
        "SELECT id, typeof(price), price, typeof(paid), typeof(made), typeof(notes), typeof(size), typeof(odd), odd"
        " FROM thing ORDER BY id",
        "SELECT code, typeof(label), label FROM kind ORDER BY code",
        "SELECT count(*) FROM kind WHERE code = 'BOOK'",
        "SELECT sql LIKE '%WHERE%paid%' FROM sqlite_schema WHERE name = 'thing_unpaid'",
    )
    found = []
    for name in ("a.db", "b.db"):
        with closing(sqlite3.connect(tmp_path / name)) as connection:
            found.append([connection.execute(question).fetchall() for question in asked])
    assert found[0] == found[1]
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO kind VALUES ('BOOK', 2)")


TYPES = (
    "CREATE SCHEMA depot",
    "CREATE EXTENSION hstore",
    "CREATE EXTENSION citext",
    "CREATE TYPE depot.mood AS ENUM ('sad', 'glad', 'Angry')",
    "CREATE TYPE mood AS ENUM ('other')",
    "CREATE DOMAIN depot.mail AS citext DEFAULT 'a@b' CHECK (value LIKE '%@%')",
    "CREATE TYPE depot.span AS RANGE (SUBTYPE = float8, SUBTYPE_DIFF = float8mi)",
    'CREATE TYPE "Z place" AS (street text COLLATE "C", feels depot.mood, mails depot.mail[], open depot.span)',
    "CREATE DOMAIN home AS \"Z place\" CHECK ((value).street <> '')",
    "CREATE FUNCTION even(integer) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1 % 2 = 0'",
    "CREATE DOMAIN pairs AS integer CHECK (even(value))",
    "CREATE TABLE depot.person (id int PRIMARY KEY, feels depot.mood DEFAULT 'glad', mail depot.mail NOT NULL,"
    ' lives home, stays "Z place"[], facts hstore, open depot.span, other mood, shoes pairs,'
    " CHECK (feels = ANY (ARRAY['sad'::depot.mood, 'glad'::depot.mood])))",
    "INSERT INTO depot.person VALUES (1, 'sad', 'X@y', ROW('Rue', 'glad', '{a@b,C@d}', '[1.5,2)'),"
    " ARRAY[ROW('', NULL, NULL, 'empty')::\"Z place\"], 'a=>1,b=>NULL', '(,3]', 'other', 4)",
    "INSERT INTO depot.person (id, mail) VALUES (2, 'q@r')",
)


def test_postgresql_types_are_made_anew_each_before_what_is_built_of_it(postgres_server: PostgresServer):
    source, target = postgres_server.create_database(), postgres_server.create_database()
    source.execute(*TYPES)
    said = migrate(source.url, target.url, "--json")
    assert said.verdict == "equivalent_with_declared_loss", said.err
    assert said.losses == [
        ("check", "check depot.person.person_shoes_pairs_check"),
        ("function", "function public.even(integer)"),
    ]
    types = [said.column("depot.person", column)["target_type"] for column in ("feels", "mail", "lives", "shoes")]
    assert types == ['"depot"."mood"', '"depot"."mail"', '"public"."home"', "integer"]
    with source.connect() as first, target.connect() as second:
        shown = b"SELECT p::text FROM depot.person p ORDER BY feels, id"
        assert second.execute(shown).fetchall() == first.execute(shown).fetchall()
    for refused in (
        "INSERT INTO depot.person (id, mail) VALUES (3, 'no address')",
        "INSERT INTO depot.person (id, feels) VALUES (3, 'Angry')",
        "INSERT INTO depot.person (id, lives) VALUES (3, ROW('', NULL, NULL, NULL))",
    ):
        with pytest.raises(Exception, match="violates check constraint"):
            target.execute(refused)
    drops = target_engine("postgresql").drop_statements(load_plan(said.run_folder / "plan.yaml"))
    target.execute(*(drop.sql for drop in drops))
    with target.connect() as second:
        left = second.execute(b"SELECT count(*) FROM pg_type WHERE typname IN ('mood', 'home', 'span', 'Z place')")
        assert left.fetchall() == [(0,)]


def test_a_type_whose_name_is_taken_on_the_target_gives_way_by_name(postgres_server: PostgresServer):
    source, target = postgres_server.create_database(), postgres_server.create_database()
    source.execute(
        "CREATE TYPE size AS ENUM ('small', 'large')",
        "CREATE TYPE place AS (x int, y int)",
        "CREATE TABLE box (id int PRIMARY KEY, v size, w place)",
        "INSERT INTO box VALUES (1, 'large', ROW(1, 2))",
    )
    target.execute("CREATE TYPE size AS ENUM ('huge')", "CREATE DOMAIN place AS text")
    said = migrate(source.url, target.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    assert said.column("public.box", "v")["target_type"] == '"public"."box_v"'
    assert said.column("public.box", "w")["target_type"] == "text"
    assert any("public.place is not made" in note and "already exists" in note for note in said.plan["notes"])
    with pytest.raises(Exception, match="invalid input value for enum box_v"):
        target.execute("INSERT INTO box (id, v) VALUES (2, 'huge')")


def test_mariadb_keeps_sizes_signs_widths_and_addresses_in_structure_too(mariadb_server: MariadbServer):
    source, target = mariadb_server.create_database(), mariadb_server.create_database()
    address = "varbinary(16)" if product() == "MySQL" else "inet6"
    source.execute(
        "CREATE TABLE kept (id int PRIMARY KEY, a tinytext, b text, c mediumtext, d tinyblob, e blob, f mediumblob,"
        " g int(6) unsigned zerofill, h decimal(6,2) unsigned zerofill, i float(7,4), j double(9,3) unsigned,"
        f" k {address}, l smallint unsigned, m varchar(9))",
        "INSERT INTO kept VALUES (1, repeat('x', 255), 'b', '', repeat('y', 255), '', x'00', 7, 1.5, 123.4567, 1.125,"
        f" {'INET6_ATON' if product() == 'MySQL' else ''}('2001:db8::1'), 65535, 'm')",
    )
    said = migrate(source.url, target.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
    declared = (
        "SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = DATABASE()"
        " AND table_name = 'kept' AND column_name <> 'id' ORDER BY ordinal_position"
    )
    assert target.query(declared) == source.query(declared)
    assert target.query("SELECT g, h, i, j FROM kept") == source.query("SELECT g, h, i, j FROM kept")


def test_an_enumerations_invalid_value_stays_what_it_is_unless_a_label_is_called_0(mariadb_server: MariadbServer):
    source, target = mariadb_server.create_database(), mariadb_server.create_database()
    source.execute(
        "SET SESSION sql_mode = ''",
        "CREATE TABLE mood (id int PRIMARY KEY, v enum('red','','it''s'), w enum('x','0','1'))",
        "INSERT INTO mood VALUES (1, 'none such', 'x'), (2, '', '0'), (3, 'red', '1'), (4, NULL, NULL),"
        " (5, 'red', 'y')",
    )
    said = migrate(source.url, target.url)
    assert said.tables["mood"]["missing_in_target"] == 1
    assert [loss["subject"] for loss in said.plan["losses"]] == ["mood.w"]
    shown = "SELECT id, v, v + 0, w, w + 0 FROM mood WHERE id < 5 ORDER BY id"
    assert target.query(shown) == source.query(shown)
    assert target.query("SELECT v + 0 FROM mood WHERE id = 1") == [("0",)]
    assert target.query("SELECT count(*) FROM mood") == [("4",)]


OWN_TYPES = """
CREATE TABLE kept (id int PRIMARY KEY, a oid, b name, c xid8, d pg_lsn, e tsvector, f tsquery, g jsonpath, h path,
    i polygon, j bit(3), k bit varying(9), l timestamp(3), m timestamptz(0), n time(2), o interval(1),
    p interval year to month, q "char", r bpchar, s int2vector, t txid_snapshot, u oid[], v timestamp(3)[], w bit(3)[],
    x path[], y xid, z tid);
INSERT INTO kept VALUES (1, 4294967295, 'a name', '18446744073709551615', 'FFFFFFFF/FFFFFFFF', 'a:1A,2B ''it''''s'':3',
    '!(a & b:*A) <2> c', '$.a[*] ? (@.b > 1)', '[(0,1),(2.5,-3)]', '((0,0),(1,1),(1e300,0))', B'101', B'0000',
    '2020-01-01 00:00:00.123', '2020-01-01 00:00:00+00', '10:00:00.12', '1 day 00:00:01.5', '3 years 2 mons', 'q',
    'padded  ', '1 2 3', '10:20:10,14,15', '{1,NULL}', '{"2020-01-01 00:00:00.5"}', '{101}',
    ARRAY['((1,2),(3,4))'::path], '7', '(1,2)');
INSERT INTO kept (id, h) VALUES (2, '((0,0))');
CREATE INDEX kept_l ON kept (l)
"""


def test_postgresql_keeps_types_of_its_own_with_their_digits_and_lengths(postgres_server: PostgresServer):
    source, target = postgres_server.create_database(), postgres_server.create_database()
    source.execute(*OWN_TYPES.split(";\n"))
    said = migrate(source.url, target.url)
    assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), (
        said.run_folder / "quarantine.jsonl"
    ).read_text()
    declared = (
        b"SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        b" WHERE attrelid = 'kept'::regclass AND attnum > 0 ORDER BY attnum"
    )
    with source.connect() as first, target.connect() as second:
        for asked in (declared, b"SELECT k::text FROM kept k ORDER BY id"):
            assert second.execute(asked).fetchall() == first.execute(asked).fetchall()


def test_numbers_of_a_servers_own_objects_are_refused_by_name(postgres_server: PostgresServer):
    source, target = postgres_server.create_database(), postgres_server.create_database()
    source.execute("CREATE TABLE seen (id int PRIMARY KEY, v regclass)", "INSERT INTO seen VALUES (1, 'seen')")
    said = migrate(source.url, target.url)
    assert [item["reason"] for item in said.plan["refused"]] == [
        "a regclass is the number of an object on its own server, and of another elsewhere"
    ]


def test_mariadb_defaults_of_the_clock_give_the_same_moment_in_any_time_zone(mariadb_server: MariadbServer):
    source, target = mariadb_server.create_database(), mariadb_server.create_database()
    source.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a timestamp DEFAULT current_timestamp, b datetime DEFAULT"
        " current_timestamp, c timestamp(6) NULL DEFAULT current_timestamp(6), d date DEFAULT (current_date),"
        " e time DEFAULT (current_time), f datetime DEFAULT (current_date), g varchar(30) DEFAULT (current_timestamp))"
    )
    said = migrate(source.url, target.url)
    assert (said.code, said.verdict) == (0, "equivalent"), said.err
    columns = "a, b, date_format(c, '%Y-%m-%d %H:%i:%s') c, d, e, f, g"
    for zone in ("+05:00", "-11:00"):
        inserts = (f"INSERT INTO {name}.t (id) VALUES (1)" for name in (source.name, target.name))
        target.execute(
            f"SET time_zone = '{zone}', timestamp = 1700000000.25", f"DELETE FROM {source.name}.t",
            f"DELETE FROM {target.name}.t", *inserts,
        )  # fmt: skip
        shown = f"SELECT {columns} FROM t"
        assert target.query(shown) == source.query(shown)
