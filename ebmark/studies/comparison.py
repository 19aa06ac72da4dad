"""Studies from Python: methods, datasets and networks by name or as objects."""

import base64
import dataclasses
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ebmark.datasets import Dataset
from ebmark.datasets.tables import Points
from ebmark.energies import Network, as_maker
from ebmark.engines import Engine, new_engine
from ebmark.errors import UserError
from ebmark.report.figures import dots, png
from ebmark.report.page import write_report
from ebmark.report.paper_table import paper_table
from ebmark.report.result_table import ResultTable
from ebmark.statistics import final_values
from ebmark.store.schema import load_study
from ebmark.store.table import current, with_entries
from ebmark.studies import plugins
from ebmark.studies.collect import finish
from ebmark.studies.driver import run_plan
from ebmark.studies.own_objects import Method, check_network, dataset_name, digest, method_name
from ebmark.studies.prepare import prepare
from ebmark.studies.spec import langevin_step_size
from ebmark.studies.study import Study, validated
from ebmark.studies.tuning import tune as tuning
from ebmark.system.writing import write_whole

_COMMAND = "ebmark from Python"


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The results of a study.

    Attributes:
        folder: where the results are, as `ebmark run` writes them.
    """

    folder: Path

    @property
    def frame(self) -> pd.DataFrame:
        """One row per dataset, configuration (column `method`), seed, step and metric."""
        study = load_study(self.folder)
        return with_entries(study, current(self.folder, study)[0])[1]

    def table(
        self, metric: str = "kl", *, bold: str = "best", statistic: str = "mean"
    ) -> ResultTable:
        """Return one metric, configurations by datasets; `to_latex()` prints it for a paper.

        Args:
            metric: a metric of `frame`.
            bold: what is marked: "best" for the best and all that are not significantly different
                from it (Wilcoxon signed-rank test on paired seeds, Holm-adjusted), or
                "significant" for one that is significantly better than the runner-up.
            statistic: "mean" or "median" over seeds.

        Raises:
            UserError: if the metric was not measured, or an option is unknown.
        """
        return ResultTable.of(paper_table(self.folder, metric, statistic, bold=bold))

    def plot(self, metric: str = "kl") -> Figure:
        """Draw the values of each seed and their median, one row per configuration."""
        frame = self.frame
        names = frame["dataset"].unique()
        return dots({name: final_values(frame, name, metric) for name in names}, metric)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the HTML report, in the folder of the results or at a path, and return it."""
        written = write_report(self.folder)
        if path is None:
            return written
        write_whole(Path(path), written.read_bytes())
        return Path(path)

    def _repr_html_(self) -> str:
        picture = png(self.plot(), dpi=90)
        uri = base64.b64encode(picture).decode()
        return f'<img alt="KL" src="data:image/png;base64,{uri}">{self.table().to_html()}'


@dataclasses.dataclass(frozen=True)
class Tuned:
    """Tuned recipes, to be compared on other seeds.

    Attributes:
        folder: where the searches are.
        recipes: method -> dataset -> `changes` of the default recipe, and how they were `made`.
        study: what was tuned.
    """

    folder: Path
    recipes: dict[str, dict[str, Any]]
    study: Study

    @property
    def frame(self) -> pd.DataFrame:
        """One row per method and dataset: scores before and after, and each field searched."""
        rows = []
        for method, datasets in self.recipes.items():
            for dataset, recipe in datasets.items():
                made, changes = recipe["made"], dict(recipe["changes"])
                changes |= changes.pop("method", {})
                scores = {"score_of_default": made["score_of_default"], "score": made["score"]}
                rows.append({"method": method, "dataset": dataset, **scores, **changes})
        return pd.DataFrame(rows)

    def compare(self, *, seeds: int = 10, out: str | Path | None = None) -> Comparison:
        """Compare default and tuned recipes on seeds that the search did not use."""
        variants = ("default", str((self.folder / "tuned.json").resolve()))
        return _run(dataclasses.replace(self.study, seeds=seeds, variants=variants), out, None)

    def _repr_html_(self) -> str:
        return self.frame.to_html(index=False)


def compare(
    methods: Sequence[Method],
    *,
    datasets: Sequence[str | Dataset],
    seeds: int = 10,
    energy: Any = None,
    updates: int | None = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    **settings: Any,
) -> Comparison:
    """Compare training methods on datasets, paired by seed.

    For each seed, all methods share training data, initial network and test data. Repeating a call
    with the same `out` resumes an interrupted study. Objects of this session, which no file names,
    are trained in this process, one run after another.

    Args:
        methods: keys of `METHODS`, and methods or recipes of your own.
        datasets: keys of `DATASETS`, and datasets of `eb.Dataset.from_functions`.
        seeds: number of seeds; a test needs at least 6.
        energy: the network: an `eb.Network` of settings, a function make(dim, key), or an energy,
            which is then the same for all seeds. It is confined by a Gaussian and soft walls.
        updates: number of updates of every method, instead of the recipes' numbers.
        out: folder of the results; a temporary one if None.
        jobs: number of parallel runs; 1 in this process if None.
        settings: further fields of a study, such as `num_train` or `langevin_steps`.

    Returns:
        The comparison: `table`, `plot`, `report`, `frame`.

    Raises:
        UserError: if a name is unknown, an energy is not valid, a run fails, or the study is
            stopped by SIGTERM.

    Example:
        >>> small = {"num_train": 100, "num_samples": 20, "langevin_steps": 4, "num_snapshots": 1}
        >>> study = compare(["gaussian"], datasets=["half_moons"], seeds=1, **small)
        >>> study.table("kl").index.tolist()
        ['gaussian']
    """
    study = _study(methods, datasets, energy, {"seeds": seeds, "num_updates": updates, **settings})
    return _run(study, out, jobs)


def tune(
    methods: Sequence[Method],
    *,
    datasets: Sequence[str | Dataset],
    trials: int = 10,
    seeds: int = 3,
    network_evaluations: int = 6_000_000,
    energy: Any = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    **settings: Any,
) -> Tuned:
    """Tune methods with the same budget, and print what was searched.

    Args:
        methods: as in `compare`; one of your own declares its ranges by `eb.tunable`.
        datasets: as in `compare`.
        trials: recipes tried per method and dataset; the first is the default one.
        seeds: runs per trial, judged by their median KL.
        network_evaluations: budget of each run.
        energy: as in `compare`.
        out: folder of the searches; a temporary one if None.
        jobs: number of parallel searches; 1 in this process if None.
        settings: further fields of a study, such as `num_train`.

    Raises:
        UserError: if a method has no search space, or as in `compare`.

    Example:
        >>> small = {"num_train": 100, "num_samples": 20, "langevin_steps": 4, "num_snapshots": 1}
        >>> effort = {"trials": 1, "seeds": 1, "network_evaluations": 1_000}
        >>> tuned = tune(["nce"], datasets=["half_moons"], **effort, **small)
        nce: ...
        >>> tuned.frame["dataset"].tolist()
        ['half_moons']
    """
    study = _study(methods, datasets, energy, {"name": "tune", **settings})
    folder = folder_of(out)
    effort = tuning.Effort(trials=trials, seeds=seeds, network_evaluations=network_evaluations)
    for method in study.methods:
        print(f"{method}: {tuning.describe_space(method)}; {trials} trials of {seeds} seeds")
    engine = _engine(study, folder, jobs)
    recipes, failed, num_left = tuning.tune(study, effort, folder, engine, _COMMAND, plain=True)
    _raise_failed(failed)
    if num_left:
        raise UserError(
            f"The tuning was stopped; searches left: {num_left}. "
            f"Repeat the call with out='{folder}' to resume it."
        )
    return Tuned(folder, recipes, dataclasses.replace(study, name="tuned"))


def _study(
    methods: Sequence[Method],
    datasets: Sequence[str | Dataset],
    energy: Any,
    settings: dict[str, Any],
) -> Study:
    """Register the objects, and return the study that names them."""
    for argument, value in (("methods", methods), ("datasets", datasets)):
        if isinstance(value, str):
            raise UserError(f"'{argument}' must be a list, such as ['{value}'], not '{value}'.")
    network = energy if isinstance(energy, Network) else Network()
    if energy is not None and not isinstance(energy, Network):
        maker = as_maker(energy)
        name = getattr(energy, "__name__", type(energy).__name__).replace("<lambda>", "network")
        plugins.register("NETWORKS", name, maker, digest(energy))
        network = Network(own=name)
    study = Study(
        methods=tuple(map(method_name, methods)),
        datasets=tuple(map(dataset_name, datasets)),
        energy=network,
        **{"name": "compare", "title": "Comparison", **settings},
    )
    langevin_step_size.cache_clear()
    check_network(validated(study))
    return study


def _run(study: Study, out: str | Path | None, jobs: int | None) -> Comparison:
    folder = folder_of(out)
    return run_study(study, folder, _engine(study, folder, jobs))


def run_study(
    study: Study,
    folder: Path,
    engine: Engine,
    points: Points | None = None,
    plugin_files: tuple[Path, ...] = (),
) -> Comparison:
    """Run a study in a folder, on its datasets or on points of the user.

    Raises:
        UserError: if the study is not valid, or a run fails.
    """
    plan = prepare(study, folder, points, study.name, _COMMAND, plugin_files)
    outcome = run_plan(folder, plan, engine, plain=True)
    _raise_failed(outcome.failed)
    if outcome.stopped:
        raise UserError(
            f"The study was stopped after {outcome.done} of {outcome.planned} runs. "
            f"Repeat the call with out='{folder}' to resume it."
        )
    finish(folder, plan)
    return Comparison(folder)


def folder_of(out: str | Path | None) -> Path:
    """Return the folder of the results, a temporary one if none is given."""
    return Path(tempfile.mkdtemp(prefix="ebmark-") if out is None else out)


def _engine(study: Study, folder: Path, jobs: int | None) -> Engine:
    own = plugins.in_process((*study.methods, *study.datasets, study.energy.own or ""))
    if own and (jobs or 1) > 1:
        print(
            f"note: {', '.join(own)}: defined in this session, so runs are trained in this "
            "process, one after another. Use a file and `ebmark run --plugin` for parallel runs.",
            file=sys.stderr,
        )
    if own or (jobs or 1) == 1:
        return new_engine("inline", folder)
    return new_engine("processes", folder, jobs=jobs)


def _raise_failed(failed: dict[str, str]) -> None:
    for name, reason in failed.items():
        raise UserError(f"{len(failed)} runs failed; the first, {name}: {reason}")
