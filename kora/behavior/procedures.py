"""What a procedure gives back, as answers: its OUT parameters and each result set, in the order in which they come.

The answer that bears the call's own name is the row of OUT parameters, or where none is declared the first result set;
further sets follow as `… result 2`. So a procedure that shows one set pairs with a function that returns rows. Sets are
compared without an order: nobody promised one to whoever calls.
"""

import re
from collections.abc import Iterator

from kora import _core
from kora.behavior.answers import answer_of
from kora.behavior.callables import Callable
from kora.behavior.inputs import Input, digest_of, literal
from kora.behavior.servers import Transaction
from kora.behavior.values import as_read
from kora.comparison.behavior import Answer
from kora.errors import LimitExceeded

RESULTS_LIMIT = 32
"""Result sets of one call."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_PART = re.compile(r" (changes|result \d+)$")


def call_of(name: str) -> str:
    """The call that a part of its answer belongs to."""
    return _PART.sub("", name)


def result_number(name: str) -> int:
    """Which result set an answer is; 0 for one that bears the call's own name."""
    found = _PART.search(name)
    return int(found[1].removeprefix("result ")) if found and found[1] != "changes" else 0


def procedure_answers(
    engine: str, routine: Callable, transaction: Transaction, name: str, given: Input, key: _core.DigestKey
) -> list[Answer]:
    """Calls a procedure within a transaction.

    Raises:
        LimitExceeded: It gives back more result sets than are read.
        UnsupportedType: One has a column that cannot be decoded. Others: as the server refuses.
    """
    values, places = _arguments(engine, routine, transaction, given)
    call = f"CALL {routine.called}({', '.join(values)})"
    if engine == "postgresql":
        rows, sets = transaction.texts(call), []
    else:
        sets = list(_digested(transaction, call, key))
        rows = transaction.texts(f"SELECT {', '.join(places)}") if places else []
    told = {name: _of_row(rows, key)} if rows or not sets else {}
    for number, digest in enumerate(sets, 1):
        told[f"{name} result {number}" if told and (rows or number > 1) else name] = digest
    return [answer_of(part, digest_of(given), digest) for part, digest in told.items()]


def _arguments(engine: str, routine: Callable, transaction: Transaction, given: Input) -> tuple[list[str], list[str]]:
    """The arguments of CALL, and in MariaDB the variables that take what is given out."""
    waiting, places, values = list(given), [], []
    for place, argument in enumerate(routine.arguments):
        value = waiting.pop(0) if argument.mode != "out" else None
        told = literal(engine, argument, value)
        if engine == "mariadb" and argument.mode != "in":
            transaction.execute(f"SET @kora_{place} = {told}")
            told = f"@kora_{place}"
            places.append(told)
        values.append(told)
    return values, places


def _digested(transaction: Transaction, call: str, key: _core.DigestKey) -> Iterator[_core.AnswerDigest]:
    """Each result set, read to its end before the next."""
    for number, stream in enumerate(transaction.results(call), 1):
        if number > RESULTS_LIMIT:
            raise LimitExceeded(f"it gives back more than {RESULTS_LIMIT} results")
        yield _core.digest_answer(stream, key)


def _of_row(rows: list[tuple[str | None, ...]], key: _core.DigestKey) -> _core.AnswerDigest:
    told = [[_spelled(text) for text in row] for row in rows] or [["nothing"]]
    return _core.digest_answer(_core.memory_rows(told), key)


def _spelled(text: str | None) -> str | None:
    """A value of a procedure: engines give these as texts, and spell one number in several ways."""
    if text is None or not _NUMBER.fullmatch(text):
        return {"True": "1", "False": "0"}.get(text or "", text)
    return as_read("decimal", text)
