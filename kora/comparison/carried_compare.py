"""Compares two fingerprints, table by table: equal counts and roots end it; else the finest part that both hold names
what differs.

Equality rests on root and count alone. A sketch is believed only where it explains both LtHash states; a list of rows
counts exactly; bucket sums only say where to look.
"""

from collections.abc import Sequence
from typing import TypeAlias

from kora import _core
from kora.comparison.carried_diff import CarriedSide, CarriedTable, KeyDifference
from kora.comparison.fingerprint import FingerprintTable
from kora.comparison.fingerprint_body import OpenFingerprint
from kora.comparison.mapping import Loss, Outcome
from kora.comparison.result import NotComparableColumn
from kora.errors import InvalidRequest, MalformedInput

KEYS_LIMIT = 100_000
"""Rows named per table; all are counted."""
Pair: TypeAlias = tuple[FingerprintTable | None, FingerprintTable | None]


def pair_tables(source: OpenFingerprint, target: OpenFingerprint) -> list[Pair]:
    """Tables of one profile belong together; a table whose profile only one side has stands alone.

    Raises:
        InvalidRequest: Both sides have a table that the other calls alike, under different profiles.
    """
    by_profile = {table.profile: table for table in target.fingerprint.tables if table.profile}
    pairs: list[Pair] = []
    taken: set[str] = set()
    for table in source.fingerprint.tables:
        partner = by_profile.get(table.profile) if table.profile else None
        partner = partner or _twin(table, target.fingerprint.tables)
        if partner:
            taken.add(partner.name)
        pairs.append((table, partner))
    alone = [table for table in target.fingerprint.tables if table.name not in taken]
    _refuse_other_profiles([left for left, right in pairs if left and right is None], alone, (source, target))
    return pairs + [(None, table) for table in alone]


def _twin(table: FingerprintTable, others: Sequence[FingerprintTable]) -> FingerprintTable | None:
    """By its bare name, where one of the two could not be read and so has no profile."""
    named = (other for other in others if _bare(other) == _bare(table))
    return next((other for other in named if not (other.profile and table.profile)), None)


def _bare(table: FingerprintTable) -> str:
    return table.name.rpartition(".")[2].casefold()


def _refuse_other_profiles(
    left: list[FingerprintTable], right: list[FingerprintTable], files: tuple[OpenFingerprint, OpenFingerprint]
) -> None:
    shared = {_bare(table) for table in left} & {_bare(table) for table in right}
    if shared:
        first, second = files
        raise InvalidRequest(
            f"{sorted(shared)[0]} was digested under different profiles: such digests say nothing of each other",
            hint=f"make the second file with the first one's profiles: kora fingerprint {second.fingerprint.url}"
            f" --profile {first.path} --tier {second.fingerprint.tier} -o {second.path.name}",
        )


def compare_tables(
    pair: Pair, source: OpenFingerprint, target: OpenFingerprint, limit: int = KEYS_LIMIT
) -> CarriedTable:
    """One pair. Raises `MalformedInput`, `LimitExceeded` where a file holds what no honest pass writes."""
    left, right = pair
    if left is None or right is None:
        return _alone(left, right)
    table = CarriedTable(
        source=_side(left),
        target=_side(right),
        outcome="match",
        profile=left.profile,
        source_rows=left.row_count,
        target_rows=right.row_count,
        not_comparable_columns=_not_comparable(left, right),
        losses=_losses(left, right),
    )
    outcome, detail = _without_digests(left, right)
    if outcome:
        return table.model_copy(update={"outcome": outcome, "detail": detail})
    if left.root == right.root and left.row_count == right.row_count:
        return table.model_copy(update={"mismatch": 0, "missing_in_target": 0, "extra_in_target": 0})
    return table.model_copy(update={"outcome": "mismatch", **_located(left, right, source, target, limit)})


def _side(table: FingerprintTable) -> CarriedSide:
    return CarriedSide(table=table.name, columns=tuple(column.name for column in table.columns))


def _alone(left: FingerprintTable | None, right: FingerprintTable | None) -> CarriedTable:
    """A table that the other file has not: all its rows are missing or extra."""
    there = left or right
    rows = there.row_count if there else None
    missing = left is not None
    outcome: Outcome = "missing_in_target" if missing else "extra_in_target"
    return CarriedTable(
        source=_side(left) if left else None,
        target=_side(right) if right else None,
        outcome="not_run" if there and there.unreadable else outcome,
        source_rows=rows if missing else None,
        target_rows=None if missing else rows,
        mismatch=None if rows is None else 0,
        missing_in_target=rows if missing else 0,
        extra_in_target=0 if missing else rows,
        detail="the table stands in one of the files only",
    )


def _without_digests(left: FingerprintTable, right: FingerprintTable) -> tuple[Outcome | None, str]:
    """The outcome of a pair of which one side has no root, and why."""
    for table in (left, right):
        if table.unreadable:
            return "not_run", f"{table.name}: {table.unreadable}"
    if left.lacking or right.lacking:
        lacking = ", ".join(left.lacking or right.lacking)
        return "mismatch", f"one side has no column {lacking}"
    if left.root is None or right.root is None:
        return "not_comparable", "its rows could not be digested on both sides"
    return None, ""


def _not_comparable(left: FingerprintTable, right: FingerprintTable) -> tuple[NotComparableColumn, ...]:
    reasons = {**right.not_comparable, **left.not_comparable}
    return tuple(NotComparableColumn(column=column, reason=reason) for column, reason in sorted(reasons.items()))


def _losses(left: FingerprintTable, right: FingerprintTable) -> tuple[Loss, ...]:
    """What the policies changed: a column's count is the greater one of both sides."""
    losses = []
    for column in sorted(left.policies.keys() | right.policies.keys()):
        before, after = left.policies.get(column, {}), right.policies.get(column, {})
        losses += [
            Loss(rule=rule, subject=f"{left.name}.{column}", count=max(before.get(rule, 0), after.get(rule, 0)))
            for rule in sorted(before.keys() | after.keys())
        ]
    return tuple(losses)


def _located(
    left: FingerprintTable, right: FingerprintTable, source: OpenFingerprint, target: OpenFingerprint, limit: int
) -> dict[str, object]:
    """What differs, by the sketches, else by the lists, else by the bucket sums: as far as both files hold them."""
    found: dict[str, object] = {}
    buckets: list[int] = []
    if left.buckets and right.buckets:
        buckets = _core.differing_buckets(source.section(left.buckets), target.section(right.buckets))
        found = {"buckets": tuple(buckets), "located_by": "bucket sums"}
    if left.sketch and right.sketch:
        difference = _core.reconcile_sketches(source.section(left.sketch), target.section(right.sketch))
        if difference.decoded:
            return {**found, **_named(difference, left, right, limit), "located_by": "sketch"}
        found |= {"keys": _keys(difference, limit), "partial": True}
    if left.rows and right.rows:
        difference = _core.join_lists(source.place(left.rows), target.place(right.rows), limit)
        listed = _listed_buckets(left, right)
        if listed is None or (buckets and set(buckets) <= listed):
            return {**found, **_named(difference, left, right, limit), "located_by": "list of rows", "partial": False}
        found |= {"keys": _keys(difference, limit), "partial": True}
    return found


def _listed_buckets(left: FingerprintTable, right: FingerprintTable) -> set[int] | None:
    """The buckets whose rows both lists hold; None is all."""
    given = [set(table.row_buckets) for table in (left, right) if table.row_buckets is not None]
    return set.intersection(*given) if given else None


def _named(
    difference: _core.CarriedDifference, left: FingerprintTable, right: FingerprintTable, limit: int
) -> dict[str, object]:
    """Exact counts and the first keys. They must account for both row counts, and be some."""
    surplus = (left.row_count or 0) - (right.row_count or 0)
    total = difference.mismatch + difference.missing_in_target + difference.extra_in_target
    if difference.missing_in_target - difference.extra_in_target != surplus or total == 0:
        raise MalformedInput(
            f"the fingerprints contradict themselves about {left.name}: their parts do not account for their counts"
        )
    keys = _keys(difference, limit)
    return {
        "outcome": _outcome(difference),
        "mismatch": difference.mismatch,
        "missing_in_target": difference.missing_in_target,
        "extra_in_target": difference.extra_in_target,
        "keys": keys,
        "keys_omitted": difference.omitted + len(difference.keys) - len(keys),
    }


def _outcome(difference: _core.CarriedDifference) -> Outcome:
    if difference.mismatch:
        return "mismatch"
    return "missing_in_target" if difference.missing_in_target else "extra_in_target"


def _keys(difference: _core.CarriedDifference, limit: int) -> tuple[KeyDifference, ...]:
    return tuple(
        KeyDifference(key_tag=tag.hex(), source=_hexed(here), target=_hexed(there))
        for tag, here, there in difference.keys[:limit]
    )


def _hexed(rows: list[tuple[bytes, int]]) -> tuple[tuple[str, int], ...]:
    return tuple((digest.hex(), count) for digest, count in rows)
