"""PostgreSQL's rare types with odd and extreme values, one table per family."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "arrays": (
        "CREATE TYPE mood AS ENUM ('sad', 'it''s \"ok\"')",
        "CREATE DOMAIN whole AS int",
        """CREATE TABLE arrays (id int PRIMARY KEY, i int[], t text[], n numeric[], m numeric(10,2)[], e mood[],
            d whole[], ts timestamptz[], b bytea[], v varchar(3)[], j jsonb[], ok boolean[], f real[],
            iv interval[], addr inet[])""",
        r"""INSERT INTO arrays VALUES
            (1, '{1,NULL,-2147483648}', '{"a\"b",NULL,"","NULL",ß}',
             '{1.1,NaN,12345678901234567890123456789012345678901}',
             '{1.50,NULL}', ARRAY['sad','it''s "ok"']::mood[], '{1,2}', '{"infinity","0044-03-15 12:00:00 BC"}',
             '{"\\x00ff",""}', '{abc}', ARRAY['{"b": 1.0}', '[]']::jsonb[], '{t,f,NULL}', '{NaN,-0,1.1}',
             ARRAY['-1 year 2 mons -3 days 04:05:06.789']::interval[], '{::1,10.0.0.1/8}'),
            (2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'),
            (3, '[0:1]={7,8}', '[-2:-1][3:4]={{a,b},{NULL,d}}', '{{{1}}}', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
             NULL, NULL, NULL, NULL)""",
    ),
    "ranges": (
        """CREATE TABLE ranges (id int PRIMARY KEY, i int4range, l int8range, n numrange, d daterange, ts tsrange,
            tz tstzrange, im int4multirange, dm datemultirange, ia int4range[])""",
        """INSERT INTO ranges VALUES
            (1, '[1,10]', '(,9223372036854775806)', '(0.1,1.5]', '[0044-03-15 BC,infinity)', '(,)',
             '[2024-01-01 00:00:00.000001+00,)', '{[1,3),[7,)}', '{}', ARRAY['[1,2)', 'empty', NULL]::int4range[]),
            (2, 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{(,)}', '{}'),
            (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""",
    ),
    "composites": (
        'CREATE TYPE point3 AS (x float8, y float8, "z ""axis""" numeric)',
        "CREATE TYPE address AS (street text, at point3, tags text[])",
        "CREATE DOMAIN home AS address",
        "CREATE TABLE composites (id int PRIMARY KEY, a address, l point3[], h home, p point, c circle, s lseg)",
        """INSERT INTO composites VALUES
            (1, ROW('High "St"', ROW('NaN', '-0', 0.10), '{a,NULL}'), ARRAY[ROW(1, 2, NULL)::point3, NULL],
             ROW('x', NULL, NULL)::address, '(1.5,-0)', '<(0,0),1e300>', '[(1,2),(3,4)]'),
            (2, ROW(NULL, NULL, NULL), '{}', NULL, NULL, NULL, NULL)""",
    ),
    "networks": (
        "CREATE TABLE networks (id int PRIMARY KEY, i inet, c cidr, m macaddr, m8 macaddr8)",
        """INSERT INTO networks VALUES
            (1, '192.168.0.1/24', '10.0.0.0/8', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
            (2, '0.0.0.0/0', '::/0', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff'),
            (3, '::ffff:1.2.3.4', '2001:db8::/32', NULL, NULL), (4, '::1.2.3.4/96', '10.0.0.1/32', NULL, NULL)""",
    ),
    "odd": (
        """CREATE TABLE odd (id int PRIMARY KEY, m money, c "char", n name, x xml, b bit(3), vb bit varying, tz timetz,
            iv interval, d date, ts timestamp, z timestamptz, num numeric, t xid8)""",
        r"""INSERT INTO odd VALUES
            (1, '-92233720368547758.08', 'a', 'A name', '<a b="1">ß</a>', B'101', B'', '12:34:56.789+02',
             '-1 year 2 mons -3 days 04:05:06.789', 'infinity', '-infinity', 'infinity', 'NaN', '18446744073709551615'),
            (2, '0.01', '', '', '<a/>', B'000', B'0000000011', '24:00:00-15:59:59', '0', '0044-03-15 BC',
             '4713-01-01 00:00:00 BC', '0001-01-01 00:00:00+00', 'Infinity', '0'),
            (3, NULL, '\303', NULL, NULL, NULL, NULL, '00:00:00+00:00:01', '2147483647 mons -2147483648 days',
             '5874897-12-31',
             '294246-12-31 23:59:59.999999', '20000-01-01 00:00:00+00', -0.000, NULL)""",
    ),
}
AS_TEXT: dict[str, tuple[str, list[tuple[str | None, ...]]]] = {
    "arrays": (
        "t, n, m, e, ts, b, j, ok, f, iv, addr",
        [
            (
                r'["a\"b",null,"","NULL","ß"]', '[1.1,"NaN",12345678901234567890123456789012345678901]', "[1.5,null]",
                r'["sad","it' + r"'s \"ok\"" + r'"]', '["infinity","0044-03-15 12:00:00+00 BC"]', '["00ff",""]',
                r'["{\"b\": 1.0}","[]"]', "[true,false,null]", '["NaN",-0.0,1.100000023841858]',
                '["P-10M-3DT4H5M6.789S"]', '["::1","10.0.0.1/8"]',
            ),
            ("[]",) * 11,
            (
                '{"bounds":[[-2,-1],[3,4]],"elements":["a","b",null,"d"]}',
                '{"bounds":[[1,1],[1,1],[1,1]],"elements":[1]}', *(None,) * 9,
            ),
        ],
    ),
    "ranges": (
        "i, n, d, ts, im, dm, ia",
        [
            (
                '{"lower":1,"upper":11,"bounds":"[)"}', '{"lower":0.1,"upper":1.5,"bounds":"(]"}',
                '{"lower":"0044-03-15 BC","upper":"infinity","bounds":"[)"}',
                '{"lower":null,"upper":null,"bounds":"()"}',
                '[{"lower":1,"upper":3,"bounds":"[)"},{"lower":7,"upper":null,"bounds":"[)"}]', "[]",
                '[{"lower":1,"upper":2,"bounds":"[)"},{"empty":true},null]',
            ),
            (
                *('{"empty":true}',) * 4, "[]", '[{"lower":null,"upper":null,"bounds":"()"}]', "[]",
            ),
            (None,) * 7,
        ],
    ),
    "composites": (
        "a, l, h, p",
        [
            (
                r'{"street":"High \"St\"","at":{"x":"NaN","y":-0.0,"z \"axis\"":0.1},"tags":["a",null]}',
                r'[{"x":1.0,"y":2.0,"z \"axis\"":null},null]', '{"street":"x","at":null,"tags":null}',
                '{"x":1.5,"y":-0.0}',
            ),
            ('{"street":null,"at":null,"tags":null}', "[]", None, None),
        ],
    ),
    "networks": (
        "i, c, m, m8",
        [
            ("192.168.0.1/24", "10.0.0.0/8", "08:00:2b:01:02:03", "08:00:2b:01:02:03:04:05"),
            ("0.0.0.0/0", "::/0", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff:ff:ff"),
            ("::ffff:1.2.3.4", "2001:db8::/32", None, None),
            ("::1.2.3.4/96", "10.0.0.1/32", None, None),
        ],
    ),
    "odd": (
        "n, x, vb, num",
        [
            ("A name", '<a b="1">ß</a>', "", "NaN"),
            ("", "<a/>", "0000000011", "Infinity"),
            (None, None, None, "0"),
        ],
    ),
}  # fmt: skip
"""Columns that neither SQLite nor DuckDB has a type for, and the texts that must stand there."""
