"""The documents are true to the commands and lead where they say."""

import re
from pathlib import Path

import pytest

from kora.comparison.declared import read_declared
from kora.comparison.mapping import POLICIES, REPRESENTATIONS
from kora.exit_codes import ExitCode
from tests.generate_cli_docs import CLI_PAGE, PROGRAMS, commands, page
from tests.unit.repository import ROOT, files

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PAGES = [path for path in files() if path.suffix == ".md"]


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    assert CLI_PAGE.read_text(encoding="utf-8") == page(), "docs/cli.md is stale: run `make docs`"


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_command_and_option_says_what_it_does(program: str) -> None:
    group = PROGRAMS[program]
    for name, command in group.commands.items():
        assert command.help, f"{program} {name} has no help"
        for option in command.params:
            if option.param_type_name == "option":
                assert getattr(option, "help", None), f"{program} {name} --{option.name} has no help"
    texts = [text for path, text in commands(group, program) if path != program]
    assert all("Example:" in text for text in texts), "a command shows no example"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    text = _FENCE.sub("", path.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f"{path.name}: {link} leads nowhere"
        if anchor:
            assert anchor in _anchors(there), f"{path.name}: {link}: no such heading"


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_document_is_in_the_index() -> None:
    listed = set(_LINK.findall((ROOT / "docs" / "README.md").read_text(encoding="utf-8")))
    for path in PAGES:
        if path.is_relative_to(ROOT / "docs") and path.parent.name != "adr" and path.name != "README.md":
            assert str(path.relative_to(ROOT / "docs")) in listed, f"docs/README.md does not list {path.name}"


def test_every_decision_is_in_the_list_of_decisions() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    for path in PAGES:
        if path.parent.name == "adr" and path.name != "README.md":
            assert f"({path.name})" in listed, f"docs/adr/README.md does not list {path.name}"
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 40, f"{path.name} is longer than 40 lines"


@pytest.mark.parametrize("name", ["docs/rules.md", "docs/formats/kcf.md"])
def test_every_rule_is_described(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    missing = [rule for rule in (*REPRESENTATIONS, *POLICIES) if not re.search(rf"`{rule}\b", text)]
    assert missing == []


def test_every_rule_of_the_loss_ledger_is_described() -> None:
    text = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "appliance" / "planning").glob("*.py"), ROOT / "kora" / "comparison" / "structure.py"]
    emitted = re.compile(r"(?:_loss|\.lose|\.refuse|_missing)\(\s*\"([a-z_ ]+)\"")
    rules = {rule.replace(" ", "_") for path in sources for rule in emitted.findall(path.read_text(encoding="utf-8"))}
    assert len(rules) > 10
    assert [rule for rule in sorted(rules) if f"`{rule}`" not in text] == []


@pytest.mark.parametrize("name", ["README.md", "docs/exit-codes.md"])
def test_every_exit_code_is_described(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert [code.value for code in ExitCode if f"\n| {code.value} | " not in text] == []


def test_the_example_of_a_map_is_a_map(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "formats" / "map.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    file = tmp_path / "map.yaml"
    file.write_text(example, encoding="utf-8")
    mapping = read_declared(file, None).mapping
    assert mapping is not None
    assert [str(table.source) for table in mapping.tables] == ["patient", "region"]
    assert mapping.tables[0].columns[2].policies[0].rule == "zero_date_is_null"
