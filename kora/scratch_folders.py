"""Folders for temporary data: made for one process, gone with it, and, where it was killed, removed by the next one.

A folder has mode 0700 and holds a file `owner`, which its process keeps under an exclusive flock: the kernel lets go of
that lock however the process ends, and takes no other process for it as a reused process id would. Whoever makes a
folder first removes those beside it whose lock is free. On a file system without such locks nothing is removed.
"""

import atexit
import errno
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Lock

from kora.errors import Busy, FileProblem

PREFIX = "sensei-scratch-"
HINT = "free some room there, or choose another folder: SENSEI_SPILL_DIRECTORY for sorted digests, TMPDIR for the rest"
_OWNER = "owner"
_NOT_YET_OWNER = "owner.new"
_WITHOUT_LOCK = "owner.unlocked"
_ONE_AT_A_TIME = Lock()
"""Two sides of a comparison are opened at once."""
_DATA = "data"
"""What lies below goes first and as a whole: whoever still writes then has nowhere to write to."""
_YOUNG_SECONDS = 3600
"""A folder without owner is in the making for so long; that takes a moment, but clocks are set."""
_MOST_NAMES = 100_000
_MOST_FOLDERS = 300


class ScratchFolder:
    """A folder of this process's own, at `path`, from its making until `remove`.

    Args:
        parent: Where it is made; the system's temporary folder if None.

    Raises:
        FileProblem, Busy: It cannot be made. Nothing is left of it then.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._process, self._owner = os.getpid(), -1
        try:
            place = (parent or Path(tempfile.gettempdir())).absolute()
            _sweep(place)
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        except OSError as error:
            raise unwritable(parent or Path("the folder for temporary files"), error) from error
        self.path = self._folder / _DATA
        try:
            self._owner = _claimed(self._folder)
            self.path.mkdir(mode=0o700)
        except OSError as error:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise unwritable(place, error) from error

    def remove(self) -> None:
        """Removes it with all it holds; what cannot be removed now is left to a later process. A fork does nothing."""
        if os.getpid() != self._process or self._owner < 0:
            return
        with suppress(OSError):
            folder = _opened(self._folder)
            try:
                _empty(folder)
                self._folder.rmdir()
            finally:
                os.close(folder)
        os.close(self._owner)
        self._owner = -1


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """A `ScratchFolder` until the block ends. Raises `FileProblem`, `Busy`."""
    folder = ScratchFolder(parent)
    try:
        yield folder.path
    finally:
        folder.remove()


def process_folder() -> Path:
    """One folder for the whole process, in the system's temporary folder; removed as it ends.

    Where none can be made, a name that does not exist: who needs the room is refused when it is needed.
    """
    with _ONE_AT_A_TIME:
        return _process_folder()


@cache
def _process_folder() -> Path:
    try:
        folder = ScratchFolder()
    except (FileProblem, Busy):
        return Path(tempfile.gettempdir()) / f"{PREFIX}{secrets.token_hex(8)}"
    atexit.register(folder.remove)
    return folder.path


def _begin_child() -> None:
    """A fork is a process of its own, and makes a folder of its own."""
    _process_folder.cache_clear()
    _ONE_AT_A_TIME.release()


os.register_at_fork(before=_ONE_AT_A_TIME.acquire, after_in_parent=_ONE_AT_A_TIME.release, after_in_child=_begin_child)


@contextmanager
def naming(folder: Path) -> Iterator[None]:
    """Raises what the file system refuses inside as `unwritable` says; only what writes into `folder` belongs there."""
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> FileProblem | Busy:
    """The error for temporary data that `folder` does not take: a full disk passes."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Busy(f"{folder}: the disk is full, temporary data cannot be written", hint=HINT)
    return FileProblem(f"{folder}: temporary data cannot be written: {error.strerror or error}", hint=HINT)


def _claimed(folder: Path) -> int:
    """The locked owner file's descriptor. It has its name only once it is locked: one that is not has no owner."""
    made = folder / _NOT_YET_OWNER
    descriptor = os.open(made, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, "\n".join(_this_machine()).encode())
        made.rename(folder / (_OWNER if _is_locked(descriptor) else _WITHOUT_LOCK))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_locked(descriptor: int) -> bool:
    """Takes the lock if that is possible here and now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sweep(parent: Path) -> None:
    """Removes what killed processes left in a folder, as far as it is found in bounded time. Never fails."""
    with suppress(OSError):
        with os.scandir(parent) as entries:
            names = [entry.name for entry in islice(entries, _MOST_NAMES) if entry.name.startswith(PREFIX)]
        # Another choice each time: folders that may not be removed do not keep the rest from being found.
        for name in secrets.SystemRandom().sample(names, min(len(names), _MOST_FOLDERS)):
            with suppress(OSError):
                _remove_left(parent / name)


def _remove_left(path: Path) -> None:
    """Removes a folder if it is this user's and its process is gone."""
    folder = _opened(path)
    try:
        facts = os.fstat(folder)
        if facts.st_uid != os.geteuid():
            return
        with suppress(FileNotFoundError):
            _empty_if_left(folder, _OWNER)
            path.rmdir()
            return
        if time.time() - facts.st_mtime > _YOUNG_SECONDS:
            with suppress(FileNotFoundError):
                _empty_if_left(folder, _NOT_YET_OWNER)
            path.rmdir()
    finally:
        os.close(folder)


def _empty_if_left(folder: int, name: str) -> None:
    """Empties a folder whose owner's lock is free. Raises `OSError` where it is not, or the file is not ours."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK
    owner = os.open(name, flags, dir_fd=folder)
    try:
        facts = os.fstat(owner)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "not this user's", name)
        if not _is_of_this_machine(os.read(owner, 4096)):
            raise PermissionError(errno.EPERM, "another machine's", name)
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Its name may be gone: then another process was faster, and what has the name now is somebody's.
        if os.fstat(owner).st_nlink:
            _empty(folder)
    finally:
        os.close(owner)


def _empty(folder: int) -> None:
    """Removes all a folder holds, the owner file last: a folder that is half empty has an owner, and is found again."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in sorted(found, key=lambda each: each[0].startswith(_OWNER)):
        if is_folder:
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def _opened(path: Path) -> int:
    """A folder, never what a link leads to."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


@cache
def _this_machine() -> tuple[str, str]:
    """The running kernel and the installation: a mounted folder may take locks that other machines do not see."""
    return _first_line("/proc/sys/kernel/random/boot_id"), _first_line("/etc/machine-id") or os.uname().nodename


def _is_of_this_machine(owner: bytes) -> bool:
    """The kernel is another one after a restart; containers on one kernel are installations of their own."""
    there = owner.decode(errors="replace").split("\n")
    return any(each and each == other for each, other in zip(_this_machine(), there, strict=False))


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123  bounded: one line
            return file.readline(256).strip()
    except (OSError, ValueError):
        return ""
