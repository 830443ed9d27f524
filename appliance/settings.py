"""The appliance's own settings beside KORA's: so far what crash tests need."""

from pathlib import Path

from kora.settings import EnvironmentSettings


class FaultSettings(EnvironmentSettings):
    """Where a crash test kills the process. Each field is read from `SENSEI_<NAME>`."""

    fault: str = ""
    """`point` or `point:n`, see `appliance.faults`; empty for none."""
    fault_trace: Path | None = None
    """A file that receives the name of each fault point as it is reached."""
