"""`ebmark sensitivity`: run a grid over a method's hyperparameters."""

import shlex
import sys
from pathlib import Path

from ebmark.cli._common import Positional, check_positive, run_to_report
from ebmark.cli.plugin_files import load_plugins
from ebmark.errors import unknown


def sensitivity(
    method: Positional[str],
    /,
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons"),
    seeds: int = 3,
    network_evaluations: int = 6_000_000,
    out: Path | None = None,
    jobs: int | None = None,
    repair: bool = False,
    plugin: tuple[Path, ...] = (),
    no_progress_bar: bool = False,
) -> int:
    """Run a grid over a method's hyperparameters.

    Args:
        method: a method of `ebmark list`.
        datasets: built-in datasets.
        seeds: number of seeds per grid point.
        network_evaluations: budget of each run; a costlier update leaves fewer updates.
        out: output folder; studies/sensitivity_METHOD if omitted.
        jobs: number of parallel runs, each a process of one thread; the number of cores if
            omitted.
        repair: remove damaged files first and create them again; the others are kept.
        plugin: Python files that define METHODS or DATASETS.
        no_progress_bar: print lines instead of a progress bar.
    """
    check_positive(jobs=jobs)
    load_plugins(plugin, methods=[method], datasets=datasets)
    from ebmark.engines import new_engine
    from ebmark.studies.builtin import sensitivity as build_study
    from ebmark.studies.prepare import prepare
    from ebmark.training.recipes import RECIPES

    if method not in RECIPES:
        raise unknown("method", method, RECIPES)
    study = build_study(method, datasets, seeds, network_evaluations)
    folder = out if out is not None else Path("studies") / study.name
    command = shlex.join(["ebmark", *sys.argv[1:]])
    plan = prepare(study, folder, None, "", command, plugin, repair=repair)
    engine = new_engine("processes", folder, jobs=jobs)
    return run_to_report(folder, plan, engine, no_progress_bar)
