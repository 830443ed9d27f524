"""Through all four engines and back: what is left different is what the plans on the way said, and nothing else."""

import json
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from appliance.demo.clinic import build_clinic
from kora.comparison.result import VerificationResult
from kora.settings import Settings
from kora.verification import VerifyRequest, verify_databases
from tests.e2e.migrating import DATA, Said, file_url, migrate, run_kora
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

# How the last hop spells what the first one read: nothing is lost by it, so that it is no difference.
SPELLINGS: dict[tuple[str, str], dict[str, Any]] = {
    ("medicine", "stock"): {"target_representation": {"rule": "text_number"}},
    ("patient", "registered_at"): {
        "source_representation": {"rule": "epoch", "argument": "s,local"},
        "target_representation": {"rule": "text_date", "argument": "%Y-%m-%d %H:%M:%S%.f"},
    },
}
# A partial index that the first hop loses and MariaDB's own index over the same foreign key stands in for afterwards.
REPLACED = {("index", "index invoice.invoice_unpaid")}


def moved(source: str, target: str) -> set[tuple[str, str]]:
    """Migrates, accepts what the plan declares, and gives the ledger by rule and subject."""
    said = migrate(source, target)
    assert said.code in (0, 5), said.err
    if said.code == 5:
        rules = sorted({rule for rule, _ in said.losses})
        accepted = [word for rule in rules for word in ("--accept-loss", rule)]
        plan = said.run_folder / "plan.yaml"
        verified = run_kora(
            "verify", source, target, "--plan", plan, *accepted, "--json", "--out", plan.parent / "again"
        )
        assert (verified.code, verified.verdict) == (0, "equivalent_with_declared_loss"), verified.err
    return {(rule, subject.replace("public.", "").replace("main.", "")) for rule, subject in said.losses}


def table_names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1"
        return [name for (name,) in connection.execute(query)]


def write_map(database: Path, file: Path) -> Path:
    """Every table and column by its own name, and how two columns are spelled."""
    tables = []
    with closing(sqlite3.connect(database)) as connection:
        for table in table_names(database):
            columns = [row[1] for row in connection.execute(f'PRAGMA table_xinfo("{table}")')]
            name = {"schema": "", "name": table}
            pairs = [{"source": column, "target": column, **SPELLINGS.get((table, column), {})} for column in columns]
            tables.append({"source": name, "target": name, "columns": pairs})
    file.write_text(json.dumps({"tables": tables}))
    return file


def verified(source: str, target: str, mapping: Path, home: Path) -> VerificationResult:
    """KORA's result with its findings."""
    request = VerifyRequest(source=source, target=target, mapping_file=mapping, out=home / "proof")
    result, _ = verify_databases(request, settings=Settings(home=home))
    return result


def zero_dates(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {f"id={key}" for (key,) in connection.execute("SELECT id FROM patient WHERE born = '0000-00-00'")}


@pytest.mark.parametrize("scale", [0.1, pytest.param(1.0, marks=pytest.mark.slow)])
def test_the_clinic_comes_home_from_all_engines_but_for_what_the_ledgers_say(
    tmp_path: Path, sensei_home: Path, postgres_server: PostgresServer, mariadb_server: MariadbServer, scale: float
) -> None:
    first, last = tmp_path / "clinic.db", tmp_path / "home.db"
    build_clinic(first, scale=scale)
    urls = [
        file_url("sqlite", first),
        postgres_server.create_database().url,
        mariadb_server.create_database().url,
        file_url("duckdb", tmp_path / "clinic.duckdb"),
        file_url("sqlite", last),
    ]
    ledgers: set[tuple[str, str]] = set()
    for source, target in pairwise(urls):
        ledgers |= moved(source, target)
    result = verified(urls[0], urls[-1], write_map(first, tmp_path / "map.json"), sensei_home)
    differing = {
        (table.source, finding.outcome, finding.key, column.column)
        for table in result.tables
        for finding in table.findings
        for column in finding.columns
    }
    assert differing == {("patient", "mismatch", key, "born") for key in zero_dates(first)}
    assert sum(table.difference_count for table in result.tables) == len(differing) > 0
    # The rows are those of the zero dates, which the ledger declares by their policy; the rest is structure.
    structure = {(loss.rule, loss.subject) for loss in result.losses}
    assert structure == ledgers - {("zero_date_is_null", "patient.born")} - REPLACED
    with closing(sqlite3.connect(last)) as connection:
        assert connection.execute("SELECT count(*) FROM patient WHERE born = '0000-00-00'").fetchone() == (0,)


def test_chinook_goes_from_its_mysql_dump_to_postgresql_and_back(
    tmp_path: Path, sensei_home: Path, postgres_server: PostgresServer, mariadb_server: MariadbServer
) -> None:
    with MariadbServer() as of_its_own:
        # The dump names its database, so that it needs a server where nobody else loads it.
        database = of_its_own.create_database()
        database.script(DATA / "chinook" / "chinook_mysql.sql")
        first = database.url.replace(f"/{database.name}", "/Chinook")
        middle, last = postgres_server.create_database().url, mariadb_server.create_database().url
        for said in (migrate(first, middle), migrate(middle, last), verify_again(first, last, tmp_path)):
            assert (said.code, said.verdict, said.losses) == (0, "equivalent", []), said.err
            assert (len(said.tables), said.rows) == (11, 15_607)


def verify_again(first: str, last: str, folder: Path) -> Said:
    return run_kora("verify", first, last, "--json", "--out", folder / "proof")
