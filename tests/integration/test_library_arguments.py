"""The library's arguments: what cannot be meant is refused with what can, before anything is opened."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kora import compare, errors, fingerprint, verify

NOWHERE = "sqlite:///nowhere.db"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"role": "foo"}, "role is 'foo'"),
        ({"role": None}, "role is None"),
        ({"tier": 4}, "tier is 4"),
        ({"tier": True}, "tier is True"),
        ({"tier": 2, "expect_differences": -1}, "expect_differences is -1"),
        ({"tier": 2, "expect_differences": 10**9}, "expect_differences is 1000000000"),
        ({"workers": 0}, "workers is 0"),
        ({"tables": "patient"}, "tables is 'patient'"),
        ({"tables": [1]}, "tables is 1"),
    ],
)
def test_a_fingerprint_of_what_cannot_be_meant_is_refused(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    refused(lambda: fingerprint(NOWHERE, tmp_path / "a.kfp", **arguments), said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"strategy": "foo"}, "strategy is 'foo'"),
        ({"tables": "patient"}, "tables is 'patient'"),
        ({"exclude": "patient"}, "exclude is 'patient'"),
        ({"accept_loss": "collation"}, "accept_loss is 'collation'"),
        ({"workers": 65}, "workers is 65"),
        ({"workers": "2"}, "workers is '2'"),
        ({"live": True, "settle_seconds": -1}, "settle_seconds is -1"),
        ({"live": True, "settle_seconds": math.nan}, "settle_seconds is nan"),
        ({"float_tolerance": "main.m.x=ulps,4"}, "float_tolerance is"),
        ({"float_tolerance": {"main.m.x": 4}}, "float_tolerance is"),
    ],
)
def test_a_verification_of_what_cannot_be_meant_is_refused(arguments: dict[str, Any], said: str) -> None:
    refused(lambda: verify(NOWHERE, NOWHERE, **arguments), said)


@pytest.mark.parametrize("keys", ["h/keys/signing.pub", Path("signing.pub")])
def test_one_key_is_not_read_letter_by_letter(keys: Any) -> None:
    refused(lambda: compare("a.kfp", "b.kfp", keys=keys), "keys is")
    refused(lambda: compare("a.kfp", "b.kfp", accept_loss="collation"), "accept_loss is")


def refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(errors.InvalidRequest) as caught:
        call()
    assert caught.value.message.startswith(said)
    assert caught.value.hint
