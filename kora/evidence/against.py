"""`kora verify URL --against CERT`: whether a target still holds what was certified, for whoever has the key.

The source is not needed, nor who migrated: certified roots are computed again from the database, under the profiles
that lie beside the certificate. It says nothing new of the source; it says that nothing has changed since.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from kora import _core
from kora.catalog import Catalog, Table
from kora.comparison.declared import read_declared
from kora.comparison.left_out import TABLE_BESIDE, TABLE_LEFT_OUT
from kora.comparison.workers import lanes_for
from kora.databases.address import parse_address
from kora.databases.base import Database, readable_type
from kora.databases.registry import open_database
from kora.databases.secrets import Prompt, resolve
from kora.errors import FileProblem, InvalidRequest, MalformedInput
from kora.evidence import certificate as certificates
from kora.evidence.artifacts import MAP_NAME, PLAN_NAME, PROFILES_NAME
from kora.evidence.canonical import parse_canonical
from kora.evidence.carried import migration_key_of
from kora.evidence.envelope import hint_of_rotation
from kora.evidence.signing import KeyStore, PublicKey
from kora.evidence.statement import CertifiedTable, Predicate
from kora.exit_codes import ExitCode
from kora.settings import Settings

State: TypeAlias = Literal["unchanged", "changed", "missing", "not_certified", "extra"]
_NOT_COMPARED = (TABLE_LEFT_OUT, TABLE_BESIDE)


class TableState(BaseModel):
    """A table of the target now. `rows`: now, and when it was certified; None where nobody counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    state: State
    rows: int | None = None
    certified_rows: int | None = None
    detail: str = ""


class Against(BaseModel):
    """A target held against its certificate. `certified_verdict` is what was certified then, whatever is found now."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    certificate: str
    certified_verdict: str
    key_ids: tuple[str, ...]
    tables: tuple[TableState, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0 nothing has changed, 1 something has, 3 not all that was certified could be looked at."""
        states = {table.state for table in self.tables}
        if states & {"changed", "missing", "extra"}:
            return ExitCode.DIFFERENT
        return ExitCode.NOT_PROVEN if "not_certified" in states or not states else ExitCode.EQUIVALENT


@dataclass(frozen=True, slots=True)
class AgainstRequest:
    """What to hold against what. `keys`: of those who may have signed; this machine's own is known."""

    url: str
    certificate: Path
    keys: Sequence[PublicKey] = ()
    key_file: Path | None = None


def verify_against(request: AgainstRequest, *, settings: Settings, prompt: Prompt | None = None) -> Against:
    """Computes the roots of a target again and compares them with the certified ones; nothing is written.

    Raises:
        NotAuthentic, MalformedInput: The certificate, or a file beside it, was altered, or strangers signed it.
        InvalidRequest: It is no verification's, or the migration's key is not here or another one.
        FileProblem: The profiles do not lie beside it.
        SenseiError: As opening and reading the database.
    """
    store = KeyStore(settings.home_directory)
    own = [store.signing_key().public] if store.signing_path.exists() else []
    checked = _authentic(request, [*request.keys, *own], store)
    if checked.statement is None:
        raise InvalidRequest(
            f"{request.certificate} is no certificate of a verification", hint="name its certificate.json"
        )
    predicate = checked.statement.predicate
    folder = request.certificate.parent
    present = certificates.check_subjects(checked.statement, folder)
    if not present.get(PROFILES_NAME):
        raise FileProblem(
            f"{folder / PROFILES_NAME} is missing: it says how the rows were read",
            hint="keep the files of a verification together",
        )
    key = migration_key_of(predicate.migration_key_id, predicate.run_id, request.key_file, store)
    scan = _Scan(_profiles(folder / PROFILES_NAME), _named_columns(folder, present), key, settings)
    address = parse_address(request.url)
    with closing(open_database(address, role="target", secret=resolve(address, "target", prompt))) as database:
        tables = _states(database, predicate, scan)
    return Against(
        url=str(address),
        certificate=str(request.certificate),
        certified_verdict=predicate.verdict,
        key_ids=checked.envelope.key_ids,
        tables=tables,
    )


@dataclass(frozen=True, slots=True)
class _Scan:
    """How a table is read: profiles by pair, target columns by pair and source column, and the key."""

    profiles: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]
    key: _core.DigestKey
    settings: Settings


def _authentic(request: AgainstRequest, known: Sequence[PublicKey], store: KeyStore) -> certificates.Certificate:
    """Signed by all whom it names, each of them known here."""
    what = str(request.certificate)
    data = certificates.load(request.certificate)
    signers = certificates.read(data, what).envelope.key_ids
    keys = list({key.key_id: key for key in known if key.key_id in signers}.values())
    if not keys:
        raise InvalidRequest(
            f"{what} was signed by {', '.join(signers)}, a key that is not known here",
            hint=hint_of_rotation(signers, store.retired_paths()) or "give the signer's public key: --key FILE.pub",
        )
    return certificates.check(data, keys, what)


def _profiles(path: Path) -> dict[str, str]:
    body = parse_canonical(certificates.load(path), str(path))
    profiles = body.get("profiles") if isinstance(body, dict) else None
    if not isinstance(profiles, dict):
        raise MalformedInput(f"{path} holds no profiles", hint="ask for the original file")
    return {pair: text for pair, text in profiles.items() if isinstance(text, str)}


def _named_columns(folder: Path, present: Mapping[str, bool]) -> dict[str, dict[str, str]]:
    """Pair → source column → target column, where a plan or map lies beside the certificate."""
    plan = folder / PLAN_NAME if present.get(PLAN_NAME) else None
    given = folder / MAP_NAME if present.get(MAP_NAME) and plan is None else None
    mapping = read_declared(given, plan).mapping
    pairs = mapping.tables if mapping else ()
    return {pair.pair: {column.source: column.target for column in pair.columns} for pair in pairs}


def _states(database: Database, predicate: Predicate, scan: _Scan) -> tuple[TableState, ...]:
    catalog = database.catalog()
    states = [_state(database, catalog, table, scan) for table in predicate.tables if table.target is not None]
    known = {table.target for table in predicate.tables}
    left_out = {
        item.name: item.what for item in predicate.not_checked if item.what in _NOT_COMPARED and item.side == "target"
    }
    return (*states, *(_extra(str(table.name), left_out) for table in catalog.tables if str(table.name) not in known))


def _extra(name: str, left_out: Mapping[str, str]) -> TableState:
    """A table of which no rows are certified: it is new, or was there and was left out."""
    if name in left_out:
        return TableState(name=name, state="not_certified", detail=f"it was there: {left_out[name]}")
    return TableState(name=name, state="extra", detail="the certificate knows no such table")


def _state(database: Database, catalog: Catalog, certified: CertifiedTable, scan: _Scan) -> TableState:
    name = str(certified.target)
    table = next((item for item in catalog.tables if str(item.name) == name), None)
    entry = TableState(name=name, state="unchanged", certified_rows=certified.target_rows)
    if certified.outcome == "missing_in_target":
        gone = "it was missing when it was certified"
        return entry.model_copy(update={"detail": gone} if table is None else {"state": "extra", "detail": gone})
    if table is None:
        return entry.model_copy(update={"state": "missing", "detail": "there is no such table any more"})
    pair = f"{certified.source}~{certified.target}"
    profile = scan.profiles.get(pair)
    if certified.root is None or profile is None:
        return entry.model_copy(update={"state": "not_certified", "detail": "it was certified without a root"})
    columns, lacking = _columns(table, certified, profile, scan.columns.get(pair, {}))
    if lacking:
        return entry.model_copy(update={"state": "changed", "detail": f"column {lacking} can no longer be read"})
    spill = scan.settings.make_spill_directory()
    digest = _core.digest_rows(
        database.rows_in_lanes(table, columns, lanes_for(None, sides=1)),
        profile,
        "target",
        scan.key,
        root_key=scan.key,
        spill_directory=str(spill) if spill else None,
    )
    same = digest.root is not None and digest.root.hex() == certified.root
    same = same and digest.row_count == certified.target_rows
    return entry.model_copy(update={"rows": digest.row_count, "state": "unchanged" if same else "changed"})


def _columns(
    table: Table, certified: CertifiedTable, profile: str, named: Mapping[str, str]
) -> tuple[list[str], str | None]:
    """The target's columns in the profile's order, and the first that is not there or cannot be read."""
    sources = [str(column["pair"]) for column in json.loads(profile)["columns"]]
    if certified.tree:
        wanted = list(certified.tree.target_columns)
    else:
        wanted = [named.get(source) or _by_name(table, source) for source in sources]
    readable = {column.name for column in table.columns if readable_type(column.type)}
    return wanted, next((name for name in wanted if name not in readable), None)


def _by_name(table: Table, source: str) -> str:
    """The column of exactly this name, else of the only one that is the same but for case."""
    names = [column.name for column in table.columns]
    alike = [name for name in names if name.casefold() == source.casefold()]
    return source if source in names or len(alike) != 1 else alike[0]
