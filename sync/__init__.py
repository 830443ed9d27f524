"""Ledgers of several boxes that exchange their records whenever a line or a USB stick connects them: not built yet."""
