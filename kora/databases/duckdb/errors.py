"""DuckDB's exceptions as this project's. The classes are DuckDB's own; within IOException only the words tell."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from kora.errors import (
    AccessDenied,
    Busy,
    EngineError,
    FileProblem,
    LimitExceeded,
    MalformedInput,
    SenseiError,
    Stopped,
)
from kora.scratch_folders import HINT, process_folder

_DAMAGED = ("not a valid DuckDB", "enough bytes", "Corrupt database", "version number", "checksum", "Serialization")
_NO_ROOM = ("No space left on device", "max_temp_directory_size")
"""What DuckDB says where the disk it spills to is full, or nearly so. Nothing else is written where it only reads."""


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raises what DuckDB raises inside as a `SenseiError` that names the place."""
    try:
        yield
    except duckdb.Error as error:
        raise translate(error, place) from error


def translate(error: duckdb.Error, place: str) -> SenseiError:
    """The error of this project for one of DuckDB's."""
    message = f"duckdb: {place}: {error}"
    text = str(error)
    if isinstance(error, duckdb.ConnectionException) and "different configuration" in text:
        return Busy(f"{place} is open for writing in this process", hint="close the writer first")
    if isinstance(error, duckdb.IOException) and "lock" in text.lower():
        return Busy(message, hint="another program has this file open for writing: close it, then try again")
    damaged = isinstance(error, duckdb.SerializationException | duckdb.FatalException | duckdb.InternalException)
    if damaged or any(word in text for word in _DAMAGED):
        return MalformedInput(message)
    if any(words in text for words in _NO_ROOM):
        told = text.partition("\n")[0]  # the rest is advice about settings that nobody can reach
        full = f"{process_folder()}: the disk is full, temporary data cannot be kept there"
        return Busy(f"{full}: duckdb: {place}: {told}", hint=HINT)
    if isinstance(error, duckdb.OutOfMemoryException):
        return LimitExceeded(message, hint="free memory or disk for temporary files, then try again")
    if isinstance(error, duckdb.InterruptException):
        return Stopped(message)
    if isinstance(error, duckdb.PermissionException):
        return AccessDenied(message)
    return FileProblem(message) if isinstance(error, duckdb.IOException) else EngineError(message)
