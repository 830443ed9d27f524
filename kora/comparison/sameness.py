"""Whether both sides of a comparison are one database: told by the identities that are read anyway.

A database that is compared with itself is always equal to itself, which says nothing of a migration; a URL given twice
by mistake looks just so. What proves it: of files, the SHA-256 of all of their bytes, write-ahead log included (then
they are one file or exact copies); of servers, the server's own identifier with the database's (then they are one
database or a physical copy, such as a standby).
"""

from collections.abc import Iterable, Mapping

from kora.comparison.result import NotChecked
from kora.databases.address import parse_address

SAME_DATABASE = "the same database twice"
_DIGESTED = ("sha256", "wal_", "size_bytes", "files ")


def same_database(source: Mapping[str, str], target: Mapping[str, str]) -> str:
    """What both sides are, in words; empty where nothing proves that they are one."""
    engine = source.get("engine", "")
    if engine != target.get("engine", ""):
        return ""
    if _is_server(source):
        return _same_on_server(source, target)
    files = _digests(source)
    if not files or files != _digests(target):
        return ""
    digest = source.get("sha256", "")
    return (
        f"the same bytes{f' (sha256 {digest[:16]}…)' if digest else ''}: one {engine} database, or exact copies of one"
    )


def compared_with_itself(
    source: Mapping[str, str],
    target: Mapping[str, str],
    pairs: Iterable[tuple[str | None, str | None]],
    urls: tuple[str, str] | None = None,
) -> list[NotChecked]:
    """The entry that says so, where a table of one database is compared with the very same table; else none.

    Args:
        source: The source's identity.
        target: The target's.
        pairs: The compared tables' names. One database may hold both sides, in two schemas.
        urls: Both URLs, where they were opened from one machine: a login may not be allowed to ask who the server is.
    """
    what = same_database(source, target) or (same_place(*urls) if urls and _is_server(source) else "")
    if not what or not any(left == right for left, right in pairs if left is not None):
        return []
    detail = (
        f"both sides are {what}. What is compared with itself is always equal: nothing is shown about a database"
        " that was moved elsewhere"
    )
    return [NotChecked(what=SAME_DATABASE, name=_name(source, target), detail=detail)]


def same_place(source: str, target: str) -> str:
    """The database of a server to which both URLs lead, in words; empty where they do not."""
    left, right = parse_address(source), parse_address(target)
    if (left.engine, left.place, left.database) != (right.engine, right.place, right.database):
        return ""
    return f"the database {left.database} at {left.place}"


def _is_server(identity: Mapping[str, str]) -> bool:
    return identity.get("engine", "") in ("postgresql", "mariadb")


def _same_on_server(source: Mapping[str, str], target: Mapping[str, str]) -> str:
    names = ("system_identifier", "database_oid") if source["engine"] == "postgresql" else (
        "system_identifier", "database",
    )  # fmt: skip
    left, right = ([side.get(name, "") for name in names] for side in (source, target))
    if not all(left) or left != right:
        return ""
    return (
        f"the database {source.get('database', '')} of the server {left[0]}: one database, or a physical copy of it"
        " such as a standby"
    )


def _digests(identity: Mapping[str, str]) -> dict[str, str]:
    """What is digested of files, with their names where there are several; empty where nothing is."""
    facts = {name: value for name, value in identity.items() if name.startswith(_DIGESTED)}
    return facts if any("sha256" in name for name in facts) else {}


def _name(source: Mapping[str, str], target: Mapping[str, str]) -> str:
    names = [side.get("database") or side.get("file") or side.get("folder") or "" for side in (source, target)]
    return names[0] if names[0] == names[1] else " and ".join(names)
