"""Bounds of what may be asked for, the same on the command line and in the library. Nothing is imported here."""

MOST_WORKERS = 64
"""Threads or sessions that read one side of a table."""
MOST_DIFFERENCES = 300_000
"""Altered rows that a sketch is made for."""
