"""Text that is more than text: dates, numbers, UUIDs and words for true and false, where every value inverts.

A format is proven by counting: the rule read the value and printed it back to the same bytes.
"""

from dataclasses import replace

from appliance.conversion.reading import Reading
from appliance.conversion.survey import ColumnSurvey
from kora.catalog import Kind, Type
from kora.comparison.mapping import Rule

LONGEST_DECIMAL = 38


def temporal_kind(text_format: str) -> Kind:
    """What a `text_date` format reads: a date, a time, a timestamp, or an instant where it ends in a zone."""
    if "%H" not in text_format:
        return "date"
    if "%Y" not in text_format:
        return "time"
    return "instant" if text_format.endswith(("Z", "%z", "+00", "+00:00")) else "timestamp"


def proven_format(survey: ColumnSurvey, tolerated: int = 0) -> str | None:
    """The format that reads every value but `tolerated` of them; None if there is none. Ties: the shortest format."""
    wanted = survey.values - tolerated
    if wanted <= 0:
        return None
    formats = [argument for argument, count in survey.arguments("text_date") if count == wanted]
    return min(formats, key=lambda text: (len(text), text), default=None)


def temporal_type(text_format: str) -> Type:
    """The logical type of a `text_date` format."""
    kind = temporal_kind(text_format)
    return Type(kind, kind, fraction_digits=None if kind == "date" else 6)


def read_file_text(survey: ColumnSurvey) -> Reading:
    """A column of a file: a type only if every value inverts to the original text; without values it is text."""
    evidence = survey.describe()
    text = Type("text", "text")  # the longest value of today is no limit that anybody declared
    if not survey.only("text"):
        return Reading(text, evidence, "rule:file_text")
    if survey.all_obey("text_number"):
        return _number(survey, evidence)
    for digits, count in survey.arguments("text_number"):
        if count == survey.values:
            return _fixed_point(survey, evidence, int(digits))
    text_format = proven_format(survey)
    if text_format:
        rule = Rule(rule="text_date", argument=text_format)
        return _proven(temporal_type(text_format), rule, evidence)
    if survey.all_obey("uuid_text"):
        return _proven(Type("uuid", "uuid"), Rule(rule="uuid_text"), evidence)
    for words, count in survey.arguments("bool_text"):
        if count == survey.values:
            return _proven(Type("boolean", "boolean"), Rule(rule="bool_text", argument=words), evidence)
    return Reading(text, evidence, "rule:file_text")


def read_wanted(wanted: Type, survey: ColumnSurvey) -> Reading:
    """A column of a file for which a schema file names a type: it becomes that if every value prints back.

    Without values it becomes it at once; where the values do not allow it, it stays text and the evidence says so.
    """
    evidence = f"{wanted.declared}; {survey.describe()}"
    if wanted.kind == "text" or not survey.values:
        rule = _rule_of_empty(wanted)
        return Reading(wanted, evidence, "rule:schema_file", source_representation=rule)
    proven = read_file_text(survey)
    numbers = proven.type.kind in ("integer", "decimal") and wanted.kind == "decimal"
    fits = (wanted.precision or 0) - (wanted.scale or 0) >= survey.integer_digits and (
        wanted.scale or 0
    ) >= survey.fraction_digits
    if (numbers and fits) or (proven.type.kind == wanted.kind != "decimal"):
        return replace(proven, type=wanted, evidence=evidence, author="rule:schema_file")
    text = Type("text", "text")
    return Reading(text, f"{evidence}; stays text, as not every value prints back", "rule:schema_file")


def _rule_of_empty(wanted: Type) -> Rule | None:
    """How later values of a column without any would be read; the shortest ISO form for dates."""
    formats = {"date": "%Y-%m-%d", "timestamp": "%Y-%m-%d %H:%M:%S"}
    if wanted.kind in formats:
        return Rule(rule="text_date", argument=formats[wanted.kind])
    rules = {"integer": "text_number", "decimal": "text_number", "uuid": "uuid_text"}
    if wanted.kind == "boolean":
        return Rule(rule="bool_text", argument="true,false")
    return Rule(rule=rules[wanted.kind]) if wanted.kind in rules else None


def _number(survey: ColumnSurvey, evidence: str) -> Reading:
    rule = Rule(rule="text_number")
    digits = survey.integer_digits + survey.fraction_digits
    if survey.fraction_digits:
        if digits > LONGEST_DECIMAL:
            return Reading(Type("text", "text"), f"{evidence}; numbers of {digits} digits", "rule:file_text")
        return _proven(Type("decimal", "decimal", precision=digits, scale=survey.fraction_digits), rule, evidence)
    if survey.integer_digits <= 18:
        return _proven(Type("integer", "bigint", minimum=-(2**63), maximum=2**63 - 1), rule, evidence)
    if digits > LONGEST_DECIMAL:
        return Reading(Type("text", "text"), f"{evidence}; numbers of {digits} digits", "rule:file_text")
    return _proven(Type("decimal", "decimal", precision=digits, scale=0), rule, evidence)


def _fixed_point(survey: ColumnSurvey, evidence: str, scale: int) -> Reading:
    """Numbers that all show the same digits behind the point, zeros too, as money does."""
    precision = survey.integer_digits + scale
    if precision > LONGEST_DECIMAL:
        return Reading(Type("text", "text"), f"{evidence}; numbers of {precision} digits", "rule:file_text")
    rule = Rule(rule="text_number", argument=str(scale))
    return _proven(Type("decimal", "decimal", precision=max(precision, 1), scale=scale), rule, evidence)


def _proven(logical: Type, rule: Rule, evidence: str) -> Reading:
    return Reading(
        logical,
        f"{evidence}; every value obeys {rule}",
        f"rule:{rule.rule}",
        source_representation=rule,
        loss_class="narrowed_proven",
    )
