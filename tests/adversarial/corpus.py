"""Reads `cases.yaml`, and makes a case's two tables on a PostgreSQL server."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

from tests.servers import PASSWORD, Database, PostgresServer

CASES_FILE = Path(__file__).with_name("cases.yaml")
Truth = Literal["different", "same"]
_ICU = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"


@dataclass(frozen=True)
class Case:
    """One case; the fields are described at the head of `cases.yaml`."""

    name: str
    truth: Truth
    lure: str
    left: tuple[str, ...]
    right: tuple[str, ...]
    settings: dict[str, str] = field(default_factory=dict)
    rules: tuple[dict[str, Any], ...] = ()
    restricted: bool = False
    kora: str = ""
    options: dict[str, list[str]] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """What KORA must say about the table."""
        return self.kora or {"different": "different", "same": "equivalent"}[self.truth]

    @property
    def alone(self) -> bool:
        """Whether it needs databases of its own, because of a setting or a login."""
        return bool(self.settings or self.restricted)

    @property
    def digest(self) -> str:
        """SHA-256 over all that a peer's answer depends on, 16 hex digits: an answer to another text is stale."""
        body = [self.left, self.right, self.settings, self.restricted, self.options, self.rules]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16]


@cache
def cases() -> tuple[Case, ...]:
    """All cases, in the order of the file."""
    entries = yaml.safe_load(CASES_FILE.read_text(encoding="utf-8"))["cases"]
    return tuple(
        Case(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
        for entry in entries
    )


def make(case: Case, server: PostgresServer) -> tuple[str, str]:
    """Both tables, each in a fresh database. Returns the URLs under which a verifier is to look at them."""
    left = server.create_database("TEMPLATE template0")
    icu = case.settings.get("locale") == "icu"
    right = server.create_database(_ICU if icu else "TEMPLATE template0")
    name = right.settings["dbname"]
    for setting, value in case.settings.items():
        if setting != "locale":
            right.execute(f"ALTER DATABASE {name} SET {setting} = '{value}'")
    left.execute(*case.left)
    right.execute(*case.right)
    return left.url, (_reader(right).url if case.restricted else right.url)


def _reader(database: Database) -> Database:
    """A login that may read everything of a database and owns nothing, so that policies bind it."""
    name = f"reader_{database.settings['dbname']}"
    database.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"
    )
    return Database({**database.settings, "user": name})


def make_together(shared: tuple[Case, ...], server: PostgresServer) -> tuple[str, str]:
    """The tables of many cases in one pair of databases, each in a schema of its own: `schema_of` names it."""
    urls = []
    for side in ("left", "right"):
        database = server.create_database()
        with database.connect(autocommit=False) as connection:
            for case in shared:
                connection.execute(f"CREATE SCHEMA {schema_of(case)}".encode())
                connection.execute(f"SET search_path = {schema_of(case)}".encode())
                for statement in case.left if side == "left" else case.right:
                    connection.execute(statement.encode())
        urls.append(database.url)
    return urls[0], urls[1]


def schema_of(case: Case) -> str:
    """A schema's name for a case."""
    return f"case_{cases().index(case):03}"
