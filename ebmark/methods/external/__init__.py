"""Other libraries' training methods, each at its own documented recipe.

They run by their own code in the same cells, on the same data and seeds, and are scored by the
same metrics. They need `pip install ebmark[peers]` (torch for the CPU will do).
"""

from ebmark.methods._base import Recipe
from ebmark.methods.external._base import AbstractExternalMethod as AbstractExternalMethod
from ebmark.methods.external._ebmkit import (
    EbmkitContrastiveDivergence,
    EbmkitDenoisingScoreMatching,
    EbmkitEnergyDiscrepancy,
    EbmkitNoiseContrastiveEstimation,
    EbmkitPersistentContrastiveDivergence,
    EbmkitSlicedScoreMatching,
)
from ebmark.methods.external._torchebm import (
    TorchebmContrastiveDivergence,
    TorchebmDenoisingScoreMatching,
    TorchebmPersistentContrastiveDivergence,
)


def _recipe(method: AbstractExternalMethod, updates: int, ema: float = 0.0) -> Recipe:
    return Recipe(
        method=method, num_updates=updates, learning_rate=1e-3, max_grad_norm=0.0, ema_decay=ema
    )


EXTERNAL_METHODS: dict[str, Recipe] = {
    "torchebm/cd": _recipe(TorchebmContrastiveDivergence(), 1_000),
    "torchebm/pcd": _recipe(TorchebmPersistentContrastiveDivergence(), 1_000),
    "torchebm/dsm": _recipe(TorchebmDenoisingScoreMatching(), 2_000),
    "ebmkit/cd": _recipe(EbmkitContrastiveDivergence(), 6_000),
    "ebmkit/pcd": _recipe(EbmkitPersistentContrastiveDivergence(), 6_000, ema=0.999),
    "ebmkit/dsm": _recipe(EbmkitDenoisingScoreMatching(), 6_000),
    "ebmkit/ssm": _recipe(EbmkitSlicedScoreMatching(), 6_000),
    "ebmkit/nce": _recipe(EbmkitNoiseContrastiveEstimation(), 6_000),
    "ebmkit/ed": _recipe(EbmkitEnergyDiscrepancy(), 6_000, ema=0.999),
}
