"""What comparing a table either way would take on a line, from what was measured: for `--strategy auto`.

Measured are the line, once for each side, and how fast the server digests the table's first rows. A table that streams
within a few round trips is not tried: the trial would take as long.
"""

import time
from dataclasses import dataclass

from kora.catalog import Table
from kora.databases.pushdown import LineSpeed, PushedSample, PushesDown, PushRequest

PUSHED_BYTES = 250_000
"""What the sums of a table with 4,096 buckets take on the line, about."""
PUSHED_TRIPS = 4
BESIDE_ROW_BYTES = 30
"""Of a row of which columns travel: what the server digested, and what both protocols put around it."""
UNKNOWN_ROW_BYTES = 100
_VALUE_BYTES = 4
"""What a protocol puts around one value."""
_TRIAL_ROWS = (500, 20_000)
_LONG_ENOUGH_SECONDS = 0.05
_LONG_ENOUGH_OF_A_TRIP = 0.25
"""A trial that takes so long beyond its asking tells the server's speed; a shorter one is repeated with more."""


@dataclass(frozen=True, slots=True)
class Reckoned:
    """Seconds that a table would take either way, and in words what they rest on."""

    streaming: float
    digesting: float
    said: str


@dataclass(frozen=True, slots=True)
class _Trial:
    sample: PushedSample
    seconds: float

    @property
    def rows_per_second(self) -> float:
        return self.sample.rows / self.seconds


def reckoned(database: PushesDown, table: Table, request: PushRequest, speed: LineSpeed, rows: int) -> Reckoned:
    """What both ways would take for this side of a table.

    Args:
        database: The side, which is asked to digest some rows where that can pay.
        table: As its catalog has it.
        request: What would be digested; a salt of any kind.
        speed: Of its line, measured.
        rows: How many rows it is believed to have.
    """
    size = max(table.size_bytes or 0, rows * UNKNOWN_ROW_BYTES)
    line = f"{speed.bytes_per_second / 1000:,.0f} kB/s and {speed.round_trip_seconds * 1000:,.0f} ms"
    streaming = size / speed.bytes_per_second + speed.round_trip_seconds
    if streaming <= PUSHED_TRIPS * speed.round_trip_seconds or not rows:
        return Reckoned(streaming, float("inf"), f"{line}: streaming about {duration(streaming)}, sooner than asking")
    trial = _tried(database, request, speed)
    if trial is None:
        return Reckoned(streaming, float("inf"), f"{line}: no row was there to try")
    sample = trial.sample
    width = sample.value_bytes / sample.rows + _VALUE_BYTES * len(request.columns)
    streaming = rows * width / speed.bytes_per_second + speed.round_trip_seconds
    moved = float(min(PUSHED_BYTES, rows * BESIDE_ROW_BYTES))
    if request.beside:
        moved = rows * (sample.beside_bytes / sample.rows + _VALUE_BYTES * len(request.beside) + BESIDE_ROW_BYTES)
    trips = PUSHED_TRIPS * speed.round_trip_seconds
    digesting = rows / trial.rows_per_second + moved / speed.bytes_per_second + trips
    said = (
        f"{line}; {trial.rows_per_second:,.0f} rows/s digested, by {sample.rows:,} tried: streaming {rows:,} rows of"
        f" {width:,.0f} bytes about {duration(streaming)}, digests about {duration(digesting)}"
    )
    return Reckoned(streaming, digesting, said)


def _tried(database: PushesDown, request: PushRequest, speed: LineSpeed) -> _Trial | None:
    """How fast the server digests; None for a table that is empty.

    What asking costs, round trips and the way of a long statement, is taken from one row's digest; an earlier one opens
    the session, which takes more round trips than all the rest.
    """
    database.push_sample(request, 1)
    asking, _ = _timed(database, request, 1)
    long_enough = max(_LONG_ENOUGH_SECONDS, _LONG_ENOUGH_OF_A_TRIP * speed.round_trip_seconds)
    trial = None
    for rows in _TRIAL_ROWS:
        took, sample = _timed(database, request, rows)
        if not sample.rows:
            return None
        trial = _Trial(sample, max(took - asking, 1e-6))
        if trial.seconds >= long_enough or sample.rows < rows:
            break
    return trial


def _timed(database: PushesDown, request: PushRequest, rows: int) -> tuple[float, PushedSample]:
    started = time.monotonic()
    sample = database.push_sample(request, rows)
    return time.monotonic() - started, sample


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds == float("inf"):
        return "for ever"
    if seconds < 120:
        return f"{seconds:,.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"
