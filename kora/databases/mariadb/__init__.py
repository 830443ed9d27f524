"""MariaDB and MySQL: catalog and rows through the core's own reader of their binary protocol."""

from kora.databases.mariadb.read import MariadbDatabase, open_mariadb

__all__ = ["MariadbDatabase", "open_mariadb"]
