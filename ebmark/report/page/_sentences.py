"""The sentences that the numbers make. Each is HTML, with what comes from data escaped."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from ebmark.report.page._numbers import brief, decimals, digits, number, probability
from ebmark.statistics import SIGNIFICANT, Best, Paired, best, final_values, paired, role, summary
from ebmark.store.metric_info import MIN_ACCEPTANCE_RATE, MIN_NOISE_ESS

_LEAK = 1.0  # nats of KL, at which 63 % of the mass are off the data's support
_NAMED = 6  # methods named in one sentence
_LABELS = {
    "kl": "KL(data\u2009\u2016\u2009model)",
    "nll": "negative log-likelihood",
    "w1_langevin": "W1 of Langevin samples",
}


def diverged(table: pd.DataFrame, dataset: str, method: str) -> tuple[int, int]:
    """How many runs diverged, of how many."""
    rows = table[(table["dataset"] == dataset) & (table["method"] == method)]
    return rows.loc[rows["status"] == "diverged", "seed"].nunique(), rows["seed"].nunique()


def answer(
    table: pd.DataFrame, dataset: str, methods: Sequence[str], floor: Mapping[str, Any] | None
) -> list[Markup]:
    """What the numbers say of one dataset, the main thing first."""
    for metric in _LABELS:
        first = best(table, dataset, metric)
        if first is not None:
            break
    else:
        return [Markup("No method has a finished run here yet."), *_lost(table, dataset, methods)]
    return [
        _first(table, dataset, metric, first),
        *_oracles(table, dataset, metric, first),
        *(_by_samples(table, dataset, first) if metric != "w1_langevin" else []),
        *(_shares(table, dataset, first, floor) if floor else []),
        *_lost(table, dataset, methods),
        *_leaks(table, dataset, methods),
        *_too_low(table, dataset, methods, "noise_ess", MIN_NOISE_ESS, _TOO_FAR),
        *_too_low(table, dataset, methods, "acceptance_rate", MIN_ACCEPTANCE_RATE, _STUCK),
    ]


def _first(table: pd.DataFrame, dataset: str, metric: str, first: Best) -> Markup:
    runs = final_values(table, dataset, metric)
    ours = summary(runs[first.method])
    said = Markup("<b>{}</b> has the lowest {}: median {}{} over {} {}").format(
        first.method,
        _LABELS[metric],
        brief(ours.median, digits(metric)),
        "" if metric == "w1_langevin" else " nats",
        ours.n,
        "seed" if ours.n == 1 else "seeds",
    )
    if first.runner_up is None or first.paired is None:
        return said + Markup("; no other method has a finished run.")
    theirs = summary(runs[first.runner_up]).median
    next_ = brief(theirs, digits(metric)) if math.isfinite(theirs) else "a median run that diverged"
    said += Markup(", against {} of <b>{}</b>, the next: ").format(next_, first.runner_up)
    return said + _verdict(first.paired) + Markup(".")


def _verdict(test: Paired) -> Markup:
    """Whether two methods differ."""
    if test.n == 0:
        return Markup("they share no seed yet, so nothing is tested")
    if not test.enough:
        seeds = "1 seed" if test.n == 1 else f"{test.n} seeds"
        return Markup("with {} no outcome could tell them apart (6 are needed)").format(seeds)
    said = "the two differ" if test.p < SIGNIFICANT else "the two are not told apart"
    gap = brief(abs(test.difference)) if math.isfinite(test.difference) else ""
    return Markup("{} (Wilcoxon over {} seeds, {}{})").format(
        said, test.n, probability(test.p), f", paired difference {gap}" if gap else ""
    )


def _oracles(table: pd.DataFrame, dataset: str, metric: str, first: Best) -> list[Markup]:
    """How far the best is from what the network can reach at all."""
    runs, said = final_values(table, dataset, metric), []
    ours = summary(runs[first.method]).median
    oracles = sorted(method for method in runs if role(method) == "oracle")
    for oracle in oracles if metric != "w1_langevin" else []:
        theirs = summary(runs[oracle]).median
        if not math.isfinite(theirs):
            continue
        if ours <= theirs:
            far = "not above that: few points, or its own training, hold the oracle back"
        elif metric == "kl" and theirs > 0:
            far = f"{ours / theirs:.2g} times that" if ours > 1.1 * theirs else "level with it"
        else:
            far = f"{brief(ours - theirs)} above that"
        words = "The oracle <b>{}</b>, exact likelihood for the same network, reaches {}; {} is {}."
        said.append(Markup(words).format(oracle, brief(theirs, digits(metric)), first.method, far))
    return said


def _by_samples(table: pd.DataFrame, dataset: str, first: Best) -> list[Markup]:
    """Whether W1 of the prescribed samples names the same method."""
    other = best(table, dataset, "w1_langevin")
    if other is None or other.runner_up is None:
        return []
    if other.method == first.method:
        but = "" if other.significant else ", though there it is not told apart from the next"
        return [
            Markup("{} also has the lowest W1 of Langevin samples{}.").format(first.method, but)
        ]
    runs = final_values(table, dataset, "w1_langevin")
    a, b = runs[other.method].align(runs.get(first.method, pd.Series(dtype=float)), join="inner")
    test = paired(a, b)
    said = Markup("W1 of Langevin samples puts <b>{}</b> first, at {} against {}").format(
        other.method, *(brief(summary(one).median) for one in (a, b))
    )
    if test.enough:
        said += Markup(", {} by it ").format("and" if test.p < SIGNIFICANT else "but")
        said += _verdict(test)
    return [said + Markup(".")]


def _shares(
    table: pd.DataFrame, dataset: str, first: Best, floor: Mapping[str, Any]
) -> list[Markup]:
    """How much of the best method's Langevin W1 is the floor, the model and the sampler."""
    langevin, exact = (
        summary(final_values(table, dataset, f"w1_{sampler}").get(first.method, ())).median
        for sampler in ("langevin", "exact")
    )
    if not math.isfinite(langevin):
        return []
    places = decimals([floor["mean"]], 3)
    low, mean, high = (number(floor[name], places) for name in ("low", "mean", "high"))
    where = {True: "not above", False: "above"}
    truth = Markup("of two samples of the truth ({}, 95\u202f% {}\u2013{})").format(mean, low, high)
    if not math.isfinite(exact):
        words = "The Langevin samples of {} have W1 {}, {} the range {}."
        inside = where[langevin <= floor["high"]]
        return [Markup(words).format(first.method, number(langevin, places), inside, truth)]
    said = Markup("Exact samples of {}\u2019s energy have W1 {}, {} the range {}").format(
        first.method, number(exact, places), where[exact <= floor["high"]], truth
    )
    if exact <= floor["high"]:
        words = ": at {:,} points W1 cannot tell them from the truth"
        said += Markup(words).format(int(floor["n"]))
    said += Markup(". Its Langevin samples have {}").format(number(langevin, places))
    if langevin - exact < -0.1 * floor["mean"]:
        words = ", less: chains from noise have not settled into the energy\u2019s own law."
        return [said + Markup(words)]
    if langevin - exact <= 0.1 * floor["mean"]:
        return [said + Markup(": the sampler adds next to nothing.")]
    words = "{}; the {} between the two is the sampler\u2019s, not the method\u2019s."
    inside = ", still within that range" if langevin <= floor["high"] else ""
    return [said + Markup(words).format(inside, number(langevin - exact, places))]


def _lost(table: pd.DataFrame, dataset: str, methods: Sequence[str]) -> list[Markup]:
    counts = {method: diverged(table, dataset, method) for method in methods}
    words = Markup("<b>{}</b>: {} of {} runs diverged, counted as the worst.")
    return [words.format(method, lost, of) for method, (lost, of) in counts.items() if lost]


def _leaks(table: pd.DataFrame, dataset: str, methods: Sequence[str]) -> list[Markup]:
    """The methods of which some run has nearly all of its mass off the data's support."""
    runs = final_values(table, dataset, "kl_off_support")
    found = []
    for method in methods:
        leaks = runs.get(method, pd.Series(dtype=float))
        if (many := int((leaks > _LEAK).sum())) and role(method) != "baseline":
            found.append((many, float(leaks.max()), method, len(leaks)))
    if not found:
        return []
    found.sort(key=lambda one: (-one[0], -one[1]))
    named = [
        Markup("<b>{}</b> ({} of {} {}, up to {} nats)").format(
            method, many, of, "run" if of == 1 else "runs", brief(worst)
        )
        for many, worst, method, of in found[:_NAMED]
    ]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    words = (
        "Most of the learned mass is off the data\u2019s support for {}{}; chains that do not find "
        "it there do not show it."
    )
    return [Markup(words).format(Markup(", ").join(named), more)]


_TOO_FAR = "Noise too far from the model to learn much from, by its effective share: {}."
_STUCK = "Training chains that hardly move, by the share of their moves that is accepted: {}."


def _too_low(
    table: pd.DataFrame,
    dataset: str,
    methods: Sequence[str],
    diagnostic: str,
    least: float,
    words: str,
) -> list[Markup]:
    """The methods of which a diagnostic says that they learned from too little."""
    runs = final_values(table, dataset, diagnostic)
    medians = {method: summary(runs.get(method, ())).median for method in methods}
    low = [
        Markup("<b>{}</b> ({})").format(method, brief(median))
        for method, median in medians.items()
        if median < least
    ]
    return [Markup(words).format(Markup(", ").join(low))] if low else []


def made_of(table: pd.DataFrame, dataset: str, methods: Sequence[str]) -> str:
    """The largest part of each method's KL, by medians."""
    runs = {
        part: final_values(table, dataset, part)
        for part in ("kl_off_support", "kl_mode_weights", "kl_within_mode")
    }
    said = []
    for method in methods:
        parts = {part: summary(runs[part].get(method, ())).median for part in runs}
        whole = sum(parts.values())
        if np.isfinite(whole) and whole > 0:
            name = max(parts, key=lambda part: parts[part])
            said.append(f"{method} {name} ({100 * parts[name] / whole:.0f}\u202f%)")
    return ", ".join(said)
