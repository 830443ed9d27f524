"""Which way a pair of tables is compared: by its rows, or by digests that its servers compute.

Streaming is the default: it is faster wherever the line is not slow. `pushdown` is declared; what it cannot settle
exactly is not run, and said. `auto` measures the line and decides for each table and side: a side is pushed down where
streaming it would take longer than having its server digest it; what cannot be pushed down is streamed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kora.catalog import Table
from kora.comparison.compare import Options, Pair
from kora.comparison.mapping import Side
from kora.comparison.pushdown import ROW_HASH, CannotPush, compare_pushed
from kora.comparison.result import AskedStrategy, LineUse, NotChecked, StrategyUsed, TableResult
from kora.databases.base import Database
from kora.databases.pushdown import LineSpeed, PushesDown
from kora.errors import InvalidRequest, LimitExceeded

SERVER_SECONDS_PER_ROW = 25e-6
"""What digesting a row is reckoned at: PostgreSQL 15 and MariaDB 10.11 take 6 to 25 µs for eight columns on a core."""
SERVER_SECONDS_PER_BYTE = 5e-9
PUSHED_BYTES = 250_000
"""What the sums of a table with 4,096 buckets take on the line, about."""
PUSHED_TRIPS = 4
AT_LEAST = "counts are at least"
UNKNOWN_ROW_BYTES = 100
_SIDES: tuple[Side, Side] = ("source", "target")


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
        sides, reason = self._chosen(pair)
        if not sides:
            return stream().model_copy(update={"strategy_reason": reason})
        try:
            return compare_pushed(pair, options, sides).model_copy(update={"strategy_reason": reason})
        except (CannotPush, LimitExceeded) as refusal:
            if self.asked == "auto":
                return stream().model_copy(update={"strategy_reason": f"streamed: {refusal}"})
            if isinstance(refusal, CannotPush) and refusal.part is not None:
                return refusal.part.model_copy(update={"strategy_reason": f"{AT_LEAST}: {refusal}"})
            return TableResult(
                source=str(pair.mapping.source),
                target=str(pair.mapping.target),
                outcome="not_run",
                strategy="pushdown",
                strategy_reason=str(refusal),
            )

    def _chosen(self, pair: Pair) -> tuple[Sequence[Side], str]:
        """The sides that are pushed down, and why."""
        if self.asked == "pushdown":
            return self.servers, ""
        slow: list[Side] = []
        said = []
        for side, speed in self.speeds.items():
            table = pair.source_table if side == "source" else pair.target_table
            streaming, digesting = _reckoned(table, speed)
            if digesting < streaming:
                slow.append(side)
            said.append(
                f"{side} at {speed.bytes_per_second / 1000:,.0f} kB/s and {speed.round_trip_seconds * 1000:,.0f} ms:"
                f" streaming about {_duration(streaming)}, its server's digests about {_duration(digesting)}"
            )
        return slow, "; ".join(said) or "no line to a server"

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


def _reckoned(table: Table, speed: LineSpeed) -> tuple[float, float]:
    """Seconds that streaming a table would take on its line, and those that its server's digests would."""
    size = table.size_bytes or (table.row_estimate or 0) * UNKNOWN_ROW_BYTES
    rows = table.row_estimate or size / UNKNOWN_ROW_BYTES
    streaming = size / speed.bytes_per_second + speed.round_trip_seconds
    server = rows * SERVER_SECONDS_PER_ROW + size * SERVER_SECONDS_PER_BYTE
    line = min(PUSHED_BYTES, size) / speed.bytes_per_second + PUSHED_TRIPS * speed.round_trip_seconds
    return streaming, server + line


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
