"""The sections of a fingerprint: bytes behind the signed part, written one after another and read back bounded."""

import zlib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kora.catalog import Catalog
from kora.comparison.fingerprint import Fingerprint, Section
from kora.errors import FileProblem, LimitExceeded, MalformedInput, NotAuthentic
from kora.scratch_folders import naming

SECTION_LIMIT_BYTES = 80 << 20
"""Of a section that is held in memory: all but lists of rows. The largest sketch has 64 MiB."""
CATALOG_LIMIT_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20


class BodyWriter:
    """Appends sections to one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = 0
        with naming(path.parent):
            path.touch(mode=0o600)

    def add(self, data: bytes) -> Section:
        """Appends bytes."""
        with naming(self.path.parent), self.path.open("ab") as file:
            file.write(data)
        return self.appended(len(data))

    def appended(self, length: int) -> Section:
        """Names what somebody else appended: the last `length` bytes of the file."""
        section = Section(offset=self._size, length=length, sha256=_digest_of(self.path, self._size, length))
        self._size += length
        return section


@dataclass(frozen=True, slots=True)
class OpenFingerprint:
    """A fingerprint with its sections at hand: they begin at `body_offset` of the file at `path`."""

    fingerprint: Fingerprint
    path: Path
    body_offset: int

    def section(self, section: Section) -> bytes:
        """A section's bytes. Raises `LimitExceeded` beyond `SECTION_LIMIT_BYTES`, `FileProblem`, `NotAuthentic`."""
        if section.length > SECTION_LIMIT_BYTES:
            raise LimitExceeded(f"{self.path} has a section of {section.length:,} bytes")
        data = _read(self.path, self.body_offset + section.offset, section.length)
        if sha256(data).hexdigest() != section.sha256:
            raise _altered(self.path)
        return data

    def place(self, section: Section) -> tuple[str, int, int]:
        """Where a section stands, for the core to read it piece by piece."""
        return str(self.path), self.body_offset + section.offset, section.length

    def catalog(self) -> Catalog | None:
        """The catalog that was read with the rows; None where the file has none.

        Raises:
            MalformedInput, LimitExceeded: What is there is no catalog, or unfolds beyond `CATALOG_LIMIT_BYTES`.
        """
        section = self.fingerprint.catalog
        return unpack_catalog(self.section(section), str(self.path)) if section else None

    def check_body(self) -> None:
        """Makes sure that the sections are all that follows the signed part, and exactly those that were signed.

        Raises:
            NotAuthentic: They are not.
            FileProblem: The file cannot be read.
        """
        expected = 0
        for section in self.fingerprint.sections:
            if section.offset != expected:
                raise MalformedInput(f"{self.path}: its sections do not lie one behind the other")
            expected += section.length
        try:
            size = self.path.stat().st_size
        except OSError as error:
            raise FileProblem(f"{self.path} cannot be read: {error.strerror}") from error
        if size != self.body_offset + expected:
            raise NotAuthentic(f"{self.path} was cut off, or something was added to it, after it was signed")
        for section in self.fingerprint.sections:
            if _digest_of(self.path, self.body_offset + section.offset, section.length) != section.sha256:
                raise _altered(self.path)


def pack_catalog(catalog: Catalog) -> bytes:
    """A catalog as compressed JSON. Raises `LimitExceeded` where it would not be read back."""
    text = _catalogs().dump_json(catalog, exclude_defaults=True)
    if len(text) > CATALOG_LIMIT_BYTES:
        raise LimitExceeded(
            f"the catalog has {len(text):,} bytes; a fingerprint holds {CATALOG_LIMIT_BYTES:,}",
            hint="take the tables in parts: --tables PATTERN",
        )
    return zlib.compress(text, 9)


def unpack_catalog(data: bytes, what: str) -> Catalog:
    """The reverse, without believing what it says of its size. Raises as `OpenFingerprint.catalog`."""
    unfolding = zlib.decompressobj()
    try:
        text = unfolding.decompress(data, CATALOG_LIMIT_BYTES)
        if unfolding.unconsumed_tail:
            raise LimitExceeded(f"the catalog in {what} has more than {CATALOG_LIMIT_BYTES:,} bytes")
        if not unfolding.eof or unfolding.unused_data:
            raise MalformedInput(f"the catalog in {what} is cut off, or has something behind it")
        return _catalogs().validate_json(text)
    except (zlib.error, ValidationError) as error:
        raise MalformedInput(f"{what} holds no catalog where it says so") from error


@cache
def _catalogs() -> TypeAdapter[Catalog]:
    """Made when a fingerprint with a catalog is written or read: a verification writes none."""
    return TypeAdapter(Catalog)


def _read(path: Path, offset: int, length: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error


def _digest_of(path: Path, offset: int, length: int) -> str:
    digest = sha256()
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while length > 0 and (piece := file.read(min(length, _PIECE_BYTES))):
                digest.update(piece)
                length -= len(piece)
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _altered(path: Path) -> NotAuthentic:
    return NotAuthentic(f"{path} was altered after it was signed: a section has another digest")
