"""The benchmarks' data are the same on every machine: figures of two runs speak of one table."""

import hashlib
from itertools import islice, pairwise

from benchmarks.data import rows


def test_the_rows_of_a_benchmark_never_change() -> None:
    digest = hashlib.sha256(repr(list(rows(1000))).encode()).hexdigest()
    assert digest == "361c66cd7fd7497a7bf0fb9fa5d69768cb5751dedc68c3bd5c86d971f18a4884"


def test_keys_ascend_with_gaps_whatever_the_table_s_size() -> None:
    small = [row[0] for row in rows(500)]
    assert small == [row[0] for row in islice(rows(5000), 500)]
    steps = {after - before for before, after in pairwise(small)}
    assert steps == {1, 2, 3, 4, 5}
