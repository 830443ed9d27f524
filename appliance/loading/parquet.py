"""Writes folders of Parquet files, exactly once by file.

A unit is one file, `TABLE/part-NNNNNN.parquet`. Its rows gather in a table in memory; on commit DuckDB writes them to
`_sensei/` in the target folder, with the checkpoint in the file's own key-value metadata; the file is synced and
renamed to its place, and the folder is synced. So a file stands whole with its checkpoint, or not at all, and the
footers alone say what has arrived. A unit that outgrows memory (a table without a key is one unit) is written in
pieces, `part-NNNNNN-PPPP.parquet`, which are put in place before the last file; only this one carries the checkpoint,
and it counts only beside all its pieces. A large row is a piece of its own, and goes to its file as it came. What a
killed process leaves behind is removed when its unit is begun again.
The run's lock keeps a second writer away; files that this engine did not write are never replaced or deleted.
"""

import os
import re
import shutil
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

import duckdb

from appliance.engines.parquet import read_name, read_table, read_words
from appliance.faults import reached
from appliance.loading.base import Checkpoint, Refused, Unit
from appliance.loading.checkpoints import detail_text, from_row
from appliance.loading.duckdb import CONFIG, quote
from kora._core import Batch
from kora.catalog import Column, Name, Table
from kora.databases.base import OWN_PREFIX
from kora.databases.duckdb.errors import translated
from kora.databases.duckdb.types import column_type
from kora.databases.files import file_identity
from kora.databases.parquet.files import literal, reader_call
from kora.databases.parquet.manifest import MANIFEST_NAME, Entry, Manifest, SealedFile, read_manifest
from kora.errors import Busy, EngineError, FileProblem
from kora.evidence.files import cannot_write, make_directory, write_atomically

_STAGING = "staging"
_MEMORY_LIMIT_BYTES = 256 << 20
_MOST_THREADS = 4
_ROWS_PER_GROUP = 122_880
_ROW_GROUP_SIZE = "32MB"
_LONGEST_FOLDER_BYTES = 200
_PIECE_SIZE_BYTES = 64 << 20
_BASE_MEMORY_BYTES = 128 << 20
_MEMORY_FACTOR = 3
"""A large row is held as it came, as it is staged, and as it is written."""
_ALONE_SIZE_BYTES = 32 << 20
"""A batch is as large as this only by its last row, which is then written past the staging table."""
_PLAIN_SIZE_BYTES = 128 << 20
"""A row of this size is written without compression, which would hold it once more."""
_DIRECT_MEMORY_FACTOR = {"zstd": 3, "uncompressed": 2}
"""What DuckDB holds of a row that it writes as it came: its own copy, the page, and the compressed page."""
_PART = re.compile(r"part-\d{6,}(-\d{4,})?\.parquet\Z")
_METADATA = "sensei."


class ParquetWriter:
    """The one writer of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._work = folder, folder / OWN_PREFIX
        config = CONFIG | {
            "temp_directory": str(self._work / "spill"),
            "memory_limit": f"{_MEMORY_LIMIT_BYTES >> 20}MB",
        }
        config |= {"preserve_insertion_order": False, "threads": min(os.cpu_count() or 1, _MOST_THREADS)}
        self._connection = duckdb.connect(":memory:", config=config)
        self._connection.execute("SET TimeZone = 'UTC'")
        self._memory_limit_bytes = _MEMORY_LIMIT_BYTES
        self._unit: Unit | None = None
        self._held_bytes = 0
        self._pieces: list[Path] = []
        self._closed = False

    def execute(self, sql: str) -> None:
        """One statement of this engine's own words; see `appliance.engines.parquet`."""
        word, body = read_words(sql)
        with _naming(self._folder):
            if word == "WORK":
                self._make_folders()
            elif word == "CLEAN":
                self._clean()
            elif word == "DECLARE":
                self._declare(read_table(body))
            elif word == "SEAL":
                self._seal(read_name(body))
            else:
                self._drop(read_name(body))

    def checkpoints(self, run: str) -> dict[tuple[str, int], Checkpoint]:
        """Units of a run, by the footers of the files that stand in their places.

        Raises `MalformedInput` for a file whose footer is damaged.
        """
        found = {}
        for entry in self._manifest().tables:
            files = self._own_files(entry)
            for path, facts in files.items():
                whole = all(path.with_name(_part_name(facts, piece)) in files for piece in _pieces_of(facts))
                if facts.get("run") == run and "raw_digest" in facts and whole:
                    number = int(facts["number"])
                    found[facts["table"], number] = from_row(
                        facts["table"], number, int(facts["row_count"]), facts["raw_digest"], facts["detail"]
                    )
        return found

    def runs(self) -> set[str]:
        """None: what a file's metadata say is harmless to other runs, and stays."""
        return set()

    def wire_type(self, planned: str) -> str:
        """As planned: every version takes the same."""
        return planned

    def begin(self, unit: Unit) -> None:
        """Makes room for the unit's rows. What was sealed of its table is so no longer."""
        entry = self._entry(unit.table)
        with _naming(self._folder):
            make_directory(self._work)
            self._unseal(entry)
            for path in self._files_of(entry, unit):
                path.unlink()
        self._unit, self._pieces = unit, []
        self._stage(unit, entry)

    def _stage(self, unit: Unit, entry: Entry) -> None:
        columns = ", ".join(_definition(column) for column in entry.table.columns)
        self._run(f"CREATE OR REPLACE TABLE {_STAGING} ({columns})", unit.label)
        self._held_bytes = 0

    def _files_of(self, entry: Entry, unit: Unit) -> list[Path]:
        """The files of a unit that stand in their places, the one with the checkpoint first."""
        found = self._own_files(entry, f"part-{unit.number + 1:06d}*.parquet")
        mine = [path for path, facts in found.items() if _belongs(facts, unit)]
        return sorted(mine, key=lambda path: "-" in path.stem.removeprefix("part-"))

    def write(self, batch: Batch, skip: Set[int]) -> list[Refused]:
        """Takes a batch; a row that breaks NOT NULL, or that DuckDB cannot convert, is left out and named."""
        unit = self._current()
        large = batch.row_count > 0 and batch.byte_count >= _ALONE_SIZE_BYTES
        staged_rows = batch.row_count - large
        ordinals = batch.ordinals()
        skipped = [index for index, ordinal in enumerate(ordinals) if ordinal in skip] if skip else []
        refused = self._write_staged(unit, batch, staged_rows, 0 if large else batch.byte_count, skipped)
        if large and staged_rows not in skipped:
            reason = self._write_alone(unit, batch, staged_rows)
            refused += [Refused(ordinals[staged_rows], batch.key_text(staged_rows), "", reason)] if reason else []
        return refused

    def _write_staged(self, unit: Unit, batch: Batch, rows: int, added_bytes: int, skipped: list[int]) -> list[Refused]:
        """Stages a batch's first rows, after what is staged was written where that is much."""
        if self._held_bytes >= _PIECE_SIZE_BYTES:
            self._write_piece(unit)
        self._held_bytes += added_bytes
        self._make_room(_MEMORY_FACTOR * max(added_bytes, self._held_bytes - added_bytes))
        refused: list[Refused] = []
        ordinals = batch.ordinals()
        ranges = [(0, rows)] if rows else []
        while ranges:
            start, stop = ranges.pop()
            reason = self._insert(unit, batch, start, stop, skipped)
            if reason and stop - start == 1:
                refused.append(Refused(ordinals[start], batch.key_text(start), "", reason))
            elif reason:
                middle = (start + stop) // 2
                ranges += [(middle, stop), (start, middle)]
        return refused

    def _make_room(self, row_bytes: int) -> None:
        """Lets DuckDB hold rows that are larger than what it is usually allowed."""
        needed = _BASE_MEMORY_BYTES + row_bytes
        if needed > self._memory_limit_bytes:
            self._memory_limit_bytes = needed
            self._run(f"SET memory_limit = '{needed >> 20}MB'", "making room")

    def settle(self) -> None:
        """Nothing: a large row has its file already."""

    def _write_piece(self, unit: Unit) -> None:
        """Writes what is staged beside the folder, to be put in its place on commit."""
        self._copy(unit, *self._next_piece(unit))
        self._stage(unit, self._entry(unit.table))

    def _next_piece(self, unit: Unit) -> tuple[dict[str, str], Path]:
        """What the next piece says of itself, and where it waits."""
        facts = _facts(unit) | {"piece": str(len(self._pieces) + 1)}
        self._pieces.append(self._work / f"{_part_name(facts, len(self._pieces) + 1)}.partial")
        return facts, self._pieces[-1]

    def _write_alone(self, unit: Unit, batch: Batch, index: int) -> str:
        """Writes one row as a piece of its own, straight from the batch; the reason if it cannot stand there."""
        columns = {column.name: column for column in self._entry(unit.table).table.columns}
        places = [(columns[name], f"c{place}") for place, name in enumerate(unit.columns)]
        rows = batch.arrow(index, index + 1)
        for column, place in places:
            if not column.nullable and self._is_null(rows, place, unit):
                return f"Constraint Error: NOT NULL constraint failed: {quote(column.name)}"
        compression = "zstd" if batch.byte_count < _PLAIN_SIZE_BYTES else "uncompressed"
        self._make_room(self._held_bytes + _DIRECT_MEMORY_FACTOR[compression] * batch.byte_count)
        facts, partial = self._next_piece(unit)
        values = ", ".join(f"CAST({place} AS {type_text(column)}) AS {quote(column.name)}" for column, place in places)
        try:
            self._connection.execute(_copy_sql(f"(SELECT {values} FROM rows)", partial, facts, compression))
        except (duckdb.ConstraintException, duckdb.ConversionException) as error:
            self._pieces.pop().unlink(missing_ok=True)
            return str(error).splitlines()[0]
        except duckdb.Error as error:
            raise _failure(error, unit.label) from error
        with _naming(self._folder):
            _sync(partial)
        return ""

    def _is_null(self, rows: object, place: str, unit: Unit) -> bool:
        """Whether the one row has NULL there. DuckDB finds `rows` by name."""
        try:
            return bool(self._connection.execute(f"SELECT 1 FROM rows WHERE {place} IS NULL").fetchall())
        except duckdb.Error as error:
            raise _failure(error, unit.label) from error

    def _insert(self, unit: Unit, batch: Batch, start: int, stop: int, skipped: list[int]) -> str:
        """Inserts these rows or none; the engine's reason if it refused."""
        rows = batch.arrow(start, stop, without=skipped)  # noqa: F841 - DuckDB finds it by name
        columns = ", ".join(quote(name) for name in unit.columns)
        values = ", ".join(f"c{position}" for position in range(len(unit.columns)))
        try:
            self._connection.execute(f"INSERT INTO {_STAGING} ({columns}) SELECT {values} FROM rows")
        except (duckdb.ConstraintException, duckdb.ConversionException) as error:
            return str(error).splitlines()[0]
        except duckdb.Error as error:
            raise _failure(error, unit.label) from error
        return ""

    def commit(self, unit: Unit, checkpoint: Checkpoint) -> None:
        """Writes the file with its checkpoint, syncs it, and gives it its name, after those of its pieces."""
        folder = self._folder / self._entry(unit.table).folder
        facts = _facts(unit) | {
            "pieces": str(len(self._pieces)),
            "row_count": str(checkpoint.row_count),
            "raw_digest": checkpoint.raw_digest,
            "detail": detail_text(checkpoint),
        }
        partial = self._work / f"{_part_name(facts)}.partial"
        with _naming(self._folder):
            make_directory(folder)
            self._copy(unit, facts, partial)
            for piece in self._pieces:
                _put(piece, folder)
            reached("file.rename.before")
            _put(partial, folder)
            reached("file.rename.after")
        self._forget_unit()

    def _copy(self, unit: Unit, facts: dict[str, str], partial: Path) -> None:
        """Writes what is staged to a file, and sees to it that it is on the disk."""
        self._run(_copy_sql(_STAGING, partial, facts, "zstd"), unit.label)
        with _naming(self._folder):
            _sync(partial)

    def rollback(self) -> None:
        """Forgets the unit's rows; its file never got its name."""
        if self._unit is not None and not self._closed:
            for partial in self._work.glob("*.partial"):
                partial.unlink(missing_ok=True)
            with suppress(duckdb.Error):
                self._forget_unit()
            self._unit = None

    def remove(self, unit: Unit) -> None:
        """Deletes a unit's file, and with it its checkpoint; all of the run's files for a whole table."""
        entry = self._entry(unit.table)
        with _naming(self._folder):
            self._unseal(entry)
            if unit.key_range is None:
                paths = [path for path, facts in self._own_files(entry).items() if facts.get("run") == unit.run]
            else:
                paths = self._files_of(entry, unit)
            for path in paths:
                path.unlink()
            _sync(self._folder / entry.folder)

    def close(self) -> None:
        """Ends the session."""
        if not self._closed:
            self._closed = True
            self._connection.close()

    def _make_folders(self) -> None:
        fresh = not self._folder.exists()
        make_directory(self._work)
        if fresh or not (self._folder / MANIFEST_NAME).exists():
            self._store(Manifest(made_folder=fresh))

    def _declare(self, table: Table) -> None:
        manifest = self._manifest()
        folder = folder_name(table.name)
        taken = manifest.entry(table.name) or manifest.in_folder(folder)
        if taken or (self._folder / f"{folder}.parquet").exists() or any((self._folder / folder).glob("*.parquet")):
            raise EngineError(f"parquet: {table.name} already exists in {self._folder}")
        self._store(manifest.replaced(Entry(folder=folder, table=table)))
        make_directory(self._folder / folder)

    def _seal(self, name: Name) -> None:
        """Records the finished table's files, in the order of their names."""
        entry = self._entry(name)
        files = {}
        for path in sorted(self._own_files(entry)):
            identity = file_identity(path)
            files[path.name] = SealedFile(size_bytes=int(identity["size_bytes"]), sha256=identity["sha256"])
        self._store(self._manifest().replaced(entry.model_copy(update={"files": files})))

    def _unseal(self, entry: Entry) -> None:
        if entry.files is not None:
            self._store(self._manifest().replaced(entry.model_copy(update={"files": None})))

    def _drop(self, name: Name) -> None:
        manifest = self._manifest()
        entry = manifest.entry(name)
        if entry is None:
            return
        for path in self._own_files(entry):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            # Somebody else's file keeps its folder.
            (self._folder / entry.folder).rmdir()
        self._store(manifest.without(name))

    def _clean(self) -> None:
        """Removes the work in progress; of a folder without tables the record too, and the folder if it was made."""
        self.close()
        manifest = read_manifest(self._folder)
        shutil.rmtree(self._work, ignore_errors=True)
        if manifest is not None and not manifest.tables:
            (self._folder / MANIFEST_NAME).unlink(missing_ok=True)
            if manifest.made_folder:
                with suppress(OSError):
                    self._folder.rmdir()

    def _own_files(self, entry: Entry, pattern: str = "part-*.parquet") -> dict[Path, dict[str, str]]:
        """The files of a table that this engine wrote, each with what its metadata say, without the prefix."""
        folder = self._folder / entry.folder
        paths = sorted(path for path in folder.glob(pattern) if _PART.match(path.name))
        if not paths:
            return {}
        with translated(str(folder)):
            rows = self._connection.execute(
                f"SELECT file_name, key, value FROM {reader_call('parquet_kv_metadata', paths)}"
            ).fetchall()
        facts: dict[Path, dict[str, str]] = {}
        for file, key, value in rows:
            name = bytes(key).decode("utf-8", "replace")
            if name.startswith(_METADATA):
                text = bytes(value).decode("utf-8", "replace")
                facts.setdefault(Path(file), {})[name.removeprefix(_METADATA)] = text
        return {path: found for path, found in facts.items() if found.get("table") == str(entry.table.name)}

    def _manifest(self) -> Manifest:
        return read_manifest(self._folder) or Manifest()

    def _store(self, manifest: Manifest) -> None:
        write_atomically(self._folder / MANIFEST_NAME, manifest.model_dump_json(indent=1).encode())

    def _entry(self, name: Name) -> Entry:
        entry = self._manifest().entry(name)
        if entry is None:
            raise FileProblem(
                f"{self._folder / MANIFEST_NAME} does not know the table {name}",
                hint="it was changed or removed while the run was stopped: `sensei discard`, then migrate anew",
            )
        return entry

    def _forget_unit(self) -> None:
        self._unit, self._pieces = None, []
        self._connection.execute(f"DROP TABLE IF EXISTS {_STAGING}")

    def _run(self, sql: str, doing: str) -> None:
        try:
            self._connection.execute(sql)
        except duckdb.Error as error:
            raise _failure(error, doing) from error

    def _current(self) -> Unit:
        if self._unit is None:
            raise EngineError("parquet: rows were written outside a unit")
        return self._unit


def _copy_sql(what: str, path: Path, facts: dict[str, str], compression: str) -> str:
    """COPY of a table or a query to a file that says `facts` of itself."""
    metadata = ", ".join(f"{literal(_METADATA + key)}: {literal(value)}" for key, value in facts.items())
    return (
        f"COPY {what} TO {literal(str(path))} (FORMAT parquet, COMPRESSION {compression}, USE_TMP_FILE false,"
        f" ROW_GROUP_SIZE {_ROWS_PER_GROUP}, ROW_GROUP_SIZE_BYTES {literal(_ROW_GROUP_SIZE)},"
        f" KV_METADATA {{{metadata}}})"
    )


def folder_name(name: Name) -> str:
    """The folder of a table: its name, with what no path takes percent-encoded; a very long one is cut and digested."""
    kept = "".join(
        f"%{ord(sign):02X}" if sign in "/%\0" or (sign == "." and place == 0) else sign
        for place, sign in enumerate(str(name))
    )
    data = kept.encode("utf-8", "surrogateescape")
    if len(data) <= _LONGEST_FOLDER_BYTES:
        return kept
    return f"{data[:_LONGEST_FOLDER_BYTES].decode('utf-8', 'ignore')}-{sha256(data).hexdigest()[:16]}"


def type_text(column: Column) -> str:
    """A recorded type, in DuckDB's words. Raises `EngineError` for one that is none: a record can be edited."""
    if column.type.kind in ("unsupported", "enum") or column_type(column.type.declared) != column.type:
        raise EngineError(f"parquet: {column.name}: {column.type.declared} is no type of this engine")
    return column.type.declared


def _definition(column: Column) -> str:
    return f"{quote(column.name)} {type_text(column)}{'' if column.nullable else ' NOT NULL'}"


def _facts(unit: Unit) -> dict[str, str]:
    """What every file says of itself."""
    return {"format": "sensei-parquet-1", "run": unit.run, "table": str(unit.table), "number": str(unit.number)}


def _belongs(facts: dict[str, str], unit: Unit) -> bool:
    return (facts.get("run"), facts.get("number")) == (unit.run, str(unit.number))


def _pieces_of(facts: dict[str, str]) -> range:
    """The numbers of the pieces that belong to a file with a checkpoint."""
    return range(1, int(facts.get("pieces", "0")) + 1)


def _part_name(facts: dict[str, str], piece: int | None = None) -> str:
    """Files count from 1, units from 0."""
    number = int(facts["number"]) + 1
    return f"part-{number:06d}.parquet" if piece is None else f"part-{number:06d}-{piece:04d}.parquet"


def _put(partial: Path, folder: Path) -> None:
    """Gives a finished file its name, durably. A file that stands there already is somebody else's."""
    path = folder / partial.name.removesuffix(".partial")
    if path.exists():
        raise FileProblem(f"{path} is in the way: this run did not write it", hint="move it away, then `sensei resume`")
    partial.rename(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _naming(folder: Path) -> Iterator[None]:
    """File system errors inside as this project's; `folder` where the error names no file."""
    try:
        yield
    except OSError as error:
        hint = "mend what is in the way, then `sensei resume`"
        raise cannot_write(Path(str(error.filename or folder)), error, hint) from error


def _failure(error: duckdb.Error, doing: str) -> Busy | EngineError | FileProblem:
    words = f"parquet: {error} (while: {doing})"
    if isinstance(error, duckdb.OutOfMemoryException):
        return Busy(words, hint="free memory or disk space, then `sensei resume`")
    if isinstance(error, duckdb.IOException) or "No space left" in str(error):
        return Busy(words, hint="the disk is full or the folder unreachable: mend it, then `sensei resume`")
    return EngineError(words)
