"""Which way a pair of tables is compared: by its rows, or by digests that its servers compute.

Streaming is the default: it is faster wherever the line is not slow. `pushdown` is declared; columns that a server
cannot render travel beside its digests, a table without any other is streamed, and what cannot be settled exactly is
not run, and said. `auto` measures the line and the server and decides for each table and side: a side is pushed down
where streaming it would take longer (`reckoning`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kora.comparison.compare import Options, Pair
from kora.comparison.mapping import Side
from kora.comparison.pushdown import ROW_HASH, CannotPush, compare_pushed
from kora.comparison.pushed_columns import Division, division, own_name
from kora.comparison.reckoning import duration, reckoned
from kora.comparison.result import AskedStrategy, LineUse, NotChecked, StrategyUsed, TableResult
from kora.databases.base import Database
from kora.databases.pushdown import LineSpeed, PushesDown, PushRequest
from kora.errors import InvalidRequest, LimitExceeded

AT_LEAST = "counts are at least"
PATIENCE_SECONDS = 600.0
"""Under `auto`: a table of which push-down counted a part is streamed after all where that takes no longer."""
_NO_SALT = "0" * 64
"""For trials, of which no digest is told."""
_SIDES: tuple[Side, Side] = ("source", "target")


@dataclass(frozen=True, slots=True)
class _Choice:
    """The sides that are pushed down, how their columns go, why, and what streaming the table would take at most."""

    sides: Sequence[Side] = ()
    columns: Division = Division()  # noqa: RUF009  frozen
    reason: str = ""
    streaming_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Strategist:
    """What was asked for, and what is known of both lines. `speeds` holds measured lines; only `auto` measures."""

    asked: AskedStrategy
    servers: tuple[Side, ...]
    speeds: dict[Side, LineSpeed]

    @classmethod
    def prepared(cls, asked: AskedStrategy, source: Database, target: Database) -> "Strategist":
        """Looks at both databases, and measures their lines where the decision depends on it.

        Raises:
            InvalidRequest: Push-down was asked for, and neither side has a server.
        """
        databases: dict[Side, Database] = {"source": source, "target": target}
        servers = tuple(side for side in _SIDES if isinstance(databases[side], PushesDown))
        if asked == "pushdown" and not servers:
            raise InvalidRequest(
                "neither side has a server that could digest its rows", hint="verify with --strategy stream or auto"
            )
        speeds: dict[Side, LineSpeed] = {}
        if asked == "auto":
            for side in servers:
                database = databases[side]
                if isinstance(database, PushesDown) and database.line.received:
                    speeds[side] = database.line_speed()
        return cls(asked, servers, speeds)

    def compare(self, pair: Pair, options: Options, stream: Callable[[], TableResult]) -> TableResult:
        """The pair's result; `stream` compares by rows."""
        if self.asked == "stream":
            return stream()
        choice = self._chosen(pair)
        if not choice.sides:
            return stream().model_copy(update={"strategy_reason": choice.reason})
        before = self._received(pair)
        try:
            result = compare_pushed(pair, options, choice.sides, choice.columns)
        except (CannotPush, LimitExceeded) as refusal:
            return self._refused(pair, refusal, choice, stream)
        told = _told(choice.columns, self._received(pair) - before)
        return result.model_copy(update={"strategy_reason": "; ".join(filter(None, (choice.reason, told)))})

    def _refused(
        self, pair: Pair, refusal: CannotPush | LimitExceeded, choice: _Choice, stream: Callable[[], TableResult]
    ) -> TableResult:
        """What is said where push-down did not settle a table."""
        part = refusal.part if isinstance(refusal, CannotPush) else None
        patient = choice.streaming_seconds <= PATIENCE_SECONDS
        if self.asked == "auto" and (part is None or patient):
            return stream().model_copy(update={"strategy_reason": f"streamed: {refusal}"})
        if part is not None:
            longer = "" if patient else f"; streaming it takes about {duration(choice.streaming_seconds)}"
            return part.model_copy(update={"strategy_reason": f"{AT_LEAST}: {refusal}{longer}"})
        return TableResult(
            source=str(pair.mapping.source),
            target=str(pair.mapping.target),
            outcome="not_run",
            strategy="pushdown",
            strategy_reason=str(refusal),
        )

    def _chosen(self, pair: Pair) -> _Choice:
        """The sides that are pushed down, and why."""
        if self.asked == "pushdown":
            columns = division(pair, self.servers)
            if columns.nothing_rendered:
                return _Choice(reason=f"streamed, no column is left to digest: {'; '.join(columns.reasons)}")
            return _Choice(self.servers, columns)
        slow: list[Side] = []
        said, longest = [], 0.0
        for side, speed in self.speeds.items():
            database = pair.source if side == "source" else pair.target
            columns = division(pair, [side])
            if not isinstance(database, PushesDown) or columns.nothing_rendered:
                said.append(f"{side}: no column is left to digest")
                continue
            table = pair.source_table if side == "source" else pair.target_table
            names = {column.source: own_name(column, side) for column in pair.mapping.columns}
            key = () if columns.key_beside else tuple(names[name] for name in pair.mapping.key)
            listed = tuple(names.values())
            request = PushRequest(table, listed, key, _NO_SALT, columns.names(listed))
            found = reckoned(database, table, request, speed, _rows(pair, database, side))
            if found.digesting < found.streaming:
                slow.append(side)
                longest = max(longest, found.streaming)
            said.append(f"{side} at {found.said}")
        columns = division(pair, slow) if slow else Division()
        if columns.nothing_rendered:
            slow = []
        return _Choice(slow, columns, "; ".join(said) or "no line to a server", longest)

    def _received(self, pair: Pair) -> int:
        """Bytes that came over both lines until now."""
        return sum(side.line.received for side in (pair.source, pair.target) if isinstance(side, PushesDown))

    def uses(self, source: Database, target: Database) -> tuple[LineUse, ...]:
        """What went over each side's line until now."""
        found = []
        for side, database in zip(_SIDES, (source, target), strict=True):
            if isinstance(database, PushesDown):
                speed = self.speeds.get(side)
                found.append(
                    LineUse(
                        side=side,
                        sent=database.line.sent,
                        received=database.line.received,
                        round_trip_microseconds=round(speed.round_trip_seconds * 1e6) if speed else None,
                        bytes_per_second=round(speed.bytes_per_second) if speed else None,
                    )
                )
        return tuple(found)

    def used(self, results: Sequence[TableResult]) -> StrategyUsed:
        """What a certificate says of it."""
        pushed = any(result.strategy == "pushdown" and result.outcome != "not_run" for result in results)
        return StrategyUsed(asked=self.asked, row_hash=ROW_HASH if pushed else None)

    def not_checked(self, results: Sequence[TableResult], *, logged: bool) -> list[NotChecked]:
        """What push-down leaves to trust, and the tables that it could not settle. `logged`: a source log was given."""
        pushed = [result for result in results if result.strategy == "pushdown"]
        told = [
            NotChecked(
                what="push-down",
                name=result.name,
                detail=f"{result.strategy_reason}; --strategy auto streams such a table",
                side="both",
                blocking=True,
            )
            for result in pushed
            if result.outcome == "not_run"
        ]
        told += [
            NotChecked(
                what="differences", name=result.name, detail=f"{result.strategy_reason}; --strategy stream counts all"
            )
            for result in pushed
            if result.strategy_reason.startswith(AT_LEAST)
        ]
        if settled := [result for result in pushed if result.outcome != "not_run"]:
            told.append(
                NotChecked(
                    what="digests",
                    name="of tables that were pushed down",
                    detail=f"the servers computed them ({ROW_HASH}) and are believed; no root stands for the rows",
                    count=len(settled),
                )
            )
        if logged and self.asked != "stream":
            detail = "its raw rows were not read again: verify with --strategy stream to hold it against them"
            told.append(NotChecked(what="source log", name="of the load", detail=detail, side="source"))
        return told


def _rows(pair: Pair, database: Database, side: Side) -> int:
    """How many rows a side has, by its own estimate, or counted where it has none."""
    table = pair.source_table if side == "source" else pair.target_table
    if table.row_estimate:
        return table.row_estimate
    return database.row_count(table) if table.row_estimate is None or table.size_bytes else 0


def _told(columns: Division, received: int) -> str:
    """Which columns travelled, and why; empty where none did."""
    if not columns.beside:
        return ""
    return f"{received:,} bytes, for columns travelled beside the digests: {'; '.join(columns.reasons)}"
