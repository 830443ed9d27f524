"""Folders of Parquet files, read through DuckDB's built-in reader; the record that an export of ours lays beside them."""

from kora.databases.parquet.read import ParquetDatabase, open_parquet

__all__ = ["ParquetDatabase", "open_parquet"]
