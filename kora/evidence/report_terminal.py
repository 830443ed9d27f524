"""All that KORA prints. Results go to stdout, everything else to stderr; colour only on a terminal (rich decides).

Every text that comes from a database passes `visible`, so that no value can steer the terminal.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kora.comparison.fingerprint import Fingerprint
from kora.comparison.mapping import Loss, Side
from kora.comparison.result import NotChecked, TableResult, VerificationResult
from kora.evidence import report_words as words
from kora.evidence.artifacts import Artifacts
from kora.evidence.certificate import Certificate
from kora.evidence.report_json import print_json
from kora.evidence.statement import CertifiedLoss, Predicate
from kora.evidence.transparency import Checkpoint, LogPlace
from kora.evidence.verdict import decide_result

_STYLES = {
    "equivalent": "green",
    "equivalent_with_declared_loss": "yellow",
    "different": "red",
    "not_proven": "blue",
    "match": "green",
    "mismatch": "red",
    "missing_in_target": "red",
    "extra_in_target": "red",
}
_MATCHED_TABLES_SHOWN = 30
_LINES_SHOWN = 20
_LOG_WIDTH = 140
IN_THE_REPORT = "in the report"
WITH_JSON = "with --json"
_IN_THE_FILE = "in the file: kora show FILE --json"


def print_result(result: VerificationResult, artifacts: Artifacts | None) -> None:
    """The summary of a verification on stdout."""
    console = stdout_console()
    decision = decide_result(result)
    summary = words.summarize(result, decision)
    print_verdict(console, decision.verdict, int(decision.exit_code))
    console.print(Text(f"  {summary.headline}", style="bold"))
    console.print(Text(f"  {summary.meaning}"))
    console.print()
    console.print(table_grid(result.tables))
    print_lines(console, "Why", decision.reasons)
    print_ledger(console, [loss for loss in result.losses if loss.count])
    print_lines(console, "Needs a decision", decision.decisions_needed)
    print_lines(
        console,
        "Orphaned rows",
        [f"{item.foreign_key} in {item.table}: {words.plural(item.count, 'row')}" for item in result.orphans],
    )
    print_not_checked(console, result.not_checked)
    print_lines(console, "Over the line", words.line_sentences(result))
    console.print()
    console.print(Text.assemble(("Next  ", "bold"), summary.next_step))
    if artifacts:
        console.print()
        print_pairs(
            console,
            {
                "Certificate": str(artifacts.certificate),
                "Report": str(artifacts.report),
                **({"Differing rows": str(artifacts.findings)} if artifacts.findings else {}),
                "Public key": str(artifacts.public_key),
                "Check it": f"kora check {artifacts.certificate} --key {artifacts.public_key}",
            },
        )
    if artifacts and artifacts.logged:
        print_logged_place(console, artifacts.logged.index, artifacts.logged.checkpoint)


def print_logged_place(console: Console, index: int, checkpoint: Checkpoint) -> None:
    """A certificate's place in the log, the log's checkpoint, and what to do with it."""
    place = f"entry {index} of {checkpoint.size} in {checkpoint.origin}"
    console.print(Text("✓ logged: ", style="green bold") + Text(words.visible(place)))
    console.print(
        Text(f"  Checkpoint  {words.visible(checkpoint.origin)}, size {checkpoint.size}, root {checkpoint.root}")
    )
    console.print(Text(f"  {words.KEEP_THE_CHECKPOINT}"))


def print_checked(
    certificate: Certificate,
    present: Mapping[str, bool],
    key_ids: Iterable[str],
    logged: LogPlace | None = None,
) -> None:
    """What `kora check` says of an authentic file. `logged`: its place in a log, where its log proof held."""
    console = stdout_console()
    console.print(Text("✓ authentic: ", style="green bold") + Text("signed by " + ", ".join(key_ids)))
    if logged:
        print_logged_place(console, logged.index, logged.checkpoint)
    if certificate.statement:
        _predicate(console, certificate.statement.predicate)
        for name, there in present.items():
            console.print(Text(f"  {'✓' if there else '–'} {words.visible(name)}: {_presence(there)}"))
    else:
        _without_verdict(console, certificate)


def print_shown(certificate: Certificate, *, as_json: bool) -> None:
    """What a file says, without a word on whether it is true."""
    if as_json:
        print_json(certificate.payload)
        return
    console = stdout_console()
    console.print(Text("not checked: this shows what the file says; `kora check` says whether it is authentic"))
    print_pairs(console, {"Claims signers": ", ".join(certificate.envelope.key_ids)})
    if certificate.statement:
        _predicate(console, certificate.statement.predicate)
        for subject in certificate.statement.subject:
            console.print(Text(f"  sha256 {subject.digest.sha256}  {words.visible(subject.name)}"))
    else:
        _without_verdict(console, certificate)


def print_fingerprint(fingerprint: Fingerprint, path: Path) -> None:
    """What `kora fingerprint` made."""
    unreadable = [table.name for table in fingerprint.tables if table.unreadable]
    console = stdout_console()
    console.print(Text(f"✓ {words.plural(len(fingerprint.tables), 'table')} fingerprinted", style="green bold"))
    print_pairs(console, {"File": str(path), "Migration key": fingerprint.key_id})
    print_lines(console, "Left out", fingerprint.tables_left_out or (), WITH_JSON)
    print_lines(console, "Not readable", unreadable, WITH_JSON)


def print_key(key_id: str, public_path: Path, private_path: Path, *, made: bool) -> None:
    """Where a key pair lies."""
    console = stdout_console()
    console.print(Text("✓ a new signing key was made" if made else "a signing key is there already; it was kept"))
    print_pairs(
        console, {"Key id": key_id, "Public key": str(public_path), "Private key": f"{private_path} (keep it home)"}
    )


def print_error(message: str, hint: str = "") -> None:
    """`error:` and `hint:` on stderr."""
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), words.visible_lines(message)))
    if hint:
        console.print(Text.assemble(("hint: ", "bold"), words.visible_lines(hint)))


class Counters(Protocol):
    """What a running pass says of itself; `kora._core.Progress` is one."""

    @property
    def rows(self) -> int:
        """Rows read so far."""
        ...


class TerminalProgress:
    """Progress on stderr, one line rewritten; silent where stderr is not a terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._passes: dict[tuple[str, str], Counters] = {}
        self._stage = ""
        self._status = self._console.status(self)
        self._running = False

    def watch(self, pair: str, side: Side, counters: Counters) -> None:
        """Show a pass over one side of a table while it counts; the last pass of each side is shown."""
        self._passes = {key: value for key, value in self._passes.items() if key[1] != side}
        self._passes[pair, side] = counters
        self._start()

    def __call__(self, stage: str, rows: int = 0) -> None:
        """Show a stage's name and the rows that it has read."""
        self._stage = f"{stage} {rows:,} rows" if rows else stage
        self._start()

    def close(self) -> None:
        """Take the line away. Safe to call twice."""
        if self._running:
            self._status.stop()
            self._running = False

    def __rich__(self) -> Text:
        """The line as it stands now; rich asks for it several times a second."""
        passes = [f"{side} {pair.split('~')[0]}: {counters.rows:,} rows" for (pair, side), counters in self._current()]
        return Text(words.visible(" · ".join(filter(None, [self._stage, *passes]))), no_wrap=True, overflow="ellipsis")

    def _current(self) -> list[tuple[tuple[str, str], Counters]]:
        return sorted(self._passes.items(), key=lambda item: item[0][1])

    def _start(self) -> None:
        if self._console.is_terminal and not self._running:
            self._status.start()
            self._running = True


def stdout_console() -> Console:
    """Where results go. Without a terminal lines are as long as a log's, and nothing is folded at 80."""
    terminal = sys.stdout.isatty()
    return Console(highlight=False, markup=False, soft_wrap=not terminal, width=None if terminal else _LOG_WIDTH)


def print_verdict(console: Console, verdict: str, exit_code: int) -> None:
    """A verdict's sign and words, and the exit code."""
    sign, label = words.LABELS[verdict]
    console.print(Text(f"{sign} {label}", style=f"bold {_STYLES[verdict]}") + Text(f"  exit code {exit_code}"))


def table_grid(tables: Iterable[TableResult]) -> Table:
    """One line a table; many that match in one."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("Table", "Outcome"):
        grid.add_column(name, overflow="fold")
    for name in ("Source", "Target", "Changed", "Missing", "Extra"):
        grid.add_column(name, justify="right", no_wrap=True)
    listed = list(tables)
    matched = [table for table in listed if table.outcome == "match"]
    aggregate = len(matched) > _MATCHED_TABLES_SHOWN
    for table in listed:
        if aggregate and table.outcome == "match":
            continue
        sign, word = words.OUTCOMES[table.outcome]
        grid.add_row(
            words.visible(_short_name(table)),
            Text(f"{sign} {word}", style=_STYLES.get(table.outcome, "blue")),
            *_counts(table.source_rows, table.target_rows),
            *(f"{count:,}" if count else "" for count in _difference_counts(table)),
        )
    if aggregate:
        source, target = (
            sum(getattr(table, side) or 0 for table in matched) for side in ("source_rows", "target_rows")
        )
        grid.add_row(
            f"{len(matched):,} tables", Text("✓ match", style="green"), f"{source:,}", f"{target:,}", "", "", ""
        )
    return grid


def _short_name(table: TableResult) -> str:
    """The source's name alone where the target's is the same in another schema: lines stay short."""
    if table.source and table.target and table.source.split(".")[-1] == table.target.split(".")[-1]:
        return table.source
    return table.name


def _counts(*counts: int | None) -> list[str]:
    return ["–" if count is None else f"{count:,}" for count in counts]


def _difference_counts(table: TableResult) -> tuple[int, int, int]:
    return table.mismatch, table.missing_in_target, table.extra_in_target


def print_ledger(console: Console, losses: Iterable[Loss | CertifiedLoss], rest: str = IN_THE_REPORT) -> None:
    """Losses with their approvals."""
    lines = [
        f"{loss.subject}: {loss.rule}, {loss.count:,}; "
        + (f"approved by {loss.approved_by}" if loss.approved_by else "not approved")
        for loss in losses
    ]
    print_lines(console, "Loss ledger", lines, rest)


def print_not_checked(console: Console, items: Sequence[NotChecked], rest: str = IN_THE_REPORT) -> None:
    """What nothing is said about."""
    print_lines(console, "Not checked", [_unchecked(item) for item in words.not_checked(items)], rest)


def _unchecked(item: NotChecked) -> str:
    """One entry with its side, where it is of one."""
    count = f" ({item.count:,})" if item.count != 1 else ""
    side = f", {item.side}" if item.side != "both" and item.detail else ""
    return f"{item.what} {item.name}{count}{side}: {item.detail or item.side}"


def _predicate(console: Console, predicate: Predicate) -> None:
    print_verdict(console, predicate.verdict, predicate.exit_code)
    print_pairs(
        console,
        {
            "Claim": predicate.claim,
            "Source": predicate.source.url,
            "Target": predicate.target.url,
            "Tables": f"{len(predicate.tables):,}",
            "Rows": f"{sum(table.source_rows or 0 for table in predicate.tables):,}",
            "Run": predicate.run_id,
            "Claimed time": predicate.claimed_end,
            "Made by": f"{predicate.tool.name} {predicate.tool.version}",
        },
    )
    print_ledger(console, predicate.losses, _IN_THE_FILE)
    print_not_checked(console, predicate.not_checked, _IN_THE_FILE)


def _without_verdict(console: Console, certificate: Certificate) -> None:
    kind = certificate.envelope.payload_type
    if certificate.fingerprint:
        made = certificate.fingerprint
        print_pairs(
            console,
            {
                "Fingerprint of": made.url,
                "Role": made.role,
                "Tier": str(made.tier),
                "Tables": str(len(made.tables)),
                **({"Left out": ", ".join(made.tables_left_out)} if made.tables_left_out else {}),
                "Migration key": made.key_id,
            },
        )
    if certificate.recording:
        recorded = certificate.recording
        states = Counter(answer.state.replace("_", " ") for answer in recorded.answers)
        print_pairs(
            console,
            {
                "Behaviour of": recorded.url,
                "Asked": recorded.asked,
                "Answers": ", ".join(f"{count} {state}" for state, count in sorted(states.items())) or "none",
                "Seed": recorded.seed or "none",
                "Migration key": recorded.key_id,
                "Claimed time": recorded.claimed_time,
            },
        )
    console.print(Text(f"  {words.visible(kind)}: it holds no verdict, so nothing is proven by it"))


def _presence(there: bool) -> str:
    return "beside the certificate, as certified" if there else "not here, not looked at"


def print_lines(console: Console, title: str, lines: Iterable[str], rest: str = IN_THE_REPORT) -> None:
    """A titled list, cut at twenty; nothing where it is empty. `rest` says where the others are to be read."""
    listed = list(lines)
    if not listed:
        return
    console.print()
    console.print(Text(title, style="bold"))
    for line in listed[:_LINES_SHOWN]:
        console.print(Text(f"  {words.visible(line)}"))
    if len(listed) > _LINES_SHOWN:
        console.print(Text(f"  and {len(listed) - _LINES_SHOWN:,} more, {rest}"))


def print_pairs(console: Console, pairs: Mapping[str, str]) -> None:
    """Names with their texts, one a line; nothing where there are none."""
    width = max(map(len, pairs), default=0)
    for name, text in pairs.items():
        console.print(Text(f"  {name.ljust(width)}  ", style="dim") + Text(words.visible(text)))
