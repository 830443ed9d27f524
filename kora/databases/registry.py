"""The table of engines. Each one's module is loaded when a database of it is opened, not before."""

from importlib import import_module
from typing import Protocol, cast

from kora.databases.address import Address, Engine, parse_address
from kora.databases.base import Database
from kora.databases.secrets import Role, Secret, resolve


class Opener(Protocol):
    """What each engine's module offers: a database opened for reading, or a typed error."""

    def __call__(self, address: Address, secret: Secret) -> Database:
        """Opens it."""
        ...


_MODULES: dict[Engine, tuple[str, str]] = {
    "csv": ("kora.databases.csvfiles", "open_csv"),
    "duckdb": ("kora.databases.duckdb", "open_duckdb"),
    "parquet": ("kora.databases.parquet", "open_parquet"),
    "mariadb": ("kora.databases.mariadb", "open_mariadb"),
    "postgresql": ("kora.databases.postgresql", "open_postgresql"),
    "sqlite": ("kora.databases.sqlite", "open_sqlite"),
}


def module_of(engine: Engine) -> str:
    """The module that opens an engine's databases."""
    return _MODULES[engine][0]


def open_database(address: Address | str, *, role: Role = "source", secret: Secret | None = None) -> Database:
    """Opens a database for reading; the caller closes it.

    Args:
        address: Where it is; a text is parsed first.
        role: Which password variable counts where no `secret` is given.
        secret: The password; resolved without a prompt if None.

    Raises:
        InvalidRequest: The address makes no sense, or the database does not exist.
        FileProblem, MalformedInput: The file is missing, not readable, or not a database of that engine.
        AccessDenied, ConnectionLost, Busy: As their names say.
    """
    where = parse_address(address) if isinstance(address, str) else address
    module, function = _MODULES[where.engine]
    opener = cast("Opener", getattr(import_module(module), function))
    return opener(where, resolve(where, role) if secret is None else secret)
