"""Where an entry's error comes from: the floor, the data, the training, the sampler."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ebmark.statistics._intervals import summary
from ebmark.statistics._paired import SIGNIFICANT, Paired, paired
from ebmark.statistics._runs import final_values, role


class ErrorSources(NamedTuple):
    """W1 of an entry, taken apart; medians over seeds, NaN where not measured."""

    entry: str
    null_mean: float  # truth against truth
    model: float  # what the oracle's exact samples lack beside: finite data, and the network
    method: float  # what the entry's exact samples lack beside
    sampling: float  # its samples against exact ones of its energy, above that energy's floor
    exact: float  # exact (above the plane: tempered) samples against the truth
    langevin: float  # the sampler's samples against the truth: what is usually reported
    sampled: Paired  # the sampler's W1 against its floor, seed by seed
    gap: Paired  # the sampler's samples against the exact ones, both to the truth

    @property
    def total(self) -> float:
        """The sum: by the triangle, what the reported distance could be at most, floors apart."""
        known = [v for v in (self.model, self.method, self.sampling) if not math.isnan(v)]
        return self.null_mean + sum(known)

    @property
    def is_converged(self) -> bool:
        """Whether the sampler's samples are not told apart from exact ones of its energy."""
        return not (self.sampled.p < SIGNIFICANT and self.sampled.difference > 0)

    @property
    def masked(self) -> float:
        """By how much chains that have not settled make the energy look better than it is."""
        told = self.gap.p < SIGNIFICANT and self.gap.difference < 0
        return -self.gap.difference if told and not self.is_converged else 0.0


def error_sources(
    table: pd.DataFrame, dataset: str, entries: Sequence[str], floor: Mapping[str, Any]
) -> list[ErrorSources]:
    r"""The sources of W1, each as what it adds to the one before, never below 0.

    $$ W_1(\mathrm{sampler}, \mathrm{truth}) \le W_1(\mathrm{sampler}, \mathrm{energy})
       + W_1(\mathrm{energy}, \mathrm{truth}) $$
    """
    exact = final_values(table, dataset, "w1_exact") or final_values(table, dataset, "w1_tempered")
    runs = {
        name: final_values(table, dataset, name)
        for name in ("w1_langevin", "w1_sampling_error", "w1_sampling_error_null")
    }
    medians = {entry: summary(exact.get(entry, ())).median for entry in entries}
    base = float(floor["mean"])
    oracles = [medians[e] for e in entries if role(e) == "oracle" and math.isfinite(medians[e])]
    data = max(min(oracles) - base, 0.0) if oracles else math.nan
    found = []
    for entry in entries:
        ours, theirs = (runs[name].get(entry, pd.Series(dtype=float)) for name in list(runs)[1:])
        sampled = runs["w1_langevin"].get(entry, pd.Series(dtype=float))
        perfect, langevin = exact.get(entry, pd.Series(dtype=float)), summary(sampled).median
        if not (math.isfinite(langevin) or math.isfinite(medians[entry])):
            continue
        adds = summary(ours).median - summary(theirs).median
        lacks = max(medians[entry] - base, 0.0) if math.isfinite(medians[entry]) else math.nan
        shared = data if math.isnan(data) or math.isnan(lacks) else min(data, lacks)
        found.append(
            ErrorSources(
                entry,
                base,
                shared,
                lacks - (0.0 if math.isnan(shared) else shared),
                max(adds, 0.0) if math.isfinite(adds) else math.nan,
                medians[entry],
                langevin,
                paired(*ours.align(theirs, join="inner")),
                paired(*sampled.align(perfect, join="inner")),
            )
        )
    return found
