"""Markov chains whose target is exp(-E)."""

from ebmark.samplers._base import AbstractSampler as AbstractSampler
from ebmark.samplers._base import run_chains as run_chains
from ebmark.samplers._langevin import Langevin as Langevin
from ebmark.samplers._langevin import LangevinState as LangevinState
from ebmark.samplers._mala import MALA as MALA
from ebmark.samplers._mala import MALAState as MALAState

SAMPLERS: dict[str, type[AbstractSampler]] = {
    "langevin": Langevin,
    "mala": MALA,
}
