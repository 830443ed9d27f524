"""A home of its own for each test of the commands."""

from pathlib import Path

import pytest


@pytest.fixture
def sensei_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """State and keys of one test."""
    home = tmp_path / "sensei-home"
    monkeypatch.setenv("SENSEI_HOME", str(home))
    return home
