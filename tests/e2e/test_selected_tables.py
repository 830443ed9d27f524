"""A selection leaves tables out; it does not make their rows disappear."""

import json
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_parent_that_was_not_selected_makes_no_orphans_and_the_home_is_private(tmp_path: Path) -> None:
    source = tmp_path / "two.db"
    with sqlite3.connect(source) as connection:
        connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent (id))")
        connection.execute("INSERT INTO parent VALUES (1)")
        connection.execute("INSERT INTO child VALUES (1, 1), (2, 1)")
    connection.close()
    home = tmp_path / "home"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "appliance.cli", "migrate", f"sqlite:///{source}"),
            *(f"duckdb:///{tmp_path}/t.duckdb", "--tables", "child", "--json", "--out", str(tmp_path / "proof")),
        ],
        capture_output=True, text=True, cwd=ROOT, env={"SENSEI_HOME": str(home), "PATH": "/usr/bin:/bin"}, check=False,
    )  # fmt: skip
    result = json.loads(done.stdout)
    assert result["orphans"] == []
    assert (done.returncode, result["verdict"]) == (5, "equivalent_with_declared_loss")
    for folder in (home, home / "runs", home / "keys"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
