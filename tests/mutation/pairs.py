"""Which pairs of engines are tried, with which tables, and what must come of it at least."""

from dataclasses import dataclass, replace

from tests.mariadb_builds import product
from tests.mutation import kinds, mariadb_kinds
from tests.mutation.kinds import Kind


@dataclass(frozen=True)
class Pair:
    """Two engines. `counted_at_least`: mutations that the target stores as something else, of those that are made.

    `per_table` bounds the mutations of one table: a seeded choice of them, so that a pair costs seconds.
    """

    source: str
    target: str
    kinds: tuple[Kind, ...]
    counted_at_least: int
    per_table: int | None = None
    equal: str = "equivalent"
    """The verdict where no row differs: files have no keys to declare, which is a loss of structure."""

    @property
    def name(self) -> str:
        """As a test is called."""
        return f"{self.source}-{self.target}"


FEW = 9
DECLARED = "equivalent_with_declared_loss"
IN_FILES = frozenset({
    "texts", "integers", "doubles", "singles", "decimals", "booleans", "timestamps", "nanoseconds", "instants",
    "blobs", "uuids", "dates",
})  # fmt: skip
"""The kinds of DuckDB that Parquet holds exactly."""
_PAIRS = (
    Pair("sqlite", "sqlite", kinds.SQLITE, 170),
    Pair("duckdb", "duckdb", kinds.DUCKDB, 270),
    Pair("postgresql", "postgresql", kinds.POSTGRESQL, 320),
    Pair("sqlite", "duckdb", kinds.FROM_SQLITE_TO_DUCKDB, 140),
    Pair("sqlite", "postgresql", kinds.FROM_SQLITE_TO_POSTGRESQL, 140),
    Pair("postgresql", "duckdb", kinds.FROM_POSTGRESQL_TO_DUCKDB, 130),
    Pair("duckdb", "parquet", tuple(kind for kind in kinds.DUCKDB if kind.name in IN_FILES), 118, FEW, DECLARED),
    Pair("parquet", "duckdb", tuple(kind for kind in kinds.DUCKDB if kind.name in IN_FILES), 118, FEW, DECLARED),
    Pair("mariadb", "mariadb", mariadb_kinds.MARIADB, 330, 12),
    Pair("mariadb", "postgresql", mariadb_kinds.FROM_MARIADB_TO_POSTGRESQL, 140, FEW),
    Pair("postgresql", "mariadb", mariadb_kinds.FROM_POSTGRESQL_TO_MARIADB, 120, FEW),
    Pair("mariadb", "sqlite", mariadb_kinds.FROM_MARIADB_TO_SQLITE, 98, FEW),
    Pair("sqlite", "mariadb", mariadb_kinds.FROM_SQLITE_TO_MARIADB, 100, FEW),
    Pair("mariadb", "duckdb", mariadb_kinds.FROM_MARIADB_TO_DUCKDB, 105, FEW),
    Pair("duckdb", "mariadb", mariadb_kinds.FROM_DUCKDB_TO_MARIADB, 98, FEW),
)
_ONLY_IN_MARIADB = frozenset({"uuids", "addresses", "tokens"})
"""Kinds of types that MySQL lacks."""


_LABELS_OF_MYSQL = mariadb_kinds.labels_without_an_empty_one()
"""MySQL copies an enumeration's invalid value by its text, which would make it the empty label."""


def _of_mysql(pair: Pair) -> Pair:
    """A pair without those kinds, and with as many mutations fewer as they may have had."""
    kinds = tuple(kind for kind in pair.kinds if kind.name not in _ONLY_IN_MARIADB)
    left_out = (len(pair.kinds) - len(kinds)) * (pair.per_table or 0)
    if pair.source == pair.target:
        kinds = tuple(_LABELS_OF_MYSQL if kind.name == "labels" else kind for kind in kinds)
    return replace(pair, kinds=kinds, counted_at_least=pair.counted_at_least - left_out)


PAIRS = tuple(
    _of_mysql(pair) if product() == "MySQL" and "mariadb" in (pair.source, pair.target) else pair for pair in _PAIRS
)
