"""`ebmark tune`: tune hyperparameters with equal budgets for all methods."""

import shlex
import sys
from pathlib import Path

from ebmark.cli._common import UNFINISHED, check_positive, read_user_data
from ebmark.cli.plugin_files import load_plugins, network_name


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
    network: str | None = None,
    repair: bool = False,
    no_progress_bar: bool = False,
) -> int:
    """Tune hyperparameters with equal budgets for all methods.

    The tuning seeds start at 1,000,000; no study uses them.

    Args:
        methods: methods to tune, each on each dataset.
        datasets: built-in datasets.
        trials: number of recipes tried per method and dataset; the first is the default recipe.
        seeds: number of runs per trial; a trial is judged by their median KL.
        network_evaluations: budget of each run; a costlier update leaves fewer updates.
        seed: seed of the search.
        num_train: number of training points.
        data: a file with your data instead of the datasets; a trial is judged by the NLL of
            held-out points.
        out: output folder; repeating the command resumes an interrupted search.
        jobs: number of parallel searches, each a process of one thread; the number of cores if
            omitted.
        plugin: Python files that define METHODS or DATASETS.
        network: FILE.py:FUNCTION, a function make(dim, key) that returns the energy to train.
        repair: remove damaged files first and create them again; the others are kept.
        no_progress_bar: print lines instead of a progress bar.
    """
    plugin = load_plugins(
        plugin, methods=methods, datasets=datasets if data is None else (), network=network
    )
    check_positive(jobs=jobs)
    from ebmark.cli.terminal_tables import print_tuned
    from ebmark.energies import Network
    from ebmark.engines import new_engine
    from ebmark.studies.study import Study
    from ebmark.studies.tuning.tune import Effort, describe_space
    from ebmark.studies.tuning.tune import tune as search

    energy = Network(own=network_name(network))
    study = Study(
        name="tune", methods=methods, datasets=datasets, num_train=num_train, energy=energy
    )
    effort = Effort(trials=trials, seeds=seeds, network_evaluations=network_evaluations, seed=seed)
    points, name = (None, "") if data is None else read_user_data(data)
    command = shlex.join(["ebmark", *sys.argv[1:]])
    try:
        engine = new_engine("processes", out, jobs=jobs)
        tuned, failed, num_left = search(
            study, effort, out, engine, command, points, name, plugin, no_progress_bar, repair
        )
    except KeyboardInterrupt:
        print("\nInterrupted. Repeat the command to resume.", file=sys.stderr)
        return 130
    if num_left:
        print(
            f"Stopped; searches left: {num_left}. Their trials are saved. Repeat the command to "
            "resume.",
            file=sys.stderr,
        )
        return UNFINISHED
    print("Searched:")
    for method in study.methods:
        print(f"  {method}: {describe_space(method)}")
    print_tuned(tuned)
    print(f"\nRecipes: {out / 'tuned.json'}")
    print(f"Use them with: ebmark run STUDY --variants default {out / 'tuned.json'}")
    for search_name, reason in failed.items():
        print(f"ebmark: {search_name} failed: {reason}")
    return 1 if failed else 0
