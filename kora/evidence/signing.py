"""Keys on disk: the box's signing key, its public half, and one secret key per migration.

    $SENSEI_HOME/keys/                     0700
        signing.pem                        0600  Ed25519, PKCS#8 in PEM; made by the first run
        signing.pub                        0644  one line: `sensei-public-key-1 ed25519 BASE64`
        retired/KEY_ID.pub                 0644  public keys that `kora keygen --rotate` replaced; their private halves
                                                 are gone
        log.pem                            0600  the transparency log's own key
        migrations/RUN.key                 0600  one line: `sensei-migration-key-1 BASE64`, 32 random bytes

A private file that others may read is refused, not repaired: whoever could read it may have a copy.
Key ids are the lower-case hex SHA-256 of the 32 raw public bytes.
"""

import re
import secrets
import stat
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

from kora import _core
from kora.errors import AccessDenied, FileProblem, InvalidRequest, MalformedInput, SenseiError
from kora.evidence.canonical import decode_base64, encode_base64
from kora.evidence.files import create_once, make_directory, read_bounded, write_atomically

PUBLIC_HEADER = "sensei-public-key-1 ed25519"
MIGRATION_HEADER = "sensei-migration-key-1"
PROOF_HEADER = "sensei-proof-key-1"
_PEM_BEGIN, _PEM_END = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
_KEY_FILE_LIMIT_BYTES = 4096
_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 public key: 32 raw bytes."""

    raw: bytes

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw bytes, hex."""
        return _core.key_id(self.raw)

    def to_text(self) -> str:
        """The one line of a `.pub` file, newline included."""
        return f"{PUBLIC_HEADER} {encode_base64(self.raw)}\n"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An Ed25519 key pair. The private bytes (PKCS#8 DER) never appear in a representation or a log."""

    private: bytes = field(repr=False)
    public: PublicKey


class KeyStore:
    """The keys under one `$SENSEI_HOME`."""

    def __init__(self, home: Path) -> None:
        self.directory = home / "keys"

    @property
    def signing_path(self) -> Path:
        """Where the private signing key lies."""
        return self.directory / "signing.pem"

    @property
    def public_path(self) -> Path:
        """Where its public half lies."""
        return self.directory / "signing.pub"

    def signing_key(self) -> SigningKey:
        """The box's key; the first call makes it.

        Raises:
            AccessDenied: Others than its owner may read the private file.
            MalformedInput: The file is not an Ed25519 key in PKCS#8.
            FileProblem: The folder cannot be written or read.
        """
        if not self.signing_path.exists():
            self._make_signing_key()
        key = read_signing_key(self.signing_path)
        if not self.public_path.exists() or read_public_key(self.public_path) != key.public:
            write_atomically(self.public_path, key.public.to_text().encode())
        return key

    def rotate(self) -> tuple[PublicKey, SigningKey]:
        """Replace the signing key. The old public half is kept under `retired/`, its private half is removed.

        Killed at any moment, the next call goes on: the old public key is kept before the new pair stands.

        Returns:
            The public key that was replaced, and the new pair.
        """
        old = self.signing_key().public
        self._make_directories(self.directory / "retired")
        write_atomically(self.retired_path(old), old.to_text().encode())
        write_atomically(self.signing_path, _to_pem(_core.generate_signing_key()).encode(), mode=0o600)
        new = read_signing_key(self.signing_path)
        write_atomically(self.public_path, new.public.to_text().encode())
        return old, new

    def retired_path(self, key: PublicKey) -> Path:
        """Where a replaced public key is kept."""
        return self.directory / "retired" / f"{key.key_id}.pub"

    def retired_paths(self) -> list[Path]:
        """The files of the public keys that this box signed with before, each called by its key id."""
        return sorted((self.directory / "retired").glob("*.pub"))

    def own_keys(self) -> list[PublicKey]:
        """The public keys of this box: the one of now, and those it signed with before. Raises as `signing_key`."""
        return [self.signing_key().public, *(read_public_key(path) for path in self.retired_paths())]

    def log_key(self) -> SigningKey:
        """The transparency log's key; the first call makes it. Raises as `signing_key` does."""
        path = self.directory / "log.pem"
        if not path.exists():
            self._make_directories(self.directory)
            create_once(path, _to_pem(_core.generate_signing_key()).encode())
        return read_signing_key(path)

    def existing_migration_key(self, run: str) -> bytes:
        """The secret bytes of a migration that was. Raises `FileProblem` where they are not here, else as above."""
        path = self.directory / "migrations" / f"{run}.key"
        if not _RUN_NAME.fullmatch(run) or not path.exists():
            raise FileProblem(
                f"the key of run {run} is not in {self.directory}",
                hint="set SENSEI_HOME to the home of the box that made the certificate",
            )
        return self.migration_key(run)

    def migration_key(self, run: str) -> bytes:
        """The 32 secret bytes of one migration; the first call draws them. Raises as `signing_key` does."""
        if not _RUN_NAME.fullmatch(run):
            raise InvalidRequest(f"{run!r} is not a run's name")
        path = self.directory / "migrations" / f"{run}.key"
        if not path.exists():
            self._make_directories(path.parent)
            make_migration_key(path)
        return read_migration_key(path)

    def kept_migration_key(self, run: str) -> bytes | None:
        """The key of a migration that was made here, None where there is none; never draws one."""
        path = self.directory / "migrations" / f"{run}.key"
        return read_migration_key(path) if _RUN_NAME.fullmatch(run) and path.exists() else None

    def _make_signing_key(self) -> None:
        self._make_directories(self.directory)
        create_once(self.signing_path, _to_pem(_core.generate_signing_key()).encode())

    def _make_directories(self, directory: Path) -> None:
        for folder in (self.directory.parent, self.directory, directory):
            make_directory(folder, mode=0o700)


def make_migration_key(path: Path) -> bool:
    """Draws a migration's key into a new file of mode 0600; False if there is a file already, which is kept."""
    return create_once(path, f"{MIGRATION_HEADER} {encode_base64(secrets.token_bytes(32))}\n".encode())


def read_migration_key(path: Path) -> bytes:
    """The 32 secret bytes of a migration's key file. Raises as `KeyStore.signing_key` does."""
    return _one_line_key(_read_private(path), MIGRATION_HEADER, path)


def read_signing_key(path: Path) -> SigningKey:
    """A private key from its PEM file. Raises as `KeyStore.signing_key` does."""
    private = _from_pem(_read_private(path), path)
    try:
        return SigningKey(private, PublicKey(_core.public_key(private)))
    except SenseiError as error:
        raise _not_a_key(path, "an Ed25519 private key") from error


def read_public_key(path: Path) -> PublicKey:
    """A public key from its `.pub` file.

    Raises:
        FileProblem: It cannot be read.
        MalformedInput: It is not one line with the header of a public key.
    """
    data = read_bounded(path, _KEY_FILE_LIMIT_BYTES)
    if data.startswith(b"-----BEGIN") and b"PRIVATE" in data[:64]:
        raise MalformedInput(f"{path} is a private key", hint="give the .pub file, and keep the private key at home")
    return PublicKey(_one_line_key(data, PUBLIC_HEADER, path))


def read_proof_key(path: Path) -> bytes:
    """An auditor's key for one table, 32 bytes. Raises `FileProblem`, `AccessDenied`, `MalformedInput`."""
    return _one_line_key(_read_private(path), PROOF_HEADER, path)


def write_proof_key(path: Path, key: bytes) -> None:
    """Write an auditor's key, readable by its owner alone."""
    write_atomically(path, f"{PROOF_HEADER} {encode_base64(key)}\n".encode(), mode=0o600)


def _one_line_key(data: bytes, header: str, path: Path) -> bytes:
    line = data.decode("ascii", "replace")
    if not line.startswith(header + " ") or line.count("\n") > 1:
        raise _not_a_key(path, f"one line that begins with {header!r}")
    try:
        raw = decode_base64(line[len(header) + 1 :].removesuffix("\n"), str(path))
    except SenseiError as error:
        raise _not_a_key(path, "a key in base64") from error
    if len(raw) != 32:
        raise _not_a_key(path, "a key of 32 bytes")
    return raw


def _read_private(path: Path) -> bytes:
    data = read_bounded(path, _KEY_FILE_LIMIT_BYTES)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise AccessDenied(
            f"the private key {path} may be read by others (mode {mode:04o})",
            hint=f"if nobody else had access: chmod 600 {path}; else move it away and run `kora keygen`",
        )
    return data


def _to_pem(der: bytes) -> str:
    return "\n".join([_PEM_BEGIN, *textwrap.wrap(encode_base64(der), 64), _PEM_END, ""])


def _from_pem(data: bytes, path: Path) -> bytes:
    lines = data.decode("ascii", "replace").split()
    text = " ".join(lines)
    if not (text.startswith(_PEM_BEGIN) and text.endswith(_PEM_END)):
        raise _not_a_key(path, "a private key in PEM")
    try:
        return decode_base64(text[len(_PEM_BEGIN) : -len(_PEM_END)].replace(" ", ""), str(path))
    except SenseiError as error:
        raise _not_a_key(path, "a private key in PEM") from error


def _not_a_key(path: Path, wanted: str) -> MalformedInput:
    return MalformedInput(f"{path} does not hold {wanted}", hint="`kora keygen` makes a key pair")
