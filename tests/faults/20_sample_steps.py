"""A user draws with chains of 1 step and of 100 steps, same seed: the points must differ (a chain of 1 step has made 1 step)."""

from case import *
import numpy as np

csv("x.csv", "abc", np.random.default_rng(8).normal(size=(300, 3)) + 4)
code, out, err = ebmark("fit", "x.csv", "--method", "gaussian", "--out", "m.ebm")
if code:
    end(f"fit: exit status {code}, {last(err)}", "a model")
drawn = []
for steps in (1, 100):
    code, out, err = ebmark(
        "sample",
        "m.ebm",
        "--sampler",
        "langevin",
        "-n",
        "40",
        "--steps",
        steps,
        "--out",
        f"s{steps}.csv",
    )
    if code:
        end(f"sample: exit status {code}, {last(err)}", "points")
    drawn.append((HERE / f"s{steps}.csv").read_text())
end(
    "the same 40 points from --steps 1 and --steps 100" if drawn[0] == drawn[1] else None,
    "other points after 1 step than after 100",
)
