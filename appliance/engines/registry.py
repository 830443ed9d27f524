"""Which engines can be a target: one explicit table."""

from appliance.engines.base import TargetEngine
from appliance.engines.duckdb import DuckDbTarget
from appliance.engines.mariadb import MariadbTarget
from appliance.engines.parquet import ParquetTarget
from appliance.engines.postgresql import PostgresTarget
from appliance.engines.sqlite import SqliteTarget
from kora.errors import InvalidRequest

TARGETS: dict[str, TargetEngine] = {
    "duckdb": DuckDbTarget(),
    "parquet": ParquetTarget(),
    "mariadb": MariadbTarget(),
    "postgresql": PostgresTarget(),
    "sqlite": SqliteTarget(),
}


def target_engine(name: str) -> TargetEngine:
    """The engine of this name. Raises `InvalidRequest` for one that cannot be written to."""
    engine = TARGETS.get(name)
    if engine is None:
        raise InvalidRequest(f"{name} cannot be a target", hint=f"targets: {', '.join(sorted(TARGETS))}")
    return engine
