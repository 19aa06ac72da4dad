"""The command line. What a command needs is imported inside it, so that --help is quick."""

import dataclasses
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import tyro

from ebmark.cli_search import leaderboard, sensitivity, tune
from ebmark.commands import checked_seed, load_plugins, read_own, run_to_report
from ebmark.errors import UserError, unknown

Positional = tyro.conf.Positional


def run(
    study: Positional[str] = "toy",
    /,
    methods: tuple[str, ...] | None = None,
    datasets: tuple[str, ...] | None = None,
    seeds: int | None = None,
    variants: tuple[str, ...] | None = None,
    steps: int | None = None,
    data: Path | None = None,
    out: Path | None = None,
    quick: bool = False,
    jobs: int | None = None,
    engine: str | None = None,
    site: str | None = None,
    plugin: tuple[Path, ...] = (),
    max_minutes: float | None = None,
    plain: bool = False,
) -> int:
    """Run a study: train, sample, score, report. What was run before is not run again.

    Args:
        study: a built-in study (`ebmark list`), or a TOML file with the fields of one.
        methods: train these methods only.
        datasets: use these datasets.
        seeds: how many seeds; each draws its own data and initial energy, shared by all methods.
        variants: default, tuned, both, or a file that `ebmark tune` made: each its own entry.
        steps: updates of every method, in place of each recipe's own.
        data: your own points (CSV, TSV, text, NPY, NPZ, Parquet) in place of the datasets.
        out: the folder of the results; runs/STUDY if not given.
        quick: 2 seeds (1 of a study of many cells), 1,000 updates, 500 chains, 2 snapshots.
        jobs: cells at a time, each in a process of one thread; if not given, one a core,
            or with JAX_PLATFORMS=cuda one a GPU.
        engine: who runs the cells: processes (of this machine; the default), inline (this process,
            for a debugger) or parsl (the nodes of a --site).
        site: laptop, workstation-gpu, slurm, polaris, aurora, perlmutter, or a TOML file of yours.
        plugin: Python files with METHODS or DATASETS of your own, to be named beside the built-in.
        max_minutes: save what is running and stop after so long, with exit status 75 if cells are
            left; the same command goes on. Leave it two minutes less than the batch system does.
        plain: plain lines in place of the live bar.
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
        from ebmark.threads import single

        os.environ.update(single(dict(os.environ)))
    if max_minutes is not None and not max_minutes > 0:
        raise UserError(f"--max-minutes must be above 0, not {max_minutes:g}")
    load_plugins(plugin)
    from ebmark.studies import STUDIES
    from ebmark.study import quick as made_quick
    from ebmark.study import read_study

    if Path(study).suffix == ".toml":
        chosen = read_study(Path(study))
    elif study in STUDIES:
        chosen = STUDIES[study]
    else:
        raise unknown("study", study, [*STUDIES, "a .toml file"])
    given = {"methods": methods, "datasets": datasets, "seeds": seeds, "steps": steps}
    given |= {"variants": variants}
    changes = {k: v for k, v in given.items() if v is not None}
    changes |= {"evaluations": None} if steps is not None else {}
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
    folder = out if out is not None else Path("runs") / chosen.name
    from ebmark.driver import prepare

    command = shlex.join(["ebmark", *sys.argv[1:]])
    runs = new_engine(engine, folder, jobs=jobs, site=site or "laptop")
    plan = prepare(chosen, folder, points, name, command, plugin)
    return run_to_report(folder, plan, runs, plain, max_minutes)


def report(folder: Positional[Path], /, reference: str | None = None) -> int:
    """Make the report of a study again, from its saved results; nothing is trained.

    Args:
        folder: the folder that `ebmark run` wrote.
        reference: the entry that all are compared with, in place of the study's first method.
    """
    from ebmark.report import write_report

    print(f"The report: {write_report(folder, reference)}")
    return 0


def table(
    folder: Positional[Path],
    /,
    metric: str = "kl",
    form: str = "markdown",
    statistic: str = "mean",
    digits: int = 3,
) -> int:
    """Print one metric of a study as a table for a paper, with its 95 % intervals.

    Args:
        folder: the folder that `ebmark run` wrote.
        metric: one of results.csv, such as kl, w1_exact or train_cpu_seconds.
        form: markdown, latex (of the package booktabs) or csv.
        statistic: mean (geometric) or median.
        digits: how many significant ones.
    """
    from ebmark.paper import paper_table, written

    print(written(paper_table(folder, metric, statistic), form, digits), end="")
    return 0


def log(
    folder: Positional[Path],
    /,
    to: str = "tensorboard",
    out: Path | None = None,
    follow: bool = False,
) -> int:
    """Log a study's finished cells to TensorBoard, Weights & Biases (offline) or MLflow, once each.

    Args:
        folder: the folder that `ebmark run` wrote, or is writing.
        to: tensorboard, wandb or mlflow.
        out: where the logger writes; FOLDER/log-TO if not given.
        follow: go on until all cells of the study are done and logged.
    """
    from ebmark.files import inside
    from ebmark.loggers import log_to

    return log_to(to, folder, out or inside(folder, f"log-{to}"), follow=follow)


def status(folder: Positional[Path], /, watch: bool = False) -> int:
    """How a study stands: cells done, running, failed, diverged, how fast, how long still.

    Args:
        folder: the folder that `ebmark run` writes, seen from any machine.
        watch: look again and again until all is done.
    """
    from ebmark.status import show_status

    return show_status(folder, watch)


def list_all() -> int:
    """Name the studies, datasets, methods, samplers and metrics, with a line each."""
    from ebmark.listing import print_catalogue

    print_catalogue()
    return 0


def fit(
    points: Positional[Path],
    /,
    out: Path,
    method: str = "nce",
    steps: int | None = None,
    seed: int = 0,
    early_stopping: bool = True,
    plugin: tuple[Path, ...] = (),
    distributed: bool = False,
) -> int:
    """Train one energy on your points; a fifth of them is held out to score it.

    Args:
        points: CSV, TSV, text, NPY, NPZ or Parquet, a point a row.
        out: the model file to write, such as model.ebm.
        method: one of `ebmark list`.
        steps: updates, in place of the recipe's own.
        seed: of the split, the initial energy and the training.
        early_stopping: keep the energy under which a tenth of the points, not trained on, were
            likeliest; without it, the last.
        plugin: Python files with METHODS of your own.
        distributed: one run over all processes that srun or mpiexec has started.
    """
    load_plugins(plugin)
    from ebmark.single import fit_points

    return fit_points(
        points,
        out,
        method=method,
        steps=steps,
        seed=seed,
        early_stopping=early_stopping,
        distributed=distributed,
    )


def sample(
    model: Positional[Path],
    /,
    out: Path,
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1_000,
    sampler: str | None = None,
    steps: int = 2_000,
    seed: int = 0,
    plugin: tuple[Path, ...] = (),
    distributed: bool = False,
) -> int:
    """Draw new points from a model file.

    Args:
        model: a file that `ebmark fit` wrote, or a cell's energy.ebm.
        out: the file to write: .csv, .tsv, .npy, .npz or .parquet.
        n: how many points.
        sampler: exact (1 or 2 columns; its default there), or a chain's (`ebmark list`).
        steps: of the chains.
        seed: the same seed gives the same points.
        plugin: Python files with METHODS of your own, where the model was fitted by one.
        distributed: deal the chains over all processes that srun or mpiexec has started.
    """
    load_plugins(plugin)
    from ebmark.single import sample_model

    return sample_model(
        model, out, n=n, sampler=sampler, steps=steps, seed=seed, distributed=distributed
    )


def evaluate(
    samples: Positional[Path | None] = None,
    /,
    energy: str | None = None,
    against: Path | None = None,
    dataset: str | None = None,
    more: bool = False,
    points: int = 2_000,
    seed: int = 0,
) -> int:
    """Score anybody's samples, or energy function, against points or a built-in dataset.

    Args:
        samples: the points to judge, made by whatever program.
        energy: FILE.py:FUNCTION in place of samples, from NumPy points (n, dim) to energies (n,),
            made with whatever framework: KL, log Z and exact samples, on a --dataset of the plane.
        against: a file of points of the truth.
        dataset: a built-in dataset in place of --against.
        more: also the slower metrics, with their floors (a minute or two).
        points: how many of each are compared, at most; 100,000 take minutes, by other metrics.
        seed: of the subsets that are compared.
    """
    if (samples is None) == (energy is None):
        raise UserError("give one of SAMPLES and --energy FILE.py:FUNCTION: what is to be judged")
    if energy is not None:
        if against is not None or more:
            raise UserError("--energy is judged against a --dataset alone, without --more")
        from ebmark.foreign import evaluate_energy

        return evaluate_energy(energy, dataset=dataset, seed=checked_seed(seed))
    from ebmark.single import evaluate_samples

    how = {"seed": seed, "more": more, "most": points}
    return evaluate_samples(samples, against=against, dataset=dataset, **how)


def check(
    method: Positional[str],
    /,
    plugin: tuple[Path, ...] = (),
    quick: bool = False,
) -> int:
    """Prove what can be proven of a method: health, a known optimum, its cost; then its KL.

    Args:
        method: one of `ebmark list`, or of a plugin.
        plugin: Python files with METHODS of your own.
        quick: leave out the KL on two laws, which takes a full training on each.
    """
    load_plugins(plugin)
    from ebmark.checks import checks
    from ebmark.checks import quality as quality_on
    from ebmark.methods import METHODS
    from ebmark.summary import print_checks
    from ebmark.threads import keep_compiled_programs

    if method not in METHODS:
        raise unknown("method", method, METHODS)
    keep_compiled_programs()
    made = list(checks(method))
    if not quick:
        made += [quality_on(method, dataset) for dataset in ("eight_gaussians", "half_moons")]
    print_checks(made, method)
    return 0 if all(one.passed for one in made) else 1


COMMANDS = {
    "run": run,
    "tune": tune,
    "sensitivity": sensitivity,
    "leaderboard": leaderboard,
    "report": report,
    "table": table,
    "log": log,
    "status": status,
    "list": list_all,
    "fit": fit,
    "sample": sample,
    "evaluate": evaluate,
    "check": check,
}


def main() -> int:
    """The command `ebmark`: a user's mistake is one line and exit status 2."""
    try:
        return tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="ebmark",
            description="How good are the training methods of energy-based models, really?",
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes),
        )
    except UserError as error:
        print(f"ebmark: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
