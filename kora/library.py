"""KORA as a library: `from kora import fingerprint, compare, verify`. What the commands do, as three functions.

Importing this costs milliseconds: what a function needs is loaded when it is called. Differences are returned, never
raised; every error is a `kora.errors.SenseiError` with a message and a hint. Manual: docs/library.md.
"""

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from kora.limits import MOST_DIFFERENCES, MOST_WORKERS

if TYPE_CHECKING:
    from kora.comparison.carried_diff import CarriedDiff
    from kora.comparison.fingerprint import Fingerprint
    from kora.comparison.result import VerificationResult
    from kora.errors import InvalidRequest
    from kora.evidence.artifacts import Artifacts
    from kora.settings import Settings

AnyPath: TypeAlias = str | Path
_LONGEST_SETTLING_SECONDS = 3600
_ROLES = ("source", "target", "unassigned")
_TIERS = (0, 1, 2, 3)
_STRATEGIES = ("stream", "pushdown", "auto")


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
        InvalidRequest: An argument that cannot be meant.
        SenseiError: As opening, reading, signing and writing do; an old file at `output` is then untouched.
    """
    from kora.evidence.carried import FingerprintRequest, write_fingerprint

    _one_of("role", role, _ROLES)
    _one_of("tier", tier, _TIERS)
    _within("expect_differences", expect_differences, 0, MOST_DIFFERENCES)
    _within("workers", workers, 1, MOST_WORKERS)
    request = FingerprintRequest(
        role=role,
        tier=tier,
        expect_differences=expect_differences,
        key_file=_path(key_file),
        new_key_file=_path(new_key_file),
        profile=_path(profile),
        tables=_texts("tables", tables),
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

    _refuse_one_text("keys", keys, (str, Path))
    public_keys = [read_public_key(Path(key)) for key in keys]
    options = CompareOptions(public_keys, _texts("accept_loss", accept_loss), _path(key_file))
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
        workers: Threads a side for a large table, 1 to 64; half of this machine's processors, at most 8, if None.
        strategy: `stream` reads rows, `pushdown` has servers digest them, `auto` decides by the line's speed.
        settings: Where keys live, how many findings are listed; from the environment if None.

    Returns:
        The whole result, verdict included, and where the files are.

    Raises:
        InvalidRequest: An option that cannot be meant: a bound that is none, a column that is not compared, a word for
            a list of words.
        SenseiError: Nothing could be compared; differences are never raised.
    """
    from kora.verification import VerifyRequest, verify_databases

    _within("settle_seconds", settle_seconds, 0, _LONGEST_SETTLING_SECONDS, (int, float))
    _within("workers", workers, 1, MOST_WORKERS)
    _one_of("strategy", strategy, _STRATEGIES)
    request = VerifyRequest(
        source=source,
        target=target,
        mapping_file=_path(map_file),
        plan_file=_path(plan_file),
        tables=_texts("tables", tables),
        exclude=_texts("exclude", exclude),
        out=_path(out),
        accept_loss=_texts("accept_loss", accept_loss),
        show_values=show_values,
        provable=provable,
        settle_seconds=settle_seconds if live else None,
        float_tolerance=_text_pairs("float_tolerance", float_tolerance or {}),
        workers=workers,
        strategy=strategy,
    )
    return verify_databases(request, settings=settings or _settings())


def _one_of(name: str, value: object, known: Sequence[object]) -> None:
    """Raises `InvalidRequest` for a word or number that is none of those known; `True` is no tier."""
    if not any(type(value) is type(item) and value == item for item in known):
        raise _wrong(name, value, "one of " + ", ".join(map(repr, known)))


def _within(name: str, value: object, least: int, most: int, kinds: "tuple[type[int | float], ...]" = (int,)) -> None:
    """Raises `InvalidRequest` for what is no number between the bounds, both included; None is no bound at all."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
        raise _wrong(name, value, f"between {least:,} and {most:,}")


def _texts(name: str, values: Sequence[str]) -> tuple[str, ...]:
    """Several texts. One text alone would be taken for its letters, and so choose nothing."""
    _refuse_one_text(name, values, (str,))
    return tuple(values)


def _refuse_one_text(name: str, values: object, kinds: tuple[type, ...]) -> None:
    if isinstance(values, (str, bytes, Path)) or not isinstance(values, (Sequence, Set)):
        raise _wrong(name, values, f"a list, such as {name}=[{str(values)!r}]")
    for value in values:
        if not isinstance(value, kinds):
            raise _wrong(name, value, "texts in a list")


def _text_pairs(name: str, pairs: object) -> dict[str, str]:
    if not isinstance(pairs, Mapping) or not all(isinstance(text, str) for pair in pairs.items() for text in pair):
        raise _wrong(name, pairs, "columns with their bounds, such as {'main.m.x': 'ulps,4'}")
    return dict(pairs)


def _wrong(name: str, value: object, wanted: str) -> "InvalidRequest":
    from kora.errors import InvalidRequest

    return InvalidRequest(f"{name} is {value!r}", hint=wanted)


def _path(path: AnyPath | None) -> Path | None:
    return None if path is None else Path(path)


def _settings() -> "Settings":
    from kora.settings import Settings

    return Settings.from_environment()
