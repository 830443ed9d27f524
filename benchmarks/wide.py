"""Tables of many columns, the same in MariaDB and in PostgreSQL."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.data import SEED, TABLE, settle
from tests.mariadb_server import MariadbDatabase
from tests.servers import Database

CELLS_PER_ROW_OF_THE_SMALL_TABLE = 8
_EPOCH = datetime(2015, 1, 1)
_WORDS = ("", "ward", "Müller", "no complaints", "follow-up in two weeks", "a little high; salt reduced", "Łódź")


@dataclass(frozen=True)
class Column:
    """A type in both engines, and what makes its values' text."""

    postgresql: str
    mariadb: str
    make: Callable[[random.Random], str]


_CYCLE = (
    Column("integer", "int", lambda chance: str(chance.randrange(-(10**9), 10**9))),
    Column("numeric(12,2)", "decimal(12,2)", lambda chance: f"{chance.randrange(10**9) / 100:.2f}"),
    Column("text", "text", lambda chance: chance.choice(_WORDS)),
    Column(
        "timestamp",
        "datetime(6)",
        lambda chance: (_EPOCH + timedelta(microseconds=chance.randrange(3 * 10**14))).isoformat(" ", "microseconds"),
    ),
    Column("double precision", "double", lambda chance: repr(chance.random() * 120)),
    Column("bigint", "bigint", lambda chance: str(chance.randrange(2**62))),
    Column("date", "date", lambda chance: (_EPOCH + timedelta(days=chance.randrange(4000))).date().isoformat()),
    Column("smallint", "smallint", lambda chance: str(chance.randrange(2))),
)


def write(source: MariadbDatabase, target: Database, rows: int, columns: int, folder: Path) -> None:
    """Makes both tables: a key `id` and `columns` − 1 others, one value in twenty NULL."""
    kinds = [_CYCLE[index % len(_CYCLE)] for index in range(columns - 1)]
    path = folder / "wide.tsv"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(_lines(kinds, rows))
    for database, types in ((source, [kind.mariadb for kind in kinds]), (target, [kind.postgresql for kind in kinds])):
        others = "".join(f", c{number} {name}" for number, name in enumerate(types))
        database.execute(f"CREATE TABLE {TABLE} (id bigint NOT NULL PRIMARY KEY{others})")
    source.execute(
        f"LOAD DATA LOCAL INFILE '{path}' INTO TABLE {TABLE} CHARACTER SET utf8mb4", f"ANALYZE TABLE {TABLE}"
    )
    with (
        target.connect() as connection,
        path.open("rb") as file,
        connection.cursor().copy(f"COPY {TABLE} FROM STDIN".encode()) as copy,
    ):
        while block := file.read(1 << 20):
            copy.write(block)
    settle(target)
    path.unlink()


def _lines(kinds: list[Column], rows: int) -> Iterator[str]:
    chance = random.Random(SEED)
    for key in range(1, rows + 1):
        values = ["\\N" if chance.random() < 0.05 else kind.make(chance) for kind in kinds]
        yield f"{key * 3}\t" + "\t".join(values) + "\n"
