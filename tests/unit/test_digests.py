import json
import threading
from pathlib import Path

import pytest

from kora import _core
from kora.errors import InvalidRequest, Stopped

KEY = _core.DigestKey(bytes(range(32)))
ROWS = [(number, f"name {number}", None if number % 7 else "x" * number) for number in range(1, 400)]


def profile(*, keyed: bool = True, policies: list[dict[str, str]] | None = None) -> str:
    columns = [{"pair": name, "policies": policies or []} for name in ("id", "name", "note")]
    key = [0] if keyed else []
    return json.dumps({"format": "kora-profile-1", "pair": "t", "columns": columns, "key": key, "unicode": "18.0"})


def digest(rows: list[tuple[int, str, str | None]], *, keyed: bool = True, **options: object) -> _core.TableDigest:
    stream = _core.memory_rows(rows)
    return _core.digest_rows(stream, profile(keyed=keyed), "source", KEY, **options)  # type: ignore[arg-type]


def collect(rows: list[tuple[int, str, str | None]], tags: list[bytes] | None = None) -> list[_core.Row]:
    return _core.collect_rows(_core.memory_rows(rows), profile(), "source", KEY, key_tags=tags)


def test_the_same_rows_in_another_order_are_equal() -> None:
    source, target = digest(ROWS, root_key=KEY), digest(ROWS[::-1], root_key=_core.DigestKey(bytes(range(32))))
    assert _core.compare_digests(source, target).equal
    assert source.root == target.root
    assert source.row_count == len(ROWS)


def test_an_altered_row_is_named_and_its_digests_explain_the_whole_difference() -> None:
    changed = [(number, "changed" if number == 77 else name, note) for number, name, note in ROWS]
    difference = _core.compare_digests(digest(ROWS), digest(changed))
    assert not difference.equal
    assert difference.decoded
    assert [_core.decode_cells(key) for key in difference.source_keys] == [[("integer", "77")]]
    assert difference.target_keys == difference.source_keys
    sums = [_core.set_digest([row.digest for row in collect(rows[76:77])]) for rows in (ROWS, changed)]
    assert difference.explains(*sums)
    assert not difference.explains(sums[1], sums[0])


def test_a_null_is_not_an_empty_text() -> None:
    assert not _core.compare_digests(digest([(1, "a", None)]), digest([(1, "a", "")])).equal


def test_the_second_pass_counts_exactly_and_its_rows_can_be_shown(tmp_path: Path) -> None:
    changed = [row for row in ROWS if row[0] != 5]
    changed[10] = (changed[10][0], "changed", None)
    changed.append((1000, "extra", None))
    spills = [
        _core.spill_rows(_core.memory_rows(rows), profile(), "source", KEY, str(tmp_path)) for rows in (ROWS, changed)
    ]
    found = _core.compare_spills(spills[0], spills[1], 100)
    assert (found.mismatch, found.missing_in_target, found.extra_in_target) == (1, 1, 1)
    outcomes = {outcome: tag for outcome, tag, _, _ in found.samples}
    assert collect(ROWS, [outcomes["missing_in_target"]])[0].stored[0] == ("integer", "5")
    assert collect(changed, [outcomes["extra_in_target"]])[0].stored[1] == ("text", "extra")
    assert list(tmp_path.iterdir()) == []


def test_a_policy_is_tallied_by_what_it_changed() -> None:
    rules = profile(policies=[{"rule": "empty_is_null"}])
    rows = _core.memory_rows([(1, "", None), (2, "a", "")])
    made = _core.digest_rows(rows, rules, "source", KEY)
    tallies = json.loads(made.tallies)
    assert [tally["policies"]["empty_is_null"] for tally in tallies] == [0, 1, 1]


def test_a_watched_scan_counts_and_stops_when_it_is_told() -> None:
    progress = _core.Progress()
    digest(ROWS, progress=progress)
    assert progress.rows == len(ROWS)
    assert progress.bytes > 0
    progress.stop()
    with pytest.raises(Stopped):
        digest(ROWS, progress=progress)


def test_other_threads_run_while_rows_are_digested() -> None:
    results: list[bytes] = []
    threads = [threading.Thread(target=lambda: results.append(digest(ROWS).live_sum)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results)) == 1
    assert len(results) == len(threads)


def test_sides_of_different_keys_or_profiles_are_refused() -> None:
    with pytest.raises(InvalidRequest):
        _core.compare_digests(digest(ROWS), digest(ROWS, keyed=False))
    other = _core.digest_rows(_core.memory_rows(ROWS), profile(), "source", _core.DigestKey.random())
    with pytest.raises(InvalidRequest):
        _core.compare_digests(digest(ROWS), other)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(InvalidRequest):
        _core.DigestKey(bytes(length))


def test_a_raw_digest_ignores_order_and_sees_every_change() -> None:
    whole = _core.raw_digest(_core.memory_rows(ROWS), KEY)
    assert whole == _core.raw_digest(_core.memory_rows(ROWS[::-1]), KEY)
    assert whole[0] == len(ROWS)
    assert whole[1] != _core.raw_digest(_core.memory_rows([*ROWS[:-1], (399, "name 399", "")]), KEY)[1]


def test_collecting_ends_at_its_limit() -> None:
    assert len(_core.collect_rows(_core.memory_rows(ROWS), profile(), "source", KEY, limit=3)) == 3


DOCUMENT = Path(__file__).parents[2] / "docs" / "formats" / "digests.md"


@pytest.mark.parametrize(
    ("words", "rows"),
    [
        ("none", []),
        ("(1, 'a')", [(1, "a")]),
        ("(1, 'a'), (2, NULL)", [(1, "a"), (2, None)]),
        ("(2, NULL) twice", [(2, None)] * 2),
    ],
)
def test_the_published_vectors_are_what_is_computed(words: str, rows: list[tuple[int, str | None]]) -> None:
    columns: list[dict[str, object]] = [{"pair": name, "policies": []} for name in ("id", "name")]
    pair = {"format": "kora-profile-1", "pair": "t", "columns": columns, "key": [0], "unicode": "18.0"}
    made = _core.digest_rows(_core.memory_rows(rows), json.dumps(pair), "source", KEY, root_key=KEY)
    line = next(line for line in DOCUMENT.read_text("utf-8").splitlines() if line.startswith(f"| {words} |"))
    live_sum = "00` × 32" if not rows else f"{made.live_sum.hex()}`"
    assert made.root is not None
    assert line == f"| {words} | `{live_sum} | `{made.root.hex()}` |"
    assert KEY.key_id in DOCUMENT.read_text("utf-8")
