"""From a URL to a signed file of answers, and from two such files to what they say about each other."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from kora import _core
from kora.behavior.answers import QUERY_SECONDS, Watch, ask, require_queries
from kora.behavior.callables import callables_of
from kora.behavior.inputs import read_inputs, seed_of
from kora.behavior.routines import Side as CallingSide
from kora.behavior.routines import call_all, compare_routines, freed, plans_of
from kora.behavior.servers import ServerTrials, writer_on_server
from kora.behavior.translate import own_spellings
from kora.behavior.workload import DIALECTS, read_workload, views_of
from kora.catalog import Catalog
from kora.comparison.behavior import Answer, Behavior, Recording, claim_of, compare_answers, verdict_of
from kora.databases.base import Database
from kora.databases.secrets import Prompt
from kora.errors import InvalidRequest
from kora.evidence.carried import new_run_name, open_side
from kora.evidence.kbh import read_recording, write_recording
from kora.evidence.signing import KeyStore, PublicKey, make_migration_key, read_migration_key
from kora.settings import Settings

_Facts: TypeAlias = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class RecordRequest:
    """What a person asks of a recording: a file of queries, or None for all views; or `routines`.

    `inputs` is a file of recorded inputs of routines, `seed` what further ones are generated from: by default all who
    have the key have the same. `writer` is a session that may write and takes everything back; without one, routines
    are called in a session that may not. `announce` is told of what is made on the server besides.
    A query that takes longer than `seconds` is ended.

    `dialect` is the engine in whose SQL the file is written, None for the database's own. The key is chosen as a
    fingerprint's is: from `key_file`, drawn into `new_key_file`, or kept here under `run_id`.
    """

    workload: Path | None = None
    dialect: str | None = None
    key_file: Path | None = None
    new_key_file: Path | None = None
    run_id: str | None = None
    routines: bool = False
    inputs: Path | None = None
    seed: str | None = None
    writer: ServerTrials | None = None
    announce: Callable[[str], None] | None = None
    seconds: int = QUERY_SECONDS


def record(
    url: str,
    output: Path,
    request: RecordRequest,
    *,
    settings: Settings,
    watch: Watch | None = None,
    prompt: Prompt | None = None,
) -> Recording:
    """Asks a database a workload and writes the signed file.

    Raises:
        InvalidRequest: The workload holds what is no SELECT, or the database answers no queries.
        SenseiError: As opening, reading, signing and writing do; an old file at `output` is then untouched.
    """
    store = KeyStore(settings.home_directory)
    signing_key = store.signing_key()
    key, run = _key(request, store)
    with open_side(url, "source", prompt) as (database, shown):
        asked = require_queries(database, shown)
        catalog = database.catalog()
        facts: _Facts = {}
        if request.routines:
            answers, facts = _of_routines(url, database, catalog, request, key, watch, prompt)
        else:
            own = asked.dialect.sqlglot
            written_in = DIALECTS[request.dialect] if request.dialect else own
            path = request.workload
            workload = read_workload(path, written_in) if path else views_of(catalog, asked.dialect)
            spellings = own_spellings(catalog) if workload.dialect != own else None
            answers = ask(asked, catalog, workload, key, spellings, watch, request.seconds)
            facts = {"asked": "workload" if path else "views", "workload": workload.sha256}
        recording = Recording.model_validate(
            {
                "url": shown,
                "engine": asked.dialect.engine,
                "identity": database.identity(),
                "answers": answers,
                "key_id": key.key_id,
                "run_id": run,
                "claimed_time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                **facts,
            }
        )
    write_recording(output, recording, [signing_key])
    return recording


def _of_routines(
    url: str,
    database: Database,
    catalog: Catalog,
    request: RecordRequest,
    key: _core.DigestKey,
    watch: Watch | None,
    prompt: Prompt | None,
) -> tuple[tuple[Answer, ...], _Facts]:
    """The answers of all calls, and what they were called with."""
    if database.dialect.engine not in ("postgresql", "mariadb"):
        raise InvalidRequest(
            f"{database.dialect.engine} keeps no routines that could be called",
            hint="record its views with --views, or queries with --workload",
        )
    seed = request.seed or seed_of(key)
    recorded, sha256 = read_inputs(request.inputs) if request.inputs else ({}, None)
    with ExitStack() as stack:
        session = request.writer or stack.enter_context(writer_on_server(url, prompt, role="source", read_only=True))
        routines = freed(callables_of(database, catalog, session.without_rollback), recorded)
        side = CallingSide(database, catalog, routines, session)
        side = replace(side, announce=request.announce) if request.announce else side
        answers = call_all(side, plans_of(routines, seed, recorded), key, watch)
    return answers, {"asked": "routines", "workload": sha256, "seed": seed}


def _key(request: RecordRequest, store: KeyStore) -> tuple[_core.DigestKey, str]:
    if sum(item is not None for item in (request.key_file, request.new_key_file, request.run_id)) > 1:
        raise InvalidRequest("--key-file, --new-key-file and --run exclude each other")
    if request.new_key_file and not make_migration_key(request.new_key_file):
        raise InvalidRequest(
            f"{request.new_key_file} is there already", hint=f"use it: --key-file {request.new_key_file}"
        )
    file = request.key_file or request.new_key_file
    run = request.run_id or new_run_name()
    return _core.DigestKey(read_migration_key(file) if file else store.migration_key(run)), run


def compare_recordings(first: Path, second: Path, keys: Sequence[PublicKey], settings: Settings) -> Behavior:
    """What two files say about each other: the first is the source's.

    Raises:
        InvalidRequest: They are one recording, or of different keys, or one of a workload and one of views.
        NotAuthentic, MalformedInput, LimitExceeded, FileProblem: As reading a file does.
    """
    store = KeyStore(settings.home_directory)
    known, retired = [*keys, store.signing_key().public], store.retired_paths()
    left, right = (read_recording(path, known, retired) for path in (first, second))
    if left == right or first.resolve() == second.resolve():
        raise InvalidRequest(
            f"{first} and {second} are the same recording: it says nothing to compare it with itself",
            hint="give one file of each side",
        )
    if left.key_id != right.key_id:
        raise InvalidRequest(
            f"{first} was recorded under the key {left.key_id} and {second} under {right.key_id}:"
            " such digests say nothing of each other",
            hint=f"record the second one under the first one's key: kora behave record {right.url}"
            f" --key-file K -o {second.name}",
        )
    if left.asked != right.asked:
        raise InvalidRequest(
            f"{first} and {second} did not ask the same: {left.asked} and {right.asked}",
            hint=f"record both with --{left.asked}",
        )
    if left.asked != "routines":
        queries = compare_answers(left.answers, right.answers)
        told = Behavior(outcome=verdict_of(queries), workload=left.workload, queries=queries)
        return told.model_copy(update={"claim": claim_of(told)})
    if left.seed != right.seed or left.workload != right.workload:
        raise InvalidRequest(
            f"{first} and {second} called their routines with inputs of other seeds or files",
            hint=f"record the second one with --seed {left.seed} and the first one's --routine-inputs",
        )
    calls = compare_routines(left.answers, right.answers)
    told = Behavior(outcome=verdict_of(calls), routines=calls, seed=left.seed, inputs=left.workload)
    return told.model_copy(update={"claim": claim_of(told)})
