"""The HTML report: one file without scripts, links or anything outside it, for a manager, an auditor and a DBA.

The template holds words and layout; this room chooses what it is given and makes every text safe and visible.
"""

import re
from functools import cache
from importlib import resources
from typing import Final

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from kora.comparison.behavior import FINDINGS
from kora.comparison.habits import MATTERS
from kora.comparison.result import TableResult, VerificationResult
from kora.evidence import report_words as words
from kora.evidence.findings_file import FINDINGS_NAME
from kora.evidence.transparency import Checkpoint
from kora.evidence.verdict import decide_result

_OPTION = re.compile(r"--[a-z-]+( [A-Z]+)?")
_TEMPLATE_NAME = "report.html.j2"
_SHOWN_PER_TABLE = 1000
"""Differing rows in the report; a person reads no more, and a browser hardly opens more. The rest is in a file."""
_OUTCOME_ORDER: Final = (
    "mismatch",
    "missing_in_target",
    "extra_in_target",
    "in_flight",
    "not_comparable",
    "not_run",
    "match",
)

_BEHAVIOR_LINES = 200
"""Queries and calls that are listed one by one."""


def render_html(
    result: VerificationResult,
    *,
    signer_key_id: str,
    certificate_name: str = "certificate.json",
    public_key_name: str = "signer.pub",
    checkpoint: Checkpoint | None = None,
) -> str:
    """The whole report. Deterministic: the same result and the same checkpoint give the same bytes."""
    decision = decide_result(result)
    return template().render(
        result=result,
        decision=decision,
        label=words.LABELS[decision.verdict],
        outcomes=words.OUTCOMES,
        lines=words.line_sentences(result),
        summary=words.summarize(result, decision),
        figures=_figures(result),
        tables=sorted(result.tables, key=lambda table: (_OUTCOME_ORDER.index(table.outcome), table.name)),
        shown_per_table=_SHOWN_PER_TABLE,
        findings_name=FINDINGS_NAME,
        differing=[table for table in result.tables if table.findings or table.findings_omitted],
        losses=[loss for loss in result.losses if loss.count],
        readings=[(table, reading) for table in result.tables for reading in table.readings],
        not_compared_columns=[(table, column) for table in result.tables for column in table.not_comparable_columns],
        not_checked=words.not_checked(result.not_checked),
        behavior=None if result.behavior == "not_run" else result.behavior,
        behavior_words=words.BEHAVIOR,
        behavior_findings=FINDINGS,
        behavior_heads=words.BEHAVIOR_HEADS,
        behavior_matters=MATTERS,
        behavior_lines=_BEHAVIOR_LINES,
        longest=max((timing.seconds for timing in result.timings), default=0.0),
        signer_key_id=signer_key_id,
        certificate_name=certificate_name,
        public_key_name=public_key_name,
        checkpoint=checkpoint,
        keep_the_checkpoint=words.KEEP_THE_CHECKPOINT,
    )


def _figures(result: VerificationResult) -> list[tuple[str, str]]:
    """The four numbers under the verdict."""
    differing = sum(table.difference_count for table in result.tables)
    columns = sum(len(table.not_comparable_columns) for table in result.tables)
    not_checked = sum(item.count for item in words.not_checked(result.not_checked)) + columns
    return [
        (f"{len(words.matching(result)):,} of {len(result.tables):,}", "tables match"),
        (f"{words.total_rows(result):,}", "source rows compared"),
        (f"{differing:,}", "rows missing, extra or changed"),
        (f"{not_checked:,}", "things not checked"),
    ]


def _table_note(table: TableResult, result: VerificationResult) -> str:
    """What stands against a table, as one phrase; empty where there is nothing."""
    held_back = sum(entry.count for entry in result.quarantined if entry.table == table.source)
    left_out = len(table.not_comparable_columns)
    counts = [
        (table.mismatch, "changed"),
        (table.missing_in_target, "missing"),
        (table.extra_in_target, "extra"),
        (table.in_flight, "in flight"),
        (held_back, "in quarantine"),
        (left_out, "column not compared" if left_out == 1 else "columns not compared"),
    ]
    return ", ".join(f"{count:,} {what}" for count, what in counts if count)


def _options_whole(text: str) -> Markup:
    """A sentence in which a command's option, with its value in capitals, is not broken across lines."""
    safe = str(escape(text))
    return Markup(_OPTION.sub(r'<span class="whole">\g<0></span>', safe))  # noqa: S704  escaped on the line above


@cache
def template() -> Template:
    """The compiled template; made once a process."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["visible"] = words.visible
    environment.filters["visible_lines"] = words.visible_lines
    environment.filters["duration"] = words.duration
    environment.filters["answers"] = words.habit_answers
    environment.filters["plural"] = words.plural
    environment.filters["thousands"] = lambda count: "–" if count is None else f"{count:,}"
    environment.filters["differences"] = _table_note
    environment.filters["options_whole"] = _options_whole
    source = resources.files("kora.evidence").joinpath("templates", _TEMPLATE_NAME).read_text(encoding="utf-8")
    return environment.from_string(source)
