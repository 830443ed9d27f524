"""The reports: what they must say, and that no value of a database can steer them."""

import html.parser
import json
import re

import pytest

from kora.comparison.mapping import Loss
from kora.comparison.result import ColumnDifference, Finding, NotChecked
from kora.evidence import report_json, report_terminal
from kora.evidence.findings_file import findings_bytes
from kora.evidence.report_html import render_html
from kora.evidence.report_words import duration, visible
from tests.unit.evidence import samples

HOSTILE = "<script>alert(1)</script>\"'&{{ 7*7 }}\x1b[31m\u202e"


class Page(html.parser.HTMLParser):
    """Collects tags, attributes and checks that each element that opens closes."""

    VOID = frozenset({"meta", "br", "img", "link", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def render(result) -> str:
    return render_html(result, signer_key_id="ab" * 32)


@pytest.mark.parametrize("name", samples.ALL)
def test_the_html_report_is_one_well_formed_file_that_loads_nothing(name):
    text = render(samples.ALL[name]())
    page = Page(text)
    assert page.open == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [
        attribute for attribute in page.attributes if attribute[0] in {"src", "href"} or attribute[0].startswith("on")
    ]
    assert not re.search(r"url\(|@import|https?://", text)
    ids = [value for name, value in page.attributes if name == "id"]
    labels = [value for name, value in page.attributes if name == "aria-labelledby"]
    assert len(ids) == len(set(ids))
    assert set(labels) <= set(ids)


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("equivalent", ["The target holds the same data", "352,618", "Empty: no rule changed a value"]),
        ("approved", ["losses that were declared and approved", "A. Wanjiru, 2026-03-09", "0000-00-00"]),
        ("unapproved", ["Needs a decision", "nobody yet", "Quarantine", "fk_invoice_patient", "and 17 more"]),
        ("different", ["Do not cut over", "id=4711", "128 changed, 1 missing, 1 extra", "Otieno·", "value withheld"]),
        ("not_proven", ["Nothing can be concluded yet", "payroll", "geometry", "blocks the verdict"]),
    ],
)
def test_each_verdict_says_what_its_readers_need(name, sentences):
    text = render(samples.ALL[name]())
    for sentence in sentences:
        assert sentence in text
    assert "What was not checked" in text
    assert "kora check certificate.json --key signer.pub" in text


def hostile_result():
    finding = Finding(
        outcome="mismatch", key=HOSTILE,
        columns=(ColumnDifference(column=HOSTILE, source_kind="text", source_value=HOSTILE, target_kind=HOSTILE,
                                  target_value=HOSTILE, rule=HOSTILE),),
        source_sql=HOSTILE, target_sql=HOSTILE,
    )  # fmt: skip
    tables = [samples.table(HOSTILE, 3, outcome="mismatch", mismatch=1, findings=(finding,))]
    return samples.result(tables, losses=(Loss(rule=HOSTILE, subject=HOSTILE, count=1, reason=HOSTILE),))


def many_findings(count: int):
    findings = tuple(Finding(outcome="missing_in_target", key=f"id={number}") for number in range(count))
    return samples.result(
        [samples.table("visit", count, outcome="missing_in_target", missing_in_target=count + 7, findings=findings,
                       findings_omitted=7)]
    )  # fmt: skip


def test_a_report_shows_a_thousand_rows_of_a_table_and_names_the_file_that_lists_them_all():
    text = render(many_findings(1001))
    assert "the first 1,000 are shown here, 1,001 are listed in <code>findings.jsonl</code>, 7 more are counted" in text
    assert "id=999<" in text
    assert "id=1000<" not in text
    short = render(many_findings(1000))
    assert "id=999<" in short
    assert "the first 1,000 are listed, 7 more are counted" in short


def test_the_findings_file_holds_every_listed_row():
    lines = [json.loads(line) for line in findings_bytes(samples.different()).splitlines()]
    assert [(line["target"], line["outcome"], line["key"]) for line in lines] == [
        ("main.patient", "mismatch", "id=4711"),
        ("main.patient", "missing_in_target", "id=9120"),
        ("main.patient", "extra_in_target", "id=90001"),
    ]
    assert lines[0]["columns"][0] == {
        "column": "surname", "source_kind": "text", "source_value": "Otieno ", "target_kind": "text",
        "target_value": "Otieno", "rule": "text: exact UTF-8 bytes",
    }  # fmt: skip
    assert findings_bytes(samples.equivalent()) == b""


def test_names_and_values_can_neither_inject_markup_nor_hide():
    text = render(hostile_result())
    assert "script" not in Page(text).tags
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "⟨U+202E⟩" in text
    assert "{{ 7*7 }}" in text


def test_values_cannot_steer_the_terminal(capsys):
    report_terminal.print_result(hostile_result(), None)
    report_terminal.print_error(HOSTILE, HOSTILE)
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert "\u202e" not in captured.out + captured.err


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a ", "a·"), ("  ", "··"), ("a b", "a b"), ("a\tb\n", "a␉b␊"), ("x\x00", "x␀"), ("a\u200bb", "a⟨U+200B⟩b"),
     ("👩‍⚕️", "👩‍⚕️"),
     ("\udce9", "⟨U+DCE9⟩"), ("", "")],
)  # fmt: skip
def test_invisible_characters_are_shown(text, shown):
    assert visible(text) == shown


def test_durations_read_as_people_say_them():
    assert [duration(value) for value in (0.04, 12.3, 200, 7500)] == ["0.0 s", "12 s", "3 min 20 s", "2 h 5 min"]


def test_the_terminal_aggregates_many_matching_tables(capsys):
    many = [samples.table(f"t{number:02}", 10) for number in range(40)]
    many.append(samples.table("odd", 5, outcome="mismatch", mismatch=2))
    report_terminal.print_result(samples.result(many), None)
    out = capsys.readouterr().out
    assert "40 tables" in out
    assert "400" in out
    assert "odd" in out
    assert "t07" not in out


def test_what_stands_on_both_sides_is_listed_with_its_side(capsys):
    twice = tuple(
        NotChecked(what="inheritance", name="public.inh2", detail="of inh", side=side) for side in ("source", "target")
    )
    report_terminal.print_result(samples.result(not_checked=twice), None)
    out = capsys.readouterr().out
    assert "inheritance public.inh2, source: of inh" in out
    assert "inheritance public.inh2, target: of inh" in out


def test_names_of_tables_left_out_cannot_steer_the_summary(capsys):
    left_out = (NotChecked(what="table left out", name="a\u202eb\x1b", detail="by --exclude *", side="source"),)
    result = samples.result(not_checked=left_out)
    report_terminal.print_result(result, None)
    for text in (capsys.readouterr().out, render(result)):
        assert "\u202e" not in text and "\x1b" not in text
        assert "a⟨U+202E⟩b␛" in text


def test_the_json_object_has_the_documented_fields():
    made = report_json.result_json(samples.different(), None)
    assert set(made) == {
        "verdict", "certificate", "report", "findings", "log", "tables", "losses", "orphans", "behavior", "not_checked",
        "seconds", "strategy", "lines",
    }  # fmt: skip
    assert set(made["tables"][0]) == {
        "source", "target", "outcome", "source_rows", "target_rows", "mismatch", "missing_in_target",
        "extra_in_target", "not_comparable_columns", "losses", "strategy", "strategy_reason",
    }  # fmt: skip
