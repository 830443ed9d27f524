"""Writes into MariaDB and MySQL: LOAD DATA LOCAL, one savepoint per batch, bad rows found by halving.

`LOAD DATA LOCAL` turns errors into warnings and goes on. So a batch counts only if as many rows arrived as were sent
and there was no warning at all; otherwise it is rolled back and halved, and a single row goes by a strict INSERT, whose
error names column and reason. Where the server takes no local files, strict INSERTs of many rows do it all.

Two are no faults. MariaDB warns of the invalid value of an enumeration, index 0, although it stores it as it came; no
other text that is no label ever leaves the core, so a warning about such a column is about nothing else. And both
servers note that a column which they compute themselves was rounded to its digits, as it is on the source: nothing that
was sent is changed by it, and what stands there is compared afterwards.
"""

import re
from collections.abc import Callable, Mapping, Set

from appliance.loading.base import Checkpoint, Refused, Unit
from appliance.loading.checkpoints import checkpoint_table, detail_text, from_row
from appliance.loading.mariadb_session import Bytes, LoadingConnection, MariadbSession
from kora._core import Batch
from kora.catalog import Name
from kora.errors import Busy, EngineError, SenseiError

_TABLE = checkpoint_table("mariadb")
_CLAUSES = r"CHARACTER SET binary FIELDS TERMINATED BY '\t' ENCLOSED BY '' ESCAPED BY '\\' LINES TERMINATED BY '\n'"
_INSERTED_AT_ONCE = 500
_ROW_SPARE_BYTES = 4096
"""What a statement or a packet holds beside the row."""
_CONVERTED = {"uuid": "ascii", "json": "utf8mb4", "inet4": "ascii", "inet6": "ascii"}
"""Types that take text, but no binary string."""
_DATA_TRUNCATED = 1265
_NOTHING_TO_DROP = ("HY1091", "HY1146")
"""No such key; no such table."""
_COMPUTED = re.compile("(?:STORED|VIRTUAL|PERSISTENT)", re.IGNORECASE)
_WARNINGS_TOLD = 65_535
"""A server counts and tells no more warnings of one statement."""
_COLUMN = re.compile(r"[Cc]olumn [`']?(?:`[^`]*`\.`[^`]*`\.)?`?([^`']+)[`']")
NO_LOCAL_FILES = "the server takes no LOAD DATA LOCAL (local_infile=OFF); strict INSERTs are used, which take longer"


class MariadbWriter:
    """One writing session of a MariaDB target."""

    def __init__(self, connect: Callable[[], LoadingConnection]) -> None:
        self._session = MariadbSession(connect)
        row = self._session.query("SELECT @@max_allowed_packet, @@local_infile")[0]
        self._packet_bytes, self._loads = int(row[0]), bool(int(row[1]))
        self._session.fit_packets(self._packet_bytes)
        self._unit: Unit | None = None
        self._converted: dict[Name, dict[str, str]] = {}
        self._labelled: dict[Name, frozenset[str]] = {}
        """Columns of enumerations, by table."""
        self._computed: dict[Name, frozenset[str]] = {}
        """Columns that the server computes, by table."""

    def execute(self, sql: str) -> None:
        """A statement of its own transaction. A foreign key that is not there is as good as dropped."""
        try:
            self._session.execute(sql)
        except EngineError as error:
            # MySQL has no IF EXISTS for it.
            if error.sqlstate not in _NOTHING_TO_DROP or " DROP FOREIGN KEY " not in sql:
                raise

    def checkpoints(self, run: str) -> dict[tuple[str, int], Checkpoint]:
        """Committed units of a run."""
        if not self._has_checkpoints():
            return {}
        rows = self._session.query(
            f"SELECT table_name, number, row_count, raw_digest, detail FROM {_TABLE} WHERE run = %s", (run,)
        )
        return {(row[0], int(row[1])): from_row(row[0], int(row[1]), int(row[2]), row[3], row[4]) for row in rows}

    def runs(self) -> set[str]:
        """Runs that have checkpoints here."""
        if not self._has_checkpoints():
            return set()
        return {str(row[0]) for row in self._session.query(f"SELECT DISTINCT run FROM {_TABLE}")}

    def _has_checkpoints(self) -> bool:
        sql = (
            "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE()"
            " AND table_name = '_sensei_checkpoint'"
        )
        return bool(self._session.query(sql))

    def wire_type(self, planned: str) -> str:
        """As planned: every version takes the same."""
        return planned

    def begin(self, unit: Unit) -> None:
        """START TRANSACTION, then the checkpoint row: it waits for a surviving session of a killed client."""
        if unit.table not in self._converted:
            self._look_at(unit.table)
        self._session.execute("START TRANSACTION")
        self._unit = unit
        try:
            self._session.execute(
                f"INSERT INTO {_TABLE} (run, table_name, number) VALUES (%s, %s, %s)",
                (unit.run, str(unit.table), unit.number),
                doing=f"beginning {unit.label}",
            )
        except EngineError as error:
            if error.sqlstate != "23000":
                raise
            raise Busy(
                f"mariadb: {unit.label} was committed meanwhile by a session that outlived an earlier attempt",
                hint="nothing is lost or doubled: `sensei resume` once more",
            ) from error

    def _look_at(self, table: Name) -> None:
        """Notes columns whose type takes text alone, with the character set to hand it over in; enumerations; and
        columns that are computed.
        """
        rows = self._session.query(
            "SELECT column_name, data_type, extra FROM information_schema.columns"
            " WHERE table_schema = coalesce(nullif(%s, ''), DATABASE()) AND table_name = %s",
            (table.schema, table.name),
        )
        kinds = {str(name): str(kind).lower() for name, kind, _ in rows}
        self._converted[table] = {name: _CONVERTED[kind] for name, kind in kinds.items() if kind in _CONVERTED}
        self._labelled[table] = frozenset(name for name, kind in kinds.items() if kind == "enum")
        computed = (str(name) for name, _, extra in rows if _COMPUTED.search(str(extra)))
        self._computed[table] = frozenset(computed)

    def write(self, batch: Batch, skip: Set[int]) -> list[Refused]:
        """Loads under a savepoint; a batch of which anything was refused is halved until the rows are found.

        Raises:
            Busy: A row is larger than the server's `max_allowed_packet`.
        """
        if batch.longest_line + _ROW_SPARE_BYTES > self._packet_bytes:
            self._refuse_packet(batch.longest_line)
        skipped = [index for index, ordinal in enumerate(batch.ordinals()) if ordinal in skip] if skip else []
        refused: list[Refused] = []
        if self._loads:
            self._load_or_halve(batch, 0, batch.row_count, skipped, refused)
        else:
            for start in range(0, batch.row_count, _INSERTED_AT_ONCE):
                stop = min(start + _INSERTED_AT_ONCE, batch.row_count)
                self._load_or_halve(batch, start, stop, skipped, refused)
        return refused

    def _refuse_packet(self, longest: int) -> None:
        wanted = 1 << (longest + _ROW_SPARE_BYTES).bit_length()
        raise Busy(
            f"mariadb: a row of {self._label} takes {longest:,} bytes, max_allowed_packet is {self._packet_bytes:,}",
            hint=f"SET GLOBAL max_allowed_packet = {min(wanted, 1 << 30)}; then `sensei resume`",
        )

    def _load_or_halve(self, batch: Batch, start: int, stop: int, skipped: list[int], refused: list[Refused]) -> None:
        sent = sum(1 for index in range(start, stop) if index not in skipped) if skipped else stop - start
        if sent <= 0:
            return
        self._session.execute("SAVEPOINT batch")
        reason = self._send(batch, start, stop, skipped, sent)
        if not reason:
            self._session.execute("RELEASE SAVEPOINT batch")
            return
        self._session.execute("ROLLBACK TO SAVEPOINT batch")
        if stop - start == 1:
            found = _COLUMN.search(reason)
            column = found[1] if found else ""
            refused.append(Refused(batch.ordinals()[start], batch.key_text(start), column, reason))
            return
        middle = (start + stop) // 2
        self._load_or_halve(batch, start, middle, skipped, refused)
        self._load_or_halve(batch, middle, stop, skipped, refused)

    def _send(self, batch: Batch, start: int, stop: int, skipped: list[int], sent: int) -> str:
        """Hands rows over; the reason why not all of them arrived unchanged, empty if they did."""
        if not self._loads or sent == 1:
            return self._insert(batch, start, stop, skipped, sent)
        arrived = self._load(batch.mysql_load_data(start, stop, without=skipped))
        warned = self._session.warnings
        if arrived == sent and (not warned or self._warned_of_no_fault(warned)):
            return ""
        return f"{arrived} of {sent} rows, {warned} warnings"

    def _load(self, data: Bytes) -> int:
        unit = self._known_unit
        conversions = self._converted[unit.table]
        places = {name: f"@c{index}" for index, name in enumerate(unit.columns) if name in conversions}
        columns = ", ".join(places.get(name) or _quote(name) for name in unit.columns)
        made = ", ".join(
            f"{_quote(name)} = CONVERT({place} USING {conversions[name]})" for name, place in places.items()
        )
        sql = f"LOAD DATA LOCAL INFILE 'memory' INTO TABLE {_qualify(unit.table)} {_CLAUSES} ({columns})"
        return self._session.load(f"{sql} SET {made}" if made else sql, data, doing=f"loading {unit.label}")

    def _insert(self, batch: Batch, start: int, stop: int, skipped: list[int], sent: int) -> str:
        """A strict INSERT, which fails where LOAD DATA would warn; the reason, empty if all rows arrived."""
        unit = self._known_unit
        converted = [index for index, name in enumerate(unit.columns) if name in self._converted[unit.table]]
        columns = ", ".join(_quote(name) for name in unit.columns)
        reason = ""
        for verb in ("INSERT", "INSERT IGNORE"):
            head = f"{verb} INTO {_qualify(unit.table)} ({columns}) VALUES "
            statement = batch.mysql_insert(head.encode(), start, stop, without=skipped, converted=converted)
            if len(statement) + _ROW_SPARE_BYTES > self._packet_bytes:
                if sent == 1:
                    self._refuse_packet(len(statement))
                return "more than one packet holds"
            reason = self._inserted(statement, sent)
            # An invalid value, perhaps, and nothing else: what is let in then is judged by its warnings.
            if not self._is_about_a_label(reason):
                return reason
        return reason

    def _inserted(self, statement: memoryview, sent: int) -> str:
        try:
            arrived = self._session.execute_bytes(statement, doing=f"loading {self._label}")
        except EngineError as error:
            return error.message.removeprefix("mariadb: ").rpartition(" (while:")[0]
        warned = self._session.warnings
        if arrived == sent and (not warned or self._warned_of_no_fault(warned)):
            return ""
        said = [str(message) for _, _, message in self._session.query("SHOW WARNINGS")]
        others = [message for message in said if not self._is_about_a_label(message)]
        return next(iter(others), f"{arrived} of {sent} rows arrived")

    def _is_about_a_label(self, message: str) -> bool:
        """Whether a server's words are about a column of an enumeration, into which no text goes but its labels."""
        return self._is_about(message, self._labelled)

    def _is_about(self, message: str, columns: Mapping[Name, frozenset[str]]) -> bool:
        found = _COLUMN.search(message)
        return found is not None and found[1] in columns[self._known_unit.table]

    def _warned_of_no_fault(self, count: int) -> bool:
        """Whether every warning of the last statement is about an enumeration's invalid value or a computed column."""
        table = self._known_unit.table
        if not (self._labelled[table] or self._computed[table]) or count >= _WARNINGS_TOLD:
            return False
        said = self._session.query("SHOW WARNINGS")
        return len(said) == count and all(
            code == _DATA_TRUNCATED and self._is_no_fault(str(level), str(message)) for level, code, message in said
        )

    def _is_no_fault(self, level: str, message: str) -> bool:
        return self._is_about_a_label(message) or (level == "Note" and self._is_about(message, self._computed))

    @property
    def _known_unit(self) -> Unit:
        if self._unit is None:
            raise EngineError("mariadb: rows were written outside a unit")
        return self._unit

    @property
    def _label(self) -> str:
        return self._unit.label if self._unit else "no unit"

    def settle(self) -> None:
        """Nothing: what was written is the server's."""

    def commit(self, unit: Unit, checkpoint: Checkpoint) -> None:
        """Completes the checkpoint row and commits."""
        self._session.execute(
            f"UPDATE {_TABLE} SET row_count = %s, raw_digest = %s, detail = %s"
            " WHERE run = %s AND table_name = %s AND number = %s",
            (
                checkpoint.row_count, checkpoint.raw_digest, detail_text(checkpoint),
                unit.run, str(unit.table), unit.number,
            ),
            doing=f"committing {unit.label}",
        )  # fmt: skip
        self._session.execute("COMMIT", doing=f"committing {unit.label}")
        self._unit = None

    def rollback(self) -> None:
        """Gives the open transaction back; a server whose line is cut does so by itself."""
        self._unit = None
        if self._session.is_open:
            try:
                self._session.execute("ROLLBACK")
            except SenseiError:
                self._session.close()

    def remove(self, unit: Unit) -> None:
        """Deletes a unit's rows by key range, or all of the table's, together with the checkpoint row."""
        where, values = _range_condition(unit)
        doing = f"replacing {unit.label}"
        self._session.execute("START TRANSACTION")
        self._session.execute(
            f"DELETE FROM {_TABLE} WHERE run = %s AND table_name = %s AND (number = %s OR %s)",
            (unit.run, str(unit.table), unit.number, unit.key_range is None),
            doing=doing,
        )
        # Rows that refer to rows of their own table would hold each other.
        self._session.execute("SET SESSION foreign_key_checks = 0")
        try:
            target = _qualify(unit.table).replace("%", "%%") if values else _qualify(unit.table)
            self._session.execute(f"DELETE FROM {target} WHERE {where}", values, doing=doing)
        finally:
            self._session.execute("SET SESSION foreign_key_checks = 1")
        self._session.execute("COMMIT", doing=doing)

    def close(self) -> None:
        """Ends the session."""
        self._session.close()


def _quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _qualify(table: Name) -> str:
    return f"{_quote(table.schema)}.{_quote(table.name)}" if table.schema else _quote(table.name)


def _range_condition(unit: Unit) -> tuple[str, tuple[object, ...]]:
    """The WHERE of a key range."""
    key_range = unit.key_range
    if key_range is None or (key_range.after is None and key_range.upto is None):
        return "TRUE", ()
    columns = ", ".join(_quote(name).replace("%", "%%") for name in key_range.columns)
    places = ", ".join("%s" for _ in key_range.columns)
    parts: list[str] = []
    values: list[object] = []
    for operator, bound in ((">", key_range.after), ("<=", key_range.upto)):
        if bound is not None:
            parts.append(f"({columns}) {operator} ({places})")
            values += list(bound)
    return " AND ".join(parts), tuple(values)
