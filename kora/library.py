"""KORA as a library: `from kora import fingerprint, compare, verify`. What the commands do, as three functions.

Importing this costs milliseconds: what a function needs is loaded when it is called. Differences are returned, never
raised; every error is a `kora.errors.SenseiError` with a message and a hint. Manual: docs/library.md.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from kora.comparison.carried_diff import CarriedDiff
    from kora.comparison.fingerprint import Fingerprint
    from kora.comparison.result import VerificationResult
    from kora.evidence.artifacts import Artifacts
    from kora.settings import Settings

AnyPath: TypeAlias = str | Path
_LONGEST_SETTLING_SECONDS = 3600


def fingerprint(
    url: str,
    output: AnyPath,
    *,
    role: Literal["source", "target", "unassigned"] = "unassigned",
    tier: Literal[0, 1, 2, 3] = 0,
    expect_differences: int | None = None,
    key_file: AnyPath | None = None,
    new_key_file: AnyPath | None = None,
    profile: AnyPath | None = None,
    tables: Sequence[str] = (),
    workers: int | None = None,
    settings: "Settings | None" = None,
) -> "Fingerprint":
    """Write one side of a comparison as a signed file, without values.

    Args:
        url: The database; it is only read.
        output: The `.kfp` file; replaced as a whole or not at all.
        role: Which side it is: what the signer asserts.
        tier: 0 counts and roots; 1 bucket sums; 2 a sketch that names differing rows; 3 every row's digest.
        expect_differences: Altered rows for which the sketch is sized; about 2,300 if None.
        key_file: The migration's key, which both sides have.
        new_key_file: Where to draw a new one.
        profile: The other side's file, under whose profiles this side is digested.
        tables: Patterns; all tables if empty.
        workers: Threads that read a large table, 1 to 64; as many as this machine's processors, at most 8, if None.
        settings: Where keys and spilled digests live; from the environment if None.

    Returns:
        What was signed.

    Raises:
        SenseiError: As opening, reading, signing and writing do; an old file at `output` is then untouched.
    """
    from kora.evidence.carried import FingerprintRequest, write_fingerprint

    request = FingerprintRequest(
        role=role,
        tier=tier,
        expect_differences=expect_differences,
        key_file=_path(key_file),
        new_key_file=_path(new_key_file),
        profile=_path(profile),
        tables=tuple(tables),
        workers=workers,
    )
    return write_fingerprint(url, Path(output), request, settings=settings or _settings())


def compare(
    first: AnyPath,
    second: AnyPath,
    *,
    keys: Sequence[AnyPath] = (),
    key_file: AnyPath | None = None,
    accept_loss: Sequence[str] = (),
    settings: "Settings | None" = None,
) -> "CarriedDiff":
    """Compare a fingerprint file with another one, or with a database that is read now.

    Args:
        first: A `.kfp` file; the source's, where the second is a file too.
        second: A `.kfp` file or a database's URL.
        keys: Public key files of those who may have signed; this machine's own key is known.
        key_file: The migration's key, needed for a database only.
        accept_loss: Rules whose declared losses are approved.
        settings: Where keys live; from the environment if None.

    Returns:
        Verdict, exit code, and per table the outcome, exact counts and the digests that differ.

    Raises:
        InvalidRequest: The files do not belong together; the hint is the command that mends it.
        NotAuthentic, MalformedInput: A file was altered, or is no fingerprint.
        SenseiError: As opening and reading a database.
    """
    from kora.evidence.carried_verdict import CompareOptions, compare_files, compare_with_database
    from kora.evidence.kfp import is_fingerprint_file
    from kora.evidence.signing import read_public_key

    public_keys = [read_public_key(Path(key)) for key in keys]
    options = CompareOptions(public_keys, tuple(accept_loss), _path(key_file))
    if isinstance(second, Path) or is_fingerprint_file(second):
        return compare_files(Path(first), Path(second), options, settings=settings or _settings())
    return compare_with_database(Path(first), second, options, settings=settings or _settings())


def verify(
    source: str,
    target: str,
    *,
    out: AnyPath | None = None,
    map_file: AnyPath | None = None,
    plan_file: AnyPath | None = None,
    tables: Sequence[str] = (),
    exclude: Sequence[str] = (),
    accept_loss: Sequence[str] = (),
    show_values: bool = False,
    live: bool = False,
    settle_seconds: float = 2.0,
    float_tolerance: Mapping[str, str] | None = None,
    provable: bool = False,
    workers: int | None = None,
    strategy: Literal["stream", "pushdown", "auto"] = "stream",
    settings: "Settings | None" = None,
) -> "tuple[VerificationResult, Artifacts]":
    """Compare two databases row by row, and write certificate and report.

    Args:
        source: URL of the database that was left; it is only read.
        target: URL of the one that was moved to; it is only read.
        out: Folder of the files; below the settings' home if None.
        map_file: Which tables and columns pair up, and under which rules.
        plan_file: A migration's plan, of which only the mapping and the approvals are read.
        tables: Patterns of source tables, all if empty.
        exclude: Patterns of tables left out.
        accept_loss: Rules whose declared losses are approved.
        show_values: Whether findings hold values.
        live: Both are written meanwhile: what differs is read again before it is called so. A plan may ask for it too.
        settle_seconds: With `live`: how long to wait before that, 0 to 3,600.
        float_tolerance: `schema.table.column` of the source → `ulps,N` or `relative,R`: forgiven, a counted loss.
        provable: Certify row trees, so that single rows can be proven later.
        workers: Threads that read each side of a large table; half of this machine's processors, at most 8, if None.
        strategy: `stream` reads rows, `pushdown` has servers digest them, `auto` decides by the line's speed.
        settings: Where keys live, how many findings are listed; from the environment if None.

    Returns:
        The whole result, verdict included, and where the files are.

    Raises:
        InvalidRequest: An option that cannot be meant: a bound that is none, a column that is not compared.
        SenseiError: Nothing could be compared; differences are never raised.
    """
    from kora.errors import InvalidRequest
    from kora.verification import VerifyRequest, verify_databases

    if not 0 <= settle_seconds <= _LONGEST_SETTLING_SECONDS:
        raise InvalidRequest(
            f"settle_seconds is {settle_seconds}", hint=f"between 0 and {_LONGEST_SETTLING_SECONDS:,} seconds"
        )
    request = VerifyRequest(
        source=source,
        target=target,
        mapping_file=_path(map_file),
        plan_file=_path(plan_file),
        tables=tuple(tables),
        exclude=tuple(exclude),
        out=_path(out),
        accept_loss=tuple(accept_loss),
        show_values=show_values,
        provable=provable,
        settle_seconds=settle_seconds if live else None,
        float_tolerance=dict(float_tolerance or {}),
        workers=workers,
        strategy=strategy,
    )
    return verify_databases(request, settings=settings or _settings())


def _path(path: AnyPath | None) -> Path | None:
    return None if path is None else Path(path)


def _settings() -> "Settings":
    from kora.settings import Settings

    return Settings.from_environment()
