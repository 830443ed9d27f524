"""MariaDB and MySQL as a target: the primary key and checks stand in CREATE TABLE, all other keys follow the data.

A database is MariaDB's schema, so the tables of all source schemas stand in the one database that the URL names; those
of further schemas carry their schema in front (`sales_order`), which the plan may change. Text is compared byte by byte
and without padding, so that a unique key means here what it meant on the source. Where the two servers have different
words, a comment that only one of them executes chooses: see `_ON_SERVER`.
"""

from appliance.conversion.survey import ColumnSurvey
from appliance.engines import ddl
from appliance.engines.base import Capabilities, Placement, Statement
from appliance.engines.mariadb_types import place
from appliance.planning.model import ColumnPlan, IndexPlan, Plan, TablePlan
from kora.catalog import Type
from kora.databases.base import Dialect

IDENTIFIER_CHARACTERS = 64
KEY_BYTES = 3072
"""What one key of an InnoDB table may hold (ROW_FORMAT=DYNAMIC)."""
ROW_BYTES = 65_535
_COLLATION = "/*M! utf8mb4_nopad_bin *//*!80017 utf8mb4_0900_bin */"
_ON_SERVER = {
    "uuid": "/*M! uuid *//*!80000 char(36) character set ascii collate ascii_bin */",
    "inet4": "/*M! inet4 *//*!80000 varchar(15) character set ascii collate ascii_bin */",
    "inet6": "/*M! inet6 *//*!80000 varchar(45) character set ascii collate ascii_bin */",
    # MySQL's own JSON type forgets the text: order of keys, white space, digits.
    "json": "/*M! json *//*!80000 longtext */",
}
_HIDDEN = " /*M! INVISIBLE *//*!80023 INVISIBLE */"
_OFF_ROW = ("longtext", "mediumtext", "text", "tinytext", "json")
_OFF_ROW_BYTES = ("longblob", "mediumblob", "blob", "tinyblob")


class MariadbTarget:
    """MariaDB 10.7 and later, MySQL 8.0.17 and later."""

    name = "mariadb"
    dialect = Dialect(
        "mariadb",
        "mysql",
        IDENTIFIER_CHARACTERS,
        folds_case="insensitive",
        identifier_quote="`",
        basic_plane_names=True,
    )
    capabilities = Capabilities(
        keys_when="after_data",
        foreign_keys_when="after_data",
        checks_when="in_create",
        foreign_key_actions=True,
        cyclic_foreign_keys=True,
        not_valid_foreign_keys=False,
        enforces_foreign_keys=True,
        partial_indexes=False,
        descending_indexes=True,
        expression_indexes=False,
        included_columns=False,
        schemas=False,
        enums="inline",
        identity="auto_increment",
        sequences=False,
        stored_generated=True,
        virtual_generated=True,
        generated_keys=False,
        deferrable_keys=False,
        deferrable_foreign_keys=False,
        comments=True,
        nul_in_text=True,
        decimal_digits=65,
        encoding="mysql_load_data",
        row_bytes=ROW_BYTES - 1_000,
        hidden_columns=True,
        keyless_types=(*_OFF_ROW, *_OFF_ROW_BYTES),
    )

    def place(self, logical: Type, survey: ColumnSurvey) -> Placement:
        """How MariaDB holds a logical type."""
        return place(logical, survey)

    def create_table(self, plan: Plan, table: TablePlan) -> Statement:
        """CREATE TABLE with the primary key, in whose order InnoDB keeps the rows, and the checks."""
        del plan
        key = table.primary_key if table.primary_key and table.primary_key.carried else None
        in_key = key.columns if key else ()
        clauses = [self._column(column, in_key=column.target in in_key) for column in table.columns]
        if key:
            clauses.append(f"PRIMARY KEY {ddl.column_list(self.dialect, key.columns)}")
        counted = [column.target for column in table.columns if column.identity]
        if counted and not (key and key.columns[0] == counted[0]):
            # A column that counts itself up must lead an index.
            clauses.append(f"KEY {ddl.column_list(self.dialect, counted)}")
        clauses += [ddl.check_clause(self.dialect, check) for check in table.checks if check.carried]
        made = ddl.table_statement(self.dialect, table, clauses)
        options = f" ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE {_COLLATION}"
        options += f" COMMENT={literal(table.comment)}" if table.comment else ""
        return Statement(made.sql + options, made.object, made.phase)

    def create_statements(self, plan: Plan) -> list[Statement]:
        """All DDL in order."""
        statements = [self.create_table(plan, table) for table in plan.tables]
        for table in plan.tables:
            statements += [
                self._alter(
                    table, f"ADD {ddl.key_clause(self.dialect, key, 'UNIQUE')}", f"unique key {table.target}.{key.name}"
                )
                for key in table.unique_keys
                if key.carried
            ]
            statements += [self._index(table, index) for index in table.indexes if index.carried]
        for table in plan.tables:
            statements += [
                self._alter(
                    table,
                    f"ADD {ddl.foreign_key_clause(self.dialect, key)}",
                    f"foreign key {table.target}.{key.name}",
                )
                for key in table.foreign_keys
                if key.carried
            ]
        return statements + [ddl.view_statement(self.dialect, view) for view in plan.views if view.carried]

    def counter_statements(self, plan: Plan) -> list[Statement]:
        """AUTO_INCREMENT goes on behind the largest stored value by itself, and behind what the source gave out."""
        statements = []
        for table in plan.tables:
            for column in table.columns:
                if column.identity:
                    last = column.identity.last_value
                    following = max(column.identity.start if last is None else last + 1, 1)
                    sql = f"ALTER TABLE {self.dialect.qualify(table.target)} AUTO_INCREMENT = {following}"
                    statements.append(Statement(sql, f"counter {table.target}.{column.target}", "counters"))
        return statements

    def drop_statements(self, plan: Plan) -> list[Statement]:
        """Foreign keys first, so that cycles do not hold a table; then views and tables."""
        drops = [
            Statement(
                f"ALTER TABLE /*M! IF EXISTS */ {self.dialect.qualify(table.target)}"
                f" DROP FOREIGN KEY /*M! IF EXISTS */ {self.dialect.quote(key.name)}",
                f"foreign key {table.target}.{key.name}",
                "after_data",
            )
            for table in plan.tables
            for key in table.foreign_keys
            if key.carried and key.name
        ]
        return drops + ddl.drop_tables_and_views(self.dialect, plan)

    def _column(self, column: ColumnPlan, *, in_key: bool) -> str:
        """`in_key`: a primary key holds no NULL, of which MariaDB makes NOT NULL silently and MySQL an error."""
        text = f"{self.dialect.quote(column.target)} {_ON_SERVER.get(column.target_type, column.target_type)}"
        if column.generated:
            # Its nullability is that of its expression; MariaDB takes no NOT NULL beside it.
            kind = "STORED" if column.generated.stored else "VIRTUAL"
            text += f" GENERATED ALWAYS AS ({column.generated.expression}) {kind}"
        else:
            text += " NULL" if column.nullable and not in_key else " NOT NULL"
            if column.identity:
                text += " AUTO_INCREMENT"
            elif column.default is not None:
                text += f" DEFAULT ({column.default})"
        text += _HIDDEN if column.hidden else ""
        return f"{text} COMMENT {literal(column.comment)}" if column.comment else text

    def _alter(self, table: TablePlan, clause: str, made: str) -> Statement:
        return Statement(f"ALTER TABLE {self.dialect.qualify(table.target)} {clause}", made, "after_data")

    def _index(self, table: TablePlan, index: IndexPlan) -> Statement:
        """CREATE INDEX; long columns by as much of their beginning as all parts may share."""
        share = KEY_BYTES // max(len(index.parts), 1)
        types = {column.target: column.target_type for column in table.columns}
        parts = []
        for part in index.parts:
            text = self.dialect.quote(part.column) if part.column is not None else f"({part.expression})"
            if not index.unique and part.column is not None:
                text += _prefix(types.get(part.column, ""), share)
            parts.append(text + (" DESC" if part.descending else ""))
        unique = "UNIQUE " if index.unique else ""
        sql = (
            f"CREATE {unique}INDEX {self.dialect.quote(index.name)} ON {self.dialect.qualify(table.target)}"
            f" ({', '.join(parts)})"
        )
        return Statement(sql, ddl.index_object(table, index), "after_data")


def _prefix(target_type: str, share_bytes: int) -> str:
    """How much of a long column an index takes; an index that is not unique only finds faster."""
    name, _, length = target_type.partition(" collate ")[0].rstrip(")").partition("(")
    if name in _OFF_ROW:
        return f"({share_bytes // 4})"
    if name in _OFF_ROW_BYTES:
        return f"({share_bytes})"
    too_long = name in ("varchar", "char") and int(length) * 4 > share_bytes
    too_long_bytes = name == "varbinary" and int(length) > share_bytes
    return f"({share_bytes // 4})" if too_long else f"({share_bytes})" if too_long_bytes else ""


def literal(text: str) -> str:
    """A string literal: here a backslash escapes, too."""
    return ddl.literal(text.replace("\\", "\\\\"))
