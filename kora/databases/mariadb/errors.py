"""The server's error numbers as this project's errors. Source: MariaDB documentation, "MariaDB Error Codes"."""

from collections.abc import Iterator
from contextlib import contextmanager

from kora.errors import AccessDenied, Busy, EngineError, InvalidRequest, SenseiError, Stopped

_DENIED = frozenset({"1044", "1045", "1130", "1142", "1143", "1227", "1345", "1356", "1370", "1410", "1698"})
_BUSY = frozenset({"1021", "1040", "1041", "1099", "1203", "1205", "1213", "1226", "1637"})
_STOPPED = frozenset({"1317", "1969", "3024"})
_NO_DATABASE = "1049"


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Raises what the core raises inside with the place in front, and an engine's refusal by its number."""
    try:
        yield
    except EngineError as problem:
        raise by_number(problem.sqlstate, f"{place}: {problem.message}") from problem
    except SenseiError as problem:
        raise type(problem)(f"{place}: {problem.message}", hint=problem.hint) from problem


def by_number(number: str, message: str) -> SenseiError:
    """The error of this project for a server's error number."""
    if number == _NO_DATABASE:
        return InvalidRequest(message, hint="list the databases with: SHOW DATABASES, and name one in the URL")
    if number in _DENIED:
        return AccessDenied(message)
    if number in _STOPPED:
        return Stopped(message)
    return Busy(message) if number in _BUSY else EngineError(message, number)
