"""Reads golden files: lines of fields between bars; `#` begins a comment line."""

from pathlib import Path

FOLDER = Path(__file__).parent.parent / "golden"


def golden(name: str) -> list[tuple[str, ...]]:
    lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    return [tuple(part.strip() for part in line.split("|")) for line in lines if line and not line.startswith("# ")]
