"""A user compares two methods over 1,100 seeds (`--seeds 1100`): the paired test must give its interval and p, not an OverflowError that stops the report."""

from case import *

CODE = r"""
import numpy as np, pandas as pd
from scipy import stats
from ebmark.statistics import paired
rng = np.random.default_rng(18)
a = pd.Series(rng.normal(size=1100)); b = a + .02 + .1 * pd.Series(rng.normal(size=1100))
got = paired(a, b)
print("GOT", got.n if hasattr(got, "n") else got[0], got.low, got.high, got.p, stats.wilcoxon((a - b).to_numpy()).pvalue)
"""
code, out, err = python(CODE)
if "GOT" not in out:
    end(f"exit status {code}, {last(err)}", "an interval and p")
n, low, high, p, want = map(float, out.split("GOT")[1].split())
end(
    None
    if low < -0.01 and -0.035 < low < high < -0.005 and abs(p - want) <= 0.05 * want + 1e-12
    else f"{low:g} to {high:g}, p {p:g}",
    f"an interval around -.02 and p {want:.3g}",
)
