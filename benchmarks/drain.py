"""Reads one table to its end and drops it, as barely as its engine allows. Arguments: engine, place, SELECT.

`sqlite`: `sqlite3_exec` of SQLite's own library without a callback: every row is stepped to and every column is decoded
into a register, in C; nothing is copied out or printed. `duckdb`: Arrow batches, drained. `parquet`: the same, by
DuckDB's reader of Parquet; the SELECT names the file. Prints the seconds from opening to the end.
"""

import ctypes
import ctypes.util
import sys
import time
from collections.abc import Callable

_SQLITE_OPEN_READONLY = 1
Drain = Callable[[str, str], None]


def main() -> None:
    """Drains what the arguments name."""
    engine, place, sql = sys.argv[1:]
    drain = _sqlite() if engine == "sqlite" else _duckdb(read_only=engine == "duckdb")
    started = time.perf_counter()
    drain(place, sql)
    print(time.perf_counter() - started)


def _sqlite() -> Drain:
    library = ctypes.CDLL(ctypes.util.find_library("sqlite3") or "libsqlite3.so.0")

    def drain(place: str, sql: str) -> None:
        handle = ctypes.c_void_p()
        code = library.sqlite3_open_v2(place.encode(), ctypes.byref(handle), _SQLITE_OPEN_READONLY, None)
        code = code or library.sqlite3_exec(handle, sql.encode(), None, None, None)
        if code:
            raise OSError(f"SQLite failed with code {code}")

    return drain


def _duckdb(*, read_only: bool) -> Drain:
    import duckdb
    import pyarrow  # type: ignore[import-untyped]  # noqa: F401  loaded here, so that its loading is not measured

    def drain(place: str, sql: str) -> None:
        with duckdb.connect(place, read_only=read_only) as connection:
            for batch in connection.sql(sql).to_arrow_reader():
                del batch

    return drain


if __name__ == "__main__":
    main()
