"""Search spaces of `ebmark tune`: up to three hyperparameters per method.

The learning rate; a length or scale of the method, in standardized units; and a count that improves
each update at a higher cost, so that larger values allow fewer updates within the same budget.
"""

from ebmark.errors import UserError
from ebmark.methods import Range, search_space
from ebmark.training.recipes import RECIPES

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
    """Return the search space of a method.

    That of a built-in method is listed here, by default the learning rate and the batch size. A
    plugin declares its own by `tunable`; with the learning rate, and the batch size if there is one
    declared field, it is searched on at least as many axes.

    Raises:
        UserError: a plugin declares none.
    """
    kind = type(RECIPES[method].method)
    if kind.__module__.startswith("ebmark."):
        return SPACES.get(method, _COMMON)
    own = {f"method.{name}": values for name, values in search_space(kind).items()}
    if not own:
        raise UserError(
            f"'{method}' declares no search space. Declare one on a field: "
            "gamma: float = eb.tunable(0.5, low=0.1, high=1.0)."
        )
    return {"learning_rate": _RATE, **own, **({"batch_size": _BATCH} if len(own) == 1 else {})}
