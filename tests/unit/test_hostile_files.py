"""Every file that Python decodes, against content that nobody should have written.

A reader gives a value or one of the errors of this house with words for a person, in a bounded number of steps and a
bounded amount of memory. `FUZZ_EXAMPLES` sets how many inputs of each kind are tried; `make fuzz` tries many.
"""

import json
import os
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from appliance.planning.files import load_plan, plan_text
from appliance.planning.planner import make_plan
from kora import _core
from kora.behavior.inputs import read_inputs
from kora.behavior.workload import read_workload
from kora.cli import run
from kora.comparison.declared import read_declared
from kora.comparison.fingerprint_body import unpack_catalog
from kora.comparison.quarantine import read_quarantine
from kora.comparison.recipes import key_positions
from kora.databases.address import parse_address
from kora.databases.csvschema import read_schema
from kora.databases.parquet.manifest import MANIFEST_NAME, read_manifest
from kora.errors import SenseiError
from kora.evidence import certificate
from kora.evidence.canonical import canonical_bytes
from kora.evidence.envelope import read_envelope, seal
from kora.evidence.kbh import read_recording
from kora.evidence.kfp import read_fingerprint_file
from kora.evidence.locate import read_diff
from kora.evidence.row_proofs import check_row_proof
from kora.evidence.signing import (
    KeyStore,
    SigningKey,
    read_migration_key,
    read_proof_key,
    read_public_key,
    read_signing_key,
)
from kora.evidence.transparency import check_log, read_log_key
from kora.expectations.suite import read_suite
from tests.unit.planning_cases import shop

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
STEPS_LIMIT, STEPS_PER_BYTE = 200_000, 150
MEMORY_LIMIT_BYTES = 48 << 20
Form = Literal["bytes", "json", "yaml", "envelope"]


@dataclass(frozen=True)
class Reader:
    """A decoder, a file that it reads, and how that file is made of values, if it is."""

    file: Path
    read: Callable[[Path], object]
    form: Form = "bytes"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("hostile")
        patch.setenv("SENSEI_HOME", str(folder / "home"))
        yield folder


@pytest.fixture(scope="module")
def readers(home: Path) -> dict[str, Reader]:
    """Every decoder with a good file of its kind, each made by the command that makes such files."""
    for name in ("a", "b"):
        connection = _core.SqliteConnection(str(home / f"{name}.db"), "create")
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'x'), (3, 'y');"
        )
        connection.close()
    a, b, out = f"sqlite:///{home / 'a.db'}", f"sqlite:///{home / 'b.db'}", home / "out"
    assert run(["verify", a, b, "--provable", "--out", str(out)]) == 0
    prove = ["prove", a, "--table", "t", "--key", "1", "--cert", str(out / "certificate.json")]
    assert run([*prove, "-o", str(home / "row.proof")]) == 0
    assert run(["fingerprint", a, "-o", str(home / "a.kfp"), "--tier", "3"]) == 0
    (home / "w.sql").write_text("-- name: all\nSELECT id, v FROM t ORDER BY id;\nSELECT count(*) FROM t;\n")
    assert run(["behave", "record", a, "--workload", str(home / "w.sql"), "-o", str(home / "a.kbh")]) == 0
    assert run(["expect", "profile", a, "-o", str(home / "suite.json")]) == 0
    assert run(["log", "init", str(home / "log"), "--origin", "clinic.example/log"]) == 0
    assert run(["log", "append", str(home / "log"), str(out / "certificate.json")]) == 0
    return {**_signed(home, out), **_plain(home)}


def _signed(home: Path, out: Path) -> dict[str, Reader]:
    keys = KeyStore(home / "home")
    signer = keys.signing_key()
    statement = certificate.read((out / "certificate.json").read_bytes(), "c").statement
    assert statement is not None
    log_key = read_log_key(home / "log" / "log.pub")
    entry = _core.log_entry(_core.sha256_file(str(out / "certificate.json")))
    proof_key = next((home / "home" / "keys").rglob("*.key"))

    def checked(path: Path) -> object:
        data = certificate.load(path)
        certificate.read(data, "c", lenient=True)
        return certificate.check(data, [signer.public], "c")

    def fingerprint(path: Path) -> object:
        opened = read_fingerprint_file(path, [signer.public])
        opened.catalog()
        return [key_positions(table.profile or "", len(table.columns)) for table in opened.fingerprint.tables]

    return {
        "certificate": Reader(out / "certificate.json", checked, "envelope"),
        "fingerprint": Reader(home / "a.kfp", fingerprint, "envelope"),
        "recording": Reader(home / "a.kbh", lambda path: read_recording(path, [signer.public])),
        "row proof": Reader(home / "row.proof", lambda path: check_row_proof(path, statement, None)),
        "log proof": Reader(
            out / "certificate.json.tlog-proof",
            lambda path: _core.check_log_proof(path.read_bytes(), "p", entry, log_key),
        ),
        "checkpoint": Reader(home / "log" / "checkpoint", lambda path: check_log(home / "log", log_key, path)),
        "log key": Reader(home / "log" / "log.pub", lambda path: _core.log_checkpoint(b"x", "c", read_log_key(path))),
        "signing key": Reader(keys.signing_path, read_signing_key),
        "public key": Reader(keys.public_path, read_public_key),
        "migration key": Reader(proof_key, read_migration_key),
        "proof key": Reader(proof_key, read_proof_key),
        "catalog": Reader(home / "a.kfp", lambda path: unpack_catalog(path.read_bytes(), "c")),
    }


def _plain(home: Path) -> dict[str, Reader]:
    """The files that nobody signs."""
    column = {"source": "id", "target": "id", "policies": [{"rule": "rtrim_char"}]}
    pair = {"source": {"schema": "", "name": "t"}, "target": {"schema": "main", "name": "t"}}
    mapping = {"tables": [{**pair, "key": ["id"], "columns": [column]}]}
    export = {
        "format": "sensei-parquet-1",
        "tables": [{"folder": "t", "table": {"name": pair["source"], "columns": []}}],
    }
    made = {
        "plan.yaml": plan_text(make_plan(*shop(), "duckdb")),
        "map.yaml": yaml.safe_dump(mapping),
        "schema.yaml": "patient:\n  born: date\n  weight: decimal(6,2)\n",
        "quarantine.jsonl": '{"table": "t", "key": "1", "column": "v", "reason": "too long", "values": {"id": "1"}}\n',
        "inputs.jsonl": '{"routine": "f", "arguments": [1, "text", null, 2.5]}\n',
        "diff.json": '{"format": "kora-diff-1", "tables": []}',
        "profile.json": '{"columns":[{"pair":"id","policies":[]}],"format":"kora-profile-1","key":[0],"pair":"t"}',
        MANIFEST_NAME: json.dumps(export),
    }
    for name, text in made.items():
        (home / name).write_text(text)
    return {
        "plan": Reader(home / "plan.yaml", load_plan, "yaml"),
        "plan as a map": Reader(home / "plan.yaml", lambda path: read_declared(None, path), "yaml"),
        "map": Reader(home / "map.yaml", lambda path: read_declared(path, None), "yaml"),
        "schema": Reader(home / "schema.yaml", read_schema, "yaml"),
        "quarantine": Reader(home / "quarantine.jsonl", read_quarantine, "json"),
        "inputs": Reader(home / "inputs.jsonl", read_inputs, "json"),
        "workload": Reader(home / "w.sql", lambda path: read_workload(path, "sqlite")),
        "diff": Reader(home / "diff.json", read_diff, "json"),
        "suite": Reader(home / "suite.json", read_suite, "json"),
        "manifest": Reader(home / MANIFEST_NAME, lambda path: read_manifest(path.parent), "json"),
        "profile": Reader(
            home / "profile.json", lambda path: key_positions(path.read_text("utf-8", "replace"), 1), "json"
        ),
        "address": Reader(home / "w.sql", lambda path: parse_address(path.read_bytes().decode("utf-8", "replace"))),
    }


NAMES = (
    "certificate", "fingerprint", "recording", "row proof", "log proof", "checkpoint", "log key", "signing key",
    "public key", "migration key", "proof key", "catalog", "plan", "plan as a map", "map", "schema", "quarantine",
    "inputs", "workload", "diff", "suite", "manifest", "profile", "address",
)  # fmt: skip


class TooMuch(BaseException):
    """More steps than the input can need; nothing that a reader catches."""


@contextmanager
def few_steps(size_bytes: int) -> Iterator[None]:
    """Ends what takes too many steps for a file of this size."""
    steps, limit = 0, STEPS_LIMIT + STEPS_PER_BYTE * size_bytes

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal steps
        steps += event in ("call", "c_call")
        if steps > limit:
            raise TooMuch(f"more than {limit:,} steps")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


@contextmanager
def little_memory() -> Iterator[None]:
    """Fails what takes too much memory, even for a moment."""
    tracemalloc.start()
    try:
        yield
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MEMORY_LIMIT_BYTES, f"{peak:,} bytes"


def refused_or_read(reader: Reader, data: bytes, folder: Path) -> None:
    """The property: a value, or an error with words."""
    path = folder / reader.file.name
    path.write_bytes(data)
    path.chmod(0o600)
    try:
        with few_steps(len(data)):
            reader.read(path)
    except SenseiError as error:
        assert error.message
        assert error.hint or error.exit_code in (1, 2), error.message
        assert len(str(error)) < 20_000


ODD: tuple[Any, ...] = (
    None, True, -1, 0, 2**31, 2**63, 10**18, "", "\0", "\ud800", "9" * 5000, "x" * 3000, [], {}, [[]], {"": None},
    [None], "0000-00-00", "../../etc/passwd", "*", "&a", "%s%n", "<script>",
)  # fmt: skip
BOMBS = (
    b"[" * 20_000,
    b'{"a":' * 5_000,
    b"[" * 960 + b"]" * 960,
    b"[" * 300 + b"]" * 300,
    b"9" * 50_000,
    b"- " * 5_000,
    b"a: &a [x]\n"
    + b"".join(b"b%d: &b%d [%s]\n" % (n, n, b",".join([b"*b%d" % (n - 1) if n else b"*a"] * 9)) for n in range(7)),
    b"a: &a {x: *a}",
    b"when: 2024-13-45",
    b"number: 0b_",
    b"number: !!int ''",
    b"flag: !!bool perhaps",
    b"day: !!timestamp soon",
    b"? [a, b]\n: c",
    b"? {a: b}\n: c",
    b"<<: [1, 2]",
    b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00",
    b"\x00" * 100,
    b"SELECT " + b"(" * 5_000 + b"1",
    b"SELECT " + b"1+" * 5_000 + b"1;",
    b"SELECT '" + b"x" * 10_000,
    b"postgresql://[::1/db",
    b"postgresql://u:p@h\xe2\x84\x80/db",
    b"mysql://[v1.x]:99999999999999999999/db",
    b"sqlite:///a%00b",
    b"sqlite:///" + b"a/" * 5_000,
)


def _changed(body: Any, data: some.DataObject, odd: tuple[Any, ...]) -> Any:
    """The value with one of its parts replaced, removed, or twice."""
    body = deepcopy(body)
    holder, depth = body, 0
    while isinstance(holder, dict | list) and holder:
        keys: list[Any] = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = data.draw(some.sampled_from(keys))
        depth += 1
        if depth > 8 or not isinstance(holder[key], dict | list) or not holder[key] or data.draw(some.booleans()):
            match data.draw(some.sampled_from(("odd", "gone", "more"))):
                case "odd":
                    holder[key] = data.draw(some.sampled_from(odd))
                case "gone":
                    del holder[key]
                case _ if isinstance(holder, dict):
                    holder["zz"] = deepcopy(holder[key])
                case _:
                    holder.append(deepcopy(holder[key]))
            break
        holder = holder[key]
    return body


def hostile(reader: Reader, signer: SigningKey, data: some.DataObject) -> bytes:
    """A bad file: noise, a good file with noise in it, what unfolds beyond measure, or a good form with odd values."""
    good = reader.file.read_bytes()
    kind = data.draw(some.sampled_from(("noise", "splice", "bomb", "odd", "odd", "odd")))
    if kind == "noise":
        return data.draw(some.binary(max_size=300))
    if kind == "bomb":
        return data.draw(some.sampled_from(BOMBS))
    if kind == "splice" or reader.form == "bytes":
        start, length = data.draw(some.integers(0, len(good))), data.draw(some.integers(0, 40))
        return good[:start] + data.draw(some.binary(max_size=40)) + good[start + length :]
    if reader.form == "json":
        lines = good.splitlines() if reader.file.suffix == ".jsonl" else [good]
        return json.dumps(_changed(json.loads(lines[0]), data, (*ODD, 1.5, float("nan")))).encode()
    if reader.form == "yaml":
        body = _changed(yaml.safe_load(good), data, (*ODD[:9], *ODD[10:], 1.5, float("nan")))
        return yaml.safe_dump(body, allow_unicode=True).encode("utf-8", "surrogatepass")
    line = certificate.load(reader.file)
    envelope = read_envelope(line, "c")
    payload = canonical_bytes(_changed(json.loads(envelope.payload), data, tuple(x for x in ODD if x != 2**63)))
    return seal(envelope.payload_type, payload, [signer]) + good[len(line) :]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_any_content_is_read_or_refused_with_words(
    name: str, readers: dict[str, Reader], home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    reader, signer, folder = readers[name], KeyStore(home / "home").signing_key(), tmp_path_factory.mktemp("f")
    fuzzed = settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize="FUZZ_EXAMPLES" not in os.environ,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )  # fmt: skip

    @fuzzed
    @given(some.data())
    def property_of(data: some.DataObject) -> None:
        refused_or_read(reader, hostile(reader, signer, data), folder)

    property_of()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_unfolds_beyond_measure_or_is_nested_too_deeply_hurts_a_reader(
    name: str, readers: dict[str, Reader], tmp_path: Path
) -> None:
    for bomb in BOMBS:
        refused_or_read(readers[name], bomb, tmp_path)
    with little_memory():
        for bomb in (*BOMBS[:2], *BOMBS[6:8], readers[name].file.read_bytes()):
            refused_or_read(readers[name], bomb, tmp_path)


def test_every_decoder_is_listed(readers: dict[str, Reader]) -> None:
    assert set(readers) == set(NAMES)
