"""Training methods of energy-based models, and the registry `METHODS` of their default recipes.

May import `errors`, `energies`, `datasets`, `samplers`, `partition_function` and `system`.
To add one: a file `_name.py` with a subclass of `AbstractMethod`, and a line in `METHODS`.
"""

from typing import Any

from ebmark.methods._base import AbstractMethod as AbstractMethod
from ebmark.methods._base import Recipe as Recipe
from ebmark.methods._cd import ContrastiveDivergence as ContrastiveDivergence
from ebmark.methods._cnce import (
    ConditionalNoiseContrastiveEstimation as ConditionalNoiseContrastiveEstimation,
)
from ebmark.methods._diffclf import DiffusiveClassification as DiffusiveClassification
from ebmark.methods._docstrings import about as about
from ebmark.methods._docstrings import describe as describe
from ebmark.methods._docstrings import sections as sections
from ebmark.methods._drl import DiffusionRecoveryLikelihood as DiffusionRecoveryLikelihood
from ebmark.methods._dsm import DenoisingScoreMatching as DenoisingScoreMatching
from ebmark.methods._ed import EnergyDiscrepancy as EnergyDiscrepancy
from ebmark.methods._em import EnergyMatching as EnergyMatching
from ebmark.methods._ence import (
    ExponentialNoiseContrastiveEstimation as ExponentialNoiseContrastiveEstimation,
)
from ebmark.methods._fce import FlowContrastiveEstimation as FlowContrastiveEstimation
from ebmark.methods._fdsm import FiniteDifferenceScoreMatching as FiniteDifferenceScoreMatching
from ebmark.methods._flow import NormalizingFlow as NormalizingFlow
from ebmark.methods._gaussian import GaussianFit as GaussianFit
from ebmark.methods._icd import ImprovedContrastiveDivergence as ImprovedContrastiveDivergence
from ebmark.methods._ism import ImplicitScoreMatching as ImplicitScoreMatching
from ebmark.methods._jarzynski import (
    JarzynskiContrastiveDivergence as JarzynskiContrastiveDivergence,
)
from ebmark.methods._kde import KernelDensityEstimate as KernelDensityEstimate
from ebmark.methods._ksd import KernelSteinDiscrepancy as KernelSteinDiscrepancy
from ebmark.methods._limits import Interval as Interval
from ebmark.methods._lsd import LearnedSteinDiscrepancy as LearnedSteinDiscrepancy
from ebmark.methods._mdsm import (
    MultiscaleDenoisingScoreMatching as MultiscaleDenoisingScoreMatching,
)
from ebmark.methods._mixture import MixtureFit as MixtureFit
from ebmark.methods._mle import MaximumLikelihood as MaximumLikelihood
from ebmark.methods._nce import NoiseContrastiveEstimation as NoiseContrastiveEstimation
from ebmark.methods._pcd import PersistentContrastiveDivergence as PersistentContrastiveDivergence
from ebmark.methods._pcd_paired import (
    PairedPersistentContrastiveDivergence as PairedPersistentContrastiveDivergence,
)
from ebmark.methods._ranking import (
    RankingNoiseContrastiveEstimation as RankingNoiseContrastiveEstimation,
)
from ebmark.methods._short_run import ShortRunMCMC as ShortRunMCMC
from ebmark.methods._snl import SelfNormalisedLikelihood as SelfNormalisedLikelihood
from ebmark.methods._ssm import SlicedScoreMatching as SlicedScoreMatching
from ebmark.methods._ssm_vr import SlicedScoreMatchingVR as SlicedScoreMatchingVR
from ebmark.methods._tunable import Range as Range
from ebmark.methods._tunable import search_space as search_space
from ebmark.methods._tunable import tunable as tunable
from ebmark.methods.families._baselines import AbstractBaseline as AbstractBaseline
from ebmark.methods.families._user import ChainMethod as ChainMethod
from ebmark.methods.families._user import method as method

# the public name
Method = AbstractMethod

# Name -> default recipe: the method with its hyperparameters, and how it is trained.
METHODS: dict[str, Recipe] = {
    # MCMC-based maximum likelihood
    "cd": Recipe(method=ContrastiveDivergence(), num_updates=2_500),
    "pcd": Recipe(method=PersistentContrastiveDivergence(), num_updates=3_000, ema_decay=0.999),
    "pcd_paired": Recipe(
        method=PairedPersistentContrastiveDivergence(), num_updates=3_000, ema_decay=0.999
    ),
    "icd": Recipe(method=ImprovedContrastiveDivergence(), num_updates=2_000),
    "jarzynski": Recipe(method=JarzynskiContrastiveDivergence(), num_updates=2_500),
    "drl": Recipe(method=DiffusionRecoveryLikelihood(), num_updates=2_500),
    "short_run": Recipe(method=ShortRunMCMC(), num_updates=1_500),
    # score matching
    "dsm": Recipe(method=DenoisingScoreMatching()),
    "mdsm": Recipe(method=MultiscaleDenoisingScoreMatching(), num_updates=10_000),
    "diffclf": Recipe(method=DiffusiveClassification(), num_updates=4_000),
    # Without noise, longer training memorizes isolated points (outliers).
    "ism": Recipe(method=ImplicitScoreMatching(), num_updates=1_500),
    "ssm": Recipe(method=SlicedScoreMatching(), num_updates=1_500),
    "ssm_vr": Recipe(method=SlicedScoreMatchingVR(), num_updates=1_500),
    "fdsm": Recipe(method=FiniteDifferenceScoreMatching(), num_updates=1_500),
    # discrepancies
    "ksd": Recipe(method=KernelSteinDiscrepancy()),
    # The learned Stein discrepancy overfits in the same way.
    "lsd": Recipe(method=LearnedSteinDiscrepancy(), num_updates=1_500),
    "ed": Recipe(method=EnergyDiscrepancy(), num_updates=3_500),
    # noise-contrastive methods
    "nce": Recipe(method=NoiseContrastiveEstimation()),
    "nce_mixture": Recipe(method=NoiseContrastiveEstimation(noise="mixture")),
    "nce_kde": Recipe(method=NoiseContrastiveEstimation(noise="kde", scale=2.0)),
    "nce_box": Recipe(method=NoiseContrastiveEstimation(noise="box", scale=1.5)),
    "nce_flow": Recipe(method=NoiseContrastiveEstimation(noise="flow"), num_updates=3_000),
    "nce_self": Recipe(method=NoiseContrastiveEstimation(noise="self", scale=2.0)),
    "cnce": Recipe(method=ConditionalNoiseContrastiveEstimation()),
    "ranking": Recipe(method=RankingNoiseContrastiveEstimation(noise="mixture")),
    "ence": Recipe(method=ExponentialNoiseContrastiveEstimation(noise="mixture")),
    "fce": Recipe(method=FlowContrastiveEstimation(), num_updates=2_000),
    "snl": Recipe(method=SelfNormalisedLikelihood(noise="mixture")),
    # transport
    "em": Recipe(method=EnergyMatching(), num_updates=3_000),
    # the oracle and the baselines
    "mle": Recipe(
        method=MaximumLikelihood(), num_updates=1_200, batch_size=1_024, learning_rate=1e-2
    ),
    "gaussian": Recipe(method=GaussianFit(), num_updates=0),
    "mixture": Recipe(method=MixtureFit(), num_updates=0),
    "kde": Recipe(method=KernelDensityEstimate(), num_updates=0),
    "flow": Recipe(method=NormalizingFlow(), learning_rate=5e-3),
}

# Changes of these recipes for d > 2, where the local scale of the data is overestimated: step sizes
# are adapted or given, and noise levels are given. A training with a number of updates below takes
# about 60 CPU s on a quiet core in 64 dimensions (docs/developers/energies_and_datasets.md).
_HMC = {"num_steps": 1, "num_leapfrogs": 3, "target_acceptance": 0.8}
_LEVELS = {"relative_scale": 0.2, "largest": 0.5}
_FINE_LEVELS = {"relative_scale": 0.1, "largest": 0.5}
_DEFENSIVE = {"noise": "defensive", "scale": 1.0}
ABOVE_2D: dict[str, dict[str, Any]] = {
    "cd": {
        "num_updates": 25_000,
        "batch_size": 32,
        "learning_rate": 4e-3,
        "method": {**_HMC, "num_steps": 2, "antithetic": True},
    },
    "pcd": {
        "num_updates": 25_000,
        "batch_size": 64,
        "learning_rate": 2e-3,
        "method": {**_HMC, "num_steps": 2, "reinit_prob": 0.9, "reinit_at_data": True},
    },
    "pcd_paired": {
        "num_updates": 10_000,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "method": _HMC,
    },
    "icd": {"method": {"step_size": 1e-3}},
    "jarzynski": {"learning_rate": 1e-4, "method": {"step_size": 1e-3}},
    "short_run": {"learning_rate": 5e-4, "method": {"step_size": 0.01}},
    "drl": {"method": {"relative_scale": 0.2}},
    "dsm": {
        "num_updates": 40_000,
        "batch_size": 64,
        "method": {"sigma": 0.15, "antithetic": True},
    },
    "mdsm": {"num_updates": 11_000, "batch_size": 64, "method": _LEVELS},
    "diffclf": {
        "num_updates": 40_000,
        "batch_size": 64,
        "method": {**_FINE_LEVELS, "num_others": 1},
    },
    "ssm_vr": {"num_updates": 35_000, "batch_size": 64, "method": {"sigma": 0.15}},
    "ed": {
        "num_updates": 20_000,
        "batch_size": 64,
        "learning_rate": 2e-3,
        "method": {"time": 0.03},
    },
    "nce": {"num_updates": 16_000, "batch_size": 64, "method": _DEFENSIVE},
    "ranking": {"num_updates": 11_000, "batch_size": 64, "method": _DEFENSIVE},
    "ence": {"num_updates": 11_000, "batch_size": 64, "method": _DEFENSIVE},
    "snl": {"num_updates": 11_000, "batch_size": 64, "method": _DEFENSIVE},
    "flow": {"num_updates": 1_000},
}
