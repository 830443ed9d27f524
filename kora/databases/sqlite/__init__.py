"""SQLite files, read through the core's own SQLite library."""

from kora.databases.sqlite.read import SqliteDatabase, open_sqlite

__all__ = ["SqliteDatabase", "open_sqlite"]
