"""A time limit for the queries of others where the engine keeps none of its own: a clock that interrupts it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer


class Clock:
    """Interrupts what runs too long. One query at a time; of one thread."""

    def __init__(self) -> None:
        self._seconds: int | None = None
        self._timer: Timer | None = None

    @contextmanager
    def limit(self, seconds: int) -> Iterator[None]:
        """Until the block ends, each query has so long from its `start` to the next one's."""
        self._seconds = seconds
        try:
            yield
        finally:
            self._seconds = None
            self._stop()

    def start(self, interrupt: Callable[[], None]) -> None:
        """A query begins; the one before has ended."""
        self._stop()
        if self._seconds is not None:
            self._timer = Timer(self._seconds, interrupt)
            self._timer.daemon = True
            self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None
