"""The network of a study: its settings, and the untrained energy built from them."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import equinox as eqx
import numpy as np
import pydantic
from jaxtyping import ArrayLike, Float

from ebmark.energies._confinement import Confined, add_walls
from ebmark.energies._networks import MLP, FourierMLP
from ebmark.energies._own_network import make_network
from ebmark.energies._residual import ResidualEnergy
from ebmark.energies._tilted import TiltedEnergy
from ebmark.energies._types import Energy, Key

Features = Annotated[int, pydantic.Field(ge=0, le=10_000)]
Width = Annotated[int, pydantic.Field(ge=1, le=10_000)]
WallWidth = Annotated[float, pydantic.Field(ge=0, le=1e6)]
Scale = Annotated[float, pydantic.Field(ge=1e-6, le=1e6)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """Settings of the energy that all methods of a study train; lengths in standardized units.

    Settings that are None are chosen by the dimension of the data, see `resolve`.

    Attributes:
        residual: Whether the energy is a `ResidualEnergy`. None: for d > 2, unless `num_features`
            is given.
        num_features: Number of random Fourier features; 0 for an MLP on the coordinates. None: 32,
            or 0 if `residual`.
        bandwidth: Standard deviation of the frequencies.
        width: Units per hidden layer. None: 64; if `residual`, 128 below 32 dimensions, else 256.
        depth: Number of hidden layers.
        confinement_std: Standard deviation of the confining Gaussian.
        wall_width: Width of the soft walls; 0 for none. None: 0.5, or 0 if `residual`.
        num_components: Components of the mixture of a `TiltedEnergy`, which is used if it is not 0.
            `EnergyModel` fits the mixture to a table; else it is N(0, I).
        own: Name of a network of `NETWORKS`, which is confined instead of one of these settings.

    Example:
        >>> Network(width=32).resolve(2)["width"]
        32
    """

    residual: bool | None = None
    num_features: Features | None = None
    bandwidth: Scale = 1.0
    width: Width | None = None
    depth: Annotated[int, pydantic.Field(ge=1, le=64)] = 2
    confinement_std: Scale = 1.0
    wall_width: WallWidth | None = None
    num_components: Annotated[int, pydantic.Field(ge=0, le=64)] = 0
    own: str | None = None

    def resolve(self, dim: int) -> dict[str, Any]:
        """Return the settings for data of a dimension as plain data.

        Args:
            dim: Number of dimensions of the data.

        Returns:
            The fields, none of them None; `residual` only if it is true, `num_components` only if
            it is not 0.

        Example:
            >>> Network().resolve(2)["num_features"], Network().resolve(64)["residual"]
            (32, True)
        """
        if self.own is not None:
            wall_width = 0.5 if self.wall_width is None else self.wall_width
            std = self.confinement_std
            return {"own": self.own, "confinement_std": std, "wall_width": wall_width}
        is_residual = self.residual
        if is_residual is None:
            is_residual = dim > 2 and self.num_features is None
        chosen: dict[str, Any] = {"num_features": 32, "width": 64, "wall_width": 0.5}
        if is_residual:
            width = 128 if dim < 32 else 256
            chosen = {"num_features": 0, "width": width, "wall_width": 0.0, "residual": True}
        given = {key: value for key, value in dataclasses.asdict(self).items() if value is not None}
        settings = chosen | given
        return {k: v for k, v in settings.items() if v or k not in ("residual", "num_components")}


def new_energy(
    settings: dict[str, Any], z: Float[ArrayLike, "n dim"], key: Key, *, num_extra_inputs: int = 0
) -> Energy:
    """Build the untrained energy of a study.

    Args:
        settings: Fields of `Network`.
        z: Standardized training points; only their extent along the axes of the soft walls is used.
        key: Random key of the initial parameters.
        num_extra_inputs: Inputs besides the coordinates, such as a noise level.

    Returns:
        The energy: a network, confined, within soft walls if `wall_width` is positive.

    Raises:
        ValueError: If `z` is not of shape (n, dim).

    Example:
        >>> import jax
        >>> settings = Network().resolve(2)
        >>> energy = new_energy(settings, np.ones((10, 2)), jax.random.key(0))
        >>> energy(jax.numpy.zeros(2)).shape
        ()
    """
    if np.ndim(z) != 2:
        raise ValueError(f"'z' must have shape (n, dim), got {np.shape(z)}.")
    dim = np.shape(z)[1]
    network = Network(**settings).resolve(dim)
    std = network["confinement_std"]
    sizes = {"width": network.get("width"), "depth": network.get("depth"), "key": key}
    if "own" in network:
        own = make_network(network["own"], dim + num_extra_inputs, key)
        energy = Confined(own, std)
    elif "num_components" in network:
        num = network["num_components"]
        energy = _build(
            TiltedEnergy, dim, num_extra_inputs=num_extra_inputs, num_components=num, **sizes
        )
    elif network.get("residual"):
        energy = _build(ResidualEnergy, dim, num_extra_inputs=num_extra_inputs, std=std, **sizes)
    elif network["num_features"]:
        features = {key: network[key] for key in ("num_features", "bandwidth")}
        energy = Confined(_build(FourierMLP, dim + num_extra_inputs, **features, **sizes), std)
    else:
        energy = Confined(_build(MLP, dim + num_extra_inputs, **sizes), std)
    return add_walls(energy, z, network["wall_width"]) if network["wall_width"] else energy


@eqx.filter_jit
def _build(network: Callable[..., Energy], dim: int, **sizes: Any) -> Energy:
    """Draw the initial parameters in one compiled program."""
    return network(dim, **sizes)
