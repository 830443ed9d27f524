"""Runs commands as whole processes and measures them: wall clock, processor seconds, peak memory of the tree.

Memory is the sum of the resident set sizes (RSS) of a process and all its descendants, sampled every 20 ms. Pages that
two processes share count twice, so the figure is an upper bound. The database server is no part of the tree.
"""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

_SAMPLE_SECONDS = 0.02
_INSTALLED = {"PYTHONDONTWRITEBYTECODE": ""}
"""A program in Python runs from its bytecode, as an installed one does, whatever the shell forbids: to compile itself
on each start costs `kora` 0.07 s."""
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Sample:
    """One run of one contestant. `parts` are seconds that it reports itself, by name."""

    seconds: float
    processor_seconds: float
    peak_bytes: int
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Finished:
    """A process that ended, with what it printed."""

    sample: Sample
    exit_code: int
    output: str
    errors: str


def run(
    command: Sequence[str | Path],
    *,
    environment: dict[str, str] | None = None,
    folder: Path | None = None,
    limit_seconds: float | None = None,
) -> Finished:
    """Runs a command to its end, watching its memory; kills it at the limit (its exit code is then −9)."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            env={**os.environ, **_INSTALLED, **(environment or {})}, cwd=folder,
        )  # fmt: skip
        watch = _MemoryWatch(process.pid)
        watch.start()
        end = threading.Timer(limit_seconds or threading.TIMEOUT_MAX, process.kill)
        end.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        end.cancel()
        peak = watch.stop()
        output.seek(0)
        errors.seek(0)
        sample = Sample(seconds, usage.ru_utime + usage.ru_stime, peak)
        return Finished(sample, process.returncode, output.read(), errors.read())


class _MemoryWatch(threading.Thread):
    """Samples the memory of a process tree until it is told to stop."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._peak_bytes = 0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self._peak_bytes = max(self._peak_bytes, _tree_bytes(self._root))

    def stop(self) -> int:
        """The largest sum that was seen."""
        self._ended.set()
        self.join()
        return self._peak_bytes


def _tree_bytes(root: int) -> int:
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        folder = Path("/proc") / str(process)
        try:
            total += int((folder / "statm").read_text().split()[1]) * _PAGE_BYTES
            for task in (folder / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


@dataclass(frozen=True)
class Contestant:
    """One tool and how it is run. `once` checks the tool's answer and fails where it is wrong."""

    name: str
    command: str
    once: Callable[[], Sample]


def alternate(contestants: Sequence[Contestant], repeat: int, tell: Callable[[str], None]) -> dict[str, list[Sample]]:
    """Runs all contestants in turn, `repeat` times over, every other round backwards: A B C, C B A, A B C."""
    samples: dict[str, list[Sample]] = {contestant.name: [] for contestant in contestants}
    for turn in range(repeat):
        for contestant in contestants if turn % 2 == 0 else reversed(contestants):
            sample = contestant.once()
            samples[contestant.name].append(sample)
            parts = "".join(f", {name} {seconds:.2f} s" for name, seconds in sample.parts.items())
            tell(
                f"  {turn + 1}/{repeat} {contestant.name:<28} {sample.seconds:7.2f} s, processor"
                f" {sample.processor_seconds:.2f} s, peak {sample.peak_bytes / 1e6:.0f} MB{parts}"
            )
    return samples


def summary(contestants: Sequence[Contestant], samples: dict[str, list[Sample]]) -> dict[str, object]:
    """Medians and all samples per contestant, ready for JSON."""
    return {
        contestant.name: {
            "command": contestant.command,
            "median_seconds": round(median(sample.seconds for sample in samples[contestant.name]), 3),
            "median_parts": {name: round(part(samples, contestant.name, name), 3)
                             for name in samples[contestant.name][0].parts},
            "peak_bytes": max(sample.peak_bytes for sample in samples[contestant.name]),
            "samples": [asdict(sample) for sample in samples[contestant.name]],
        }
        for contestant in contestants
    }  # fmt: skip


def seconds(samples: dict[str, list[Sample]], name: str) -> float:
    """Median wall-clock seconds of a contestant."""
    return median(sample.seconds for sample in samples[name])


def part(samples: dict[str, list[Sample]], name: str, of: str) -> float:
    """Median seconds of one part of a contestant's run."""
    return median(sample.parts[of] for sample in samples[name])
