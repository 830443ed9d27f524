"""MariaDB's columns: typed, but for what its types let in that no other engine's do.

Zero and impossible dates, times beyond a day, an enumeration's invalid value, bytes that their character set cannot
decode; and `tinyint(1)`, which is how this engine spells a boolean. What is stored decides.
"""

from appliance.conversion.reading import Reading
from appliance.conversion.survey import ColumnSurvey
from kora.catalog import Type
from kora.comparison.mapping import Loss, Rule

_DATES = ("date", "timestamp", "instant")
_LONGEST_LABEL = 255
"""Labels that are longer, or end in a blank, make the column text on the target."""
_IMPOSSIBLE = ("impossible date", "impossible timestamp")


def read_mariadb(declared: Type, survey: ColumnSurvey, *, at_home: bool = False) -> Reading:
    """The reading of a column by its declaration, and by the survey where the declaration promises too much.

    `at_home`: the target is a server of this family, which holds days that no calendar has and durations as
    they are.
    """
    evidence = f"declared {declared.declared}; {survey.describe()}"
    if at_home and declared.kind in (*_DATES, "time"):
        return _at_home(declared, survey, evidence)
    if declared.declared == "tinyint(1)" and survey.all_obey("bool01"):
        rule = Rule(rule="bool01")
        return Reading(
            Type("boolean", "boolean"),
            f"{evidence}; every value obeys {rule}",
            "rule:bool01",
            source_representation=rule,
            loss_class="narrowed_proven",
        )
    if declared.kind in _DATES and survey.count(*_IMPOSSIBLE):
        return _dates(declared, survey, evidence)
    if declared.kind == "time" and survey.long_times:
        told = f"{evidence}; times beyond a day or below zero are durations: all as exact text"
        exact = Rule(rule="moment_text", argument="time")
        return Reading(Type("text", "text"), told, "rule:long_times", target_representation=exact)
    if declared.kind == "enum" and survey.count("integer") and not (at_home and _takes_invalid(declared)):
        return _quarantined(declared, evidence, survey.count("integer"), "the enumeration's invalid value, index 0")
    if survey.count("undecodable text"):
        what = f"bytes that are not text in {declared.charset}"
        return _quarantined(declared, evidence, survey.count("undecodable text"), what)
    return Reading(declared, evidence, f"rule:{declared.kind}")


def _at_home(declared: Type, survey: ColumnSurvey, evidence: str) -> Reading:
    """Moments under a session whose `sql_mode` lets in what the source's once did."""
    odd = survey.count(*_IMPOSSIBLE)
    told = f"{evidence}; {odd:,} days that no calendar has stay as they are" if odd else evidence
    return Reading(declared, told, f"rule:{declared.kind}")


def _takes_invalid(enumeration: Type) -> bool:
    """Whether the same enumeration can be given its invalid value: as the number 0, which no label spells."""
    return "0" not in (label.rstrip(" ") for label in enumeration.labels) and all(
        not label.endswith(" ") and len(label) <= _LONGEST_LABEL for label in enumeration.labels
    )


def _dates(declared: Type, survey: ColumnSurvey, evidence: str) -> Reading:
    """Zero dates become NULL, if a person agrees; other days that no calendar has stop their rows."""
    zero, others = survey.zero_dates, survey.count(*_IMPOSSIBLE) - survey.zero_dates
    losses = []
    if zero:
        losses.append(Loss(rule="zero_date_is_null", subject="", count=zero, reason="a zero date becomes NULL"))
    if others:
        reason = f"{others:,} rows hold days that no calendar has, and will be quarantined"
        losses.append(Loss(rule="quarantined", subject="", count=others, reason=reason))
    return Reading(
        declared,
        f"{evidence}; {zero:,} zero dates, {others:,} impossible ones",
        "rule:zero_date_is_null" if zero else "rule:impossible_dates",
        policies=(Rule(rule="zero_date_is_null"),) if zero else (),
        loss_class="lossy_approved",
        losses=tuple(losses),
    )


def _quarantined(declared: Type, evidence: str, count: int, what: str) -> Reading:
    reason = f"{count:,} rows hold {what}, and will be quarantined"
    return _lossy(declared, f"{evidence}; {reason}", "quarantined", count, reason, None)


def _lossy(logical: Type, evidence: str, rule: str, count: int, reason: str, policy: Rule | None) -> Reading:
    return Reading(
        logical,
        evidence,
        f"rule:{rule}",
        policies=(policy,) if policy else (),
        loss_class="lossy_approved",
        losses=(Loss(rule=rule, subject="", count=count, reason=reason),),
    )
