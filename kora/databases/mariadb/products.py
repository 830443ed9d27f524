"""Where MariaDB and MySQL differ: one record for each, so that no other room asks which of them answered.

Sources: the two servers' manuals on system variables and information_schema, and what MySQL 9.7 was seen to do where
its manual is silent: expressions in information_schema are escaped once more than SHOW CREATE TABLE shows them, and
every byte of theirs is taken for a character of ISO 8859-1; binary defaults end at their first NUL.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

_SPOKEN = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|_utf8mb4(?=')", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Product:
    """What the readers must know of one of the two."""

    name: Literal["MariaDB", "MySQL"]
    oldest: tuple[int, int]
    """Versions before it are refused."""
    pins: Mapping[str, str]
    """Session settings that only it has, or has to have otherwise."""
    gtid: str
    """The variable that says which transactions it has seen."""
    log_position: tuple[str, ...]
    """Statements that show the binary log's position; the first one that it knows."""
    check_table: str
    """What names a check's table, in a query over CHECK_CONSTRAINTS `c` and TABLE_CONSTRAINTS `t`."""
    check_enforced: str
    key_part_expression: str
    """A column of STATISTICS, or NULL."""
    has_sequences: bool

    def expression(self, text: str) -> str:
        """An expression of information_schema as SQL."""
        return text if self.name == "MariaDB" else _mysql_expression(text)

    def default(self, text: str | None, *, computed: bool, bare: bool) -> str | None:
        """A default as an expression. MariaDB writes one; MySQL writes the bare value and says where it is none.

        `computed`: the server says that it is an expression. `bare`: the type's values are written without quotes.
        """
        if text is None or (self.name == "MariaDB" and text == "NULL"):
            return None
        if self.name == "MariaDB":
            return text
        if computed:
            return _mysql_expression(text)
        return text if bare else "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"

    @property
    def cuts_binary_defaults(self) -> bool:
        """Whether information_schema ends a binary default at its first NUL."""
        return self.name == "MySQL"


def _mysql_expression(text: str) -> str:
    with suppress(UnicodeError):  # bytes of another character set stay one character each
        text = text.encode("latin-1").decode()
    text = re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
    return _SPOKEN.sub(lambda found: "" if found[0] == "_utf8mb4" else found[0], text)


MARIADB = Product(
    name="MariaDB",
    oldest=(10, 3),
    pins={
        "sql_mode": "'NO_BACKSLASH_ESCAPES'",
        "max_statement_time": "0",
        "system_versioning_asof": "DEFAULT",
        "idle_transaction_timeout": "0",
        "idle_readonly_transaction_timeout": "0",
    },
    gtid="gtid_current_pos",
    log_position=(),
    check_table="c.TABLE_NAME",
    check_enforced="'YES'",
    key_part_expression="NULL",
    has_sequences=True,
)
MYSQL = Product(
    name="MySQL",
    oldest=(8, 0),
    pins={
        # Under NO_BACKSLASH_ESCAPES it cannot open a table whose generated columns hold a quote or a backslash.
        "sql_mode": "''",
        "max_execution_time": "0",
        "information_schema_stats_expiry": "0",
    },
    gtid="gtid_executed",
    log_position=("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"),
    check_table="t.TABLE_NAME",
    check_enforced="t.ENFORCED",
    key_part_expression="EXPRESSION",
    has_sequences=False,
)


def product_of(version: str) -> Product:
    """Who answers with this version."""
    return MARIADB if "mariadb" in version.lower() else MYSQL
