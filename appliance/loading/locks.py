"""One run per target at a time, held in the target itself: whatever it is called, and from whichever home it is meant.

Both locks are the kernel's or the server's: they die with the process that holds them.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kora.errors import Busy
from kora.evidence.files import cannot_write

if TYPE_CHECKING:
    import psycopg

_ADVISORY_KEY = 0x53454E5345490001
"""The letters SENSEI and a version: one advisory lock per database of a server."""
_PATIENCE = "3s"
"""A killed run's session ends as soon as the server hears of it: so long another may take to be really there."""


@contextmanager
def file_lock(path: Path, named: str) -> Iterator[None]:
    """Locks a database file by a hidden file beside it, which is there only as long as the lock.

    Symbolic links are followed first, so that all spellings of a path meet. A folder that nothing can be written to
    is not locked: no run gets further there than its preflight.

    Raises:
        Busy: Another process migrates into the same file.
    """
    real = path.resolve()
    beside = real.with_name(f".{real.name}.sensei-lock")
    handle = _acquire(beside, named)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                beside.unlink()
            os.close(handle)


def _acquire(beside: Path, named: str) -> int | None:
    while True:
        try:
            handle = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            if os.access(beside.parent, os.W_OK):
                raise taken(named, "another user's run") from error
            return None
        except OSError as error:
            if os.statvfs(beside.parent).f_flag & os.ST_RDONLY:
                return None
            raise cannot_write(beside, error, "the target's folder must be writable") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(handle)
            raise taken(named) from error
        if _is_still_there(handle, beside):
            return handle
        os.close(handle)  # its last holder removed it between our opening and our locking


def _is_still_there(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def advisory_lock(connect: "Callable[[], psycopg.Connection[tuple[Any, ...]]]", named: str) -> Iterator[None]:
    """Locks a PostgreSQL database by an advisory lock in a session of its own, whatever URL leads there.

    Raises:
        Busy: Another session holds it, for longer than a killed run's session takes to end.
    """
    from psycopg import errors

    with closing(connect()) as connection:
        connection.autocommit = True
        connection.execute(f"SET lock_timeout = '{_PATIENCE}'")
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (_ADVISORY_KEY,))
        except errors.LockNotAvailable as error:
            raise taken(named) from error
        yield


def taken(named: str, who: str = "another run") -> Busy:
    """The error of whoever comes second."""
    return Busy(f"{who} is writing to {named}", hint="wait for it to end, or see `sensei runs` of whoever started it")
