"""An independent survey of Python values, for tests: slow, plain, and not the core's own."""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from appliance.conversion.survey import ColumnSurvey

FORMATS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d*[1-9])?\Z")
KINDS = {int: "integer", float: "float", str: "text", bytes: "bytes"}


def survey_of(values: Sequence[Any]) -> ColumnSurvey:
    present = [value for value in values if value is not None]
    obeys: Counter[str] = Counter()
    whole, fraction = 0, 0
    for value in present:
        for rule in _rules(value):
            obeys[rule] += 1
        if isinstance(value, (int, float)) or (isinstance(value, str) and NUMBER.match(value)):
            left, _, right = (
                format(Decimal(repr(value) if isinstance(value, float) else value).normalize(), "f")
                .lstrip("-")
                .partition(".")
            )
            whole, fraction = max(whole, len(left)), max(fraction, len(right))
    integers = [value for value in present if isinstance(value, int)]
    texts = [value for value in present if isinstance(value, str)]
    return ColumnSurvey(
        rows=len(values),
        nulls=len(values) - len(present),
        kinds=Counter(KINDS[type(value)] for value in present),
        obeys=obeys,
        minimum=min(integers, default=None),
        maximum=max(integers, default=None),
        integer_digits=whole,
        fraction_digits=fraction,
        text_characters=max(map(len, texts), default=0),
        text_bytes=max((len(text.encode()) for text in texts), default=0),
        zero_dates=sum(text.startswith("0000-00-00") for text in texts),
        with_nul=sum("\0" in text for text in texts),
        numeric_text=sum(bool(re.match(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*\Z", text)) for text in texts),
    )  # fmt: skip


def _rules(value: Any) -> list[str]:
    if isinstance(value, float):
        return ["real_decimal"]
    if isinstance(value, int):
        return ["bool01"] * (value in (0, 1)) + ["epoch(s)"] * (value >= 100_000_000)
    if isinstance(value, bytes):
        return []
    found = ["text_number"] * bool(NUMBER.match(value))
    for text_format in FORMATS:
        try:
            if datetime.strptime(value, text_format).strftime(text_format) == value:
                found.append(f"text_date({text_format})")
        except ValueError:
            continue
    return found
