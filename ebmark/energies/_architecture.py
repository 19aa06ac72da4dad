"""The network of a study, as settings and as an untrained energy."""

import dataclasses
from typing import Annotated, Any

import numpy as np
import pydantic
from jaxtyping import ArrayLike, Float

from ebmark.energies._confinement import Confined, add_walls
from ebmark.energies._networks import MLP, FourierMLP
from ebmark.energies._types import Energy, Key


def new_energy(
    settings: dict[str, Any], z: Float[ArrayLike, "n dim"], key: Key, *, num_extra_inputs: int = 0
) -> Energy:
    """An untrained energy of the study's network, for the standardised points `z`.

    Of the points it sees how far they reach along some axes, where its walls are to stand.
    """
    settings = dict(settings)
    confinement_std, wall_width, num_features = (
        settings.pop(name) for name in ("confinement_std", "wall_width", "num_features")
    )
    inputs = np.shape(z)[1] + num_extra_inputs
    if num_features:
        net = FourierMLP(inputs, num_features=num_features, key=key, **settings)
    else:
        settings.pop("bandwidth")
        net = MLP(inputs, key=key, **settings)
    energy = Confined(net, confinement_std)
    return add_walls(energy, z, wall_width) if wall_width else energy


Scale = Annotated[float, pydantic.Field(ge=1e-6, le=1e6)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """The energy that all methods of a study train: a perceptron on Fourier features, confined.

    Lengths are in standard deviations of the training points.
    """

    num_features: Annotated[int, pydantic.Field(ge=0, le=10_000)] = 32  # 0: a plain perceptron
    bandwidth: Scale = 1.0
    width: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 64
    depth: Annotated[int, pydantic.Field(ge=1, le=64)] = 2
    confinement_std: Scale = 1.0  # of the confining Gaussian
    wall_width: Annotated[float, pydantic.Field(ge=0, le=1e6)] = 0.5  # width of `Walled`; 0: none
