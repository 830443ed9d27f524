"""`python -m appliance.demo`: builds the clinic's database and runs the same `sensei migrate` that a user would."""

import os
import shutil
import sys
import time
from importlib.resources import as_file, files
from pathlib import Path

import click

from appliance.cli import sensei
from appliance.demo.clinic import build_clinic
from kora.cli.entry import run_group


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo-out"), show_default=True)
@click.option("--without-plan", is_flag=True, help="Leave the shipped, approved plan out: a person must then decide.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="1.0 is about 250,000 rows.")
def demo(out: Path, without_plan: bool, scale: float) -> None:
    """Migrate a district clinic from SQLite to DuckDB, prove it, and sign the proof. No server is needed."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    # The demonstration keeps its keys and runs beside its files, away from the user's own.
    os.environ["SENSEI_HOME"] = str((out / "sensei-home").absolute())
    source, target = out / "clinic.db", out / "clinic.duckdb"
    started = time.monotonic()
    rows = build_clinic(source, scale=scale)
    click.echo(f"{source}: {rows:,} rows of a district clinic, made in {time.monotonic() - started:.1f} s", err=True)
    with as_file(files("appliance.demo") / "plan.yaml") as plan:
        arguments = ["migrate", f"sqlite:///{source}", f"duckdb:///{target}", "--out", str(out / "proof"), "--yes"]
        arguments += [] if without_plan else ["--plan", str(plan)]
        shown = " ".join(arguments).replace(str(plan), "appliance/demo/plan.yaml")
        click.echo(f"$ sensei {shown}\n", err=True)
        sys.exit(run_group(sensei, "sensei", arguments))


if __name__ == "__main__":
    demo()
