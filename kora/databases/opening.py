"""Two databases on their way to being open: each side logs in and reads its catalog in a thread of its own.

Half of that is waiting for a server, so a program may begin it first and load what it needs meanwhile.
"""

import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from types import TracebackType
from typing import Self

from kora.catalog import Catalog
from kora.databases.address import Address, parse_address
from kora.databases.base import Database
from kora.databases.registry import module_of, open_database
from kora.databases.secrets import Prompt, Role, resolve
from kora.errors import SenseiError

_SWITCH_SECONDS = 0.0005
"""How soon Python hands over between threads while answers come in: at its usual 5 ms, each of some forty small
queries of a catalog would wait that long for whoever computes beside it."""


@dataclass(frozen=True, slots=True)
class OpenSide:
    """One database, open at one position, with its catalog read there."""

    database: Database
    catalog: Catalog
    url: str


class Opening:
    """Source and target being opened. Closes both, however far they came; use as a context manager.

    Nothing is raised before `sides` is asked for. One question at a time reaches a person.
    """

    def __init__(self, source: str, target: str, prompt: Prompt | None = None) -> None:
        self._stack = ExitStack()
        self._asking = Lock()
        self._interval = sys.getswitchinterval()
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="open")
        sys.setswitchinterval(_SWITCH_SECONDS)
        ask = self._one_by_one(prompt) if prompt else None
        self._sides: list[Future[OpenSide]] = [
            self._pool.submit(self._open, url, role, ask) for url, role in _roles(source, target)
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def sides(self) -> tuple[OpenSide, OpenSide]:
        """Both, once they are open.

        Raises:
            SenseiError: Why one of them could not be opened; the source's reason first.
        """
        self._settle()
        source, target = (side.result() for side in self._sides)
        return source, target

    def close(self) -> None:
        """Waits for what has begun and closes it. May be called again."""
        self._settle()
        self._stack.close()

    def _settle(self) -> None:
        self._pool.shutdown()
        sys.setswitchinterval(self._interval)

    def _one_by_one(self, prompt: Prompt) -> Prompt:
        def ask(question: str) -> str:
            with self._asking:
                return prompt(question)

        return ask

    def _open(self, url: str, role: Role, prompt: Callable[[str], str] | None) -> OpenSide:
        address = parse_address(url)
        database = open_database(address, role=role, secret=resolve(address, role, prompt))
        self._stack.callback(database.close)
        return OpenSide(database, database.catalog(), str(address))


def _roles(source: str, target: str) -> list[tuple[str, Role]]:
    """Both URLs with their parts, the engines' modules loaded: two threads need not wait for each other's import."""
    for url in (source, target):
        try:
            address: Address = parse_address(url)
        except SenseiError:
            continue  # raised again, with its side, by whoever asks for the sides
        import_module(module_of(address.engine))
    return [(source, "source"), (target, "target")]
