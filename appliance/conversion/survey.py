"""What a column's values are: the typed reading of the survey that the core makes in one pass.

The planner believes nothing that stands in a declaration; it believes these counts. Format: `docs/formats/survey.md`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kora.catalog import Catalog, Name
from kora.errors import MalformedInput

_DAY = re.compile(r"(?P<year>\d{4,})-(?P<month>\d\d)-(?P<day>\d\d).*?(?P<era> BC)?\Z")
NUMBER_KINDS = frozenset({"integer", "decimal", "float"})


@dataclass(frozen=True, slots=True)
class ColumnSurvey:
    """Counts over all values of one column.

    `kinds`: non-null values per stored kind, as `Cell::kind` names them. `obeys`: values that a representation reads
    and prints back to the same, by `rule` or `rule(argument)`. `integer_digits` and `fraction_digits` bound integers,
    decimals, and the shortest decimal of each float. Lengths are maxima.
    """

    rows: int = 0
    nulls: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    obeys: Mapping[str, int] = field(default_factory=dict)
    minimum: int | None = None
    maximum: int | None = None
    integer_digits: int = 0
    fraction_digits: int = 0
    text_characters: int = 0
    text_bytes: int = 0
    zero_dates: int = 0
    infinite_moments: int = 0
    outside_moments: int = 0
    """Before year 1 or after 9999, or a time outside a day."""
    moments: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
    """The first and last day among finite dates and moments: astronomical year (1 BC is 0), month, day."""
    nan: int = 0
    """Doubles that are no number."""
    negative_zero: int = 0
    with_nul: int = 0
    long_times: bool = False
    """Whether a time is below zero or beyond 24:00:00, as a duration may be."""
    numeric_text: int = 0
    """Text values that read as a number in any spelling."""
    special: int = 0
    """NaN, infinities and -0.0 among doubles."""
    keyed: int = 0
    """Columns of the widest key that this one stands in, 0 for none: the planner adds it, for engines whose keys hold
    only so much."""

    @property
    def odd_moments(self) -> bool:
        """Whether a date or moment is infinite, before the year 1 or beyond 9999."""
        return bool(self.infinite_moments or self.outside_moments)

    @property
    def values(self) -> int:
        """Values that are not NULL."""
        return self.rows - self.nulls

    def count(self, *kinds: str) -> int:
        """Values of these stored kinds."""
        return sum(self.kinds.get(kind, 0) for kind in kinds)

    def only(self, *kinds: str) -> bool:
        """Whether there are values and every one is of these kinds."""
        return self.values > 0 and self.count(*kinds) == self.values

    def obey(self, rule: str) -> int:
        """Values that obey a rule, `rule` or `rule(argument)`."""
        return self.obeys.get(rule, 0)

    def all_obey(self, rule: str) -> bool:
        """Whether there are values and the rule reads every one."""
        return self.values > 0 and self.obey(rule) == self.values

    def arguments(self, rule: str) -> list[tuple[str, int]]:
        """Arguments under which values obey a rule, with their counts, the best first."""
        found = [(key[len(rule) + 1 : -1], count) for key, count in self.obeys.items() if key.startswith(rule + "(")]
        return sorted(found, key=lambda pair: -pair[1])

    def describe(self) -> str:
        """The counts as a person reads them: `412 values (text), 3 NULL`."""
        if self.values <= 0:
            return f"no values in {self.rows:,} rows"
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kinds.items()) if kind != "null")
        return f"{self.values:,} values ({kinds}), {self.nulls:,} NULL"


def read_survey(text: str) -> tuple[ColumnSurvey, ...]:
    """The surveys of a table's columns, in stream order. Raises `MalformedInput` for JSON of another shape."""
    try:
        body = json.loads(text)
        columns = body["columns"] if isinstance(body, dict) else body
        rows = int(body["rows"]) if isinstance(body, dict) else None
        return tuple(_column(column, rows) for column in columns)
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedInput(f"a survey of another format: {error}", hint="run `sensei plan` again") from error


def read_surveys(catalog: Catalog, surveys: Mapping[str, str]) -> dict[Name, dict[str, ColumnSurvey]]:
    """Surveys by table and column. A survey covers the columns that can be decoded, in catalog order.

    Args:
        catalog: The source.
        surveys: The survey's JSON by table name as text; tables without one are left out.

    Raises:
        MalformedInput: A survey has another format or another number of columns.
    """
    found = {}
    for table in catalog.tables:
        text = surveys.get(str(table.name))
        if text is None:
            continue
        names = [column.name for column in table.columns if column.type.kind != "unsupported"]
        columns = read_survey(text)
        if len(columns) != len(names):
            raise MalformedInput(f"the survey of {table.name} has {len(columns)} columns, the table {len(names)}")
        found[table.name] = dict(zip(names, columns, strict=True))
    return found


def _column(body: dict[str, Any], rows: int | None) -> ColumnSurvey:
    """One column of the core's JSON (docs/formats/survey.md) as the planner reads it."""
    numbers, text = body.get("numbers") or {}, body.get("text") or {}
    candidates = body.get("candidates") or []
    floats, moments = body.get("floats") or {}, (body.get("moments") or {}).values()
    digits = [numbers, floats.get("decimals") or {}]
    digits += [candidate["numbers"] for candidate in candidates if candidate.get("numbers")]
    kinds = dict(body["kinds"])
    for kind, source in (("decimal nan", "nan"), ("decimal infinity", "infinite")):
        if numbers.get(source):
            kinds[kind] = numbers[source]
    return ColumnSurvey(
        rows=body.get("rows", rows or 0),
        nulls=body["nulls"],
        kinds=kinds,
        obeys={_rule_text(candidate): candidate["obeyed"] for candidate in candidates},
        minimum=numbers.get("min_integer"),
        maximum=numbers.get("max_integer"),
        integer_digits=max(entry.get("whole_digits", 0) for entry in digits),
        fraction_digits=max(entry.get("fraction_digits", 0) for entry in digits),
        text_characters=text.get("max_characters", 0),
        text_bytes=text.get("max_bytes", 0),
        zero_dates=body.get("zero_dates", 0),
        infinite_moments=sum(entry.get("infinite", 0) for entry in moments),
        outside_moments=sum(entry.get("outside", 0) for entry in moments),
        moments=_ends(body.get("moments") or {}),
        nan=floats.get("nan", 0),
        negative_zero=floats.get("negative_zero", 0),
        with_nul=text.get("with_nul", 0),
        long_times=_is_long((body.get("moments") or {}).get("time") or {}),
        numeric_text=text.get("numeric", 0),
        special=_special(body),
    )


def _ends(moments: dict[str, Any]) -> tuple[tuple[int, int, int], tuple[int, int, int]] | None:
    """The days between which all dates and moments lie."""
    texts = [str(entry[end]) for entry in moments.values() for end in ("min", "max") if entry.get(end)]
    days = [_day(found) for found in map(_DAY.match, texts) if found]
    return (min(days), max(days)) if days else None


def _day(found: re.Match[str]) -> tuple[int, int, int]:
    year = int(found["year"])
    return (1 - year if found["era"] else year, int(found["month"]), int(found["day"]))


def _is_long(times: dict[str, Any]) -> bool:
    """Whether the ends of a range of times are no times of a day."""
    first, last = str(times.get("min") or ""), str(times.get("max") or "")
    return first.startswith("-") or (bool(last) and (len(last.split(":", maxsplit=1)[0]), last) > (2, "24:00:00"))


def _special(body: dict[str, Any]) -> int:
    floats = body.get("floats") or {}
    return sum(int(floats.get(name, 0)) for name in ("nan", "infinite", "negative_zero"))


def _rule_text(candidate: dict[str, Any]) -> str:
    argument = candidate.get("argument")
    return str(candidate["rule"]) if argument is None else f"{candidate['rule']}({argument})"
