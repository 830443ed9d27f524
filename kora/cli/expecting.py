"""`kora expect`: a Great Expectations suite beside the proof, never instead of it."""

from pathlib import Path

import click

from kora.cli.entry import FILE, entry_settings, password_prompt
from kora.exit_codes import ExitCode

_KEY_FILE = click.option("--key-file", type=FILE, help="The migration's key, which both sides have; mode 0600.")


@click.group()
def expect() -> None:
    """Hold a database against a Great Expectations suite: a report beside the proof, never instead of it.

    \b
    Example:
      kora expect profile sqlite:///old.db -o suite.json
      kora expect run suite.json postgresql://me@db/new
    """


@expect.command("profile")
@click.argument("url")
@click.option("-o", "--output", type=FILE, required=True, help="The suite to write, as JSON.")
@click.option("--map", "mapping_file", type=FILE, help="Which tables and columns pair up, and under which rules.")
@click.option("--plan", "plan_file", type=FILE, help="A plan; its mapping and its approved losses are read.")
@_KEY_FILE
@click.option("--tables", multiple=True, metavar="PATTERN", help="Only these tables (repeatable, shell patterns).")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Not these tables (repeatable, shell patterns).")
def profile(
    url: str,
    output: Path,
    mapping_file: Path | None,
    plan_file: Path | None,
    key_file: Path | None,
    tables: tuple[str, ...],
    exclude: tuple[str, ...],
) -> int:
    """Write a suite that expects of another database what holds of this one.

    Rows and their digest, NULLs and kind of each column, counters beyond the largest key, orphans, and losses within
    the ledger of the plan. The suite holds no values of rows.

    \b
    Example:
      kora expect profile sqlite:///old.db --plan plan.yaml -o suite.json
    """
    settings = entry_settings()
    from kora.databases.base import Selection
    from kora.expectations.running import ProfileRequest, profile_database

    request = ProfileRequest(mapping_file, plan_file, key_file, Selection(tables=tables, exclude=exclude))
    suite = profile_database(url, output, request, settings=settings, prompt=password_prompt())
    click.echo(f"{len(suite['expectations']):,} expectations → {output}")
    return int(ExitCode.EQUIVALENT)


@expect.command("run")
@click.argument("suite", type=FILE)
@click.argument("url")
@click.option(
    "--role",
    type=click.Choice(["source", "target"]),
    default="target",
    show_default=True,
    help="Which side of the map or plan the database is.",
)
@_KEY_FILE
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout instead of the list.")
def run(suite: Path, url: str, role: str, key_file: Path | None, as_json: bool) -> int:
    """Measure a database and let Great Expectations judge it, in a process of its own, without telemetry.

    Exit code 0: all expectations hold; 1: one does not. Needs the extra: pip install 'sensei-appliance[expectations]'.

    \b
    Example:
      kora expect run suite.json postgresql://me@db/new
    """
    settings = entry_settings()
    from kora.evidence.report_json import print_json
    from kora.expectations.running import run_suite

    report = run_suite(
        suite,
        url,
        role="source" if role == "source" else "target",
        key_file=key_file,
        settings=settings,
        prompt=password_prompt(),
    )
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        for item in report.failed:
            click.echo(f"✗ {item.column}: {item.type}{f' ({item.error})' if item.error else ''}")
        held = len(report.results) - len(report.failed)
        click.echo(f"{held:,} of {len(report.results):,} expectations hold (Great Expectations {report.version})")
        click.echo("a report beside the proof: what is certified is what `kora verify` says")
    return int(ExitCode.DIFFERENT if report.failed else ExitCode.EQUIVALENT)
