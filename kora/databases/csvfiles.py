"""CSV as a database: a file, a folder or a zip archive, where each `.csv` or `.tsv` is a table of texts.

A table is called like its file without the suffix, or like its path within the folder where two files share a name.
Every column is a nullable text, there are no keys, and the files' digests are what stands for a snapshot: the core's
reader refuses a file that changed since it was hashed. Each stream reads for itself, so several may run at once.
What an archive carries along by accident (`__MACOSX`, names that begin with a dot) is passed over; any other file is
named as not modelled.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kora import _core
from kora._core import CsvFile, RowStream
from kora.catalog import Catalog, Column, Name, NotModelled, Table, Type
from kora.databases.address import Address
from kora.databases.base import MANY_STREAMS, Dialect, KeyRange, KeyTuple, KeyValue, Lanes, Selection, require_readable
from kora.databases.csvschema import read_schema
from kora.databases.files import existing_file, file_identity
from kora.databases.secrets import Secret
from kora.errors import FileProblem, InvalidRequest, MalformedInput

DIALECT = Dialect(engine="csv", sqlglot="", identifier_length=None)
_TABLES = frozenset({".csv", ".tsv"})
_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_TEXT = Type("text", "text", "text", charset="utf8")
_SWITCH = {"true": True, "false": False}
_SPELLED = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", "\n": "LF", "\r\n": "CRLF", "\r": "CR"}
_NAMED_TABLES = 5
"""Files that a line about their dialect names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class _File:
    """One file: a plain one has no member."""

    name: str
    path: Path
    member: str | None
    size_bytes: int


def open_csv(address: Address, secret: Secret) -> "CsvDatabase":
    """Finds the files. Files have no passwords: `secret` is not used.

    Raises:
        FileProblem: Nothing is there, or it may not be read.
        MalformedInput: An archive that is damaged or encrypted.
        InvalidRequest: `header=` is neither true nor false.
    """
    del secret
    path = address.file
    if not path.is_dir():
        path = existing_file(address)
    header = address.options.get("header")
    if header is not None and header.lower() not in _SWITCH:
        raise InvalidRequest(f"header={header} is neither true nor false")
    found = _found(path)
    tables = [file for file in found if PurePosixPath(file.name).suffix.lower() in _TABLES]
    if not tables:
        raise FileProblem(f"{path} holds no .csv and no .tsv file", hint="name a CSV file, or a folder or zip of them")
    return CsvDatabase(path, tables, [file.name for file in found if file not in tables], address.options)


def _found(path: Path) -> list[_File]:
    """Every file but the junk, by its path within the folder or archive."""
    try:
        if path.is_dir():
            within = [(file.relative_to(path).as_posix(), file) for file in sorted(path.rglob("*")) if file.is_file()]
            found = [_File(name, file, None, file.stat().st_size) for name, file in within]
        elif path.suffix.lower() == ".zip":
            members = [(name, size) for name, size in _core.zip_members(str(path)) if not name.endswith("/")]
            found = [_File(name, path, name, size) for name, size in sorted(members)]
        else:
            found = [_File(path.name, path, None, path.stat().st_size)]
    except OSError as problem:
        raise FileProblem(f"{path}: {problem.strerror}") from problem
    return [file for file in found if not _is_junk(file.name)]


def _is_junk(name: str) -> bool:
    return any(part.startswith(".") or part.lower() in _JUNK for part in PurePosixPath(name).parts)


class CsvDatabase:
    """Implements `kora.databases.base.Database`."""

    dialect = DIALECT

    @property
    def streams_at_once(self) -> int:
        """Each stream opens its file."""
        return MANY_STREAMS

    def __init__(self, path: Path, files: list[_File], others: list[str], options: dict[str, str]) -> None:
        self._path = path
        self._others = others
        self._options = options
        self._files = {Name("", name): file for name, file in zip(_table_names(files), files, strict=True)}
        self._opened: dict[Name, CsvFile] = {}
        self._schema_path = (
            (path if path.is_dir() else path.parent) / options["schema"] if "schema" in options else None
        )
        self._schema = read_schema(self._schema_path) if self._schema_path else {}
        for table in sorted(set(self._schema) - {name.name for name in self._files}):
            raise InvalidRequest(f"the schema file names a table {table} that {path} does not have")

    def catalog(self, selection: Selection = Selection()) -> Catalog:  # noqa: B008  frozen
        """The tables, and in `facts` how each file is written, as `patients.encoding` or `patients.delimiter`."""
        tables: list[Table] = []
        not_modelled = [NotModelled("other file", name) for name in self._others]
        facts: dict[str, str] = {}
        for name, file in sorted(self._files.items()):
            if not selection.includes(name):
                continue
            if file.size_bytes == 0:
                not_modelled.append(NotModelled("empty file", file.name, "no header, so a table without columns"))
                continue
            tables.append(self._table(name, file, facts))
        return Catalog("csv", _core.version(), tables=tuple(tables), not_modelled=tuple(not_modelled), facts=facts)

    def rows(self, table: Table, columns: Sequence[str], key_range: KeyRange | None = None) -> RowStream:
        """Rows of a file in its own order. `InvalidRequest` for a key range: a file has no key."""
        require_readable(table, columns)
        if key_range is not None:
            raise self._no_key(table)
        places = {column.name: place for place, column in enumerate(table.columns)}
        return self._file(table.name).rows([places[name] for name in columns])

    def rows_in_lanes(self, table: Table, columns: Sequence[str], lanes: Lanes) -> RowStream:
        """One lane: where a record of a file begins is known only once the one before it was read."""
        del lanes
        return self.rows(table, columns)

    def rows_by_key(
        self, table: Table, columns: Sequence[str], key: Sequence[str], keys: Sequence[KeyTuple]
    ) -> RowStream:
        """Raises `InvalidRequest`: a file has no key."""
        del columns, key, keys
        raise self._no_key(table)

    def key_boundaries(self, table: Table, key: Sequence[str], rows_per_chunk: int) -> list[KeyTuple]:
        """Raises `InvalidRequest`: a file has no key, and is one chunk."""
        del key, rows_per_chunk
        raise self._no_key(table)

    def row_count(self, table: Table) -> int:
        """The exact count, by reading the file once."""
        columns = [column.name for column in table.columns[:1]]
        return self.rows(table, columns).count()

    def scalar_query(self, sql: str) -> list[tuple[KeyValue, ...]]:
        """Raises `InvalidRequest`: files answer no SQL."""
        raise InvalidRequest(f"{self._path}: files answer no SQL, so this cannot run: {sql[:80]}")

    def identity(self) -> dict[str, str]:
        """SHA-256 per file, and of the archive."""
        facts = {"engine": "csv", "version": _core.version(), "file": self._path.name}
        if self._path.is_file():
            facts |= file_identity(self._path)
        for name, file in self._files.items():
            if file.size_bytes and self._path.is_dir():
                facts[f"sha256 {file.name}"] = file_identity(file.path)["sha256"]
            elif file.size_bytes and file.member is not None:
                facts[f"sha256 {file.name}"] = self._file(name).sha256
        if self._schema_path:
            facts["sha256 of the schema file"] = file_identity(self._schema_path)["sha256"]
        for number, line in enumerate(describe_dialects(self.catalog().facts), start=1):
            facts[f"dialect {number}"] = line
        return facts | {"snapshot": "files pinned by their digests"}

    def close(self) -> None:
        """Forgets the opened files."""
        self._opened.clear()

    def _table(self, name: Name, file: _File, facts: dict[str, str]) -> Table:
        try:
            opened = self._file(name)
        except (MalformedInput, FileProblem) as problem:
            return Table(name, (), size_bytes=file.size_bytes, unreadable=problem.message)
        for fact in ("encoding", "delimiter", "quote", "newline", "header"):
            facts[f"{name}.{fact}"] = str(getattr(opened, fact))
        wanted = self._schema.get(name.name, {})
        for unknown in sorted(set(wanted) - set(opened.columns)):
            raise InvalidRequest(
                f"the schema file names {name}.{unknown}, which {file.name} does not have",
                hint=f"its columns are {', '.join(opened.columns)}",
            )
        columns = tuple(Column(column, wanted.get(column, _TEXT)) for column in opened.columns)
        return Table(name, columns, size_bytes=file.size_bytes)

    def _file(self, name: Name) -> CsvFile:
        """The file, opened and hashed once."""
        if name not in self._files:
            raise InvalidRequest(f"{self._path} has no table {name}")
        if name not in self._opened:
            file = self._files[name]
            header = self._options.get("header")
            self._opened[name] = CsvFile(
                str(file.path),
                file.member,
                delimiter=self._options.get("delimiter"),
                quote=self._options.get("quote"),
                encoding=self._options.get("encoding"),
                header=None if header is None else _SWITCH[header.lower()],
            )
        return self._opened[name]

    def _no_key(self, table: Table) -> InvalidRequest:
        return InvalidRequest(f"{table.name} is a file without a key: it is read as a whole")


def describe_dialects(facts: Mapping[str, str]) -> list[str]:
    """How the files are written, as a person reads it: one line for all tables that are written alike.

    Args:
        facts: Those of `CsvDatabase.catalog`.
    """
    written: dict[str, dict[str, str]] = {}
    for key, value in facts.items():
        table, _, fact = key.rpartition(".")
        written.setdefault(table, {})[fact] = value
    alike: dict[str, list[str]] = {}
    for table, dialect in written.items():
        alike.setdefault(_dialect_in_words(dialect), []).append(table)
    return [f"{words}: {_some(tables)}" for words, tables in alike.items()]


def _dialect_in_words(dialect: Mapping[str, str]) -> str:
    delimiter, newline = (_SPELLED.get(dialect[fact], dialect[fact]) for fact in ("delimiter", "newline"))
    header = "a header" if dialect["header"] == "True" else "no header (columns are numbered)"
    quote = f"quoted by {dialect['quote']}" if dialect["quote"] else "no quotes"
    return f"{dialect['encoding']}, separated by {delimiter}, {quote}, lines end in {newline}, {header}"


def _some(tables: Sequence[str]) -> str:
    more = len(tables) - _NAMED_TABLES
    return ", ".join(tables[:_NAMED_TABLES]) + (f" and {more} more files" if more > 0 else "")


def _table_names(files: list[_File]) -> list[str]:
    """The stem of each file; where two share a stem, the path, and where they share that too, with the suffix."""
    stems = [PurePosixPath(file.name).stem for file in files]
    paths = [PurePosixPath(file.name).with_suffix("").as_posix() for file in files]
    of_stem, of_path = Counter(stem.lower() for stem in stems), Counter(path.lower() for path in paths)
    return [
        stem if of_stem[stem.lower()] == 1 else path if of_path[path.lower()] == 1 else file.name
        for stem, path, file in zip(stems, paths, files, strict=True)
    ]
