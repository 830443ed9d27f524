"""Bulk loading: units, checkpoints, and one writer per target engine."""
