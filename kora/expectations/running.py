"""`kora expect`: profile one database into a suite, and hold another database against it."""

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kora import _core
from kora.comparison.declared import read_declared
from kora.comparison.mapping import Mapping, Side
from kora.comparison.recipes import own_mapping
from kora.databases.address import parse_address
from kora.databases.base import Selection
from kora.databases.registry import open_database
from kora.databases.secrets import Prompt, resolve
from kora.errors import FileProblem, InvalidRequest, ProtocolViolation
from kora.evidence.carried import migration_key_of, new_run_name
from kora.evidence.signing import KeyStore, read_migration_key
from kora.expectations.facts import Measured, ProfiledTable, measure
from kora.expectations.suite import SuiteNotes, read_suite, write_suite
from kora.settings import Settings

_WORKER = Path(__file__).with_name("worker.py")
_SECONDS = 3600


class Judged(BaseModel):
    """One expectation's result. `column` is the fact's name; `error` says why it could not be judged."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    column: str
    success: bool
    error: str = ""


class SuiteReport(BaseModel):
    """What Great Expectations of `version` said. A report beside the proof: it certifies nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    results: tuple[Judged, ...]
    unknown: tuple[str, ...] = ()
    """Types that it does not have; it would leave them out in silence."""

    @property
    def failed(self) -> tuple[Judged, ...]:
        """Those that do not hold."""
        return tuple(result for result in self.results if not result.success)


@dataclass(frozen=True, slots=True)
class ProfileRequest:
    """How to profile: under a map or a plan, else each table as it is; only tables of the selection."""

    mapping_file: Path | None = None
    plan_file: Path | None = None
    key_file: Path | None = None
    selection: Selection = field(default_factory=Selection)


def profile_database(
    url: str, output: Path, request: ProfileRequest, *, settings: Settings, prompt: Prompt | None = None
) -> dict[str, Any]:
    """Measure a database once and write the suite that expects the same of another. Needs no Great Expectations.

    Returns:
        The suite.

    Raises:
        FileProblem: The suite cannot be written.
        InvalidRequest: There is no table to measure.
        SenseiError: As opening and reading a database.
    """
    declared = read_declared(request.mapping_file, request.plan_file)
    run = new_run_name()
    store = KeyStore(settings.home_directory)
    key = _core.DigestKey(read_migration_key(request.key_file) if request.key_file else store.migration_key(run))
    address = parse_address(url)
    with closing(open_database(address, role="source", secret=resolve(address, "source", prompt))) as database:
        catalog = database.catalog(request.selection)
        mapping = declared.mapping or Mapping(
            tables=tuple(own_mapping(table) for table in catalog.tables if not table.unreadable)
        )
        tables = tuple(ProfiledTable.of(pair) for pair in mapping.tables if pair.columns)
        side = Measured(database, catalog, key, "source", str(settings.make_spill_directory()))
        facts = measure(side, tables)
    notes = SuiteNotes(url=str(address), key_id=key.key_id, run_id=run, tables=tables)
    suite = write_suite(facts, notes, declared.losses)
    if not suite["expectations"]:
        raise InvalidRequest("no table was chosen: there is nothing to expect", hint="check --tables and --exclude")
    try:
        output.write_text(json.dumps(suite, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise FileProblem(f"{output} cannot be written: {error.strerror}") from error
    return suite


def run_suite(
    path: Path, url: str, *, role: Side, key_file: Path | None, settings: Settings, prompt: Prompt | None = None
) -> SuiteReport:
    """Measure a database as the suite asks, and let Great Expectations judge, in a process of its own.

    Raises:
        InvalidRequest: Great Expectations is not installed, the suite's key is not here, it expects nothing, or an
            expectation of it cannot be judged.
        SenseiError: As reading the suite, opening and reading a database.
    """
    suite, notes = read_suite(path)
    if not suite["expectations"]:
        raise InvalidRequest(
            f"{path} expects nothing, so nothing can hold", hint="kora expect profile URL -o suite.json"
        )
    key = migration_key_of(notes.key_id, notes.run_id, key_file, KeyStore(settings.home_directory))
    python = settings.expectations_python or Path(sys.executable)
    _require_package(python)
    address = parse_address(url)
    with closing(open_database(address, role=role, secret=resolve(address, role, prompt))) as database:
        side = Measured(database, database.catalog(), key, role, str(settings.make_spill_directory()))
        facts = measure(side, notes.tables)
    return require_all_judged(path, _judge(python, {"suite": suite, "facts": facts}), len(suite["expectations"]))


def require_all_judged(path: Path, report: SuiteReport, sent: int) -> SuiteReport:
    """The report, if it speaks of each of the suite's expectations: one that was dropped would seem to hold.

    Raises:
        InvalidRequest: It does not.
    """
    if report.unknown:
        raise InvalidRequest(
            f"{path}: Great Expectations {report.version} knows no expectation called {', '.join(report.unknown)}",
            hint="mend the type in the suite; nothing was judged",
        )
    if len(report.results) != sent:
        raise InvalidRequest(
            f"{path}: Great Expectations {report.version} judged {len(report.results):,} of {sent:,} expectations",
            hint="take out what was added to the suite, or profile anew: what is not judged would seem to hold",
        )
    return report


def _require_package(python: Path) -> None:
    """Before anything is read: importing it takes seconds, and finding out costs nothing."""
    look = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('great_expectations') else 7)"
    if _run(python, ["-c", look], "").returncode:
        raise InvalidRequest(
            f"Great Expectations is not installed for {python.name}",
            hint="pip install 'sensei-appliance[expectations]', or name a Python that has great-expectations>=1.7.1 in "
            "SENSEI_EXPECTATIONS_PYTHON",
        )


def _judge(python: Path, request: dict[str, Any]) -> SuiteReport:
    done = _run(python, [str(_WORKER)], json.dumps(request))
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ProtocolViolation(
            f"Great Expectations failed: {last[:300]}",
            hint="mend the expectations that were added to the suite, or profile anew; nothing else depends on it",
        )
    try:
        return SuiteReport.model_validate_json(done.stdout)
    except ValidationError as error:
        raise ProtocolViolation("Great Expectations answered in an unknown form") from error


def _run(python: Path, arguments: list[str], given: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            [str(python), *arguments], input=given, capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InvalidRequest(
            f"{python} could not be run to its end: {error}", hint="mend SENSEI_EXPECTATIONS_PYTHON"
        ) from error
