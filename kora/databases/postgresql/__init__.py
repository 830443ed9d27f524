"""PostgreSQL 13 and later: catalog through psycopg, rows through the core's own COPY BINARY reader."""

from kora.databases.postgresql.read import PostgresDatabase, open_postgresql

__all__ = ["PostgresDatabase", "open_postgresql"]
