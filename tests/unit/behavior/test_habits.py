"""Every habit that is asked has words for the report, and is asked once."""

from kora.behavior.semantics import PROBES
from kora.comparison.habits import MATTERS


def test_every_habit_says_what_hangs_on_it() -> None:
    names = [name for name, _, _ in PROBES]
    assert sorted(names) == sorted(MATTERS)
    assert len(set(names)) == len(names)
