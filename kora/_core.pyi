"""The Rust core, as Python sees it. Long calls release the GIL; errors are `kora.errors` exceptions."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, Protocol, Self, TypeAlias, final

_Scalar: TypeAlias = None | bool | int | float | str | bytes
_Side: TypeAlias = Literal["source", "target"]

class _GivesArrow(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

@final
class ArrowStream:
    """Rows as an Arrow C stream, for whoever takes one: DuckDB does."""
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

def version() -> str: ...

# --- connections ---------------------------------------------------------------------------------------------------
@final
class SqliteConnection:
    """The one SQLite library of this process. `mode`: `ro` (default), `rw` (must exist), `create`."""
    def __new__(cls, path: str, mode: Literal["ro", "rw", "create"] = "ro") -> Self: ...
    def query(self, sql: str, parameters: Sequence[_Scalar] = ...) -> list[tuple[_Scalar, ...]]: ...
    def execute(self, sql: str, parameters: Sequence[_Scalar] = ...) -> int:
        """Rows changed."""
    def executescript(self, sql: str) -> None: ...
    def file_bytes(self, offset: int, length: int) -> bytes:
        """Bytes of the main file, at most `length` and 16 MiB of them, without opening it anew, which would cost this
        process its locks."""
    def interrupt(self) -> None:
        """Ends the statement that runs now, in any thread, with `Stopped`."""
    def close(self) -> None: ...
    @property
    def sqlite_version(self) -> str: ...

@final
class PostgresConnection:
    """A reading session. `settings`: host (a folder means its socket), port, user, password, dbname, sslmode,
    sslrootcert, sslcert, sslkey, connect_timeout, application_name, options: as libpq understands them."""
    def __new__(cls, settings: dict[str, str], line: LineBytes | None = None) -> Self: ...
    def execute(self, sql: str) -> None: ...
    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of the last statement that has any. Booleans, integers, floats, bytea and arrays of
        them and of texts come as such, every other value as its text."""
    def column_types(self, sql: str) -> list[int]:
        """The types of the columns of the last statement that has any, as OIDs of pg_type, also without rows."""
    @property
    def idle(self) -> bool:
        """Whether no stream of rows holds it."""
    def close(self) -> None: ...

@final
class MysqlConnection:
    """A reading session with MariaDB or MySQL. `settings`: host, port, socket (a path, instead of both), user,
    password, database, ssl-mode, ssl-ca, ssl-cert, ssl-key, server-public-key-path: as in MySQL's clients;
    connect_timeout in seconds."""
    def __new__(cls, settings: dict[str, str], line: LineBytes | None = None) -> Self: ...
    def execute(self, sql: str) -> None: ...
    def query(self, sql: str) -> list[tuple[str | None, ...]]:
        """A statement in the text protocol; every value as text."""
    def results(self, call: str | None = None) -> RowStream | None:
        """The first result with rows of a CALL; without one, the next of the same, None behind the last."""
    @property
    def idle(self) -> bool:
        """Whether no stream of rows holds it."""
    @property
    def server_version(self) -> str:
        """As `10.11.6-MariaDB`; empty once it is closed."""
    def close(self) -> None: ...

# --- rows ----------------------------------------------------------------------------------------------------------
@final
class RowStream:
    """Rows being read, in one lane or in several. Consumed once, each lane by one thread at a time.
    `digest_rows`, `spill_rows` and `carry_rows` read all lanes at once, whoever else one after the other."""
    @property
    def column_count(self) -> int: ...
    def lanes(self) -> list[RowStream]:
        """A stream of its own for each lane. Consumes this one."""
    def count(self) -> int:
        """Reads to the end; the rows that came."""
    def shown(self, limit: int) -> list[list[tuple[str, str | None]]]:
        """The first `limit` rows, each value as its kind and its exact text (bytes in hex): for tests and samples."""
    def picked(self, ordinals: Sequence[int], folder: str, stem: str) -> PickedRows:
        """The rows at these ordinals (from 0, ascending), one at a time. Consumes the stream.
        A value longer than 1 MiB goes straight to a file in `folder`, `{stem}-{row}-{column}` (mode 0600), as bytes; so
        do those with which a row's other values would be more than 4 MiB.
        """

@final
class PickedRows:
    """One list per row: each value's kind, its text, and, where a file has it, that file's name, bytes and SHA-256."""
    def __iter__(self) -> Self: ...
    def __next__(self) -> list[tuple[str, str | None, tuple[str, int, str] | None]]: ...

def row_lanes(columns: int, lanes: Sequence[Callable[[], RowStream | None]]) -> RowStream:
    """As many lanes as there are callables: each gives its lane's next piece, in the thread that reads the lane, or
    None at the end. What one raises is raised again by whoever reads the stream."""

def sqlite_rows(connection: SqliteConnection, sql: str, parameters: Sequence[_Scalar] = ...) -> RowStream: ...
def postgres_rows(connection: PostgresConnection, query: str, types: Sequence[str]) -> RowStream:
    """`query` is a SELECT; it is wrapped in COPY (…) TO STDOUT (FORMAT BINARY). `types`: pg_type names per column."""

def mysql_rows(connection: MysqlConnection, query: str, types: Sequence[str]) -> RowStream:
    """`query` is prepared and read in the binary protocol. `types`, one per column: `integer`, `decimal`, `float`,
    `bit(N)`, `date`, `time`, `datetime`, `timestamp`, `bytes`, `uuid`, `text:CHARSET`, `json:CHARSET`, `enum:CHARSET`,
    `marked enum:CHARSET`; empty for what the result set says. No types at all: every column as it says."""

def mysql_sealed_password(password: str, challenge: bytes, key_path: str) -> bytes:
    """For a line that is not encrypted: only the server whose public key (PEM) this is opens it."""

def arrow_rows(stream: _GivesArrow, types: Sequence[str]) -> RowStream:
    """`types`: DuckDB type names per column, for what Arrow does not say (JSON, UUID, TIMETZ, ENUM, BIT)."""

def arrow_windows(
    streams: Iterable[_GivesArrow], types: Sequence[str], taken: Callable[[], object] | None = None
) -> RowStream:
    """Several streams as one; each is asked for only when the one before it was read to its end, in that thread.
    `taken`, for streams that need much memory: one at a time in the process is read into memory and closed first."""

def parquet_rows(
    files: Sequence[tuple[str, Sequence[tuple[int, int]] | None]], columns: Sequence[tuple[str, str]]
) -> RowStream:
    """Parquet files one after the other, page by page. `files`: paths, each with the rows wanted of it (first and the
    one behind the last, ascending) or None for all. `columns`: names with DuckDB's types.
    Raises `UnsupportedType` for what is not read: columns with parts, INT96, encryption, LZO."""

@final
class CsvFile:
    """One CSV file, plain or a member of a zip. Detects dialect and encoding where not given."""
    def __new__(
        cls,
        path: str,
        member: str | None = None,
        *,
        delimiter: str | None = None,
        quote: str | None = None,
        encoding: str | None = None,
        header: bool | None = None,
    ) -> Self: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def quote(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def newline(self) -> str: ...
    @property
    def header(self) -> bool: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def sha256(self) -> str: ...
    def rows(self, columns: Sequence[int] | None = None) -> RowStream: ...

def zip_members(path: str) -> list[tuple[str, int]]:
    """Name and uncompressed size in bytes of each file in an archive."""

def memory_rows(rows: Sequence[Sequence[_Scalar]]) -> RowStream:
    """Python rows as SQLite would store them; for tests and small things."""

# --- digests -------------------------------------------------------------------------------------------------------
@final
class Progress:
    """Counters that another thread may read while a scan runs; `stop()` ends the scan with `Stopped`."""
    def __init__(self) -> None: ...
    @property
    def rows(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    def stop(self) -> None: ...

@final
class DigestKey:
    """32 secret bytes from which all keys of one comparison derive."""
    def __new__(cls, key: bytes) -> Self: ...
    @staticmethod
    def random() -> DigestKey: ...
    @property
    def key_id(self) -> str:
        """Hex, derived one-way; safe to print."""

@final
class TableDigest:
    """One side of one table pair: what a pass over its rows left behind."""
    @property
    def row_count(self) -> int: ...
    @property
    def byte_count(self) -> int: ...
    @property
    def live_sum(self) -> bytes:
        """Σ row digest mod 2²⁵⁶, 32 bytes little-endian."""
    @property
    def root(self) -> bytes | None:
        """BLAKE3 of the sorted row digests and their multiplicities, 32 bytes, where asked for."""
    @property
    def tallies(self) -> str:
        """JSON list, per compared column: {pair, read, disobeyed, policies: {rule: changed}}."""
    @property
    def tree(self) -> tuple[int, bytes, bytes] | None:
        """Leaves, root and the proof key's commitment of the row tree, where asked for."""

def digest_rows(
    stream: RowStream, profile: str, side: _Side, key: DigestKey, *, root_key: DigestKey | None = None,
    tree_unique: bool | None = None, spill_directory: str | None = None, progress: Progress | None = None
) -> TableDigest:  # fmt: skip
    """One pass. `root_key`: also the root under that key; row digests beyond 64 MiB then go to
    `spill_directory` (the system's temporary folder if None). `tree_unique`: also a row tree under that key, of a table
    whose key is unique (True) or is not; its leaves go there too, beyond 64 MiB of them."""

@final
class Difference:
    """What two digests under one key and profile say about each other."""
    @property
    def equal(self) -> bool: ...
    @property
    def decoded(self) -> bool:
        """Whether the sketch named every differing row, proven by the sums."""
    @property
    def source_keys(self) -> list[bytes]:
        """Key bytes (KCF-1 cells) of rows that stand only on the source side; empty if not decoded."""
    @property
    def target_keys(self) -> list[bytes]: ...
    def explains(self, source_digest_sum: bytes, target_digest_sum: bytes) -> bool:
        """Whether rows whose digests sum up to these are all that differs: the proof, once they were read again."""

def compare_digests(source: TableDigest, target: TableDigest) -> Difference: ...

@final
class RowSpill:
    """Key and row digests of one side, on disk, for the exact second pass."""
    @property
    def row_count(self) -> int: ...
    def keys_of(self, tags: Sequence[bytes]) -> list[bytes | None]:
        """KCF-1 cells of the keys with these tags (16 bytes each); None for one that is not among the smallest."""

def spill_rows(
    stream: RowStream, profile: str, side: _Side, key: DigestKey, directory: str, *, progress: Progress | None = None
) -> RowSpill: ...

@final
class SpillDifference:
    @property
    def mismatch(self) -> int: ...
    @property
    def missing_in_target(self) -> int: ...
    @property
    def extra_in_target(self) -> int: ...
    @property
    def samples(self) -> list[tuple[str, bytes, int, int]]:
        """Up to `limit`: outcome, key tag (16 bytes), source multiplicity, target multiplicity."""

def compare_spills(source: RowSpill, target: RowSpill, limit: int) -> SpillDifference: ...

@final
class Row:
    """One row held in memory, to show it and to say which columns differ."""
    @property
    def key(self) -> bytes:
        """KCF-1 cells of its key columns."""
    @property
    def key_tag(self) -> bytes: ...
    @property
    def digest(self) -> bytes: ...
    @property
    def cells(self) -> list[bytes]:
        """Per compared column what tells two values apart, after representation and policies: its canonical bytes; of
        more than 4 KiB of them a digest, as the canonical bytes of a byte string."""
    @property
    def long(self) -> list[str | None]:
        """Per compared column the kind of a value of which `cells` has the digest; None where it has the value."""
    @property
    def stored(self) -> list[tuple[str, str | None]]:
        """Kind and display text per column, as stored; text is cut at 256 characters, shown by an ellipsis."""
    @property
    def cut(self) -> list[tuple[int, bytes] | None]:
        """Per column, where `stored` is cut: the value's bytes (a text's in UTF-8) and their SHA-256."""
    @property
    def copies(self) -> int:
        """How many equal rows came; they are held once."""

def collect_rows(
    stream: RowStream, profile: str, side: _Side, key: DigestKey, *, key_tags: Sequence[bytes] | None = None,
    carried_tags: set[bytes] | None = None, limit: int | None = None, progress: Progress | None = None
) -> list[Row]:  # fmt: skip
    """Different rows whose key tag is asked for (all without `key_tags`); at most `limit`.

    `carried_tags`: the first 8 bytes of key tags, as fingerprint files hold them.
    """

def decode_cells(cells: bytes) -> list[tuple[str, str | None]]:
    """Kind and exact text of concatenated KCF-1 cells (bytes in hex)."""

@final
class AnswerDigest:
    """What a query answered; `exact` and `plain` are a set and a sequence of 32 bytes each: docs/formats/kbh.md."""
    @property
    def row_count(self) -> int: ...
    @property
    def kinds(self) -> list[list[str]]: ...
    @property
    def exact(self) -> tuple[bytes, bytes]: ...
    @property
    def plain(self) -> tuple[bytes, bytes]: ...

def digest_answer(
    stream: RowStream, key: DigestKey, order: Sequence[int] = ..., *, progress: Progress | None = None
) -> AnswerDigest:
    """`order`: positions of the columns that ORDER BY names. Raises `LimitExceeded` beyond 4,096 columns."""

_Reading: TypeAlias = tuple[bytes, bytes | None]
_Entry: TypeAlias = tuple[str, bytes, int, str, str, tuple[int, list[str], bool, _Reading, _Reading] | None]

def pack_answers(head: bytes, answers: Sequence[_Entry]) -> bytes: ...
def unpack_answers(body: bytes) -> tuple[bytes, list[_Entry]]: ...
def set_digest(digests: Sequence[bytes]) -> bytes:
    """Σ mod 2²⁵⁶ of 32-byte digests, little-endian."""

# --- fingerprint files ---------------------------------------------------------------------------------------------
CARRIED_BUCKETS: int
"""Parts into which key tags cut a table."""
CARRIED_SYMBOLS: int
"""Symbols of a sketch where nobody says how many differences to expect."""
CARRIED_SYMBOLS_LIMIT: int
_ListPlace: TypeAlias = tuple[str, int, int]
"""File, first byte, length in bytes."""

@final
class CarriedDigest:
    """One table of a fingerprint file. Sections: docs/formats/kfp.md."""
    @property
    def row_count(self) -> int: ...
    @property
    def root(self) -> bytes: ...
    @property
    def tallies(self) -> str:
        """JSON list, as `TableDigest.tallies`."""
    def bucket_section(self) -> bytes | None: ...
    def sketch_section(self) -> bytes | None: ...
    def append_list(self, path: str, buckets: Sequence[int] | None = None) -> int:
        """Appends the list of rows (of some buckets) to a file; its length in bytes."""

def carry_rows(
    stream: RowStream,
    profile: str,
    side: _Side,
    key: DigestKey,
    *,
    tier: int,
    symbols: int,
    unique: bool = False,
    spill_directory: str | None = None,
    progress: Progress | None = None,
) -> CarriedDigest:
    """One pass. `unique`: each row's multiplicity is 1 by right; else rows are counted first, on disk if need be."""

@final
class CarriedDifference:
    """Rows that stand on one side only, by key."""
    @property
    def decoded(self) -> bool:
        """Whether this is all that differs, proven; else it is a part at most."""
    @property
    def mismatch(self) -> int: ...
    @property
    def missing_in_target(self) -> int: ...
    @property
    def extra_in_target(self) -> int: ...
    @property
    def omitted(self) -> int:
        """Keys that are counted and not named."""
    @property
    def keys(self) -> list[tuple[bytes, list[tuple[bytes, int]], list[tuple[bytes, int]]]]:
        """Key tag (8 bytes); rows left on the source's side and on the target's: half digest (16 bytes), how many."""

def differing_buckets(source: bytes, target: bytes) -> list[int]:
    """Of two bucket sections: where the tables differ, ascending."""

def reconcile_sketches(source: bytes, target: bytes) -> CarriedDifference:
    """Of two sketch sections. Raises `MalformedInput` for sketches that no honest pass writes."""

def join_lists(source: _ListPlace, target: _ListPlace, limit: int) -> CarriedDifference:
    """Joins two lists of rows within the buckets that both hold, in bounded memory; names at most `limit` rows."""

def symbols_for(elements: int) -> int:
    """Enough symbols for so many differing elements; an altered row is two."""

# --- push-down -----------------------------------------------------------------------------------------------------
@final
class LineBytes:
    """Bytes that connections sent and received over TCP, TLS and logins included; Unix sockets are no line."""
    def __new__(cls) -> Self: ...
    @property
    def sent(self) -> int: ...
    @property
    def received(self) -> int: ...

_Watched: TypeAlias = Progress | None
_Within: TypeAlias = tuple[int, set[int]]
"""Hex digits, and the numbers of so many digits with which a key's digest may begin."""

@final
class PushdownSums:
    @property
    def total(self) -> tuple[int, list[int]]:
        """Rows, and the exact sums of their digests' four words."""
    @property
    def buckets(self) -> list[tuple[int, int, int]]:
        """Number, rows and exact sum of the first word, of each bucket that has rows, ascending."""
    @property
    def tallies(self) -> str: ...

def pushdown_sums(
    stream: RowStream, profile: str, side: _Side, salt: str, digits: int, beside: list[int] | None, *,
    within: _Within | None = None, progress: _Watched = None
) -> PushdownSums:  # fmt: skip
    """`salt`: 64 hex digits. `digits`: of a bucket's number, at most 6.

    `beside`: positions of the columns that no server renders, ascending; None where the first column of the stream is
    what a server digested of each row, and the profile holds the columns beside it alone.
    """

def pushdown_digests(
    stream: RowStream, profile: str, side: _Side, salt: str, within: _Within, limit: int, beside: list[int] | None, *,
    progress: _Watched = None
) -> list[tuple[bytes, int]]:  # fmt: skip
    """The first 16 bytes of a key's digest and of a row's, and how many rows have them.

    `LimitExceeded` for more than `limit` different ones. `beside` as in `pushdown_sums`; where it is None, 16 bytes of
    what the server digested stand behind.
    """

def pushdown_rows(
    stream: RowStream, profile: str, side: _Side, key: DigestKey, salt: str, keys: set[bytes], beside: list[int], *,
    progress: _Watched = None
) -> list[Row]:  # fmt: skip
    """The different rows whose key's digest begins with one of these 16 bytes, as `collect_rows` gives them."""

# --- survey --------------------------------------------------------------------------------------------------------
def survey_rows(stream: RowStream, *, progress: Progress | None = None) -> str:
    """JSON: what each column's values are. See docs/formats/survey.md."""

# --- loading -------------------------------------------------------------------------------------------------------
@final
class Loader:
    """Turns a stream of source rows into batches in the target's own encoding.

    `target_types`: pg_type names, DuckDB types, SQLite affinities or MariaDB types, by `encoding`.
    `raw_digest` is over the source rows exactly as read, before any rule.
    """
    def __new__(
        cls,
        stream: RowStream,
        profile: str,
        encoding: Literal["postgres_copy", "arrow", "sqlite", "mysql_load_data"],
        target_types: Sequence[str],
        key: DigestKey,
        *,
        batch_size_bytes: int = 8 << 20,
        progress: Progress | None = None,
    ) -> Self: ...
    def next_batch(self) -> Batch | None: ...
    @property
    def row_count(self) -> int:
        """Source rows read so far."""
    @property
    def raw_digest(self) -> bytes:
        """Σ of the raw rows' digests, 32 bytes little-endian."""
    @property
    def tallies(self) -> str: ...

@final
class Batch:
    """Encoded rows. Rows that no rule or type could carry are in `rejected`, not among the rows."""
    @property
    def row_count(self) -> int: ...
    @property
    def byte_count(self) -> int:
        """Bytes of the encoded rows, about."""
    @property
    def rejected(self) -> list[tuple[int, str, str, str]]:
        """Ordinal of the row in the stream, key text, column pair, reason."""
    def ordinals(self) -> list[int]: ...
    def key_text(self, index: int) -> str:
        """`name=value, …` of the key's columns as stored, each value cut at 256 characters: as findings spell it."""
    def postgres_copy(self, start: int = 0, stop: int | None = None, *, without: Sequence[int] = ...) -> memoryview:
        """A complete COPY BINARY stream of rows [start, stop) except `without`."""
    def arrow(self, start: int = 0, stop: int | None = None, *, without: Sequence[int] = ...) -> ArrowStream: ...
    def mysql_load_data(self, start: int = 0, stop: int | None = None, *, without: Sequence[int] = ...) -> memoryview:
        """The lines of rows [start, stop) except `without`, as LOAD DATA of MariaDB and MySQL reads them."""
    def mysql_insert(
        self,
        head: bytes,
        start: int = 0,
        stop: int | None = None,
        *,
        without: Sequence[int] = ...,
        converted: Sequence[int] = ...,
    ) -> memoryview:
        """The same rows as a statement: `head` (INSERT … VALUES), then their tuples. The columns in `converted` are
        handed over as text."""
    @property
    def longest_line(self) -> int:
        """Bytes of the longest line for LOAD DATA; 0 in another encoding."""
    def insert_sqlite(self, connection: SqliteConnection, insert_sql: str) -> list[tuple[int, str]]:
        """Inserts row by row; a refused row is left out and returned with the engine's reason."""

def raw_digest(stream: RowStream, key: DigestKey, *, progress: Progress | None = None) -> tuple[int, bytes]:
    """Rows and Σ of raw row digests: what a checkpoint holds."""

@final
class RawTally:
    """Digests rows exactly as read, before any rule, while somebody else consumes them."""
    def __new__(cls, key: DigestKey) -> Self: ...
    def watch(self, stream: RowStream) -> RowStream:
        """The same rows; each is counted here when it is read."""
    def total(self) -> tuple[int, bytes]:
        """Rows so far and Σ of their raw digests: what `raw_digest` gives of the same rows."""

# --- seals ---------------------------------------------------------------------------------------------------------
def generate_signing_key() -> bytes:
    """A new Ed25519 key as PKCS#8 v2 DER."""

def public_key(signing_key: bytes) -> bytes:
    """Its 32 raw public bytes."""

def key_id(public: bytes) -> str:
    """SHA-256 of the raw public key, hex."""

def sign(signing_key: bytes, payload_type: str, payload: bytes) -> bytes:
    """Ed25519 over the DSSE pre-authentication encoding."""

def verify_signature(public: bytes, payload_type: str, payload: bytes, signature: bytes) -> bool: ...
def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """DSSE's encoding: what is signed."""

def sha256(data: bytes) -> str: ...
def sha256_file(path: str) -> str: ...

# --- proofs --------------------------------------------------------------------------------------------------------
@final
class RowTree:
    """A table's rows under one RFC 6962 root: `docs/formats/row-proof.md`."""
    @property
    def size(self) -> int:
        """Leaves: rows, equal ones once."""
    @property
    def root(self) -> bytes: ...
    @property
    def key_commitment(self) -> bytes:
        """What a certificate says of the proof key."""
    def proof_key(self) -> bytes:
        """32 secret bytes with which an auditor checks that a row is absent."""
    def prove(self, source: str, target: str) -> bytes:
        """The proof file about the wanted key: its row, or that there is none."""

def build_row_tree(
    stream: RowStream, profile: str, side: _Side, key: DigestKey, *, unique: bool = False,
    wanted: Sequence[tuple[str, str]] | None = None, spill_directory: str | None = None,
    progress: Progress | None = None
) -> RowTree:  # fmt: skip
    """`wanted`: kind and text of each key column (of every column, in a table without a unique key)."""

def check_row_proof(
    data: bytes, what: str, trees: Sequence[tuple[str, str, int, str, str]], proof_key: bytes | None = None
) -> tuple[str, str, str, int, list[tuple[str, str | None]]]:
    """`trees`: source, target, leaves, root and the proof key's commitment, both in hex.

    Gives `inclusion` or `absence`, source, target, how many equal rows, and the row's or the absent key's cells.
    Raises `NotAuthentic`, `MalformedInput`, `LimitExceeded`; `InvalidRequest` for an absence without a proof key."""

def check_certificate(
    data: bytes, what: str, keys: Sequence[bytes], threshold: int | None = None
) -> tuple[str | None, int]:
    """What `kora-check` finds: verdict and exit code. `kora.evidence.certificate.check` is an independent reader."""

def log_key(origin: str, public: bytes) -> str:
    """A log's public key as C2SP writes it: name+hash+base64."""

def log_create(folder: str, origin: str, signing_key: bytes) -> None: ...
def log_entry(sha256: str) -> bytes:
    """The log entry of a file by its SHA-256 in hex: one line."""

def log_append(folder: str, log_key: str, signing_key: bytes, entries: Sequence[bytes]) -> int:
    """The first new entry's number. After an error the log is the one of its last checkpoint. One writer at a time."""

def log_find(folder: str, log_key: str, entry: bytes) -> int | None: ...
def log_prove(folder: str, log_key: str, index: int) -> bytes:
    """A tlog-proof file's bytes."""

def log_check(folder: str, log_key: str, retained: bytes | None = None) -> tuple[int, str]:
    """Every entry, every tile, and that the log began as a retained checkpoint says. Entries and root in hex."""

def log_checkpoint(note: bytes, what: str, log_key: str) -> tuple[str, int, str]:
    """The log's name, its size and its root in hex, as it signed them. Raises `NotAuthentic`, `MalformedInput`."""

def check_log_proof(data: bytes, what: str, entry: bytes, log_key: str) -> tuple[int, bytes]:
    """The entry's number and the signed checkpoint. Raises `NotAuthentic`, `MalformedInput`."""
