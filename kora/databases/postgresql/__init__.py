"""PostgreSQL 13 and later: catalog and rows through the core's own wire protocol, rows as COPY BINARY."""

from kora.databases.postgresql.read import PostgresDatabase, open_postgresql

__all__ = ["PostgresDatabase", "open_postgresql"]
