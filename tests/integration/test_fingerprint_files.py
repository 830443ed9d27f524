"""Fingerprint files that were altered, cut off or forged: each is refused by type, in bounded time and memory."""

import base64
import hashlib
import json
import sqlite3
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kora import _core
from kora.comparison.carried_compare import compare_tables, pair_tables
from kora.comparison.fingerprint import Fingerprint, Section
from kora.comparison.fingerprint_body import CATALOG_LIMIT_BYTES, unpack_catalog
from kora.errors import LimitExceeded, MalformedInput, NotAuthentic, SenseiError
from kora.evidence.carried import FingerprintRequest, write_fingerprint
from kora.evidence.carried_verdict import CompareOptions, compare_files, compare_opened
from kora.evidence.certificate import cosign_file
from kora.evidence.kfp import peek_fingerprint_file, read_fingerprint_file, write_fingerprint_file
from kora.evidence.signing import KeyStore
from kora.settings import Settings

REFUSALS = (NotAuthentic, MalformedInput, LimitExceeded)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def make(tmp_path: Path, settings: Settings) -> Callable[..., Path]:
    """Writes a fingerprint of a small table with some rows; all are under one key."""

    def made(name: str, rows: int, *, key: bool = True, tier: Any = 3, **request: Any) -> Path:
        database = tmp_path / f"{name}.db"
        connection = sqlite3.connect(database)
        connection.execute(f"CREATE TABLE t (id INTEGER {'PRIMARY KEY' if key else ''}, v TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(row, f"v{row}") for row in range(rows)])
        connection.commit()
        connection.close()
        output = tmp_path / f"{name}.kfp"
        asked = FingerprintRequest(tier=tier, run_id="r", **request)
        write_fingerprint(f"sqlite:///{database}", output, asked, settings=settings)
        return output

    return made


def signed_again(path: Path, settings: Settings, **changed: object) -> Path:
    """The file with other signed facts, by the same signer: what an honest reader may yet be handed."""
    opened = peek_fingerprint_file(path)
    forged = opened.fingerprint.model_copy(update=changed)
    body = path.with_suffix(".body")
    body.write_bytes(path.read_bytes()[opened.body_offset :])
    write_fingerprint_file(path, forged, body, [KeyStore(settings.home_directory).signing_key()])
    return path


def with_section(path: Path, settings: Settings, name: str, data: bytes) -> Path:
    """The file with other bytes in one section of its table, hashed and signed anew."""
    opened = peek_fingerprint_file(path)
    body, offset, entries = b"", 0, {}
    fingerprint = opened.fingerprint
    table = fingerprint.tables[0]
    catalog = opened.section(fingerprint.catalog) if fingerprint.catalog else b""
    parts = {part: opened.section(getattr(table, part)) for part in ("buckets", "sketch", "rows")}
    for part, content in {"catalog": catalog, **parts, name: data}.items():
        entries[part] = Section(offset=offset, length=len(content), sha256=hashlib.sha256(content).hexdigest())
        body, offset = body + content, offset + len(content)
    own = {part: entries[part] for part in parts}
    path.with_suffix(".body").write_bytes(body)
    forged = fingerprint.model_copy(
        update={"catalog": entries["catalog"], "tables": (table.model_copy(update=own), *fingerprint.tables[1:])}
    )
    signer = KeyStore(settings.home_directory).signing_key()
    write_fingerprint_file(path, forged, path.with_suffix(".body"), [signer])
    return path


def test_every_flipped_byte_is_refused(make, settings):
    path = make("a", 1, expect_differences=1)
    keys = [KeyStore(settings.home_directory).signing_key().public]
    whole = bytearray(path.read_bytes())
    opened = read_fingerprint_file(path, keys)
    for place in range(len(whole)):
        with path.open("r+b") as file:
            file.seek(place)
            file.write(bytes([whole[place] ^ 1 << place % 8]))
            file.flush()
            with pytest.raises(REFUSALS):
                # Behind the signed line nothing is parsed again: that check is the one that reading ends with.
                opened.check_body() if place >= opened.body_offset else read_fingerprint_file(path, keys)
            file.seek(place)
            file.write(whole[place : place + 1])
    read_fingerprint_file(path, keys)


def test_every_truncation_and_every_addition_is_refused(make, settings):
    path = make("a", 3, expect_differences=1)
    keys = [KeyStore(settings.home_directory).signing_key().public]
    whole = path.read_bytes()
    for length in range(0, len(whole), 13):
        path.write_bytes(whole[:length])
        with pytest.raises(REFUSALS):
            read_fingerprint_file(path, keys)
    for addition in (b"\0", b"\n", whole):
        path.write_bytes(whole + addition)
        with pytest.raises(REFUSALS):
            read_fingerprint_file(path, keys)


@pytest.mark.parametrize("part", ["buckets", "sketch", "rows"])
def test_a_signed_section_that_no_honest_pass_writes_is_refused(make, settings, part):
    first, second = make("a", 40, expect_differences=5), make("b", 41, expect_differences=5)
    opened = peek_fingerprint_file(second)
    honest = opened.section(getattr(opened.fingerprint.tables[0], part))
    for forged in (b"\x07" + honest[1:], honest[:-1], honest + b"\0", honest[:4] + b"\xff" * 8 + honest[12:]):
        with_section(second, settings, part, forged)
        with pytest.raises(REFUSALS):
            located(first, second, part, settings)


def located(first: Path, second: Path, part: str, settings: Settings) -> None:
    """Compares by one part alone, so that another cannot settle the matter before."""
    keys = [KeyStore(settings.home_directory).signing_key().public]
    sides = [read_fingerprint_file(path, keys) for path in (first, second)]
    others = {"buckets", "sketch", "rows"} - {part}
    for left, right in pair_tables(*sides):
        bare = [table.model_copy(update=dict.fromkeys(others)) if table else None for table in (left, right)]
        compare_tables((bare[0], bare[1]), *sides)


def test_a_sketch_whose_rows_do_not_account_for_the_counts_is_refused(make, settings):
    first, second = make("a", 40), make("b", 41)
    table = peek_fingerprint_file(second).fingerprint.tables[0]
    signed_again(second, settings, tables=(table.model_copy(update={"row_count": 77}),))
    with pytest.raises(MalformedInput, match="contradict themselves"):
        compare_files(first, second, CompareOptions(), settings=settings)


def test_roots_that_differ_over_equal_rows_are_refused(make, settings):
    first, second = make("a", 40), make("b", 40)
    table = peek_fingerprint_file(second).fingerprint.tables[0]
    signed_again(second, settings, tables=(table.model_copy(update={"root": "0" * 64}),))
    with pytest.raises(MalformedInput, match="contradict themselves"):
        compare_files(first, second, CompareOptions(), settings=settings)


def test_sections_that_overlap_or_leave_gaps_are_refused(make, settings):
    path = make("a", 3)
    table = peek_fingerprint_file(path).fingerprint.tables[0]
    assert table.sketch is not None
    for offset in (0, table.sketch.offset + 1, 1 << 52):
        moved = table.model_copy(update={"sketch": table.sketch.model_copy(update={"offset": offset})})
        copy = path.with_name("copy.kfp")
        copy.write_bytes(path.read_bytes())
        signed_again(copy, settings, tables=(moved,))
        with pytest.raises(REFUSALS):
            read_fingerprint_file(copy, [KeyStore(settings.home_directory).signing_key().public])


def test_a_catalog_that_unfolds_without_end_takes_no_more_than_the_limit():
    bomb = zlib.compressobj(9)
    packed = b"".join(bomb.compress(b" " * (1 << 24)) for _ in range(CATALOG_LIMIT_BYTES // (1 << 24) + 1))
    with pytest.raises(LimitExceeded):
        unpack_catalog(packed + bomb.flush(), "x.kfp")


@pytest.mark.parametrize("junk", [b"", b"\n", b"{}", b"null\n", b'{"payload":', b"\xff" * 100])
def test_what_is_no_fingerprint_file_is_refused_with_an_error_of_ours(tmp_path, junk):
    path = tmp_path / "x.kfp"
    path.write_bytes(junk)
    with pytest.raises(SenseiError):
        peek_fingerprint_file(path)


def test_the_signed_line_is_one_line_and_a_tier_0_file_needs_little_more(make):
    path = make("a", 3, tier=0)
    opened = peek_fingerprint_file(path)
    line = path.read_bytes().split(b"\n", 1)[0]
    assert Fingerprint.model_validate(json.loads(base64.b64decode(json.loads(line)["payload"]))) == opened.fingerprint
    assert path.stat().st_size < 3000


def test_a_sketch_of_a_small_table_stays_small(make):
    opened = peek_fingerprint_file(make("a", 3, tier=2))
    assert opened.fingerprint.tables[0].sketch is not None
    assert opened.fingerprint.tables[0].sketch.length < 2200 + 56 * (4 * 3 + 64)


def test_a_root_of_a_fingerprint_is_the_root_of_a_verification(make, settings):
    path = make("a", 30, key=False, tier=0)
    table = peek_fingerprint_file(path).fingerprint.tables[0]
    assert table.profile is not None
    key = _core.DigestKey(KeyStore(settings.home_directory).migration_key("r"))
    stream = _core.memory_rows([(row, f"v{row}") for row in range(30)])
    digest = _core.digest_rows(stream, table.profile, "target", _core.DigestKey.random(), root_key=key)
    assert digest.root is not None
    assert table.root == digest.root.hex()


def test_a_second_signature_leaves_the_sections_where_they_are(make, settings, tmp_path):
    path = make("a", 3)
    before = peek_fingerprint_file(path).section(peek_fingerprint_file(path).fingerprint.sections[-1])
    second = KeyStore(tmp_path / "other").signing_key()
    cosign_file(path, [second])
    first = KeyStore(settings.home_directory).signing_key()
    opened = read_fingerprint_file(path, [first.public, second.public])
    assert opened.section(opened.fingerprint.sections[-1]) == before


def test_files_that_do_not_name_what_they_were_made_without_say_that_they_do_not(make, settings):
    keys = [KeyStore(settings.home_directory).signing_key().public]
    opened = [read_fingerprint_file(make(name, rows, tables=("t",)), keys) for name, rows in (("a", 3), ("b", 4))]
    silent = [
        replace(side, fingerprint=side.fingerprint.model_copy(update={"tables_left_out": None})) for side in opened
    ]
    for sides, expected in ((opened, []), (silent, ["source", "target"])):
        told = [item for item in compare_opened(*sides, CompareOptions()).not_checked if item.what == "tables"]
        assert [item.side for item in told] == expected
        assert all("--tables t" in item.detail for item in told)
