"""A user samples a model with mala in a shell that has JAX_ENABLE_X64=1: as many points as asked."""

from case import *
import numpy as np

x = np.random.default_rng(0).normal(size=(300, 3))
csv("x.csv", "abc", x)
code, out, err = ebmark("fit", "x.csv", "--method", "gaussian", "--out", "m.ebm")
if code:
    end(f"fit: exit status {code}, {last(err)}", "a model")
code, out, err = ebmark(
    "sample",
    "m.ebm",
    "--sampler",
    "mala",
    "-n",
    "50",
    "--steps",
    "100",
    "--out",
    "y.csv",
    env={"JAX_ENABLE_X64": "1"},
)
n = len((HERE / "y.csv").read_text().splitlines()) - 1 if (HERE / "y.csv").exists() else 0
end(
    None if code == 0 and n == 50 else f"sample: exit status {code}, {n} points, {last(err)}",
    "exit status 0 and 50 points",
)
