"""YAML that people write: plans, maps, schema files. Plain values only, each of them once.

Aliases are refused, since a few lines of them unfold into more than any memory holds; tags, since nothing here needs
one and YAML's own constructors stumble over malformed ones; and what looks like a date stays text, since a name may.
"""

from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError

from kora.errors import FileProblem, InvalidRequest, LimitExceeded

YAML_LIMIT_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20
LEVELS_LIMIT = 64


class PlainLoader(yaml.SafeLoader):
    """A SafeLoader without aliases, tags and dates."""

    levels = 0
    """Nodes that are being composed, each inside of the one before."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node; called by the loader for each. Raises `ComposerError`."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise ComposerError(None, None, "an alias (*) is not read here: write it out", mark)
        if getattr(event, "tag", None) is not None:
            raise ComposerError(None, None, "a tag (!) is not read here: leave it out", mark)
        if self.levels > LEVELS_LIMIT:
            raise ComposerError(None, None, f"nested in more than {LEVELS_LIMIT} levels", mark)
        self.levels += 1
        node = super().compose_node(parent, index)
        self.levels -= 1
        return node


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str) -> object:
    """A document's value.

    Raises:
        yaml.YAMLError: It is none, or not a plain one.
        ValueError: A number in it is none after all, or of more digits than any has.
    """
    return yaml.load(text, Loader=PlainLoader)  # noqa: S506 - a SafeLoader


def _read_bounded(path: Path) -> bytes:
    """Piece by piece: what is no file has no size, and may have no end."""
    pieces, left = [], YAML_LIMIT_BYTES + 1
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, _PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
    if left <= 0:
        raise LimitExceeded(f"{path}: larger than {YAML_LIMIT_BYTES >> 20} MiB", hint="leave out what is not needed")
    return b"".join(pieces)


def read_yaml(path: Path, *, hint: str, missing: str = "") -> object:
    """A file's value, not looked at yet. `hint` is for what it holds, `missing` for a file that cannot be read.

    Raises:
        FileProblem: It cannot be read.
        LimitExceeded: It is larger than 64 MiB.
        InvalidRequest: It is not plain YAML in UTF-8; the message says where.
    """
    try:
        text = _read_bounded(path).decode()
    except OSError as error:
        raise FileProblem(f"{path}: {error.strerror}", hint=missing) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{path}: not UTF-8 at byte {error.start}", hint=hint) from error
    try:
        return parse_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidRequest(f"{path}: not readable as YAML: {error}", hint=hint) from error
