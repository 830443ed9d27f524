"""A migration from its first stage to its last, and what else can be done with a run: resume, recheck, discard.

The order of the stages is here and nowhere else. A killed run goes on with `resume`: a new snapshot of the source is
taken, the plan of the run is kept, and `load` finds by the target's checkpoints what is already there.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from appliance.changes import Changed, changes
from appliance.conversion.survey import read_surveys
from appliance.engines.registry import target_engine
from appliance.faults import reached
from appliance.journal import Journal, stage
from appliance.loading.base import TargetWriter
from appliance.loading.checkpoints import forget
from appliance.loading.targets import Target, open_target
from appliance.migration import Migration, SourceCaller
from appliance.planning.assess import Assessment, assess
from appliance.planning.files import load_plan, save_plan
from appliance.planning.model import Plan
from appliance.progress import Event, Listener
from appliance.run import Request, Run, create_run, open_run
from appliance.stages import discover, finalize, load, plan, prepare, profile, source_log, verify
from kora._core import DigestKey, Progress, set_digest
from kora.comparison.result import VerificationResult
from kora.databases.address import Address, parse_address
from kora.databases.base import Database, Selection
from kora.databases.registry import open_database
from kora.databases.secrets import Prompt, Role, resolve
from kora.errors import ConnectionLost, EngineError, InvalidRequest, SenseiError, Stopped
from kora.evidence.artifacts import Artifacts, certify, standing_artifacts
from kora.evidence.files import write_atomically
from kora.evidence.signing import KeyStore
from kora.logs import configure_logs, current_run_id
from kora.scratch_folders import scratch_folder
from kora.settings import Settings
from kora.verify import Verified

if TYPE_CHECKING:
    from kora.behavior.servers import ServerTrials

PLAN_ONLY = "plan"
"""The id of what is no run: it leaves nothing behind."""

_PROFILES_NAME, _RESULT_NAME = "verified-profiles.json", "result.json"
_RESUME = re.compile(r"`sensei resume(?: RUN)?`")
_AGAIN = ", then try again"
"""What a reader's hint ends with; a run goes on instead."""

logger = logging.getLogger("appliance.pipeline")


class Stage(Protocol):
    """One stage, as its module: it works on the migration and returns rows (or objects) and bytes handled."""

    name: str

    def run(self, migration: Migration) -> tuple[int, int]:
        """Does the stage's work; safe to repeat after it was killed at any point."""
        ...


_AFTER_PLAN: tuple[Stage, ...] = (prepare, source_log, load, finalize)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a migration ended with."""

    run: Run
    result: VerificationResult
    artifacts: Artifacts
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Environment:
    """What a command gives every operation: settings, a way to ask for passwords, and who listens.

    `passwords` are those of the URLs as typed, by role; they are kept nowhere.
    """

    settings: Settings
    listener: Listener
    prompt: Prompt | None = None
    addresses: dict[Role, Address] | None = None
    confirm: Callable[[Plan], bool] | None = None
    """Asked before the first write, with the plan; None: go on."""


def migrate(request: Request, plan_file: Path | None, environment: Environment) -> Outcome:
    """Carries out a whole migration.

    Args:
        request: What to move where; URLs without passwords.
        plan_file: A plan to carry out; None: one is made.
        environment: Settings and listeners.

    Raises:
        SenseiError: Something stopped it. What was committed stays; `resume` goes on from there.
    """
    given = load_plan(plan_file) if plan_file else None
    target = _target(request, environment)
    with target.lock():
        run = create_run(environment.settings.home_directory, request)
        if given is not None:
            save_plan(given, run.plan_path)
        return _carry_out(run, target, environment, resumed=False)


def make_plan(request: Request, file: Path, ddl: Path | None, environment: Environment) -> Plan:
    """Makes a plan and writes it, and on request the DDL that it means; nothing is written to either database.

    Raises:
        SenseiError: The source or target cannot be read, or the file cannot be written.
    """
    with scratch_folder() as folder:
        run = Run(PLAN_ONLY, folder, request)
        with _opened(run, _target(request, environment), environment, resumed=False) as migration:
            for each in (discover, profile):
                _run_stage(migration, each)
            environment.listener(Event("stage", plan.name))
            made = plan.propose(migration)
    save_plan(made, file)
    if ddl is not None:
        statements = target_engine(made.target.engine).create_statements(made)
        write_atomically(ddl, "".join(f"{statement.sql};\n\n" for statement in statements).encode())
    return made


def assess_source(request: Request, environment: Environment) -> Assessment:
    """What is in a source and what about it is hard; nothing is written anywhere.

    `request.target` is not looked at.
    """
    with closing(_source(request, environment)[0]) as source:
        selection = Selection(tables=request.tables, exclude=request.exclude, schemas=request.schemas)
        catalog = source.catalog(selection)
        surveys = {}
        for table in catalog.tables:
            progress = Progress()
            environment.listener(Event("table", f"survey {table.name}", progress, table.row_estimate))
            survey = profile.survey_table(source, table, progress)
            if survey is not None:
                surveys[str(table.name)] = survey
        return assess(catalog, read_surveys(catalog, surveys))


def resume(run_id: str, environment: Environment) -> Outcome:
    """Goes on with a run that was stopped or killed, from a new snapshot of its source."""
    run = open_run(environment.settings.home_directory, run_id)
    target = _target(run.request, environment)
    with target.lock():
        return _carry_out(run, target, environment, resumed=True)


def _carry_out(run: Run, target: Target, environment: Environment, *, resumed: bool) -> Outcome:
    configure_logs(run.folder / "log.jsonl", environment.settings.log_level)
    token = current_run_id.set(run.id)
    try:
        with _naming(run), _opened(run, target, environment, resumed=resumed) as migration:
            if _journal_says_cleaned(migration.journal) or _is_certified(migration):
                return _finish(migration, *_stored_result(run))
            _run_stages(migration, environment)
            with stage(migration.journal, "verify") as counts:
                environment.listener(Event("stage", "verify"))
                verified = verify.verify(migration)
                counts[0] = sum(table.source_rows or 0 for table in verified.result.tables)
            _store_digests(migration)
            reached("certify.before")
            _store_result(run, verified)
            return _finish(migration, verified.result, verified.profiles)
    finally:
        current_run_id.reset(token)


@contextmanager
def _naming(run: Run) -> Iterator[None]:
    """What stops a run says how just this one goes on: who raises the error often does not know which it is."""
    try:
        yield
    except SenseiError as error:
        if isinstance(error, ConnectionLost) and not _RESUME.search(error.hint):
            error.hint = f"{error.hint.removesuffix(_AGAIN)}, then `sensei resume`"
        error.hint = _RESUME.sub(f"`sensei resume {run.id}`", error.hint)
        raise
    except KeyboardInterrupt as error:
        raise Stopped(
            "stopped before it was done", hint=f"nothing is lost: `sensei resume {run.id}` goes on"
        ) from error


@contextmanager
def _opened(run: Run, target: Target, environment: Environment, *, resumed: bool) -> Iterator[Migration]:
    """The run's journal, source and target, closed at the end whatever happens."""
    with ExitStack() as stack:
        journal = stack.enter_context(closing(Journal(run.journal_path)))
        if journal.fact("discarded"):
            raise InvalidRequest(f"run {run.id} was discarded", hint="start a new one with `sensei migrate`")
        opened, caller = _source(run.request, environment)
        source = stack.enter_context(closing(opened))
        store = KeyStore(environment.settings.home_directory)
        key = DigestKey.random() if run.id == PLAN_ONLY else DigestKey(store.migration_key(run.id))
        yield Migration(
            run=run,
            journal=journal,
            settings=environment.settings,
            source=source,
            target=target,
            migration_key=key,
            source_caller=caller,
            listener=environment.listener,
            resumed=resumed,
        )


def _source(request: Request, environment: Environment) -> tuple[Database, SourceCaller | None]:
    """The source's snapshot, and how its routines are called, with the same password."""
    address = (environment.addresses or {}).get("source") or parse_address(request.source)
    secret = resolve(address, "source", environment.prompt)

    def caller() -> "AbstractContextManager[ServerTrials]":
        from kora.behavior.servers import trials_on  # here: few ask

        return trials_on(address, secret, read_only=True)

    known = address.engine in ("postgresql", "mariadb")
    return open_database(address, role="source", secret=secret), caller if known else None


def _target(request: Request, environment: Environment) -> Target:
    address = (environment.addresses or {}).get("target") or parse_address(request.target)
    return open_target(address, resolve(address, "target", environment.prompt))


def _run_stages(migration: Migration, environment: Environment) -> None:
    _run_stage(migration, discover)
    if migration.run.plan_path.exists():
        migration.plan = load_plan(migration.run.plan_path)
        plan.check_against(migration.plan, migration.known_catalog)
    else:
        prepare.look(migration)
        _run_stage(migration, profile)
        _run_stage(migration, plan)
    if environment.confirm and not migration.resumed and not environment.confirm(migration.decided_plan):
        raise InvalidRequest("stopped before the first write, as asked", hint="edit the plan, then migrate with --plan")
    for each in _AFTER_PLAN:
        _run_stage(migration, each)


def _run_stage(migration: Migration, module: Stage) -> None:
    migration.listener(Event("stage", module.name))
    logger.info("stage begins", extra={"facts": {"stage": module.name}})
    with stage(migration.journal, module.name) as counts:
        counts[:] = module.run(migration)
    logger.info("stage ended", extra={"facts": {"stage": module.name, "rows": counts[0]}})


def _finish(migration: Migration, result: VerificationResult, profiles: dict[str, str]) -> Outcome:
    """Signs, reports, and removes the checkpoints; safe to repeat."""
    run = migration.run
    migration.listener(Event("stage", "certify"))
    artifacts = certify(
        result,
        run.out,
        KeyStore(migration.settings.home_directory),
        migration.settings.transparency_log,
        plan_bytes=run.plan_path.read_bytes(),
        profiles=profiles,
        source_log_bytes=run.source_log_path.read_bytes() if result.logged else None,
    )
    reached("certify.after")
    migration.journal.start_stage("cleanup")
    with closing(migration.target.writer()) as writer:
        forget(writer, migration.target.address.engine, run.id)
    migration.journal.finish_stage("cleanup", 0.0)
    migration.listener(Event("done", result.verdict))
    return Outcome(run, result, artifacts, tuple(migration.journal.notes()))


def _journal_says_cleaned(journal: Journal) -> bool:
    """Whether the checkpoints began to be removed: from then on the stored result is the last word."""
    return "cleanup" in journal.stages()


def _is_certified(migration: Migration) -> bool:
    """Whether a certificate of the stored result stands already: then nothing is read or loaded after it."""
    run, keys = migration.run, KeyStore(migration.settings.home_directory)
    if not (run.folder / _RESULT_NAME).exists():
        return False
    return standing_artifacts(_stored_result(run)[0], run.out, keys) is not None


def _store_result(run: Run, verified: Verified) -> None:
    """Keeps what was verified until the certificate stands; the result last, since its presence means all of it."""
    write_atomically(run.folder / _PROFILES_NAME, json.dumps(verified.profiles, indent=1).encode())
    write_atomically(run.folder / _RESULT_NAME, verified.result.model_dump_json(indent=1).encode())


def _stored_result(run: Run) -> tuple[VerificationResult, dict[str, str]]:
    result = VerificationResult.model_validate_json((run.folder / _RESULT_NAME).read_text(encoding="utf-8"))
    return result, json.loads((run.folder / _PROFILES_NAME).read_text(encoding="utf-8"))


def _store_digests(migration: Migration) -> None:
    """What the source held, per table, for `recheck`: rows and Σ of raw row digests over all units."""
    sources = {str(table.target): str(table.source) for table in migration.decided_plan.tables}
    digests: dict[str, tuple[int, list[bytes]]] = {source: (0, []) for source in sources.values()}
    for (table, _), checkpoint in migration.checkpoints.items():
        rows, parts = digests[sources[table]]
        digests[sources[table]] = (rows + checkpoint.row_count, [*parts, bytes.fromhex(checkpoint.raw_digest)])
    summed = {source: [rows, set_digest(parts).hex()] for source, (rows, parts) in digests.items()}
    migration.journal.set_fact("raw_digests", summed)


def recheck(run_id: str, environment: Environment) -> list[Changed]:
    """Compares the source as it is now with what the run read.

    Returns:
        The tables that changed since, in rows or in structure; empty if none.

    Raises:
        InvalidRequest: The run has not read everything yet.
    """
    run = open_run(environment.settings.home_directory, run_id)
    with _naming(run), closing(Journal(run.journal_path)) as journal:
        known = journal.fact("raw_digests")
        if not isinstance(known, dict):
            raise InvalidRequest(f"run {run.id} has not been verified yet", hint="`sensei resume` first")
        key = DigestKey(KeyStore(environment.settings.home_directory).migration_key(run.id))
        with closing(_source(run.request, environment)[0]) as source:
            return changes(source, run.request, load_plan(run.plan_path), journal, key)


def _drop(writer: TargetWriter, name: str, statement: str) -> str:
    """Drops an object; a schema or an extension that something of others stands in or upon is kept. Says which."""
    try:
        writer.execute(statement)
    except EngineError as error:
        if name.startswith((prepare.SCHEMA, prepare.EXTENSION)) and "depend" in error.message:
            holds = "holds" if name.startswith(prepare.SCHEMA) else "is needed by"
            return f"{name} is kept: it {holds} objects that this run did not make"
        raise
    return name


def discard(run_id: str, environment: Environment) -> list[str]:
    """Removes from the target exactly what the run made, last made first; the run's own records stay.

    Returns:
        What was removed, in words.
    """
    run = open_run(environment.settings.home_directory, run_id)
    target = _target(run.request, environment)
    with target.lock(), closing(Journal(run.journal_path)) as journal:
        target.sweep()
        removed = []
        # What was planned but never made may bear the name of somebody else's object.
        ours = prepare.made_objects(journal) | {str(journal.fact("making"))}
        made = [(name, drop) for name, drop in journal.created() if name in ours]
        if journal.created() and target.exists():
            with closing(target.writer()) as writer:
                for name, drop in made:
                    reached("discard.before")
                    removed.append(_drop(writer, name, drop))
                forget(writer, target.address.engine, run.id)
            last = "" if journal.fact("target_stood") else target.remove_if_ours()
            removed += [last] if last else []
        journal.set_fact("discarded", True)
        return removed
