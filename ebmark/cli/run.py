"""`ebmark run`: run a benchmark study."""

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebmark.cli._common import (
    Positional,
    check_positive,
    open_report,
    read_user_data,
    run_to_report,
)
from ebmark.cli.plugin_files import load_plugins, network_name, plugins_of_study
from ebmark.errors import UserError, unknown

if TYPE_CHECKING:
    from ebmark.studies.study import Study


def run(
    study: Positional[str] = "toy",
    /,
    quick: bool = False,
    open: bool = False,
    out: Path | None = None,
    methods: tuple[str, ...] | None = None,
    datasets: tuple[str, ...] | None = None,
    seeds: int | None = None,
    seeds_per_program: int | None = None,
    variants: tuple[str, ...] | None = None,
    updates: int | None = None,
    data: Path | None = None,
    jobs: int | None = None,
    engine: str | None = None,
    site: str | None = None,
    plugin: tuple[Path, ...] = (),
    network: str | None = None,
    allow_plugins: bool = False,
    max_minutes: float | None = None,
    repair: bool = False,
    no_progress_bar: bool = False,
) -> int:
    """Run a benchmark study.

    Repeating the command resumes an interrupted study; finished runs are kept.

    Args:
        study: a built-in study (`ebmark list`) or a TOML file.
        quick: 2 seeds (1 for large studies; for d > 2 also 1 dataset), 1,000 updates, 500 chains.
        open: open the report in the browser.
        out: output folder; studies/STUDY if omitted.
        methods: methods to train.
        datasets: datasets to train on.
        seeds: number of seeds; for each seed, all methods share data and initial network.
        seeds_per_program: number of seeds trained side by side in one program; fast on a GPU.
        variants: default, tuned, both, or a file written by `ebmark tune`.
        updates: number of updates of every method, instead of the recipes' numbers.
        data: a file with your data (CSV, TSV, text, NPY, NPZ, Parquet) instead of the datasets.
        jobs: number of parallel runs, each a process of one thread; one per core (GPU) if omitted.
        engine: where runs are executed: processes (on this machine, if omitted), inline (in this
            process, for debugging) or parsl (on the nodes of --site).
        site: laptop, workstation-gpu, slurm, polaris, aurora, perlmutter, or a TOML file.
        plugin: Python files that define METHODS or DATASETS.
        network: FILE.py:FUNCTION, a function make(dim, key) that returns the energy to train, an
            Equinox module; it is confined by a Gaussian and soft walls.
        allow_plugins: execute the plugins that the TOML file names (plugins = ["mine.py"]), or else
            those in the output folder. Read them first.
        max_minutes: write checkpoints and stop after this time, with exit status 75 if runs are
            left; the same command resumes. Set it three minutes below the job's walltime.
        repair: remove damaged files first and create them again; the others are kept.
        no_progress_bar: print lines instead of a progress bar.
    """
    from ebmark.engines import new_engine

    engine_name = _check_engine(engine, site, jobs)
    check_positive(max_minutes=max_minutes, jobs=jobs)
    if data is not None and datasets is not None:
        raise UserError("--data and --datasets are mutually exclusive; pass only one.")
    kept = out if out is not None else Path("studies") / Path(study).stem
    plugin = (*plugin, *plugins_of_study(study, kept, allow_plugins))
    plugin = load_plugins(
        plugin, methods=methods or (), datasets=datasets or (), folder=kept, network=network
    )
    grid = _given(methods=methods, datasets=datasets, seeds=seeds, variants=variants)
    grid |= _given(num_updates=updates, seeds_per_program=seeds_per_program)
    chosen = _with_network(_read_study(study, grid, quick), network)
    points, dataset_name = (None, "") if data is None else read_user_data(data)
    if points is not None:
        chosen = _with_user_data(chosen, dataset_name)
    folder = out if out is not None else Path("studies") / chosen.name
    from ebmark.studies.prepare import prepare

    command = shlex.join(["ebmark", *sys.argv[1:]])
    executor = new_engine(engine_name, folder, jobs=jobs, site=site or "laptop")
    plan = prepare(chosen, folder, points, dataset_name, command, plugin, repair)
    status = run_to_report(folder, plan, executor, no_progress_bar, max_minutes)
    return open_report(folder, status) if open else status


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _with_network(study: "Study", network: str | None) -> "Study":
    """Return the study with the network FILE.py:FUNCTION, if one is given."""
    if network is None:
        return study
    energy = dataclasses.replace(study.energy, own=network_name(network))
    return dataclasses.replace(study, energy=energy)


def _with_user_data(study: "Study", dataset_name: str) -> "Study":
    """Return the study with the name and the title of user data."""
    name = f"{study.name}-{dataset_name}"
    return dataclasses.replace(study, name=name, title=f"{dataset_name}: user data")


def _check_engine(engine: str | None, site: str | None, jobs: int | None) -> str:
    """Return the name of the engine. Raises UserError if an option does not belong to it."""
    from ebmark.engines import ENGINES

    name = engine or ("parsl" if site else "processes")
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    if site and name != "parsl":
        raise UserError(f"--site requires --engine parsl, not {name}.")
    if jobs is not None and name != "processes":
        raise UserError(f"--jobs requires --engine processes, not {name}.")
    return name


def _read_study(name: str, changes: dict[str, Any], is_quick: bool) -> "Study":
    """Return the built-in study or that of a TOML file, with fields replaced by options.

    `--quick` is applied before other options, so that these take precedence; but the methods and
    datasets decide how many seeds a quick study has.
    """
    from ebmark.studies.builtin import STUDIES
    from ebmark.studies.study import quick, read_study

    if Path(name).suffix == ".toml":
        study = read_study(Path(name))
    elif name in STUDIES:
        study = STUDIES[name]
    else:
        raise unknown("study", name, [*STUDIES, "a .toml file"])
    if is_quick:
        grid = {field: changes[field] for field in ("methods", "datasets") if field in changes}
        study = quick(dataclasses.replace(study, **grid))
    if "num_updates" in changes:
        study = dataclasses.replace(study, network_evaluations=None)
    return dataclasses.replace(study, **changes)
