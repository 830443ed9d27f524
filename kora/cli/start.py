"""Ctrl-C while the program itself is still being loaded, or is about to end. This module must load in no time."""

import os
import signal
from types import FrameType

from kora.exit_codes import ExitCode

_MESSAGE = b"error: stopped before it was done\nhint: nothing was begun, or all was finished; run the command again\n"


def end_on_interrupt() -> None:
    """Until `raise_on_interrupt`, Ctrl-C ends the process with two lines and code 4, wherever it is.

    Outside the commands nothing is open that an exception would have to close, and nobody catches one. A process that
    was told to be deaf to Ctrl-C stays so. Only the main thread may call this.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_on_interrupt() -> None:
    """Undoes `end_on_interrupt`: Ctrl-C is a KeyboardInterrupt again. Without it nothing happens."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    try:
        os.write(2, _MESSAGE)
    finally:
        os._exit(ExitCode.TRY_AGAIN)
