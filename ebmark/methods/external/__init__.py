"""Training methods of external libraries, each with its own documented default recipe.

They run by the libraries' own code (`pip install '.[external]'`); the rest of a run is shared.
To add one: a class in the file of its library, and a line in `EXTERNAL_METHODS`.
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


def _recipe(method: AbstractExternalMethod, num_updates: int, ema_decay: float = 0.0) -> Recipe:
    return Recipe(
        method=method,
        num_updates=num_updates,
        learning_rate=1e-3,
        max_grad_norm=0.0,
        ema_decay=ema_decay,
    )


EXTERNAL_METHODS: dict[str, Recipe] = {
    "torchebm/cd": _recipe(TorchebmContrastiveDivergence(), 1_000),
    "torchebm/pcd": _recipe(TorchebmPersistentContrastiveDivergence(), 1_000),
    "torchebm/dsm": _recipe(TorchebmDenoisingScoreMatching(), 2_000),
    "ebmkit/cd": _recipe(EbmkitContrastiveDivergence(), 6_000),
    "ebmkit/pcd": _recipe(EbmkitPersistentContrastiveDivergence(), 6_000, ema_decay=0.999),
    "ebmkit/dsm": _recipe(EbmkitDenoisingScoreMatching(), 6_000),
    "ebmkit/ssm": _recipe(EbmkitSlicedScoreMatching(), 6_000),
    "ebmkit/nce": _recipe(EbmkitNoiseContrastiveEstimation(), 6_000),
    "ebmkit/ed": _recipe(EbmkitEnergyDiscrepancy(), 6_000, ema_decay=0.999),
}
