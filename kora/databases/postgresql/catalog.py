"""PostgreSQL's catalog, put together."""

from kora.catalog import Catalog
from kora.databases.base import Selection
from kora.databases.postgresql.objects import (
    read_composites,
    read_domains,
    read_enums,
    read_not_modelled,
    read_ranges,
    read_routines,
    read_sequences,
    read_triggers,
    read_views,
)
from kora.databases.postgresql.tables import Query, read_tables, read_types

_PROVIDERS = {"b": "builtin", "i": "icu"}
"""Who else than the C library orders a database's text: then `locale` decides, not `collation`."""
_FACTS = ("server_encoding", "TimeZone", "lc_monetary", "max_identifier_length", "block_size", "wal_level")


def read_catalog(query: Query, server_version: int, selection: Selection) -> Catalog:
    """What a PostgreSQL database holds, as far as this login sees it.

    Args:
        query: Runs a SELECT within the snapshot.
        server_version: As `server_version_num`: 150004.
        selection: Which tables.
    """
    types = read_types(query)
    return Catalog(
        engine="postgresql",
        version=str(query("SHOW server_version")[0][0]),
        tables=read_tables(query, types, selection, server_version),
        views=read_views(query, selection),
        triggers=read_triggers(query, selection),
        routines=read_routines(query),
        sequences=read_sequences(query),
        enums=read_enums(query),
        domains=read_domains(query, types),
        composites=read_composites(query, types),
        ranges=read_ranges(query, types),
        not_modelled=read_not_modelled(query),
        facts=_facts(query),
    )


def _facts(query: Query) -> dict[str, str]:
    facts = {name: str(query(f"SELECT current_setting('{name}')")[0][0]) for name in _FACTS}
    # Columns that came and were renamed between 15 and 17 are asked for through JSON.
    collation, character_type, provider, locale = query(
        "SELECT datcollate, datctype, coalesce(to_jsonb(d) ->> 'datlocprovider', 'c'),"
        " coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale')"
        " FROM pg_database d WHERE datname = current_database()"
    )[0]
    facts |= {"collation": str(collation), "character_type": str(character_type)}
    if provider != "c":
        facts |= {"collation_provider": _PROVIDERS.get(str(provider), str(provider)), "locale": str(locale)}
    return facts
