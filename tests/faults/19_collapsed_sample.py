"""A user scores a collapsed sample (all points equal; or one column constant): a number, and a bad one, not a refusal."""

from case import *
import numpy as np

rng = np.random.default_rng(7)
truth = rng.normal(size=(300, 2))
csv("truth.csv", "ab", truth)
flat, line = np.zeros((150, 2)) + 0.5, rng.normal(size=(150, 2)) * [1, 0]
wrong = []
for name, x in (("all points equal", flat), ("a constant column", line)):
    csv("x.csv", "ab", x)
    code, out, err = ebmark("evaluate", "x.csv", "--target-samples", "truth.csv")
    found = rows(out).get("w1")
    if code or found is None:
        wrong.append(f"{name}: exit status {code}, {last(err)}")
    elif not found[0] > (found[2] or 0):
        wrong.append(f"{name}: w1 {found[0]:g} within its range")
end("; ".join(wrong) or None, "scores outside their ranges, exit status 0")
