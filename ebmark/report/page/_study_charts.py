"""The charts of a complete study: ranks, profiles, decompositions and cost."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ebmark.report import figures
from ebmark.report.page._figures import FigureFolder, Picture
from ebmark.statistics import ErrorSources, metric_of, profiles, ranks
from ebmark.store.units import distance_unit

FACTORS = np.geomspace(0.8, 50, 140)  # multiples of the best KL on the profiles' axis


class Charts(NamedTuple):
    """The charts of the whole study."""

    sources: Picture | None
    profile: Picture | None
    ranks: Picture | None
    kl_decomposition: Picture | None
    w1: Picture | None
    cost: Picture | None


def build_charts(
    figure_folder: FigureFolder,
    study: dict[str, Any],
    table: pd.DataFrame,
    datasets: list[str],
    detailed: list[str],
    entries: list[str],
    leading: list[str],
    split: dict[str, list[ErrorSources]],
    cost: Figure | None,
) -> Charts:
    """Draw the charts.

    Args:
        figure_folder: Where they are written.
        study: The study's `study.json`.
        table: Its results.
        datasets: Those that are ranked.
        detailed: Those whose errors are split.
        entries: The configurations.
        leading: Those that are drawn where there is little space.
        split: The sources of W1 error by dataset.
        cost: The chart of costs.
    """
    metric = metric_of(table, datasets)
    ranking = ranks(table, datasets, entries, metric) if metric else None
    within = profiles(table, datasets, entries, "kl", FACTORS)
    selected = {name: [s for s in split[name] if s.entry in leading] for name in split}
    num_steps = study["settings"].get("langevin_steps")
    w1 = figures.select_w1(table, detailed, leading, study["null_ranges"], num_steps)
    parts = figures.select_kl_parts(table, detailed, leading)
    unit = distance_unit(study)

    def add(figure: Figure | None, name: str, alt: str) -> Picture | None:
        return figure_folder.add(figure, name, alt, lines=True)

    return Charts(
        sources=add(
            figures.error_sources(selected, leading, unit),
            "error_sources",
            "Sources of W1: null mean, model error, method error, sampling error",
        ),
        profile=add(
            figures.profile(within, FACTORS, entries),
            "profile",
            "Fraction of runs within a factor of the lowest median KL",
        ),
        ranks=add(
            figures.critical_difference(ranking),
            "critical_difference",
            "Mean ranks; bars join configurations that are not significantly different",
        ),
        kl_decomposition=add(
            figures.kl_decomposition(parts, leading), "kl_decomposition", "KL decomposition"
        ),
        w1=add(
            figures.w1_by_sampler(w1, leading, unit), "w1", "W1 of exact and of Langevin samples"
        ),
        cost=add(cost, "cost", "KL against updates, network evaluations and CPU seconds"),
    )
