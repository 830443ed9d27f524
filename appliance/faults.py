"""Named places where a crash test may kill this process.

`reached` stands before and after every commit of every stage. It does nothing until `arm` was called, which only the
command line's entry does, and only when the settings name a fault point.
"""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass
class _Armed:
    point: str = ""
    countdown: int = 0
    trace: Path | None = None


_armed = _Armed()


def arm(specification: str, trace: Path | None = None) -> None:
    """Kills this process with SIGKILL when a fault point is reached for the n-th time.

    Args:
        specification: `point` or `point:n` (n from 1); empty for none.
        trace: A file that receives the name of each point as it is reached, one per line.
    """
    point, _, count = specification.partition(":")
    _armed.point, _armed.countdown, _armed.trace = point, int(count or 1), trace


def reached(point: str) -> None:
    """Marks a place; dies there if that was asked for."""
    if _armed.trace is not None:
        with _armed.trace.open("a") as trace:
            trace.write(f"{point}\n")
            trace.flush()
    if _armed.point != point:
        return
    _armed.countdown -= 1
    if _armed.countdown == 0:
        os.kill(os.getpid(), signal.SIGKILL)
