"""The verification engine: reads two databases, compares them exactly, and signs what it found. Never writes to one.

    from kora import fingerprint, compare, verify

The three functions are `kora.library`'s, loaded when they are first asked for.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kora.library import compare as compare
    from kora.library import fingerprint as fingerprint
    from kora.library import verify as verify

__all__ = ["compare", "fingerprint", "verify"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kora import library

    return getattr(library, name)
