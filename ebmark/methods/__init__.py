"""The training methods; the registry's line is a method's whole configuration."""

from ebmark.methods._base import AbstractMethod as AbstractMethod
from ebmark.methods._base import Recipe as Recipe
from ebmark.methods._cd import ContrastiveDivergence as ContrastiveDivergence
from ebmark.methods._dsm import DenoisingScoreMatching as DenoisingScoreMatching
from ebmark.methods._mle import MaximumLikelihood as MaximumLikelihood
from ebmark.methods._nce import NoiseContrastiveEstimation as NoiseContrastiveEstimation
from ebmark.methods._pcd import PersistentContrastiveDivergence as PersistentContrastiveDivergence

METHODS: dict[str, Recipe] = {
    "cd": Recipe(method=ContrastiveDivergence(), updates=2_500),
    "pcd": Recipe(method=PersistentContrastiveDivergence(), updates=3_000, ema=0.999),
    "dsm": Recipe(method=DenoisingScoreMatching()),
    "nce": Recipe(method=NoiseContrastiveEstimation()),
    "mle": Recipe(method=MaximumLikelihood(), updates=1_200, batch=1_024, learning_rate=1e-2),
}
