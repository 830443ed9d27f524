"""Runs `sensei` and `kora` as a user would, in this process, and keeps what they said."""

import contextlib
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from appliance.cli import sensei
from kora.cli import cli, run_group

DATA = Path(os.environ.get("SENSEI_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")


@dataclass(frozen=True)
class Said:
    """What a command ended with."""

    code: int
    out: str
    err: str

    @property
    def body(self) -> dict[str, Any]:
        """The object of `--json`; fails with the command's own error if there is none."""
        assert self.out, f"exit code {self.code}: {self.err}"
        return json.loads(self.out)

    @property
    def verdict(self) -> str:
        return self.body["verdict"]

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        return {table["source"]: table for table in self.body["tables"]}

    @property
    def rows(self) -> int:
        return sum(table["target_rows"] for table in self.body["tables"])

    @property
    def losses(self) -> list[tuple[str, str]]:
        """Rule and subject of every declared loss, in order."""
        return [(loss["rule"], loss["subject"]) for loss in self.body["losses"]]

    @property
    def run_folder(self) -> Path:
        return Path(os.environ["SENSEI_HOME"]) / "runs" / self.body["run"]

    @property
    def plan(self) -> dict[str, Any]:
        return yaml.safe_load((self.run_folder / "plan.yaml").read_text())

    def column(self, table: str, column: str) -> dict[str, Any]:
        """The plan's decision about one column, by source names."""
        for planned in self.plan["tables"]:
            if planned["source"] in (table, {"schema": "", "name": table}):
                return next(item for item in planned["columns"] if item["source"] == column)
        raise KeyError(table)

    def predicate(self) -> dict[str, Any]:
        """What the certificate says."""
        return json.loads(run_kora("show", self.body["certificate"], "--json").out)["predicate"]


def run_sensei(*arguments: object) -> Said:
    return _run(sensei, "sensei", arguments)


def run_kora(*arguments: object) -> Said:
    return _run(cli, "kora", arguments)


def migrate(source: object, target: object, *options: object) -> Said:
    return run_sensei("migrate", source, target, "--yes", "--json", *options)


def file_url(engine: str, path: Path) -> str:
    return f"{engine}:///{path}"


def _run(group: Any, program: str, arguments: tuple[object, ...]) -> Said:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_group(group, program, [str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())
