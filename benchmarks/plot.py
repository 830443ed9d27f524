"""A plot of amounts over numbers, as SVG written by hand: logarithmic to the right, from zero upwards."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 640, 380, 70, 24, 84, 56
_COLORS = ("#1b5e8c", "#b3541e", "#3f7d3a", "#6b4c9a", "#8a6d00", "#555555")
_NAMES_IN_A_ROW = 2
Amount = Callable[[float], str]


@dataclass(frozen=True)
class Line:
    """A name, and (number, amount) in ascending order."""

    name: str
    points: Sequence[tuple[int, int]]


def megabytes(value: float) -> str:
    """Bytes as they are written beside the plot."""
    return f"{value / 1e6:.0f} MB"


def write_svg(path: Path, title: str, below: str, lines: Sequence[Line], *, amount: Amount = megabytes) -> None:
    """Draws all lines into one picture; `amount` writes what stands upwards."""
    rows = [x for line in lines for x, _ in line.points]
    top = _round_up(max(y for line in lines for _, y in line.points))
    low, high = math.log10(min(rows)), math.log10(max(rows))
    span = max(high - low, 1e-9)

    def place(x: float, y: float) -> tuple[float, float]:
        right = _LEFT + (math.log10(x) - low) / span * (_WIDTH - _LEFT - _RIGHT)
        return round(right, 1), round(_HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="15">{escape(title)}</text>',
    ]
    for step in range(5):
        value = top * step / 4
        _, y = place(min(rows), value)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{amount(value)}</text>')
    for x in sorted(set(rows)):
        right, _ = place(x, 0)
        parts.append(f'<text x="{right}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">{x:,}</text>')
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 14}" text-anchor="middle">{escape(below)}</text>')
    for number, line in enumerate(lines):
        right, down = number % _NAMES_IN_A_ROW * 280, number // _NAMES_IN_A_ROW * 16
        name = f'<text x="{_LEFT + right}" y="{40 + down}" fill="{_color(number)}">● {escape(line.name)}</text>'
        parts += [*_drawn(line, _color(number), [place(x, y) for x, y in line.points], amount), name]
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)]


def _drawn(line: Line, color: str, places: Sequence[tuple[float, float]], amount: Amount) -> list[str]:
    points = " ".join(f"{x},{y}" for x, y in places)
    values = zip(line.points, places, strict=True)
    return [
        f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>',
        *(
            f'<circle cx="{x}" cy="{y}" r="4" fill="{color}"><title>{number:,}: {amount(value)}</title></circle>'
            for (number, value), (x, y) in values
        ),
    ]


def _round_up(value: float) -> float:
    """To the next of 1, 2, 4, 8 and 10 times a power of ten."""
    power = 10 ** math.floor(math.log10(value))
    return float(next(step * power for step in (1, 2, 4, 8, 10) if value <= step * power))
