"""docs/types.md: what becomes of every kind of every engine on every target, as the corpus found it.

`python -m tests.corpus.page` (`make types`) migrates the corpus between all engines and writes the page. Where the
tests talk to MySQL (`make types-mysql`), it migrates what begins or ends there, and writes docs/types-mysql.md.
"""

import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.corpus.kinds import Kind
from tests.corpus.moving import KINDS, PAIRS, TARGETS, Workplace
from tests.corpus.outcomes import Outcome, outcomes
from tests.mariadb_builds import product
from tests.mariadb_server import MariadbServer
from tests.servers import PostgresServer

TYPES_PAGE = Path(__file__).parents[2] / "docs" / ("types-mysql.md" if product() == "MySQL" else "types.md")
_NAMES = {
    "sqlite": "SQLite",
    "duckdb": "DuckDB",
    "postgresql": "PostgreSQL",
    "mariadb": product(),
    "parquet": "Parquet",
}
_HEAD = """# Types

What becomes of every kind of value on every target. Written by `make types` from a corpus of extreme and odd values
(`tests/corpus/`) that is migrated between all engines; a test migrates it again and compares. Each value was read on
both sides with the engines' own clients, and by KORA.

A cell says how a column arrives:

- `` `type` ``: under a type of the target's own, every value the same.
- `` `type` as `rule` ``: under a representation that computes back exactly ([rules.md](rules.md)).
- *`rule` changes n*: a policy changed so many of the corpus's values; each is in the loss ledger and needs an approval.
- *n of m quarantined*: the target cannot hold those values; the plan says so, and the rows are set aside by key.
- *refused*: the column stays behind. The plan and the list below the table say why.

What a plan chooses depends on the values that it finds: a kind whose odd values are in a row of their own (`date_far`)
may arrive otherwise than the same kind without them (`date`).
"""

_HEAD_OF_MYSQL = """# Types of MySQL

What [types.md](types.md) says of all engines, for MySQL: every kind of every engine on MySQL, and MySQL's kinds on
every engine. Written by `make types-mysql` and compared by `make test-mysql`, both with the MySQL of Debian's unstable
suite; cells read as there. What else is different: [mysql.md](mysql.md). A plan's words are MariaDB's: on MySQL, `uuid`
becomes `char(36) character set ascii`, `inet4` and `inet6` become `varchar`, and `json` becomes `longtext`, since
MySQL's own JSON type forgets the order of keys, white space and the spelling of numbers.
"""


def page(found: Mapping[tuple[str, str], Sequence[Outcome]]) -> str:
    """The whole page."""
    head = _HEAD_OF_MYSQL if product() == "MySQL" else _HEAD
    return "\n".join([head, *(_section(source, found) for source in KINDS)])


def cells(text: str, source: str, target: str) -> dict[str, str]:
    """One column of a page by kind: what it says of this pair."""
    section = re.split("^## ", text, flags=re.MULTILINE)[1 + list(KINDS).index(source)]
    rows = [re.split(r"(?<!\\) \| ", line.strip("|\n ")) for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[2 + _targets(source).index(target)] for row in rows}


def _targets(source: str) -> list[str]:
    return [target for target in TARGETS if (source, target) in PAIRS]


def cell(outcome: Outcome) -> str:
    """An outcome as it stands in a table."""
    if outcome.refused:
        return "refused"
    text = f"`{_short(outcome.target_type)}`"
    if outcome.rules:
        text += " as " + ", ".join(f"`{_short(rule)}`" for rule in outcome.rules)
    for rule, count in outcome.changed.items():
        text += f"; `{rule}` changes {count}"
    if outcome.quarantined:
        text += f"; {outcome.quarantined} of {len(outcome.kind.literals)} quarantined"
    return text.replace("|", "\\|")


def _short(name: str) -> str:
    """A type or a rule; labels and members are left away."""
    return re.sub(r"(?i)^(enum|set)\(.*\)", r"\1(…)", re.sub(r"^(structured_json)\(.*\)$", r"\1", name))


def _section(source: str, found: Mapping[tuple[str, str], Sequence[Outcome]]) -> str:
    targets = _targets(source)
    columns = [found[source, target] for target in targets]
    head = ["kind", "declared as", *(_NAMES[target] for target in targets)]
    lines = [f"## From {_NAMES[source]}", "", _row(head), _row(["---"] * len(head))]
    reasons: dict[str, None] = {}
    for index, kind in enumerate(KINDS[source]):
        row = [column[index] for column in columns]
        lines.append(_row([f"`{kind.name}`", _declared(kind), *map(cell, row)]))
        reasons |= {
            f"- `{kind.name}` on {_NAMES[target]}: {outcome.refused}": None
            for target, outcome in zip(targets, row, strict=True)
            if outcome.refused
        }
    return "\n".join([*lines, "", *(["Refused:", "", *reasons, ""] if reasons else [])])


def _declared(kind: Kind) -> str:
    return f"`{_short(kind.declared)}`" if kind.declared else "no type"


def _row(values: Sequence[str]) -> str:
    return "| " + " | ".join(values) + " |"


def _write() -> None:
    with tempfile.TemporaryDirectory() as folder, PostgresServer() as postgres, MariadbServer() as mariadb:
        os.environ["SENSEI_HOME"] = f"{folder}/sensei-home"
        workplace = Workplace(Path(folder), postgres, mariadb)
        found = {pair: outcomes(workplace.move(*pair), KINDS[pair[0]]) for pair in PAIRS}
    TYPES_PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    _write()
