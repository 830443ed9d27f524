"""Certificates on disk: one that holds, and corrupt copies of it that must never hold."""

from pathlib import Path

import pytest

from kora.errors import SenseiError
from kora.evidence.certificate import check, load
from kora.evidence.signing import read_public_key

FOLDER = Path(__file__).parent / "certificates"
CORRUPT = sorted(FOLDER.glob("corrupt-*.json"))


def test_the_published_certificate_is_still_read_as_it_was_signed():
    checked = check(load(FOLDER / "valid.json"), [read_public_key(FOLDER / "signer.pub")], "valid.json")
    assert checked.statement is not None
    assert checked.statement.predicate.verdict == "equivalent"
    assert int(checked.exit_code) == 0


def test_there_are_corrupt_copies():
    assert len(CORRUPT) >= 12


@pytest.mark.parametrize("path", CORRUPT, ids=lambda path: path.stem)
def test_a_corrupt_certificate_is_refused(path):
    with pytest.raises(SenseiError) as refusal:
        check(load(path), [read_public_key(FOLDER / "signer.pub")], path.name)
    assert refusal.value.exit_code == 2


@pytest.mark.parametrize(
    "name", ["no-signature", "other-verdict", "other-row-count", "other-payload-type", "zero-signature"]
)
def test_lenient_reading_does_not_believe_altered_content(name):
    with pytest.raises(SenseiError):
        check(load(FOLDER / f"corrupt-{name}.json"), [read_public_key(FOLDER / "signer.pub")], name, lenient=True)
