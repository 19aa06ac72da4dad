"""Numbers as text, and the sentences that the numbers make."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup

from ebmark.statistics import ORACLES, Paired, best, final, paired, summary

MINUS, TIMES = "\u2212", "\u00d7"


class Meaning(NamedTuple):
    """A metric: its name in print, its unit, what it says in one line."""

    name: str
    unit: str
    says: str


_W = "the least distance, on average, that points must be moved to turn one set of samples into the other"
METRICS = {
    "kl": Meaning("KL", "nats", "KL(data || model): what a point of data costs more under the model than under the truth; 0 is perfect. By quadrature, no sampler involved."),
    "leak": Meaning("leak", "nats", "The part of KL that is mass put off the data's support (outside its 99.9 % region). leak + masses + shapes = KL."),
    "masses": Meaning("masses", "nats", "The part of KL that is wrong weights between the modes."),
    "shapes": Meaning("shapes", "nats", "The part of KL that is wrong shapes within the modes."),
    "tv": Meaning("TV", "", "Total variation: the share of mass that stands in the wrong place; from 0 to 1."),
    "mode_tv": Meaning("TV of modes", "", "The share of mass in the wrong mode; from 0 to 1."),
    "nll": Meaning("NLL", "nats", "Mean negative log-likelihood of the data under the normalised model; its floor is the entropy of the truth."),
    "log_z": Meaning("log Z", "", "Log of the energy's normalising constant, by quadrature; neither good nor bad."),
    "log_z_error": Meaning("error of log Z", "", "How far log Z moves when the box and the resolution are doubled."),
    "w1": Meaning("W1", "data units", f"Wasserstein-1: {_W}. It never reaches 0: see the floor."),
    "w2": Meaning("W2", "data units", "Wasserstein-2: the same with squared distances, so that far points weigh more."),
    "sliced_w2": Meaning("sliced W2", "data units", "W2 averaged over one-dimensional projections: cheaper, and weaker."),
    "mmd": Meaning("MMD\u00b2", "", "Maximum mean discrepancy, squared (Gaussian kernels of several widths, unbiased): about 0 for equal laws, and may be negative."),
    "train_seconds": Meaning("training", "s", "Wall seconds of training, compilation apart."),
    "train_cpu_seconds": Meaning("CPU", "s", "CPU seconds of training, compilation apart."),
    "compile_seconds": Meaning("compiling", "s", "Seconds of compilation."),
    "sample_seconds": Meaning("sampling", "s", "Seconds of the Langevin sampler."),
    "evaluations": Meaning("evaluations", "", "Network evaluations in training, counted by points."),
    "updates": Meaning("updates", "", "Updates of the parameters."),
}
COSTS = {"train_seconds", "train_cpu_seconds", "compile_seconds", "sample_seconds", "evaluations", "updates"}
UNRANKED = COSTS | {"log_z", "log_z_error"}


def meaning(metric: str) -> Meaning:
    """What a metric is called and says, its sampler and steps included."""
    if metric in METRICS:
        return METRICS[metric]
    for sampler, words in (("_langevin", "Langevin"), ("_exact", "exact")):
        stem, found, steps = metric.partition(sampler)
        if found and stem in METRICS:
            base = METRICS[stem]
            label = words + (f" {int(steps[1:]):,}" if steps[1:].isdigit() else "")
            return base._replace(name=f"{base.name}, {label}", says=f"{base.says} Here of {label} samples of the model.")
    return Meaning(metric, "", "")


def decimals(values: Iterable[float], significant: int = 2, most: int = 4) -> int:
    """Decimals that give the smallest of the values its significant digits: one number for a whole column."""
    sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
    return min(most, max(0, significant - 1 - math.floor(math.log10(min(sizes))))) if sizes else significant


def number(value: float, places: int, pad: bool = False) -> str:
    """A number with so many decimals, fewer where it is large; padded, columns of them align on the point."""
    if math.isnan(value):
        return "\u2013"
    if math.isinf(value):
        return "diverged"
    size = math.floor(math.log10(abs(value))) if value else 0
    if abs(value) >= 1e6:
        scale, unit = (1e9, "G") if abs(value) >= 1e9 else (1e6, "M")
        return f"{value / scale:.3g} {unit}"
    kept = min(places, max(0, 4 - size))
    text = f"{value:,.{kept}f}".replace("-", MINUS)
    if float(f"{value:.{kept}f}") == 0:
        text = text.lstrip(MINUS)
    return text + (("\u2008" if places and not kept else "") + "\u2007" * (places - kept) if pad else "")


def interval(low: float, high: float, places: int) -> str:
    """[low, high]; nothing where there are too few seeds for it."""
    if not math.isfinite(low):
        return ""
    return f"[{number(low, places)}, {number(high, places) if math.isfinite(high) else chr(0x221E)}]"


def probability(p: float) -> str:
    """p = 0.004, or p < 0.001."""
    return "p\u00a0<\u00a00.001" if p < 0.001 else f"p\u00a0=\u00a0{p:.3f}" if p < 0.1 else f"p\u00a0=\u00a0{p:.2f}"


def brief(value: float) -> str:
    """A number alone in a sentence: two significant digits."""
    return number(value, decimals([value], 2, 6))


def diverged(table: pd.DataFrame, dataset: str, method: str) -> tuple[int, int]:
    """How many runs diverged, of how many."""
    rows = table[(table["dataset"] == dataset) & (table["method"] == method)]
    return rows.loc[rows["status"] == "diverged", "seed"].nunique(), rows["seed"].nunique()


def answer(table: pd.DataFrame, dataset: str, methods: Sequence[str], floor: Mapping[str, Any] | None) -> list[str]:
    """What the numbers say of one dataset, the main thing first. Each sentence is safe HTML."""
    metric = next((m for m in ("kl", "nll", "w1_langevin") if best(table, dataset, m)), None)
    if metric is None:
        return ["No method has a finished run here yet."]
    said = [*_first(table, dataset, metric), *_oracle(table, dataset, metric)]
    if metric != "w1_langevin":
        said += _by_samples(table, dataset, metric)
    said += _shares(table, dataset, metric, floor)
    for method in methods:
        lost, of = diverged(table, dataset, method)
        if lost:
            said.append(Markup("<b>{}</b>: {} of {} runs diverged; they count as the worst.").format(method, lost, of))
    return said


def _first(table: pd.DataFrame, dataset: str, metric: str) -> list[str]:
    first = best(table, dataset, metric)
    assert first is not None
    runs = final(table, dataset, metric)
    s, unit = summary(runs[first.method]), METRICS[metric.removesuffix("_langevin")].unit
    label = {"kl": "KL(data\u2009\u2016\u2009model)", "nll": "negative log-likelihood", "w1_langevin": "W1 of Langevin samples"}[metric]
    here = Markup("<b>{}</b> has the lowest {}: median {} {} over {} {}").format(
        first.method, label, brief(s.median), "nats" if unit == "nats" else "", s.n, "seed" if s.n == 1 else "seeds"
    )
    if first.runner_up is None or first.paired is None:
        return [Markup(here.replace("  ", " ") + "; no other method has a finished run.")]
    other = summary(runs[first.runner_up]).median
    there = Markup(", against {} of <b>{}</b>, the next").format(brief(other) if math.isfinite(other) else "a median run that diverged", first.runner_up)
    return [Markup(here.replace("  ", " ")) + there + Markup(": ") + _verdict(first.paired, "the two") + Markup(".")]


def _verdict(test: Paired, who: str) -> Markup:
    if test.n == 0:
        return Markup("they share no seed yet, so nothing is tested")
    if not test.enough:
        return Markup("{} seeds in common are too few to tell them apart by any outcome (6 are needed)").format(test.n)
    words = Markup("{} differ" if test.p < 0.05 else "{} are not told apart").format(who)
    gap = Markup(", median paired difference {}").format(brief(abs(test.difference))) if math.isfinite(test.difference) else ""
    return words + Markup(" (Wilcoxon over {} seeds, {}{})").format(test.n, probability(test.p), gap)


def _oracle(table: pd.DataFrame, dataset: str, metric: str) -> list[str]:
    first, runs = best(table, dataset, metric), final(table, dataset, metric)
    assert first is not None
    said = []
    for oracle in sorted(ORACLES & set(runs)):
        theirs, ours = summary(runs[oracle]).median, summary(runs[first.method]).median
        if not math.isfinite(theirs) or metric == "w1_langevin":
            continue
        if metric == "kl" and theirs > 0:
            ratio = ours / theirs
            words = "level with it" if 0.9 < ratio < 1.1 else f"{ratio:.2g} times that" if ratio > 1 else "below that"
        else:
            words = f"{brief(ours - theirs)} above that" if ours > theirs else "below that"
        said.append(
            Markup("The oracle <b>{}</b>, exact likelihood for the same network, reaches {}; {} is {}.").format(
                oracle, brief(theirs), first.method, words
            )
        )
    return said


def _by_samples(table: pd.DataFrame, dataset: str, metric: str) -> list[str]:
    first, other = best(table, dataset, metric), best(table, dataset, "w1_langevin")
    if first is None or other is None or other.runner_up is None:
        return []
    if first.method == other.method:
        told = other.paired is not None and other.significant
        return [Markup("{} also has the lowest W1 of Langevin samples{}.").format(first.method, "" if told else ", though not told apart from the next there")]
    runs = final(table, dataset, "w1_langevin")
    a, b = runs[other.method].align(runs.get(first.method, pd.Series(dtype=float)), join="inner")
    test = paired(a, b)
    medians = [brief(summary(one).median) for one in (a, b)]
    return [
        Markup("W1 of Langevin samples puts <b>{}</b> first, at {} against {}, {} ").format(
            other.method, *medians, "and by it" if test.p < 0.05 else "but by it"
        )
        + _verdict(test, "the two")
        + Markup(".")
    ]


def _shares(table: pd.DataFrame, dataset: str, metric: str, floor: Mapping[str, Any] | None) -> list[str]:
    """How much of the best method's Langevin W1 is the floor, the model and the sampler."""
    first = best(table, dataset, metric)
    assert first is not None
    langevin, exact = (
        summary(final(table, dataset, f"w1_{s}").get(first.method, ())).median for s in ("langevin", "exact")
    )
    if floor is None or not math.isfinite(langevin):
        return []
    places = decimals([floor["mean"]], 3)
    low, high, mean, langevin_, exact_ = (number(v, places) for v in (floor["low"], floor["high"], floor["mean"], langevin, exact))
    span = f"{low}\u2013{high}"
    if not math.isfinite(exact):
        where = "inside" if langevin <= floor["high"] else "above"
        return [Markup("The Langevin samples of {} have W1 {}, {} the range {} of two samples of the data themselves.").format(first.method, langevin_, where, span)]
    seen = "inside" if exact <= floor["high"] else "above"
    said = Markup("Exact samples of {}\u2019s energy have W1 {}, {} the floor\u2019s range (truth against truth: {}, 95\u202f% {})").format(
        first.method, exact_, seen, mean, span
    )
    if seen == "inside":
        said += Markup(": at {:,} points W1 cannot tell them from the truth").format(int(floor["n"]))
    rest = langevin - exact
    if rest > 0.1 * floor["mean"]:
        said += Markup(". Its Langevin samples have {}: the other {} is the sampler\u2019s, not the method\u2019s{}.").format(
            langevin_, number(rest, places), ", and still inside that range" if langevin <= floor["high"] else ""
        )
    else:
        said += Markup(". Its Langevin samples have {}, so the sampler adds next to nothing.").format(langevin_)
    return [said]


def made_of(table: pd.DataFrame, dataset: str, methods: Sequence[str]) -> str:
    """The largest part of each method's KL, by medians."""
    said = []
    for method in methods:
        parts = {p: summary(final(table, dataset, p).get(method, ())).median for p in ("leak", "masses", "shapes")}
        if all(np.isfinite(v) for v in parts.values()) and sum(parts.values()) > 0:
            name = max(parts, key=lambda p: parts[p])
            said.append(f"{method} {name} ({parts[name] / sum(parts.values()):.0%})".replace("%", "\u2009%"))
    return ", ".join(said)
