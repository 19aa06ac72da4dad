"""The network of a study: its settings, and the untrained energy built from them."""

import dataclasses
from typing import Annotated, Any

import numpy as np
import pydantic
from jaxtyping import ArrayLike, Float

from ebmark.energies._confinement import Confined, add_walls
from ebmark.energies._networks import MLP, FourierMLP
from ebmark.energies._types import Energy, Key

Scale = Annotated[float, pydantic.Field(ge=1e-6, le=1e6)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """Settings of the energy that all methods of a study train; lengths in standardized units.

    Attributes:
        num_features: Number of random Fourier features; 0 for an MLP on the coordinates.
        bandwidth: Standard deviation of the frequencies.
        width: Units per hidden layer.
        depth: Number of hidden layers.
        confinement_std: Standard deviation of the confining Gaussian.
        wall_width: Width of the soft walls; 0 for none.
    """

    num_features: Annotated[int, pydantic.Field(ge=0, le=10_000)] = 32
    bandwidth: Scale = 1.0
    width: Annotated[int, pydantic.Field(ge=1, le=10_000)] = 64
    depth: Annotated[int, pydantic.Field(ge=1, le=64)] = 2
    confinement_std: Scale = 1.0
    wall_width: Annotated[float, pydantic.Field(ge=0, le=1e6)] = 0.5


def new_energy(
    settings: dict[str, Any], z: Float[ArrayLike, "n dim"], key: Key, *, num_extra_inputs: int = 0
) -> Energy:
    """Build the untrained energy of a study.

    Args:
        settings: The fields of `Network`.
        z: Standardized training points; only their extent along the axes of the soft walls is used.
        key: Random key of the initial parameters.
        num_extra_inputs: Inputs besides the coordinates, such as a noise level.

    Returns:
        The energy: a network, confined, within soft walls if `wall_width` is positive.

    Raises:
        ValueError: If `z` is not of shape (n, dim).

    Example:
        >>> import jax
        >>> settings = dataclasses.asdict(Network())
        >>> energy = new_energy(settings, np.ones((10, 2)), jax.random.key(0))
        >>> energy(jax.numpy.zeros(2)).shape
        ()
    """
    if np.ndim(z) != 2:
        raise ValueError(f"'z' must have shape (n, dim), got {np.shape(z)}.")
    network = Network(**settings)
    num_inputs = np.shape(z)[1] + num_extra_inputs
    if network.num_features:
        net = FourierMLP(
            num_inputs,
            num_features=network.num_features,
            bandwidth=network.bandwidth,
            width=network.width,
            depth=network.depth,
            key=key,
        )
    else:
        net = MLP(num_inputs, width=network.width, depth=network.depth, key=key)
    energy = Confined(net, network.confinement_std)
    if network.wall_width == 0:
        return energy
    return add_walls(energy, z, network.wall_width)
