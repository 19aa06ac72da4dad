r"""log Z in more than two dimensions, with an error.

Two paths lead to exp(-E) / Z: one from N(0, I), one from a Gaussian mixture that is fitted to all
points at which mass was found. Such points are the data, the ends of the paths from N(0, I), the
ends of chains that descend from N(0, I), N(0, 4 I) and the data to a minimum of the energy and rise
from there to its level, and the ends of sequential Monte Carlo from N(0, 9 I). A spurious mode that
no path from N(0, I) reaches is met in this way if a descent or a wide path leads to it.

On each path, annealed importance sampling in both directions is combined by Bennett's acceptance
ratio. Paths in reverse start from particles of their own, made by sequential Monte Carlo. A path
that loses modes is too low, so that the paths from N(0, I) are used where they find more mass.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from ebmark.energies import Energy, Key
from ebmark.partition_function._annealing import (
    Particles,
    Schedule,
    Steps,
    evaluate_particles,
    follow,
)
from ebmark.partition_function._bases import MixtureBase
from ebmark.partition_function._bennett import Ratio, bennett_acceptance_ratio
from ebmark.partition_function._pilot import choose_schedule
from ebmark.system.random_numbers import generator, split

# moves by which particles leave their ancestors behind after sequential Monte Carlo
_NUM_MOVES = 20
# a quench: moves at this inverse temperature, then at 1, with step sizes of these fractions
_QUENCH = 100.0
_NUM_CYCLES = 10
_FRACTIONS = (0.125, 0.25, 0.5, 1.0)
# seeds of the paths from N(0, I), which only find points and check the estimate
_NUM_NORMAL = 2
# standard deviation and number of wide paths
_WIDE = 3.0
_NUM_WIDE = 2
# of the data, in the fit of a base
_NUM_POINTS = 2_048
# an error above both this number of nats and this fraction of KL leaves KL unresolved
MAX_ERROR = 0.3
_MAX_FRACTION = 0.05


class Effort(NamedTuple):
    """What an estimate of log Z may cost, by annealing or by quadrature.

    Attributes:
        num_particles: particles of one path, in each direction.
        num_seeds: independent repetitions, whose spread is part of the error.
        ess: effective sample size from one level to the next, a fraction of the particles.
        explores: whether to search for mass away from the data; else the only base is fitted to
            the data.
        tolerance: target for the error of quadrature, in nats.
        resolution: points per axis of the first quadrature grid, a fraction of the usual number.
    """

    num_particles: int = 256
    num_seeds: int = 6
    ess: float = 0.9
    explores: bool = True
    tolerance: float = 1e-4
    resolution: float = 1.0


STUDY = Effort()
# particles of a study from this dimension on, where 256 leave log Z of trained energies unresolved
_MANY_DIMENSIONS = 32
_MANY_PARTICLES = 512
SINGLE = Effort(num_seeds=1, ess=0.8)
QUICK = Effort(num_seeds=1, ess=0.8, explores=False, tolerance=0.05, resolution=0.5)


def study_effort(dim: int, num_samples: int = 0) -> Effort:
    """Return the effort of a study.

    Args:
        dim: The dimension.
        num_samples: Number of samples that the particles of all seeds must make up.

    Example:
        >>> study_effort(64).num_particles
        512
    """
    least = _MANY_PARTICLES if dim >= _MANY_DIMENSIONS else STUDY.num_particles
    return STUDY._replace(num_particles=max(least, -(-num_samples // STUDY.num_seeds)))


class LogZ(NamedTuple):
    """An estimate of log Z in nats.

    Attributes:
        value: the log of the mean of Z over seeds, from the fitted base; from N(0, I) where those
            paths find more mass.
        error: its standard error, widened so that ± 2 errors are a 95% interval: the largest of
            that over seeds, that by Bennett's acceptance ratio, and what the estimate from N(0, I)
            lies above it. Infinite if a path did not reach the energy, as when the energy is not
            finite. With one seed it is that by Bennett's acceptance ratio alone, at most sqrt(2).
        from_normal: the lower of two estimates from N(0, I); NaN without exploration. Where it is
            lower by more than the error, paths from N(0, I) miss a part of the mass.
        samples: samples of exp(-E) / Z, by seed: (seeds, particles, dim).
    """

    value: float
    error: float
    from_normal: float
    samples: Float[np.ndarray, "seeds particles dim"]

    def resolves(self, kl: float) -> bool:
        """Whether the error is at most 0.3 nats or 5% of a KL divergence."""
        return self.error <= max(MAX_ERROR, _MAX_FRACTION * kl)


def estimate_log_z(
    energy: Energy,
    points: Float[np.ndarray, "n dim"],
    key: Key,
    *,
    effort: Effort = STUDY,
) -> LogZ:
    r"""Estimate $\log Z = \log \int e^{-E(x)} dx$ in any dimension.

    Args:
        energy: maps one point, shape (dim,), to a scalar; the coordinates should be whitened.
        points: the data, in the same coordinates.
        key: PRNG key.
        effort: what the estimate may cost: `STUDY`, `SINGLE` (one seed) or `QUICK`, which does not
            look for mass away from the data.

    Returns:
        The estimate, its error and samples.

    Example:
        >>> import jax.random as jr, numpy as np
        >>> from ebmark.partition_function import QUICK, estimate_log_z
        >>> points = np.random.default_rng(0).normal(size=(500, 3))
        >>> estimate = estimate_log_z(lambda x: 0.5 * x @ x, points, jr.key(0), effort=QUICK)
        >>> bool(abs(estimate.value - 1.5 * np.log(2 * np.pi)) < 4 * estimate.error)
        True

    References: Neal (2001), Annealed importance sampling; Grosse, Ghahramani & Adams (2015),
    Sandwiching the marginal likelihood using bidirectional Monte Carlo; Bennett (1976), Efficient
    estimation of free energy differences from Monte Carlo data.
    """
    num = effort.num_particles
    dim = points.shape[1]
    standard = MixtureBase.normal(dim)
    found = _evaluate_batches(standard, energy, points[:_NUM_POINTS], num)
    normal_key, descend_key, wide_key, refine_key, fitted_key = split(key, 5)
    from_normal = np.nan
    if effort.explores:
        few = effort._replace(num_seeds=min(_NUM_NORMAL, effort.num_seeds))
        path = _anneal(standard, energy, few, normal_key)
        if path.ratios:
            from_normal = min(ratio.value for ratio in path.ratios)
        found += path.ends
        found += _descend(standard, energy, found[0], path.step_size, descend_key)
        found += _anneal_widely(energy, found[0], effort.ess, wide_key)
        # once more, with the proportions of the modes as particles from this base find them
        base = _fit(found)
        _, particles = choose_schedule(base, energy, num, refine_key, ess=effort.ess)
        if particles is not None:
            found = [*(jax.tree.map(lambda a: a[::4], p) for p in found), particles]
    path = _anneal(_fit(found), energy, effort, fitted_key)
    value, error = _combine(path.ratios)
    if np.isfinite(from_normal) and not from_normal <= value + error:
        # as where many more modes are than components of the base
        path = _anneal(standard, energy, effort, fitted_key)
        value, error = _combine(path.ratios)
    samples = np.array([ends.x for ends in path.ends], np.float64).reshape(-1, num, dim)
    above = np.nan_to_num(from_normal - value, nan=0.0)
    return LogZ(value, float(max(error, above)), from_normal, samples)


def _combine(ratios: list[Ratio]) -> tuple[float, float]:
    """Return the log of the mean of Z over seeds and its error; NaN and infinity if one failed."""
    values = np.array([ratio.value for ratio in ratios])
    if not len(values) or not np.isfinite(values).all():
        return np.nan, np.inf
    value, error = _log_of_mean(values)
    bennett = np.linalg.norm([ratio.standard_error for ratio in ratios]) / len(values)
    return value, max(error, float(bennett))


def _log_of_mean(values: Float[np.ndarray, " seeds"]) -> tuple[float, float]:
    """Return the log of the mean of exp(values), and its error.

    The error is the standard error of the mean, relative or of the logarithms, whichever is larger:
    the first sees that one seed alone found a mode, the second has no bound. It is widened so that
    two of them are those of Student's t at 95%; 0 for one value.
    """
    num = len(values)
    relative = np.exp(values - values.max())
    value = float(values.max() + np.log(relative.mean()))
    if num == 1:
        return value, 0.0
    spread = max(relative.std(ddof=1) / relative.mean(), values.std(ddof=1))
    return value, float(stdtrit(num - 1, 0.975) / 2 * spread / np.sqrt(num))


def _evaluate_batches(
    base: MixtureBase, energy: Energy, points: Float[np.ndarray, "n dim"], num: int
) -> list[Particles]:
    """Evaluate points in batches of `num`; the last one is filled up with the first points."""
    num_batches = -(-len(points) // num)
    filled = np.resize(np.asarray(points, np.float32), (num_batches * num, points.shape[1]))
    return [
        evaluate_particles(base, energy, jnp.asarray(batch))
        for batch in np.split(filled, num_batches)
    ]


class _Path(NamedTuple):
    """What annealing along one path found: an estimate and samples of the energy by seed."""

    step_size: float
    ratios: list[Ratio]
    ends: list[Particles]


def _fit(found: list[Particles]) -> MixtureBase:
    points = np.concatenate([np.asarray(p.x, np.float64) for p in found])
    energies = np.concatenate([np.asarray(p.energies[:, 1], np.float64) for p in found])
    finite = np.isfinite(points).all(axis=1) & np.isfinite(energies)
    if not finite.any():
        return MixtureBase.normal(points.shape[1])
    return MixtureBase.fit(points[finite], energies[finite])


def _anneal(base: MixtureBase, energy: Energy, effort: Effort, key: Key) -> _Path:
    """Choose a schedule, and anneal along it in both directions with each seed."""
    pilot_key, key = split(key)
    num = effort.num_particles
    schedule, particles = choose_schedule(base, energy, num, pilot_key, ess=effort.ess)
    step_size = schedule.step_sizes[-1] if len(schedule.step_sizes) else 1.0
    if particles is None:
        return _Path(step_size, [], [])
    seeds = split(key, effort.num_seeds)
    pairs = [_both_ways(base, energy, schedule, num, seed) for seed in seeds]
    return _Path(step_size, [ratio for ratio, _ in pairs], [ends for _, ends in pairs])


def _both_ways(
    base: MixtureBase, energy: Energy, schedule: Schedule, num: int, key: Key
) -> tuple[Ratio, Particles]:
    """Anneal in both directions; return Bennett's estimate and samples of the energy."""
    start_keys, forward_key, smc_key, move_key, reverse_key = split(key, 5)

    def start(key: Key) -> Particles:
        return evaluate_particles(base, energy, base.sample(num, key))

    first, second = split(start_keys)
    steps = schedule.forward()
    forward = follow(base, energy, start(first), steps, forward_key)
    ends = follow(base, energy, start(second), steps, smc_key, resampled=True).particles
    moves = Steps.at(1.0, np.full(_NUM_MOVES, schedule.step_sizes[-1]))
    ends = follow(base, energy, ends, moves, move_key).particles
    reverse = follow(base, energy, ends, schedule.reverse(), reverse_key)
    weights = (np.asarray(walk.log_weights, np.float64) for walk in (forward, reverse))
    return bennett_acceptance_ratio(*weights), ends


def _descend(
    base: MixtureBase, energy: Energy, data: Particles, step_size: float, key: Key
) -> list[Particles]:
    """Descend from wide starts and from the data to minima, and return chains that rise there."""
    start_key, descend_key, rise_key = split(key, 3)
    noise = generator(start_key).normal(size=(2, *data.x.shape))
    starts = [
        data,
        *(
            evaluate_particles(base, energy, jnp.asarray(scale * x, jnp.float32))
            for scale, x in zip((1, 2), noise, strict=True)
        ),
    ]
    sizes = step_size * np.tile(_FRACTIONS, _NUM_CYCLES)
    descent = Steps.at(_QUENCH, sizes / np.sqrt(_QUENCH))
    found: list[Particles] = []
    for i, particles in enumerate(starts):
        ends = follow(base, energy, particles, descent, jr.fold_in(descend_key, i)).particles
        rise = Steps.at(1.0, sizes)
        found.append(follow(base, energy, ends, rise, jr.fold_in(rise_key, i)).particles)
    return found


def _anneal_widely(energy: Energy, data: Particles, ess: float, key: Key) -> list[Particles]:
    """Return the ends of sequential Monte Carlo from a Gaussian that is wider than the data."""
    num, dim = data.x.shape
    base = MixtureBase.normal(dim, _WIDE)
    ends = [choose_schedule(base, energy, num, seed, ess=ess)[1] for seed in split(key, _NUM_WIDE)]
    return [particles for particles in ends if particles is not None]
