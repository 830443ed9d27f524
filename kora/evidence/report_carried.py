"""What `kora compare` and `kora locate` print. As everywhere, no text of a database reaches the terminal unfiltered."""

from rich.text import Text

from kora.comparison.carried_diff import CarriedDiff, CarriedTable
from kora.comparison.sameness import SAME_DATABASE
from kora.evidence import report_terminal as terminal
from kora.evidence import report_words as words
from kora.evidence.locate import LocatedRows, LocatedTable

_WORDS = {
    "sketch": "named by the sketch, which explains both set hashes",
    "list of rows": "counted from the lists of rows",
    "bucket sums": "not counted: the files hold too little; the bucket sums say where",
    "counts and roots": "not counted: the files hold counts and roots only",
}


def print_carried(diff: CarriedDiff) -> None:
    """The summary of a comparison on stdout."""
    console = terminal.stdout_console()
    terminal.print_verdict(console, diff.verdict, diff.exit_code)
    console.print(Text(f"  {_headline(diff)}", style="bold"))
    if left_out := words.left_out_sentence(diff.not_checked):
        console.print(Text(f"  {left_out}"))
    console.print()
    console.print(terminal.table_grid(table.as_result() for table in diff.tables))
    terminal.print_lines(console, "Why", diff.reasons, terminal.WITH_JSON)
    terminal.print_lines(
        console,
        "How far it is known",
        [_located(table) for table in diff.tables if _differs(table)],
        terminal.WITH_JSON,
    )
    terminal.print_ledger(console, [loss for loss in diff.losses if loss.count], terminal.WITH_JSON)
    terminal.print_lines(console, "Needs a decision", diff.decisions_needed, terminal.WITH_JSON)
    terminal.print_not_checked(console, diff.not_checked, terminal.WITH_JSON)
    terminal.print_lines(console, "To know more", diff.hints, terminal.WITH_JSON)
    console.print()
    terminal.print_pairs(
        console,
        {
            "Source": f"{diff.source.url} as of {diff.source.claimed_time} (claimed)",
            "Target": f"{diff.target.url} as of {diff.target.claimed_time} (claimed)",
            "Migration key": diff.key_id,
        },
    )


def print_located(found: LocatedRows) -> None:
    """The keys of the rows that a comparison named."""
    console = terminal.stdout_console()
    console.print(Text(f"Rows of {words.visible(found.url)} that differ, as the {found.side}", style="bold"))
    for table in found.tables:
        lines = [f"{row.outcome.replace('_', ' ')}: {row.key}" + _copies(row.copies) for row in table.rows]
        terminal.print_lines(
            console, f"{table.table}: {words.plural(len(table.rows), 'row')}", lines, terminal.WITH_JSON
        )
        _caveats(table)
    if not any(table.rows for table in found.tables):
        console.print(Text("  none: the comparison named no row of this side"))


def _headline(diff: CarriedDiff) -> str:
    if diff.verdict == "different":
        return "The two sides differ."
    if diff.verdict == "not_proven":
        return "Nothing can be concluded yet."
    if any(item.what == SAME_DATABASE for item in diff.not_checked):
        return "The same database stands on both sides: equal digests show nothing about another one."
    return "Both sides' stored data have equal digests and counts, table by table."


def _differs(table: CarriedTable) -> bool:
    return table.outcome in ("mismatch", "missing_in_target", "extra_in_target")


def _located(table: CarriedTable) -> str:
    if table.detail:
        return f"{table.name}: {table.detail}"
    text = f"{table.name}: {_WORDS[table.located_by]}"
    if table.buckets and not table.counted:
        text += f" ({words.plural(len(table.buckets), 'bucket')} of 4,096 differ)"
    if table.partial:
        text += "; the sketch was too short, what it named is a part"
    return text


def _copies(copies: int) -> str:
    return f" ({copies:,} equal rows)" if copies > 1 else ""


def _caveats(table: LocatedTable) -> None:
    console = terminal.stdout_console()
    if table.not_found:
        console.print(Text(f"  {table.not_found:,} digests belong to no row any more: the data changed since"))
    if not table.complete:
        console.print(Text("  these are not all rows that differ: the comparison did not name all"))
