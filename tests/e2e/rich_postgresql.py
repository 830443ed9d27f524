"""A PostgreSQL database that uses much of what PostgreSQL has, and what its own client finds there."""

TYPES = (
    "CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s')",
    "CREATE DOMAIN email AS text CHECK (value LIKE '%@%')",
)
TABLES = (
    """CREATE TABLE parent (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code char(5) NOT NULL UNIQUE,
        name varchar(20) NOT NULL DEFAULT 'x')""",
    "INSERT INTO parent (code, name) VALUES ('ab', 'one'), ('cd', ''), ('ef', 'drei')",
    "DELETE FROM parent WHERE code = 'cd'",
    "SELECT setval('parent_id_seq', 50)",
    """CREATE TABLE child (
        id serial PRIMARY KEY,
        parent_id int REFERENCES parent ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
        m mood DEFAULT 'ok', e email, amount numeric, price numeric(10,2) DEFAULT 0.00 CHECK (price >= 0),
        twice numeric(12,2) GENERATED ALWAYS AS (price * 2) STORED, d date DEFAULT current_date, ts timestamp,
        tz timestamptz DEFAULT now(), b bytea, u uuid, j jsonb, j2 json, f real, g double precision,
        ok boolean DEFAULT true, t time, note text, self int REFERENCES child)""",
    "CREATE INDEX child_note_lower ON child (lower(note))",
    "CREATE INDEX child_price_desc ON child (price DESC NULLS LAST) WHERE price > 1",
    "COMMENT ON TABLE child IS 'the child''s table'",
    "COMMENT ON COLUMN child.note IS 'free text'",
    """INSERT INTO child (parent_id, m, e, amount, price, d, ts, tz, b, u, j, j2, f, g, ok, t, note, self) VALUES
        (1, 'it''s', 'a@b', 12345678901234567890.123456789, 1.50, '2020-02-29', '2020-01-01 00:00:00.123456',
         '2020-06-01 12:00+02', '\\x00ff', '0b2f5b0e-8d5e-4b7b-9f57-0f3a2a3f8f10', '{"a": 1.0}', '{"a":1, "a":2}',
         1.1, 'NaN', true, '23:59:59.999999', '', NULL),
        (3, 'sad', NULL, 'NaN', NULL, '0044-03-15 BC', '1969-07-20 20:17:40', '1000-01-01 00:00+00', '', NULL, NULL,
         NULL, '-0', 1e-320, false, '24:00:00', NULL, 1),
        (NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, 'null', NULL, NULL, 'Infinity', NULL, NULL,
         E'tab\\tnl\\nq"\\\\ \\U0001F600', 2)""",
    "SELECT setval('child_id_seq', 900)",
    'CREATE TABLE "Order" ("Select" int, "user" text, "MiXed Case" text)',
    "INSERT INTO \"Order\" VALUES (1, 'x', 'y'), (1, 'x', 'y')",
)
CIRCLE = (
    "CREATE TABLE a (id int PRIMARY KEY, b_id int)",
    "CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a)",
    "ALTER TABLE a ADD FOREIGN KEY (b_id) REFERENCES b",
    "INSERT INTO a VALUES (1, NULL)",
    "INSERT INTO b VALUES (1, 1)",
    "UPDATE a SET b_id = 1",
)
VIEWS = (
    "CREATE VIEW v1 AS SELECT id, name FROM parent",
    "CREATE VIEW v2 AS SELECT count(*) AS n FROM v1",
    "CREATE VIEW v3 AS SELECT c.id, p.name, c.price FROM child c JOIN parent p ON p.id = c.parent_id WHERE c.price > 1",
)
PROGRAMS = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$",
    "CREATE TRIGGER tg BEFORE INSERT ON parent FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TABLE part (id int, y int) PARTITION BY RANGE (y)",
    "CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE part2 PARTITION OF part DEFAULT",
    "INSERT INTO part VALUES (1, 5), (2, 50)",
    "CREATE SEQUENCE free_seq START 10 INCREMENT 5",
    "SELECT nextval('free_seq'), nextval('free_seq')",
)
UNKNOWN_TYPES = (
    "CREATE TABLE odd (id int PRIMARY KEY, arr aclitem[], acl aclitem)",
    "INSERT INTO odd SELECT 1, ARRAY[item], item FROM makeaclitem(10, 10, 'SELECT', false) item",
)
RICH = (*TYPES, *TABLES, *CIRCLE, *VIEWS, *PROGRAMS)
PROGRAM_LOSSES = [("function", "function public.f"), ("partitioning", "partitioning public.part"),
                  ("trigger", "trigger public.tg")]  # fmt: skip
