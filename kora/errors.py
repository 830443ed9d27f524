"""Every error of this project, in one tree.

    SenseiError
    ├── InvalidRequest        bad usage or a malformed plan, map or URL                     exit 2
    │   └── UnsupportedType   a column whose kind nothing here can decode                   exit 2
    ├── FileProblem           a file cannot be read or written                              exit 2
    ├── MalformedInput        a file is damaged, encrypted, truncated or of another format  exit 2
    ├── NotAuthentic          a signature or digest does not hold                           exit 2
    ├── LimitExceeded         a stated limit was exceeded                                   exit 2
    ├── AccessDenied          login refused, a right missing, a TLS certificate not trusted exit 2
    ├── ProtocolViolation     an engine's bytes contradict its protocol                     exit 4
    ├── EngineError           an engine refused a statement                                 exit 4
    ├── ConnectionLost        a server cannot be reached, or the line broke                 exit 4
    ├── Busy                  another run, a lock or a full disk is in the way              exit 4
    └── Stopped               the operator stopped it; `resume` goes on                     exit 4

A difference in data is a finding, and what a person must decide is a verdict's business: neither is ever an exception.
Exit codes: see `kora.exit_codes`.
"""

from typing import ClassVar, Literal, TypeAlias

Retry: TypeAlias = Literal["never", "later", "after_operator_action"]


class SenseiError(Exception):
    """Root of every error here.

    Args:
        message: What went wrong and where.
        hint: The next thing to do, as a sentence or a command.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2
    retry: ClassVar[Retry] = "never"
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint


class InvalidRequest(SenseiError):
    """Bad usage, or a plan, map or URL that does not make sense."""

    code = "invalid_request"


class UnsupportedType(InvalidRequest):
    """A column whose kind nothing here can decode."""

    code = "unsupported_type"
    default_hint = "leave the column out, or compare it with another tool; it will be named under not_checked"


class FileProblem(SenseiError):
    """A file cannot be read or written."""

    code = "file_problem"
    default_hint = "check that the path exists and that this user may read and write it"


class MalformedInput(SenseiError):
    """A file is damaged, encrypted, truncated or of another format."""

    code = "malformed_input"
    default_hint = (
        "mend the file or take a good copy; the URL may say what wrote it, and of a CSV file the delimiter, quote,"
        " encoding and header"
    )


class NotAuthentic(SenseiError):
    """A signature or digest does not hold."""

    code = "not_authentic"
    default_hint = "do not rely on this file; ask its issuer for the original and compare public keys by telephone"


class LimitExceeded(SenseiError):
    """A stated limit was exceeded."""

    code = "limit_exceeded"


class AccessDenied(SenseiError):
    """Login refused, a right missing, or a TLS certificate that is not trusted."""

    code = "access_denied"
    retry = "after_operator_action"
    default_hint = "check user, password and the rights that this account was granted"


class ProtocolViolation(SenseiError):
    """An engine's bytes contradict its protocol."""

    code = "protocol_violation"
    exit_code = 4


class EngineError(SenseiError):
    """An engine refused a statement.

    Args:
        message: The engine's own words, and where.
        sqlstate: Its SQLSTATE or native code; empty where it has none.
    """

    code = "engine_error"
    exit_code = 4
    retry = "later"

    def __init__(self, message: str, sqlstate: str = "", *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate


class ConnectionLost(SenseiError):
    """A server cannot be reached, or the line broke."""

    code = "connection_lost"
    exit_code = 4
    retry = "later"
    default_hint = "check that the server runs and that host and port are right, then try again"


class Busy(SenseiError):
    """Another run, a lock or a full disk is in the way."""

    code = "busy"
    exit_code = 4
    retry = "later"


class Stopped(SenseiError):
    """The operator stopped it."""

    code = "stopped"
    exit_code = 4
    retry = "later"
    default_hint = "nothing is lost: `sensei resume RUN` goes on"
