"""`python -m kora.cli`: the `kora` command without an installed script."""

from kora.cli import main

main()
