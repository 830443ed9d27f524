"""PostgreSQL's own habits: catalog, rights, row security, inheritance, the shared snapshot, logins."""

from pathlib import Path

import pytest

from kora.catalog import Identity, IndexPart, Name
from kora.databases.address import parse_address
from kora.databases.base import Database, KeyRange
from kora.databases.registry import open_database
from kora.databases.secrets import Secret, resolve
from kora.errors import AccessDenied, ConnectionLost, EngineError, InvalidRequest, UnsupportedType
from tests.servers import Database as Server
from tests.servers import PostgresServer


@pytest.fixture
def server(postgres_database: Server) -> Server:
    return postgres_database


def opened(server: Server) -> Database:
    return open_database(server.url)


def test_types_are_domains_of_values(server: Server) -> None:
    server.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN cents AS numeric(12, 2) NOT NULL CHECK (VALUE >= 0)",
        'CREATE TABLE t (a int2, b numeric, c numeric(10, 3), d char(4) COLLATE "C", e varchar(9), f timestamp(3),'
        " g timestamptz, h bit(5), i mood, j cents, k int[], l interval, m float4, n jsonb, o xml, p point,"
        " q aclitem[], r numrange, s cents[])",
    )
    database = opened(server)
    catalog = database.catalog()
    types = {column.name: column.type for column in catalog.tables[0].columns}
    assert (types["a"].minimum, types["a"].maximum) == (-32768, 32767)
    assert (types["b"].precision, types["b"].scale, "NaN" in types["b"].sentinels) == (None, None, True)
    assert (types["c"].precision, types["c"].scale) == (10, 3)
    assert (types["d"].length, types["d"].fixed, types["d"].collation) == (4, True, "C")
    assert (types["e"].length, types["e"].length_unit) == (9, "characters")
    assert (types["f"].fraction_digits, types["g"].fraction_digits) == (3, 6)
    assert (types["h"].length, types["m"].float_bits) == (5, 32)
    assert (types["i"].kind, types["i"].wire, types["i"].labels) == ("enum", "enum", ("sad", "ok"))
    assert (types["j"].domain, types["j"].precision, types["j"].wire) == ("public.cents", 12, "numeric")
    assert not catalog.tables[0].column("j").nullable
    assert [(types[name].kind, types[name].wire) for name in "kopqrs"] == [
        ("array", "array<int4>"), ("text", "xml"), ("struct", "point"), ("unsupported", "_aclitem"),
        ("range", "range<numeric>"), ("array", "array<numeric>"),
    ]  # fmt: skip
    assert (types["s"].elements[0].domain, types["s"].elements[0].scale) == ("public.cents", 2)
    assert catalog.domains[0].checks[0].expression == "(VALUE >= (0)::numeric)"
    with pytest.raises(UnsupportedType, match=r"public\.t\.q: aclitem\[\]"):
        database.rows(catalog.tables[0], ["q"])
    database.close()


def test_keys_indexes_and_references_are_described(server: Server) -> None:
    server.execute(
        "CREATE TABLE p (id int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2) PRIMARY KEY, a text UNIQUE)",
        "CREATE TABLE c (x int, y text, p int, g int GENERATED ALWAYS AS (x * 2) STORED, PRIMARY KEY (y, x),"
        " FOREIGN KEY (p) REFERENCES p (id) ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED)",
        "ALTER TABLE c ADD CONSTRAINT late FOREIGN KEY (x) REFERENCES p (id) NOT VALID",
        "CREATE INDEX i ON c (y DESC NULLS LAST, (x + 1)) INCLUDE (p) WHERE x > 0",
    )
    database = opened(server)
    catalog = database.catalog()
    child, parent = catalog.tables
    assert parent.column("id").identity == Identity(True, 5, 2, Name("public", "p_id_seq"))
    assert child.stable_key == ("y", "x")
    first, late = sorted(child.foreign_keys, key=lambda key: key.columns)
    assert (first.parent, first.parent_columns, first.on_delete, first.on_update) == (
        Name("public", "p"), ("id",), "cascade", "set_null",
    )  # fmt: skip
    assert (first.deferrable, first.initially_deferred, first.validated, late.validated) == (True, True, True, False)
    (index,) = child.indexes
    assert index.parts == (
        IndexPart("y", descending=True, nulls_first=False), IndexPart(None, "((x + 1))", nulls_first=False),
    )  # fmt: skip
    assert (index.included, index.where, index.method) == (("p",), "(x > 0)", "btree")
    assert child.column("g").generated is not None
    assert catalog.sequences[0].last_value is None
    database.close()


def test_what_the_catalog_does_not_carry_is_named(server: Server) -> None:
    server.execute(
        "CREATE TABLE t (a int)",
        "CREATE MATERIALIZED VIEW m AS SELECT 1 AS x",
        "CREATE TABLE kid () INHERITS (t)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON t USING (a > 0)",
        "GRANT SELECT ON t TO PUBLIC",
        "SELECT lo_create(0)",
        "CREATE TABLE x (r int4range, EXCLUDE USING gist (r WITH &&))",
        "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
    )
    database = opened(server)
    named = {entry.what for entry in database.catalog().not_modelled}
    assert named >= {
        "materialized view", "inheritance", "row security", "row security policy", "grant", "large object",
        "rule",
    }  # fmt: skip
    excluded = database.catalog().table(Name("public", "x")).exclusions[0]
    assert (excluded.columns, excluded.definition) == (("r",), "EXCLUDE USING gist (r WITH &&)")
    database.close()


def test_views_triggers_and_routines_come_with_their_texts(server: Server) -> None:
    server.execute(
        "CREATE TABLE t (a int)",
        "CREATE VIEW v AS SELECT a + 1 AS b FROM t",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
        "CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT x'",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )
    database = opened(server)
    catalog = database.catalog()
    assert (catalog.views[0].columns, "FROM public.t" in catalog.views[0].query) == (("b",), True)
    assert [(routine.signature, routine.language) for routine in catalog.routines] == [
        ("", "plpgsql"),
        ("x integer", "sql"),
    ]
    assert "EXECUTE FUNCTION public.f()" in catalog.triggers[0].text
    database.close()


def test_a_partitioned_table_is_one_and_an_inheriting_one_is_two(server: Server) -> None:
    server.execute(
        "CREATE TABLE part (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE part_low PARTITION OF part FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE part_high PARTITION OF part FOR VALUES FROM (10) TO (20)",
        "INSERT INTO part SELECT generate_series(0, 19)",
        "CREATE TABLE old (a int)",
        "CREATE TABLE older () INHERITS (old)",
        "INSERT INTO old VALUES (1)",
        "INSERT INTO older VALUES (2), (3)",
    )
    database = opened(server)
    old, older, part = database.catalog().tables
    assert part.partitioning is not None
    assert [child.name for child in part.partitioning.children] == ["part_high", "part_low"]
    for table, expected in ((part, 20), (old, 1), (older, 2)):
        assert database.row_count(table) == database.rows(table, ["a"]).count() == expected
    database.close()


def test_what_this_login_may_not_read_is_marked_with_the_grant_it_needs(
    server: Server, postgres_server: PostgresServer
) -> None:
    role = f"reader_{server.settings['dbname']}"
    server.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'r'",
        "CREATE TABLE closed (a int)",
        "CREATE TABLE filtered (a int)",
        "ALTER TABLE filtered ENABLE ROW LEVEL SECURITY",
        f"GRANT SELECT ON filtered TO {role}",
        "CREATE TABLE shown (a int)",
        f"GRANT SELECT ON shown TO {role}",
        "CREATE SCHEMA hidden CREATE TABLE t (a int)",
    )
    database = opened(Server({**server.settings, "user": role, "password": "r"}))
    found = {str(table.name): table for table in database.catalog().tables}
    assert "GRANT USAGE ON SCHEMA" in str(found["hidden.t"].unreadable)
    assert "GRANT SELECT ON" in str(found["public.closed"].unreadable)
    assert "row security hides rows" in str(found["public.filtered"].unreadable)
    assert found["public.shown"].unreadable is None
    with pytest.raises(AccessDenied):
        database.rows(found["public.closed"], ["a"])
    assert database.rows(found["public.shown"], ["a"]).count() == 0
    database.close()


def test_sessions_are_used_again_once_their_stream_is_gone(server: Server) -> None:
    server.execute("CREATE TABLE t AS SELECT generate_series(1, 5000) AS a")
    database = opened(server)
    table = database.catalog().tables[0]
    together = [database.rows(table, ["a"]) for _ in range(3)]
    assert [stream.count() for stream in together] == [5000] * 3
    del together
    for _ in range(20):
        database.rows(table, ["a"]).shown(3)
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kora'"
    assert database.scalar_query(sessions) == [(4,)]
    database.close()
    with server.connect() as outside:
        assert outside.execute(sessions.encode()).fetchall() == [(0,)]


def test_every_stream_sees_the_one_snapshot(server: Server) -> None:
    server.execute("CREATE TABLE t AS SELECT generate_series(1, 10) AS a")
    database = opened(server)
    table = database.catalog().tables[0]
    held = database.rows(table, ["a"])
    server.execute("INSERT INTO t SELECT generate_series(11, 20)")
    assert [database.rows(table, ["a"]).count(), held.count(), database.row_count(table)] == [10, 10, 10]
    database.close()


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("uuid", "SELECT gen_random_uuid() FROM generate_series(1, 9)"),
        (
            "timestamptz",
            "SELECT '2020-01-01 00:00:00.000001+00'::timestamptz + i * '1 day'::interval FROM generate_series(1, 9) i",
        ),
        ("numeric", "SELECT i / 3.0 FROM generate_series(-4, 4) i"),
        ("float8", "SELECT i / 7.0 FROM generate_series(-4, 4) i"),
        ("bytea", "SELECT ('\\xff0' || i)::bytea FROM generate_series(1, 9) i"),
        ("char(4)", "SELECT chr(96 + i) FROM generate_series(1, 9) i"),
        ("public.mood", "VALUES ('z'::public.mood), ('a'), ('m')"),
        ("interval", "SELECT i * '1 month 1 day 1 second'::interval FROM generate_series(1, 9) i"),
        (
            'text COLLATE "und-x-icu"',
            "SELECT (ARRAY['b','B','a','A','ä','Z','z','1',''])[i] FROM generate_series(1, 9) i",
        ),
    ],
)
def test_keys_of_every_kind_cut_a_table_without_loss(server: Server, declared: str, values: str) -> None:
    server.execute(
        "CREATE TYPE public.mood AS ENUM ('z', 'a', 'm')", f"CREATE TABLE t (k {declared} PRIMARY KEY)",
        f"INSERT INTO t {values}",
    )  # fmt: skip
    database = opened(server)
    table = database.catalog().tables[0]
    boundaries = database.key_boundaries(table, ("k",), 2)
    ends = [None, *boundaries, None]
    counts = [
        database.rows(table, ["k"], KeyRange(("k",), ends[place], ends[place + 1])).count()
        for place in range(len(ends) - 1)
    ]
    assert sum(counts) == database.row_count(table)
    assert set(counts[:-1]) == {2}
    assert database.rows_by_key(table, ["k"], ("k",), boundaries).count() == len(boundaries)
    database.close()


def test_each_refused_login_is_an_error_of_this_project(server: Server) -> None:
    def refused_with(**changed: str) -> Server:
        return Server({**server.settings, **changed})

    with pytest.raises(AccessDenied, match="password authentication failed"):
        opened(refused_with(password="wrong"))
    with pytest.raises(InvalidRequest, match="does not exist") as missing:
        opened(refused_with(dbname="nowhere"))
    assert "psql --list" in missing.value.hint
    with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1:1"):
        opened(refused_with(port="1"))


def test_a_password_is_asked_for_when_the_server_insists(server: Server, tmp_path: Path) -> None:
    questions: list[str] = []

    def prompt(question: str) -> str:
        questions.append(question)
        return server.settings["password"]

    bare = str(parse_address(server.url))
    environment = {"HOME": str(tmp_path)}
    database = open_database(bare, secret=resolve(parse_address(bare), "source", prompt, environment=environment))
    assert database.scalar_query("SELECT 1") == [(1,)]
    assert len(questions) == 1
    assert server.settings["password"] not in repr(database.identity())
    database.close()
    with pytest.raises(AccessDenied, match="password"):
        open_database(bare, secret=Secret())


def test_a_failed_query_leaves_the_snapshot_and_names_its_state(server: Server) -> None:
    database = opened(server)
    with pytest.raises(EngineError) as failed:
        database.scalar_query("SELECT 1 / 0")
    assert failed.value.sqlstate == "22012"
    assert database.scalar_query("SELECT now()::date - now()::date, 1.50") == [(0, "1.50")]
    database.close()
