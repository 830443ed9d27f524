"""What `kora verify URL --against CERT` prints."""

from rich.text import Text

from kora.evidence import report_terminal as terminal
from kora.evidence import report_words as words
from kora.evidence.against import Against, TableState
from kora.evidence.report_json import print_json
from kora.exit_codes import ExitCode

_HEADLINES = {
    ExitCode.EQUIVALENT: ("✓", "green", "Every table is as it was certified."),
    ExitCode.DIFFERENT: ("≠", "red", "Something has changed since it was certified."),
    ExitCode.NOT_PROVEN: ("?", "blue", "Not all that was certified could be looked at."),
}


def print_against(found: Against, *, as_json: bool) -> None:
    """The summary on stdout, or one JSON object."""
    if as_json:
        print_json({**found.model_dump(mode="json"), "exit_code": int(found.exit_code)})
        return
    console = terminal.stdout_console()
    sign, style, headline = _HEADLINES[found.exit_code]
    console.print(Text(f"{sign} {headline}", style=f"bold {style}") + Text(f"  exit code {int(found.exit_code)}"))
    facts = {"Database": found.url, "Certificate": found.certificate, "Certified then": found.certified_verdict}
    terminal.print_pairs(console, {**facts, "Signed by": ", ".join(found.key_ids)})
    others = [table for table in found.tables if table.state != "unchanged"]
    console.print(Text(f"  {words.plural(len(found.tables) - len(others), 'table')} unchanged"))
    terminal.print_lines(console, "What is not", [_line(table) for table in others], terminal.WITH_JSON)


def _line(table: TableState) -> str:
    rows = f"{table.rows:,} rows, {table.certified_rows:,} certified" if table.rows is not None else ""
    return f"{table.name}: {table.state.replace('_', ' ')}; {table.detail or rows}"
