"""A user who hunts a NaN sets JAX_DEBUG_NANS=True and fits healthy points: a model, as without it."""

from case import *
import numpy as np

csv("x.csv", "ab", np.random.default_rng(15).normal(size=(200, 2)))
code, out, err = ebmark(
    "fit",
    "x.csv",
    "--method",
    "nce",
    "--updates",
    "250",
    "--no-early-stopping",
    "--out",
    "m.ebm",
    env={"JAX_DEBUG_NANS": "True"},
)
end(
    None if code == 0 and (HERE / "m.ebm").exists() else f"exit status {code}, {last(err)}",
    "a model, exit status 0",
)
