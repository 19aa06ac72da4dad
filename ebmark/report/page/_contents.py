"""Everything that the template lays out, as plain text, tables and pictures."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from ebmark.report import figures
from ebmark.report.page._budgets import build_budgets, trainings
from ebmark.report.page._cells import Block, Cell
from ebmark.report.page._comparisons import (
    Comparisons,
    Significance,
    build_significance,
    compare_entries,
)
from ebmark.report.page._decomposition import build_sources, split_by_dataset
from ebmark.report.page._diagnostics import name_largest_parts
from ebmark.report.page._figures import (
    DatasetPictures,
    FigureFolder,
    Picture,
    data_uri,
    draw_dataset,
)
from ebmark.report.page._overview import Overview, build_overview
from ebmark.report.page._recipes import Recipes, build_recipes, flatten
from ebmark.report.page._rows import count_unique, list_unique, select_rows
from ebmark.report.page._see_it import SeeIt, build_see_it
from ebmark.report.page._sentences import summarize_dataset
from ebmark.report.page._step_bias import step_biases
from ebmark.report.page._sweeps import Sweep, build_sweeps
from ebmark.report.page._tables import Results, build_details, build_results
from ebmark.report.page._top_entries import select_leading
from ebmark.statistics import ErrorSources, metric_of, profiles, ranks, role, without_axes
from ebmark.store.metric_info import METRICS, MetricInfo, metric_info, stem
from ebmark.store.units import distance_unit

_FACTORS = np.geomspace(0.8, 50, 140)  # multiples of the best KL on the profiles' axis
_RUN = ["dataset", "method", "seed"]
_FILES = ("results.csv", "results.parquet", "study.json")


class DatasetSection(NamedTuple):
    """One dataset: sentences, tables and pictures."""

    name: str
    title: str
    entropy: float | None
    summary: list[Markup]
    largest_parts: str
    results: Results
    details: tuple[list[Cell], list[list[Cell]]]
    pictures: DatasetPictures
    see_it: SeeIt | None


class Charts(NamedTuple):
    """The charts of the whole study."""

    sources: Picture | None
    profile: Picture | None
    ranks: Picture | None
    kl_decomposition: Picture | None
    w1: Picture | None
    cost: Picture | None


class MethodInfo(NamedTuple):
    """A method: name, title, loss as TeX and as a picture, reference."""

    name: str
    title: str
    loss: str
    reference: str
    formula: str | None


class DivergedRun(NamedTuple):
    """A diverged run, and the reason."""

    dataset: str
    method: str
    seed: int
    reason: str


@dataclass
class Contents:
    """The variables of the template."""

    study: dict[str, Any]
    is_sweep: bool
    num_datasets: int
    num_done: int
    num_planned: int
    sweeps: list[Sweep]
    overview: Overview | None
    leading: list[str]
    sections: list[DatasetSection]
    charts: Charts
    significance: Significance | None
    budgets: list[Block]
    sources: list[Block]
    step_biases: list[Block]
    diverged: list[DivergedRun]
    methods: list[MethodInfo]
    num_entries: int
    recipes: Recipes
    settings: dict[str, str]
    glossary: list[MetricInfo]
    colors: dict[str, str]
    roles: dict[str, str]
    files: list[str]


def build_contents(
    folder: Path, study: dict[str, Any], table: pd.DataFrame, reference: str | None
) -> Contents:
    """Build the template's variables.

    Args:
        folder: The study's folder.
        study: Its `study.json`, with configurations for methods.
        table: Its results, with configurations for methods.
        reference: The reference method; by default the first.
    """
    runs = list(study["runs"].values())
    datasets = _order_datasets(study, runs)
    entries = _order_entries(study, runs)
    is_sweep = any("=" in run["recipe"] for run in runs)
    # of a sweep, configurations are points: the sections of datasets would be too many
    shown = [] if is_sweep else datasets
    figure_folder = FigureFolder(folder, len(shown) * (1 + len(entries)))
    leading = select_leading(table, shown, entries, reference)
    compared = compare_entries(table, shown, entries, reference)
    costs = trainings(study, table, datasets, entries, is_sweep)
    split = split_by_dataset(table, shown, entries, study["null_ranges"])
    builder = _SectionBuilder(folder, study, table, figure_folder, leading, compared, len(shown))
    metrics = {stem(metric) for metric in list_unique(table, "metric")}
    lines = [entry for _, by_entry in costs.values() for entry in by_entry]
    names = list(dict.fromkeys(map(without_axes, entries)))
    return Contents(
        study=study,
        is_sweep=is_sweep,
        num_datasets=len(datasets),
        num_done=count_unique(table, "run_id"),
        num_planned=len(runs),
        sweeps=build_sweeps(figure_folder, study, table),
        overview=build_overview(table, shown, entries),
        leading=leading if len(leading) < len(entries) else [],
        sections=[builder.build(dataset, entries) for dataset in shown],
        charts=_charts(
            figure_folder,
            study,
            table,
            shown,
            entries,
            leading,
            split,
            figures.cost(costs, lines),
        ),
        significance=build_significance(table, shown, entries, compared),
        budgets=build_budgets(costs),
        sources=build_sources(table, split, study["null_ranges"]),
        step_biases=step_biases(study["step_bias"], shown),
        diverged=_list_diverged(table),
        methods=[_method(study, name) for name in names],
        num_entries=len(entries),
        recipes=build_recipes(study["recipes"]),
        settings=flatten(study["settings"]),
        glossary=[metric_info(name, distance_unit(study)) for name in METRICS if name in metrics],
        colors={name: look[0] for name, look in figures.colors({*entries, *names}).items()},
        roles={entry: label for entry in entries if (label := role(entry))},
        files=[name for name in _FILES if (folder / name).exists()],
    )


def _list_diverged(table: pd.DataFrame) -> list[DivergedRun]:
    lost = select_rows(table, status="diverged").drop_duplicates(subset=_RUN)
    columns = [lost[name].tolist() for name in (*_RUN, "reason")]
    return [DivergedRun(*values) for values in zip(*columns, strict=True)]


def _order_datasets(study: dict[str, Any], runs: list[dict[str, Any]]) -> list[str]:
    """The datasets that have runs, in the study's order."""
    planned = {run["dataset"] for run in runs}
    order = dict.fromkeys([*study["datasets"], *sorted(planned)])
    return [dataset for dataset in order if dataset in planned]


def _order_entries(study: dict[str, Any], runs: list[dict[str, Any]]) -> list[str]:
    """The configurations in the study's order, oracle and baselines last."""
    entries = dict.fromkeys(run["method"] for run in runs)
    order = [*study["methods"], *entries]
    return sorted(entries, key=lambda entry: (role(entry) is not None, order.index(entry)))


@dataclass
class _SectionBuilder:
    """What all sections share."""

    folder: Path
    study: dict[str, Any]
    table: pd.DataFrame
    figure_folder: FigureFolder
    leading: list[str]
    compared: Comparisons | None
    num_sections: int

    def build(self, dataset: str, entries: list[str]) -> DatasetSection:
        """Build the section of one dataset."""
        study = self.study
        table = select_rows(self.table, dataset=dataset)
        planned = [run["method"] for run in study["runs"].values() if run["dataset"] == dataset]
        num_seeds = {entry: planned.count(entry) for entry in entries if entry in planned}
        entries = list(num_seeds)
        null_ranges = study["null_ranges"].get(dataset, {})
        info = study["dataset_info"].get(dataset, {})
        return DatasetSection(
            dataset,
            info.get("title", "").rstrip("."),
            info.get("entropy"),
            summarize_dataset(table, dataset, entries, null_ranges.get("w1"), self.compared),
            name_largest_parts(table, dataset, entries),
            build_results(
                table,
                dataset,
                entries,
                study["method_info"],
                null_ranges,
                num_seeds,
                distance_unit(study),
            ),
            build_details(table, dataset, entries, null_ranges),
            draw_dataset(
                self.figure_folder, self.folder, study, table, dataset, entries, self.leading
            ),
            build_see_it(self.folder, study, table, dataset, entries, self.num_sections),
        )


def _charts(
    figure_folder: FigureFolder,
    study: dict[str, Any],
    table: pd.DataFrame,
    datasets: list[str],
    entries: list[str],
    leading: list[str],
    split: dict[str, list[ErrorSources]],
    cost: Figure | None,
) -> Charts:
    metric = metric_of(table, datasets)
    ranking = ranks(table, datasets, entries, metric) if metric else None
    within = profiles(table, datasets, entries, "kl", _FACTORS)
    selected = {name: [s for s in split[name] if s.entry in leading] for name in split}
    num_steps = study["settings"].get("langevin_steps")
    w1 = figures.select_w1(table, datasets, leading, study["null_ranges"], num_steps)
    parts = figures.select_kl_parts(table, datasets, leading)
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
            figures.profile(within, _FACTORS, entries),
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


def _method(study: dict[str, Any], name: str) -> MethodInfo:
    info = study["method_info"].get(name.partition(", ")[0], {})
    loss = info.get("loss", "")
    picture = figures.formula(loss)
    formula = data_uri(picture, "svg+xml") if picture else None
    return MethodInfo(name, info.get("title", name), loss, info.get("reference", ""), formula)
