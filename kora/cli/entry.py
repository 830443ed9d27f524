"""What every command of every group shares: its settings, its password prompt, its errors as `error:` and `hint:`.

Results go to stdout, errors and progress to stderr. Exit codes: `kora.exit_codes`, `docs/exit-codes.md`.
"""

import gc
import logging
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kora.errors import InvalidRequest, SenseiError
from kora.exit_codes import ExitCode

if TYPE_CHECKING:
    from kora.comparison.mapping import Loss
    from kora.databases.secrets import Prompt
    from kora.settings import Settings

FILE = click.Path(path_type=Path)
"""A path on this machine, as a command's argument or option."""
_GC_THRESHOLD = 100_000
"""Objects between two collections: what a command makes in Python mostly lives to its end, and rows live in Rust."""


def run_group(group: click.Group, program: str, arguments: Sequence[str]) -> int:
    """Run one command of a group; every error is printed as `error:` and `hint:` on stderr, none escapes."""
    gc.set_threshold(_GC_THRESHOLD)
    try:
        code = group.main(args=list(arguments), prog_name=program, standalone_mode=False)
        return int(code or 0)
    except SenseiError as error:
        return _report(error.message, error.hint, error.exit_code)
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else program
        return _report(error.format_message(), f"{command} --help", ExitCode.REFUSED)
    except click.ClickException as error:
        return _report(error.format_message(), f"{program} --help", ExitCode.REFUSED)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not cut the message off
        again = "run the command again; a migration that had begun is shown by `sensei runs` and goes on with"
        return _report("stopped before it was done", f"{again} `sensei resume RUN`", ExitCode.TRY_AGAIN)
    except Exception as error:  # the outermost edge: Python's own exit code 1 would mean "different"
        logging.getLogger("kora").critical("unexpected error", exc_info=True)
        return _report(
            f"a fault in {program} itself: {type(error).__name__}: {error}",
            "nothing is proven; please report it, with the log if SENSEI_LOG_FILE is set",
            ExitCode.TRY_AGAIN,
        )


def _report(message: str, hint: str, exit_code: int) -> int:
    from kora.evidence.report_terminal import print_error

    print_error(message, hint)
    return int(exit_code)


def password_prompt() -> "Prompt | None":
    """Asks for a password on the terminal, without an echo; None where nobody sits at one."""
    if not sys.stdin.isatty():
        return None
    return lambda question: str(click.prompt(question, hide_input=True, err=True, prompt_suffix=""))


def tell_unused(accepted: Iterable[str], losses: Iterable["Loss"], quarantined: int = 0) -> None:
    """On stderr: rules that somebody approved and that lost nothing here. One may be a rule's name misspelled."""
    found = {loss.rule for loss in losses} | ({"quarantined"} if quarantined else set())
    for rule in dict.fromkeys(accepted):
        if rule not in found:
            click.echo(f"note: --accept-loss {rule} approved nothing: no loss of a rule so called was found", err=True)


def entry_settings() -> "Settings":
    """The settings of this process, its logs configured; an impossible value in the environment is named."""
    from pydantic import ValidationError

    from kora.logs import configure_logs
    from kora.settings import Settings

    try:
        settings = Settings.from_environment()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"SENSEI_{'_'.join(str(part) for part in first['loc']).upper()}"
        raise InvalidRequest(
            f"{name} has a value that cannot be: {first['msg']}", hint=f"unset {name} or mend it"
        ) from error
    configure_logs(settings.log_file, settings.log_level)
    return settings
