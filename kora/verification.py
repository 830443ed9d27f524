"""A verification as it is asked for: two URLs in; certificate, report and public key out."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import TYPE_CHECKING

from kora import _core
from kora.comparison.declared import Declared, read_declared
from kora.comparison.live import Live
from kora.comparison.matching import match_catalogs
from kora.comparison.narrowing import narrowed
from kora.comparison.result import AskedStrategy, VerificationResult
from kora.comparison.tolerance import refuse_without_floats, with_tolerances
from kora.comparison.workers import lanes_for
from kora.databases.base import Database, Selection
from kora.databases.opening import Opening, OpenSide
from kora.databases.secrets import Prompt, remembered
from kora.errors import InvalidRequest
from kora.evidence.signing import KeyStore
from kora.settings import Settings
from kora.verify import Observer, Verified, VerifyOptions, verify_sides

if TYPE_CHECKING:
    from kora.behavior.live import BehaviorRequest
    from kora.evidence.artifacts import Artifacts

_Databases = tuple[Database, Database]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What is asked: which two databases, what of them, under which rules.

    Attributes:
        source: URL of the one that was left.
        target: URL of the one that was moved to.
        mapping_file: A map; without one, and without a plan, names decide.
        plan_file: A plan of which only the mapping and the approvals are read.
        quarantine_file: Rows that a load set aside; with a plan, else the file that a run left beside it.
        tables: Patterns of source tables to compare, all if empty.
        exclude: Patterns of tables left out on both sides.
        out: Folder for certificate, report and public key; `verifications/RUN` in the settings' home if None.
        accept_loss: Rules whose losses the operator accepts here and now.
        show_values: Whether findings hold values.
        provable: Whether each table's rows are put under a Merkle tree, so that single ones can be proven later.
        settle_seconds: The wait before what differs is read again; None where nobody writes, if no plan says so.
        float_tolerance: `table.column` of the source → `ulps,N` or `relative,R`, beside what map or plan says.
        workers: Threads that read each side of a large table; by the processors of this machine if None.
        strategy: `stream` reads rows, `pushdown` has servers digest them, `auto` decides by the line's speed.
    """

    source: str
    target: str
    mapping_file: Path | None = None
    plan_file: Path | None = None
    quarantine_file: Path | None = None
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    out: Path | None = None
    accept_loss: tuple[str, ...] = ()
    show_values: bool = False
    provable: bool = False
    settle_seconds: float | None = None
    float_tolerance: dict[str, str] = field(default_factory=dict)
    workers: int | None = None
    strategy: AskedStrategy = "stream"


def verify_databases(
    request: VerifyRequest,
    *,
    settings: Settings,
    progress: Observer | None = None,
    prompt: Prompt | None = None,
    behavior: "BehaviorRequest | None" = None,
    meanwhile: Callable[[], None] | None = None,
    opening: Opening | None = None,
) -> tuple[VerificationResult, "Artifacts"]:
    """Verifies one database against another, whoever migrated them, and writes certificate and report.

    Args:
        request: What is asked.
        settings: Where keys, state and spilled digests live, and how many findings are listed.
        progress: Called for each pass with its counters.
        prompt: Asks a person for a password; None where nobody is there.
        behavior: What to ask both sides besides their data, with the sessions for it; nothing if None.
        meanwhile: Done once, in a thread of its own, while rows are read without holding the interpreter.
        opening: Both databases, where their opening was begun already; they are closed here.

    Raises:
        SenseiError: Nothing could be compared; differences are never raised.
    """
    declared = read_declared(request.mapping_file, request.plan_file, request.quarantine_file)
    settle_seconds = _settling(declared, request)
    prompt = remembered(prompt) if prompt and settle_seconds is not None else prompt
    run_id = f"verify-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{token_hex(3)}"
    with ExitStack() as stack:
        left, right = stack.enter_context(opening or Opening(request.source, request.target, prompt)).sides()
        left, right, declared = _as_asked(left, right, declared, request)
        options = VerifyOptions(
            run_id=run_id,
            migration_key=_core.DigestKey(KeyStore(settings.home_directory).migration_key(run_id)),
            accept_loss=request.accept_loss,
            show_values=request.show_values,
            findings_limit=settings.findings_per_table,
            spill_directory=settings.make_spill_directory(),
            provable=request.provable,
            lanes=lanes_for(request.workers),
            behavior=behavior,
            observe=progress,
            strategy=request.strategy,
            live=None if settle_seconds is None else Live(_reopener(request, prompt), settle_seconds),
        )
        _do_beside(stack, meanwhile)
        verified = verify_sides(left, right, declared, options)
    return verified.result, _certify(verified, request, settings)


def _certify(verified: Verified, request: VerifyRequest, settings: Settings) -> "Artifacts":
    """Certificate, report and public key, and an entry of the log where one is kept."""
    from kora.evidence.artifacts import certify  # here: what writes is loaded while rows are read

    plan, mapping = (path.read_bytes() if path else None for path in (request.plan_file, request.mapping_file))
    return certify(
        verified.result,
        request.out or settings.home_directory / "verifications" / verified.result.run_id,
        KeyStore(settings.home_directory),
        settings.transparency_log,
        plan_bytes=plan,
        map_bytes=mapping,
        profiles=verified.profiles,
    )


def _settling(declared: Declared, request: VerifyRequest) -> float | None:
    """How long to wait before reading again, as it was asked for here or in the plan. Raises `InvalidRequest`."""
    seconds = declared.settle_seconds if request.settle_seconds is None else request.settle_seconds
    if request.strategy != "stream" and (request.provable or seconds is not None):
        raise InvalidRequest("row trees and databases that are written meanwhile need --strategy stream")
    return seconds


def _do_beside(stack: ExitStack, work: Callable[[], None] | None) -> None:
    """Does something, if there is anything, in a thread of its own, which is waited for at the end."""
    if work is None:
        return
    beside = Thread(target=work, name="meanwhile", daemon=True)
    stack.callback(beside.join)
    beside.start()


def _reopener(request: VerifyRequest, prompt: Prompt | None) -> Callable[[], AbstractContextManager[_Databases]]:
    """Opens both databases anew, at later positions."""

    @contextmanager
    def reopened() -> Iterator[_Databases]:
        with Opening(request.source, request.target, prompt) as opening:
            left, right = opening.sides()
            yield left.database, right.database

    return reopened


def _as_asked(
    left: OpenSide, right: OpenSide, declared: Declared, request: VerifyRequest
) -> tuple[OpenSide, OpenSide, Declared]:
    """Without the tables that were not chosen, and with the tolerances that were asked for beside map or plan."""
    selection = Selection(request.tables, request.exclude)
    if selection != Selection():
        source, target, declared = narrowed(left.catalog, right.catalog, declared, selection)
        left, right = replace(left, catalog=source), replace(right, catalog=target)
    if request.float_tolerance:
        mapping = declared.mapping or match_catalogs(left.catalog, right.catalog)[0]
        refuse_without_floats(mapping, request.float_tolerance, (left.catalog, right.catalog))
        declared = replace(declared, mapping=with_tolerances(mapping, request.float_tolerance))
    return left, right, declared
