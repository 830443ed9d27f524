"""Length limits: a text at the limit is taken and read back whole, one character more is refused and not cut.

Any text will do where nothing else looks at it. Where a CHECK or a reference does, texts are made of what it lets pass:
values that are there, the words that it names, stretched or cut to the length. If none is taken at the limit, the kind
of refusal still tells: an engine measures a text before it holds it against anything, so one that refuses a text for
another reason, and for its length as soon as it is longer, keeps the limit.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from kora.behavior.constraints import probe
from kora.behavior.origins import Origin
from kora.behavior.samples import samples
from kora.behavior.trials import REFUSALS, Bench, Made, Trial, breach
from kora.catalog import Column
from kora.comparison.behavior import ConstraintProbe
from kora.databases.base import Database
from kora.errors import SenseiError

LENGTH_LIMIT = 10_485_760
"""The longest text that is tried, in characters: the longest that PostgreSQL lets anybody declare."""
PACKET_LIMIT = 65_535
"""The same on MariaDB and MySQL, which end a session that sends more than they were set to take."""
TEXTS_LIMIT = 60
"""Texts of one length that are tried."""
_LONG = 10_000
"""Beyond so many characters a few texts must do."""
_ENFORCES_LENGTH = ("postgresql", "mariadb")
_BY_ANOTHER = frozenset({"unique", "check", "foreign key", "exclusion"})
_MEASURES = re.compile(r"\b(char_length|character_length|octet_length|length|len)\s*\(", re.IGNORECASE)
_LOST = "not found again"
_FILLINGS = "k0Kz"
_SEEDS_LIMIT = 5


def try_length(trial: Trial, origin: Origin | None, column: Column) -> Iterator[ConstraintProbe]:
    """The limit of one column: the source's where its engine enforces one, else the target's; nothing without one."""
    before = origin.column(column.name) if origin else None
    theirs = _limit(origin.database, before) if origin and before else None
    limit = theirs if theirs is not None else _limit(trial.database, column)
    if limit is None:
        return
    name = f"LENGTH {column.name} ({limit})"
    longest = PACKET_LIMIT if trial.dialect.engine == "mariadb" else LENGTH_LIMIT
    if limit > longest:
        yield probe(trial, name, "not_decidable", f"texts of more than {longest:,} characters are not tried there")
        return
    # A row is found again by its key: with another one only where it is made.
    place = trial.made() if column.name in trial.table.stable_key else trial.place([column.name])
    if isinstance(place, str):
        yield probe(trial, name, "not_decidable", place)
    else:
        yield probe(trial, name, *_judged(trial, place, column, limit, theirs is not None))


@dataclass(slots=True)
class _Tried:
    """What became of texts of one length. `stored`: the characters that stood there, of the first that was taken."""

    length: int
    stored: int | None = None
    taken: str = ""
    refusals: dict[str, int] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What refused them, for a person."""
        count = sum(self.refusals.values())
        return f"{' and '.join(sorted(self.refusals))}; {count} text{'s' * (count > 1)} tried"


def _judged(trial: Trial, place: Bench | Made, column: Column, limit: int, from_source: bool) -> tuple[str, str]:
    at = _tried(trial, place, column, limit, _texts(trial, column, limit))
    if at.stored is not None and at.stored < limit:
        return "differs", f"a text of {limit} characters is cut to {at.stored}"
    if "too long" in at.refusals and at.stored is None:
        return "differs", f"a text of {limit} characters is refused (too long)"
    if _LOST in at.refusals:
        return "differs", f"a text of {limit} characters is accepted and not found again"
    if at.stored is None and not set(at.refusals) <= _BY_ANOTHER:
        return "not_decidable", f"something else refuses a text of {limit} characters ({at.told})"
    whole = at.stored is not None
    longer = _stretched(at.taken, limit + 1) if at.taken else _texts(trial, column, limit + 1)
    above = _tried(trial, place, column, limit + 1, longer)
    if above.stored is not None and above.stored <= limit:
        return "differs", f"cuts a longer text to {above.stored} characters and says nothing"
    if _LOST in above.refusals:
        return "differs", "a longer text is accepted and not found again: it was cut"
    if above.stored is not None:
        outcome, whose = ("lost", "the source's") if from_source else ("broken", "its own")
        return outcome, f"accepts {limit + 1} characters, above {whose} limit"
    if "too long" in above.refusals:
        return "kept", "" if whole else f"at the limit something else refuses it ({at.told})"
    if whole and "check" in above.refusals and _measured(trial, column):
        return "kept", "by a CHECK"
    return "not_decidable", f"a text of {limit + 1} characters is refused, and not for its length ({above.told})"


def _tried(trial: Trial, place: Bench | Made, column: Column, length: int, texts: Iterable[str]) -> _Tried:
    """Tries texts of one length up to the first that is taken whole, or that is refused for its length."""
    tried = _Tried(length)
    for text in islice(dict.fromkeys(texts), 3 if length > _LONG else TEXTS_LIMIT):
        found = _stored_length(trial, place, column, text)
        if isinstance(found, str):
            tried.refusals[found] = tried.refusals.get(found, 0) + 1
            if found in ("too long", _LOST):
                break
        else:
            tried.stored, tried.taken = found, text
            break
    return tried


def _stored_length(trial: Trial, place: Bench | Made, column: Column, text: str) -> int | str:
    """The characters that stand there after a text was written, or what it is refused with."""
    counted = _counted(trial, column.name)
    try:
        found = trial.written(place, counted, {column.name: f"'{text}'"})
    except REFUSALS as problem:
        return breach(problem)
    return int(found[0][0] or 0) if found else _LOST


def _texts(trial: Trial, column: Column, length: int) -> Iterator[str]:
    """Texts of exactly so many characters, the likeliest to be taken first; what stands there is asked for last."""
    yield "k" * length
    checks = [check.expression for check in trial.table.checks]
    named = [value[1:-1] for value in samples(trial.dialect.engine, column, 0, checks)]
    yield from (word for word in named if len(word) == length and _plain(word))
    seeds = [*_there(trial, column, length), *named]
    yield from (filling * length for filling in _FILLINGS[1:])
    for seed in seeds:
        if _plain(seed):
            yield from _stretched(seed, length)


def _stretched(seed: str, length: int) -> Iterator[str]:
    """A text cut to a length, or made longer: with its own characters or others, behind it, before it, within."""
    missing = length - len(seed)
    if missing <= 0:
        yield from (text for text in (seed[:length], seed[-missing:]) if _plain(text) and len(text) == length)
        return
    middle = len(seed) // 2
    for filling in dict.fromkeys((seed[-1:], seed[:1], *_FILLINGS)):
        if filling.strip():
            yield seed + filling * missing
            yield filling * missing + seed
            yield seed[:middle] + filling * missing + seed[middle:]


def _plain(text: str) -> bool:
    """Whether a text can stand in quotes as it is, and no engine takes blanks at its end for nothing."""
    return text.isprintable() and text == text.rstrip() and not set(text) & {"'", "\\"}


def _there(trial: Trial, column: Column, length: int) -> list[str]:
    """Values of the column, and of the parents' that it refers to: first those of the length, then any."""
    places = [(trial.dialect.qualify(trial.table.name), column.name)]
    for foreign in trial.table.foreign_keys:
        pairs = zip(foreign.columns, foreign.parent_columns, strict=False)
        places += [(trial.dialect.qualify(foreign.parent), there) for name, there in pairs if name == column.name]
    found: dict[str, None] = {}
    for exact in (f"{{}} = {length}", "{} > 0"):
        for table, name in reversed(places):
            condition = exact.format(_counted(trial, name))
            sql = f"SELECT {trial.dialect.quote(name)} FROM {table} WHERE {condition} LIMIT {_SEEDS_LIMIT}"
            try:
                found |= dict.fromkeys(str(value).rstrip() for (value,) in trial.database.scalar_query(sql))
            except SenseiError:
                continue  # it may not be read, or is no text there
    return [text for text in found if text]


def _counted(trial: Trial, column: str) -> str:
    return f"{'CHAR_LENGTH' if trial.dialect.engine == 'mariadb' else 'LENGTH'}({trial.dialect.quote(column)})"


def _measured(trial: Trial, column: Column) -> bool:
    """Whether a CHECK of the target speaks of the column and of a length."""
    return any(
        _MEASURES.search(check.expression) and re.search(rf"\b{re.escape(column.name)}\b", check.expression, re.I)
        for check in trial.table.checks
    )


def _limit(database: Database, column: Column | None) -> int | None:
    """The characters that an engine takes into the column; None where it takes any number."""
    if column is None or column.type.kind != "text" or database.dialect.engine not in _ENFORCES_LENGTH:
        return None
    return column.type.length if column.type.length_unit == "characters" else None
