"""The metric against cost: updates, network evaluations and CPU seconds of training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebmark.report.figures._axes import COUNT, add_legend, label_entry, set_log_ticks
from ebmark.report.figures._style import PALE, blank, styled
from ebmark.statistics import BUDGETS, Curve, role
from ebmark.store.method_info import Look, look

_LABELS = ("updates", "network evaluations", "CPU seconds of training")
_MAX_COLORED = 9  # methods in color; the others are thin gray lines


@styled
def cost(
    by_dataset: Mapping[str, tuple[str, dict[str, Curve]]], entries: Sequence[str]
) -> Figure | None:
    """Draw KL (or NLL) against three costs: medians over seeds with quartile bands.

    The gray step is the frontier: the lowest median of any method at that cost.

    Args:
        by_dataset: Dataset -> its metric, and the curve of each configuration.
        entries: Configurations that share the color scheme.
    """
    finite = {
        dataset: (metric, curves)
        for dataset, (metric, curves) in by_dataset.items()
        if any(np.isfinite(curve.values).any() for curve in curves.values())
    }
    if not finite:
        return None
    figure = blank(9.8, 2.75 * len(finite))
    rows = figure.subplots(len(finite), len(BUDGETS), squeeze=False, sharey="row")
    for row, (dataset, (metric, curves)) in zip(rows, finite.items(), strict=True):
        colored = select_colored(curves)
        for axes, name, label in zip(row, BUDGETS, _LABELS, strict=True):
            _draw_frontier(axes, name, curves)
            for entry, curve in curves.items():
                _draw_curve(axes, name, entry, curve, look(entry) if entry in colored else None)
            axes.set(xscale="log", xlabel=label)
            _set_limits(axes, curves, metric)
        row[0].set_title(dataset, loc="left", fontweight="bold")
        row[0].set_ylabel("KL, nats" if metric == "kl" else "NLL, nats")
    add_legend(figure, list(rows.ravel()), 6)
    return figure


def quartiles(curve: Curve) -> np.ndarray:
    """Return the quartiles of each snapshot, as order statistics.

    Without interpolation, +inf (a diverged run) stays +inf.
    """
    return np.quantile(curve.values, [0.25, 0.5, 0.75], axis=1, method="nearest")


def frontier(curves: Mapping[str, Curve], cost: str) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """Return the frontier of the methods: costs, lowest medians there, and whose they are."""
    points = sorted(
        (float(x), float(y), entry)
        for entry, curve in curves.items()
        if role(entry) is None
        for x, y in zip(curve.costs[cost], quartiles(curve)[1], strict=True)
        if np.isfinite(y) and x > 0
    )
    costs: list[float] = []
    lowest: list[float] = []
    on_frontier = set()
    for x, y, entry in points:
        if not lowest or y < lowest[-1]:
            costs.append(x)
            lowest.append(y)
            on_frontier.add(entry)
    return np.array(costs), np.array(lowest), on_frontier


def select_colored(curves: Mapping[str, Curve]) -> set[str]:
    """Select the configurations in color: all, or if many, frontiers and lowest final medians."""
    unranked = {entry for entry in curves if role(entry)}
    finals = {e: float(quartiles(curve)[1][-1]) for e, curve in curves.items() if not role(e)}
    if len(finals) <= _MAX_COLORED:
        return set(curves)
    on_frontier = set().union(*(frontier(curves, name)[2] for name in BUDGETS))
    order = sorted(finals, key=lambda entry: (entry not in on_frontier, finals[entry]))
    return unranked | set(order[:_MAX_COLORED])


def _draw_frontier(axes: Axes, cost: str, curves: Mapping[str, Curve]) -> None:
    x, y, _ = frontier(curves, cost)
    if len(x):
        right = max(float(curve.costs[cost][-1]) for curve in curves.values())
        style = {"color": PALE, "linewidth": 3.5, "alpha": 0.8, "zorder": 0.5}
        axes.step([*x, right], [*y, y[-1]], where="post", **style)


def _draw_curve(axes: Axes, cost: str, entry: str, curve: Curve, drawn: Look | None) -> None:
    """Draw one configuration; as a thin gray line if it is not in color."""
    is_paid = curve.costs[cost] > 0
    spent = curve.costs[cost][is_paid]
    low, median, high = quartiles(curve)[:, is_paid]
    if drawn is None:
        axes.plot(spent, median, color="#b4bac2", linewidth=0.6)
        return
    # matplotlib leaves out infinite ends, a large number it clips at the axis
    high = np.where(np.isfinite(high), high, 1e30)
    axes.fill_between(spent, low, high, color=drawn.color, alpha=0.14, linewidth=0)
    axes.plot(
        spent,
        median,
        drawn.line,
        color=drawn.color,
        marker=drawn.marker,
        markersize=3.4,
        linewidth=1.2,
        label=label_entry(entry),
    )


def _set_limits(axes: Axes, curves: Mapping[str, Curve], metric: str) -> None:
    values = np.concatenate([quartiles(curve).ravel() for curve in curves.values()])
    finite = values[np.isfinite(values)]
    if metric == "kl" and len(finite) and finite.min() > 0:
        axes.set_yscale("log")
        axes.set_ylim(finite.min() / 1.3, min(finite.max() * 1.3, 1e6 * finite.min()))
    elif len(finite):
        pad = 0.05 * (np.ptp(finite) or 1)
        axes.set_ylim(finite.min() - pad, finite.max() + pad)
    set_log_ticks(axes, COUNT)
    axes.grid(which="major")
