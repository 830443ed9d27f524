"""What two databases do with the same questions, as values: answers of one side, and how those of two sides compare.

An answer holds digests, never rows. Both readings and both digests are the core's (`kora/core/src/answer.rs`). How a
difference in behaviour stands beside a verdict on data: `docs/behavior.md`.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Half: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
"""The first 16 bytes of a keyed digest, in hex."""
Count = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
State: TypeAlias = Literal["answered", "error", "not_decidable", "not_comparable"]
Comparison: TypeAlias = Literal[
    "equal", "equal_but_kinds", "order_differs", "different", "not_decidable", "not_comparable", "not_run"
]
Asked: TypeAlias = Literal["workload", "views", "routines"]
Seed: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
BehaviorVerdict: TypeAlias = Literal["equal", "different", "undecided"]
ProbeOutcome: TypeAlias = Literal["kept", "broken", "lost", "differs", "not_decidable", "not_run"]
FINDINGS = frozenset({"broken", "lost", "differs"})
"""Outcomes of a probe that make the behaviour different."""
UNNAMED_REFUSAL = "refused"
"""The class of errors that have no other: two of them need not mean the same."""
ANSWERS_LIMIT = 10_000
"""Queries of one recording."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Reading(_Frozen):
    """The rows as a set, and the columns that ORDER BY names as a sequence; None without an ORDER BY."""

    rows: Half
    order: Half | None = None


class Answer(_Frozen):
    """What one side answered to one query.

    `text`: the first 16 hex digits of the SHA-256 of the query as it was written. `reason`: why an answer says nothing,
    or the class of an error. `fragile`: why two right answers may differ. `columns`: the kinds of values per column, as
    `integer` or `integer|text`. `ties`: whether ORDER BY names something that is no column of the answer.
    """

    name: Name
    text: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    state: State = "answered"
    reason: Annotated[str, Field(max_length=300)] = ""
    fragile: Annotated[str, Field(max_length=300)] = ""
    row_count: Count | None = None
    columns: Annotated[tuple[Annotated[str, Field(max_length=300)], ...], Field(max_length=4096)] = ()
    exact: Reading | None = None
    plain: Reading | None = None
    ties: bool = False


class Recording(_Frozen):
    """One side's answers. `workload` is the SHA-256 of the file of queries, or of the file of routines' inputs; `seed`
    is what the inputs of routines were generated from.
    """

    format: Literal["kora-behavior-2"] = "kora-behavior-2"
    asked: Asked
    seed: Seed | None = None
    url: str
    engine: str
    identity: dict[str, str]
    workload: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    answers: Annotated[tuple[Answer, ...], Field(max_length=ANSWERS_LIMIT)]
    key_id: str
    run_id: str
    claimed_time: str


class ComparedQuery(_Frozen):
    """One query on both sides. `detail` says what differs or why nothing can be said; it holds no value."""

    name: str
    outcome: Comparison
    source_rows: Count | None = None
    target_rows: Count | None = None
    detail: str = ""


class ComparedProbe(_Frozen):
    """One fixed question about an engine's habits, what each answers, and whether that is the same."""

    name: str
    meaning: str
    source: str
    target: str
    differs: bool


class ConstraintProbe(_Frozen):
    """What a table of the target does with rows: a constraint, a default, a generated column, a limit, a counter.

    `outcome`: `kept` as declared; `broken`: the target does not do what it declares; `lost`: the source refuses what
    the target accepts; `differs`: the target fills in or cuts otherwise than the source; `not_decidable` and `not_run`
    with the reason in `detail`.
    """

    table: str
    constraint: str
    outcome: ProbeOutcome
    detail: str = ""


class Behavior(_Frozen):
    """All that was asked of both sides besides their data. `workload` as in a recording. `place`: where rows were
    tried. `seed`, `inputs`: what routines' inputs were generated from, and the SHA-256 of the file of recorded ones.
    """

    outcome: BehaviorVerdict
    claim: str = ""
    workload: str | None = None
    queries: tuple[ComparedQuery, ...] = ()
    probes: tuple[ComparedProbe, ...] = ()
    constraints: tuple[ConstraintProbe, ...] = ()
    routines: tuple[ComparedQuery, ...] = ()
    place: str = ""
    seed: str | None = None
    inputs: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    not_run: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many queries came out how."""
        return dict(sorted(Counter(query.outcome for query in self.queries).items()))


def verdict_of(queries: Sequence[ComparedQuery], constraints: Sequence[ConstraintProbe] = ()) -> BehaviorVerdict:
    """`different` if anything differs; `undecided` if something could not be compared, or nothing was."""
    outcomes = {query.outcome for query in queries}
    if outcomes & {"different", "order_differs"} or any(probe.outcome in FINDINGS for probe in constraints):
        return "different"
    decided = bool(outcomes & {"equal", "equal_but_kinds"}) or any(probe.outcome == "kept" for probe in constraints)
    return "undecided" if outcomes & {"not_comparable", "not_run"} or not decided else "equal"


def claim_of(behavior: Behavior) -> str:
    """One sentence with numbers: what agreed, what did not, what nobody can say."""
    asked = (*behavior.queries, *behavior.routines)
    agree = sum(query.outcome in ("equal", "equal_but_kinds") for query in behavior.queries)
    called = sum(call.outcome in ("equal", "equal_but_kinds") for call in behavior.routines)
    kept = sum(probe.outcome == "kept" for probe in behavior.constraints)
    differ = sum(query.outcome in ("different", "order_differs") for query in asked)
    differ += sum(probe.outcome in FINDINGS for probe in behavior.constraints)
    rest = [query.outcome for query in asked] + [str(probe.outcome) for probe in behavior.constraints]
    open_ends = rest.count("not_decidable")
    untold = rest.count("not_run") + rest.count("not_comparable")
    told = f"behaviour equal on {agree} queries, {called} calls of routines and {kept} probes"
    return f"{told}; {differ} differ, {open_ends} not decidable, {untold} not run"


def compare_answers(source: Sequence[Answer], target: Sequence[Answer]) -> tuple[ComparedQuery, ...]:
    """Pairs answers by name and compares each pair; what one side alone was asked is `not_run`."""
    there = {answer.name: answer for answer in target}
    compared = [_compared(answer, there.pop(answer.name, None)) for answer in source]
    alone = [
        ComparedQuery(name=name, outcome="not_run", target_rows=answer.row_count, detail="asked of the target alone")
        for name, answer in there.items()
    ]
    return (*compared, *alone)


def _compared(left: Answer, right: Answer | None) -> ComparedQuery:
    if right is None:
        return ComparedQuery(
            name=left.name, outcome="not_run", source_rows=left.row_count, detail="asked of the source alone"
        )
    outcome, detail = _judged(left, right)
    fragile = left.fragile or right.fragile
    if fragile and outcome in ("different", "order_differs"):
        outcome, detail = "not_decidable", f"{fragile}; {detail}"
    return ComparedQuery(
        name=left.name, outcome=outcome, source_rows=left.row_count, target_rows=right.row_count, detail=detail
    )


def _judged(left: Answer, right: Answer) -> tuple[Comparison, str]:
    for state in ("not_decidable", "not_comparable"):
        for side, answer in (("source", left), ("target", right)):
            if answer.state == state:
                return ("not_decidable" if state == "not_decidable" else "not_comparable"), f"{side}: {answer.reason}"
    if "error" in (left.state, right.state):
        if left.state == right.state and left.reason == right.reason:
            if left.reason == UNNAMED_REFUSAL:
                return "not_decidable", "both refuse, for reasons that have no common name"
            return "equal", f"both refuse: {left.reason}"
        return "different", f"source {_told(left)}, target {_told(right)}"
    if len(left.columns) != len(right.columns):
        return "different", f"{len(left.columns)} columns in the source, {len(right.columns)} in the target"
    if left.row_count != right.row_count:
        return "different", f"{left.row_count} rows in the source, {right.row_count} in the target"
    kinds = _kinds(left, right)
    for outcome, one, two in (("equal", left.exact, right.exact), ("equal_but_kinds", left.plain, right.plain)):
        if one is None or two is None or one.rows != two.rows:
            continue
        same: Comparison = "equal" if outcome == "equal" else "equal_but_kinds"
        if one.order == two.order:
            return same, kinds if outcome == "equal_but_kinds" else ""
        if left.ties or right.ties:
            return "not_decidable", "the same rows in another order, and ORDER BY names what the answer does not show"
        return "order_differs", "the same rows in another order"
    return "different", f"the rows differ{': ' + kinds if kinds else ''}"


def _told(answer: Answer) -> str:
    return f"refuses ({answer.reason})" if answer.state == "error" else "answers"


def _kinds(left: Answer, right: Answer) -> str:
    """Where the columns hold different kinds of values."""
    pairs = enumerate(zip(left.columns, right.columns, strict=True), 1)
    told = [f"column {place} {one or 'NULL'}/{two or 'NULL'}" for place, (one, two) in pairs if one != two]
    shown = ", ".join(told[:8])
    return shown + (f" and {len(told) - 8} more" if len(told) > 8 else "")
