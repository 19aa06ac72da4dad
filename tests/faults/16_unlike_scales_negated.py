"""A user evaluates a table in which one column of small numbers has the wrong sign: a transport distance must lie outside its reference range."""

from case import *
import numpy as np

rng = np.random.default_rng(4)
truth = [44, 17, 200, 4200] + rng.normal(size=(340, 4)) * [5.4, 2.0, 14, 800]
other = [44, 17, 200, 4200] + rng.normal(size=(340, 4)) * [5.4, 2.0, 14, 800]
other[:, 0] = -other[:, 0]
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
