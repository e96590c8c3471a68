"""Lines on two logarithmic scales, as an SVG that reads on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 860, 460
LEFT, RIGHT, TOP, BOTTOM = 60, 190, 40, 50
COLOURS = ("#1f77b4", "#d95f02", "#1b9e77", "#7570b3", "#a6761d", "#e7298a")
LABEL_GAP = 16

Points = Sequence[tuple[float, float]]


def draw(title: str, below: str, series: Mapping[str, Points]) -> str:
    """Return the picture; each line is named at its right end. All values must be above nothing."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_scale = _Scale(min(xs), max(xs), LEFT, WIDTH - RIGHT)
    y_scale = _Scale(min(ys), max(ys), HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif"'
        f' font-size="13"><title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="16" fill="#222">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) // 2}" y="{HEIGHT - 10}" text-anchor="middle" fill="#444">{escape(below)}</text>',
    ]
    for power in x_scale.powers():
        x = x_scale.place(10**power)
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(_number(x, HEIGHT - BOTTOM + 18, power, "middle"))
    for power in y_scale.powers():
        y = y_scale.place(10**power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_number(LEFT - 8, y + 4, power, "end"))
    ends = sorted((y_scale.place(points[-1][1]), name) for name, points in series.items())
    labels, lowest = {}, TOP - LABEL_GAP
    for y, name in ends:
        lowest = labels[name] = max(y, lowest + LABEL_GAP)
    for colour, (name, points) in zip(COLOURS, series.items(), strict=False):
        path = " ".join(f"{x_scale.place(x):.1f},{y_scale.place(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [
            f'<circle cx="{x_scale.place(x):.1f}" cy="{y_scale.place(y):.1f}" r="3.5" fill="{colour}"/>'
            for x, y in points
        ]
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{labels[name] + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


class _Scale:
    """Places values between whole powers of ten."""

    def __init__(self, low: float, high: float, begin: int, end: int) -> None:
        self._low, self._high = (
            math.floor(math.log10(low)),
            max(math.ceil(math.log10(high)), math.floor(math.log10(low)) + 1),
        )
        self._begin, self._end = begin, end

    def place(self, value: float) -> float:
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def powers(self) -> range:
        return range(self._low, self._high + 1)


def _number(x: float, y: float, power: int, anchor: str) -> str:
    words = f"{10**power:,}" if 0 <= power < 5 else f"10^{power}" if power >= 5 else f"{10.0**power:g}"
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#444">{words}</text>'
