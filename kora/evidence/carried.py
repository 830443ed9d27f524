"""From a URL to a signed fingerprint file: opens, reads, signs, writes, closes."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

from kora._core import DigestKey
from kora.comparison.fingerprint import Fingerprint
from kora.comparison.fingerprint_scan import ScanProgress, take_fingerprint
from kora.comparison.mapping import Side
from kora.databases.address import parse_address
from kora.databases.registry import open_database
from kora.evidence.certificate import issue_fingerprint
from kora.evidence.files import write_atomically
from kora.evidence.signing import KeyStore
from kora.settings import Settings

Role: TypeAlias = Side | Literal["unassigned"]


def write_fingerprint(
    url: str, output: Path, *, role: Role, run_id: str | None, settings: Settings, progress: ScanProgress | None = None
) -> Fingerprint:
    """Fingerprint a database and write the signed file.

    Raises:
        SenseiError: As opening, reading, signing and writing do; an old file at `output` is then untouched.
    """
    address = parse_address(url)
    store = KeyStore(settings.home_directory)
    signing_key = store.signing_key()
    run = run_id or new_run_name()
    key = DigestKey(store.migration_key(run))
    database = open_database(address, role="target" if role == "target" else "source")
    try:
        made = take_fingerprint(
            database,
            role=role,
            url=str(address),
            key=key,
            run_id=run,
            spill_directory=settings.spill_directory,
            progress=progress,
        )
    finally:
        database.close()
    write_atomically(output, issue_fingerprint(made, [signing_key]))
    return made


def new_run_name() -> str:
    """A run's name: UTC time and four random hex digits, sorting by time."""
    return f"{re.sub('[^0-9]', '', datetime.now(UTC).isoformat(timespec='seconds'))[:14]}-{secrets.token_hex(2)}"
