"""What the commands about proofs and the transparency log print."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from kora.evidence import report_words as words
from kora.evidence.report_json import print_json
from kora.evidence.report_terminal import stdout_console
from kora.evidence.row_proofs import RowProven
from kora.evidence.transparency import Logged, LogState


def print_row_proof(proven: RowProven, *, written: Path | None, as_json: bool) -> None:
    """What a row proof shows; `written` where it was just made."""
    if as_json:
        values = [{"kind": kind, "value": value} for kind, value in proven.cells]
        print_json(
            {
                "holds": True,
                "kind": proven.kind,
                "source": proven.source,
                "target": proven.target,
                "copies": proven.copies,
                "cells": values,
                "proof": str(written) if written else None,
            }
        )
        return
    name = proven.source if proven.source == proven.target else f"{proven.source} → {proven.target}"
    shown = ", ".join("NULL" if value is None else value for _, value in proven.cells)
    if proven.kind == "inclusion":
        copies = "" if proven.copies == 1 else f", {proven.copies:,} times"
        _print("✓", f"this row was in {name} when it was certified{copies}:", shown)
    else:
        _print("✓", f"{name} held no row of this key when it was certified:", shown)
    if written:
        _print(" ", "Proof", str(written))


def print_logged(logged: Sequence[Logged], *, as_json: bool) -> None:
    """Files that stand in the log now."""
    if as_json:
        entries = [
            {"file": str(item.file), "index": item.index, "proof": str(item.proof), "new": item.new} for item in logged
        ]
        print_json({"entries": entries})
        return
    for item in logged:
        state = "appended" if item.new else "was there already"
        _print("✓", f"entry {item.index}: {item.file} {state}; its proof is", str(item.proof))


def print_log(state: LogState, key_path: Path | None, *, as_json: bool) -> None:
    """A log's state; `key_path` where it was just begun."""
    if as_json:
        print_json({"origin": state.origin, "size": state.size, "root": state.root})
        return
    _print("✓", f"{state.origin}: {words.plural(state.size, 'entry', 'entries')}", f"root {state.root}")
    if key_path:
        _print(" ", "Give this public key to whoever checks:", str(key_path))


def print_proven(file: Path, index: int, proof: Path, *, as_json: bool) -> None:
    """The proof that a file stands in the log."""
    if as_json:
        print_json({"file": str(file), "index": index, "proof": str(proof)})
    else:
        _print("✓", f"{file} is entry {index}; its proof is", str(proof))


def print_cosigned(certificate: Path, key_ids: Sequence[str], *, as_json: bool) -> None:
    """Who signs a certificate now."""
    if as_json:
        print_json({"certificate": str(certificate), "key_ids": list(key_ids)})
    else:
        _print("✓", f"{certificate} is signed by", ", ".join(key_ids))


def print_rotated(old: str, new: str, kept: Path, public: Path, *, as_json: bool) -> None:
    """The signing key before and after."""
    if as_json:
        print_json({"key_id": new, "public_key": str(public), "retired": old, "retired_public_key": str(kept)})
        return
    _print("✓", "new key", new)
    _print(" ", "Public key", str(public))
    _print(" ", "Certificates signed before are checked with", str(kept))


def _print(sign: str, text: str, detail: str) -> None:
    stdout_console().print(Text(f"{sign} {text} {words.visible(detail)}"))
