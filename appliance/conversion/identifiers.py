"""Names on the target: folded by a policy, cut to the engine's limit, and never two alike.

Everything is decided in the plan, so that no load stops at a name. A name that had to change gets a short hash of
its source, so that it is the same in every run.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Literal, TypeAlias

from kora.databases.base import Dialect

IdentifierPolicy: TypeAlias = Literal["preserve", "lower", "snake"]
_HASH_DIGITS = 6
_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def default_policy(engine: str) -> IdentifierPolicy:
    """`lower` where unquoted names fold to lower case, so that nobody needs to quote; else `preserve`."""
    return "lower" if engine == "postgresql" else "preserve"


def fold(name: str, policy: IdentifierPolicy) -> str:
    """The name under a policy, before limits and collisions. Blanks and dots become `_` under `snake` alone."""
    if policy == "preserve":
        return name
    if policy == "lower":
        return name.lower()
    words = _WORD_BORDER.sub("_", name)
    return re.sub(r"[\s.\-]+", "_", words).strip("_").lower() or name.lower()


def why_another(name: str, dialect: Dialect, *, column: bool = False) -> str:
    """What of a folded name kept it from being the target's: its length, its characters, or another's place."""
    if _length(name, dialect) > (dialect.identifier_length or _length(name, dialect)):
        return f"is longer than {dialect.identifier_length} {dialect.identifier_length_unit}"
    if dialect.basic_plane_names and _plain(name) != name:
        return f"holds characters, or blanks at its end, that {dialect.engine} takes in no name"
    if dialect.reserved_prefix and not column and name.lower().startswith(dialect.reserved_prefix):
        return f"begins with {dialect.reserved_prefix}, which {dialect.engine} keeps for itself"
    if column and name in dialect.system_columns:
        return f"is one that {dialect.engine} gives to columns of its own"
    alike = (
        " (names that differ in case alone are one on its servers, or on some)"
        if dialect.folds_case == "insensitive"
        else ""
    )
    return f"is taken{alike}"


def _plain(name: str) -> str:
    """A name without characters beyond the basic plane and blanks at its end."""
    return re.sub("[^\0-\uffff]", "_", name).rstrip(" ") or "_"


class Namespace:
    """Names already taken within one scope of the target: a schema, or the `columns` of a table."""

    def __init__(self, dialect: Dialect, policy: IdentifierPolicy, *, columns: bool = False) -> None:
        self._dialect = dialect
        self.policy = policy
        self._columns = columns
        self._taken: set[str] = set(dialect.system_columns) if columns else set()

    def take(self, source: str) -> str:
        """A free name for `source`; it is taken from now on."""
        admitted = self._admitted(fold(source, self.policy), source)
        wanted = _shorten(admitted, source, self._dialect)
        name, attempt = wanted, 0
        while self._canonical(name) in self._taken:
            salt = f"{source}#{attempt}" if attempt else source
            name = _with_suffix(wanted, _short_hash(salt), self._dialect)
            attempt += 1
        self._taken.add(self._canonical(name))
        return name

    def _admitted(self, name: str, source: str) -> str:
        """The name without what the engine takes in none."""
        made = name
        if self._dialect.basic_plane_names:
            made = _plain(made)
        prefix = self._dialect.reserved_prefix
        if prefix and not self._columns and made.lower().startswith(prefix):
            made = f"_{made}"
        return name if made == name else _with_suffix(made, _short_hash(source), self._dialect)

    def _canonical(self, name: str) -> str:
        return name.lower() if self._dialect.folds_case == "insensitive" else name


def take_all(namespace: Namespace, sources: Iterable[str]) -> dict[str, str]:
    """A name for each source name. Those that need no change come first, so that a collision renames the other."""
    ordered = list(sources)
    names = dict.fromkeys(ordered, "")
    for source in sorted(ordered, key=lambda name: fold(name, namespace.policy) != name):
        names[source] = namespace.take(source)
    return names


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]


def _length(text: str, dialect: Dialect) -> int:
    return len(text.encode()) if dialect.identifier_length_unit == "bytes" else len(text)


def _shorten(name: str, source: str, dialect: Dialect) -> str:
    limit = dialect.identifier_length
    if limit is None or _length(name, dialect) <= limit:
        return name
    return _with_suffix(name, _short_hash(source), dialect)


def _with_suffix(name: str, suffix: str, dialect: Dialect) -> str:
    limit = dialect.identifier_length
    kept = name
    while limit is not None and _length(f"{kept}_{suffix}", dialect) > limit:
        kept = kept[:-1]
    return f"{kept}_{suffix}"
