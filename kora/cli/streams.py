"""stdout and stderr of a process whose exit code is a verdict: neither a reader that has gone, nor a full disk, nor a
terminal of few characters may change it into another one.

A reader who closes a pipe has seen enough, and the verdict stands. Any other failure of stdout means that the report
was not given, which `Streams.finish` says. Characters that an encoding lacks are written otherwise.
"""

import codecs
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from kora.errors import Busy, FileProblem, SenseiError

_ERRORS = "kora-plain"
_PLAIN = {
    "✓": "+", "✗": "x", "≠": "!=", "≈": "~", "→": "->", "–": "-", "−": "-", "…": "...", "·": "-", "⟨": "<", "⟩": ">",
}  # fmt: skip
"""The signs of reports, as an ASCII terminal can show them. All else becomes `\\x..`, `\\u....`: names stay apart."""


class _Lasting(io.FileIO):
    """A descriptor that takes what is written to it, also when nobody does any more; what happened is kept."""

    failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write, or drop what cannot be written: after the first failure all of it."""
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
        return memoryview(data).nbytes


class Streams:
    """Both streams of this process while `lasting_streams` is open."""

    def __init__(self, stdout: TextIO, raw: _Lasting) -> None:
        self._stdout, self._raw = stdout, raw

    def finish(self) -> SenseiError | None:
        """Writes what is still held; the error to print where the report did not get through, None where it did."""
        self._stdout.flush()
        failure = self._raw.failure
        if failure is None or failure.errno == errno.EPIPE:
            return None
        if failure.errno in (errno.ENOSPC, errno.EDQUOT):
            return Busy(
                "the report could not be printed: the disk under stdout is full",
                hint="free some disk space, then run the command again",
            )
        return FileProblem(f"the report could not be printed: {failure.strerror}", hint="name another place for stdout")


@contextmanager
def lasting_streams() -> Iterator[Streams]:
    """Puts streams of this module in the place of stdout and stderr until the block ends."""
    _open_standard_descriptors()
    codecs.register_error(_ERRORS, _plain)
    kept = sys.stdout, sys.stderr
    raw = _Lasting(1, "w", closefd=False)
    sys.stdout = _text(raw, kept[0], line_buffering=os.isatty(1))
    sys.stderr = _text(_Lasting(2, "w", closefd=False), kept[1], line_buffering=True)
    try:
        yield Streams(sys.stdout, raw)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdout, sys.stderr = kept


def _open_standard_descriptors() -> None:
    """What was closed by `>&-` is the null device: else the next file opened, a database, would be stdout."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _text(raw: _Lasting, like: TextIO | None, *, line_buffering: bool) -> TextIO:
    """A text stream in another's encoding; UTF-8 where there was none. No byte is held back that the other held."""
    if like is not None:
        like.flush()
    encoding = like.encoding if like is not None else "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors=_ERRORS, line_buffering=line_buffering)


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    pieces = []
    for sign in error.object[error.start : error.end]:
        pieces.append(_PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode())
    return "".join(pieces), error.end
