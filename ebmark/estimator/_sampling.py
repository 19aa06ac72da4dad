"""Samples of an energy in more than two dimensions."""

import jax.random as jr
import numpy as np
from jaxtyping import Float

from ebmark.energies import Energy
from ebmark.partition_function import SINGLE, estimate_log_z


def draw_by_annealing(
    energy: Energy, points: Float[np.ndarray, "m dim"], num: int, seed: int
) -> Float[np.ndarray, "num dim"]:
    """Draw from an energy by sequential Monte Carlo, as often as its particles are needed.

    Args:
        energy: maps one point, shape (dim,), to a scalar; the coordinates should be whitened.
        points: points from which annealing starts, in the same coordinates.
        num: number of draws.
        seed: seed of the draws.
    """
    effort = SINGLE._replace(num_seeds=-(-num // SINGLE.num_particles))
    log_z = estimate_log_z(energy, points, jr.key(seed), effort=effort)
    draws = log_z.samples.reshape(-1, points.shape[1])
    return draws[np.random.default_rng(seed).permutation(len(draws))[:num]]
