"""`ebmark sample`: sample from a trained model."""

from pathlib import Path
from typing import Annotated

import tyro

from ebmark.cli._common import Positional, load_plugins


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
    from ebmark.cli._sample import sample_model

    return sample_model(
        model, out, n=n, sampler=sampler, steps=steps, seed=seed, distributed=distributed
    )
