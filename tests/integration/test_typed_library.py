"""The library's types reach the program that uses it: an installed package without its marker is untyped for mypy."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pydantic

from tests.unit.repository import ROOT

PROGRAM = """
from kora import fingerprint, verify

result, files = verify("sqlite:///a.db", "sqlite:///b.db")
reveal_type(files.certificate)
fingerprint("sqlite:///a.db", "a.kfp", role="sorce")
"""


def test_mypy_sees_the_types_of_an_installed_kora_and_finds_a_wrong_argument(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv")
    packages = next((tmp_path / "venv").glob("lib/python3*/site-packages"))
    (packages / "kora").symlink_to(ROOT / "kora")
    (packages / "others.pth").write_text(f"{Path(pydantic.__file__).parents[1]}\n")
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"),
            *("--python-executable", str(tmp_path / "venv" / "bin" / "python"), "program.py"),
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert done.returncode == 1, done.stderr
    assert any('Revealed type is "pathlib.Path"' in line for line in lines), done.stdout
    assert [line for line in lines if "error:" in line] == [
        'program.py:6: error: Argument "role" to "fingerprint" has incompatible type "Literal[\'sorce\']"; '
        "expected \"Literal['source', 'target', 'unassigned']\"  [arg-type]"
    ]
