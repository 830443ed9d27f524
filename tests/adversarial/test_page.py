"""The published table is what the corpus and the recorded answers say, and no answer is to another text of a case."""

from tests.adversarial.corpus import cases
from tests.generate_adversarial_docs import PAGE, PEERS, facts, page


def test_the_page_of_adversarial_cases_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "docs/adversarial.md is stale: run `make docs`"


def test_every_peer_was_asked_about_every_case_as_it_stands_now() -> None:
    recorded = facts()
    assert set(recorded["versions"]) == set(PEERS)
    assert {name: fact["case"] for name, fact in recorded["cases"].items()} == {
        case.name: case.digest for case in cases()
    }, "ask the peers again: python -m benchmarks.adversarial"
    assert all(set(fact["answers"]) == set(PEERS) for fact in recorded["cases"].values())
