"""The commands beside a single study: `tune`, `sensitivity`, `leaderboard`."""

import shlex
import sys
from pathlib import Path

import tyro

from ebmark.commands import load_plugins, read_own, run_to_report
from ebmark.errors import UserError, unknown

Positional = tyro.conf.Positional


def tune(
    methods: tuple[str, ...] = ("cd", "pcd", "dsm", "nce", "ed"),
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons"),
    trials: int = 10,
    seeds: int = 3,
    evaluations: int = 6_000_000,
    seed: int = 0,
    num_train: int = 10_000,
    data: Path | None = None,
    out: Path = Path("runs/tune"),
    jobs: int | None = None,
    plugin: tuple[Path, ...] = (),
    plain: bool = False,
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
        plain: plain lines in place of the live bar.
    """
    load_plugins(plugin)
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs must be at least 1, not {jobs}")
    from ebmark.engines import new_engine
    from ebmark.study import Study
    from ebmark.tune import Effort
    from ebmark.tune import tune as search

    study = Study(name="tune", methods=methods, datasets=datasets, num_train=num_train)
    effort = Effort(trials=trials, seeds=seeds, evaluations=evaluations, seed=seed)
    points, name = (None, "") if data is None else read_own(data)
    command = shlex.join(["ebmark", *sys.argv[1:]])
    try:
        engine = new_engine("processes", out, jobs=jobs)
        return search(study, effort, out, engine, command, points, name, plugin, plain)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130


def sensitivity(
    method: Positional[str],
    /,
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons"),
    seeds: int = 3,
    evaluations: int = 6_000_000,
    out: Path | None = None,
    jobs: int | None = None,
    plain: bool = False,
) -> int:
    """Map a method's quality over its own numbers, and where it diverges.

    Args:
        method: one of `ebmark list`.
        datasets: built-in ones.
        seeds: runs at each point of the map.
        evaluations: of the network, in each run: a costlier update leaves fewer.
        out: the folder of the results; runs/sensitivity_METHOD if not given.
        jobs: cells at a time, each in a process of one thread; the number of cores if not given.
        plain: plain lines in place of the live bar.
    """
    from ebmark.recipes import RECIPES
    from ebmark.studies import sensitivity as made

    if method not in RECIPES:
        raise unknown("method", method, RECIPES)
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs must be at least 1, not {jobs}")
    study = made(method, datasets, seeds, evaluations)
    folder = out if out is not None else Path("runs") / study.name
    from ebmark.driver import prepare
    from ebmark.engines import new_engine

    plan = prepare(study, folder, None, "", shlex.join(["ebmark", *sys.argv[1:]]))
    return run_to_report(folder, plan, new_engine("processes", folder, jobs=jobs), plain)


def leaderboard(
    folders: Positional[tuple[Path, ...]],
    /,
    metric: str = "kl",
    against: str | None = None,
    out: Path | None = None,
) -> int:
    """Check results folders, submissions of anybody, and rank their entries with intervals.

    Args:
        folders: what `ebmark run` wrote: results.csv, study.json, plan.json, and cells if kept.
        metric: what is ranked; less is better.
        against: the entry that all are tested against, with Holm's correction.
        out: a page to write, .md or .html.
    """
    from ebmark.leaderboard import leaderboard as made
    from ebmark.leaderboard import write_page
    from ebmark.summary import print_parts

    if not folders:
        raise UserError("leaderboard wants folders that `ebmark run` wrote")
    if out is not None and out.suffix not in (".md", ".html"):
        raise UserError(f"{out}: a page ends in .md or .html")
    parts, notes = made(folders, metric, against)
    print_parts(parts, notes)
    if out is not None:
        write_page(out, parts, notes)
        print(f"The page: {out}")
    return 0
