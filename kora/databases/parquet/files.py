"""Which files of a folder are which table, and whether they are still those that were found.

`name.parquet` is a table, and so is a sub-folder `name/` with its `*.parquet`. Folders `key=value` within a table's
folder are partitions. What begins with a dot or with `_sensei` is passed over; everything else is named as another
file. Nothing here reads a file's content, except to hash it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kora.databases.base import OWN_PREFIX
from kora.databases.files import file_identity
from kora.errors import FileProblem, InvalidRequest, MalformedInput

SUFFIX = ".parquet"
_PATTERN_SIGNS = re.compile(r"([*?\[])")


@dataclass(frozen=True, slots=True)
class Pinned:
    """A file as it was found: size in bytes, times of content and inode in nanoseconds, inode."""

    path: Path
    state: tuple[int, int, int, int]

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self.state[0]


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of one table, by path. `folder` is its folder's name; empty for a file that is a table by itself."""

    name: str
    folder: str
    files: tuple[Pinned, ...]
    partition_keys: tuple[str, ...] = ()
    problem: str = ""
    """Why they are no table."""

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a folder: tables by name, and all other files by their paths within it."""

    tables: tuple[TableFiles, ...]
    others: tuple[str, ...]


def find_tables(root: Path) -> Found:
    """The tables of a folder, or the one of a file.

    Raises:
        FileProblem: It may not be read.
        InvalidRequest: Two tables would have one name, or names that differ in case alone.
    """
    try:
        if root.is_file():
            return Found((TableFiles(root.stem, "", (_pin(root),)),), ())
        tables: list[TableFiles] = []
        others: list[str] = []
        for entry in sorted(root.iterdir()):
            if _hidden(entry):
                continue
            if entry.is_dir():
                _from_folder(root, entry, tables, others)
            elif _is_parquet(entry):
                tables.append(TableFiles(entry.stem, "", (_pin(entry),)))
            else:
                others.append(entry.name)
    except OSError as problem:
        raise FileProblem(f"{problem.filename or root}: {problem.strerror}") from problem
    _refuse_same_names(root, tables)
    return Found(tuple(sorted(tables, key=lambda table: table.name)), tuple(others))


def _from_folder(root: Path, folder: Path, tables: list[TableFiles], others: list[str]) -> None:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and not _any_hidden(path.relative_to(folder))]
    ours = [path for path in paths if _is_parquet(path) and _is_partitioned(path.relative_to(folder).parent)]
    others += [path.relative_to(root).as_posix() for path in paths if path not in set(ours)]
    if not ours:
        return
    keys = {tuple(part.partition("=")[0] for part in path.relative_to(folder).parent.parts) for path in ours}
    files = tuple(_pin(path) for path in ours)
    problem = "" if len(keys) == 1 else "its files lie in partition folders of different keys"
    tables.append(TableFiles(folder.name, folder.name, files, min(keys), problem))


def _pin(path: Path) -> Pinned:
    there = path.stat()
    return Pinned(path, (there.st_size, there.st_mtime_ns, there.st_ctime_ns, there.st_ino))


def _hidden(path: Path) -> bool:
    return path.name.startswith((".", OWN_PREFIX))


def _any_hidden(relative: Path) -> bool:
    return any(part.startswith((".", OWN_PREFIX)) for part in relative.parts)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == SUFFIX


def _is_partitioned(relative: Path) -> bool:
    """Whether each folder on the way is a partition; a file directly in its table's folder has none."""
    return all("=" in part for part in relative.parts)


def _refuse_same_names(root: Path, tables: Sequence[TableFiles]) -> None:
    seen: dict[str, str] = {}
    for table in tables:
        label = table.folder + "/" if table.folder else table.name + SUFFIX
        other = seen.setdefault(table.name.casefold(), label)
        if other != label:
            raise InvalidRequest(
                f"{root}: {other} and {label} would be one table",
                hint="the reader takes names without regard to case: rename one of them",
            )


def require_unchanged(table: TableFiles) -> None:
    """Raises `MalformedInput` if a file of the table is not the one that was found."""
    for file in table.files:
        try:
            state = _pin(file.path).state
        except OSError as problem:
            raise MalformedInput(f"{file.path}: changed since it was opened: {problem.strerror}") from problem
        if state != file.state:
            raise MalformedInput(
                f"{file.path}: changed since it was opened", hint="let nobody write there meanwhile, then try again"
            )


def digest_of(table: TableFiles) -> str:
    """SHA-256 of the one file, or of the lines `sha256sum` prints for the files of a table, in hex."""
    if not table.folder:
        return file_identity(table.files[0].path)["sha256"]
    lines = [f"{file_identity(file.path)['sha256']}  {name}\n" for name, file in by_name(table).items()]
    return sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def by_name(table: TableFiles) -> dict[str, Pinned]:
    """The files by their paths within the table's folder, in the order of these."""
    if not table.folder:
        return {file.path.name: file for file in table.files}
    depth = len(table.partition_keys)
    return {"/".join(file.path.parts[-1 - depth :]): file for file in table.files}


def as_pattern(path: Path) -> str:
    """A path for DuckDB's readers, which take `*`, `?` and `[` in names for patterns of several files."""
    return _PATTERN_SIGNS.sub(r"[\1]", str(path))


def literal(text: str) -> str:
    """A string literal of DuckDB."""
    return "'" + text.replace("'", "''") + "'"


def reader_call(function: str, paths: Sequence[Path], options: str = "") -> str:
    """`read_parquet([…], options)`, or another of DuckDB's functions that take a list of files."""
    listed = ", ".join(literal(as_pattern(path)) for path in paths)
    return f"{function}([{listed}]{', ' + options if options else ''})"
