"""What the measurements were taken on: processor, memory, kernel, versions of every program involved."""

import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from tests.servers import Database

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_level": "replica",
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "autovacuum": "on",
}
"""The server as an administrator would run it: durable, with room. The same for every contestant."""


def describe(server: Database | None, peers: Path | None = None, data_diff: Path | None = None) -> dict[str, object]:
    """Processor, memory, kernel and versions. `peers` and `data_diff` are folders of the Python peers' programs, None
    where they are not measured.
    """
    cpu = Path("/proc/cpuinfo").read_text()
    memory = Path("/proc/meminfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpu)
    total = re.search(r"MemTotal:\s*(\d+) kB", memory)
    return {
        "processor": model.group(1) if model else platform.processor(),
        "cores": cpu.count("processor\t"),
        "avx2": " avx2 " in cpu,
        "avx512": " avx512f " in cpu,
        "memory_bytes": int(total.group(1)) * 1024 if total else None,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "postgresql": _server_version(server) if server else None,
        "postgresql_settings": SETTINGS,
        "sqlite_driver": "the core's own",
        "sensei": _own_version(),
        "duckdb": metadata.version("duckdb"),
    } | (_peers(peers, data_diff) if peers and data_diff else {})


def _peers(peers: Path, data_diff: Path) -> dict[str, object]:
    return {
        "reladiff": _first_line(peers / "reladiff", "--version"),
        "rowproof": _first_line(peers / "rowproof", "--version"),
        "data-diff": _first_line(data_diff / "data-diff", "--version"),
        "pgloader": _first_line("pgloader", "--version"),
        "pgloader_package": _first_line("dpkg-query", "-W", "-f", "${Version}", "pgloader"),
    }


def _server_version(server: Database) -> str | None:
    with server.connect() as connection:
        version = connection.execute("SHOW server_version").fetchone()
    return str(version[0]) if version else None


def _own_version() -> str:
    try:
        return metadata.version("sensei-appliance")
    except metadata.PackageNotFoundError:
        return "from the checkout"


def _first_line(*command: str | Path) -> str | None:
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else None
