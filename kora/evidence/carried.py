"""From a URL to a signed fingerprint file: opens, reads, signs, writes, closes."""

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kora import _core
from kora.comparison.declared import read_declared
from kora.comparison.fingerprint import OWN_PRECISION, UNDER_A_MAP, UNDER_ANOTHER, Fingerprint, Tier
from kora.comparison.fingerprint_body import BodyWriter, OpenFingerprint
from kora.comparison.fingerprint_scan import Role, ScanOptions, ScanProgress, take_fingerprint
from kora.comparison.mapping import Side
from kora.comparison.recipes import Recipe, recipes_of_map, recipes_under
from kora.comparison.workers import lanes_for
from kora.databases.address import parse_address
from kora.databases.base import Database, Selection
from kora.databases.registry import open_database
from kora.databases.secrets import Prompt, resolve
from kora.errors import InvalidRequest
from kora.evidence.kfp import peek_fingerprint_file, write_fingerprint_file
from kora.evidence.signing import KeyStore, make_migration_key, read_migration_key
from kora.scratch_folders import scratch_folder
from kora.settings import Settings

__all__ = ["FingerprintRequest", "Role", "new_run_name", "open_side", "take_from_url", "write_fingerprint"]


@dataclass(frozen=True, slots=True)
class FingerprintRequest:
    """What a person asks of a fingerprint. `buckets`: table → buckets that tier 3 lists; those tables only.

    `key_file` holds the migration's key; `new_key_file` is drawn now. Without either, `run_id` names a key that is
    kept here, or a new one is drawn and kept. `symbols` sizes the sketches where `expect_differences` does not.
    `every_choice`: a pattern that is of no table is refused.
    """

    role: Role = "unassigned"
    tier: Tier = 0
    expect_differences: int | None = None
    symbols: int | None = None
    run_id: str | None = None
    key_file: Path | None = None
    new_key_file: Path | None = None
    profile: Path | None = None
    mapping_file: Path | None = None
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    buckets: Mapping[str, Sequence[int]] = field(default_factory=dict)
    every_choice: bool = True
    workers: int | None = None


def write_fingerprint(
    url: str,
    output: Path,
    request: FingerprintRequest,
    *,
    settings: Settings,
    progress: ScanProgress | None = None,
    prompt: Prompt | None = None,
) -> Fingerprint:
    """Fingerprint a database and write the signed file.

    Raises:
        SenseiError: As opening, reading, signing and writing do; an old file at `output` is then untouched.
    """
    store = KeyStore(settings.home_directory)
    signing_key = store.signing_key()
    other = peek_fingerprint_file(request.profile) if request.profile else None
    with take_from_url(url, request, other, settings=settings, progress=progress, prompt=prompt) as (made, _):
        write_fingerprint_file(output, made.fingerprint, made.path, [signing_key])
        return made.fingerprint


@contextmanager
def take_from_url(
    url: str,
    request: FingerprintRequest,
    other: OpenFingerprint | None,
    *,
    settings: Settings,
    progress: ScanProgress | None = None,
    prompt: Prompt | None = None,
) -> Iterator[tuple[OpenFingerprint, Database]]:
    """A database's fingerprint, unsigned, its sections in a folder that goes when the block ends, and the database.

    Args:
        url: The database.
        request: What to take.
        other: The file whose profiles, key and, where the request leaves them open, run are taken.
        settings: Where keys and spilled digests live.
        progress: Told what is being read.
        prompt: Asks a person for a password; None where nobody is there.

    Raises:
        InvalidRequest: Key and profile do not belong together, or the request contradicts itself.
        SenseiError: As opening and reading do.
    """
    key, run = _migration_key(request, other, KeyStore(settings.home_directory))
    options = ScanOptions(
        lanes=lanes_for(request.workers, sides=1),
        key=key,
        run_id=run,
        role=request.role,
        tier=request.tier,
        symbols=_symbols(request),
        buckets=request.buckets,
        selection=Selection(tables=request.tables or tuple(request.buckets), exclude=request.exclude),
        every_choice=request.every_choice,
        profile=UNDER_ANOTHER if other else UNDER_A_MAP if request.mapping_file else OWN_PRECISION,
        spill_directory=settings.make_spill_directory(),
        progress=progress,
    )
    with (
        open_side(url, "target" if request.role == "target" else "source", prompt) as (database, shown),
        scratch_folder(options.spill_directory) as folder,
    ):
        body = BodyWriter(folder / "body")
        recipes = _recipes(request, other, database, options.selection)
        made = take_fingerprint(database, shown, body, options, recipes)
        yield OpenFingerprint(made, body.path, 0), database


@contextmanager
def open_side(url: str, role: Side, prompt: Prompt | None) -> Iterator[tuple[Database, str]]:
    """A database opened for reading until the block ends, and its URL without password."""
    address = parse_address(url)
    database = open_database(address, role=role, secret=resolve(address, role, prompt))
    try:
        yield database, str(address)
    finally:
        database.close()


def new_run_name() -> str:
    """A run's name: UTC time and four random hex digits, sorting by time."""
    return f"{re.sub('[^0-9]', '', datetime.now(UTC).isoformat(timespec='seconds'))[:14]}-{secrets.token_hex(2)}"


def migration_key_of(key_id: str, run_id: str, key_file: Path | None, store: KeyStore) -> _core.DigestKey:
    """The key under which a file's digests were made: from a key file, or kept here under the run's name.

    Raises:
        InvalidRequest: It is not there, or is another one.
    """
    secret = read_migration_key(key_file) if key_file else store.kept_migration_key(run_id)
    if secret is None:
        raise InvalidRequest(
            f"the digests are under the migration key {key_id}, which is not kept on this machine",
            hint="carry the key file of the first fingerprint here and give it with --key-file",
        )
    key = _core.DigestKey(secret)
    if key.key_id != key_id:
        raise InvalidRequest(
            f"the digests are under the migration key {key_id}, and this is {key.key_id}",
            hint="give the key file that the first fingerprint was made with: --key-file FILE",
        )
    return key


def _migration_key(
    request: FingerprintRequest, other: OpenFingerprint | None, store: KeyStore
) -> tuple[_core.DigestKey, str]:
    """The key, and the name of the run: the other file's where there is one."""
    if sum(item is not None for item in (request.key_file, request.new_key_file, request.run_id)) > 1:
        raise InvalidRequest("--key-file, --new-key-file and --run exclude each other")
    if other is not None:
        if request.new_key_file:
            raise InvalidRequest("a new key cannot compare with the file of --profile", hint="give its --key-file")
        run = request.run_id or other.fingerprint.run_id
        return migration_key_of(other.fingerprint.key_id, run, request.key_file, store), run
    if request.new_key_file and not make_migration_key(request.new_key_file):
        raise InvalidRequest(
            f"{request.new_key_file} is there already", hint=f"use it: --key-file {request.new_key_file}"
        )
    file = request.key_file or request.new_key_file
    run = request.run_id or new_run_name()
    return _core.DigestKey(read_migration_key(file) if file else store.migration_key(run)), run


def _symbols(request: FingerprintRequest) -> int:
    """An altered row is two elements."""
    if request.expect_differences is None:
        return request.symbols or _core.CARRIED_SYMBOLS
    if request.tier < 2:
        raise InvalidRequest("--expect-differences sizes the sketch of tier 2", hint="add --tier 2")
    return _core.symbols_for(2 * request.expect_differences)


def _recipes(
    request: FingerprintRequest, other: OpenFingerprint | None, database: Database, selection: Selection
) -> list[Recipe] | None:
    if request.mapping_file:
        if other is not None or request.role == "unassigned":
            raise InvalidRequest(
                "--map needs --role source or --role target, and excludes --profile",
                hint="a map says how each side reads its values: say which side this is",
            )
        mapping = read_declared(request.mapping_file, None).mapping
        return recipes_of_map(mapping, database.catalog(selection), request.role, selection) if mapping else None
    if other is None:
        return None
    there = other.catalog()
    if there is None:
        raise InvalidRequest(
            f"{other.path} holds no profiles: it is one side of a finished verification",
            hint="make the first file with `kora fingerprint URL -o a.kfp`",
        )
    return recipes_under(other.fingerprint.tables, there, database.catalog(selection))
