"""The map in `docs/formats/map.md` does what the page says."""

import json
import re
import subprocess
import sys
from pathlib import Path

from appliance.demo.clinic import build_clinic
from tests.unit.repository import ROOT


def _run(module: str, *arguments: str, home: Path) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments, "--json"],
        cwd=ROOT,
        env={"SENSEI_HOME": str(home), "PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_documented_map_pairs_the_clinic_with_its_migrated_self(tmp_path: Path) -> None:
    build_clinic(tmp_path / "clinic.db", scale=0.02)
    source, target = f"sqlite:///{tmp_path}/clinic.db", f"duckdb:///{tmp_path}/clinic.duckdb"
    page = (ROOT / "docs" / "formats" / "map.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "map.yaml").write_text(example, encoding="utf-8")
    _run("appliance.cli", "migrate", source, target, home=tmp_path / "home")
    chosen = ["--map", str(tmp_path / "map.yaml"), "--tables", "patient", "--tables", "region"]
    _, result = _run("kora.cli", "verify", source, target, *chosen, "--out", str(tmp_path), home=tmp_path / "home")
    assert result["verdict"] == "equivalent_with_declared_loss"
    tables = result["tables"]
    assert isinstance(tables, list)
    assert {table["source"]: table["outcome"] for table in tables} == {"patient": "match", "region": "match"}
