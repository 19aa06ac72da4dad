"""A user evaluates samples whose named columns stand in another order than the truth's: matched by name (or refused), never compared by position."""

from case import *
import numpy as np

rng = np.random.default_rng(6)
truth, same = (rng.normal(size=(300, 3)) * [1, 5, 0.3] + [0, 20, -3] for _ in range(2))
csv("truth.csv", ("height", "weight", "score"), truth)
csv("straight.csv", ("height", "weight", "score"), same)
csv("turned.csv", ("weight", "score", "height"), same[:, [1, 2, 0]])
straight, turned = (
    ebmark("evaluate", f, "--target-samples", "truth.csv") for f in ("straight.csv", "turned.csv")
)
if straight[0]:
    end(f"exit status {straight[0]} with straight columns: {last(straight[2])}", "scores")
if turned[0] == 2 and re.search("column|order|name", turned[2]):
    end(None, "columns matched by name", f"refused: {last(turned[2])}")
a, b = (rows(one[1]).get("w1", (float("nan"),))[0] for one in (straight, turned))
end(
    None if abs(a - b) <= 1e-6 * abs(a) else f"w1 {b:g} (and {a:g} in the truth's order)",
    "the same w1 in any order of the named columns, or a refusal",
)
