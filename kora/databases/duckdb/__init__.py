"""DuckDB files, read through the `duckdb` package alone."""

from kora.databases.duckdb.read import DuckDbDatabase, open_duckdb

__all__ = ["DuckDbDatabase", "open_duckdb"]
