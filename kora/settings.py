"""KORA's settings: built once, in a program's entry point, and passed down. No other module reads the environment."""

import os
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from kora.errors import FileProblem

PREFIX = "SENSEI_"


class EnvironmentSettings(BaseModel):
    """Settings whose fields are variables of the environment: `SENSEI_<NAME>`, in any case.

    Plain pydantic: the settings package of the same family costs 60 ms of every command's start.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    @classmethod
    def from_environment(cls) -> Self:
        """Reads this process's environment. Raises `pydantic.ValidationError`, which names the field."""
        given = {name.upper(): value for name, value in os.environ.items()}
        return cls.model_validate(
            {name: given[key] for name in cls.model_fields if (key := PREFIX + name.upper()) in given}
        )


class Settings(EnvironmentSettings):
    """Where state lives and which bounds hold. Each field is read from `SENSEI_<NAME>`."""

    home: Path = Path("~/.sensei")
    """State and keys; created with mode 0700 when first needed."""
    findings_per_table: Annotated[int, Field(ge=1, le=100_000)] = 100
    """How many differing rows of a table are listed; all are counted."""
    spill_directory: Path | None = None
    """Where sorted digests go when they outgrow memory; None: a temporary folder inside `home`."""
    transparency_log: Path | None = None
    """The folder of a log (`kora log init`) to which each new certificate is appended; None: to none."""
    expectations_python: Path | None = None
    """A Python that has great-expectations, for `kora expect run`; None: the one that runs KORA."""
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
