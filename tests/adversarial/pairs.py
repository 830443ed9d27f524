"""The corpus between other engines: every case that both sides can express, all of a pair in one database each.

`expressible.json` records, per case and pair, an empty text or why it is not expressible there; a test holds it, and
docs/adversarial.md is made of it. `python -m tests.adversarial.pairs` writes it anew.
"""

import json
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import psycopg

from kora import _core
from kora.catalog import Catalog, Name
from kora.comparison.declared import Declared
from kora.comparison.mapping import ColumnMapping, Mapping, TableMapping
from kora.comparison.matching import match_tables
from kora.comparison.result import TableResult
from kora.databases.opening import OpenSide
from kora.databases.registry import open_database
from kora.verify import VerifyOptions, verify_sides
from tests.adversarial.corpus import Case, cases, make_together, schema_of
from tests.adversarial.engines import NotExpressible, connect, fill, stored
from tests.mariadb_server import MariadbDatabase, MariadbServer
from tests.servers import PostgresServer

Pair: TypeAlias = tuple[str, str]
Made: TypeAlias = tuple[str, str]
"""The URLs of the PostgreSQL databases in which the cases were made: left, right. They are only read."""
PAIRS: tuple[Pair, ...] = (
    ("mariadb", "postgresql"),
    ("sqlite", "postgresql"),
    ("duckdb", "postgresql"),
    ("mariadb", "mariadb"),
    ("sqlite", "sqlite"),
)
TOGETHER = tuple(case for case in cases() if not case.alone)
RECORD = Path(__file__).with_name("expressible.json")
_SETTING = "it needs a setting of the server"


@dataclass(frozen=True)
class Side:
    """One side's database: where it is, and what makes a table in it; a PostgreSQL database has them all already."""

    engine: str
    url: str
    place: Path | MariadbDatabase | None = None

    def name(self, case: Case) -> Name:
        """What the case's table is called on this side."""
        if self.engine == "postgresql":
            return Name(schema_of(case), "t")
        return Name("main" if self.engine == "duckdb" else "", schema_of(case))


def pair_name(pair: Pair) -> str:
    """As the record and the page call it."""
    return f"{pair[0]}–{pair[1]}"


def sides_of(pair: Pair, made: Made, mariadb: MariadbServer, folder: Path) -> tuple[Side, Side]:
    """Both sides, empty but for PostgreSQL's."""
    sides = []
    for number, engine in enumerate(pair):
        if engine == "postgresql":
            sides.append(Side(engine, made[number]))
        elif engine == "mariadb":
            database = mariadb.create_database()
            sides.append(Side(engine, database.url, database))
        else:
            path = folder / f"{number}.{engine}"
            sides.append(Side(engine, f"{engine}:///{path}", path))
    return sides[0], sides[1]


def carry(sides: tuple[Side, Side], made: Made) -> tuple[dict[str, tuple[Name, Name]], dict[str, str]]:
    """Puts every case on both sides. Gives the tables of those that are there, and why the others are not."""
    tables, reasons = {}, {case.name: _SETTING for case in cases() if case.alone}
    with ExitStack() as stack:
        readers = [stack.enter_context(psycopg.connect(url)) for url in made]
        writers = [
            stack.enter_context(closing(connect(side.engine, side.place))) if side.place else None for side in sides
        ]
        for case in TOGETHER:
            try:
                for reader, writer in zip(readers, writers, strict=True):
                    if writer:
                        fill(writer, schema_of(case), stored(reader, schema_of(case)))
            except NotExpressible as reason:
                reasons[case.name] = str(reason)
            else:
                tables[case.name] = (sides[0].name(case), sides[1].name(case))
                reasons[case.name] = ""
    return tables, reasons


def verified(sides: tuple[Side, Side], tables: dict[str, tuple[Name, Name]]) -> dict[str, TableResult]:
    """What KORA says of every case that is there, in one verification."""
    by_name = {case.name: case for case in cases()}
    with closing(open_database(sides[0].url)) as left, closing(open_database(sides[1].url)) as right:
        catalogs = left.catalog(), right.catalog()
        pairs = [_mapped(by_name[name], catalogs, names) for name, names in tables.items()]
        opened = [
            OpenSide(database, _only(catalog, {names[number] for names in tables.values()}), side.url)
            for number, (database, catalog, side) in enumerate(zip((left, right), catalogs, sides, strict=True))
        ]
        options = VerifyOptions(migration_key=_core.DigestKey(bytes(range(32))), run_id="adversarial")
        result = verify_sides(opened[0], opened[1], Declared(mapping=Mapping(tables=tuple(pairs))), options).result
    found = {table.source: table for table in result.tables}
    return {name: found[str(names[0])] for name, names in tables.items()}


def _only(catalog: Catalog, names: set[Name]) -> Catalog:
    return replace(catalog, tables=tuple(table for table in catalog.tables if table.name in names))


def _mapped(case: Case, catalogs: tuple[Catalog, Catalog], names: tuple[Name, Name]) -> TableMapping:
    pair = match_tables(catalogs[0].table(names[0]), catalogs[1].table(names[1]))
    columns = tuple(ColumnMapping.model_validate(rule) for rule in case.rules) or pair.columns
    return pair.model_copy(update={"columns": columns})


def record() -> dict[str, dict[str, str]]:
    """Pair → case → why it is not expressible there, or nothing."""
    loaded: dict[str, dict[str, str]] = json.loads(RECORD.read_text(encoding="utf-8"))
    return loaded


def main() -> None:
    """Writes the record anew."""
    found = {}
    with PostgresServer() as server, MariadbServer() as mariadb, tempfile.TemporaryDirectory() as folder:
        made = make_together(TOGETHER, server)
        for pair in PAIRS:
            place = Path(folder) / pair_name(pair)
            place.mkdir()
            _, reasons = carry(sides_of(pair, made, mariadb, place), made)
            found[pair_name(pair)] = {case.name: reasons[case.name] for case in cases()}
    RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
