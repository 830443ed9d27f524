"""Writes `docs/cli.md`: the help of every command of `sensei` and `kora`, exactly as the commands print it."""

from collections.abc import Iterator
from pathlib import Path

import click

from appliance.cli import sensei
from kora.cli import cli as kora

CLI_PAGE = Path(__file__).parents[1] / "docs" / "cli.md"
PROGRAMS = {"sensei": sensei, "kora": kora}
_WIDTH = 100
_HEAD = """# Commands

Written by `make docs` from the commands' own `--help`; a test compares the two. Results go to stdout, progress and
questions to stderr. Exit codes: [exit-codes.md](exit-codes.md).
"""


def commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Every command under one, itself first: its full name and its help."""
    settings = {**command.context_settings, "terminal_width": _WIDTH, "max_content_width": _WIDTH}
    context = click.Context(command, parent, name, **settings)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from commands(found, sub, context)


def page() -> str:
    """The whole page."""
    sections = [_HEAD]
    for name, program in PROGRAMS.items():
        for path, text in commands(program, name):
            lines = "\n".join(line.rstrip() for line in text.splitlines())
            sections.append(f"## {path}\n\n```\n$ {path} --help\n{lines}\n```\n")
    return "\n".join(sections)


if __name__ == "__main__":
    CLI_PAGE.write_text(page(), encoding="utf-8")
