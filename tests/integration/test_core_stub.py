"""What Python is told of the Rust core is what the core is."""

import subprocess
import sys

from tests.unit.repository import ROOT


def test_the_stub_of_the_core_describes_the_compiled_module() -> None:
    allowed = ROOT / "tests" / "integration" / "core_stub_allowlist.txt"
    settings = ["--mypy-config-file", str(ROOT / "pyproject.toml")]  # else the verdict hangs on what is cached
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "kora._core", "--concise", "--allowlist", str(allowed), *settings],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
