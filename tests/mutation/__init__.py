"""Mutation test of the verification: alter one thing in the target, and KORA must name it and nothing else.

How it works
    * `kinds.py` and `mariadb_kinds.py` list, for each engine and for each pair of engines, one table per kind of
      value: a type, ordinary values, and *close pairs*, two values that a careless comparison takes for one (a
      trailing blank, a microsecond, the sign of a zero, another normalisation form, another storage class …). In a
      pair of engines both sides are written by hand and a mapping with representations declares how values
      correspond.
    * `clients.py` writes through the engine's own client alone: Python's `sqlite3`, `duckdb`, `psycopg`, and the
      program `mariadb`. It also reads every mutated cell or row back. What the engine stored as the same value is
      *listed* and not counted.
    * `pairs.py` says which engines are tried with which tables, and how many mutations must have counted.
    * `mutations.py` draws the mutations, seeded: set a cell, NULL it, swap two cells, drop a row, add one, change a
      key, duplicate a row of a table without a key or replace one copy of it.
    * `test_mutations.py` applies them in rounds. In each round some tables get one mutation each and the others none;
      one verification must then say `different`, name exactly the mutated tables, count exactly, and name the row's key
      and the columns. A round also runs now and then through the command line, which must exit with 1. After each
      round the target is put back and, at the end, must be equal to the source again.
"""
