"""What a verdict means in plain sentences, for terminal and HTML alike, and how text is made safe to show.

Nothing here prints. Every number in a sentence comes from the result.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kora.comparison.behavior import ComparedProbe
from kora.comparison.left_out import TABLE_LEFT_OUT, VIEW_LEFT_OUT, count_left_out, tables_left_out
from kora.comparison.result import NotChecked, TableResult, VerificationResult
from kora.comparison.sameness import SAME_DATABASE
from kora.evidence.verdict import Decision
from kora.exit_codes import ExitCode

LABELS = {
    "equivalent": ("✓", "Equivalent"),
    "equivalent_with_declared_loss": ("≈", "Equivalent with declared loss"),
    "different": ("≠", "Different"),
    "not_proven": ("?", "Not proven"),
}
OUTCOMES = {
    "match": ("✓", "match"),
    "mismatch": ("≠", "differs"),
    "missing_in_target": ("−", "missing in target"),
    "extra_in_target": ("+", "extra in target"),
    "in_flight": ("~", "was changing"),
    "not_comparable": ("?", "not comparable"),
    "not_run": ("?", "not run"),
}


@dataclass(frozen=True, slots=True)
class Summary:
    """The first thing that a reader sees: one sentence, what it rests on, what to do."""

    headline: str
    meaning: str
    next_step: str


_READY = "The data are ready for cutover."
_MIND_THE_URLS = (
    "Look at both URLs. If one was meant to be another database, verify again with that one. If an exact copy was to "
    "be compared, it holds the same data."
)
_LEFT_OUT_SHOWN = 5
_SAID_FIRST = (SAME_DATABASE, TABLE_LEFT_OUT, VIEW_LEFT_OUT)
KEEP_THE_CHECKPOINT = (
    "Keep it where the log's owner cannot change it: a log that later does not contain this state was rewritten, which "
    "kora log check LOG --log-key log.pub --since CHECKPOINT finds."
)
"""What to do with a printed checkpoint of a transparency log."""
BEHAVIOR = {
    "equal": "the same answer",
    "equal_but_kinds": "the same values, of other kinds",
    "order_differs": "the same rows in another order",
    "different": "another answer",
    "not_decidable": "cannot be decided",
    "not_comparable": "cannot be compared",
    "not_run": "asked of one side only",
}
"""What became of a query that both sides were asked."""
BEHAVIOR_HEADS = {
    "equal": ("✓", "Behaviour agrees on what was asked"),
    "different": ("≠", "Behaviour differs"),
    "undecided": ("?", "Nothing can be concluded about behaviour"),
}


def summarize(result: VerificationResult, decision: Decision) -> Summary:
    """The three sentences of a verdict, and what was left out of it, if anything was."""
    summary = _of_verdict(result, decision)
    left_out = left_out_sentence(result.not_checked)
    meaning = f"{summary.meaning} {left_out}".rstrip()
    if same := [item for item in result.not_checked if item.what == SAME_DATABASE]:
        return Summary(
            "The same database stands on both sides.", f"{meaning} {_sentence(visible(same[0].detail))}", _MIND_THE_URLS
        )
    if not left_out or "cutover" not in summary.next_step or decision.verdict == "different":
        return replace(summary, meaning=meaning)
    return Summary(
        summary.headline.replace("The target holds", "In the tables that were compared, the target holds"),
        meaning,
        "Of the data, only the tables that were compared are ready for cutover: verify those left out too, or make "
        "sure that nobody needs them." + summary.next_step.removeprefix(_READY),
    )


def _of_verdict(result: VerificationResult, decision: Decision) -> Summary:
    if decision.verdict == "different":
        return _different(result)
    if decision.verdict == "not_proven":
        return _not_proven(decision)
    if decision.exit_code == ExitCode.NEEDS_DECISION:
        return _needs_decision(result, decision)
    if decision.verdict == "equivalent_with_declared_loss":
        return _declared(result)
    return Summary(
        "The target holds the same data as the source.",
        f"{_compared(result)} Every value is equal.",
        f"{_READY} Read what was not checked, and keep the certificate and the public key "
        "with the records of this migration.",
    )


def left_out_sentence(items: Sequence[NotChecked]) -> str:
    """How many tables were left out on request and the first of their names; empty where none was."""
    source, target = count_left_out(items, "source"), count_left_out(items, "target")
    if not source and not target:
        return ""
    named = list(dict.fromkeys([*tables_left_out(items, "source"), *tables_left_out(items, "target")]))
    shown = ", ".join(map(visible, named[:_LEFT_OUT_SHOWN])) + (", …" if len(named) > _LEFT_OUT_SHOWN else "")
    counted = " and ".join(
        f"{plural(count, 'table')} of the {side}" for count, side in ((source, "source"), (target, "target")) if count
    )
    verb = "was" if source + target == 1 else "were"
    return f"Not all was compared: {counted} {verb} left out, about which nothing is said ({shown})."


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def habit_answers(probe: ComparedProbe) -> tuple[str, str]:
    """What source and target answer to a question about habits; to one of whether, yes or no."""
    words = {"1": "yes", "0": "no"} if probe.meaning.startswith("whether") else {}
    return words.get(probe.source, probe.source), words.get(probe.target, probe.target)


def plural(count: int, one: str, many: str = "") -> str:
    """A count with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def total_rows(result: VerificationResult) -> int:
    """Source rows of all tables whose rows were counted."""
    return sum(table.source_rows or 0 for table in result.tables)


def matching(result: VerificationResult) -> list[TableResult]:
    """Tables whose outcome is `match`."""
    return [table for table in result.tables if table.outcome == "match"]


def not_checked(items: Sequence[NotChecked]) -> list[NotChecked]:
    """What was not checked: first what makes the verdict say less than it seems to, then behaviour, then the rest.

    Behaviour belongs in every list, whether or not the caller put it there.
    """
    behaviour = [item for item in items if item.what == "behaviour"]
    if not behaviour:
        behaviour = [NotChecked(what="behaviour", name="queries, constraints and routines", detail="not run")]
    first = [item for item in items if item.what in _SAID_FIRST]
    return first + behaviour + [item for item in items if item.what not in {*_SAID_FIRST, "behaviour"}]


def line_sentences(result: VerificationResult) -> list[str]:
    """What each side's connections moved, and by which strategy tables were compared where that was chosen."""
    told = [
        f"{line.side}: {line.received:,} bytes received, {line.sent:,} sent"
        for line in result.lines
        if line.received or line.sent
    ]
    told += [
        f"{table.name}: {'pushed down' if table.strategy == 'pushdown' else 'streamed'} ({table.strategy_reason})"
        for table in result.tables
        if table.strategy_reason
    ]
    return told


def visible(text: str) -> str:
    """Text in which nothing is invisible or acts on the reader: blanks at the ends, control and direction characters.

    A blank at either end becomes `·`, a control character its picture (U+2400 block), other format characters and
    lone surrogates `⟨U+XXXX⟩`; so a value can neither hide a difference nor steer a terminal.
    """
    inner = text.strip(" ")
    if len(inner) == len(text) and text.isascii() and text.isprintable():
        return text
    lead = len(text) - len(text.lstrip(" ")) if inner else len(text)
    trail = len(text) - len(text.rstrip(" ")) if inner else 0
    return "·" * lead + "".join(map(_visible_character, inner)) + "·" * trail


def visible_lines(text: str) -> str:
    """`visible`, line by line: for SQL and messages that are meant to have several lines."""
    return "\n".join(visible(line) if line.strip() else line for line in text.split("\n"))


def duration(seconds: float) -> str:
    """A duration as a person says it: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _visible_character(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    zero_width_joiner = code == 0x200D  # part of emoji and of several scripts
    if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and not zero_width_joiner:
        return f"⟨U+{code:04X}⟩"
    return character


def _compared(result: VerificationResult) -> str:
    return (
        f"{plural(total_rows(result), 'row')} in {plural(len(result.tables), 'table')} were read back from the target "
        "as it stored them, and compared with the source, value by value."
    )


def _different(result: VerificationResult) -> Summary:
    affected = [table for table in result.tables if table.difference_count]
    rows = sum(table.difference_count for table in affected)
    parts = [
        (sum(table.mismatch for table in affected), "changed"),
        (sum(table.missing_in_target for table in affected), "missing in the target"),
        (sum(table.extra_in_target for table in affected), "only in the target"),
    ]
    said = ", ".join(f"{count:,} {what}" for count, what in parts if count)
    meaning = f"{plural(rows, 'row')} in {len(affected):,} of {plural(len(result.tables), 'table')} differ: {said}."
    if not rows:
        meaning = "A table stands on one side only, or the counts of a table contradict each other."
    return Summary(
        "The target does not hold the same data as the source.",
        meaning,
        "Do not cut over. The differences are listed below with their keys and with the SQL that shows them on each "
        "side; when they are mended, verify again.",
    )


def _not_proven(decision: Decision) -> Summary:
    return Summary(
        "Nothing can be concluded yet.",
        f"No difference was found, but {plural(len(decision.reasons), 'thing')} could not be settled, so equality is "
        "not proven.",
        "Treat the target as unverified. Settle the points listed below, then verify again.",
    )


def _needs_decision(result: VerificationResult, decision: Decision) -> Summary:
    return Summary(
        "The data are equal, but for losses that a person must decide about.",
        f"{_compared(result)} All that is not equal was declared beforehand; "
        f"{plural(len(decision.decisions_needed), 'line')} of it {_is(decision.decisions_needed)} not approved.",
        "Decide about each line below: approve it in the plan (approved_by) or with --accept-loss RULE, or change the "
        "plan so that nothing is lost. Then run again.",
    )


def _declared(result: VerificationResult) -> Summary:
    lines = sum(1 for loss in result.losses if loss.count) + len(result.quarantined)
    return Summary(
        "The target holds the source's data, but for losses that were declared and approved.",
        f"{_compared(result)} All that is not equal stands in the loss ledger: {plural(lines, 'line')}, each approved "
        "by name.",
        f"{_READY} Read the loss ledger and what was not checked, and keep the certificate and "
        "the public key with the records of this migration.",
    )


def _is(items: tuple[str, ...]) -> str:
    return "is" if len(items) == 1 else "are"
