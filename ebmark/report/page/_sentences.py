"""Summary of one dataset: sentences derived from its numbers, as HTML with escaped data."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from ebmark.report.page._comparisons import Comparisons
from ebmark.report.page._diagnostics import describe_problems
from ebmark.report.page._numbers import (
    count_decimals,
    count_seeds,
    describe_rank_test,
    format_brief,
    format_number,
    format_p,
    significant_digits,
    state_p,
)
from ebmark.statistics import (
    LEVEL,
    SIGNIFICANT,
    Best,
    Comparison,
    NullComparison,
    Paired,
    best,
    compare_to_null,
    final_values,
    paired,
    role,
    summary,
)

# the metric of the summary: the first that was measured, with its name and unit
_METRICS = {
    "kl": ("KL", " nats"),
    "nll": ("negative log-likelihood", " nats"),
    "w1_langevin": ("W1 of Langevin samples", ""),
}


def summarize_dataset(
    table: pd.DataFrame,
    dataset: str,
    entries: Sequence[str],
    null_range: Mapping[str, Any] | None = None,
    compared: Comparisons | None = None,
) -> list[Markup]:
    """Summarize the results on one dataset, the lowest metric first.

    Args:
        table: The results, with configurations for methods.
        dataset: The dataset.
        entries: Its configurations.
        null_range: Null range of W1; None if there is none.
        compared: The comparisons of the report, for the Holm-adjusted p.
    """
    measured = {name: runs for name in _METRICS if (runs := final_values(table, dataset, name))}
    metric = next(iter(measured), None)
    leader = best(table, dataset, metric) if metric else None
    if metric is None or leader is None:
        reason = "No completed runs yet."
        if metric is not None:
            reason = (
                f"All median runs diverged or are unresolved: no {_METRICS[metric][0]} is lowest."
            )
            if all(map(role, measured[metric])):
                reason = "Only the oracle and baselines have completed runs."
        return [Markup(reason), *describe_problems(table, dataset, entries)]
    sentences = [_lowest(table, dataset, metric, leader, _find(compared, dataset, metric, leader))]
    if metric != "w1_langevin":
        sentences += _oracles(table, dataset, metric, leader.method)
        sentences += _by_samples(table, dataset, leader.method)
    if null_range:
        sentences += _w1(table, dataset, leader.method, null_range)
    return sentences + describe_problems(table, dataset, entries)


def _find(
    compared: Comparisons | None, dataset: str, metric: str, leader: Best
) -> Comparison | None:
    """The Holm-adjusted comparison of the lowest with the runner-up, if the report has it."""
    if compared is None or compared.metric != metric:
        return None
    pair = {leader.method, leader.runner_up}
    for comparison in compared.pairs:
        if comparison.dataset == dataset and {comparison.entry, compared.reference} == pair:
            return comparison
    return None


def _lowest(
    table: pd.DataFrame, dataset: str, metric: str, leader: Best, adjusted: Comparison | None
) -> Markup:
    runs = final_values(table, dataset, metric)
    name, unit = _METRICS[metric]
    digits = significant_digits(metric)
    lowest = summary(runs[leader.method])
    value = format_brief(lowest.median, digits) + unit
    sentence = Markup("<b>{}</b> has the lowest median {}, {} ({}).").format(
        leader.method, name, value, count_seeds(lowest.n)
    )
    if leader.runner_up is None or leader.paired is None:
        same = [name for name in runs if name != leader.method and role(name) is None]
        if same:
            return sentence + Markup(" The runs of {} are the same.").format(", ".join(same))
        return sentence + Markup(" No other method has a completed run.")
    second = summary(runs[leader.runner_up]).median
    value = format_brief(second, digits) + unit if math.isfinite(second) else "diverged (median)"
    test = describe_test(leader.paired, unit, adjusted)
    return sentence + Markup(" Runner-up: <b>{}</b>, {}; {}.").format(leader.runner_up, value, test)


def describe_test(test: Paired, unit: str = "", adjusted: Comparison | None = None) -> str:
    """Describe a paired test: difference, unadjusted p, Holm-adjusted p, significance."""
    if test.n == 0:
        return "not tested (no seeds to compare)"
    if not test.enough:
        return f"not tested ({count_seeds(test.n)}; at least 6 are needed)"
    gap = ""
    if math.isfinite(test.difference):
        gap = f"paired difference {format_brief(abs(test.difference))}{unit}, "
    text = f"{gap}Wilcoxon {state_p(test.p)} (unadjusted)"
    if adjusted is not None:
        outcome = "significant" if adjusted.is_significant else "not significant"
        return f"{text}, {format_p(adjusted.adjusted)} after Holm adjustment: {outcome}"
    if test.p < SIGNIFICANT:
        return f"{text}: significant without adjustment"
    return f"{text}: not significant"


def _oracles(table: pd.DataFrame, dataset: str, metric: str, method: str) -> list[Markup]:
    """Compare the lowest metric with exact maximum likelihood of the same network."""
    runs = final_values(table, dataset, metric)
    name = _METRICS[metric][0]
    value = summary(runs[method]).median
    sentences = []
    for oracle in sorted(entry for entry in runs if role(entry) == "oracle"):
        exact = summary(runs[oracle]).median
        if not math.isfinite(exact):
            continue
        label = "oracle" if oracle == "mle" else f"oracle {oracle}"
        if value <= exact:
            relation = "is not larger"
        elif metric == "kl" and exact > 0:
            ratio = value / exact
            relation = f"is {format_brief(ratio)} times as large" if ratio > 1.1 else "is similar"
        else:
            relation = f"is {format_brief(value - exact)} nats larger"
        sentence = Markup(
            "Exact maximum likelihood with the same network ({}) reaches {} nats; the {} of {} {}."
        )
        reached = format_brief(exact, significant_digits(metric))
        sentences.append(sentence.format(label, reached, name, method, relation))
    return sentences


def _by_samples(table: pd.DataFrame, dataset: str, method: str) -> list[Markup]:
    """State which method has the lowest W1 of Langevin samples."""
    leader = best(table, dataset, "w1_langevin")
    if leader is None or leader.runner_up is None or leader.paired is None:
        return []
    if leader.method == method:
        sentence = Markup(
            "{} also has the lowest W1 of Langevin samples; its difference from the runner-up is "
            "{}."
        )
        return [sentence.format(method, _significance(leader.paired))]
    runs = final_values(table, dataset, "w1_langevin")
    missing = pd.Series(dtype=float)
    lowest, other = runs[leader.method].align(runs.get(method, missing), join="inner")
    values = [format_brief(summary(seeds).median) for seeds in (lowest, other)]
    sentence = Markup("<b>{}</b> has the lowest W1 of Langevin samples, {} (<b>{}</b>: {}); {}.")
    test = describe_test(paired(lowest, other))
    return [sentence.format(leader.method, values[0], method, values[1], test)]


def _significance(test: Paired) -> str:
    if not test.enough:
        return f"not tested ({count_seeds(test.n)}; at least 6 are needed)"
    outcome = "significant" if test.p < SIGNIFICANT else "not significant"
    return f"{outcome} (Wilcoxon {state_p(test.p)}, unadjusted)"


def _w1(
    table: pd.DataFrame, dataset: str, method: str, null_range: Mapping[str, Any]
) -> list[Markup]:
    """Compare W1 of the method's exact and Langevin samples with the null."""
    langevin_runs, exact_runs = (
        final_values(table, dataset, f"w1_{sampler}").get(method, ())
        for sampler in ("langevin", "exact")
    )
    langevin = summary(langevin_runs).median
    exact = summary(exact_runs).median
    if not math.isfinite(langevin):
        return []
    decimals = count_decimals([null_range["mean"]], 3)
    in_null = compare_to_null(langevin_runs, null_range)
    if not math.isfinite(exact):
        sentence = Markup("Langevin samples from {} have W1 {}, {}.")
        position = _position(in_null, null_range, decimals)
        return [sentence.format(method, format_number(langevin, decimals), position)]
    exact_in_null = compare_to_null(exact_runs, null_range)
    sentence = Markup("Exact samples from {} have W1 {}, {}").format(
        method, format_number(exact, decimals), _position(exact_in_null, null_range, decimals)
    )
    if not is_above(exact_in_null):
        claim = Markup(": with {:,} samples, W1 does not distinguish them from the target")
        sentence += claim.format(int(null_range["n"]))
    value = format_number(langevin, decimals)
    gap = langevin - exact
    if gap < -0.1 * null_range["mean"]:
        reason = "because the chains have not converged to the model distribution"
        return [sentence + Markup(". Langevin samples score lower ({}) {}.").format(value, reason)]
    if gap <= 0.1 * null_range["mean"]:
        return [sentence + Markup(". Langevin samples have about the same W1 ({}).").format(value)]
    claim = Markup(". Langevin samples have W1 {}{}; the difference of {} is due to sampling.")
    within = "" if is_above(in_null) else ", still not above the null"
    return [sentence + claim.format(value, within, format_number(gap, decimals))]


def is_above(found: NullComparison | None) -> bool:
    """Whether a metric is above its null."""
    return found is not None and found.position == "above"


def _position(found: NullComparison | None, null_range: Mapping[str, Any], decimals: int) -> str:
    """Describe where the seeds lie: by the rank test, or the median in the range of one draw."""
    low, mean, high = (format_number(null_range[k], decimals) for k in ("low", "mean", "high"))
    level = null_range.get("level", LEVEL)
    null = f"mean {mean}, {level:.0%} range of a single draw {low}\u2013{high}"
    if found is None or found.of_single_draws:
        return f"{found.position if found else 'within'} the null range ({null})"
    position = "not significantly different from"
    if found.position != "within":
        position = f"significantly {found.position}"
    return f"{position} the null ({null}; {describe_rank_test(found.p)})"
