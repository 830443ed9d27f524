"""KORA's settings: built once, in a program's entry point, and passed down. No other module reads the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from kora.errors import FileProblem


class Settings(BaseSettings):
    """Where state lives and which bounds hold. Each field is read from `SENSEI_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="SENSEI_", frozen=True, extra="ignore")

    home: Path = Path("~/.sensei")
    """State and keys; created with mode 0700 when first needed."""
    findings_per_table: Annotated[int, Field(ge=1, le=100_000)] = 100
    """How many differing rows of a table are listed; all are counted."""
    spill_directory: Path | None = None
    """Where sorted digests go when they outgrow memory; None: a temporary folder inside `home`."""
    log_file: Path | None = None
    """Structured logs go here, one JSON object a line; None: none are written."""
    log_level: str = "INFO"

    @property
    def home_directory(self) -> Path:
        """`home` with `~` resolved, absolute."""
        return self.home.expanduser().absolute()

    def make_spill_directory(self) -> Path:
        """Where digests may spill; made with mode 0700 if it is not there. Raises `FileProblem` where it cannot be."""
        folder = self.spill_directory or self.home_directory / "spill"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise FileProblem(f"{folder}: {error.strerror}", hint="set SENSEI_SPILL_DIRECTORY") from error
        return folder
