"""The maps of a run: the log-density of each snapshot on a coarse grid, for reports."""

import math
from collections.abc import Sequence

import numpy as np

from ebmark.datasets import Grid
from ebmark.metrics import target
from ebmark.partition_function import evaluate
from ebmark.store.maps import encode
from ebmark.studies.trained import Trained

_POINTS_PER_AXIS = 128


def map_arrays(trained: Trained, log_z: Sequence[float]) -> dict[str, np.ndarray]:
    """Return the maps of the snapshots of a run, which `store.maps.read_maps` reads.

    Args:
        trained: the run, of 1-D or 2-D data.
        log_z: log Z of each snapshot in nats, of the energy in data units.
    """
    box = trained.source.grid()
    grid = Grid(box.lower, box.upper, _POINTS_PER_AXIS)
    z = trained.standardizer.transform(grid.points())
    shape = (_POINTS_PER_AXIS, -1)
    shift = trained.standardizer.log_jacobian
    # an energy without a normalizing constant has no map
    finite = [
        (one, value)
        for one, value in zip(trained.fit.snapshots, log_z, strict=True)
        if math.isfinite(value)
    ]
    maps = [
        encode(-(evaluate(one.energy, z) + shift + value).reshape(shape)) for one, value in finite
    ]
    arrays = {
        "map_x": grid.axes[0],
        "map_y": grid.axes[1] if len(grid.axes) > 1 else np.zeros(1),
        "map_steps": np.array([one.step for one, _ in finite]),
        "maps": np.stack([codes for codes, _ in maps]),
        "map_ends": np.stack([ends for _, ends in maps]),
    }
    target_grid = target(trained.source, grid)
    if target_grid is not None:
        codes, ends = encode(target_grid.log_density.reshape(shape))
        arrays |= {"target_map": codes, "target_map_ends": ends}
        arrays["map_modes"] = target_grid.modes.reshape(shape).astype(np.uint16)
    return arrays
