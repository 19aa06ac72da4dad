"""Markov chain and sequential Monte Carlo samplers of exp(-E) / Z, and their diagnostics.

May import `energies` and `system`. A new sampler is one file `_name.py` with a subclass of
`AbstractSampler`, and one line in `SAMPLERS`.
"""

from ebmark.samplers._adapt import adapt as adapt
from ebmark.samplers._adapt import best_acceptance as best_acceptance
from ebmark.samplers._annealed import AnnealedLangevin as AnnealedLangevin
from ebmark.samplers._base import AbstractSampler as AbstractSampler
from ebmark.samplers._base import run_chains as run_chains
from ebmark.samplers._base import trace_chains as trace_chains
from ebmark.samplers._diagnostics import ess as ess
from ebmark.samplers._diagnostics import split_rhat as split_rhat
from ebmark.samplers._hmc import HMC as HMC
from ebmark.samplers._langevin import Langevin as Langevin
from ebmark.samplers._langevin import LangevinState as LangevinState
from ebmark.samplers._mala import MALA as MALA
from ebmark.samplers._mala import MALAState as MALAState
from ebmark.samplers._preconditioned import PreconditionedLangevin as PreconditionedLangevin
from ebmark.samplers._smc import Particles as Particles
from ebmark.samplers._smc import ess_fraction as ess_fraction
from ebmark.samplers._smc import jump as jump
from ebmark.samplers._smc import log_mean as log_mean
from ebmark.samplers._smc import log_z as log_z
from ebmark.samplers._smc import resample as resample
from ebmark.samplers._smc import smc_update as smc_update
from ebmark.samplers._step_bias import StepBias as StepBias
from ebmark.samplers._step_bias import richardson as richardson
from ebmark.samplers._step_bias import step_bias as step_bias
from ebmark.samplers._tempering import ParallelTempering as ParallelTempering
from ebmark.samplers._underdamped import UnderdampedLangevin as UnderdampedLangevin

SAMPLERS: dict[str, type[AbstractSampler]] = {
    "langevin": Langevin,
    "preconditioned": PreconditionedLangevin,
    "annealed": AnnealedLangevin,
    "underdamped": UnderdampedLangevin,
    "mala": MALA,
    "hmc": HMC,
    "tempering": ParallelTempering,
}
