"""What this login may not see. Both servers leave out of information_schema what a login has no right to, in silence.

Tables and columns without SELECT; the text of views without SHOW VIEW; triggers without TRIGGER, and with them, for a
login that may only select, foreign keys and checks; events without EVENT; routines without EXECUTE or another right to
them. A right that the whole database gives leaves nothing hidden. Sources: the manuals of both servers on SHOW GRANTS,
on roles and on wildcards in database names.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from kora.catalog import NotModelled
from kora.databases.base import Selection
from kora.databases.mariadb.products import Product
from kora.databases.mariadb.tables import Query
from kora.errors import EngineError

_QUOTED = r"`(?:[^`]|``)*`"
_GRANT = re.compile(
    rf"(?P<verb>GRANT|REVOKE) (?P<rights>(?:{_QUOTED}|[^`'])+?) ON (?P<database>\*|{_QUOTED})\.(?P<object>\*|{_QUOTED})"
    r" (?:TO|FROM) (?P<holder>\S+)",
    re.DOTALL,
)
_EVERYTHING = "ALL PRIVILEGES"
_READS_ALL = "SELECT ON *.*"
"""SELECT on every database, the servers' own tables among them."""
_ROUTINES = frozenset({"EXECUTE", "CREATE ROUTINE", "ALTER ROUTINE", "SHOW CREATE ROUTINE", "SHOW_ROUTINE", _READS_ALL})
_NO_GRANTS = "1290"
"""The server runs with --skip-grant-tables: everybody sees everything."""
_WILD = re.compile(r"[*?\[]")


@dataclass
class Rights:
    """What a login may do in one database: everywhere in it, and beyond that by table."""

    everywhere: set[str] = field(default_factory=set)
    by_table: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def holds(self, right: str, tables: Sequence[str] = ()) -> bool:
        """Whether a right holds everywhere, or on each of some tables."""
        if {right, _EVERYTHING} & self.everywhere:
            return True
        return bool(tables) and all({right, _EVERYTHING} & self.by_table[table] for table in tables)


def read_rights(query: Query, product: Product) -> Rights | None:
    """The rights of this session's login and of its active roles; None where the server keeps none."""
    database = str(query("SELECT DATABASE()")[0][0])
    statement = "SHOW GRANTS"
    if product.name == "MySQL":
        roles = str(query("SELECT CURRENT_ROLE()")[0][0])
        statement = statement if roles in ("", "NONE") else f"SHOW GRANTS FOR CURRENT_USER() USING {roles}"
    try:
        lines = [str(row[0]) for row in query(statement)]
    except EngineError as problem:
        if problem.sqlstate == _NO_GRANTS:
            return None
        raise
    return parse_grants(lines, database)


def parse_grants(lines: Sequence[str], database: str) -> Rights:
    """What lines of SHOW GRANTS say of one database.

    Of several patterns that match its name a server heeds only the closest: the name itself, else what all of them
    give. Rights on single columns count for nothing here.
    """
    rights = Rights()
    patterns: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for line in lines:
        found = _GRANT.match(line)
        if not found:
            continue  # a role, or an object of another kind
        named = {part.strip().upper() for part in _without_columns(found["rights"]).split(",")}
        place, target = _bare(found["database"]), _bare(found["object"])
        if found["verb"] == "REVOKE":
            if place == database:  # MySQL's restriction of a global right
                rights.everywhere -= named
        elif target != "*" and place == database:
            rights.by_table[target] |= named
        elif target == "*" and found["database"] == "*":
            rights.everywhere |= named | {_READS_ALL for right in named if right == "SELECT"}
        elif target == "*" and _matches(place, database):
            patterns[found["holder"]].setdefault(place, set()).update(named)
    for given in patterns.values():
        exact = given.get(database) or given.get(re.sub(r"([_%\\])", r"\\\1", database))
        rights.everywhere |= exact if exact is not None else set.intersection(*given.values())
    return rights


def _without_columns(rights: str) -> str:
    """The list of rights without those that speak of columns, which stand before parentheses."""
    return re.sub(rf"[A-Z ]+\((?:{_QUOTED}|[^`)])*\)", "", rights)


def _bare(name: str) -> str:
    return name[1:-1].replace("``", "`") if name.startswith("`") else name


def _matches(pattern: str, database: str) -> bool:
    """Whether a database's name fits one of a GRANT: `_` is any character, `%` any number; behind `\\`, themselves."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"_": ".", "%": ".*"}
    text = "".join(wild.get(part) or re.escape(part[-1]) for part in parts)
    return re.fullmatch(text, database, re.DOTALL) is not None


def read_hidden(query: Query, product: Product, selection: Selection, seen: Sequence[str]) -> list[NotModelled]:
    """The kinds of objects that may be there without this login seeing them, each with the GRANT that shows them.

    Args:
        query: Asks the server.
        product: Who answers.
        selection: Which tables; where each is named without wildcards, its own rights are enough.
        seen: The tables and views that the login sees of the selection.
    """
    rights = read_rights(query, product)
    if rights is None:
        return []
    database, login = (str(value) for value in query("SELECT DATABASE(), CURRENT_USER()")[0])
    place = "`" + database.replace("`", "``") + "`.*"

    def missing(right: str, what: str) -> str:
        return f"{login} does not see {what}: GRANT {right} ON {place} TO it"

    named = [] if not selection.tables or any(map(_WILD.search, selection.tables)) else list(seen)
    whole = rights.holds("SELECT", named)
    known = seen if whole else ()
    found = []
    if not whole:
        told = missing("SELECT", "tables and columns that it has no right to")
        found.append(NotModelled("hidden from this login", "tables and columns", told, hides="data"))
    if not rights.holds("SHOW VIEW", known):
        told = missing("SHOW VIEW", "what views are made of")
        found.append(NotModelled("hidden from this login", "views", told, hides="structure"))
    if not rights.holds("TRIGGER", known):
        told = missing("TRIGGER", "triggers, nor with SELECT alone foreign keys and checks")
        found.append(NotModelled("hidden from this login", "triggers, foreign keys, checks", told, hides="structure"))
    if not rights.holds("EVENT"):
        told = missing("EVENT", "events")
        found.append(NotModelled("hidden from this login", "events", told, hides="structure"))
    if not any(rights.holds(right) for right in _ROUTINES):
        told = missing("EXECUTE", "routines")
        found.append(NotModelled("hidden from this login", "routines", told, hides="structure"))
    return found
