"""Search spaces of `ebmark tune`: up to three hyperparameters per method.

The learning rate; a length or scale of the method, in standardized units; and a count that improves
each update at a higher cost, so that larger values allow fewer updates within the same budget.
"""

from typing import NamedTuple


class Range(NamedTuple):
    """The interval from `low` to `high`, sampled uniformly in the logarithm."""

    low: float
    high: float


# field of the recipe -> range or ordered values
Space = dict[str, Range | tuple[int, ...]]

_RATE = Range(3e-4, 3e-2)
_BATCH = (64, 128, 256, 512, 1_024)
_COMMON: Space = {"learning_rate": _RATE, "batch_size": _BATCH}
_CHAINS: Space = {
    "learning_rate": _RATE,
    "method.step_size": Range(1e-4, 3e-2),
    "method.num_steps": (1, 2, 5, 10, 20, 40),
}
_CONTRASTIVE: Space = {
    "learning_rate": _RATE,
    "method.scale": Range(0.5, 4.0),
    "method.ratio": (1, 2, 4, 8, 16),
}
_RELATIVE_SCALE: Space = {
    "learning_rate": _RATE,
    "method.relative_scale": Range(0.1, 2.0),
    "batch_size": _BATCH,
}

SPACES: dict[str, Space] = {
    "cd": _CHAINS,
    "pcd": _CHAINS,
    "pcd_paired": _CHAINS,
    "icd": _CHAINS,
    "short_run": _CHAINS,
    "jarzynski": {**_CHAINS, "method.num_steps": (1, 2, 4, 8)},
    "drl": {
        "learning_rate": _RATE,
        "method.relative_step_size": Range(0.1, 2.0),
        "method.num_steps": (1, 2, 5, 10, 20, 40),
    },
    "dsm": {"learning_rate": _RATE, "method.sigma": Range(0.02, 0.5), "batch_size": _BATCH},
    "mdsm": _RELATIVE_SCALE,
    "diffclf": {
        "learning_rate": _RATE,
        "method.relative_scale": Range(0.1, 2.0),
        "method.num_others": (1, 3, 7),
    },
    "ssm": {**_COMMON, "method.num_slices": (1, 2, 4)},
    "ssm_vr": {**_COMMON, "method.num_slices": (1, 2, 4)},
    "fdsm": _RELATIVE_SCALE,
    "ksd": _RELATIVE_SCALE,
    "ed": {
        "learning_rate": _RATE,
        "method.time": Range(0.02, 2.0),
        "method.samples": (1, 2, 4, 8, 16),
    },
    "nce": _CONTRASTIVE,
    "nce_mixture": _CONTRASTIVE,
    "nce_kde": _CONTRASTIVE,
    "nce_box": {**_CONTRASTIVE, "method.scale": Range(1.0, 4.0)},
    "nce_flow": _CONTRASTIVE,
    "nce_self": _CONTRASTIVE,
    "ranking": _CONTRASTIVE,
    "ence": _CONTRASTIVE,
    "snl": _CONTRASTIVE,
    "cnce": {
        "learning_rate": _RATE,
        "method.width": Range(0.05, 2.0),
        "method.ratio": (1, 2, 4, 8, 16),
    },
    "em": {"learning_rate": _RATE, "method.temperature": Range(0.03, 0.6), "batch_size": _BATCH},
}


def space_of(method: str) -> Space:
    """Return the search space of a method; by default, the learning rate and the batch size."""
    return SPACES.get(method, _COMMON)
