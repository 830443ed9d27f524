"""Asks one database the queries of a workload, and keeps digests of what it answers."""

import re
from collections.abc import Callable, Iterator

from kora import _core
from kora.behavior.decidable import Promise, promise_of, sums_floats, view_promises
from kora.behavior.translate import Spellings, translate
from kora.behavior.workload import Query, Workload
from kora.catalog import Catalog
from kora.comparison.behavior import UNNAMED_REFUSAL, Answer, Reading
from kora.databases.base import AnswersQueries, Database
from kora.errors import AccessDenied, Busy, EngineError, InvalidRequest, LimitExceeded, Stopped, UnsupportedType

Watch = Callable[[str], None]
QUERY_SECONDS = 60
"""How long a query may take, unless a person says otherwise."""
_ENDED = frozenset({"57014", "1317", "1969", "3024"})
"""What servers say of a statement that took too long, while its rows are read. DuckDB says it in words."""
_CLASSES: tuple[tuple[str, str], ...] = (
    ("division by zero", r"22012|1365|division by zero|divide by zero"),
    ("out of range", r"22003|1264|1690|overflow|out of range"),
    ("unknown name", r"42P01|42703|42883|42704|3F000|1146|1054|1305|1630|no such|does not exist|not found"),
    ("bad value", r"22P02|22007|22008|22023|1292|1366|1411|conversion error|could not convert|malformed"),
    ("wrong types", r"42804|42846|42809|42725|binder error"),
    ("ungrouped column", r"42803|1055|1140|must appear in the GROUP BY"),
    ("more than one row", r"21000|1242|more than one row"),
    ("not permitted", r"42501|25006|1142|1143|1227|1370|1792|permission|read-only|readonly"),
    ("not understood", r"42601|1064|1149|syntax error|parser error|unrecognized token|incomplete input"),
)
"""Words for an engine's refusal, so that two engines' refusals compare. SQLSTATE or number first, else its message."""


_SUMMED = "a sum of floating-point numbers hangs on the order of the rows"


def require_queries(database: Database, place: str) -> AnswersQueries:
    """The database, where it has an SQL of its own. Raises `InvalidRequest` for files of rows."""
    if not isinstance(database, AnswersQueries):
        raise InvalidRequest(
            f"{place} answers no queries: it is files of rows",
            hint="behaviour compares SQLite, DuckDB, PostgreSQL and MariaDB databases",
        )
    return database


def ask(
    database: AnswersQueries,
    catalog: Catalog,
    workload: Workload,
    key: _core.DigestKey,
    spellings: Spellings | None = None,
    watch: Watch | None = None,
    seconds: int = QUERY_SECONDS,
) -> tuple[Answer, ...]:
    """The answers to all queries of a workload, in its order; a refusal is an answer too.

    Args:
        database: Open for reading.
        catalog: What it holds.
        workload: Queries in its own SQL, or in another's.
        key: What answers are digested under.
        spellings: Set where the workload was written for another database: queries are then translated.
        watch: Told each query's name before it is asked.
        seconds: A query that takes longer is ended, and not decidable.
    """
    with database.asking(seconds):
        return tuple(_asked(database, catalog, workload, key, spellings, watch, seconds))


def _asked(
    database: AnswersQueries, catalog: Catalog, workload: Workload, key: _core.DigestKey,
    spellings: Spellings | None, watch: Watch | None, seconds: int,
) -> Iterator[Answer]:  # fmt: skip
    views = view_promises(catalog, database.dialect.sqlglot)
    floats = _floats(catalog)
    for query in workload.queries:
        if watch:
            watch(query.name)
        promise = _promise(query, catalog, views)
        try:
            sql = query.text if spellings is None or query.tree is None else translate(
                query.tree, workload.dialect, database.dialect.sqlglot, spellings
            )  # fmt: skip
        except ValueError as problem:
            yield _without(query, "not_comparable", str(problem)[:300], promise)
            continue
        try:
            answer = _answer(database, query, sql, promise, key)
        except (Stopped, Busy) as problem:
            why = "it waits for what another session has locked" if isinstance(problem, Busy) else (
                f"it takes longer than {seconds} s, and was ended")  # fmt: skip
            answer = _without(query, "not_decidable", why, promise)
        yield _loosely_summed(answer, query, floats)


def _floats(catalog: Catalog) -> frozenset[str]:
    """Names of columns that are declared for floating-point numbers, without case."""
    return frozenset(
        column.name.casefold() for table in catalog.tables for column in table.columns if column.type.kind == "float"
    )


def _loosely_summed(answer: Answer, query: Query, floats: frozenset[str]) -> Answer:
    """A sum of floating-point numbers hangs on the order in which the rows came: equal is equal, else nobody knows."""
    if answer.fragile or answer.state != "answered" or query.tree is None:
        return answer
    shown = any("float" in kinds.split("|") for kinds in answer.columns)
    return answer.model_copy(update={"fragile": _SUMMED}) if sums_floats(query.tree, floats, shown=shown) else answer


def _promise(query: Query, catalog: Catalog, views: dict[str, Promise]) -> Promise:
    if query.view is not None:
        return views[query.view.name.name.casefold()]
    return promise_of(query.tree, catalog, views) if query.tree is not None else Promise()


def _answer(database: AnswersQueries, query: Query, sql: str, promise: Promise, key: _core.DigestKey) -> Answer:
    """One answer. A query of which nothing can be said is not asked at all: so no clock, chance or lock is touched."""
    if promise.reason:
        return _without(query, "not_decidable", promise.reason, promise)
    try:
        stream = database.query_rows(_bare(sql))
        places = promise.order or ()
        width = stream.column_count
        known = [place for place in places if place < width]
        whole = promise.ties or len(known) < len(places)
        digest = _core.digest_answer(stream, key, range(width) if whole else known)
    except UnsupportedType as problem:
        return _without(query, "not_comparable", problem.message, promise)
    except LimitExceeded as problem:
        return _without(query, "not_comparable", problem.message, promise)
    except AccessDenied:
        return _without(query, "error", "not permitted", promise)
    except EngineError as problem:
        if problem.sqlstate in _ENDED or "Interrupted" in problem.message:
            raise Stopped(problem.message) from problem
        return _without(query, "error", error_class(problem), promise)
    ordered = promise.order is not None
    return Answer(
        name=query.name, text=query.digest, fragile=promise.fragile, row_count=digest.row_count,
        columns=tuple("|".join(kinds) for kinds in digest.kinds),
        exact=_reading(digest.exact, ordered), plain=_reading(digest.plain, ordered), ties=ordered and whole,
    )  # fmt: skip


def _reading(digests: tuple[bytes, bytes], ordered: bool) -> Reading:
    rows, order = digests
    return Reading(rows=rows[:16].hex(), order=order[:16].hex() if ordered else None)


def answer_of(name: str, text: str, digest: _core.AnswerDigest) -> Answer:
    """The answer of something that has no order of its own. `text` names what was asked: 16 hex digits."""
    return Answer(
        name=name[:300], text=text, row_count=digest.row_count,
        columns=tuple("|".join(kinds) for kinds in digest.kinds),
        exact=_reading(digest.exact, False), plain=_reading(digest.plain, False),
    )  # fmt: skip


def _without(query: Query, state: str, reason: str, promise: Promise) -> Answer:
    return Answer.model_validate(
        {"name": query.name, "text": query.digest, "state": state, "reason": reason[:300], "fragile": promise.fragile}
    )


def _bare(sql: str) -> str:
    """A statement without white space or a semicolon behind it; a comment in its last line stays within the line."""
    bare = sql.strip().rstrip(";").rstrip()
    return f"{bare}\n" if "--" in bare.rpartition("\n")[2] else bare


def error_class(problem: EngineError) -> str:
    """A word for a refusal that means the same on each engine; `refused` where none fits."""
    for word, pattern in _CLASSES:
        codes = [part for part in pattern.split("|") if re.fullmatch(r"[0-9A-Z]{4,5}", part)]
        if problem.sqlstate in codes:
            return word
    for word, pattern in _CLASSES:
        words = "|".join(part for part in pattern.split("|") if not re.fullmatch(r"[0-9A-Z]{4,5}", part))
        if re.search(words, problem.message, re.IGNORECASE):
            return word
    return UNNAMED_REFUSAL
