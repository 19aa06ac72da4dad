"""Markov chains whose target is exp(-E)."""

from ebmark.samplers._adapt import adapt as adapt
from ebmark.samplers._adapt import best_acceptance as best_acceptance
from ebmark.samplers._annealed import AnnealedLangevin as AnnealedLangevin
from ebmark.samplers._base import AbstractSampler as AbstractSampler
from ebmark.samplers._base import run_chains as run_chains
from ebmark.samplers._base import trace_chains as trace_chains
from ebmark.samplers._hmc import HMC as HMC
from ebmark.samplers._langevin import Langevin as Langevin
from ebmark.samplers._langevin import LangevinState as LangevinState
from ebmark.samplers._mala import MALA as MALA
from ebmark.samplers._mala import MALAState as MALAState
from ebmark.samplers._preconditioned import PreconditionedLangevin as PreconditionedLangevin
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
