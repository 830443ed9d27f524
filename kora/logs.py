"""Structured logs: one JSON object a line, each with the run's id. Never a row's value, never a password.

Callers log an event's name and pass facts as `extra={"facts": {...}}`; counts, names and durations are facts, values
of rows are not.
"""

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from kora.errors import FileProblem

current_run_id: ContextVar[str] = ContextVar("current_run_id", default="")
LOGGERS = ("kora", "appliance", "sync")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time (UTC), level, logger, run, event, then its facts.

    Of an exception only its type and where it arose are written: its message may hold a row's value.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line break."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "run": current_run_id.get(),
            "event": record.getMessage(),
        }
        facts = getattr(record, "facts", None)
        if isinstance(facts, dict):
            line["facts"] = facts
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _where(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logs(log_file: Path | None, level: str = "INFO") -> None:
    """Send this project's logs to a file (appended, mode 0600), or nowhere. Calling it again replaces the file.

    Raises:
        FileProblem: The file cannot be opened for writing.
    """
    handler: logging.Handler = logging.NullHandler() if log_file is None else _open_log(log_file)
    handler.setFormatter(JsonFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        for old in list(logger.handlers):
            logger.removeHandler(old)
            old.close()
        logger.addHandler(handler)
        logger.setLevel(level.upper())
        logger.propagate = False


def _where(error: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(error.__traceback__)
    return {"type": type(error).__name__, "at": [f"{Path(frame.filename).name}:{frame.name}" for frame in frames[-8:]]}


class _LogFile(logging.FileHandler):
    """A log that stops quietly where its disk is full: it must neither end a migration nor write over its display."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the name is the base class's
        """Drops the line."""
        del record


def _open_log(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
        return _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise FileProblem(f"the log file {path} cannot be written: {error.strerror}") from error
