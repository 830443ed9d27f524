"""Rules of the house that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

from tests.unit.repository import ROOT, files

_SOURCES = {".py", ".pyi", ".rs", ".sh", ".j2"}
_LONGEST_FILE_LINES = 600
_LONGEST_FUNCTION_LINES = 70
# Written in two parts, so that this file keeps its own rule.
_HOSTS = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "static.crates" + ".io",
    "index.crates" + ".io",
    "registry.npmjs" + ".org",
)
_MACHINE_PATHS = re.compile(r"(?<![\w./])/(?:work|root|home/\w+|Users/\w+)/")
_NO_TEXT = {".db", ".sqlite", ".png", ".zip", ".parquet"}


def _text(path: Path) -> str:
    return "" if path.suffix in _NO_TEXT else path.read_text(encoding="utf-8", errors="replace")


def _names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


def test_no_source_file_is_longer_than_a_room() -> None:
    long = [path for path in files() if path.suffix in _SOURCES and len(_text(path).splitlines()) > _LONGEST_FILE_LINES]
    assert _names(long) == []


def test_no_function_is_longer_than_a_page() -> None:
    long = []
    for path in files():
        if path.suffix == ".py":
            for node in ast.walk(ast.parse(_text(path))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = (node.end_lineno or node.lineno) - node.lineno + 1
                    if lines > _LONGEST_FUNCTION_LINES:
                        long.append(f"{path.relative_to(ROOT)}: {node.name}, {lines} lines")
    assert long == []


@pytest.mark.parametrize("host", _HOSTS)
def test_no_file_names_the_host_of_a_registry(host: str) -> None:
    # Cargo.lock writes its registry as the address of a GitHub index; that one is Cargo's own spelling.
    assert _names([path for path in files() if host in _text(path)]) == []


def test_no_file_holds_a_path_of_the_machine_it_was_written_on() -> None:
    assert _names([path for path in files() if _MACHINE_PATHS.search(_text(path))]) == []


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "misc", "common"}
    assert _names([path for path in files() if path.stem in drawers]) == []


def test_nothing_is_left_unfinished() -> None:
    marks = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    code = [path for path in files() if path.suffix in _SOURCES]
    assert _names([path for path in code if marks.search(_text(path))]) == []
