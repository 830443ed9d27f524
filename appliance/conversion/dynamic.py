"""SQLite's columns: any storage class may stand in any column, so what is stored decides and not the declaration.

The declaration is only a wish; it is granted where the survey proves that every stored value can be computed back.
"""

import re
from dataclasses import replace

from appliance.conversion.reading import Reading
from appliance.conversion.survey import NUMBER_KINDS, ColumnSurvey
from appliance.conversion.texts import proven_format, temporal_type
from kora.catalog import Type
from kora.comparison.mapping import Loss, Rule

BIGINT = Type("integer", "bigint", minimum=-(2**63), maximum=2**63 - 1)
DOUBLE = Type("float", "double", float_bits=64)
TEXT = Type("text", "text")
BYTES = Type("bytes", "blob")
MIXED_WITH_BYTES = "rule:mixed_with_bytes"
"""Author of a reading under which rows of another storage class than most are set aside."""
LONGEST_DECIMAL = 38
FRACTIONAL_SECONDS = "s,fraction"
LONGEST_BIGINT = 18
"""Digits that every 64-bit integer holds."""

_DECLARED_DECIMAL = re.compile(r"NUMERIC|DECIMAL|MONEY|CURRENCY", re.IGNORECASE)
_DECLARED_TEMPORAL = re.compile(r"DATE|TIME", re.IGNORECASE)
_DECLARED_BOOLEAN = re.compile(r"BOOL", re.IGNORECASE)
_DECLARED_UUID = re.compile(r"UUID|GUID|UNIQUEIDENTIFIER", re.IGNORECASE)
_DIGITS = re.compile(r"\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\)")


def read_dynamic(declared: Type, survey: ColumnSurvey) -> Reading:
    """The reading of a column by its stored classes."""
    if survey.values <= 0:
        return _declared_only(declared, survey)
    if survey.count("undecodable text"):
        return _undecodable(declared, survey)
    if survey.only("integer"):
        return _integers(declared, survey)
    if survey.only("integer", "float", "decimal"):
        return _reals(declared, survey)
    if survey.only("text"):
        return _texts(declared, survey)
    if survey.only("bytes"):
        return _plain(BYTES, declared, survey, "bytes")
    return _mixed(declared, survey)


def keep_dynamic(declared: Type, survey: ColumnSurvey) -> Reading:
    """A column that stays in SQLite: its declaration with all that stands there, storage class by storage class."""
    if survey.count("undecodable text"):
        return replace(_undecodable(declared, survey), type=declared)
    return _plain(declared, declared, survey, "kept_as_declared")


def declared_decimal(declared: Type) -> tuple[int, int] | None:
    """Precision and scale of a declaration such as `NUMERIC(10,2)`; None without digits or of another family."""
    if not _DECLARED_DECIMAL.search(declared.declared):
        return None
    found = _DIGITS.search(declared.declared)
    return (int(found[1]), int(found[2] or 0)) if found else None


def _evidence(declared: Type, survey: ColumnSurvey) -> str:
    return f"declared {declared.declared or 'nothing'}; {survey.describe()}"


def _plain(logical: Type, declared: Type, survey: ColumnSurvey, name: str) -> Reading:
    return Reading(logical, _evidence(declared, survey), f"rule:{name}")


def _proven(logical: Type, rule: Rule, declared: Type, survey: ColumnSurvey) -> Reading:
    return Reading(
        logical,
        f"{_evidence(declared, survey)}; every value obeys {rule}",
        f"rule:{rule.rule}",
        source_representation=rule,
        loss_class="narrowed_proven",
    )


def _declared_only(declared: Type, survey: ColumnSurvey) -> Reading:
    """A column without values: the declaration is all there is."""
    digits = declared_decimal(declared)
    if digits and digits[1] == 0 and digits[0] <= LONGEST_BIGINT:
        logical = BIGINT  # as with values: a child without any must still fit its parent
    elif digits and digits[0] <= LONGEST_DECIMAL and digits[1] <= digits[0]:
        logical = Type("decimal", declared.declared, precision=digits[0], scale=digits[1])
    elif declared.kind in ("integer", "boolean", "date", "timestamp", "time", "instant", "uuid"):
        logical = BIGINT if declared.kind == "integer" else Type(declared.kind, declared.declared, fraction_digits=6)
    elif _DECLARED_DECIMAL.search(declared.declared):
        logical = Type("decimal", declared.declared)
    elif declared.kind == "float":
        logical = DOUBLE
    elif declared.kind == "bytes":
        logical = BYTES
    else:
        logical = TEXT
    return _plain(logical, declared, survey, "declared_without_values")


def _integers(declared: Type, survey: ColumnSurvey) -> Reading:
    if _DECLARED_BOOLEAN.search(declared.declared) and survey.all_obey("bool01"):
        return _proven(Type("boolean", "boolean"), Rule(rule="bool01"), declared, survey)
    if _DECLARED_TEMPORAL.search(declared.declared):
        for unit, count in survey.arguments("epoch"):
            if count == survey.values:
                instant = Type("instant", "timestamptz", fraction_digits=6)
                return _proven(instant, Rule(rule="epoch", argument=unit), declared, survey)
    digits = declared_decimal(declared)
    if digits and digits[1] > 0:
        return _decimal(declared, survey, None)
    return _plain(BIGINT, declared, survey, "integer")


def _reals(declared: Type, survey: ColumnSurvey) -> Reading:
    if not _DECLARED_TEMPORAL.search(declared.declared):
        return _numbers(declared, survey)
    rule = Rule(rule="epoch", argument=FRACTIONAL_SECONDS)
    if survey.all_obey(str(rule)):
        return _proven(Type("instant", "timestamptz", fraction_digits=6), rule, declared, survey)
    reading = _numbers(declared, survey)
    others = survey.values - survey.obey(str(rule))
    return replace(
        reading, evidence=f"{reading.evidence}; {others:,} are no seconds that a clock of microseconds inverts"
    )


def _numbers(declared: Type, survey: ColumnSurvey) -> Reading:
    floating = survey.count("float")
    wants_double = declared.kind == "float" or declared.wire.upper() == "REAL"
    if wants_double and survey.only("float") and not declared_decimal(declared):
        return _plain(DOUBLE, declared, survey, "double")
    if floating == 0 or survey.obey("real_decimal") >= floating:
        return _decimal(declared, survey, Rule(rule="real_decimal") if floating else None)
    if survey.only("float"):
        return _plain(DOUBLE, declared, survey, "double")
    return _as_text(declared, survey, "numbers beyond every decimal stand beside integers")


def _decimal(declared: Type, survey: ColumnSurvey, rule: Rule | None) -> Reading:
    """Numbers as exact decimals: the declared digits where all fit, else as many as the survey found."""
    declared_precision, declared_scale = declared_decimal(declared) or (0, 0)
    scale = max(declared_scale, survey.fraction_digits)
    precision = scale + max(declared_precision - declared_scale, survey.integer_digits)
    precision = max(precision, 1)
    if precision > LONGEST_DECIMAL:
        if survey.only("float"):
            return _plain(DOUBLE, declared, survey, "double")
        return _as_text(declared, survey, f"numbers need {precision} digits")
    logical = Type("decimal", declared.declared, precision=precision, scale=scale)
    if rule is None:
        return _plain(logical, declared, survey, "decimal")
    return _proven(logical, rule, declared, survey)


def _texts(declared: Type, survey: ColumnSurvey) -> Reading:
    if _DECLARED_TEMPORAL.search(declared.declared):
        text_format = proven_format(survey)
        if text_format:
            rule = Rule(rule="text_date", argument=text_format)
            return _proven(temporal_type(text_format), rule, declared, survey)
        if survey.zero_dates and (text_format := proven_format(survey, survey.zero_dates)):
            return _zero_dates(declared, survey, text_format)
    if _DECLARED_UUID.search(declared.declared) and survey.all_obey("uuid_text"):
        return _proven(Type("uuid", "uuid"), Rule(rule="uuid_text"), declared, survey)
    logical = Type("text", declared.declared, length=declared.length, length_unit=declared.length_unit,
                   collation=declared.collation)  # fmt: skip
    return _plain(logical, declared, survey, "text")


def _zero_dates(declared: Type, survey: ColumnSurvey, text_format: str) -> Reading:
    """Dates but for zero dates, which no calendar has: NULL, if a person agrees."""
    count = survey.zero_dates
    return Reading(
        temporal_type(text_format),
        f"{_evidence(declared, survey)}; {survey.values - count:,} obey text_date({text_format}), {count:,} zero dates",
        "rule:zero_date_is_null",
        source_representation=Rule(rule="text_date", argument=text_format),
        policies=(Rule(rule="zero_date_is_null"),),
        loss_class="lossy_approved",
        losses=(Loss(rule="zero_date_is_null", subject="", count=count, reason="a zero date becomes NULL"),),
    )


def _mixed(declared: Type, survey: ColumnSurvey) -> Reading:
    """Numbers beside text: kept as text, without loss where no text reads as a number."""
    if survey.count("bytes"):
        return _bytes_among_others(declared, survey)
    return _numbers_among_texts(declared, survey)


def _numbers_among_texts(declared: Type, survey: ColumnSurvey) -> Reading:
    numbers = survey.count(*NUMBER_KINDS)
    floating = survey.count("float")
    exact = floating == 0 or survey.obey("real_decimal") >= floating
    if survey.numeric_text == 0 and exact:
        return Reading(
            TEXT,
            f"{_evidence(declared, survey)}; {numbers:,} numbers print back, no text reads as a number",
            "rule:mixed_classes",
            source_representation=Rule(rule="real_decimal") if floating else None,
            target_representation=Rule(rule="text_number"),
            loss_class="narrowed_proven",
        )
    return _as_text(declared, survey, "text that reads as a number stands beside numbers")


def _as_text(declared: Type, survey: ColumnSurvey, reason: str) -> Reading:
    changed = survey.count(*NUMBER_KINDS)
    loss = Loss(rule="as_text", subject="", count=changed, reason=f"numbers become their text: {reason}")
    return Reading(
        TEXT,
        f"{_evidence(declared, survey)}; {reason}",
        "rule:as_text",
        policies=(Rule(rule="as_text"),),
        loss_class="lossy_approved",
        losses=(loss,),
    )


def _bytes_among_others(declared: Type, survey: ColumnSurvey) -> Reading:
    """Blobs beside other classes: the majority keeps its type, the rest is quarantined row by row."""
    blobs = survey.count("bytes")
    if blobs * 2 > survey.values:
        kept, lost = _plain(BYTES, declared, survey, "bytes"), survey.values - blobs
    elif survey.count(*NUMBER_KINDS):
        kept, lost = _numbers_among_texts(declared, survey), blobs
    else:
        kept, lost = _plain(TEXT, declared, survey, "text"), blobs
    reason = f"{lost:,} rows hold another storage class than the rest and will be quarantined"
    return replace(
        kept,
        evidence=f"{kept.evidence}; {reason}",
        author=MIXED_WITH_BYTES,
        loss_class="lossy_approved",
        losses=(*kept.losses, Loss(rule="quarantined", subject="", count=lost, reason=reason)),
    )


def _undecodable(declared: Type, survey: ColumnSurvey) -> Reading:
    broken = survey.count("undecodable text")
    reason = f"{broken:,} values are not valid text in the database's encoding; their rows will be quarantined"
    loss = Loss(rule="quarantined", subject="", count=broken, reason=reason)
    return Reading(TEXT, f"{_evidence(declared, survey)}; {reason}", "rule:undecodable_text",
                   loss_class="lossy_approved", losses=(loss,))  # fmt: skip
