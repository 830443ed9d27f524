"""The exit codes of every command of this project. `docs/exit-codes.md` tells them to people.

They answer a script's one question, what to do next; the verdict itself stands in `--json` and the certificate.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a caller does next."""

    EQUIVALENT = 0
    """Equal, or every loss was declared and approved: go on."""
    DIFFERENT = 1
    """An undeclared difference: read the findings."""
    REFUSED = 2
    """Bad usage or input, or a certificate that is not authentic: mend the command or the file."""
    NOT_PROVEN = 3
    """Something could not be compared: nothing may be concluded."""
    TRY_AGAIN = 4
    """Operational: a line, a lock, a disk, an interruption. The same command may succeed later."""
    NEEDS_DECISION = 5
    """All differences are declared, and a person has not approved each of them."""
