"""Folders of Parquet files, read by DuckDB's built-in reader, and the record that our exports lay beside them."""

from kora.databases.parquet.read import ParquetDatabase, open_parquet

__all__ = ["ParquetDatabase", "open_parquet"]
