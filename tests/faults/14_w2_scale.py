"""A user takes W1 and W2 of points of size 1e-6, and of points with an outlier at 1e6: the exact distance, as scipy's linear_sum_assignment has it."""

from case import *

CODE = r"""
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from ebmark.metrics import wasserstein
rng = np.random.default_rng(2)
x, y = rng.normal(size=(400, 2)), rng.normal(size=(400, 2))
far, away = x.copy(), y.copy()
far[0] = away[0] = 1e6  # an outlier that both samples have
for name, a, b in (("scale 1e-6", x * 1e-6, y * 1e-6), ("scale 1e-7", x * 1e-7, y * 1e-7), ("an outlier at 1e6 in both", far, away)):
    for p in (1, 2):
        cost = cdist(a, b) ** p
        r, c = linear_sum_assignment(cost)
        want = cost[r, c].mean() ** (1 / p)
        got = wasserstein(a, b, order=p)
        if not abs(got - want) <= 1e-3 * want:
            print(f"BAD W{p} at {name}: {got:.4g} for {want:.4g};", end=" ")
print("END")
"""
code, out, err = python(CODE)
if "END" not in out:
    end(f"exit status {code}: {last(err)}", "the distances")
bad = out.replace("END", "").replace("BAD ", "").strip()
end(bad or None, "scipy's exact distance within .1 %")
