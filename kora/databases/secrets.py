"""Passwords: where one comes from, and that it goes nowhere else.

The order: the URL; `SENSEI_SOURCE_PASSWORD` or `SENSEI_TARGET_PASSWORD`; what the engine's own clients read
(`PGPASSWORD` and the pgpass file, `MYSQL_PWD`); and, only once the server has demanded one, the keyring and a prompt. A
`Secret` shows nothing of itself when printed, and nothing here writes to an environment, a command line or a log.
"""

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from kora.databases.address import Address
from kora.errors import AccessDenied

Role: TypeAlias = Literal["source", "target"]
Prompt: TypeAlias = Callable[[str], str]

KEYRING_SERVICE = "sensei"
_SOCKET_FOLDERS = ("/var/run/postgresql", "/run/postgresql", "/tmp")  # noqa: S108  libpq's compiled-in defaults


class Secret:
    """A password, or the absence of one and the way to get it when the server asks."""

    __slots__ = ("_on_demand", "_value")

    def __init__(self, value: str | None = None, on_demand: Callable[[], str | None] | None = None) -> None:
        self._value = value
        self._on_demand = on_demand

    def reveal(self) -> str | None:
        """The password as far as it is known without asking anybody."""
        return self._value

    def demand(self) -> str | None:
        """The password now that a server insists on one: asks the keyring, then the person. Asks once only."""
        if self._value is None and self._on_demand is not None:
            ask, self._on_demand = self._on_demand, None
            self._value = ask()
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)" if self._value is not None else "Secret()"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not written anywhere")


def resolve(
    address: Address, role: Role, prompt: Prompt | None = None, *, environment: Mapping[str, str] | None = None
) -> Secret:
    """The password for an address.

    Args:
        address: Whose password.
        role: Which variable counts: `SENSEI_SOURCE_PASSWORD` or `SENSEI_TARGET_PASSWORD`.
        prompt: Asks a person, given a question; None where no terminal is there.
        environment: For tests; the process's own if None.

    Raises:
        AccessDenied: The URL says `password=keyring` and the keyring has none or does not answer.
    """
    if address.engine not in ("postgresql", "mariadb"):
        return Secret()
    variables = os.environ if environment is None else environment
    if address.password_in_keyring:
        return Secret(_from_keyring_or_fail(address))
    value = address.password or variables.get(f"SENSEI_{role.upper()}_PASSWORD") or _as_clients_do(address, variables)
    return Secret(value or None, lambda: _from_keyring(address) or _ask(address, role, prompt))


def _as_clients_do(address: Address, variables: Mapping[str, str]) -> str | None:
    """Where the engine's own clients look."""
    if address.engine == "mariadb":
        return variables.get("MYSQL_PWD")
    return variables.get("PGPASSWORD") or _from_password_file(address, variables)


def keyring_account(address: Address) -> str:
    """The account name under which the keyring holds an address's password."""
    return f"{address.user or ''}@{address.host or 'localhost'}:{address.effective_port}/{address.database}"


def remembered(prompt: Prompt) -> Prompt:
    """Asks each question once: whoever opens a database again needs its password again."""
    answers: dict[str, str] = {}

    def ask(question: str) -> str:
        if question not in answers:
            answers[question] = prompt(question)
        return answers[question]

    return ask


def _ask(address: Address, role: Role, prompt: Prompt | None) -> str | None:
    if prompt is None:
        return None
    return prompt(f"Password for {role} {keyring_account(address)}: ") or None


def _from_keyring_or_fail(address: Address) -> str:
    found = _from_keyring(address)
    if found is None:
        account = keyring_account(address)
        raise AccessDenied(
            f"the keyring has no password for {account}", hint=f"store it with: keyring set {KEYRING_SERVICE} {account}"
        )
    return found


def _from_keyring(address: Address) -> str | None:
    """What the keyring says; None where there is none. Imported late: it loads every backend of the machine."""
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(KEYRING_SERVICE, keyring_account(address))
    except (KeyringError, RuntimeError):
        return None


def _from_password_file(address: Address, variables: Mapping[str, str]) -> str | None:
    """The first matching line of the pgpass file, under libpq's rules (PostgreSQL manual, "The Password File")."""
    home = variables.get("HOME")
    named = variables.get("PGPASSFILE") or (f"{home}/.pgpass" if home else None)
    if named is None:
        return None
    path = Path(named)
    try:
        if not path.is_file() or path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return None
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    wanted = (_hosts(address), {str(address.port or 5432)}, {address.database or ""}, {address.user or ""})
    for fields in _password_lines(lines):
        if all(field == "*" or field in accepted for field, accepted in zip(fields, wanted, strict=False)):
            return fields[4]
    return None


def _hosts(address: Address) -> set[str]:
    host = address.host or "localhost"
    return {host, "localhost"} if host in _SOCKET_FOLDERS else {host}


def _password_lines(lines: list[str]) -> Iterator[list[str]]:
    for line in lines:
        if line and not line.startswith("#"):
            fields = _split_escaped(line)
            if len(fields) == 5:
                yield fields


def _split_escaped(line: str) -> list[str]:
    """Fields between colons; a backslash protects the next character; the fifth takes what is left."""
    fields: list[str] = []
    current, characters = "", iter(line)
    for character in characters:
        if character == "\\":
            current += next(characters, "")
        elif character == ":" and len(fields) < 4:
            fields.append(current)
            current = ""
        else:
            current += character
    return [*fields, current]
