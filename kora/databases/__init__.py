"""Databases opened for reading: addresses, passwords, catalogs, rows. Nothing here writes to one."""
