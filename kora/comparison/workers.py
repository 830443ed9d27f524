"""How many threads read a side, where nobody says it."""

import os
from typing import Literal

from kora.databases.base import Lanes
from kora.errors import InvalidRequest
from kora.limits import MOST_WORKERS

MOST_BY_ITSELF = 8
"""More sessions than this are opened on nobody's server unasked."""


def lanes_for(workers: int | None, *, sides: Literal[1, 2] = 2) -> Lanes:
    """The lanes of each side: as many as were asked for, else its share of this process's processors, at most 8.

    Args:
        workers: What was asked for; None where nobody did.
        sides: How many are read at the same time.

    Raises:
        InvalidRequest: Fewer than 1 or more than 64 were asked for.
    """
    if workers is None:
        return Lanes(max(1, min(_processors() // sides, MOST_BY_ITSELF)))
    if not 1 <= workers <= MOST_WORKERS:
        raise InvalidRequest(f"1 to {MOST_WORKERS} workers read a side, not {workers}")
    return Lanes(workers)


def _processors() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
