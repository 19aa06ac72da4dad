"""Inline SVG: figures of matplotlib on the page's colors, and charts of configurations as rows."""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup

from ebmark.store.method_info import look

# The colors of figures that are not those of methods -> variables of style.css.
_VARIABLES = {
    "#ffffff": "ground",
    "#000000": "ink",
    "#111827": "ink",
    "#1f2328": "ink",
    "#6b7280": "soft",
    "#b4bac2": "line",
    "#d5d9de": "line",
    "#e3edf4": "mark",
    "#1f4f78": "accent",
}
_SHAPES = {
    "o": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "s": "M-4.4 -4.4h8.8v8.8h-8.8z",
    "D": "M0 -6L6 0L0 6L-6 0z",
    "^": "M0 -6L5.6 4.4L-5.6 4.4z",
    "v": "M0 6L5.6 -4.4L-5.6 -4.4z",
    "P": "M-2 -5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5z",
    "X": "M-5 -3L-3 -5L0 -2L3 -5L5 -3L2 0L5 3L3 5L0 2L-3 5L-5 3L-2 0z",
    "h": "M0 -5.8L5 -2.9L5 2.9L0 5.8L-5 2.9L-5 -2.9z",
}
# digits beyond a hundredth of a pixel, except in scales
_TOO_PRECISE = re.compile(r"(scale\([^)]*\))|(\d+\.\d\d)\d+")
_WIDTH, _RIGHT, _ROW, _TOP = 460, 16, 25, 8
_MAX_NAME = 24  # characters of a name that are drawn


def inline(svg: bytes, name: str, alt: str) -> Markup:
    """Return an SVG file of matplotlib as an element of the page; its ids begin with `name`."""
    text = svg.decode()
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", name)
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.S)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, f"var(--{variable})")
    text = _TOO_PRECISE.sub(lambda match: match[1] or match[2], text)
    text = re.sub(r"\s*\n\s*(?=[A-Za-z\"])", "", re.sub(r"\s*\n\s*", "\n", text))
    label = Markup('<svg class="chart" role="img" aria-label="{}"').format(alt)
    return Markup(text.replace("<svg", label, 1))


def marker(entry: str) -> Markup:
    """Return the marker of a configuration, as a small picture for legends and tables."""
    text = '<svg class="key" viewBox="-8 -8 16 16" aria-hidden="true">{}</svg>'
    return Markup(text).format(_glyph(entry, 0, 0))


def _glyph(entry: str, x: float, y: float) -> Markup:
    drawn = look(entry)
    fill = "var(--ground)" if drawn.is_tuned else drawn.color
    style = Markup('fill="{}" stroke="{}" stroke-width="1.5"').format(fill, drawn.color)
    text = Markup('<path d="{}" transform="translate({:.1f} {:.1f})" {}/>')
    return text.format(_SHAPES[drawn.marker], x, y, style)


class Mark(NamedTuple):
    """A row of a chart: a configuration, its value with an interval, and faint dots.

    Attributes:
        entry: The configuration.
        value: Where its marker lies; not finite if it has none.
        low: Lower end of its interval, NaN if there is none.
        high: Upper end.
        dots: Position and description of each faint dot.
        text: What the row states, as a tooltip.
        is_pale: Whether the row is pale: not significant.
        note: Text at the right end of the row.
    """

    entry: str
    value: float
    low: float = math.nan
    high: float = math.nan
    dots: Sequence[tuple[float, str]] = ()
    text: str = ""
    is_pale: bool = False
    note: str = ""


def rows_chart(
    marks: Sequence[Mark], label: str, alt: str, *, reference: float, is_signed: bool
) -> Markup:
    """Draw configurations as rows along one axis.

    Args:
        marks: The rows, from top to bottom.
        label: What the axis shows.
        alt: What a reader should conclude.
        reference: A value that is drawn as a vertical line.
        is_signed: Whether the axis is that of differences: logarithmic on both sides of 0. Others
            are logarithmic if all values are positive.
    """
    values = [v for m in marks for v in (m.value, m.low, m.high, *(x for x, _ in m.dots))]
    finite = [value for value in [*values, reference] if math.isfinite(value)]
    left = 22 + 7.2 * min(max(len(mark.entry) for mark in marks), _MAX_NAME)
    scale, ticks = _signed_axis(finite) if is_signed else _axis(finite)

    def place(value: float) -> float:
        return left + scale(value) * (_WIDTH - left - _RIGHT)

    height = _TOP + _ROW * len(marks) + 40
    bottom = _TOP + _ROW * len(marks)
    parts = [_line(place(tick), _TOP, place(tick), bottom, "grid") for tick in ticks]
    text = Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>')
    parts += [text.format(place(tick), bottom + 15, f"{tick:g}") for tick in ticks]
    parts.append(text.format((left + _WIDTH - _RIGHT) / 2, bottom + 33, label))
    parts.append(_line(place(reference), _TOP, place(reference), bottom, "zero"))
    parts += [_row(mark, left, _TOP + _ROW * (i + 0.5), place) for i, mark in enumerate(marks)]
    svg = '<svg class="chart rows" role="img" aria-label="{}" viewBox="0 0 {} {}">{}</svg>'
    return Markup(svg).format(alt, _WIDTH, height, Markup("").join(parts))


def _row(mark: Mark, left: float, y: float, place: Callable[[float], float]) -> Markup:
    color = look(mark.entry).color
    name = '<text x="{:.1f}" y="{:.1f}" text-anchor="end">{}</text>'
    is_long = len(mark.entry) > _MAX_NAME
    short = f"{mark.entry[: _MAX_NAME - 1]}…" if is_long else mark.entry
    parts = [Markup(name).format(left - 12, y + 4, short)]
    dot = (
        '<circle cx="{:.1f}" cy="{:.1f}" r="2.6" fill="{}" opacity=".45"><title>{}</title></circle>'
    )
    dot = Markup(dot)
    parts += [dot.format(place(x), y, color, text) for x, text in mark.dots if math.isfinite(x)]
    if math.isfinite(mark.value):
        if not math.isnan(mark.low):
            parts.append(_line(place(mark.low), y, place(mark.high), y, "interval", color))
        parts.append(_glyph(mark.entry, place(mark.value), y))
    if mark.note:
        note = '<text class="lost" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
        parts.append(Markup(note).format(_WIDTH - 2, y - 6, mark.note))
    group = '<g data-method="{}"{}><title>{}</title>{}</g>'
    pale = Markup(' opacity=".5"') if mark.is_pale else ""
    return Markup(group).format(mark.entry, pale, mark.text, Markup("").join(parts))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, color: str = "") -> Markup:
    style = Markup(' stroke="{}"').format(color) if color else ""
    text = '<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"{}/>'
    return Markup(text).format(kind, x1, y1, x2, y2, style)


def _scale(low: float, high: float, f: Callable[[float], float]) -> Callable[[float], float]:
    """Map [low, high] to [0, 1] after f; what lies beyond is drawn at the ends."""
    start, end = f(low), f(high)
    span = (end - start) or 1.0

    def place(value: float) -> float:
        return (f(min(max(value, low), high)) - start) / span

    return place


def _axis(values: Sequence[float]) -> tuple[Callable[[float], float], list[float]]:
    """The axis of values: logarithmic if they are positive, with at most seven ticks."""
    low, high = min(values), max(values)
    if low <= 0:
        pad = 0.06 * (high - low or 1)
        step = _round((high - low + 2 * pad) / 4)
        first = math.ceil((low - pad) / step)
        ticks = [step * k for k in range(first, math.floor((high + pad) / step) + 1)]
        return _scale(low - pad, high + pad, float), ticks
    high = min(high, 1e5 * low)
    low, high = low / 1.15, high * 1.15
    for factors in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1,)):
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [f * 10.0**k for k in powers for f in factors if low <= f * 10.0**k <= high]
        if len(ticks) <= 7:
            break
    return _scale(low, high, math.log), ticks


def _signed_axis(values: Sequence[float]) -> tuple[Callable[[float], float], list[float]]:
    """The axis of differences: linear near 0, logarithmic beyond, in powers of ten."""
    sizes = sorted(abs(value) for value in values if value)
    unit = 10.0 ** math.floor(math.log10(sizes[len(sizes) // 4])) if sizes else 1.0
    largest = min(sizes[-1], 1e5 * unit) if sizes else 1.0
    low = max(min([*values, 0.0]), -largest) * 1.2 - unit / 2
    high = min(max([*values, 0.0]), largest) * 1.2 + unit / 2
    powers = [unit * 10.0**k for k in range(6)]
    ticks = [tick for tick in (*(-p for p in powers), 0.0, *powers) if low <= tick <= high]
    return _scale(low, high, lambda value: math.asinh(value / unit)), sorted(ticks)


def _round(step: float) -> float:
    power = 10.0 ** math.floor(math.log10(step))
    return power * min((1, 2, 5, 10), key=lambda f: abs(f * power - step))
