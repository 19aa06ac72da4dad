"""Problems of runs, as sentences: divergence, mass off the support, low ESS, low acceptance."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from markupsafe import Markup

from ebmark.report.page._numbers import count_runs, format_brief
from ebmark.report.page._rows import count_unique, select_rows
from ebmark.statistics import final_values, metric_of, role, summary
from ebmark.store.metric_info import MIN_ACCEPTANCE_RATE, MIN_NOISE_ESS

KL_PARTS = {
    "kl_off_support": "off-support KL",
    "kl_mode_weights": "mode-weight KL",
    "kl_within_mode": "within-mode KL",
}
# nats of off-support KL at which about 63% of the mass lies outside the support
_MIN_OFF_SUPPORT = 1.0
_MAX_NAMED = 6  # methods named in one sentence
_FAR_NOISE = (
    "The noise distribution is too far from the model for efficient training (noise ESS below {}): "
    "{}."
)
_SLOW_CHAINS = "The training chains accept few proposals (acceptance rate below {}): {}."


def count_diverged(table: pd.DataFrame, dataset: str, entry: str) -> tuple[int, int]:
    """Return how many runs of a configuration diverged, and how many there are."""
    rows = select_rows(table, dataset=dataset, method=entry)
    diverged = select_rows(rows, status="diverged")
    return count_unique(diverged, "seed"), count_unique(rows, "seed")


def count_unresolved(table: pd.DataFrame, dataset: str, entry: str) -> int:
    """Return how many completed runs of a configuration have no KL, or NLL: log Z is unresolved."""
    metric = metric_of(table, [dataset])
    if metric is None:
        return 0
    values = final_values(table, dataset, metric).get(entry, pd.Series(dtype=float))
    return max(0, int(values.isna().sum()) - count_diverged(table, dataset, entry)[0])


def describe_problems(table: pd.DataFrame, dataset: str, entries: Sequence[str]) -> list[Markup]:
    """Describe what went wrong on one dataset, a sentence for each kind of problem."""
    return [
        *_diverged(table, dataset, entries),
        *_unresolved(table, dataset, entries),
        *_off_support(table, dataset, entries),
        *_below(table, dataset, entries, "noise_ess", MIN_NOISE_ESS, _FAR_NOISE),
        *_below(table, dataset, entries, "acceptance_rate", MIN_ACCEPTANCE_RATE, _SLOW_CHAINS),
    ]


def _diverged(table: pd.DataFrame, dataset: str, entries: Sequence[str]) -> list[Markup]:
    sentence = Markup("<b>{}</b>: {} of {} diverged (counted as the worst value).")
    counts = {entry: count_diverged(table, dataset, entry) for entry in entries}
    return [
        sentence.format(entry, num_diverged, count_runs(num_runs))
        for entry, (num_diverged, num_runs) in counts.items()
        if num_diverged
    ]


def _unresolved(table: pd.DataFrame, dataset: str, entries: Sequence[str]) -> list[Markup]:
    sentence = Markup("<b>{}</b>: log Z of {} is unresolved (its KL counts as the worst value).")
    counts = {entry: count_unresolved(table, dataset, entry) for entry in entries}
    return [sentence.format(entry, count_runs(num)) for entry, num in counts.items() if num]


def _off_support(table: pd.DataFrame, dataset: str, entries: Sequence[str]) -> list[Markup]:
    """Name the methods that assign most of their mass outside the support in some run."""
    runs = final_values(table, dataset, "kl_off_support")
    affected = []
    for entry in entries:
        values = runs.get(entry, pd.Series(dtype=float))
        num_affected = int((values > _MIN_OFF_SUPPORT).sum())
        if num_affected and role(entry) != "baseline":
            affected.append((num_affected, float(values.max()), entry, len(values)))
    if not affected:
        return []
    affected.sort(key=lambda item: (-item[0], -item[1]))
    clauses = []
    for num_affected, worst, entry, num_runs in affected[:_MAX_NAMED]:
        if clauses:
            clause = Markup("<b>{}</b> in {} of {} (up to {} nats)")
        else:
            clause = Markup(
                "<b>{}</b> assigns most of its mass outside the target\u2019s support in {} of {} "
                "(off-support KL up to {} nats)"
            )
        clauses.append(
            clause.format(entry, num_affected, count_runs(num_runs), format_brief(worst))
        )
    more = f", and {len(affected) - _MAX_NAMED} more" if len(affected) > _MAX_NAMED else ""
    return [
        Markup("{}{}. Langevin samples miss this mass if no chain reaches it.").format(
            Markup(", ").join(clauses), more
        )
    ]


def _below(
    table: pd.DataFrame,
    dataset: str,
    entries: Sequence[str],
    diagnostic: str,
    minimum: float,
    sentence: str,
) -> list[Markup]:
    """Name the methods whose median diagnostic is below its minimum."""
    runs = final_values(table, dataset, diagnostic)
    medians = {entry: summary(runs.get(entry, ())).median for entry in entries}
    names = [
        Markup("<b>{}</b> ({})").format(entry, format_brief(median))
        for entry, median in medians.items()
        if median < minimum
    ]
    return [Markup(sentence).format(f"{minimum:g}", Markup(", ").join(names))] if names else []


def name_largest_parts(table: pd.DataFrame, dataset: str, entries: Sequence[str]) -> str:
    """Name the largest part of each configuration's KL, by medians over seeds."""
    runs = {part: final_values(table, dataset, part) for part in KL_PARTS}
    largest = []
    for entry in entries:
        medians = {part: summary(runs[part].get(entry, ())).median for part in runs}
        total = sum(medians.values())
        if np.isfinite(total) and total > 0:
            part = max(medians, key=lambda name: medians[name])
            largest.append(f"{entry} {KL_PARTS[part]} ({100 * medians[part] / total:.0f}%)")
    return ", ".join(largest)
