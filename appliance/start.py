"""The `sensei` command's first module: it hears Ctrl-C before the rest of the program is loaded."""

from kora.cli.start import end_on_interrupt


def main() -> None:
    """The `sensei` command."""
    end_on_interrupt()
    from appliance.cli import main as run

    run()
