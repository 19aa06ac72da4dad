"""The reference where no grid goes: tempered chains, and log Z between bounds."""

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

_ADAPTED, _SETTLED, _KEPT, _EVERY = 300, 700, 50, 40  # steps; states kept to compare the chains
_LEVELS = 2_000  # of the annealing
_MIXED = 1.1  # the split R-hat above which chains have not


class Reference(NamedTuple):
    """Samples of exp(-E) / Z by parallel tempering, how well they mixed, and bounds on log Z."""

    kept: Float[np.ndarray, "times chains dim"]  # 40 steps apart
    rhat: float  # the worst coordinate's; 1 is perfect
    bracket: Bracket

    @property
    def x(self) -> Float[np.ndarray, "draws dim"]:
        """Two draws a chain, as far apart as are kept."""
        return np.concatenate([self.kept[-1], self.kept[0]])

    @property
    def halves(self) -> list[Float[np.ndarray, "draws dim"]]:
        """Four draws a chain, of either half of the chains: two independent samples."""
        times = np.linspace(0, len(self.kept) - 1, 4).round().astype(int)[::-1]
        return [np.concatenate(self.kept[times, half::2]) for half in (0, 1)]

    @property
    def mixed(self) -> bool:
        """Whether the chains agree with each other: else their samples stand for nothing."""
        return self.rhat < _MIXED

    @property
    def failed(self) -> bool:
        """Whether chains disagree or the bounds do: log Z is then not known."""
        return not self.mixed or self.bracket.failed


def exact_reference(draws: Float[Array, "four_times_num dim"]) -> Reference:
    """The same of a law that is drawn from exactly, its Z known to be 1: nothing is tempered."""
    kept = np.asarray(draws, np.float64).reshape(4, -1, draws.shape[1])
    return Reference(kept, 1.0, Bracket(0.0, 0.0, 0.0))


def reference(
    energy: Energy, num: int, dim: int, key: Key, *, step_size: float = 0.02
) -> Reference:
    r"""Parallel tempering from N(0, I), its step adapted, then annealed importance sampling.

    $$ p(x) = e^{-E(x)} / Z, \quad \log Z_{lower} \le \log Z \le \log Z_{upper} $$

    In standardised units. The upper bound starts from the tempered points: it is as good as they
    are, and chains that all miss one mode agree.

    Geyer (1991); Grosse, Ghahramani & Adams (2015), Sandwiching the marginal likelihood.
    """
    start_key, adapt_key, chain_key, trace_key, ais_key = jr.split(key, 5)
    x = jr.normal(start_key, (num, dim))
    kernel = ParallelTempering(jnp.asarray(step_size, jnp.float32))
    kernel, x = adapt(kernel, energy, x, _ADAPTED, adapt_key, target=best_acceptance(kernel))
    states = run_chains(kernel, energy, x, _SETTLED, chain_key)
    last, kept = trace_chains(kernel, energy, states, _KEPT, trace_key, every=_EVERY)
    trace = np.asarray(kept.x, np.float64)
    if not np.isfinite(trace).all():
        nothing = Bracket(np.nan, np.nan, np.nan)
        return Reference(trace, np.inf, nothing)
    rhat = max(split_rhat(trace[..., column]) for column in range(dim))
    step_size = float(kernel.step_size)
    bracket = log_z_bracket(energy, last.x, ais_key, num_levels=_LEVELS, step_size=step_size)
    return Reference(trace, rhat, bracket)
