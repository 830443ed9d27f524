"""How much memory a command takes with all that it starts, each process's largest at any moment."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_GROUPS = {"sensei": "from appliance.cli import sensei as group", "kora": "from kora.cli import cli as group"}
# `ru_maxrss` of a process begins with the memory of the one that made it, here the tests'; `VmHWM` begins anew.
_RUN = """
import re, resource, sys
from pathlib import Path
{group}
from kora.cli import run_group
code = run_group(group, {program!r}, sys.argv[1:])
own = int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1])
below = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print("PEAK", code, (own + below) * 1024)
"""


def peak_bytes(program: str, *arguments: str, codes: Sequence[int] = (0,)) -> int:
    """The largest resident memory of `sensei` or `kora` and what they start; the command must end with such a code."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(group=_GROUPS[program], program=program), *arguments],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    _, code, peak = done.stdout[done.stdout.rfind("PEAK") :].split()
    assert int(code) in codes, done.stdout + done.stderr
    return int(peak)
