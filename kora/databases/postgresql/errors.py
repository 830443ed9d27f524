"""A server's refusals as this project's errors, by SQLSTATE. Source: PostgreSQL manual, appendix A."""

from collections.abc import Iterator
from contextlib import contextmanager

from kora.errors import AccessDenied, Busy, ConnectionLost, EngineError, InvalidRequest, SenseiError, Stopped

_BUSY = frozenset({"53100", "53200", "53300", "55P03", "55006", "57P03", "40001", "40P01"})
_LOST = frozenset({"57P01", "57P02", "57P05", "25P03"})


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raises what the core's session says of a failed statement as the error that it means, with the place."""
    try:
        yield
    except EngineError as problem:
        raise by_state(problem.sqlstate, f"{place}: {problem.message}") from problem


def by_state(state: str, message: str) -> SenseiError:
    """The error of this project for a SQLSTATE; without one, the line is what failed."""
    if not state or state.startswith("08") or state in _LOST:
        return ConnectionLost(message)
    if state == "3D000":
        return InvalidRequest(message, hint="list the databases with: psql --list, and name one in the URL")
    if state.startswith("28") or state == "42501":
        return AccessDenied(message)
    if state == "57014":
        return Stopped(message)
    return Busy(message) if state in _BUSY else EngineError(message, state)
