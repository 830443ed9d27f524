"""The output that README shows is the demonstration's own."""

import re
import subprocess
import sys
from pathlib import Path

from tests.unit.repository import ROOT


def test_readme_shows_what_the_demonstration_prints(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "appliance.demo", "--out", "demo-out"],
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    printed = {line.rstrip() for line in (done.stdout + done.stderr).splitlines()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = [block for block in re.findall(r"```\n(.*?)```", readme, re.DOTALL) if "$ sensei migrate" in block]
    lines = [line for line in shown.splitlines() if "…" not in line]
    assert len(lines) > 20
    assert [line for line in lines if line and line not in printed] == []
