"""Reference samples and log Z for d > 2: parallel tempering and annealed importance sampling."""

from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from ebmark.energies import Energy, Key
from ebmark.partition_function._ais import Bracket, log_z_bracket
from ebmark.samplers import (
    ParallelTempering,
    adapt,
    best_acceptance,
    run_chains,
    split_rhat,
    trace_chains,
)

# split R-hat from which on the chains count as not converged
_MAX_RHAT = 1.1


class Reference(NamedTuple):
    """Parallel-tempering samples of exp(-E) / Z, their convergence, and bounds on log Z.

    `kept` holds states of the chains 40 steps apart, `rhat` is the largest split R-hat of the
    coordinates.
    """

    kept: Float[np.ndarray, "times chains dim"]
    rhat: float
    bracket: Bracket

    @property
    def x(self) -> Float[np.ndarray, "draws dim"]:
        """The last and the first kept state of each chain."""
        return np.concatenate([self.kept[-1], self.kept[0]])

    @property
    def halves(self) -> list[Float[np.ndarray, "draws dim"]]:
        """Two independent samples: four states per chain, of each half of the chains."""
        times = np.linspace(0, len(self.kept) - 1, 4).round().astype(int)[::-1]
        return [np.concatenate(self.kept[times, half::2]) for half in (0, 1)]

    @property
    def mixed(self) -> bool:
        """Whether the chains have converged (R-hat below 1.1)."""
        return self.rhat < _MAX_RHAT

    @property
    def failed(self) -> bool:
        """Whether log Z is unresolved: the chains have not converged or the bounds disagree."""
        return not self.mixed or self.bracket.failed


def exact_reference(draws: Float[Array, "four_times_num dim"]) -> Reference:
    """Make a reference from independent samples of a normalized density (log Z = 0)."""
    kept = np.asarray(draws, np.float64).reshape(4, -1, draws.shape[1])
    return Reference(kept, 1.0, Bracket(0.0, 0.0, 0.0))


def reference(
    energy: Energy,
    num: int,
    dim: int,
    key: Key,
    *,
    step_size: float = 0.02,
    num_adapt: int = 300,
    num_burn_in: int = 700,
    num_kept: int = 50,
    every: int = 40,
    num_levels: int = 2_000,
) -> Reference:
    r"""Sample exp(-E) / Z by parallel tempering and bracket log Z.

    $$ p(x) = e^{-E(x)} / Z, \quad \log Z_{lower} \le \log Z \le \log Z_{upper} $$

    The chains start from N(0, I), in standardized coordinates. The upper bound starts from their
    last points, on whose quality it depends; R-hat does not detect a mode that all chains miss.

    Args:
        energy: maps one standardized point, shape (dim,), to a scalar.
        num: number of chains.
        dim: dimension of a point.
        key: PRNG key.
        step_size: initial step size, which is adapted to the best acceptance rate.
        num_adapt: steps of adaptation.
        num_burn_in: steps that are discarded after it.
        num_kept: number of states that are kept per chain.
        every: steps between two kept states.
        num_levels: intermediate distributions of annealed importance sampling.

    Returns:
        The kept states, R-hat, and the bracket, which is NaN if a chain diverged.

    References: Geyer (1991), Markov chain Monte Carlo maximum likelihood; Grosse, Ghahramani &
    Adams (2015), Sandwiching the marginal likelihood.
    """
    start_key, adapt_key, chain_key, trace_key, ais_key = jr.split(key, 5)
    x = jr.normal(start_key, (num, dim))
    kernel = ParallelTempering(jnp.asarray(step_size, jnp.float32))
    acceptance = best_acceptance(kernel)
    adapted, x = adapt(kernel, energy, x, num_adapt, adapt_key, target_acceptance=acceptance)
    states = run_chains(adapted, energy, x, num_burn_in, chain_key)
    last, kept = trace_chains(adapted, energy, states, num_kept, trace_key, every=every)
    trace = np.asarray(kept.x, np.float64)
    if not np.isfinite(trace).all():
        return Reference(trace, np.inf, Bracket(np.nan, np.nan, np.nan))
    rhat = max(split_rhat(trace[..., column]) for column in range(dim))
    bracket = log_z_bracket(
        energy, last.x, ais_key, num_levels=num_levels, step_size=float(adapted.step_size)
    )
    return Reference(trace, rhat, bracket)
