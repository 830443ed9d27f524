"""Whole files or none: what is written here is either the old content or the new one, also after a power cut."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kora.errors import Busy, FileProblem, LimitExceeded

_PIECE_BYTES = 1 << 20
_NAMELESS: int = getattr(os, "O_TMPFILE", 0)
_DESCRIPTORS = Path("/proc/self/fd")


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file's content: temporary file beside it, fsync, rename, fsync of the folder.

    Raises:
        FileProblem, Busy: The folder cannot be written to, or the disk is full.
            The old file, if any, is untouched and no temporary remains.
    """
    temporary = _write_temporary(path, data, mode)
    try:
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


@contextmanager
def replace_by(path: Path, *, mode: int = 0o644) -> Iterator[BinaryIO]:
    """A file to be written piece by piece that takes the place of `path` when the block ends without an error.

    Raises:
        FileProblem, Busy: As `write_atomically`; the old file is untouched and no temporary remains.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(_opened(temporary, mode), "wb") as file:
            yield file
            _finish(file, temporary)
        temporary.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def create_once(path: Path, data: bytes, *, mode: int = 0o600) -> bool:
    """Create a file that must not exist yet; False if another process or an earlier run has made it."""
    temporary = _write_temporary(path, data, mode)
    try:
        os.link(temporary, path)
        _sync_directory(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    return True


def make_directory(path: Path, *, mode: int = 0o755) -> None:
    """Create a folder with its parents; one that exists is left as it is."""
    try:
        path.mkdir(mode=mode, parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error


def read_line_bounded(path: Path, limit_bytes: int) -> bytes:
    """A file's first line with its line feed, at most `limit_bytes` of it. Raises as `read_bounded`."""
    try:
        with path.open("rb") as file:
            data = file.readline(limit_bytes + 1)
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit_bytes:
        raise LimitExceeded(f"{path} is larger than {limit_bytes:,} bytes, more than such a file ever has")
    return data


def read_bounded(path: Path, limit_bytes: int) -> bytes:
    """A file's content, at most `limit_bytes` of it.

    Raises:
        FileProblem: It cannot be read.
        LimitExceeded: It is larger.
    """
    try:
        with path.open("rb") as file:
            data = _at_most(file, limit_bytes + 1)
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit_bytes:
        raise LimitExceeded(f"{path} is larger than {limit_bytes:,} bytes, more than such a file ever has")
    return data


def _at_most(file: BinaryIO, limit_bytes: int) -> bytes:
    """Piece by piece, since a read of so many bytes takes room for all of them at once."""
    pieces: list[bytes] = []
    while limit_bytes > 0 and (piece := file.read(min(_PIECE_BYTES, limit_bytes))):
        pieces.append(piece)
        limit_bytes -= len(piece)
    return b"".join(pieces)


def _write_temporary(path: Path, data: bytes, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(_opened(temporary, mode), "wb") as file:
            file.write(data)
            _finish(file, temporary)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise cannot_write(path, error) from error
    return temporary


def _opened(temporary: Path, mode: int) -> int:
    """A file to write; without a name yet where the system has such files: if this process is killed, it is gone."""
    if _NAMELESS and _DESCRIPTORS.is_dir():
        try:
            return os.open(temporary.parent, os.O_WRONLY | _NAMELESS, mode)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
                raise
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)


def _finish(file: BinaryIO, temporary: Path) -> None:
    """All of it on the disk, and under its name."""
    file.flush()
    os.fsync(file.fileno())
    if not os.fstat(file.fileno()).st_nlink:
        # A folder's descriptor makes Python call linkat, which follows the link; beside a whole path it says nothing.
        os.link(_DESCRIPTORS / str(file.fileno()), temporary, src_dir_fd=file.fileno())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cannot_write(path: Path, error: OSError, hint: str = "") -> FileProblem | Busy:
    """The typed error for a file that could not be written: a full disk passes, all else needs another file."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Busy(f"{path} cannot be written: the disk is full", hint="free some disk space, then go on")
    return FileProblem(f"{path} cannot be written: {error.strerror}", hint=hint)
