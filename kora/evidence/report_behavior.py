"""Behaviour for a terminal: how many queries agree, and each one that does not."""

from rich.text import Text

from kora.comparison.behavior import FINDINGS, Behavior, ComparedProbe, Recording
from kora.evidence import report_words as words
from kora.evidence.report_terminal import IN_THE_REPORT, WITH_JSON, print_lines, print_pairs, stdout_console

_STYLES = {"equal": "green bold", "different": "red bold", "undecided": "yellow bold"}


def print_recording(recording: Recording, path: str) -> None:
    """What `kora behave record` made."""
    console = stdout_console()
    console.print(Text(f"✓ {words.plural(len(recording.answers), 'answer')} recorded", style="green bold"))
    seed = {"Seed": recording.seed} if recording.seed else {}
    print_pairs(console, {"File": path, "Key": recording.key_id, **seed})
    undecidable = [f"{answer.name}: {answer.reason}" for answer in recording.answers if answer.state == "not_decidable"]
    refused = [f"{answer.name}: {answer.reason}" for answer in recording.answers if answer.state == "error"]
    others = [f"{answer.name}: {answer.reason}" for answer in recording.answers if answer.state == "not_comparable"]
    print_lines(console, "Not decidable, not asked", undecidable, WITH_JSON)
    print_lines(console, "Refused by the engine", refused, WITH_JSON)
    print_lines(console, "Not comparable", others, WITH_JSON)


def _habit(probe: ComparedProbe) -> str:
    source, target = words.habit_answers(probe)
    return f"{probe.meaning}: source {source}, target {target}"


def print_behavior(behavior: Behavior, rest: str = IN_THE_REPORT) -> None:
    """What two sides' answers say about each other; `rest` says where the lines beyond the shown ones are."""
    console = stdout_console()
    console.print()
    console.print(Text(" ".join(words.BEHAVIOR_HEADS[behavior.outcome]), style=_STYLES[behavior.outcome]))
    counts = {words.BEHAVIOR[name]: words.plural(count, "query", "queries") for name, count in behavior.counts.items()}
    print_pairs(console, counts or {"Queries": "none was asked"})
    told = {"Claim": behavior.claim, "Rows tried on": behavior.place, "Seed of routines' inputs": behavior.seed or ""}
    print_pairs(console, {name: text for name, text in told.items() if text} or {"asked": "nothing"})
    asked = (*behavior.queries, *behavior.routines)
    for outcome in ("different", "order_differs", "not_comparable", "not_run", "not_decidable", "equal_but_kinds"):
        found = [query for query in asked if query.outcome == outcome]
        lines = [f"{query.name}: {query.detail}" for query in found]
        print_lines(console, words.BEHAVIOR[outcome].capitalize(), lines, rest)
    for title, outcomes in (("Constraints that do not hold", FINDINGS), ("Rows not decidable", {"not_decidable"}),
                            ("Rows not tried", {"not_run"})):  # fmt: skip
        found_rows = [item for item in behavior.constraints if item.outcome in outcomes]
        print_lines(console, title, [f"{item.table}: {item.constraint}: {item.detail}" for item in found_rows], rest)
    differing = [probe for probe in behavior.probes if probe.differs]
    print_lines(
        console,
        "Habits in which the two engines differ (what hangs on each: in the report)",
        [_habit(probe) for probe in differing],
        rest,
    )
    print_lines(console, "Not run", list(behavior.not_run), rest)
