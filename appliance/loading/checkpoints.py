"""The checkpoint row: its table on each engine, and its content as JSON."""

import json

from appliance.engines.parquet import CLEAN, WORK
from appliance.faults import reached
from appliance.loading.base import CHECKPOINT_SCHEMA, CHECKPOINT_TABLE, Checkpoint, Refused, TargetWriter


def checkpoint_table(engine: str) -> str:
    """The checkpoint table's name. SQLite has no schemas; one of MariaDB would be a database that needs rights."""
    if engine == "mariadb":
        return f"`{CHECKPOINT_SCHEMA}_{CHECKPOINT_TABLE}`"
    return (
        f'"{CHECKPOINT_SCHEMA}_{CHECKPOINT_TABLE}"'
        if engine == "sqlite"
        else f'"{CHECKPOINT_SCHEMA}".{CHECKPOINT_TABLE}'
    )


def create_statements(engine: str) -> list[tuple[str, str, str]]:
    """(object, statement, statement that drops it) for the checkpoint table, in order of creation.

    Parquet files carry their checkpoints themselves; there it is the folder for work in progress.
    """
    if engine == "parquet":
        return [("folder _sensei", WORK, CLEAN)]
    table = checkpoint_table(engine)
    if engine == "mariadb":
        return [(table, _mariadb_table(table), f"DROP TABLE IF EXISTS {table}")]
    body = (
        f"CREATE TABLE IF NOT EXISTS {table} (run TEXT NOT NULL, table_name TEXT NOT NULL, number INTEGER NOT NULL,"
        " row_count BIGINT, raw_digest TEXT, detail TEXT, PRIMARY KEY (run, table_name, number))"
    )
    made = [(table, body, f"DROP TABLE IF EXISTS {table}")]
    if engine != "sqlite":
        schema = f'"{CHECKPOINT_SCHEMA}"'
        made.insert(0, (schema, f"CREATE SCHEMA IF NOT EXISTS {schema}", f"DROP SCHEMA IF EXISTS {schema}"))
    return made


def _mariadb_table(table: str) -> str:
    """A key takes no TEXT there; a run's and a table's names are short."""
    return (
        f"CREATE TABLE IF NOT EXISTS {table} (run VARCHAR(100) NOT NULL, table_name VARCHAR(200) NOT NULL,"
        " number INTEGER NOT NULL, row_count BIGINT, raw_digest VARCHAR(64), detail LONGTEXT,"
        " PRIMARY KEY (run, table_name, number)) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )


def forget(writer: TargetWriter, engine: str, run: str) -> None:
    """Removes a run's checkpoints, and their table once no other run has any. Safe to repeat.

    Another run of the same target may have been stopped before: without its checkpoints it would load twice.
    """
    if writer.runs() - {run}:
        statements = [f"DELETE FROM {checkpoint_table(engine)} WHERE run = '{run}'"]
    else:
        statements = [drop for _, _, drop in reversed(create_statements(engine))]
    for statement in statements:
        reached("cleanup.before")
        writer.execute(statement)
        reached("cleanup.after")


def detail_text(checkpoint: Checkpoint) -> str:
    """The part of a checkpoint that is kept as JSON."""
    refused = [[row.ordinal, row.key, row.column, row.reason] for row in checkpoint.refused]
    return json.dumps({"refused": refused, "tallies": json.loads(checkpoint.tallies)})


def from_row(table: str, number: int, row_count: int, raw_digest: str, detail: str) -> Checkpoint:
    """A checkpoint out of its row."""
    body = json.loads(detail)
    refused = tuple(Refused(*entry) for entry in body["refused"])
    return Checkpoint(table, number, row_count, raw_digest, refused, json.dumps(body["tallies"]))
