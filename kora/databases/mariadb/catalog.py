"""MariaDB's catalog, put together."""

from kora.catalog import Catalog
from kora.databases.base import Selection
from kora.databases.mariadb.objects import (
    read_not_modelled,
    read_routines,
    read_sequences,
    read_triggers,
    read_views,
)
from kora.databases.mariadb.rights import read_hidden
from kora.databases.mariadb.session import Server
from kora.databases.mariadb.tables import Query, read_tables

_FACTS = (
    "character_set_database",
    "collation_database",
    "lower_case_table_names",
    "auto_increment_increment",
    "auto_increment_offset",
    "max_allowed_packet",
    "system_time_zone",
)


def read_catalog(query: Query, server: Server, selection: Selection, outside: dict[str, str]) -> Catalog:
    """What a MariaDB or MySQL database holds, as far as this login sees it.

    Args:
        query: Runs a SELECT.
        server: Who answers.
        selection: Which tables.
        outside: Tables that stand outside the snapshot, and why.
    """
    found = read_tables(query, server.product, selection, outside)
    views = read_views(query, selection)
    seen = [table.name.name for table in found.tables] + [view.name.name for view in views]
    hidden = read_hidden(query, server.product, selection, seen)
    not_modelled = sorted(
        [*found.not_modelled, *read_not_modelled(query), *hidden],
        key=lambda item: (item.what, item.name, item.detail),
    )
    return Catalog(
        engine="mariadb",
        version=server.version,
        tables=found.tables,
        views=views,
        triggers=read_triggers(query, selection),
        routines=read_routines(query),
        sequences=read_sequences(query) if server.product.has_sequences else (),
        not_modelled=tuple(not_modelled),
        facts=_facts(query, server),
    )


def _facts(query: Query, server: Server) -> dict[str, str]:
    """Settings; and the collations that stand for a character set where nobody chose one."""
    facts = {name: str(query(f"SELECT @@{name}")[0][0]) for name in _FACTS}
    ordinary = {str(row[0]) for row in query("SELECT DEFAULT_COLLATE_NAME FROM information_schema.CHARACTER_SETS")}
    ordinary.add(facts["collation_database"])
    return {"product": server.product.name, **facts, "ordinary_collations": ",".join(sorted(ordinary))}
