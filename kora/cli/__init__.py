"""The command line of KORA: each command parses, calls one function and prints.

Heavy modules load inside the command that needs them. One module per family of commands; `group` puts them together,
`entry` is what they share.
"""

from kora.cli.entry import entry_settings, run_group
from kora.cli.group import cli, main, run

__all__ = ["cli", "entry_settings", "main", "run", "run_group"]
