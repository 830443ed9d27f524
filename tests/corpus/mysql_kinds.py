"""MySQL's kinds: MariaDB's that it has too, and its own. Source: MySQL reference manual, "Data Types"."""

from dataclasses import replace

from tests.corpus import mariadb_kinds
from tests.corpus.kinds import Kind

_NOT_HERE = ("uuid", "inet4", "inet6", "point", "geometry")
_LONGEST_TIME = ("'838:59:59.000000'", "'-838:59:59.000000'", "'838:59:58.999999'", "'24:00:00'", "'12:00:00'")
# A geographic system counts latitude first in text, and keeps longitude first: what is asked for is what is kept.
_KEPT = "CONCAT(ST_SRID(v), ' ', HEX(ST_AsWKB(v, 'axis-order=long-lat')))"
_AS_TEXT = (
    "'[1.0, 1.5e300, -0.0, 18446744073709551615]'",
    """'{"b": 1, "aa": 2, "a": {"z": [], "y": {}}}'""",
    "'\"é\\\\u0000\\\\n\"'",
    "CAST(CAST('2020-02-29' AS DATE) AS JSON)",
    "CAST(CAST(1.10 AS DECIMAL(5,2)) AS JSON)",
)


def _here(kind: Kind) -> Kind:
    return replace(kind, values=_LONGEST_TIME) if kind.name == "time_long" else kind


_OWN = (
    Kind("json_binary", "json", _AS_TEXT, "json"),
    Kind("text_0900_ai_ci", "varchar(9) collate utf8mb4_0900_ai_ci", ("'Ada'", "'ada '", "'ß'"), "text"),
    Kind("gb18030", "varchar(9) character set gb18030", ("'漢字'", "'é'", "''"), "text"),
    Kind("point", "point",
         ("ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(1 2)', 4326)"), "geometry", show=_KEPT),
    Kind("geometry", "geometry",
         ("ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')",
          "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 2))', 3857)"), "geometry", show=_KEPT),
    Kind("vector", "vector(3)", ("TO_VECTOR('[1,2.5,-3]')", "TO_VECTOR('[0,1e-30,3e38]')"), "floats", show="HEX(v)"),
)  # fmt: skip

KINDS = (*(_here(kind) for kind in mariadb_kinds.KINDS if kind.name not in _NOT_HERE), *_OWN)
