"""`ebmark sensitivity`: a grid over a method's hyperparameters."""

import shlex
import sys
from pathlib import Path

from ebmark.cli._common import run_to_report
from ebmark.cli.tune import Positional
from ebmark.errors import UserError, unknown


def sensitivity(
    method: Positional[str],
    /,
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons"),
    seeds: int = 3,
    network_evaluations: int = 6_000_000,
    out: Path | None = None,
    jobs: int | None = None,
    no_progress_bar: bool = False,
) -> int:
    """Map a method's quality over its own numbers, and where it diverges.

    Args:
        method: one of `ebmark list`.
        datasets: built-in ones.
        seeds: runs at each point of the map.
        evaluations: of the network, in each run: a costlier update leaves fewer.
        out: the folder of the results; studies/sensitivity_METHOD if not given.
        jobs: cells at a time, each in a process of one thread; the number of cores if not given.
        no_progress_bar: plain lines in place of the live bar.
    """
    from ebmark.studies.builtin import sensitivity as made
    from ebmark.training.recipes import RECIPES

    if method not in RECIPES:
        raise unknown("method", method, RECIPES)
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs must be at least 1, not {jobs}")
    study = made(method, datasets, seeds, network_evaluations)
    folder = out if out is not None else Path("studies") / study.name
    from ebmark.engines import new_engine
    from ebmark.studies.prepare import prepare

    plan = prepare(study, folder, None, "", shlex.join(["ebmark", *sys.argv[1:]]))
    return run_to_report(folder, plan, new_engine("processes", folder, jobs=jobs), no_progress_bar)
