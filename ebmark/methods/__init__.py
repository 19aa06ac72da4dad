"""The training methods; the registry's line is a method's whole configuration."""

from ebmark.methods._base import AbstractMethod as AbstractMethod
from ebmark.methods._base import Recipe as Recipe
from ebmark.methods._cd import ContrastiveDivergence as ContrastiveDivergence
from ebmark.methods._dsm import DenoisingScoreMatching as DenoisingScoreMatching
from ebmark.methods._fdsm import FiniteDifferenceScoreMatching as FiniteDifferenceScoreMatching
from ebmark.methods._icd import ImprovedContrastiveDivergence as ImprovedContrastiveDivergence
from ebmark.methods._ism import ImplicitScoreMatching as ImplicitScoreMatching
from ebmark.methods._jarzynski import (
    JarzynskiContrastiveDivergence as JarzynskiContrastiveDivergence,
)
from ebmark.methods._ksd import KernelSteinDiscrepancy as KernelSteinDiscrepancy
from ebmark.methods._lsd import LearnedSteinDiscrepancy as LearnedSteinDiscrepancy
from ebmark.methods._mle import MaximumLikelihood as MaximumLikelihood
from ebmark.methods._nce import NoiseContrastiveEstimation as NoiseContrastiveEstimation
from ebmark.methods._pcd import PersistentContrastiveDivergence as PersistentContrastiveDivergence
from ebmark.methods._short_run import ShortRunMCMC as ShortRunMCMC
from ebmark.methods._ssm import SlicedScoreMatching as SlicedScoreMatching
from ebmark.methods._ssm_vr import SlicedScoreMatchingVR as SlicedScoreMatchingVR

METHODS: dict[str, Recipe] = {
    # likelihood by chains
    "cd": Recipe(method=ContrastiveDivergence(), updates=2_500),
    "pcd": Recipe(method=PersistentContrastiveDivergence(), updates=3_000, ema=0.999),
    "icd": Recipe(method=ImprovedContrastiveDivergence(), updates=2_000),
    "jarzynski": Recipe(method=JarzynskiContrastiveDivergence(), updates=3_000),
    "short_run": Recipe(method=ShortRunMCMC(), updates=1_500),
    # score matching
    "dsm": Recipe(method=DenoisingScoreMatching()),
    "ism": Recipe(method=ImplicitScoreMatching(), updates=4_000),
    "ssm": Recipe(method=SlicedScoreMatching()),
    "ssm_vr": Recipe(method=SlicedScoreMatchingVR()),
    "fdsm": Recipe(method=FiniteDifferenceScoreMatching()),
    # Stein discrepancies
    "ksd": Recipe(method=KernelSteinDiscrepancy()),
    "lsd": Recipe(method=LearnedSteinDiscrepancy()),
    # contrast with noise
    "nce": Recipe(method=NoiseContrastiveEstimation()),
    # the oracle
    "mle": Recipe(method=MaximumLikelihood(), updates=1_200, batch=1_024, learning_rate=1e-2),
}
