"""Routines called on one side: what each gives back, and which tables it leaves otherwise, as digests.

Every call is a transaction of its own that is taken back. A session that may not write is used unless a caller passed
one that may; a routine that the server then refuses for writing is not decidable. Each is called twice: what answers
otherwise the second time is not decidable either.
"""

from collections.abc import Callable as Told
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kora import _core
from kora.behavior.answers import answer_of, error_class
from kora.behavior.callables import Callable
from kora.behavior.inputs import Input, digest_of, generated, literal
from kora.behavior.procedures import call_of, procedure_answers, result_number
from kora.behavior.routine_copies import copy_for
from kora.behavior.servers import MariadbTrials, ServerTrials, Transaction
from kora.behavior.trials import REFUSALS
from kora.catalog import Catalog, Table
from kora.comparison.behavior import Answer, ComparedQuery, compare_answers
from kora.databases.base import Database
from kora.errors import AccessDenied, Busy, EngineError, LimitExceeded, Stopped, UnsupportedType

WATCHED_ROWS_LIMIT = 100_000
"""Rows of all tables together, beyond which nobody looks what a routine changed."""
_READ_ONLY = ("25006", "1792", "1207", "1290")
_RESULT_SET = "1312"
_WRITES = "it writes: --probe-target names a place where it may, in a transaction that is rolled back"
Plans = Mapping[str, Sequence[Input]]
Watch = Told[[str], None]


def _say_nothing(text: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Side:
    """One database, its routines, and the session that calls them."""

    database: Database
    catalog: Catalog
    callables: Sequence[Callable]
    session: ServerTrials
    announce: Told[[str], None] = _say_nothing
    """Told of a schema before it is made."""


def call_all(side: Side, plans: Plans, key: _core.DigestKey, watch: Watch | None = None) -> tuple[Answer, ...]:
    """Every call of a plan: routine → inputs. A routine that is not called has one answer that says why.

    Raises:
        EngineError: A counter moved although everything was rolled back.
    """
    positions = {} if side.session.read_only else side.session.positions()
    answers: list[Answer] = []
    wanted = [routine for routine in side.callables if routine.name in plans]
    with _beside(side, [routine for routine in wanted if routine.needs and not routine.why]) as beside:
        for routine in wanted:
            if watch:
                watch(f"routine:{routine.name}")
            place = beside if routine.needs else side
            why = routine.why or (f"{routine.needs}; {place}" if isinstance(place, str) else "")
            if isinstance(place, str) or why:
                answers.append(_silent(f"routine:{routine.name}", (), "not_decidable", why))
                continue
            for number, given in enumerate(plans[routine.name]):
                answers += _called(place, routine, f"routine:{routine.name}#{number}", given, key)
    if positions and side.session.positions() != positions:
        raise EngineError(
            f"a counter of {side.session.place} moved while routines were called",
            hint="somebody else may have used it meanwhile: probe a place that nobody writes to; else set it back",
        )
    return tuple(answers)


@contextmanager
def _beside(side: Side, routines: Sequence[Callable]) -> Iterator[Side | str]:
    """The side on which routines are called that no rollback takes back: a copy, or why there is none."""
    session = side.session
    if session.read_only or not isinstance(session, MariadbTrials):
        yield _WRITES
    elif not routines:
        yield "nothing needs a copy"
    else:
        with copy_for(session, routines, side.catalog, side.announce) as made:
            yield made if isinstance(made, str) else replace(side, session=made[0], catalog=made[1])


def _called(side: Side, routine: Callable, name: str, given: Input, key: _core.DigestKey) -> list[Answer]:
    if len(given) != len(routine.taken):
        return [_silent(name, given, "not_comparable", f"{len(given)} inputs for {len(routine.taken)} parameters")]
    try:
        first, again = (_once(side, routine, name, given, key) for _ in range(2))
    except ValueError:
        return [_silent(name, given, "not_comparable", "an input is no value of its parameter's type")]
    if first != again:
        return [_silent(name, given, "not_decidable", "it answers otherwise the second time")]
    return first


def _once(side: Side, routine: Callable, name: str, given: Input, key: _core.DigestKey) -> list[Answer]:
    """What a call gave, and behind it what it changed where the session may write."""
    before = {} if side.session.read_only else _digests(side, key)
    if before is None:
        return [_silent(name, given, "not_decidable", "the tables are too large to see what it changes")]
    try:
        with side.session.transaction() as transaction:
            if not side.session.read_only:
                side.session.hold_counters()
            answers = _result(side, routine, transaction, name, given, key)
            after = {} if side.session.read_only else _digests(side, key, transaction) or {}
    except (UnsupportedType, LimitExceeded) as problem:
        return [_silent(name, given, "not_comparable", problem.message)]
    except REFUSALS as problem:
        if isinstance(problem, Busy | Stopped):
            return [_silent(name, given, "not_decidable", "it waits for a lock, or takes too long")]
        if isinstance(problem, AccessDenied):
            why = f"this login may not do what it does ({problem.message.rpartition(': ')[2]})"
            return [_silent(name, given, "not_decidable", why)]
        state = getattr(problem, "sqlstate", "")
        if state in _READ_ONLY:
            return [_silent(name, given, "not_decidable", _WRITES)]
        if state == _RESULT_SET:
            return [_silent(name, given, "not_decidable", "it gives back rows where the server allows none")]
        told = error_class(EngineError(problem.message, state))
        return [_silent(name, given, "error", told)]
    return [*answers, *_changes(name, given, before, after, key)]


def _result(
    side: Side, routine: Callable, transaction: Transaction, name: str, given: Input, key: _core.DigestKey
) -> list[Answer]:
    engine = side.database.dialect.engine
    if routine.procedure:
        return procedure_answers(engine, routine, transaction, name, given, key)
    values = (literal(engine, argument, value) for argument, value in zip(routine.taken, given, strict=True))
    call = f"{routine.called}({', '.join(values)})"
    sql = f"SELECT * FROM {call} AS kora_call" if engine == "postgresql" else f"SELECT {call}"
    return [answer_of(name, digest_of(given), _core.digest_answer(transaction.stream(sql), key))]


def _digests(
    side: Side, key: _core.DigestKey, transaction: Transaction | None = None
) -> dict[str, tuple[int, str, str]] | None:
    """Each table's rows as digests, its columns in the order of their names; None where there are too many."""
    if transaction is None:
        with side.session.transaction() as own:
            return _digests(side, key, own)
    found, rows = {}, 0
    for table in side.catalog.tables:
        sql = _whole(side, table)
        if not sql:
            continue
        (count,) = transaction.texts(f"SELECT count(*) FROM {side.database.dialect.qualify(table.name)}")[0]
        rows += int(count or 0)
        if rows > WATCHED_ROWS_LIMIT:
            return None
        try:
            digest = _core.digest_answer(transaction.stream(sql), key)
        except UnsupportedType:
            continue
        found[table.name.name.casefold()] = (digest.row_count, digest.exact[0].hex(), digest.plain[0].hex())
    return found


def _whole(side: Side, table: Table) -> str:
    columns = sorted((column.name for column in table.columns if column.type.kind != "unsupported"), key=str.casefold)
    if not columns or table.unreadable:
        return ""
    quote = side.database.dialect.quote
    return f"SELECT {', '.join(map(quote, columns))} FROM {side.database.dialect.qualify(table.name)}"


def _changes(
    name: str,
    given: Input,
    before: Mapping[str, tuple[int, str, str]],
    after: Mapping[str, tuple[int, str, str]],
    key: _core.DigestKey,
) -> list[Answer]:
    """An answer over the tables that a call left otherwise; none where it left all as they were."""
    changed = sorted(table for table in after if after[table] != before.get(table))
    if not changed:
        return []
    told = []
    for place in (1, 2):
        rows = _core.memory_rows([[table, after[table][0], after[table][place]] for table in changed])
        told.append(answer_of(f"{name} changes", digest_of(given), _core.digest_answer(rows, key)))
    return [told[0].model_copy(update={"plain": told[1].plain})]


def _silent(name: str, given: Input, state: str, reason: str) -> Answer:
    told = {"name": name[:300], "text": digest_of(given), "state": state, "reason": reason[:300]}
    return Answer.model_validate(told)


def compare_routines(source: Sequence[Answer], target: Sequence[Answer]) -> tuple[ComparedQuery, ...]:
    """As answers compare; and a routine that one side alone has is told once, a lost one as a difference."""
    mine, there = ({answer.name: answer for answer in answers} for answers in (source, target))
    silent = {name: answer for answer in (*target, *source) if "#" not in (name := answer.name)}
    routines = {side: {_routine(name) for name in names} for side, names in (("source", mine), ("target", there))}
    compared: dict[str, ComparedQuery] = {}
    for name in dict.fromkeys((*mine, *there)):
        routine = _routine(name)
        if routine not in routines["target"]:
            told = ComparedQuery(name=routine, outcome="different", detail="the target has no such routine")
        elif routine not in routines["source"]:
            told = ComparedQuery(name=routine, outcome="not_run", detail="the source has no such routine")
        elif routine in silent:
            told = ComparedQuery(name=routine, outcome="not_decidable", detail=silent[routine].reason)
        else:
            told = _compared(name, mine, there)
        compared.setdefault(told.name, told)
    return tuple(compared.values())


def _compared(name: str, mine: Mapping[str, Answer], there: Mapping[str, Answer]) -> ComparedQuery:
    """One call on both sides, one of the results behind its first, or what it changed."""
    left, right, call = mine.get(name), there.get(name), call_of(name)
    if left and right and left.text != right.text:
        return ComparedQuery(name=name, outcome="not_comparable", detail="the sides were called with other inputs")
    lacks = f"gives back no result {number}" if (number := result_number(name)) else "changes nothing"
    if call != name and left and call in there and right is None:
        return _alone(left, there[call], f"the target {lacks}")
    if call != name and right and call in mine and left is None:
        return _alone(right, mine[call], f"the source {lacks}")
    return compare_answers([left] if left else [], [right] if right else [])[0]


def _alone(part: Answer, other: Answer, detail: str) -> ComparedQuery:
    """A result or changes that one side alone has: the other one's call was silent, had none, or left all as it was."""
    if other.state in ("not_decidable", "not_comparable"):
        return ComparedQuery(name=part.name, outcome="not_decidable", detail=other.reason)
    if part.text != other.text:
        detail = "the sides were called with other inputs"
        return ComparedQuery(name=part.name, outcome="not_comparable", detail=detail)
    return ComparedQuery(name=part.name, outcome="different", detail=detail)


def _routine(name: str) -> str:
    return name.partition("#")[0]


def freed(callables: Sequence[Callable], extra: Plans) -> list[Callable]:
    """Routines whose only obstacle is that no input is known for them, where some were recorded."""
    free = []
    for item in callables:
        known = item.why.startswith("no input is known") and item.name in extra
        free.append(replace(item, why="") if known else item)
    return free


def plans_of(callables: Sequence[Callable], seed: str, recorded: Plans) -> dict[str, list[Input]]:
    """What each routine is called with: generated inputs, then recorded ones under its name or its bare name."""
    plans: dict[str, list[Input]] = {}
    for item in callables:
        known = all(argument.kind != "other" for argument in item.taken)
        mine = generated(seed, item.name, item.taken) if known else []
        extra = recorded.get(item.name, recorded.get(item.name.partition("(")[0], ()))
        plans[item.name] = [*mine, *(given for given in extra if given not in mine)]
    return plans
