"""A copy of what some routines of MariaDB touch, in a schema of its own on the server: where no rollback would do.

AUTO_INCREMENT, sequences and tables without transactions keep what a routine did. So its tables with their rows, the
tables that these refer to or that refer to them, their triggers, the views and routines that it names are made again in
a schema `_sensei_copy_…`, and it is called there. After each call all is as it was copied. The schema is dropped at the
end. A killed process leaves it behind: a lock on its name, which ends with the session, says whether it is in use, and
a table in it says whose it is and all that belongs there; a later run drops what is nobody's and nothing but that.
"""

import re
import secrets
from collections.abc import Callable as Told
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from kora._core import MysqlConnection
from kora.behavior.callables import Callable
from kora.behavior.servers import MariadbTrials, Transaction, kept_in_log
from kora.catalog import Catalog, Table
from kora.databases.mariadb.errors import translated
from kora.databases.mariadb.read import DIALECT
from kora.errors import AccessDenied, SenseiError

PREFIX = "_sensei_copy_"
ROWS_LIMIT = 100_000
"""Rows of all copied tables together."""
_MARK = "_sensei_copy_of"
_UNLOGGED = "_sensei_copy_unlogged"
_NAME = re.compile(PREFIX + r"[0-9a-f]{12}")
_DEFINER = re.compile(
    r"\bDEFINER\s*=\s*(`(?:[^`]|``)*`|'[^']*'|[\w.%-]+)\s*@\s*(`(?:[^`]|``)*`|'[^']*'|[\w.%-]+)\s*", re.I
)
_quote = DIALECT.quote


class CannotCopy(Exception):
    """No copy can be made; the message says why. Never leaves this package."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What has to be there so that some routines run."""

    tables: tuple[Table, ...]
    views: tuple[str, ...]
    triggers: tuple[str, ...]
    sequences: tuple[str, ...]
    routines: tuple[tuple[str, str], ...]
    """FUNCTION or PROCEDURE, and the name."""


def touched(routines: Sequence[Callable], catalog: Catalog) -> Touched:
    """All that the routines' texts name, and what hangs on that: references both ways, triggers, views."""
    words = set().union(*(_words(f"{item.called} {item.reach}") for item in routines))
    tables: dict[str, Table] = {}
    while True:
        known = len(words), len(tables)
        for table in catalog.tables:
            name = table.name.name
            parents = {foreign.parent.name for other in tables.values() for foreign in other.foreign_keys}
            refers = any(foreign.parent.name in tables for foreign in table.foreign_keys)
            if name.casefold() in words or name in parents or refers:
                tables[name] = table
        words |= {name.casefold() for name in tables}
        for trigger in catalog.triggers:
            if trigger.table.name in tables:
                words |= _words(trigger.text)
        for view in catalog.views:
            if view.name.name.casefold() in words:
                words |= _words(view.query)
        for routine in catalog.routines:
            if routine.name.name.casefold() in words:
                words |= _words(routine.text)
        if known == (len(words), len(tables)):
            break
    return Touched(
        tuple(tables.values()),
        tuple(view.name.name for view in catalog.views if view.name.name.casefold() in words),
        tuple(trigger.name.name for trigger in catalog.triggers if trigger.table.name in tables),
        tuple(item.name.name for item in catalog.sequences if item.name.name.casefold() in words),
        tuple((item.routine_kind.upper(), item.name.name) for item in catalog.routines
              if item.name.name.casefold() in words),
    )  # fmt: skip


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


class MariadbCopy(MariadbTrials):
    """A session in the copy. After each call counters stand again where they stood."""

    def __init__(self, session: MysqlConnection, place: str, settings: dict[str, str] | None) -> None:
        super().__init__(session, place, settings=settings)
        self._standing: dict[str, str] = {}
        self._called = False

    def stand(self) -> None:
        """From here on counters come back to where they are now."""
        self._standing = self.positions()

    def hold_counters(self) -> None:
        """A call follows: what it moves is set back behind it."""
        self._called = True

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Taken back, counters too."""
        try:
            with super().transaction() as inner:
                yield inner
        finally:
            if self._called:
                self._called = False
                self._set_back()

    def _set_back(self) -> None:
        with translated(self.place):
            sequences = {
                str(row[0])
                for row in self._session.query(
                    "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
                    " AND TABLE_TYPE = 'SEQUENCE'"
                )
            }
            for name, position in self.positions().items():
                stood = self._standing.get(name, position)
                if position != stood and name in sequences:
                    self._session.execute(f"ALTER SEQUENCE {_quote(name)} RESTART {int(stood)}")
                elif position != stood:
                    self._session.execute(f"ALTER TABLE {_quote(name)} AUTO_INCREMENT = {int(stood)}")


@contextmanager
def copy_for(
    original: MariadbTrials, routines: Sequence[Callable], catalog: Catalog, announce: Told[[str], None]
) -> Iterator[tuple[MariadbCopy, Catalog] | str]:
    """A session in a copy of what the routines touch with the catalog of its tables, or why there is none.

    Args:
        original: A session that may write, in the database itself: it is only read.
        routines: Those that will be called.
        catalog: What the database holds.
        announce: Told of the schema before it is made, and of those that others left behind.
    """
    if original.settings is None:
        yield "a session for a copy cannot be opened here"
        return
    needed = touched(routines, catalog)
    name = f"{PREFIX}{secrets.token_hex(6)}"
    session = MysqlConnection(original.settings)
    try:
        logged = kept_in_log(session)
        _sweep(session, announce, logged)
        announce(
            f"routines that move counters are called on a copy, the schema {name} on {original.place}; it is dropped"
            f" again. If this process is killed, the next run drops it, or: DROP DATABASE `{name}`{logged}"
        )
        try:
            copy = _made(session, original, name, needed, logged)
        except CannotCopy as problem:
            yield str(problem)
        except AccessDenied as problem:
            escaped = PREFIX.replace("_", r"\_")
            yield f"this login may not make a copy ({problem.message}): GRANT ALL ON `{escaped}%`.* TO it"
        except SenseiError as problem:
            yield f"a copy cannot be made: {problem.message}"
        else:
            yield copy, replace(catalog, tables=needed.tables)
    finally:
        with suppress(SenseiError):  # the connection is gone: the next run drops it
            session.execute(f"DROP DATABASE IF EXISTS {_quote(name)}")
        session.close()


def _made(session: MysqlConnection, original: MariadbTrials, name: str, needed: Touched, logged: str) -> MariadbCopy:
    """The copy, filled; `session` then is in it."""
    texts = _Texts(original, needed)
    with translated(original.place):
        session.execute("SET NAMES utf8mb4")
        session.query(f"SELECT GET_LOCK('{name}', 0)")
        ((source, charset, collation),) = original.texts(
            "SELECT DATABASE(), @@character_set_database, @@collation_database"
        )
        texts.refuse_other_schemas()
        session.execute(f"CREATE DATABASE {_quote(name)} CHARACTER SET {charset} COLLATE {collation}")
        session.execute(f"USE {_quote(name)}")
        _mark(session, str(source), needed, logged)
        for setting in ("foreign_key_checks = 0", "sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
                        "TRANSACTION ISOLATION LEVEL READ COMMITTED"):  # fmt: skip
            session.execute(f"SET SESSION {setting}")
        with suppress(SenseiError):  # MySQL has no such setting: it checks what it has checked before
            session.execute("SET SESSION check_constraint_checks = 0")
        texts.make(session, str(source))
        session.execute("SET SESSION foreign_key_checks = 1")
        session.execute("SET SESSION sql_mode = @@GLOBAL.sql_mode")
        with suppress(SenseiError):
            session.execute("SET SESSION check_constraint_checks = 1")
        copy = MariadbCopy(session, f"the copy {name} on {original.place}", original.settings)
    copy.stand()
    return copy


def _mark(session: MysqlConnection, source: str, needed: Touched, logged: str) -> None:
    """Whose copy this is, each table and view that will be in it, and whether the server's log knows nothing of it."""
    session.execute(f"CREATE TABLE `{_MARK}` (part VARCHAR(64) NOT NULL, source VARCHAR(64) NOT NULL) CHARSET utf8mb4")
    parts = (
        _MARK,
        *(() if logged else (_UNLOGGED,)),
        *(table.name.name for table in needed.tables),
        *needed.views,
        *needed.sequences,
    )
    rows = ", ".join(f"({_text(part)}, {_text(source)})" for part in dict.fromkeys(parts))
    session.execute(f"INSERT INTO `{_MARK}` VALUES {rows}")
    session.execute("COMMIT")


def _text(value: str) -> str:
    return f"CONVERT(X'{value.encode().hex()}' USING utf8mb4)" if value else "''"


class _Texts:
    """The statements that make things again, as the server tells them."""

    def __init__(self, original: MariadbTrials, needed: Touched) -> None:
        self._original, self._needed = original, needed
        with translated(original.place):
            self._tables = [self._ask(f"SHOW CREATE TABLE {_quote(table.name.name)}", 1) for table in needed.tables]
            self._sequences = [self._ask(f"SHOW CREATE TABLE {_quote(name)}", 1) for name in needed.sequences]
            self._views = [self._ask(f"SHOW CREATE VIEW {_quote(name)}", 1) for name in needed.views]
            code = [*(f"{kind} {_quote(name)}" for kind, name in needed.routines),
                    *(f"TRIGGER {_quote(name)}" for name in needed.triggers)]  # fmt: skip
            self._code = [(self._ask(f"SHOW CREATE {what}", 2), self._ask(f"SHOW CREATE {what}", 1)) for what in code]

    def _ask(self, sql: str, place: int) -> str:
        text = self._original.texts(sql)[0][place]
        if text is None:
            raise CannotCopy(f"this login may not read the text behind {sql.removeprefix('SHOW CREATE ')}")
        return text

    def refuse_other_schemas(self) -> None:
        """A text that names a schema would reach out of the copy."""
        schemas = [str(row[0]) for row in self._original.texts("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")]
        for text in (*self._tables, *self._views, *(code for code, _ in self._code)):
            for schema in schemas:
                if re.search(rf"(?<![\w`$.])`?{re.escape(schema)}`?\s*\.\s*[`\w]", text, re.IGNORECASE):
                    raise CannotCopy(f"what it touches names the schema {schema}, and would reach out of a copy")
        for text in self._tables:
            if re.search(r"\b(DATA|INDEX) DIRECTORY\b|\bENGINE=(FEDERATED|CONNECT|SPIDER|MRG_)", text, re.IGNORECASE):
                raise CannotCopy("a table that it touches keeps its rows elsewhere")

    def make(self, session: MysqlConnection, source: str) -> None:
        """All of it, in the session's schema; rows before triggers."""
        self._refuse_many()
        for table, text in zip(self._needed.tables, self._tables, strict=True):
            session.execute(text)
            if table.name.name in self._original.without_rollback:
                session.execute(f"ALTER TABLE {_quote(table.name.name)} ENGINE = InnoDB")
        for name, text in zip(self._needed.sequences, self._sequences, strict=True):
            session.execute(text)
            ((following,),) = self._original.texts(f"SELECT next_not_cached_value FROM {_quote(name)}")
            session.execute(f"ALTER SEQUENCE {_quote(name)} RESTART {int(following or 1)}")
        for table in self._needed.tables:
            listed = ", ".join(_quote(column.name) for column in table.columns if column.generated is None)
            name = _quote(table.name.name)
            session.execute(f"INSERT INTO {name} ({listed}) SELECT {listed} FROM {_quote(source)}.{name}")
        session.execute("COMMIT")
        self._make_views(session)
        for text, mode in self._code:
            session.execute(f"SET SESSION sql_mode = '{mode}'")
            session.execute(_DEFINER.sub("", text, count=1))

    def _make_views(self, session: MysqlConnection) -> None:
        """Each after those that it stands on: as many rounds as there are views."""
        waiting = list(zip(self._needed.views, self._views, strict=True))
        problem: SenseiError | None = None
        for _ in self._views:
            for name, text in list(waiting):
                try:
                    session.execute(f"CREATE VIEW {_quote(name)} AS {re.split(r'(?i) AS ', text, maxsplit=1)[1]}")
                    waiting.remove((name, text))
                except SenseiError as refusal:
                    problem = refusal
        if waiting and problem is not None:
            raise problem

    def _refuse_many(self) -> None:
        rows = 0
        for table in self._needed.tables:
            ((count,),) = self._original.texts(f"SELECT count(*) FROM {_quote(table.name.name)}")
            rows += int(count or 0)
            if rows > ROWS_LIMIT:
                raise CannotCopy(f"the tables that it touches hold more than {ROWS_LIMIT:,} rows")


def _sweep(session: MysqlConnection, announce: Told[[str], None], logged: str) -> None:
    """Drops copies that are nobody's any more; tells of those of which that cannot be shown.

    One that was made with the server's log written is dropped so too, since replicas have it.
    """
    escaped = PREFIX.replace("_", r"\_")
    for (name,) in session.query(f"SHOW DATABASES LIKE '{escaped}%'"):
        parts = _own_parts(session, str(name))
        if isinstance(parts, str):
            announce(f"the schema {name} is left as it is: {parts}. Drop it yourself: DROP DATABASE `{name}`")
        else:
            replicated = not logged and _UNLOGGED not in parts
            if replicated:
                with suppress(SenseiError):  # no log is kept here, and this login may not ask for one
                    session.execute("SET SESSION sql_log_bin = 1")
            session.execute(f"DROP DATABASE IF EXISTS {_quote(str(name))}")
            if replicated:
                kept_in_log(session)
            announce(f"the schema {name}, the copy of a run that was killed, was dropped")
        session.query(f"SELECT RELEASE_LOCK({_text(str(name))})")


def _own_parts(session: MysqlConnection, name: str) -> set[str] | str:
    """What a schema's record says was copied; why it is not dropped, unless its session is gone and all is of that."""
    if not _NAME.fullmatch(name):
        return "its name is not one that is given to copies"
    if session.query(f"SELECT GET_LOCK('{name}', 0)")[0][0] != "1":
        return "its session still lives"
    try:
        parts = {str(row[0]) for row in session.query(f"SELECT part FROM {_quote(name)}.`{_MARK}`")}
    except SenseiError:
        return "no record in it says that it is a copy"
    there = session.query(f"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{name}'")
    strange = sorted({str(row[0]) for row in there} - parts)
    return f"{strange[0]} in it was not copied" if strange else parts
