"""A user makes a paper's table of a metric of which more is better (quality, overlap, acceptance, ESS): the worst entry must not be set in bold."""

import sys

import numpy as np
import pandas as pd

from ebmark.errors import UserError
from ebmark.report.marks import significantly_best

NAME = "quality_bold_worst"
WANT = "the entry with more of it, or no entry, marked as best; and no entry of which most runs diverged"
LAW = "eight_gaussians"


def end(faults, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {', '.join(faults)}, want {WANT}" if faults else f"ok {NAME}: {said}")
    sys.exit(bool(faults))


def results(metric, levels, lost=None):
    """The table of a study of ten seeds: method -> about its level; of `lost`, six runs diverged."""
    rng = np.random.default_rng(0)
    rows = []
    for method, level in levels.items():
        for seed in range(10):
            diverged = method == lost and seed < 6
            rows.append(
                {
                    "dataset": LAW,
                    "method": method,
                    "seed": seed,
                    "step": 1,
                    "metric": metric,
                    "value": np.nan if diverged else level + 0.001 * rng.normal(),
                    "status": "diverged" if diverged else "done",
                }
            )
    return pd.DataFrame(rows)


def marked(table, metric):
    """The entries set in bold; none where marking is refused in one line."""
    try:
        return significantly_best(table, metric, [LAW])[LAW]
    except UserError:
        return set()


faults = []
for metric in (
    "high_quality_fraction_langevin",
    "high_quality_fraction_exact",
    "noise_ess",
    "acceptance_rate",
    "particle_ess",
):
    found = marked(results(metric, {"good": 0.95, "bad": 0.40}), metric)
    if not found <= {"good"}:
        faults.append(f"{', '.join(sorted(found))} in bold for {metric} (.40 against .95)")
    # A diverged run counts as the worst here, too: it is no high number.
    found = marked(results(metric, {"sound": 0.90, "lost": 0.95}, lost="lost"), metric)
    if "lost" in found:
        faults.append(f"lost in bold for {metric}, of which 6 runs of 10 diverged")
end(faults, "no worse entry is marked as best")
