"""`_sensei.json`: what an export of Sensei records beside its Parquet files, because these cannot hold it.

Format `sensei-parquet-1`. The rows are what the files hold, and nothing here changes them. What stands here is believed
only as far as it can be checked: a key counts if today's rows obey it, a file if its SHA-256 is the recorded one.
Foreign keys and comments are taken as told.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kora.catalog import Name, Table
from kora.errors import FileProblem, LimitExceeded, MalformedInput

MANIFEST_NAME = "_sensei.json"
LARGEST_MANIFEST_BYTES = 64 << 20


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SealedFile(_Strict):
    """A file of a finished export."""

    size_bytes: int
    sha256: str


class Entry(_Strict):
    """One exported table: its folder, its catalog facts in the target's names, and once it is finished its files."""

    folder: str
    table: Table
    files: dict[str, SealedFile] | None = None


class Manifest(_Strict):
    """The whole record. `made_folder`: the export made the folder itself, so that a discard may remove it."""

    format: Literal["sensei-parquet-1"] = "sensei-parquet-1"
    made_folder: bool = False
    tables: tuple[Entry, ...] = ()

    def entry(self, name: Name) -> Entry | None:
        """The table of exactly this name."""
        return next((entry for entry in self.tables if entry.table.name == name), None)

    def in_folder(self, folder: str) -> Entry | None:
        """The table whose files lie in this folder."""
        return next((entry for entry in self.tables if folder and entry.folder == folder), None)

    def replaced(self, entry: Entry) -> "Manifest":
        """With this entry instead of the one of its table, or behind all others."""
        others = tuple(other for other in self.tables if other.table.name != entry.table.name)
        return self.model_copy(update={"tables": (*others, entry)})

    def without(self, name: Name) -> "Manifest":
        """Without a table."""
        return self.model_copy(update={"tables": tuple(entry for entry in self.tables if entry.table.name != name)})


def read_manifest(folder: Path) -> Manifest | None:
    """The record of a folder; None if there is none.

    Raises:
        FileProblem: It cannot be read.
        LimitExceeded: It is larger than 64 MiB.
        MalformedInput: It is no such record; the message names the place.
    """
    path = folder / MANIFEST_NAME
    try:
        regular = path.is_file() or not path.exists()
        large = regular and path.stat().st_size > LARGEST_MANIFEST_BYTES
        data = b"" if large or not regular else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as problem:
        raise FileProblem(f"{path}: {problem.strerror}") from problem
    if not regular:
        raise FileProblem(f"{path} is no file", hint="move it away: then the files are read without what it records")
    if large:
        raise LimitExceeded(f"{path}: larger than {LARGEST_MANIFEST_BYTES >> 20} MiB, more than such a record has")
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise MalformedInput(
            f"{path}: {place or 'not a record of an export'}: {first['msg']}",
            hint=f"mend it, or move {MANIFEST_NAME} away: then the files are read without the keys that it records",
        ) from error
