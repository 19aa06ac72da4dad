"""`ebmark run`: run a study."""

import dataclasses
import os
import shlex
import sys
from pathlib import Path

from ebmark.cli._common import Positional, load_plugins, read_own, run_to_report
from ebmark.errors import UserError, unknown


def run(
    study: Positional[str] = "toy",
    /,
    methods: tuple[str, ...] | None = None,
    datasets: tuple[str, ...] | None = None,
    seeds: int | None = None,
    variants: tuple[str, ...] | None = None,
    updates: int | None = None,
    data: Path | None = None,
    out: Path | None = None,
    quick: bool = False,
    jobs: int | None = None,
    engine: str | None = None,
    site: str | None = None,
    plugin: tuple[Path, ...] = (),
    max_minutes: float | None = None,
    no_progress_bar: bool = False,
) -> int:
    """Run a study: train, sample, score, report. What was run before is not run again.

    Args:
        study: a built-in study (`ebmark list`), or a TOML file with the fields of one.
        methods: train these methods only.
        datasets: use these datasets.
        seeds: how many seeds; each draws its own data and initial energy, shared by all methods.
        variants: default, tuned, both, or a file that `ebmark tune` made: each its own entry.
        updates: updates of every method, in place of each recipe's own.
        data: your own points (CSV, TSV, text, NPY, NPZ, Parquet) in place of the datasets.
        out: the folder of the results; studies/STUDY if not given.
        quick: 2 seeds (1 of a study of many cells), 1,000 updates, 500 chains, 2 snapshots.
        jobs: cells at a time, each in a process of one thread; if not given, one a core,
            or with JAX_PLATFORMS=cuda one a GPU.
        engine: who runs the cells: processes (of this machine; the default), inline (this process,
            for a debugger) or parsl (the nodes of a --site).
        site: laptop, workstation-gpu, slurm, polaris, aurora, perlmutter, or a TOML file of yours.
        plugin: Python files with METHODS or DATASETS of your own, to be named beside the built-in.
        max_minutes: save what is running and stop after so long, with exit status 75 if cells are
            left; the same command goes on. Leave it two minutes less than the batch system does.
        no_progress_bar: plain lines in place of the live bar.
    """
    from ebmark.engines import ENGINES, new_engine

    engine = engine or ("parsl" if site else "processes")
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if site and engine != "parsl":
        raise UserError(f"--site is for the engine parsl, not for {engine}")
    if jobs is not None and engine != "processes":
        raise UserError(f"--jobs is for the engine processes, not for {engine}")
    if engine == "inline":  # before jax is there, and its threads
        from ebmark.system.threads import single

        os.environ.update(single(dict(os.environ)))
    if max_minutes is not None and not max_minutes > 0:
        raise UserError(f"--max-minutes must be above 0, not {max_minutes:g}")
    load_plugins(plugin)
    from ebmark.studies.builtin import STUDIES
    from ebmark.studies.study import quick as made_quick
    from ebmark.studies.study import read_study

    if Path(study).suffix == ".toml":
        chosen = read_study(Path(study))
    elif study in STUDIES:
        chosen = STUDIES[study]
    else:
        raise unknown("study", study, [*STUDIES, "a .toml file"])
    given = {"methods": methods, "datasets": datasets, "seeds": seeds, "num_updates": updates}
    given |= {"variants": variants}
    changes = {k: v for k, v in given.items() if v is not None}
    changes |= {"network_evaluations": None} if updates is not None else {}
    if quick:  # made small first: what is given outright wins
        names = {k: v for k, v in changes.items() if k in ("methods", "datasets")}
        chosen = made_quick(dataclasses.replace(chosen, **names))
    chosen = dataclasses.replace(chosen, **changes)
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs must be at least 1, not {jobs}")
    name, points = "", None
    if data is not None:
        if datasets is not None:
            raise UserError("--data and --datasets exclude each other: give one of them")
        points, name = read_own(data)
        chosen = dataclasses.replace(
            chosen, name=f"{chosen.name}-{name}", title=f"{name}: your points"
        )
    folder = out if out is not None else Path("studies") / chosen.name
    from ebmark.studies.prepare import prepare

    command = shlex.join(["ebmark", *sys.argv[1:]])
    runs = new_engine(engine, folder, jobs=jobs, site=site or "laptop")
    plan = prepare(chosen, folder, points, name, command, plugin)
    return run_to_report(folder, plan, runs, no_progress_bar, max_minutes)
