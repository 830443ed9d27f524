"""What every command needs at its entry: the settings of this process, and a way to ask for a password."""

import sys
from typing import TYPE_CHECKING

import click

from kora.errors import InvalidRequest

if TYPE_CHECKING:
    from kora.databases.secrets import Prompt
    from kora.settings import Settings


def terminal_prompt() -> "Prompt | None":
    """Asks for a password on the terminal, without an echo; None where nobody sits at one."""
    if not sys.stdin.isatty():
        return None
    return lambda question: str(click.prompt(question, hide_input=True, err=True, prompt_suffix=""))


def entry_settings() -> "Settings":
    """The settings of this process, its logs configured; an impossible value in the environment is named."""
    from pydantic import ValidationError

    from kora.logs import configure_logs
    from kora.settings import Settings

    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"SENSEI_{'_'.join(str(part) for part in first['loc']).upper()}"
        raise InvalidRequest(
            f"{name} has a value that cannot be: {first['msg']}", hint=f"unset {name} or mend it"
        ) from error
    configure_logs(settings.log_file, settings.log_level)
    return settings
