"""Everything that the template lays out, as plain text, tables and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from ebmark.report import figures
from ebmark.report.page._answer import Answer, answer
from ebmark.report.page._budgets import build_budgets, trainings
from ebmark.report.page._cells import Block
from ebmark.report.page._charts import dot_plot, forest_plot
from ebmark.report.page._columns import column_blocks
from ebmark.report.page._comparisons import (
    Comparisons,
    Significance,
    build_significance,
)
from ebmark.report.page._decomposition import build_sources, split_by_dataset
from ebmark.report.page._diagnostics import name_largest_parts
from ebmark.report.page._figures import DatasetPictures, FigureFolder, draw_dataset
from ebmark.report.page._inline import marker
from ebmark.report.page._methods import DivergedRun, MethodInfo, describe_methods, list_diverged
from ebmark.report.page._overview import Overview, build_overview
from ebmark.report.page._recipes import Recipes, build_recipes, flatten
from ebmark.report.page._rows import count_unique, list_unique, select_rows
from ebmark.report.page._see_it import SeeIt, build_see_it
from ebmark.report.page._sentences import summarize_dataset
from ebmark.report.page._step_bias import step_biases
from ebmark.report.page._study_charts import Charts, build_charts
from ebmark.report.page._sweeps import Sweep, build_sweeps
from ebmark.report.page._tables import Results, build_results
from ebmark.report.page._top_entries import select_leading
from ebmark.statistics import role, without_axes
from ebmark.store.metric_info import METRICS, MetricInfo, metric_info, stem
from ebmark.store.units import distance_unit

_TERMS = {
    "null": MetricInfo(
        "null range",
        "",
        "Mean and 95% range (or the level stated) of a metric between two independent target "
        "samples of the same size: what a single run of a perfect model with a perfect sampler "
        "scores.",
    ),
    "configuration": MetricInfo(
        "configuration", "", 'A method with a recipe, such as "ed, tuned".'
    ),
    "diverged": MetricInfo(
        "diverged",
        "",
        "Training or sampling produced non-finite values or runaway chains, no proposal was "
        "accepted, or log Z is unresolved. Diverged runs count as the worst value and are never "
        "averaged.",
    ),
}


class DatasetPage(NamedTuple):
    """The page of one dataset, to which the report of many datasets links."""

    name: str
    title: str
    link: str


class DatasetSection(NamedTuple):
    """One dataset: sentences, charts and pictures."""

    name: str
    title: str
    entropy: float | None
    summary: list[Markup]
    largest_parts: str
    dots: Markup | None
    forest: Markup | None
    pictures: DatasetPictures
    see_it: SeeIt | None


@dataclass
class Contents:
    """The variables of the template."""

    study: dict[str, Any]
    is_sweep: bool
    num_datasets: int
    num_done: int
    num_planned: int
    answer: Answer
    sweeps: list[Sweep]
    overview: Overview | None
    leading: list[str]
    sections: list[DatasetSection]
    charts: Charts
    significance: Significance | None
    results: Results | None
    budgets: list[Block]
    sources: list[Block]
    step_biases: list[Block]
    columns: list[Block]
    diverged: list[DivergedRun]
    methods: list[MethodInfo]
    num_entries: int
    recipes: Recipes
    settings: dict[str, str]
    glossary: dict[str, MetricInfo]
    keys: dict[str, Markup]
    roles: dict[str, str]
    files: list[str]
    pages: list[DatasetPage]
    home: str


def build_contents(
    folder: Path,
    study: dict[str, Any],
    table: pd.DataFrame,
    compared: Comparisons | None,
    figure_folder: Path | None,
    *,
    reference: str | None = None,
    pages: Sequence[DatasetPage] = (),
    home: str = "",
) -> Contents:
    """Build the template's variables.

    Args:
        folder: The study's folder.
        study: Its `study.json`, with configurations for methods.
        table: Its results, with configurations for methods.
        compared: All comparisons of the report, which may have several pages.
        figure_folder: Where figures are also written as files; None for nowhere.
        reference: The reference method; by default the first.
        pages: The pages of the datasets, if this one only lists them.
        home: The link to that list, if this is the page of one dataset.
    """
    runs = list(study["runs"].values())
    datasets = order_datasets(study)
    entries = order_entries(study)
    sweeps = is_sweep(study)
    # of a sweep, configurations are points: the sections of datasets would be too many
    shown = [] if sweeps else datasets
    detailed = [] if pages else shown
    figures_of_page = FigureFolder(figure_folder, len(detailed) * (1 + len(entries)))
    leading = select_leading(table, shown, entries, reference)
    costs = trainings(study, table, [] if pages else datasets, entries, sweeps)
    split = split_by_dataset(table, detailed, entries, study["null_ranges"])
    builder = _SectionBuilder(
        folder, study, table, figures_of_page, leading, compared, len(detailed)
    )
    metrics = {stem(metric) for metric in list_unique(table, "metric")}
    lines = [entry for _, by_entry in costs.values() for entry in by_entry]
    names = list(dict.fromkeys(map(without_axes, entries)))
    cost = figures.cost(costs, lines)
    return Contents(
        study=study,
        is_sweep=sweeps,
        num_datasets=len(datasets),
        num_done=count_unique(table, "run_id"),
        num_planned=len(runs),
        answer=answer(table, study),
        sweeps=build_sweeps(figures_of_page, study, table),
        overview=build_overview(table, shown, entries),
        leading=leading if len(leading) < len(entries) else [],
        sections=[builder.build(dataset, entries) for dataset in detailed],
        charts=build_charts(
            figures_of_page, study, table, shown, detailed, entries, leading, split, cost
        ),
        significance=build_significance(table, shown, detailed, entries, compared),
        results=_build_results(study, table, detailed, entries) if detailed else None,
        budgets=build_budgets(costs),
        sources=build_sources(table, split, study["null_ranges"]),
        step_biases=step_biases(study["step_bias"], detailed),
        columns=column_blocks(study["columns"], detailed),
        diverged=list_diverged(table),
        methods=describe_methods(study, names),
        num_entries=len(entries),
        recipes=build_recipes(study["recipes"]),
        settings=flatten(study["settings"]),
        glossary={n: metric_info(n, distance_unit(study)) for n in METRICS if n in metrics}
        | _TERMS,
        keys={entry: marker(entry) for entry in {*entries, *names}},
        roles={entry: label for entry in entries if (label := role(entry))},
        files=[],
        pages=list(pages),
        home=home,
    )


def is_sweep(study: dict[str, Any]) -> bool:
    """Return whether the study varies a setting, which the names of its recipes hold."""
    return any("=" in run["recipe"] for run in study["runs"].values())


def order_datasets(study: dict[str, Any]) -> list[str]:
    """Return the datasets that have runs, in the study's order."""
    planned = {run["dataset"] for run in study["runs"].values()}
    order = dict.fromkeys([*study["datasets"], *sorted(planned)])
    return [dataset for dataset in order if dataset in planned]


def order_entries(study: dict[str, Any]) -> list[str]:
    """Return the configurations in the study's order, oracle and baselines last."""
    entries = dict.fromkeys(run["method"] for run in study["runs"].values())
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
        entries = [entry for entry in entries if entry in planned]
        null_ranges = study["null_ranges"].get(dataset, {})
        files = (self.figure_folder, self.folder)
        info = study["dataset_info"].get(dataset, {})
        return DatasetSection(
            dataset,
            info.get("title", "").rstrip("."),
            info.get("entropy"),
            summarize_dataset(table, dataset, entries, null_ranges.get("w1"), self.compared),
            name_largest_parts(table, dataset, entries),
            dot_plot(table, dataset, entries, distance_unit(study)),
            forest_plot(self.compared, dataset) if self.compared else None,
            draw_dataset(*files, study, table, dataset, entries, self.leading),
            build_see_it(self.folder, study, table, dataset, entries, self.num_sections),
        )


def _build_results(
    study: dict[str, Any], table: pd.DataFrame, datasets: list[str], entries: list[str]
) -> Results:
    runs = [(run["dataset"], run["method"]) for run in study["runs"].values()]
    planned = {
        dataset: {entry: n for entry in entries if (n := runs.count((dataset, entry)))}
        for dataset in datasets
    }
    return build_results(
        table, planned, study["method_info"], study["null_ranges"], distance_unit(study)
    )
