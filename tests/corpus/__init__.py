"""Every kind of every engine with its extreme and odd values, moved to every target, and read back without KORA.

`kinds` says what a kind is; `sqlite_kinds`, `duckdb_kinds`, `postgresql_kinds`, `mariadb_kinds`, `mysql_kinds` and
`parquet_kinds` list them; `clients` builds and reads databases with the engines' own clients; `meaning` reads what a
client showed; `moving` migrates; `outcomes` judges one migration; `page` writes docs/types.md and docs/types-mysql.md.
"""
