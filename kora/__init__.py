"""The verification engine: reads two databases, compares them exactly, and signs what it found. Never writes to one."""
