"""Ledgers that meet when they can: to be built; nothing here yet."""
