"""Type rules: from a column's declaration and its surveyed values to the logical type the target must hold.

Lossless first: a narrower type than the source's is chosen only where the survey proves that every value inverts.
Four families of sources: typed engines are taken at their word, MariaDB but for what its types let in, SQLite by what
is stored, files by what inverts.
"""

from appliance.conversion.dynamic import keep_dynamic, read_dynamic
from appliance.conversion.mariadb import read_mariadb
from appliance.conversion.reading import Reading
from appliance.conversion.survey import ColumnSurvey
from appliance.conversion.texts import read_file_text, read_wanted
from kora.catalog import Column, Type
from kora.comparison.mapping import Loss

FILE_ENGINES = frozenset({"csv"})


def read_column(engine: str, column: Column, survey: ColumnSurvey, *, at_home: bool = False) -> Reading:
    """The reading of one source column. `at_home`: the target is of the same engine, so what only it lets in stays."""
    if engine in FILE_ENGINES:
        return read_file_text(survey) if column.type.declared == "text" else read_wanted(column.type, survey)
    if column.type.dynamic:
        return keep_dynamic(column.type, survey) if at_home else read_dynamic(column.type, survey)
    if engine == "mariadb":
        return read_mariadb(column.type, survey, at_home=at_home)
    return read_typed(column.type, survey, at_home=at_home)


def read_typed(declared: Type, survey: ColumnSurvey, *, at_home: bool = False) -> Reading:
    """A column whose engine enforces its type: the declaration is the domain."""
    evidence = f"declared {declared.declared}; {survey.describe()}"
    beyond = survey.count("impossible timestamp")
    if beyond and not at_home:
        return _beyond_clocks(declared, evidence, beyond)
    if declared.kind == "decimal" and declared.precision is None and survey.values:
        return Reading(declared, f"{evidence}; at most {_digits(survey)} digits", "rule:unbounded_decimal")
    return Reading(declared, evidence, f"rule:{declared.kind}")


def _beyond_clocks(declared: Type, evidence: str, beyond: int) -> Reading:
    """PostgreSQL's last thirty years, which no other engine's clock reaches."""
    reason = f"{beyond:,} rows hold moments after 294247-01-10 04:00:54.775807, and will be quarantined"
    loss = Loss(rule="quarantined", subject="", count=beyond, reason=reason)
    return Reading(declared, f"{evidence}; {reason}", "rule:quarantined", loss_class="lossy_approved", losses=(loss,))


def _digits(survey: ColumnSurvey) -> str:
    return f"{survey.integer_digits}+{survey.fraction_digits}"
