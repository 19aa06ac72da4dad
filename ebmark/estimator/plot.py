"""Pictures of fitted models and targets, as matplotlib axes and as animations for notebooks.

matplotlib is imported when the first picture is drawn. Models and targets are anything with
`score_samples` or `log_prob`, such as `EnergyModel` and `eb.Dataset`.
"""

import html
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.random as jr
import numpy as np
from jaxtyping import Float
from sklearn.utils.validation import check_is_fitted

from ebmark.datasets import Grid, SyntheticDataset
from ebmark.estimator._animation import Animation, as_image
from ebmark.estimator._fitted import FittedModel, draw_seed
from ebmark.estimator._training import chain_settings
from ebmark.partition_function import normalize_on_grid
from ebmark.samplers import MALA, Langevin, run_chains, trace_chains

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NUM_PIXELS = 160
_SAMPLERS = {"langevin": Langevin, "mala": MALA}
_NUM_FRAMES = 40
_DOTS = {"s": 4, "c": "#d9480f", "linewidths": 0}


def density(model: Any, *, grid: Grid | None = None, ax: "Axes | None" = None) -> "Axes":
    """Draw the density of a model or target of 1-D or 2-D rows.

    Args:
        model: a fitted `EnergyModel` or a dataset.
        grid: where it is drawn, in the units of the rows; by default the box of the model.
        ax: the axes; new ones if None.

    Returns:
        The axes: an image of the density, or a line in 1-D.

    Raises:
        ValueError: for d > 2.

    Example:
        >>> import ebmark as eb
        >>> eb.plot.density(eb.load_dataset("half_moons")).images[0].get_array().shape
        (160, 160)
    """
    grid = grid or _grid_of(model)
    return _draw(np.exp(_log_density(model, grid)), grid, _axes(ax), cmap="Blues", vmin=0)


def samples(
    model: Any, n: int = 1000, *, ax: "Axes | None" = None, random_state: Any = None
) -> "Axes":
    """Draw samples of a model or target over its density; arguments as of `density`."""
    grid, axes = _grid_of(model), density(model, ax=ax)
    x = _sample(model, n, random_state)
    axes.scatter(x[:, 0], x[:, 1] if len(grid.lower) == 2 else np.zeros(n), **_DOTS)
    return axes


def error_map(
    model: Any, target: Any, *, grid: Grid | None = None, ax: "Axes | None" = None
) -> "Axes":
    r"""Draw where a model is denser (red) and less dense (blue) than the target.

    $$ w(x) \log_2 \frac{p_\theta(x)}{p(x)}, \quad
       w = \min\left(1, \frac{50 \max(p, p_\theta)}{\max p}\right) $$

    The weight w hides where both are negligible. Colors end at a factor of 2.

    Args:
        model: a fitted `EnergyModel`, or a dataset.
        target: the dataset.
        grid: where it is drawn; by default the box of the target.
        ax: the axes; new ones if None.
    """
    grid = grid or _grid_of(target)
    q, p = _log_density(model, grid), _log_density(target, grid)
    weight = np.minimum(1, 50 * np.exp(np.maximum(p, q) - p.max()))
    # both densities may underflow to 0
    ratio = np.nan_to_num((q - p) / np.log(2), nan=0.0)
    return _draw(weight * np.clip(ratio, -1, 1), grid, _axes(ax), cmap="RdBu_r", vmin=-1, vmax=1)


def compare(models: Mapping[str, Any], target: Any) -> np.ndarray:
    """Draw the density and, below, the error map of each model, on one scale.

    Returns:
        The axes, of shape (2, models), densities in the first row.
    """
    import matplotlib.pyplot as plt

    size = (3 * len(models), 6)
    _, axes = plt.subplots(2, len(models), squeeze=False, figsize=size, layout="constrained")
    grid = _grid_of(target)
    for (name, model), (top, bottom) in zip(models.items(), axes.T, strict=True):
        density(model, grid=grid, ax=top).set_title(name)
        error_map(model, target, grid=grid, ax=bottom)
    return axes


def mode_weights(
    models: Mapping[str, Any], target: SyntheticDataset, *, ax: "Axes | None" = None
) -> "Axes":
    """Draw the probability of each mode of the target under each model, by quadrature."""
    grid, axes = _grid_of(target), _axes(ax)
    modes = target.component_log_probs(grid.points()).argmax(axis=1)
    named = {"target": target, **models}
    num = int(modes.max()) + 1
    for i, (name, model) in enumerate(named.items()):
        p = np.exp(_log_density(model, grid)).ravel()
        weights = np.bincount(modes, p / p.sum(), minlength=num)
        place = np.arange(num) + (i - (len(named) - 1) / 2) * 0.8 / len(named)
        axes.bar(place, weights, 0.8 / len(named), label=name, color="0.6" if i == 0 else None)
    axes.set(xlabel="mode", ylabel="probability", xticks=range(num))
    axes.legend()
    return axes


def animate(model: Any) -> Animation:
    """Show the density over the training of `EnergyModel(snapshots=...)` on 1-D or 2-D rows.

    Raises:
        ValueError: if the model has no snapshots.
    """
    check_is_fitted(model)
    if not getattr(model, "snapshots_", None):
        raise ValueError("The model has no snapshots. Fit EnergyModel(snapshots=20).")
    grid = _grid_of(model)
    maps = [normalize_on_grid(e, grid, model.model_.units, attempts=1) for _, e in model.snapshots_]
    top = np.exp(max(one.log_density.max() for one in maps))

    def draw(frame: int, axes: "Axes") -> None:
        values = np.exp(maps[frame].log_density)
        _draw(values, grid, axes, cmap="Blues", vmin=0, vmax=float(top))
        axes.set_title(f"{model.snapshots_[frame][0]:,} updates")

    return Animation(len(maps), draw)


def chains(
    model: Any,
    n: int = 500,
    steps: int = 200,
    *,
    start: str | Float[np.ndarray, "n d"] = "noise",
    sampler: str = "langevin",
    step_size: float | None = None,
    random_state: int = 0,
) -> Animation:
    r"""Show chains that move on the energy of a model of 2-D rows.

    $$ x \leftarrow x - h \nabla E(x) + \sqrt{2 h}\, \xi $$

    Args:
        model: a fitted `EnergyModel`.
        n: number of chains.
        steps: number of steps.
        start: "noise" for a standard normal distribution in standardized coordinates, "exact" for
            samples of the model, or starting points in the units of the rows.
        sampler: "langevin" or "mala".
        step_size: h in standardized coordinates; by default from the local scale of the data.
        random_state: seed of the chains.

    Raises:
        ValueError: if the sampler is unknown or the rows are not 2-D.
    """
    check_is_fitted(model)
    if sampler not in _SAMPLERS or model.model_.dim != 2:
        raise ValueError(
            f"'chains' needs rows of 2 columns and a sampler of {', '.join(_SAMPLERS)}; got "
            f"{model.model_.dim} columns and '{sampler}'."
        )
    units, key = model.model_.units, jr.key(random_state)
    z = np.asarray(jr.normal(key, (n, 2)))
    if not isinstance(start, str):
        z = units.transform(np.asarray(start, float))
    elif start == "exact":
        z = units.transform(_sample(model, n, random_state))
    kernel = _SAMPLERS[sampler](step_size or chain_settings(model.model_)["step_size"])
    num_frames = min(_NUM_FRAMES, steps)
    first = run_chains(kernel, model.model_.energy, z.astype(np.float32), 0, key)
    every = max(steps // num_frames, 1)
    options = {"every": every}
    _, states = trace_chains(kernel, model.model_.energy, first, num_frames, key, **options)
    frames = [units.inverse_transform(x) for x in (z, *np.asarray(states.x, np.float64))]
    grid = _grid_of(model)
    values = np.exp(_log_density(model, grid))

    def draw(frame: int, axes: "Axes") -> None:
        _draw(values, grid, axes, cmap="Blues", vmin=0)
        axes.scatter(*frames[frame].T, **_DOTS)
        axes.set(xlim=(grid.lower[0], grid.upper[0]), ylim=(grid.lower[1], grid.upper[1]))
        axes.set_title(f"{frame * every:,} steps")

    return Animation(len(frames), draw)


def as_html(model: Any) -> str:
    """Return a picture of a fitted model, if it is 1-D or 2-D, and its log-likelihoods."""
    from matplotlib.figure import Figure

    picture = ""
    if model.model_.dim <= 2:
        figure, file = Figure(figsize=(4, 3), layout="constrained"), io.BytesIO()
        density(model, ax=figure.subplots())
        figure.savefig(file, format="png", dpi=90)
        picture = as_image(file.getvalue(), "png", f"Density of {html.escape(model.method)}")
    held_out = getattr(model, "held_out_", {})
    rows = sorted(held_out.items(), key=lambda pair: -pair[1])
    body = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{value:.3f}</td></tr>" for name, value in rows
    )
    head = "<tr><th>density</th><th>held-out log-likelihood, nats</th></tr>"
    table = f"<table>{head}{body}</table>" if rows else ""
    return (
        f"<div>{picture}<p>log Z = {model.log_z_:.4f} ± {model.log_z_error_:.2g}</p>{table}</div>"
    )


def _axes(ax: "Axes | None") -> "Axes":
    import matplotlib.pyplot as plt

    return plt.subplots()[1] if ax is None else ax


def _grid_of(model: Any) -> Grid:
    grid = model.grid() if hasattr(model, "grid") else getattr(model, "_grid", None)
    if grid is None:
        check_is_fitted(model)
    if grid is None or len(grid.lower) > 2:
        raise ValueError("Only densities of 1 or 2 columns can be drawn; got one of more.")
    return Grid(grid.lower, grid.upper, _NUM_PIXELS)


def _log_density(model: Any, grid: Grid) -> Float[np.ndarray, "*axes"]:
    if isinstance(model, FittedModel):
        # the coordinates are those of the table's columns of numbers
        function = model._log_density
    else:
        function = model.log_prob if hasattr(model, "log_prob") else model.score_samples
    return np.asarray(function(grid.points())).reshape((_NUM_PIXELS,) * len(grid.lower))


def _sample(model: Any, n: int, random_state: Any) -> Float[np.ndarray, "n d"]:
    """Draw samples in the coordinates of the grid."""
    if isinstance(model, FittedModel):
        return model._sample(n, draw_seed(random_state))
    return np.asarray(model.sample(n, random_state=random_state), float)


def _draw(
    values: np.ndarray,
    grid: Grid,
    axes: "Axes",
    *,
    cmap: str,
    vmin: float,
    vmax: float | None = None,
) -> "Axes":
    if values.ndim == 1:
        axes.plot(grid.axes[0], values)
        return axes
    corners = [*zip(grid.lower, grid.upper, strict=True)]
    extent = (*corners[0], *corners[1])
    scale = {"cmap": cmap, "vmin": vmin, "vmax": vmax}
    axes.imshow(values.T, extent=extent, origin="lower", aspect="equal", **scale)
    return axes
