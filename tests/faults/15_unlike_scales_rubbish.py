"""A user evaluates a table whose columns have unlike units, 3 of 4 replaced by uniform rubbish: a transport distance must lie outside its reference range."""

from case import *
import numpy as np

rng = np.random.default_rng(3)
kind = rng.integers(0, 3, 340)
z = (
    rng.normal(size=(340, 4)) * 0.4
    + np.array([[-1, 1, -0.6, -0.6], [1, 0.8, -0.4, -0.5], [0.7, -1.2, 1.2, 1.1]])[kind]
)
truth = [44, 17, 200, 4200] + z * [5.4, 2.0, 14, 800]
other = rng.permutation(truth)
for c in range(3):
    other[:, c] = rng.uniform(truth[:, c].min(), truth[:, c].max(), 340)
names = ("bill_length", "bill_depth", "flipper", "mass")
csv("truth.csv", names, truth)
csv("other.csv", names, other)
code, out, err = ebmark("evaluate", "other.csv", "--target-samples", "truth.csv")
found = {
    k: v
    for k, v in rows(out).items()
    if re.search("w1|w2|wasserstein|transport", k, re.I) and v[1] is not None
}
if code or not found:
    end(
        f"exit status {code}, {last(err)}, no transport distance",
        "transport distances with their ranges",
    )
outside = [k for k, (v, low, high) in found.items() if not v <= high]
said = ", ".join(f"{k} {v:g} within {low:g} to {high:g}" for k, (v, low, high) in found.items())
end(
    None if outside else said,
    "a transport distance (in standardised units, or of a column) above its range",
    f"outside: {', '.join(outside)}",
)
