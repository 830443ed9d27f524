"""One row of a certified table, shown or shown to be absent: making the proof beside the database, checking it without.

`docs/formats/row-proof.md` is the format; the tree and the arithmetic are the core's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kora import _core
from kora.catalog import Table
from kora.comparison.mapping import Side
from kora.comparison.result import RowTree
from kora.databases.address import parse_address
from kora.databases.base import Database
from kora.databases.registry import open_database
from kora.databases.secrets import Prompt, resolve
from kora.errors import FileProblem, InvalidRequest, MalformedInput, NotAuthentic
from kora.evidence.canonical import parse_canonical
from kora.evidence.certificate import check_subjects, load, read
from kora.evidence.files import read_bounded, write_atomically
from kora.evidence.outputs import output_place
from kora.evidence.signing import KeyStore, read_proof_key, write_proof_key
from kora.evidence.statement import CertifiedTable, Statement
from kora.settings import Settings

PROOF_SIZE_LIMIT_BYTES = 16 << 20
_PROFILES_NAME = "profiles.json"


@dataclass(frozen=True, slots=True)
class RowProven:
    """What a proof shows. `cells`: kind and text of the row's values, or of the key of which there is no row."""

    kind: Literal["inclusion", "absence"]
    source: str
    target: str
    copies: int
    cells: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class ProofRequest:
    """What is to be proven, and where. `key`: one text for each key column, in the profile's order."""

    url: str
    table: str
    key: tuple[str, ...]
    certificate: Path
    side: Side = "target"
    proof_key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class _Certified:
    """A table that a certificate vouches for with a tree, and the profile under which its rows were read."""

    table: CertifiedTable
    tree: RowTree
    profile: str


def prove_row(request: ProofRequest, output: Path, settings: Settings, prompt: Prompt | None = None) -> RowProven:
    """Write the proof about one key; the table is read once, in bounded memory.

    Raises:
        InvalidRequest: The table was not certified with a tree, the key's texts do not fit its columns, or an output
            would replace what is read here.
        NotAuthentic: The table is not in the state that was certified, or files beside the certificate were altered.
        SenseiError: As opening, reading and writing do; an old file at `output` is then untouched.
    """
    keys = KeyStore(settings.home_directory)
    output = output_place(output, urls=[request.url], files=(request.certificate, request.proof_key_file))
    auditor = request.proof_key_file and output_place(
        request.proof_key_file, urls=[request.url], files=(request.certificate,)
    )
    statement = _statement(request.certificate)
    certified = _certified(statement, request)
    migration_key = keys.existing_migration_key(statement.predicate.run_id)
    address = parse_address(request.url)
    database = open_database(address, role=request.side, secret=resolve(address, request.side, prompt))
    try:
        made = _tree(database, certified, request, migration_key, settings)
    finally:
        database.close()
    if (made.size, made.root.hex()) != (certified.tree.size, certified.tree.root):
        raise NotAuthentic(
            f"{request.table} in {address} is not in the state that was certified",
            hint="make the proof from that state: the other side, or a copy from that day",
        )
    source, target = str(certified.table.source), str(certified.table.target)
    proof = made.prove(source, target)
    proven = _checked(proof, "the proof", certified.table, certified.tree, made.proof_key())
    write_atomically(output, proof)
    if auditor:
        write_proof_key(auditor, made.proof_key())
    return proven


def newest_certificate(home: Path, url: str, table: str) -> Path:
    """The newest certificate under a home that vouches for a table of this database with a tree, by its claimed time.

    Raises:
        InvalidRequest: There is none; one that was written elsewhere (`--out`) must be named.
    """
    address = str(parse_address(url))
    found: list[tuple[str, Path]] = []
    for path in (*home.glob("verifications/*/certificate.json"), *home.glob("runs/*/certificate.json")):
        statement = read(load(path), str(path)).statement
        if statement is None or address not in (statement.predicate.source.url, statement.predicate.target.url):
            continue
        if any(item.tree and table in (item.source, item.target) for item in statement.predicate.tables):
            found.append((statement.predicate.claimed_end, path))
    if not found:
        raise InvalidRequest(
            f"no certificate in {home} vouches for {table} in {address} with a row tree",
            hint="name it with --cert, or verify with --provable first",
        )
    return max(found)[1]


def check_row_proof(path: Path, statement: Statement, proof_key_file: Path | None) -> RowProven:
    """What a proof file shows under a certificate that was checked.

    Raises:
        NotAuthentic, MalformedInput, LimitExceeded: It does not hold, or is no proof.
        InvalidRequest: It proves an absence, and the table's proof key was not given.
    """
    trees = [
        (str(table.source), str(table.target), table.tree.size, table.tree.root, table.tree.key_commitment)
        for table in statement.predicate.tables
        if table.tree
    ]
    key = read_proof_key(proof_key_file) if proof_key_file else None
    return _proven(_core.check_row_proof(read_bounded(path, PROOF_SIZE_LIMIT_BYTES), str(path), trees, key))


def _checked(proof: bytes, what: str, table: CertifiedTable, tree: RowTree, key: bytes) -> RowProven:
    claim = (str(table.source), str(table.target), tree.size, tree.root, tree.key_commitment)
    return _proven(_core.check_row_proof(proof, what, [claim], key))


def _proven(found: tuple[str, str, str, int, list[tuple[str, str | None]]]) -> RowProven:
    kind, source, target, copies, cells = found
    return RowProven("inclusion" if kind == "inclusion" else "absence", source, target, copies, tuple(cells))


def _statement(certificate: Path) -> Statement:
    statement = read(load(certificate), str(certificate)).statement
    if statement is None:
        raise InvalidRequest(f"{certificate} is no certificate of a verification", hint="name its certificate.json")
    if not check_subjects(statement, certificate.parent).get(_PROFILES_NAME):
        raise FileProblem(
            f"{certificate.parent / _PROFILES_NAME} is missing: it says how the rows were read",
            hint="keep the files of a verification together",
        )
    return statement


def _certified(statement: Statement, request: ProofRequest) -> _Certified:
    """The table by its name on either side."""
    tables = [table for table in statement.predicate.tables if request.table in (table.source, table.target)]
    if not tables:
        names = ", ".join(str(table.source) for table in statement.predicate.tables[:20])
        raise InvalidRequest(f"the certificate speaks of no table {request.table}", hint=f"it speaks of {names}")
    tree = tables[0].tree
    if tree is None:
        raise InvalidRequest(
            f"{request.table} was certified without a row tree",
            hint="verify again with --provable: `kora verify SOURCE TARGET --provable`",
        )
    path = request.certificate.parent / _PROFILES_NAME
    body = parse_canonical(load(path), str(path))
    profiles = body.get("profiles") if isinstance(body, dict) else None
    profile = profiles.get(f"{tables[0].source}~{tables[0].target}") if isinstance(profiles, dict) else None
    if not isinstance(profile, str):
        raise MalformedInput(f"{path} holds no profile of {request.table}")
    return _Certified(tables[0], tree, profile)


def _tree(
    database: Database, certified: _Certified, request: ProofRequest, migration_key: bytes, settings: Settings
) -> _core.RowTree:
    name = certified.table.source if request.side == "source" else certified.table.target
    table = next((table for table in database.catalog().tables if str(table.name) == name), None)
    if table is None:
        raise InvalidRequest(f"{request.url} has no table {name}", hint="give the certified database, or --side source")
    profile = json.loads(certified.profile)
    columns = (
        [str(column["pair"]) for column in profile["columns"]]
        if request.side == "source"
        else list(certified.tree.target_columns)
    )
    places = profile["key"] if certified.tree.keyed else range(len(columns))
    spill = settings.make_spill_directory()
    return _core.build_row_tree(
        database.rows(table, columns),
        certified.profile,
        request.side,
        _core.DigestKey(migration_key),
        unique=certified.tree.keyed,
        wanted=_wanted(table, [columns[place] for place in places], request.key),
        spill_directory=str(spill) if spill else None,
    )


def _wanted(table: Table, columns: Sequence[str], texts: Sequence[str]) -> list[tuple[str, str]]:
    if len(columns) != len(texts):
        raise InvalidRequest(
            f"{table.name} is asked for by {', '.join(columns)}: {len(columns)} texts, and {len(texts)} were given",
            hint="give --key once for each of them, in this order",
        )
    kinds = {column.name: column.type.kind for column in table.columns}
    return [(kinds[column], text) for column, text in zip(columns, texts, strict=True)]
