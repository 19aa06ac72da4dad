"""What is tuned of each method, and within what: three numbers wherever a method has them.

The learning rate; the method's own number, a length or a scale in standardised units; and what it
buys a better update with, so that a larger value leaves fewer updates within the same budget.
"""

from typing import NamedTuple


class Range(NamedTuple):
    """From `low` to `high`, evenly on the logarithm."""

    low: float
    high: float


Space = dict[str, Range | tuple[int, ...]]  # a field of the recipe -> a range, or ordered values

_RATE, _BATCH = Range(3e-4, 3e-2), (64, 128, 256, 512, 1_024)
_COMMON: Space = {"learning_rate": _RATE, "batch_size": _BATCH}
_CHAINS: Space = {
    "learning_rate": _RATE,
    "method.step_size": Range(1e-4, 3e-2),
    "method.num_steps": (1, 2, 5, 10, 20, 40),
}
_CONTRAST: Space = {
    "learning_rate": _RATE,
    "method.scale": Range(0.5, 4.0),
    "method.ratio": (1, 2, 4, 8, 16),
}
_SHARE: Space = {
    "learning_rate": _RATE,
    "method.relative_scale": Range(0.1, 2.0),
    "batch_size": _BATCH,
}

SPACES: dict[str, Space] = {
    "cd": _CHAINS,
    "pcd": _CHAINS,
    "icd": _CHAINS,
    "short_run": _CHAINS,
    "jarzynski": _CHAINS | {"method.num_steps": (1, 2, 4, 8)},
    "drl": {
        "learning_rate": _RATE,
        "method.step_share": Range(0.1, 2.0),
        "method.num_steps": (1, 2, 5, 10, 20, 40),
    },
    "dsm": {"learning_rate": _RATE, "method.sigma": Range(0.02, 0.5), "batch_size": _BATCH},
    "mdsm": _SHARE,
    "diffclf": {
        "learning_rate": _RATE,
        "method.relative_scale": Range(0.1, 2.0),
        "method.num_others": (1, 3, 7),
    },
    "ssm": _COMMON | {"method.num_slices": (1, 2, 4)},
    "ssm_vr": _COMMON | {"method.num_slices": (1, 2, 4)},
    "fdsm": _SHARE,
    "ksd": _SHARE,
    "ed": {
        "learning_rate": _RATE,
        "method.time": Range(0.02, 2.0),
        "method.samples": (1, 2, 4, 8, 16),
    },
    "nce": _CONTRAST,
    "nce_mixture": _CONTRAST,
    "nce_kde": _CONTRAST,
    "nce_box": _CONTRAST | {"method.scale": Range(1.0, 4.0)},
    "nce_flow": _CONTRAST,
    "nce_self": _CONTRAST,
    "ranking": _CONTRAST,
    "ence": _CONTRAST,
    "snl": _CONTRAST,
    "cnce": {
        "learning_rate": _RATE,
        "method.width": Range(0.05, 2.0),
        "method.ratio": (1, 2, 4, 8, 16),
    },
    "em": {"learning_rate": _RATE, "method.temperature": Range(0.03, 0.6), "batch_size": _BATCH},
}


def space_of(method: str) -> Space:
    """What is tuned of a method; of one that is not in the table, the learning rate and batch."""
    return SPACES.get(method, _COMMON)
