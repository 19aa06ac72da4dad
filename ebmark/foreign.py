"""Anybody's energy function, from any framework: NumPy points in, energies out; how good is it?"""

import traceback
from collections.abc import Callable
from pathlib import Path

import jax.random as jr
import numpy as np

from ebmark.datasets import DATASETS
from ebmark.errors import UserError, shown, unknown
from ebmark.floors import floors
from ebmark.metrics import density_metrics
from ebmark.plugins import run_file
from ebmark.quadrature import exact_samples, normalise_values
from ebmark.sources import Law
from ebmark.summary import print_scores

_BLOCK = 65_536  # points in a call
_HELD = 0.01  # nats: an energy whose log Z moves more when the box is doubled holds no mass
_COMPARED = 2_000  # exact samples in the metrics of samples
_TRIED = 7  # points of the first call: a number that no dimension of ours is likely to have

Energies = Callable[[np.ndarray], np.ndarray]


def evaluate_energy(where: str, *, dataset: str | None, seed: int) -> int:
    """`ebmark evaluate --energy FILE.py:FUNCTION`."""
    if dataset is None:
        raise UserError("--energy wants --dataset: the law that the energy should be of")
    if dataset not in DATASETS:
        raise unknown("dataset", dataset, DATASETS)
    law = Law(dataset)
    if law.dim > 2:
        raise UserError(
            f"--energy integrates on a grid, in 1 or 2 dimensions; {dataset} has {law.dim}: "
            "give samples instead"
        )
    scores, num = score_energy(load_energy(where, law.dim), law, seed)
    print_scores(scores, f"{where} against {dataset}: by quadrature, and {num} exact samples")
    return 0


def load_energy(where: str, dim: int) -> Energies:
    """The function of `FILE.py:FUNCTION`, which from here on complains in one line.

    It takes points (n, dim), in the units of the data, and returns (n,) energies, up to a constant:
    p(x) is proportional to exp(-E(x)).
    """
    file, found, name = where.rpartition(":")
    if not found or not file or not name.isidentifier():
        raise UserError(f"--energy wants FILE.py:FUNCTION, not {shown(where)}")
    function = getattr(run_file(Path(file)), name, None)
    if not callable(function):
        raise UserError(f"{file}: defines no function {name}")

    def energies(points: np.ndarray) -> np.ndarray:
        blocks = np.split(points, range(_BLOCK, len(points), _BLOCK))
        return np.concatenate([_called(function, where, block) for block in blocks])

    rng = np.random.default_rng(0)
    energies(rng.normal(size=(_TRIED, dim)))
    return energies


def _called(function: Callable, where: str, points: np.ndarray) -> np.ndarray:
    try:
        values = np.asarray(function(points.copy()))
        values = values.astype(np.float64, casting="same_kind") if values.size else values
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        file = Path(where.rpartition(":")[0]).resolve()
        here = [frame for frame in frames if Path(frame.filename).resolve() == file]
        line = f" at line {here[-1].lineno}" if here else ""
        what = shown(f"{type(error).__name__}: {error}".splitlines()[0], 120)
        raise UserError(f"{where}: failed{line} on points {points.shape}: {what}") from None
    if values.shape != (len(points),):
        raise UserError(
            f"{where}: gave an array of shape {values.shape} for points {points.shape}; "
            f"it must be ({len(points)},), an energy a point"
        )
    bad = ~(values > -np.inf)
    if bad.any():
        first = ", ".join(f"{x:.4g}" for x in points[bad][0])
        raise UserError(
            f"{where}: gave {values[bad][0]} at {bad.sum()} of {len(points)} points, such as "
            f"({first}); an energy is a number, or +inf where there is no mass"
        )
    return values


def score_energy(energies: Energies, law: Law, seed: int) -> tuple[list, int]:
    """(metric, value, floor) of an energy in the plane, and how many exact samples were compared.

    Raises UserError where the energy is that of no density: doubling the box moves log Z.
    """
    density = normalise_values(energies, law.grid())
    if not density.log_z_error < _HELD:
        moved = density.log_z_error
        raise UserError(
            "not a density: "
            + ("no energy is finite" if np.isnan(moved) else f"log Z moves by {moved:.3g} nats")
            + " when the box is doubled or the grid is refined; the energy must grow with |x|, "
            "and have no finer detail than a grid of 1,300 nodes a side sees"
        )
    truth = law.truth(density.grid)
    found = {"log_z": density.log_z, "log_z_error": density.log_z_error}
    found |= density_metrics(truth, density.log_density, density.grid)
    order = ("kl", "leak", "masses", "shapes", "tv", "mode_tv", "nll", "fisher")
    scores = [(metric, found[metric], None) for metric in (*order, "log_z", "log_z_error")]
    model_key, truth_key = jr.split(jr.key(seed))
    x, y = exact_samples(density, _COMPARED, model_key), law.draw(_COMPARED, truth_key)
    metrics = law.sample_metrics()
    floor = floors(law, _COMPARED, list(metrics))
    scores += [(f"{name}_exact", metric(x, y), floor[name]) for name, metric in metrics.items()]
    return scores, _COMPARED
