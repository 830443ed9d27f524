"""A run: its folder, and what must be known to go on with it after a crash.

$SENSEI_HOME/runs/<id>/run.json      what was asked for; no password
                       journal.db    see `appliance.journal`
                       plan.yaml     the plan that is carried out
                       source-log.json  the source's fingerprint, written before the load
                       quarantine.jsonl  refused rows with their values, 0600
                       quarantine/   those of their values that are longer than 1 MiB, 0700
                       log.jsonl     structured log
                       result.json   what the verification found, once it was done
$SENSEI_HOME/keys/migrations/<id>.key    K_mig, 0600; see `kora.evidence.signing`
"""

import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from kora.errors import InvalidRequest
from kora.evidence.files import cannot_write, make_directory


class Request(BaseModel):
    """What the operator asked for. URLs are kept without passwords."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    target: str
    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    out: str = ""
    accept_loss: tuple[str, ...] = ()
    into_existing: bool = False
    workers: int = 1
    identifier_policy: Literal["preserve", "lower", "snake"] | None = None
    chunk_size_bytes: int = 32 << 20
    show_values: bool = False
    provable: bool = False
    behavior: bool = False
    workload: str = ""
    routines: bool = False
    routine_inputs: str = ""
    query_seconds: int = 60


@dataclass(frozen=True, slots=True)
class Run:
    """A migration that was begun."""

    id: str
    folder: Path
    request: Request
    created: str = field(default="")

    @property
    def journal_path(self) -> Path:
        """Where the journal lies."""
        return self.folder / "journal.db"

    @property
    def plan_path(self) -> Path:
        """Where the plan that is carried out lies."""
        return self.folder / "plan.yaml"

    @property
    def source_log_path(self) -> Path:
        """Where the source's fingerprint is written before the load."""
        return self.folder / "source-log.json"

    @property
    def quarantine_path(self) -> Path:
        """Where refused rows are written, with their values."""
        return self.folder / "quarantine.jsonl"

    @property
    def quarantined_values(self) -> Path:
        """The folder of refused rows' long values; there only if there are such."""
        return self.folder / "quarantine"

    @property
    def out(self) -> Path:
        """Where certificate, report and public key go."""
        return Path(self.request.out) if self.request.out else self.folder


def create_run(home: Path, request: Request) -> Run:
    """Makes a run's folder (0700) and writes down what was asked for."""
    run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(3)}"
    folder = home / "runs" / run_id
    try:
        for directory in (home, home / "runs"):
            make_directory(directory, mode=0o700)
        folder.mkdir(mode=0o700)
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        run = Run(run_id, folder, request, created)
        text = json.dumps({"id": run_id, "created": created, "request": request.model_dump()}, indent=1)
        temporary = folder / "run.json.part"
        temporary.write_text(text)
        temporary.rename(folder / "run.json")
    except OSError as error:
        raise cannot_write(folder, error, "check $SENSEI_HOME: it must be writable") from error
    return run


def open_run(home: Path, run_id: str) -> Run:
    """Finds a run by its id or an unambiguous beginning of it."""
    matches = [run for run in list_runs(home) if run.id.startswith(run_id)]
    exact = [run for run in matches if run.id == run_id]
    if exact or len(matches) == 1:
        return (exact or matches)[0]
    problem = "no run" if not matches else f"{len(matches)} runs"
    raise InvalidRequest(f"{problem} called {run_id!r} under {home / 'runs'}", hint="`sensei runs` lists them")


def list_runs(home: Path) -> list[Run]:
    """All runs, oldest first. A folder whose run.json was never completed is left out."""
    runs = []
    for path in sorted((home / "runs").glob("*/run.json")):
        body = json.loads(path.read_text())
        runs.append(Run(body["id"], path.parent, Request.model_validate(body["request"]), body["created"]))
    return runs
