"""The appliance's own settings beside KORA's: so far what crash tests need."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class FaultSettings(BaseSettings):
    """Where a crash test kills the process. Each field is read from `SENSEI_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="SENSEI_", frozen=True, extra="ignore")

    fault: str = ""
    """`point` or `point:n`, see `appliance.faults`; empty for none."""
    fault_trace: Path | None = None
    """A file that receives the name of each fault point as it is reached."""
