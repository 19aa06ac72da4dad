"""The training methods; the registry's line is a method's whole configuration."""

from ebmark.methods._base import AbstractMethod as AbstractMethod
from ebmark.methods._base import Recipe as Recipe
from ebmark.methods._cd import ContrastiveDivergence as ContrastiveDivergence
from ebmark.methods._dsm import DenoisingScoreMatching as DenoisingScoreMatching
from ebmark.methods._mle import MaximumLikelihood as MaximumLikelihood
from ebmark.methods._nce import NoiseContrastiveEstimation as NoiseContrastiveEstimation
from ebmark.methods._pcd import PersistentContrastiveDivergence as PersistentContrastiveDivergence

METHODS: dict[str, Recipe] = {
    "cd": Recipe(method=ContrastiveDivergence(), updates=3_000),
    "pcd": Recipe(method=PersistentContrastiveDivergence(), updates=3_000, ema=0.999),
    "dsm": Recipe(method=DenoisingScoreMatching()),
    "nce": Recipe(method=NoiseContrastiveEstimation()),
    "nce_mixture": Recipe(method=NoiseContrastiveEstimation(noise="mixture")),
    "nce_kde": Recipe(method=NoiseContrastiveEstimation(noise="kde", scale=2.0)),
    "nce_box": Recipe(method=NoiseContrastiveEstimation(noise="box", scale=1.5)),
    "nce_flow": Recipe(method=NoiseContrastiveEstimation(noise="flow"), updates=3_000),
    "nce_self": Recipe(method=NoiseContrastiveEstimation(noise="self", scale=2.0)),
    "mle": Recipe(method=MaximumLikelihood(), updates=1_500, batch=2_048, learning_rate=5e-3),
}
