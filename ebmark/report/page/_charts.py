"""The dot plot of a dataset, and the forest plot of paired differences to the reference method."""

import math
from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from ebmark.report.page._comparisons import Comparisons, describe_comparison
from ebmark.report.page._inline import Mark, rows_chart
from ebmark.report.page._numbers import format_brief, format_interval, format_signed
from ebmark.statistics import Comparison, final_values, role, summary
from ebmark.store.metric_info import metric_info

_METRICS = ("kl", "nll", "w1_langevin")  # the first that was measured is drawn


def dot_plot(table: pd.DataFrame, dataset: str, entries: Sequence[str], unit: str) -> Markup | None:
    """Draw the metric of each configuration: median, 95% interval, and a faint dot per seed.

    KL is divided by the median of the oracle, if there is one.
    """
    by_metric = ((metric, final_values(table, dataset, metric)) for metric in _METRICS)
    metric, runs = next(((m, r) for m, r in by_metric if r), ("", {}))
    if not runs:
        return None
    oracle = summary(runs.get("mle", ())).median if metric == "kl" else math.nan
    is_relative = 0 < oracle < math.inf
    base = oracle if is_relative else 1.0
    info = metric_info(metric, unit)
    label = "KL / median KL of the oracle (exact maximum likelihood)" if is_relative else ""
    marks = [_mark(entry, runs[entry], base, info.unit) for entry in entries if entry in runs]
    medians = {m.entry: m.value for m in marks if role(m.entry) is None and math.isfinite(m.value)}
    alt = f"{dataset}: no median is finite."
    if medians:
        order = sorted(medians, key=lambda entry: medians[entry])
        first, last = (format_brief(medians[entry]) for entry in (order[0], order[-1]))
        of = "times the oracle's" if is_relative else info.unit
        alt = f"{dataset}: {order[0]} has the lowest median {info.label}, {first} {of}"
        alt += f"; {order[-1]} the highest, {last}."
    finite = [m.value for m in marks if math.isfinite(m.value)]
    reference = 1.0 if is_relative else min(finite, default=0.0)
    return rows_chart(
        marks, label or info.label_with_unit, alt, reference=reference, is_signed=False
    )


def _mark(entry: str, values: pd.Series, base: float, unit: str) -> Mark:
    stats = summary(values)
    dots = [(x / base, f"seed {seed}: {format_brief(x)} {unit}") for seed, x in values.items()]
    interval = format_interval(stats.median_low, stats.median_high, 4)
    text = f"{entry}: median {format_brief(stats.median)} {unit} {interval}, {stats.n} seeds"
    note = f"{stats.diverged} of {stats.n} diverged or unresolved" if stats.diverged else ""
    return Mark(
        entry,
        stats.median / base,
        stats.median_low / base,
        stats.median_high / base,
        dots if stats.n > 1 else (),
        text,
        note=note,
    )


def forest_plot(compared: Comparisons, dataset: str) -> Markup | None:
    """Draw the paired differences to the reference; what is not significant is pale."""
    pairs = [pair for pair in compared.pairs if pair.dataset == dataset]
    marks = [
        Mark(
            pair.entry,
            pair.paired.difference,
            pair.paired.low,
            pair.paired.high,
            text=f"{pair.entry}: {_describe(pair)}",
            is_pale=not pair.is_significant,
        )
        for pair in pairs
        if math.isfinite(pair.paired.difference)
    ]
    if not marks:
        return None
    lower = [pair.entry for pair in pairs if pair.is_significant and pair.is_lower]
    higher = [pair.entry for pair in pairs if pair.is_significant and not pair.is_lower]
    alt = (
        f"{dataset}: significantly lower than {compared.reference}: {', '.join(lower) or 'none'}; "
    )
    alt += f"significantly higher: {', '.join(higher) or 'none'}."
    label = f"{compared.metric.upper()} minus that of {compared.reference}, nats"
    return rows_chart(marks, label, alt, reference=0.0, is_signed=True)


def _describe(pair: Comparison) -> str:
    return f"{format_signed(pair.paired.difference)} nats, {describe_comparison(pair)}"
