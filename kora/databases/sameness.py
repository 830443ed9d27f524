"""Whether two addresses lead to one database: what compares a database with itself says nothing of a copy."""

from kora.databases.address import Engine, parse_address
from kora.databases.opening import OpenSide

_INSTANCES: dict[Engine, str] = {
    "postgresql": "SELECT pg_postmaster_start_time()::text, current_setting('port'),"
    " (SELECT oid::text FROM pg_database WHERE datname = current_database())",
    "mariadb": "SELECT @@hostname, @@port, @@datadir, @@pid_file, DATABASE()",
}
"""What names one running server, and the database in it. Identifiers that lie in the data would name a replica or a
restored copy too, and those are databases of their own: of PostgreSQL the instant of its start is asked, to the
microsecond."""


def one_database(left: OpenSide, right: OpenSide) -> bool:
    """Whether both are the same file or folder, links followed, or one database of one server, whatever its names.

    Raises:
        SenseiError: As asking a server does.
    """
    here, there = parse_address(left.url), parse_address(right.url)
    if here.engine != there.engine:
        return False
    if here.path is not None and there.path is not None:
        try:
            return here.path.samefile(there.path)
        except OSError:  # gone or moved since it was opened: whoever reads it says so
            return False
    question = _INSTANCES[here.engine]
    return left.database.scalar_query(question) == right.database.scalar_query(question)
