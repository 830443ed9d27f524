"""Where a command may write what a person asked for with -o: never over something that it reads."""

from collections.abc import Iterable
from pathlib import Path

from kora.databases.address import parse_address
from kora.errors import InvalidRequest
from kora.evidence.files import require_file

_ROWS = (".csv", ".tsv", ".parquet")
_RECORD = "_sensei.json"
"""What a folder of Parquet files knows of its keys."""
_BESIDE = ("-wal", "-shm", "-journal", ".wal")
"""What SQLite and DuckDB keep beside a database, and is a part of it."""


def output_place(output: Path, *, urls: Iterable[str] = (), files: Iterable[Path | None] = ()) -> Path:
    """Where an output goes: the path itself, or what a link there leads to, which is replaced in the link's stead.

    Args:
        output: The path that was asked for.
        urls: The databases that the command reads; their files, and files of rows in their folders, are no outputs.
        files: What else it reads or writes: keys, certificates, plans, a log's folder. None is left out.

    Raises:
        InvalidRequest: The output would replace one of them, or a URL is none.
        FileProblem: Something stands there that is no file: a folder, a device, a pipe.
    """
    place = output.resolve()
    require_file(place)
    read = [(path, _is_row_file(place)) for url in urls for path in _files_of(url)]
    for given, within in [*read, *((file, True) for file in files if file is not None)]:
        if _is_one(given, place) or (within and _is_in(given, place)):
            raise InvalidRequest(
                f"{output} is what this command itself needs{'' if given == output else f' ({given})'}: writing there"
                " would destroy it",
                hint="name another file with -o",
            )
    return place


def _files_of(url: str) -> Iterable[Path]:
    """The files that a URL names, those of its options too."""
    address = parse_address(url)
    if address.path is not None:
        yield address.path
        yield from (Path(f"{address.path}{ending}") for ending in _BESIDE)
    # Certificates, keys and schema files; what of these is no path is nowhere, and nobody writes there.
    yield from (Path(value) for value in address.options.values() if value)


def _is_row_file(place: Path) -> bool:
    return place.suffix.lower() in _ROWS or place.name == _RECORD


def _is_one(given: Path, place: Path) -> bool:
    """Whether two paths are one file, by any name. What is not there yet is one where the paths are."""
    try:
        return given.samefile(place)
    except OSError:
        return given.resolve() == place


def _is_in(folder: Path, place: Path) -> bool:
    """Whether a file that stands already lies in a folder: a new one replaces nothing."""
    return place.exists() and place.parent.is_relative_to(folder.resolve())
