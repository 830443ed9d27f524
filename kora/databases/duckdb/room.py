"""How much memory DuckDB may take while a file is read: little, and more only while large rows pass.

DuckDB keeps what it has read for as long as there is room. Room that was made for one large row would so hold the one
before it as well; it is taken away after each, and given again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import duckdb


class Room:
    """The memory limit of one DuckDB instance, whichever streams are being read from it."""

    def __init__(self, execute: Callable[[str], object], usual_bytes: int) -> None:
        self._execute = execute
        self._usual_bytes = self._limit_bytes = usual_bytes
        self._lock = Lock()
        self._readers = 0

    def widen(self, size_bytes: int) -> None:
        """Allows this much from now on, if it is more than before."""
        with self._lock:
            self._usual_bytes = max(self._usual_bytes, size_bytes)
            self._set(max(self._limit_bytes, size_bytes))

    @contextmanager
    def widened(self, size_bytes: int) -> Iterator[None]:
        """Allows this much for a while; beside other such readers, as much as the one that wants most."""
        with self._lock:
            self._readers += 1
            self._set(max(self._limit_bytes, size_bytes))
        try:
            yield
        finally:
            with self._lock:
                self._readers -= 1
                if not self._readers:
                    self._lower()

    def empty(self) -> None:
        """Makes DuckDB forget what it keeps of rows that were taken over, unless another reader may need the room."""
        with self._lock:
            if self._readers == 1:
                before = self._limit_bytes
                self._lower()
                self._set(before)

    def _lower(self) -> None:
        # What another query holds just now cannot be taken away; a closed connection holds nothing.
        with suppress(duckdb.OutOfMemoryException, duckdb.ConnectionException):
            self._set(self._usual_bytes // 8)
            self._set(self._usual_bytes)

    def _set(self, size_bytes: int) -> None:
        if size_bytes != self._limit_bytes:
            self._execute(f"SET GLOBAL memory_limit = '{size_bytes >> 20}MiB'")
            self._limit_bytes = size_bytes
