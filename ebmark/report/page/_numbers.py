"""Numbers as text."""

import math
from collections.abc import Iterable

MINUS, DASH, INFINITY = "\u2212", "\u2013", "\u221e"
WIDE, POINT = "\u2007", "\u2008"  # spaces as wide as a digit, as a point


def decimals(values: Iterable[float], significant: int = 2, most: int = 4) -> int:
    """Decimals that show the smallest value to so many digits: one number for a whole column."""
    sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
    if not sizes:
        return significant
    return min(most, max(0, significant - 1 - math.floor(math.log10(min(sizes)))))


def number(value: float, places: int, pad: bool = False) -> str:
    """With so many decimals, fewer where it is large; padded ones align on their points."""
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "diverged"
    if abs(value) >= 1e6:
        scale, unit = (1e9, "G") if abs(value) >= 1e9 else (1e6, "M")
        return f"{value / scale:#.3g}".rstrip(".") + f"\u00a0{unit}"
    size = math.floor(math.log10(abs(value))) if value else 0
    kept = min(places, max(0, 4 - size))
    text = f"{value:,.{kept}f}".replace("-", MINUS)
    if not float(f"{value:.{kept}f}"):
        text = f"<{10.0**-kept:.{kept}f}" if value > 0 else text.lstrip(MINUS)
    if pad:
        text += (POINT if places and not kept else "") + WIDE * (places - kept)
    return text


def interval(low: float, high: float, places: int) -> str:
    """[low, high]; nothing where there are too few seeds for it."""
    if not math.isfinite(low):
        return ""
    return f"[{number(low, places)}, {number(high, places) if math.isfinite(high) else INFINITY}]"


def brief(value: float, significant: int = 2) -> str:
    """A number alone in a sentence: two significant digits."""
    return number(value, decimals([value], significant, 6))


def digits(metric: str) -> int:
    """How many significant digits a metric is worth: of NLL, all but the last two are entropy's."""
    return 4 if metric == "nll" else 3 if metric.startswith("w") else 2


def probability(p: float) -> str:
    """p = 0.004, or p < 0.001."""
    text = "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
    return text.replace(" ", "\u00a0")
