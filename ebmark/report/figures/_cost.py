"""Quality against cost: one training of each entry, by updates, evaluations and CPU seconds."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ebmark.report.figures._charts import COUNT, legend, log_ticks, named
from ebmark.report.figures._style import PALE, blank, colours, styled
from ebmark.statistics import BUDGETS, Curve, role

_LABELS = ("updates", "network evaluations", "CPU seconds of training")
_MOST = 9  # methods in colour; the others are thin and grey


@styled
def cost(
    found: Mapping[str, tuple[str, dict[str, Curve]]], methods: Sequence[str]
) -> Figure | None:
    """KL (or NLL) against three costs: line the median of the seeds, band their quartiles.

    The grey line is the frontier: the lowest median that any method has for so much.
    """
    drawn = {
        dataset: one
        for dataset, one in found.items()
        if any(np.isfinite(each.values).any() for each in one[1].values())
    }
    if not drawn:
        return None
    figure = blank(9.8, 2.75 * len(drawn))
    rows = figure.subplots(len(drawn), len(BUDGETS), squeeze=False, sharey="row")
    looks = colours(methods)
    for axes, (dataset, (metric, curves)) in zip(rows, drawn.items(), strict=True):
        shown = _shown(curves)
        for one, name, label in zip(axes, BUDGETS, _LABELS, strict=True):
            _draw(one, name, curves, looks, shown)
            one.set(xscale="log", xlabel=label)
            _limits(one, curves, str(metric))
        axes[0].set_title(dataset, loc="left", fontweight="bold")
        axes[0].set_ylabel("KL, nats" if metric == "kl" else "NLL, nats")
    legend(figure, [one for axes in rows for one in axes], 6)
    return figure


def quartiles(one: Curve) -> np.ndarray:
    """Quartiles of each snapshot, by order (no interpolation, so that +inf stays itself)."""
    return np.quantile(one.values, [0.25, 0.5, 0.75], axis=1, method="nearest")


def frontier(curves: Mapping[str, Curve], cost: str) -> tuple[np.ndarray, np.ndarray, set[str]]:
    """The costs at which the lowest median of any method falls, to what, and whose they are."""
    points = sorted(
        (float(c), float(v), entry)
        for entry, one in curves.items()
        if role(entry) is None
        for c, v in zip(one.costs[cost], quartiles(one)[1], strict=True)
        if np.isfinite(v) and c > 0
    )
    x, y, whose, lowest = [], [], set(), np.inf
    for c, v, entry in points:
        if v < lowest:
            lowest = v
            x.append(c)
            y.append(v)
            whose.add(entry)
    return np.array(x), np.array(y), whose


def _shown(curves: Mapping[str, Curve]) -> set[str]:
    """Who is in colour: all if few; else those on a frontier, and the lowest at the end."""
    apart = {entry for entry in curves if role(entry)}
    ends = {e: float(quartiles(one)[1][-1]) for e, one in curves.items() if e not in apart}
    if len(ends) <= _MOST:
        return set(curves)
    first = set().union(*(frontier(curves, name)[2] for name in BUDGETS))
    order = sorted(ends, key=lambda e: (e not in first, ends[e]))
    return apart | set(order[:_MOST])


def _draw(axes: Axes, cost: str, curves: Mapping[str, Curve], looks, shown: set[str]) -> None:
    x, y, _ = frontier(curves, cost)
    if len(x):
        far = max(float(one.costs[cost][-1]) for one in curves.values())
        axes.step(
            [*x, far], [*y, y[-1]], where="post", color=PALE, linewidth=3.5, alpha=0.8, zorder=0.5
        )
    for entry, one in curves.items():
        spent, (low, middle, high) = one.costs[cost], quartiles(one)
        paid = spent > 0
        spent, low, middle, high = spent[paid], low[paid], middle[paid], high[paid]
        colour, mark = looks[entry]
        if entry not in shown:
            axes.plot(spent, middle, color="#b4bac2", linewidth=0.6)
            continue
        high = np.where(np.isfinite(high), high, 1e30)
        axes.fill_between(spent, low, high, color=colour, alpha=0.14, linewidth=0)
        style = "--" if role(entry) else "-"
        axes.plot(
            spent, middle, style, color=colour, marker=mark, markersize=3.4, linewidth=1.2,
            label=named(entry),
        )  # fmt: skip


def _limits(axes: Axes, curves: Mapping[str, Curve], metric: str) -> None:
    found = np.concatenate([quartiles(one).ravel() for one in curves.values()])
    finite = found[np.isfinite(found)]
    if metric == "kl" and len(finite) and finite.min() > 0:
        axes.set_yscale("log")
        axes.set_ylim(finite.min() / 1.3, min(finite.max() * 1.3, 1e6 * finite.min()))
    elif len(finite):
        pad = 0.05 * (np.ptp(finite) or 1)
        axes.set_ylim(finite.min() - pad, finite.max() + pad)
    log_ticks(axes, COUNT)
    axes.grid(which="major")
