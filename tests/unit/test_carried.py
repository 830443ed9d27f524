"""The parts of a fingerprint as the core gives them, the published vectors, and KORA as a library."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from kora import _core
from kora.comparison.recipes import key_positions
from kora.errors import InvalidRequest, MalformedInput
from kora.evidence.carried_verdict import bucket_ranges, read_bucket_ranges
from tests.unit.repository import ROOT

KEY = _core.DigestKey(bytes(range(32)))
PROFILE = json.dumps(
    {"columns": [{"pair": "id", "policies": []}, {"pair": "name", "policies": []}], "format": "kora-profile-1",
     "key": [0], "pair": "t", "unicode": "18.0"}
)  # fmt: skip


def carried(rows: list[tuple[object, ...]], *, unique: bool = True, symbols: int = 256) -> _core.CarriedDigest:
    stream = _core.memory_rows(rows)  # type: ignore[arg-type]
    return _core.carry_rows(stream, PROFILE, "source", KEY, tier=3, symbols=symbols, unique=unique)


def listed(digest: _core.CarriedDigest, path: Path, buckets: list[int] | None = None) -> bytes:
    path.write_bytes(b"")
    assert digest.append_list(str(path), buckets) == path.stat().st_size
    return path.read_bytes()


@pytest.mark.parametrize(
    ("rows", "unique"),
    [([(1, "a")], True), ([(1, "a"), (2, None)], True), ([(2, None), (2, None)], False)],
)
def test_the_published_vectors_hold(rows, unique, tmp_path):
    page = (ROOT / "docs" / "formats" / "kfp.md").read_text(encoding="utf-8")
    digest = carried(rows, unique=unique, symbols=4)
    for section in (digest.sketch_section(), listed(digest, tmp_path / "list")):
        assert section is not None
        assert f"`{hashlib.sha256(section).hexdigest()}`" in page
    buckets = digest.bucket_section()
    assert buckets is not None
    assert (f"`{buckets.hex()}`" in page) is (rows == [(1, "a")])


def test_an_altered_row_comes_out_of_two_sketches_with_its_key(tmp_path):
    left = [(number, f"v{number}") for number in range(300)]
    right = [(number, "changed" if number == 7 else text) for number, text in left]
    source, target = carried(left), carried(right)
    found = _core.reconcile_sketches(source.sketch_section() or b"", target.sketch_section() or b"")
    assert (found.decoded, found.mismatch, found.missing_in_target, found.extra_in_target) == (True, 1, 0, 0)
    ((tag, here, there),) = found.keys
    (row,) = _core.collect_rows(_core.memory_rows(left), PROFILE, "source", KEY, carried_tags={tag})
    assert row.stored[0] == ("integer", "7")
    assert row.digest[:16] == here[0][0] != there[0][0]


def test_lists_join_within_the_buckets_that_both_hold(tmp_path):
    left = [(number, f"v{number}") for number in range(300)]
    source, target = carried(left), carried(left[:-1])
    buckets = _core.differing_buckets(source.bucket_section() or b"", target.bucket_section() or b"")
    assert len(buckets) == 1
    for chosen, missing in ((buckets, 1), ([(buckets[0] + 1) % 4096], 0)):
        places = []
        for name, digest in (("a", source), ("b", target)):
            data = listed(digest, tmp_path / name, chosen)
            places.append((str(tmp_path / name), 0, len(data)))
        found = _core.join_lists(places[0], places[1], 10)
        assert (found.mismatch, found.missing_in_target, found.extra_in_target) == (0, missing, 0)


def test_rows_that_repeat_under_a_key_that_is_said_to_be_unique_are_refused(tmp_path):
    (tmp_path / "list").write_bytes(b"")
    with pytest.raises(InvalidRequest, match="twice"):
        carried([(1, "a"), (1, "a")]).append_list(str(tmp_path / "list"))


def test_a_tier_that_does_not_exist_is_refused():
    with pytest.raises(InvalidRequest, match="not 4"):
        _core.carry_rows(_core.memory_rows([(1, "a")]), PROFILE, "source", KEY, tier=4, symbols=1)


def test_buckets_are_written_as_people_write_them_and_read_back():
    buckets = [0, 1, 2, 5, 7, 8, 4095]
    assert bucket_ranges(buckets) == "0-2,5,7-8,4095"
    assert read_bucket_ranges("s=a.t=" + bucket_ranges(buckets)) == ("s=a.t", tuple(buckets))


@pytest.mark.parametrize("text", ["t", "t=", "=1", "t=4096", "t=5-2", "t=1,,2", "t=-1", "t=x"])
def test_what_names_no_buckets_is_refused(text):
    with pytest.raises(InvalidRequest):
        read_bucket_ranges(text)


@pytest.mark.parametrize("profile", ["", "[", "[]", "{}", '{"key": 1}', '{"key": [2]}', '{"key": [true]}', "[" * 9999])
def test_a_profile_from_a_file_is_not_believed(profile):
    with pytest.raises(MalformedInput):
        key_positions(profile, 2)


def test_importing_the_library_loads_nothing_that_is_not_needed_yet():
    script = (
        "import sys; from kora import compare, fingerprint, verify; "
        "print(sorted(name for name in sys.modules if name.split('.')[0] in "
        "{'kora', 'pydantic', 'rich', 'click', 'duckdb', 'jinja2'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "['kora', 'kora.library', 'kora.limits']"


def test_verify_is_the_librarys_function_whatever_was_imported_before(tmp_path):
    import kora
    from kora.verification import verify_databases

    assert verify_databases is not None
    assert callable(kora.verify)
    with pytest.raises(InvalidRequest):
        kora.verify("nothing://here", "sqlite:///x.db")
    with pytest.raises(AttributeError, match="no attribute 'prove_everything'"):
        kora.prove_everything  # noqa: B018
