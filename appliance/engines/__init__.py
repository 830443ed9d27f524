"""Target engines: what each can do, as data, and the DDL that a plan becomes there. Nothing here executes SQL."""
