"""The commands of `kora` that are not in `kora.cli` itself: each parses, calls one function and prints."""
