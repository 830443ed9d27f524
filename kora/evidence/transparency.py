"""A site's transparency log: one folder to which certificates are appended, and from which nothing is ever taken.

The layout, the arithmetic and the order of writing are the core's; `docs/formats/tlog.md` is the format. Here stand the
keys, the lock between writers and the proof file that ships beside a certificate.

    $SENSEI_HOME/keys/log.pem   0600  the log's own Ed25519 key, made by `kora log init`
    LOG/checkpoint              the signed state of now
    LOG/tile/…                  C2SP tlog-tiles
    LOG/log.pub                 the log's public key: one line, name+hash+base64
"""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kora import _core
from kora.errors import Busy, FileProblem, InvalidRequest, MalformedInput
from kora.evidence.files import cannot_write, make_directory, read_bounded, write_atomically
from kora.evidence.outputs import output_place
from kora.evidence.signing import KeyStore

PUBLIC_KEY_NAME = "log.pub"
PROOF_SUFFIX = ".tlog-proof"
_CHECKPOINT_NAME = "checkpoint"
_PROOF_HEADER = b"c2sp.org/tlog-proof@v1\n"
_SMALL_FILE_LIMIT_BYTES = 128 << 10


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log signed of itself: its name, its entries, its root in hex; `note` is the signed text."""

    origin: str
    size: int
    root: str
    note: str


@dataclass(frozen=True, slots=True)
class Logged:
    """A file in the log. `index` counts from 0; `proof` is the file that ships beside it, under `checkpoint`."""

    file: Path
    index: int
    proof: Path
    new: bool
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class LogState:
    """A log as its checkpoint says."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class LogPlace:
    """The place of one file in a log."""

    index: int
    checkpoint: Checkpoint


def create_log(folder: Path, origin: str, keys: KeyStore) -> str:
    """Begin an empty log; gives its public key's text.

    Raises:
        InvalidRequest: A log stands there already, or the name cannot be one.
        FileProblem, Busy: The folder cannot be written.
    """
    signing = keys.log_key()
    text = _core.log_key(origin, signing.public.raw)
    make_directory(folder)
    with _one_writer(folder):
        _core.log_create(str(folder), origin, signing.private)
        write_atomically(folder / PUBLIC_KEY_NAME, f"{text}\n".encode())
    return text


def append_files(folder: Path, files: Sequence[Path], keys: KeyStore) -> list[Logged]:
    """Append files by their digests and write each one's proof beside it. A file that is there already stays once.

    Raises:
        NotAuthentic, MalformedInput: The log is damaged: nothing was appended.
        Busy: Another process writes to it, or the disk is full: the log is the one of its last checkpoint.
        FileProblem: A file cannot be read or a proof not written; then the entry may be in the log, and appending the
            same file again writes its proof.
    """
    key, signing = read_log_key(folder / PUBLIC_KEY_NAME), keys.log_key()
    entries = [_entry(file) for file in files]
    with _one_writer(folder):
        known = {entry: _core.log_find(str(folder), key, entry) for entry in entries}
        new = [entry for entry in dict.fromkeys(entries) if known[entry] is None]
        first = _core.log_append(str(folder), key, signing.private, new)
        places = {entry: place for entry, place in known.items() if place is not None}
        places |= {entry: first + offset for offset, entry in enumerate(new)}
        checkpoint = read_checkpoint(folder)
        logged = []
        for file, entry in zip(files, entries, strict=True):
            proof = proof_path(file)
            write_atomically(proof, _core.log_prove(str(folder), key, places[entry]))
            logged.append(Logged(file, places[entry], proof, entry in new, checkpoint))
    return logged


def read_checkpoint(folder: Path) -> Checkpoint:
    """The state of now that a log signed. Raises `InvalidRequest` where there is no log, and as reading one does."""
    if not folder.is_dir():
        raise no_log(folder)
    path = folder / _CHECKPOINT_NAME
    return _opened(read_bounded(path, _SMALL_FILE_LIMIT_BYTES), str(path), read_log_key(folder / PUBLIC_KEY_NAME))


def _opened(note: bytes, what: str, key: str) -> Checkpoint:
    return Checkpoint(*_core.log_checkpoint(note, what, key), note=note.decode())


def no_log(folder: Path) -> InvalidRequest:
    """There is no log in a folder."""
    return InvalidRequest(f"there is no log in {folder}", hint=f"kora log init {folder} --origin NAME")


def prove_file(folder: Path, file: Path, output: Path) -> int:
    """Write the proof that a file stands in the log, under its checkpoint of now; gives the entry's number.

    Raises:
        InvalidRequest: The file is not in the log, or the proof would replace it or the log.
        NotAuthentic, MalformedInput, FileProblem: As reading the log does.
    """
    output = output_place(output, files=[file, folder])
    key = read_log_key(folder / PUBLIC_KEY_NAME)
    index = _core.log_find(str(folder), key, _entry(file))
    if index is None:
        raise InvalidRequest(f"{file} is not in the log {folder}", hint=f"kora log append {folder} {file}")
    write_atomically(output, _core.log_prove(str(folder), key, index))
    return index


def check_log(folder: Path, key: str, retained: Path | None = None) -> LogState:
    """Read a whole log against its checkpoint and, if one was kept, against an older checkpoint.

    `retained` is a checkpoint, or a log proof, which holds the checkpoint that it was made under.

    Raises:
        NotAuthentic, MalformedInput: The first thing that does not fit.
    """
    older = read_bounded(retained, _SMALL_FILE_LIMIT_BYTES) if retained else None
    if older and older.startswith(_PROOF_HEADER):
        older = older.partition(b"\n\n")[2]
    size, root = _core.log_check(str(folder), key, older)
    return LogState(key.split("+", maxsplit=1)[0], size, root)


def _entry(file: Path) -> bytes:
    """A file's entry: of the whole file, the sections of a fingerprint included, however large."""
    return _core.log_entry(_core.sha256_file(str(file)))


def check_proof(file: Path, key: str) -> LogPlace:
    """Whether the proof beside a file shows that it stands in the log.

    Raises:
        FileProblem: There is no proof beside it.
        NotAuthentic, MalformedInput: The proof does not hold.
    """
    path = proof_path(file)
    if not path.is_file():
        raise FileProblem(f"{path} is missing: it proves that {file.name} stands in the log", hint="ask its issuer")
    index, note = _core.check_log_proof(read_bounded(path, _SMALL_FILE_LIMIT_BYTES), str(path), _entry(file), key)
    return LogPlace(index, _opened(note, str(path), key))


def proof_path(file: Path) -> Path:
    """Where a file's proof lies: beside it, `.tlog-proof` behind its name."""
    return file.with_name(file.name + PROOF_SUFFIX)


def read_log_key(path: Path) -> str:
    """A log's public key from its file. Raises `FileProblem`, `MalformedInput`."""
    text = read_bounded(path, _SMALL_FILE_LIMIT_BYTES).decode("utf-8", "replace").strip()
    if text.count("+") < 2 or "\n" in text:
        raise MalformedInput(f"{path} is not the public key of a log", hint="name the log's log.pub")
    return text


@contextmanager
def _one_writer(folder: Path) -> Iterator[None]:
    """The kernel's lock on the folder: it dies with the process."""
    if not folder.is_dir():
        raise no_log(folder)
    try:
        lock = (folder / ".lock").open("ab")
    except OSError as error:
        raise cannot_write(folder / ".lock", error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another process writes to the log {folder}", hint="try again when it is done") from error
        yield
