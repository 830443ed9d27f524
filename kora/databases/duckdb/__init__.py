"""DuckDB files, read through the `duckdb` package alone."""

from kora.databases.duckdb.read import DuckDbDatabase, connect_in_memory, open_duckdb

__all__ = ["DuckDbDatabase", "connect_in_memory", "open_duckdb"]
