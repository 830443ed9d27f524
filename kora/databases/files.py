"""What the file engines share: is the file there, and which file is it."""

import hashlib
from pathlib import Path

from kora.databases.address import Address
from kora.errors import FileProblem


def existing_file(address: Address) -> Path:
    """The path of a file address; `FileProblem` if no file is there, with a guess at what was meant."""
    path = address.file
    if path.is_dir():
        raise FileProblem(f"{path} is a folder, not a {address.engine} file")
    if path.exists():
        return path
    here = Path.cwd()
    # A command may have made the path absolute already; what was typed is what follows the working folder.
    typed = path.relative_to(here) if path.is_relative_to(here) else path
    absolute = Path("/") / typed
    if not typed.is_absolute() and absolute.exists():
        raise FileProblem(
            f"{typed} does not exist in {here}",
            hint=f"an absolute path needs a fourth slash: {address.engine}:///{absolute}",
        )
    raise FileProblem(f"{path} does not exist")


def file_identity(path: Path) -> dict[str, str]:
    """A file's name, size in bytes and SHA-256."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"file": path.name, "size_bytes": str(path.stat().st_size), "sha256": digest}
    except OSError as problem:
        raise FileProblem(f"{path}: {problem.strerror}") from problem
