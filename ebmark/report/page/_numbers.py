"""Numbers as text."""

import math
from collections.abc import Iterable

MINUS = "\u2212"
DASH = "\u2013"
INFINITY = "\u221e"
FIGURE_SPACE = "\u2007"  # as wide as a digit
PUNCTUATION_SPACE = "\u2008"  # as wide as a decimal point


def count_decimals(values: Iterable[float], significant: int = 2, max_decimals: int = 4) -> int:
    """Return the decimals that show the smallest value to `significant` digits.

    One number serves a whole column, so that its values align.
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    if not sizes:
        return significant
    leading = math.floor(math.log10(min(sizes)))
    return min(max_decimals, max(0, significant - 1 - leading))


def format_number(value: float, decimals: int, pad: bool = False) -> str:
    """Format a number with at most `decimals` decimals.

    Args:
        value: The number; NaN is a dash, an infinity is "diverged".
        decimals: Decimals of a small number; large numbers get fewer, millions a unit.
        pad: Whether to add spaces so that numbers of a column align at the decimal point.

    Example:
        >>> format_number(0.00834, 4)
        '0.0083'
    """
    if math.isnan(value):
        return DASH
    if math.isinf(value):
        return "diverged"
    if abs(value) >= 1e6:
        return _format_large(value)
    magnitude = math.floor(math.log10(abs(value))) if value else 0
    kept = min(decimals, max(0, 4 - magnitude))
    text = f"{value:,.{kept}f}".replace("-", MINUS)
    if float(f"{value:.{kept}f}") == 0:
        text = f"<{10.0**-kept:.{kept}f}" if value > 0 else text.lstrip(MINUS)
    if pad:
        if decimals and not kept:
            text += PUNCTUATION_SPACE
        text += FIGURE_SPACE * (decimals - kept)
    return text


def _format_large(value: float) -> str:
    scale = 1e9 if abs(value) >= 1e9 else 1e6
    unit = "G" if abs(value) >= 1e9 else "M"
    return f"{value / scale:#.3g}".rstrip(".") + f"\u00a0{unit}"


def format_interval(low: float, high: float, decimals: int) -> str:
    """Format an interval as [low, high]; empty where there are too few seeds for it."""
    if math.isnan(low) or low == high and math.isinf(low) or low == math.inf:
        return ""
    lower = format_number(low, decimals) if math.isfinite(low) else MINUS + INFINITY
    upper = format_number(high, decimals) if math.isfinite(high) else INFINITY
    return f"[{lower}, {upper}]"


def format_brief(value: float, significant: int = 2) -> str:
    """Format one number of a sentence, to two significant digits by default."""
    return format_number(value, count_decimals([value], significant, 6))


def format_signed(value: float, decimals: int | None = None) -> str:
    """Format a difference with its sign; to two significant digits if `decimals` is None."""
    if math.isnan(value):
        return DASH
    sign = ""
    if value > 0:
        sign = "+"
    elif value < 0:
        sign = MINUS
    size = abs(value)
    if math.isinf(size):
        return sign + INFINITY
    return sign + (format_brief(size) if decimals is None else format_number(size, decimals))


def significant_digits(metric: str) -> int:
    """Return how many digits of a metric are shown: most of the NLL is the entropy."""
    if metric == "nll":
        return 4
    return 3 if metric.startswith("w") else 2


def format_p(p: float) -> str:
    """Format a p value: 0.004, 0.15, or <0.001."""
    if p < 0.001:
        return "<0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def state_p(p: float) -> str:
    """Format a p value as an equation: p = 0.004, or p < 0.001."""
    text = format_p(p)
    relation = text.replace("<", "< ") if text.startswith("<") else f"= {text}"
    return f"p {relation}".replace(" ", "\u00a0")


def describe_rank_test(p: float) -> str:
    """Name the test of all seeds against the draws of the null, with its p value."""
    return f"Mann\u2013Whitney {state_p(p)}"


def count_seeds(num: int) -> str:
    """Return "1 seed" or "20 seeds"."""
    return "1 seed" if num == 1 else f"{num} seeds"


def count_runs(num: int) -> str:
    """Return "1 run" or "20 runs"."""
    return "1 run" if num == 1 else f"{num} runs"
