"""The command line of KORA: each command parses, calls one function and prints.

Heavy modules load inside the command that needs them. One module per family of commands; `group` puts them together,
`entry` is what they share, `start` and `streams` are what a process needs around them. Nothing loads with this package
itself, so that `main` hears Ctrl-C before the first of the others is read.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kora.cli.entry import entry_settings as entry_settings
    from kora.cli.entry import run_group as run_group
    from kora.cli.entry import run_process as run_process
    from kora.cli.group import cli as cli
    from kora.cli.group import run as run

_OF_ENTRY = ("entry_settings", "run_group", "run_process")
__all__ = ["cli", "entry_settings", "main", "run", "run_group", "run_process"]


def main() -> None:
    """The `kora` command."""
    from kora.cli.start import end_on_interrupt

    end_on_interrupt()
    from kora.cli.entry import run_process
    from kora.cli.group import cli

    run_process(cli, "kora")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kora.cli import entry, group

    return getattr(entry if name in _OF_ENTRY else group, name)
