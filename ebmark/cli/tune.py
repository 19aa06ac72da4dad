"""The commands beside a single study: `tune`, `sensitivity`, `leaderboard`."""

import shlex
import sys
from pathlib import Path

import tyro

from ebmark.cli._common import load_plugins, read_own
from ebmark.errors import UserError

Positional = tyro.conf.Positional


def tune(
    methods: tuple[str, ...] = ("cd", "pcd", "dsm", "nce", "ed"),
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons"),
    trials: int = 10,
    seeds: int = 3,
    network_evaluations: int = 6_000_000,
    seed: int = 0,
    num_train: int = 10_000,
    data: Path | None = None,
    out: Path = Path("studies/tune"),
    jobs: int | None = None,
    plugin: tuple[Path, ...] = (),
    no_progress_bar: bool = False,
) -> int:
    """Tune methods: the same trials and budget for each, on seeds that no study reports.

    Args:
        methods: those to tune, each on each dataset.
        datasets: built-in ones.
        trials: recipes tried; the first is the default one.
        seeds: runs of each trial, from seed 1,000,000 on; what counts is the median of their KL.
        evaluations: of the network, in each run: a recipe with a costlier update has fewer.
        seed: of the search.
        num_train: training points.
        data: your own points in place of the datasets: what counts is the NLL of held-out ones.
        out: the folder of the results; the same command goes on where it was stopped.
        jobs: searches at a time, each in a process of one thread; the number of cores if not given.
        plugin: Python files with METHODS or DATASETS of your own.
        no_progress_bar: plain lines in place of the live bar.
    """
    load_plugins(plugin)
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs must be at least 1, not {jobs}")
    from ebmark.cli.terminal_tables import print_tuned
    from ebmark.engines import new_engine
    from ebmark.studies.study import Study
    from ebmark.studies.tuning.tune import Effort
    from ebmark.studies.tuning.tune import tune as search

    study = Study(name="tune", methods=methods, datasets=datasets, num_train=num_train)
    effort = Effort(trials=trials, seeds=seeds, network_evaluations=network_evaluations, seed=seed)
    points, name = (None, "") if data is None else read_own(data)
    command = shlex.join(["ebmark", *sys.argv[1:]])
    try:
        engine = new_engine("processes", out, jobs=jobs)
        found, failed = search(
            study, effort, out, engine, command, points, name, plugin, no_progress_bar
        )
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    print_tuned(found)
    print(f"\nThe recipes: {out / 'tuned.json'}")
    print(f"To use them: ebmark run STUDY --variants default {out / 'tuned.json'}")
    for what, reason in failed.items():
        print(f"ebmark: {what} failed: {reason}")
    return 1 if failed else 0
