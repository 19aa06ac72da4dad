"""`ebmark sample`: sample from a trained model."""

from pathlib import Path
from typing import Annotated

import tyro

from ebmark.cli._common import Positional, check_seed
from ebmark.cli.plugin_files import load_plugins
from ebmark.errors import UserError


def sample(
    model: Positional[Path],
    /,
    out: Path,
    n: Annotated[int, tyro.conf.arg(aliases=["-n"])] = 1_000,
    sampler: str | None = None,
    steps: int | None = None,
    given: tuple[str, ...] = (),
    seed: int = 0,
    plugin: tuple[Path, ...] = (),
    network: str | None = None,
    distributed: bool = False,
) -> int:
    """Sample from a trained model.

    Args:
        model: a model file written by `ebmark fit`, or the energy.ebm of a run.
        out: the file to write: .csv, .tsv, .npy, .npz or .parquet. Columns, types, categories and
            rounding are those of the table of `ebmark fit`.
        n: number of samples.
        sampler: exact (1-D and 2-D data; the default there), smc (sequential Monte Carlo, for more
            columns; the default for a model of `ebmark fit`) or a sampler of `ebmark list`.
        steps: number of chain steps; 2,000 by default. The exact sampler has no chains.
        given: values of columns, such as --given cultivar=barolo alcohol=13.2: the other columns
            are drawn given these, which are written as they are.
        seed: seed of the samples.
        plugin: Python files that define METHODS, if the model was trained with one of them.
        network: FILE.py:FUNCTION of the model's network, if it was trained with one.
        distributed: distribute the chains over all processes that srun or mpiexec has started.
    """
    for option, value in (("-n", n), ("--steps", steps)):
        if value is not None and value < 1:
            raise UserError(f"{option} must be at least 1, not {value}.")
    check_seed(seed)
    load_plugins(plugin, network=network)
    from ebmark.cli._sample import sample_model

    return sample_model(
        model,
        out,
        n=n,
        sampler=sampler,
        steps=steps,
        given=given,
        seed=seed,
        distributed=distributed,
    )
